"""Questions to clients of the legacy era, as requests of the server (client/elicitation, sampling, roots).

A host that stays writes the request to the stream of the call and waits for the answer, which comes as a
message of its own. A host whose invocations end soon ends the stream with it where the client can resume it;
see ``lambent.execution.durable.resumption``. Older clients can be asked there too if the stream is open.
"""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any, TypeVar

from msgspec import Raw

from lambent.auth.principal import key_of
from lambent.errors import ConfigurationError, InvalidParamsError, StoreError, ToolError
from lambent.execution.call import Call
from lambent.execution.durable.answers import (
    Answers,
    error_of,
    question_id,
    question_name,
    random_call_id,
)
from lambent.execution.failures import report
from lambent.execution.invocation import Invocation
from lambent.execution.rounds.journal import Asker, Journal
from lambent.execution.rounds.live_calls import LiveCalls
from lambent.execution.rounds.pending import Pending
from lambent.execution.rounds.questions import Question, read_answer
from lambent.wire import jsonrpc
from lambent.wire.eras.legacy import LegacyEra

T = TypeVar("T")

_LOOK_SECONDS = 1.0
"""How often the table is read for an answer that another process may have taken."""

_KEEP_ALIVE_SECONDS = 15.0


def asker_of(call: Call, journal: Journal) -> Asker:
    """How to ask the client of a call.

    Raises:
        ToolError: it cannot be asked; the text says why, and what to configure.
    """
    era = call.rpc.era
    assert isinstance(era, LegacyEra)  # noqa: S101 - the modern era has no handshake
    live, invocation = call.services.live, call.invocation
    can_wait = live is not None and invocation.may_stream and not invocation.buffers
    if live is not None and can_wait and invocation.remaining_ms() is None:
        return LiveAsker(call, era, journal, live)
    why = _why_not(call, era)
    if live is not None and can_wait and why is not None:
        return LiveAsker(call, era, journal, live)  # until the host ends the invocation
    if why is not None:
        raise ToolError(f"This client cannot be asked here: {why}")
    return SuspendingAsker(era)


def _why_not(call: Call, era: LegacyEra) -> str | None:
    services = call.services
    if not call.invocation.may_stream:
        return "it does not accept text/event-stream"
    if not era.can_resume:
        return f"version {era.version} of the protocol needs a host that keeps streams open (ASGI, stdio)"
    if services.store is None:
        return "its answers need a table: set LAMBENT_TABLE"
    try:
        services.keys.ring()
    except ConfigurationError as error:
        return str(error)
    return None


class _Reader:
    """Reads answers, whichever way they come."""

    def read(self, key: str, question: Question[T], raw: Raw) -> T:
        """See ``Asker.read``."""
        return read_client_answer(key, question, raw)


class SuspendingAsker(_Reader):
    """Lets the handler end; it is run again with the answers (``lambent.execution.durable.resumption``)."""

    def __init__(self, era: LegacyEra) -> None:
        self._era = era

    def ask(self, key: str, mark: str, question: Question[T]) -> Pending[T] | None:
        """See ``Asker.ask``."""
        self._era.question(question.method, question.params, "")  # fails here where it cannot be asked
        return None


class LiveAsker(_Reader):
    """Writes questions to the open stream of a call."""

    def __init__(self, call: Call, era: LegacyEra, journal: Journal, live: LiveCalls) -> None:
        self._call = call
        self._era = era
        self._journal = journal
        self._live = live
        self._call_id = random_call_id()

    def ask(self, key: str, mark: str, question: Question[T]) -> Pending[T] | None:
        """See ``Asker.ask``."""
        call = self._call
        params = self._era.question(question.method, question.params, f"{self._call_id}.{key}")
        name = question_name(self._call_id, key, mark)
        request_id = question_id(call.services, name, call.caller)
        future = self._live.expect(request_id, key_of(call.caller))
        call.invocation.emit(jsonrpc.request(request_id, question.method, params))
        is_shared = self._live.shared and call.services.store is not None
        look = functools.partial(self._look, name) if is_shared else None
        learn = functools.partial(self._journal.learn, key, mark, question)

        def forget() -> None:
            self._live.forget(request_id)
            self._journal.wait_for(key)

        return _Asked(future, call, look, learn, forget)

    def _look(self, name: str) -> Raw | None:
        """The answer, where another process has taken it; while the table cannot be read, there is none."""
        try:
            return Answers(self._call.services, self._call.caller).read(name)
        except StoreError as error:
            report(error, self._call.rpc)
            return None


class _Asked(Pending[T]):
    """An answer that is waited for while the stream of the call is open."""

    __slots__ = ("_call", "_deadline", "_forget", "_future", "_learn", "_look")

    def __init__(
        self,
        future: Future[Raw],
        call: Call,
        look: Callable[[], Raw | None] | None,
        learn: Callable[[Raw], T],
        forget: Callable[[], None],
    ) -> None:
        super().__init__(self._wait)
        self._future = future
        self._call = call
        self._look = look
        self._learn = learn
        self._forget = forget
        limit, seconds = call.invocation.time_limit(), call.services.state_ttl
        self._deadline = time.monotonic() + (seconds if limit is None else min(seconds, limit))

    def _wait(self) -> T:
        import asyncio

        if asyncio._get_running_loop() is not None:  # the answer could not come: it is read on that loop
            raise RuntimeError("Waiting here would block the event loop: use await in async def")
        invocation, kept_alive = self._call.invocation, time.monotonic()
        try:
            with invocation.idle():
                while True:
                    _check(invocation)
                    with contextlib.suppress(FutureTimeoutError):
                        return self._learn(self._future.result(self._pause()))
                    if self._look is not None and (found := self._look()) is not None:
                        return self._learn(found)
                    kept_alive = self._pass_time(kept_alive)
        finally:
            self._forget()

    def __await__(self) -> Generator[Any, None, T]:
        """See ``Pending``."""
        return self._wait_on_loop().__await__()

    async def _wait_on_loop(self) -> T:
        import asyncio

        invocation, kept_alive = self._call.invocation, time.monotonic()
        waiting = asyncio.wrap_future(self._future)
        try:
            with invocation.idle(at_once=True):
                while not waiting.done():
                    _check(invocation)
                    await asyncio.wait({waiting}, timeout=self._pause())
                    if waiting.done():
                        break
                    # On a thread: every other call of the process waits for this loop.
                    if self._look is not None and (found := await asyncio.to_thread(self._look)) is not None:
                        return self._learn(found)
                    kept_alive = self._pass_time(kept_alive)
            return self._learn(waiting.result())
        finally:
            self._forget()

    def _pause(self) -> float:
        return min(_LOOK_SECONDS, max(0.0, self._deadline - time.monotonic()))

    def _pass_time(self, kept_alive: float) -> float:
        """Keep the stream open, and end when the time is up."""
        now = time.monotonic()
        if now >= self._deadline:
            raise ToolError("The user has not answered in time: call the tool again")
        if now - kept_alive < _KEEP_ALIVE_SECONDS:
            return kept_alive
        self._call.invocation.keep_alive()
        return now


def _check(invocation: Invocation) -> None:
    invocation.check()
    if invocation.cancelled:  # the call goes on without its client, but nobody can answer
        raise ToolError("The client has gone before it answered")


def read_client_answer(key: str, question: Question[T], raw: Raw) -> T:
    """Read what a client has answered to a request: a result, or an error as ``refusal`` has it.

    Raises:
        ToolError: it is an error, or no answer to this question.
    """
    if (error := error_of(raw)) is not None:
        raise ToolError(
            f"The client did not answer {question.method}: {error.get('message', 'no reason given')}"
        )
    try:
        return read_answer(key, question, raw)
    except InvalidParamsError as error:
        raise ToolError(str(error)) from None
