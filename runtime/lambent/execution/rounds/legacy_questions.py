"""Questions to clients of the legacy era, as requests of the server (client/elicitation, sampling, roots).

A host that sends parts of a response writes the request to the stream of the call and waits for the answer,
which comes as a message of its own. Where the invocation is nearly over, it ends the stream, which clients
resume if their version can; see ``lambent.execution.durable.resumption``. A host that sends responses as a
whole ends it at once.
"""

from __future__ import annotations

import contextlib
import time
import weakref
from collections.abc import Generator, Iterable
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

_SUSPEND_SECONDS = 0.5
"""How long before the handler's own time limit a stream ends that its client resumes."""


def asker_of(call: Call, journal: Journal) -> Asker:
    """How to ask the client of a call.

    Raises:
        ToolError: it cannot be asked; the text says why, and what to configure.
    """
    era = call.rpc.era
    assert isinstance(era, LegacyEra)  # noqa: S101 - the modern era has no handshake
    live, invocation = call.services.live, call.invocation
    if live is not None and invocation.may_stream and not invocation.buffers:
        may_suspend = invocation.remaining_ms() is not None and _why_not(call, era) is None
        return LiveAsker(call, era, journal, live, may_suspend=may_suspend)
    if (why := _why_not(call, era)) is not None:
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
    """Writes questions to the open stream of a call.

    ``may_suspend``: the client can resume the stream, so the handler may end where the time is up.
    """

    def __init__(
        self, call: Call, era: LegacyEra, journal: Journal, live: LiveCalls, *, may_suspend: bool
    ) -> None:
        self.call = call
        self.journal = journal
        self.live = live
        self.may_suspend = may_suspend
        self._era = era
        journal.call_id = random_call_id() if call.resumed is None else call.resumed.call_id
        # A handler need not wait for what it asks: what it holds no more is not asked for later.
        self._waiting: weakref.WeakValueDictionary[str, _Asked[Any]] = weakref.WeakValueDictionary()

    def ask(self, key: str, mark: str, question: Question[T]) -> Pending[T] | None:
        """See ``Asker.ask``."""
        call, call_id = self.call, self.journal.call_id
        params = self._era.question(question.method, question.params, f"{call_id}.{key}")
        name = question_name(call_id, key, mark)
        request_id = question_id(call.services, name, call.caller)
        future = self.live.expect(request_id, key_of(call.caller))
        call.invocation.emit(jsonrpc.request(request_id, question.method, params))
        self.journal.sent.add(key)
        asked = self._waiting[key] = _Asked(self, (key, mark, question), name, request_id, future)
        return asked

    def look(self, name: str) -> Raw | None:
        """The answer, where another process has taken it; while the table cannot be read, there is none."""
        try:
            return self._answers().read(name)
        except StoreError as error:
            report(error, self.call.rpc)
            return None

    def learned(self, key: str) -> None:
        """Take note that an answer was read."""
        self._waiting.pop(key, None)

    def postpone(self, others: Iterable[_Asked[Any]] = ()) -> None:
        """Have a later run wait for what is not answered yet, and read the answers to ``others`` anew.

        Raises:
            StoreError: an answer that has come cannot be kept.
        """
        for asked in [*self._waiting.values(), *others]:
            self.live.forget(asked.request_id)  # from now on its answer goes to the table
            if asked.future.done() and asked.future.exception() is None:
                self._answers().keep(asked.name, asked.future.result())
            key, mark, question = asked.question
            self.journal.asked[key] = mark, question

    def _answers(self) -> Answers:
        return Answers(self.call.services, self.call.caller)


class _Asked(Pending[T]):
    """An answer that is waited for while the stream of the call is open.

    Args:
        asker: has asked.
        question: its key, its digest, and the question.
        name: its name in the table.
        request_id: of the request that asks it.
        future: gets the answer where it comes to this process.
    """

    __slots__ = (
        "__weakref__",
        "_asker",
        "_deadline",
        "_expires",
        "_is_shared",
        "future",
        "name",
        "question",
        "request_id",
    )

    def __init__(
        self,
        asker: LiveAsker,
        question: tuple[str, str, Question[T]],
        name: str,
        request_id: str,
        future: Future[Raw],
    ) -> None:
        super().__init__(self._wait)
        self._asker = asker
        self.question = question
        self.name = name
        self.request_id = request_id
        self.future = future
        services = asker.call.services
        self._is_shared = asker.live.shared and services.store is not None
        limit = asker.call.invocation.time_limit()
        self._expires = self._deadline = time.monotonic() + services.state_ttl
        if limit is not None:
            until = time.monotonic() + max(0.0, limit - _SUSPEND_SECONDS * asker.may_suspend)
            self._deadline = min(self._deadline, until)

    def _wait(self) -> T:
        import asyncio

        if asyncio._get_running_loop() is not None:  # the answer could not come: it is read on that loop
            raise RuntimeError("Waiting here would block the event loop: use await in async def")
        invocation, kept_alive = self._asker.call.invocation, time.monotonic()
        try:
            with invocation.idle():
                while True:
                    _check(invocation)
                    with contextlib.suppress(FutureTimeoutError):
                        return self._learn(self.future.result(self._pause()))
                    if self._is_shared and (found := self._asker.look(self.name)) is not None:
                        return self._learn(found)
                    kept_alive = self._pass_time(kept_alive)
        finally:
            self._forget()

    def __await__(self) -> Generator[Any, None, T]:
        """See ``Pending``."""
        return self._wait_on_loop().__await__()

    async def _wait_on_loop(self) -> T:
        import asyncio

        invocation, kept_alive = self._asker.call.invocation, time.monotonic()
        waiting = asyncio.wrap_future(self.future)
        try:
            with invocation.idle(at_once=True):
                while not waiting.done():
                    _check(invocation)
                    await asyncio.wait({waiting}, timeout=self._pause())
                    if waiting.done():
                        break
                    # On a thread: every other call of the process waits for this loop.
                    look, name = self._asker.look, self.name
                    if self._is_shared and (found := await asyncio.to_thread(look, name)) is not None:
                        return self._learn(found)
                    kept_alive = self._pass_time(kept_alive)
            return self._learn(waiting.result())
        finally:
            self._forget()

    def _learn(self, raw: Raw) -> T:
        key, mark, question = self.question
        self._asker.learned(key)
        return self._asker.journal.learn(key, mark, question, raw)

    def _forget(self) -> None:
        self._asker.live.forget(self.request_id)
        self._asker.journal.wait_for(self.question[0])

    def _pause(self) -> float:
        return min(_LOOK_SECONDS, max(0.0, self._deadline - time.monotonic()))

    def _pass_time(self, kept_alive: float) -> float:
        """Keep the stream open, and end when the time is up."""
        now = time.monotonic()
        if now >= self._deadline:
            if not self._asker.may_suspend or now >= self._expires:
                raise ToolError("The user has not answered in time: call the tool again")
            self._asker.postpone()
            self._asker.journal.suspend()
        if now - kept_alive < _KEEP_ALIVE_SECONDS:
            return kept_alive
        self._asker.call.invocation.keep_alive()
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
