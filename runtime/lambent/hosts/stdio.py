"""stdio: one JSON-RPC message a line, any number of requests in flight (basic/transports/stdio)."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from typing import BinaryIO

import msgspec
from msgspec import UnsetType

from lambent.execution.endpoint import Endpoint
from lambent.execution.event_loop import LoopThread
from lambent.hosts.live import CallThreads, LiveInvocation
from lambent.wire import jsonrpc
from lambent.wire.http import Request
from lambent.wire.jsonrpc import MalformedMessage, RequestId, RpcMessage

_RUNNING = 256
"""Calls that run at a time."""


class _CancelledParams(msgspec.Struct):
    request_id: RequestId = msgspec.field(name="requestId")


class StdioServer:
    """Reads requests, answers them on threads, and writes lines as they come; nothing else may write any."""

    def __init__(self, endpoint: Endpoint, lines_in: BinaryIO, lines_out: BinaryIO) -> None:
        self._endpoint = endpoint
        self._in = lines_in
        self._out = lines_out
        self._writing = threading.Lock()
        self._loop = LoopThread()
        self._threads = CallThreads(_RUNNING)
        self._principal = endpoint.authenticate(Request())
        self._running: dict[RequestId, StdioInvocation] = {}

    def serve(self) -> None:
        """Serve until the input ends or is interrupted; what is still running then is cancelled."""
        with closing(self._loop), closing(self._threads):
            try:
                for line in self._in:
                    if line.strip():
                        self._take(line)
            finally:
                for invocation in list(self._running.values()):
                    invocation.cancel()

    def write(self, message: bytes) -> None:
        """Write one encoded message as a line."""
        with self._writing, suppress(BrokenPipeError):
            self._out.write(message + b"\n")
            self._out.flush()

    def _take(self, line: bytes) -> None:
        try:
            message = jsonrpc.decode(line)
        except MalformedMessage as malformed:
            error = malformed.error
            self.write(jsonrpc.failure(malformed.request_id, error.code, error.message))
            return
        request_id = message.id
        if not isinstance(request_id, UnsetType):
            invocation = StdioInvocation(self._loop, self._threads, self.write)
            self._running[request_id] = invocation
            self._threads.submit(lambda: self._answer(message, request_id, invocation))
        elif message.method == "notifications/cancelled":
            with suppress(msgspec.DecodeError, UnicodeError):
                params = msgspec.json.decode(message.params, type=_CancelledParams)
                if (cancelled := self._running.get(params.request_id)) is not None:
                    cancelled.cancel()

    def _answer(self, message: RpcMessage, request_id: RequestId, invocation: StdioInvocation) -> None:
        reply = self._endpoint.answer(message, Request(), invocation, self._principal)
        if self._running.get(request_id) is invocation:
            del self._running[request_id]
        if not invocation.cancelled:
            self.write(reply.body)


class StdioInvocation(LiveInvocation):
    """One request on stdio: its notifications are lines among the others, which ``write`` writes."""

    __slots__ = ("_write",)

    def __init__(self, loop: LoopThread, threads: CallThreads, write: Callable[[bytes], None]) -> None:
        super().__init__(loop.loop, threads)
        self._write = write

    def emit(self, notification: bytes) -> None:
        """See ``Invocation.emit``."""
        if not self.cancelled:
            self._write(notification)


def serve(endpoint: Endpoint) -> None:
    """Serve the process's own standard input and output.

    What features print goes to standard error: standard output carries messages and nothing else.
    """
    lines_out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    sys.stdout.flush()
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        StdioServer(endpoint, sys.stdin.buffer, lines_out).serve()
    finally:
        with suppress(BrokenPipeError):
            lines_out.close()
