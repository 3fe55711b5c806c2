"""A server of this machine, in this process: the messages of stdio, over pipes."""

from __future__ import annotations

import json
import os
import queue
import secrets
import threading
from collections.abc import Mapping
from typing import BinaryIO

from lambent.cli.client.failures import ConnectionFailedError
from lambent.cli.client.transport import Message, Receive, is_response
from lambent.hosts.entry_points import local_endpoint
from lambent.hosts.settings import Settings
from lambent.hosts.stdio import StdioServer
from lambent.server import MCPServer

_END_SECONDS = 5.0


class InProcessTransport:
    """A server that is called as over stdio.

    Args:
        server: The server.
        timeout: How long to wait for its next message, in seconds.

    Raises:
        ConfigurationError: A setting cannot be used.
    """

    def __init__(self, server: MCPServer, timeout: float) -> None:
        variables = dict(os.environ)
        if not variables.get("LAMBENT_STATE_KEYS") and not variables.get("LAMBENT_STATE_SECRET"):
            # Nobody else has to read the states of this process.
            variables["LAMBENT_STATE_KEYS"] = secrets.token_hex(32)
        settings = Settings.from_env(variables)
        self._lines_in, self._to_server = _pipe()
        self._from_server, self._lines_out = _pipe()
        self._timeout = timeout
        self._messages: queue.Queue[Message | None] = queue.Queue()
        endpoint = local_endpoint(server._parts(), settings)
        self._server = threading.Thread(
            target=StdioServer(endpoint, self._lines_in, self._lines_out, settings).serve, daemon=True
        )
        self._server.start()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def exchange(self, message: Message, headers: Mapping[str, str], receive: Receive) -> Message:
        """Send a request; see ``MessageTransport``."""
        self.notify(message, headers)
        while True:
            try:
                received = self._messages.get(timeout=self._timeout)
            except queue.Empty:
                raise ConnectionFailedError("the app does not answer in time: see --timeout") from None
            if received is None:
                raise ConnectionFailedError("the app has ended")
            if is_response(received, message["id"]):
                return received
            if (answer := receive(received)) is not None:
                self.notify(answer, headers)

    def notify(self, message: Message, headers: Mapping[str, str]) -> None:
        """Send a notification, or an answer; see ``MessageTransport``."""
        self._to_server.write(json.dumps(message).encode() + b"\n")
        self._to_server.flush()

    def close(self) -> None:
        """End the server."""
        self._to_server.close()
        self._server.join(_END_SECONDS)
        if self._server.is_alive():  # what does not end in time ends with the process
            return
        self._lines_out.close()
        self._reader.join(_END_SECONDS)
        for stream in (self._lines_in, self._from_server):
            stream.close()

    def _read(self) -> None:
        for line in self._from_server:
            self._messages.put(json.loads(line))
        self._messages.put(None)


def _pipe() -> tuple[BinaryIO, BinaryIO]:
    read, write = os.pipe()
    return os.fdopen(read, "rb"), os.fdopen(write, "wb")
