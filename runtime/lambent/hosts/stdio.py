"""stdio: one JSON-RPC message a line, any number of requests in flight (basic/transports/stdio)."""

from __future__ import annotations

import functools
import os
import queue
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO

import msgspec
from msgspec import UNSET, UnsetType

from lambent.errors import HttpRefusal, InvalidRequestError
from lambent.execution.endpoint import Endpoint
from lambent.execution.event_loop import LoopTask, LoopThread
from lambent.execution.failures import report
from lambent.execution.open_streams import is_failure
from lambent.execution.rounds.live_calls import CancelledParams
from lambent.execution.rounds.pending import Pending
from lambent.hosts.line_writer import LineWriter
from lambent.hosts.live import LiveInvocation, TaskRunner
from lambent.hosts.private_streams import take_streams
from lambent.hosts.settings import Settings
from lambent.hosts.stdio_streams import StdioStreams
from lambent.hosts.threads import CallThreads
from lambent.wire import jsonrpc
from lambent.wire.eras import is_modern
from lambent.wire.http import HttpResponse, Request, error_response
from lambent.wire.jsonrpc import MalformedMessage, RequestId, RpcMessage

if TYPE_CHECKING:
    from lambent.execution.handshakes import Handshake
    from lambent.execution.open_streams import OpenStream

_RUNNING = 256
"""Calls that run at a time."""

_UNANSWERED_BYTES = 64 * 1024 * 1024
"""While so many bytes of requests are unanswered, no more are read."""

_CLEAN_UP_SECONDS = 1.0
"""How long what is cancelled may clean up before the process ends: clients soon kill one that does not."""

_REQUEST_BYTES = 2048
"""What a request takes besides its line."""

_PAUSE_SECONDS = 0.01
_SKIPPED_BYTES = 64 * 1024


class StdioServer:
    """Reads requests, answers them on threads, and writes lines as they come; nothing else may write any."""

    def __init__(
        self, endpoint: Endpoint, lines_in: BinaryIO, lines_out: BinaryIO, settings: Settings | None = None
    ) -> None:
        settings = settings or Settings()
        self._endpoint = endpoint
        self._in = lines_in
        self._drain_seconds = settings.drain_seconds
        self._line_limit = settings.body_limit
        self._over: queue.SimpleQueue[bool] = queue.SimpleQueue()
        """Gets something when serving is over, and whether anybody reads the answers."""
        self._out = LineWriter(lines_out, lambda: self._over.put(False))
        self._loop = LoopThread()
        self._threads = CallThreads(_RUNNING)
        self._streams = StdioStreams(self._out, self._loop)
        tasks = endpoint.executor.services.tasks
        self._tasks = tasks.queue if tasks is not None and isinstance(tasks.queue, TaskRunner) else None
        self._principal = endpoint.authenticate(Request())
        self._handshake: Handshake | None = None
        self._running: dict[RequestId, StdioInvocation] = {}
        self._unanswered: set[StdioInvocation] = set()
        self._held = 0
        self._counting = threading.Lock()
        self._reader = threading.Thread(target=self._read, name="lambent-stdin", daemon=True)

    def serve(self) -> bool:
        """Serve until the input ends or is interrupted.

        What runs when the input ends has some time to end, and is answered; then it is cancelled.

        Returns:
            Whether everything has ended. What has not keeps threads, for which the interpreter would wait.
        """
        deadline = 0.0
        try:
            self._reader.start()
            has_client = self._over.get()
            deadline = time.monotonic() + self._drain_seconds
            if (live := self._endpoint.executor.services.live) is not None:
                live.hang_up()
            for invocation in list(self._unanswered):
                if invocation.is_subscription or not has_client:
                    invocation.cancel()
            self._streams.end()
            self._wake_subscriptions()
            if self._drain_seconds:
                self._wait(deadline)
        except KeyboardInterrupt:
            deadline = 0.0
        try:
            return self._stop(deadline)
        except KeyboardInterrupt:  # another one
            return False

    def _wait(self, deadline: float) -> bool:
        """Wait until no call and no task runs; False where that takes longer."""
        ended = self._threads.wait(_until(deadline)) and self._streams.wait(_until(deadline))
        return (self._tasks is None or self._tasks.wait(_until(deadline))) and ended

    def _stop(self, deadline: float) -> bool:
        """Cancel what still runs, then end the threads. The client may read until the deadline."""
        self._streams.end()
        for invocation in list(self._unanswered):
            if invocation.following is None:
                invocation.stop()
        self._wake_subscriptions()
        if self._tasks is not None:
            self._tasks.stop()
        last = time.monotonic() + _CLEAN_UP_SECONDS
        ended = self._wait(last)
        self._threads.close()
        ended &= self._leave(_until(last))
        ended &= self._tasks is None or self._tasks.close(_until(last))
        ended &= self._loop.close(_until(last))
        return self._out.close(_until(max(last, deadline))) and ended

    def _leave(self, seconds: float) -> bool:
        """Leave the server's lifespan; False where that takes longer."""
        lifespan = self._endpoint.executor.services.lifespan
        if lifespan is None:
            return True
        try:
            LoopTask(lifespan.leave(), self._loop.loop).result(seconds)
        except TimeoutError:
            return False
        except Exception as error:
            report(error)
        return True

    def _wake_subscriptions(self) -> None:
        """Let them find out that they are cancelled: they wait for a change."""
        if (changes := self._endpoint.executor.services.changes) is not None:
            changes.publish("")

    def _read(self) -> None:
        try:
            while line := self._in.readline(self._line_limit + 2):  # up to "\r\n"
                if len(line) > self._line_limit < len(line.rstrip(b"\r\n")):
                    while line and not line.endswith(b"\n"):
                        line = self._in.readline(_SKIPPED_BYTES)
                    text = f"The line is longer than {self._line_limit} bytes"
                    self._out.put(jsonrpc.failure(UNSET, HttpRefusal.code, text))
                elif line.strip():
                    self._take(line)
        except (OSError, ValueError, RuntimeError):  # it is closed, or the server has ended
            pass
        finally:
            self._over.put(True)

    def _take(self, line: bytes) -> None:
        try:
            message = jsonrpc.decode(line)
        except MalformedMessage as malformed:
            if self._handshake is not None and self._take_answer_or_batch(line, self._handshake):
                return
            error = malformed.error
            self._out.put(jsonrpc.failure(malformed.request_id, error.code, error.message))
            return
        request_id = message.id
        if not isinstance(request_id, UnsetType):
            invocation = self._invocation()
            invocation.is_subscription = message.method == "subscriptions/listen"
            handshake = self._handshake_of(message)

            def answer() -> HttpResponse:
                return self._endpoint.answer(message, Request(), invocation, self._principal, handshake)

            answered = self._submit(invocation, len(line), answer, request_id)
            if handshake is not None and message.method in ("initialize", "logging/setLevel"):
                answered.result()  # what follows in the input depends on what is agreed on
        elif message.method == "notifications/cancelled":
            with suppress(msgspec.DecodeError, UnicodeError):
                params = msgspec.json.decode(message.params, type=CancelledParams)
                if (cancelled := self._running.get(params.request_id)) is not None:
                    cancelled.cancel()

    def _handshake_of(self, message: RpcMessage) -> Handshake | None:
        """What a message of the legacy era was negotiated to be; None for one of the modern era."""
        if is_modern(message, None):
            return None
        if message.method not in ("initialize", "ping"):
            return self._handshake  # None before ``initialize``: the modern era says what is missing
        from lambent.execution.handshakes import Handshake, requested_version

        if message.method == "ping" and self._handshake is not None:
            return self._handshake
        return Handshake(requested_version(message))

    def _take_answer_or_batch(self, line: bytes, handshake: Handshake) -> bool:
        """Take a line that is no single request, but what clients of the legacy era send."""
        from lambent.execution.batches import answer_batch, has_batches, join_batch, read_batch
        from lambent.execution.client_answers import read_response, take_answer

        take = functools.partial(take_answer, self._endpoint.executor.services, self._principal)
        if (response := read_response(line)) is not None:
            take(response)
            return True
        members = read_batch(line) if has_batches(handshake.version) else None
        if members is None:
            return False
        invocation = self._invocation()

        def answer_one(message: RpcMessage) -> bytes:
            return self._endpoint.answer(message, Request(), invocation, self._principal, handshake).body

        def answer() -> HttpResponse:
            try:
                replies = answer_batch(members, answer_one, take)
            except InvalidRequestError as error:
                return error_response(error)
            return HttpResponse(200, {}, join_batch(replies) if replies else b"")

        self._submit(invocation, len(line), answer)
        return True

    def _invocation(self) -> StdioInvocation:
        return StdioInvocation(self._loop, self._threads, self._out, self._agree)

    def _agree(self, handshake: Handshake) -> None:
        self._handshake = handshake

    def _submit(
        self,
        invocation: StdioInvocation,
        length: int,
        answer: Callable[[], HttpResponse],
        request_id: RequestId | None = None,
    ) -> Future[None]:
        """Answer something on a thread, once there is room for it."""
        size = length + _REQUEST_BYTES
        while 0 < self._held > _UNANSWERED_BYTES - size:
            time.sleep(_PAUSE_SECONDS)
        with self._counting:
            self._held += size
            self._unanswered.add(invocation)
            if request_id is not None:
                self._running[request_id] = invocation
        return self._threads.submit(lambda: self._answer(invocation, size, answer, request_id))

    def _answer(
        self,
        invocation: StdioInvocation,
        size: int,
        answer: Callable[[], HttpResponse],
        request_id: RequestId | None,
    ) -> None:
        response = answer()
        stream = invocation.following
        if stream is not None and not is_failure(response):
            self._streams.begin(
                invocation, stream, response.body, lambda: self._forget(invocation, 0, request_id)
            )
            with self._counting:
                self._held -= size
            return
        if response.body and not invocation.cancelled:
            self._out.put(response.body)
            invocation.wait_for_room()
        self._forget(invocation, size, request_id)

    def _forget(self, invocation: StdioInvocation, size: int, request_id: RequestId | None) -> None:
        with self._counting:
            self._held -= size
            self._unanswered.discard(invocation)
            if request_id is not None and self._running.get(request_id) is invocation:
                del self._running[request_id]


class StdioInvocation(LiveInvocation):
    """One request on stdio: its notifications are lines among the others."""

    may_stream = True

    def __init__(
        self,
        loop: LoopThread,
        threads: CallThreads,
        out: LineWriter,
        agree: Callable[[Handshake], None],
    ) -> None:
        super().__init__(loop.loop, threads)
        self._out = out
        self._agree = agree
        self.is_subscription = False

    def agree(self, handshake: Handshake) -> bool:
        """See ``Invocation.agree``: the process has one client."""
        self._agree(handshake)
        return True

    def follow(self, stream: OpenStream) -> bool:
        """See ``Invocation.follow``."""
        self.following = stream
        return True

    def unread(self) -> int:
        """See ``LiveInvocation.unread``; all calls have one client."""
        return self._out.unread

    def emit(self, notification: bytes) -> Pending[None] | None:
        """See ``Invocation.emit``."""
        if self.cancelled or self.drops():
            return None
        self._out.put(notification, self)
        return self.slow_down()


def serve(endpoint: Endpoint, settings: Settings) -> None:
    """Serve the process's own standard input and output.

    Features see an empty standard input, and what they print goes to standard error: standard output carries
    messages and nothing else. SIGTERM and SIGINT end it. If something does not end in time, the process is
    ended with status 0.
    """
    with take_streams() as (lines_in, lines_out):
        if not _until_terminated(StdioServer(endpoint, lines_in, lines_out, settings)):
            os._exit(0)


def _until_terminated(server: StdioServer) -> bool:
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        return server.serve()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return server.serve()
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _until(deadline: float) -> float:
    return max(0.05, deadline - time.monotonic())
