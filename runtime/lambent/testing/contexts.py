"""``fake_context``: a ``Context`` for unit tests that call a function by itself."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Coroutine, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from msgspec import Raw

from lambent.auth.principal import Principal
from lambent.execution.call import Call, Services
from lambent.execution.context import Context
from lambent.execution.events.emitting import Emitter
from lambent.execution.invocation import Invocation
from lambent.execution.rounds.journal import Journal
from lambent.execution.rounds.pending import Pending
from lambent.execution.rounds.questions import Question, read_answer
from lambent.features.codecs import to_plain
from lambent.server import MCPServer
from lambent.stores.keys import ProcessKeys
from lambent.stores.memory import MemoryChanges, MemoryStore
from lambent.testing.answers import AskedQuestion, GivenAnswers, OnQuestion, question_of
from lambent.testing.clock import Clock
from lambent.testing.options import EVERYTHING
from lambent.testing.results import LogMessage, Progress
from lambent.wire.eras import MODERN, RpcRequest
from lambent.wire.http import Request
from lambent.wire.methods import METHODS
from lambent.wire.values import ClientCapabilities, RequestMeta

T = TypeVar("T")


class EmittedEvent(msgspec.Struct, frozen=True):
    """What a function has emitted.

    Attributes:
        name: of the event type.
        payload: as it was given.
        event_id: None where none was given.
        timestamp: None where none was given.
    """

    name: str
    payload: Any
    event_id: str | None = None
    timestamp: datetime | None = None


class FakeContext(Context):
    """A context whose questions are answered by the test, and that keeps what it is told.

    Attributes:
        progress: what was told of the progress.
        logs: the log messages.
        emitted: the events that were emitted, whether a server declares them or not.
        answers: where the answers come from.
    """

    def __init__(self, call: Call, journal: Journal, answers: GivenAnswers) -> None:
        super().__init__(call, journal)
        self.answers = answers
        self.progress: list[Progress] = []
        self.logs: list[LogMessage] = []
        self.emitted: list[EmittedEvent] = []

    @property
    def events(self) -> Emitter:
        """See ``Context.events``."""
        return _FakeEmitter(self.emitted)

    @property
    def questions(self) -> list[AskedQuestion]:
        """Every question so far."""
        return self.answers.asked

    @property
    def changes(self) -> list[str]:
        """What subscribers would be told: notification methods, and URIs of resources."""
        feed = self._call.services.changes
        return feed.wait(0, 0.0)[0] if feed is not None else []


class _FakeEmitter(Emitter):
    """Keeps what is emitted as it is."""

    def __init__(self, emitted: list[EmittedEvent]) -> None:
        self._emitted = emitted

    def emit(
        self, name: str, payload: Any, *, event_id: str | None = None, timestamp: datetime | None = None
    ) -> Pending[str]:
        """See ``Emitter.emit``."""
        self._emitted.append(EmittedEvent(name, payload, event_id, timestamp))
        known = event_id or f"evt_{len(self._emitted)}"
        return Pending(lambda: known)


class _FakeInvocation(Invocation):
    """Keeps notifications as values, and has as much time left as the test says."""

    def __init__(self, remaining_ms: int | None) -> None:
        super().__init__(_run)
        self._remaining_ms = remaining_ms
        self.context: FakeContext | None = None

    def emit(self, notification: bytes) -> None:
        message = msgspec.json.decode(notification)
        assert self.context is not None  # noqa: S101 - set before anybody has the context
        if message["method"] == "notifications/progress":
            self.context.progress.append(msgspec.convert(message["params"], Progress))
        else:
            self.context.logs.append(msgspec.convert(message["params"], LogMessage))

    def remaining_ms(self) -> int | None:
        return self._remaining_ms


class _AnsweringAsker:
    """GivenAnswers at once; see ``Asker``."""

    def __init__(self, answers: GivenAnswers, journal: Journal) -> None:
        self._answers = answers
        self._journal = journal

    def ask(self, key: str, mark: str, question: Question[T]) -> Pending[T]:
        params = to_plain(question.params)
        (answer,) = self._answers.answer("The function", [question_of(key, question.method, params)])
        return Pending(
            functools.partial(self._journal.learn, key, mark, question, Raw(msgspec.json.encode(answer)))
        )

    def read(self, key: str, question: Question[T], raw: Raw) -> T:
        return read_answer(key, question, raw)


def fake_context(
    *,
    answers: Iterable[Any] = (),
    on_question: OnQuestion | None = None,
    principal: Principal | None = None,
    headers: Mapping[str, str] = {},
    meta: Mapping[str, Any] = {},
    capabilities: Mapping[str, Any] = EVERYTHING,
    client_info: Mapping[str, Any] | None = None,
    remaining_ms: int | None = None,
    clock: Clock | None = None,
) -> FakeContext:
    """A context for a unit test of a tool, resource or prompt function by itself.

    Steps run and are not kept; a question without an answer raises `UnansweredError` where it is asked.

    Args:
        answers: answers to questions, in the order in which they are asked; see `answer_to`.
        on_question: gives the answer to a question; None where the next one of ``answers`` is.
        principal: who calls.
        headers: ``ctx.headers``, names in any case.
        meta: ``ctx.meta``, besides what the protocol has there.
        capabilities: what the client has declared, in wire form.
        client_info: ``ctx.client_info``.
        remaining_ms: ``ctx.remaining_ms()``.
        clock: the time, by which sessions expire.
    """
    found = GivenAnswers(answers, on_question)
    named = {
        "io.modelcontextprotocol/clientInfo": dict(client_info) if client_info is not None else None,
        "io.modelcontextprotocol/logLevel": "debug",
        "progressToken": 1,
    }
    raw = {"name": "function", "_meta": {name: value for name, value in named.items() if value} | dict(meta)}
    encoded = Raw(msgspec.json.encode(raw))
    invocation, journal = _FakeInvocation(remaining_ms), Journal()
    journal.asker = _AnsweringAsker(found, journal)
    call = Call(
        RpcRequest(
            1,
            "tools/call",
            METHODS["tools/call"].decoder.decode(encoded),
            msgspec.convert(raw["_meta"], RequestMeta),
            msgspec.convert(capabilities, ClientCapabilities),
            encoded,
            MODERN,
        ),
        Request("POST", "/mcp", {name.lower(): value for name, value in headers.items()}),
        invocation,
        _services(clock or Clock()),
        principal,
        caller=principal,
    )
    invocation.context = FakeContext(call, journal, found)
    return invocation.context


def _services(clock: Clock) -> Services:
    return Services(
        catalog=MCPServer("test").freeze(),
        audience="test",
        keys=ProcessKeys(),
        state_ttl=900,
        changes=MemoryChanges(),
        listen_seconds=0.0,
        clock=clock,
        store=MemoryStore(),
    )


def _run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run what a plain function waits for, also where the test itself is a coroutine."""
    if asyncio._get_running_loop() is None:
        return asyncio.run(coroutine)
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()
