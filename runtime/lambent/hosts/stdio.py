"""stdio: one JSON-RPC message a line, any number of requests in flight (basic/transports/stdio)."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import BinaryIO

import msgspec
from msgspec import UnsetType

from lambent.execution.engine import Engine
from lambent.execution.loop import LoopThread
from lambent.hosts.live import LiveInvocation
from lambent.wire import jsonrpc
from lambent.wire.jsonrpc import MalformedMessage, RequestId, RpcMessage

_MAX_IN_FLIGHT = 256


class _CancelledParams(msgspec.Struct):
    request_id: RequestId = msgspec.field(name="requestId")


class StdioServer:
    """Reads requests, answers them on threads, and writes responses and notifications as they come.

    Args:
        engine: answers the requests.
        lines_in: where messages come from.
        lines_out: where they go; nothing else may write to it.
    """

    def __init__(self, engine: Engine, lines_in: BinaryIO, lines_out: BinaryIO) -> None:
        self._engine = engine
        self._in = lines_in
        self._out = lines_out
        self._writing = threading.Lock()
        self._loop = LoopThread()
        self._running: dict[RequestId, StdioInvocation] = {}

    def serve(self) -> None:
        """Serve until the input ends or is interrupted; what is still running then is cancelled."""
        try:
            with ThreadPoolExecutor(_MAX_IN_FLIGHT, thread_name_prefix="lambent-call") as threads:
                try:
                    for line in self._in:
                        if line.strip():
                            self._take(line, threads)
                finally:
                    for invocation in list(self._running.values()):
                        invocation.cancel()
        finally:
            self._loop.close()

    def write(self, message: bytes) -> None:
        """Write one encoded message as a line."""
        with self._writing, suppress(BrokenPipeError):
            self._out.write(message + b"\n")
            self._out.flush()

    def _take(self, line: bytes, threads: ThreadPoolExecutor) -> None:
        try:
            message = jsonrpc.decode(line)
        except MalformedMessage as malformed:
            error = malformed.error
            self.write(jsonrpc.failure(malformed.request_id, error.code, error.message))
            return
        if isinstance(message.id, UnsetType):
            self._notified(message)
            return
        invocation = StdioInvocation(self._loop.loop, self.write)
        self._running[message.id] = invocation
        threads.submit(self._answer, message, message.id, invocation)

    def _answer(self, message: RpcMessage, request_id: RequestId, invocation: StdioInvocation) -> None:
        reply = self._engine.answer(message, None, invocation)
        if self._running.get(request_id) is invocation:
            del self._running[request_id]
        if not invocation.cancelled:
            self.write(reply.body)

    def _notified(self, message: RpcMessage) -> None:
        if message.method != "notifications/cancelled":
            return
        with suppress(msgspec.DecodeError, UnicodeError):
            params = msgspec.json.decode(message.params, type=_CancelledParams)
            if (invocation := self._running.get(params.request_id)) is not None:
                invocation.cancel()


class StdioInvocation(LiveInvocation):
    """One request on stdio: its notifications are lines among the others.

    Args:
        loop: where coroutines run.
        write: writes a line.
    """

    __slots__ = ("_write",)

    def __init__(self, loop: asyncio.AbstractEventLoop, write: Callable[[bytes], None]) -> None:
        super().__init__(loop)
        self._write = write

    def emit(self, notification: bytes) -> None:
        """See ``Invocation.emit``."""
        if not self.cancelled:
            self._write(notification)


def serve(engine: Engine) -> None:
    """Serve the process's own standard input and output.

    What features print goes to standard error: standard output carries messages and nothing else.

    Args:
        engine: answers the requests.
    """
    lines_out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    sys.stdout.flush()
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        StdioServer(engine, sys.stdin.buffer, lines_out).serve()
    finally:
        with suppress(BrokenPipeError):
            lines_out.close()
