"""The journal of a handler: the answers that it has had and the results of its finished steps.

A handler that asks or works in steps is run again from the top. What the journal holds is given back at once,
so the handler goes on as if it had never stopped::

    run 1    step "charge" ── runs ──► journal      question ── no answer: Suspend
    run 2    step "charge" ◄── journal              question ◄── journal ── goes on …

Between two runs a request state carries the journal, or, for tasks, idempotent calls and single-use states, a
``Keeper`` keeps it in an item of the table.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, TypeVar

from msgspec import Raw

from lambent.errors import ItemTooLargeError, Signal, StepInterrupted, Suspend, ToolError
from lambent.execution.log_records import logger
from lambent.execution.rounds.digests import digest
from lambent.execution.rounds.pending import Pending
from lambent.execution.rounds.questions import Question, read_answer
from lambent.execution.rounds.sealing import State

if TYPE_CHECKING:
    from asyncio import Task

    from lambent.execution.invocation import Invocation

T = TypeVar("T")

_log = logger("lambent")


class Keeper(Protocol):
    """Keeps a journal where later runs find it."""

    def keep(self, state: State, *, final: bool = False) -> None:
        """Write the whole journal; ``final``: into the bytes too that are reserved for the last write.

        Raises:
            ItemTooLargeError: it does not fit.
            Signal: the store cannot be reached, or another run keeps this journal now.
        """


class Asker(Protocol):
    """Asks clients of the legacy era, which answer with messages of their own."""

    def ask(self, key: str, mark: str, question: Question[T]) -> Pending[T] | None:
        """Ask at once and wait for the answer; None where the handler is suspended until it is there.

        Raises:
            ToolError: this client cannot be asked.
        """

    def read(self, key: str, question: Question[T], raw: Raw) -> T:
        """Read an answer.

        Raises:
            ToolError: it is none, or the client has refused.
        """


class Journal:
    """What one run of a handler knows, asks and does.

    Args:
        state: what earlier runs left; None in the first round, where no question is known to be open.
        responses: the answers that came with this request, by key.
        keeper: keeps the results of steps as soon as they are there, if anything does.

    Attributes:
        suspended: the handler has waited for an answer that is not there.
        asked: the questions that this run has asked and nobody has answered, with their digests.
        refused: the answers that are none, by key, with the digests of their questions. Later rounds have to
            have the same ones; another call with the same claim may get better ones.
        running: the steps that are coroutines and have begun, finished ones included.
        idle: the names of steps that are coroutines and that the handler has not waited for.
        in_step: the names of steps that the handler's own thread runs at this moment.
        closed: the handler has ended, so no step may begin any more.
        trail: what the audit records of its call share; see ``State``.
        advanced: a step was finished in this run.
        before_step: called before a step without a result begins; may raise.
        asker: asks a client of the legacy era; None where questions are results, as in the modern era.
        call_id: names the call among those that ask, where it asks while its stream is open.
        sent: the keys of the questions that have been sent on that stream.
        abandon: called where the questions of this run cannot be asked.
        note: the state of an ``InputRequiredResult`` that the handler has made; see ``asked_by_result``.
        session_owner: names this call as the owner of a session, the same in every run; empty where no run
            knows of another.
    """

    def __init__(
        self,
        state: State | None = None,
        responses: Mapping[str, Raw] | None = None,
        *,
        keeper: Keeper | None = None,
    ) -> None:
        self._first = state is None
        state = state or State()
        self._answers = dict(state.answers)
        self._steps = dict(state.steps)
        self._intents = set(state.intents)
        self._was_asked = state.asked
        self._responses = responses or {}
        self._keys: set[str] = set()
        self._unread: set[str] = set()
        self._learned: dict[str, Raw] = {}
        self._step_names: set[str] = set()
        self.keeper = keeper
        self.flow = state.flow
        self.session = state.session
        self.trail = state.trail
        self.note = state.note
        self.suspended = False
        self.asked: dict[str, tuple[str, Question[Any]]] = {}
        self.refused: dict[str, tuple[str, Raw]] = {}
        self.running: set[Task[Any]] = set()
        self.idle: set[str] = set()
        self.in_step: list[str] = []
        self.closed = False
        self._writing = threading.Lock()
        self.advanced = False
        self.asker: Asker | None = None
        self.call_id = ""
        self.sent: set[str] = set()
        self.before_step: Callable[[], None] | None = None
        self.abandon: Callable[[], None] | None = None
        self.session_owner = ""

    def adopt(self, state: State) -> None:
        """Take what is kept of earlier runs; it replaces what came with the request."""
        self._answers.update(state.answers)
        self._steps.update(state.steps)
        self._intents = (self._intents | set(state.intents)) - self._steps.keys()
        self.session = state.session or self.session

    def ask(self, question: Question[T], key: str | None) -> Pending[T]:
        """Register a question. ``key`` names it among the handler's questions; default: its number.

        Raises:
            InvalidParamsError: the client's answer is no answer to it.
            ValueError: the handler has used the key already.
        """
        key = key if key is not None else f"{question.method.partition('/')[0]}-{len(self._keys) + 1}"
        if key in self._keys:
            raise ValueError(f"The key {key!r} names two questions")
        self._keys.add(key)
        self._unread.add(key)
        mark = digest(question.request)
        known, raw = self._answers.get(key) or self.refused.get(key), None
        if known is not None and known[0] == mark:
            raw = known[1]
        elif self._first or self._was_asked.get(key) == mark:  # the question is the one that was answered
            raw = self._responses.get(key)
        if raw is not None:
            if self.asker is not None:
                return Pending(functools.partial(self.learn, key, mark, question, raw))
            answer = read_answer(key, question, raw)
            self._answers[key] = mark, raw
            return Pending(functools.partial(self._give, key, answer))
        if self.asker is not None and (asked := self.asker.ask(key, mark, question)) is not None:
            return asked
        self.asked[key] = mark, question
        return Pending(self.suspend, known=False)

    def learn(self, key: str, mark: str, question: Question[T], raw: Raw) -> T:
        """Read the answer of a client of the legacy era, which the handler waits for.

        Raises:
            ToolError: it is none.
        """
        assert self.asker is not None  # noqa: S101 - it has asked
        self.wait_for(key)
        try:
            answer = self.asker.read(key, question, raw)
        except ToolError:
            self._answers.pop(key, None)
            self.refused[key] = mark, raw
            raise
        self._answers[key] = mark, raw
        return answer

    def _give(self, key: str, answer: T) -> T:
        self.wait_for(key)
        return answer

    def wait_for(self, key: str) -> None:
        """Take note that the handler waits for the answer to a question; see ``forgotten``."""
        self._unread.discard(key)

    def learn_round(self, keys: Iterable[str]) -> None:
        """Take the answers to questions that were asked while the handler waits as those of a round."""
        self._learned = {key: self._answers[key][1] for key in keys if key in self._answers}

    def forgotten(self) -> list[str]:
        """What a handler that has ended has not waited for: steps, and its questions if it read no answer.

        One that reads some answers and not the others may mean it: they were asked together.
        """
        if not (self.idle or self._unread):
            return []
        questions = self._unread if self._unread == self._keys else ()
        steps = [f"the step {name!r}, which has not run" for name in sorted(self.idle)]
        return [*steps, *(f"the question {key!r}" for key in sorted(questions))]

    def suspend(self) -> NoReturn:
        """End the run of the handler: what it waits for is not there.

        Raises:
            Suspend: always.
        """
        self.suspended = True
        raise Suspend

    def answers(self) -> dict[str, tuple[str, Raw]]:
        """The answers that are known before the handler runs, each with the digest of its question."""
        given = {
            key: (mark, self._responses[key])
            for key, mark in self._was_asked.items()
            if key in self._responses and key not in self._answers
        }
        return {**given, **self._answers}

    def given(self) -> dict[str, Raw]:
        """The client's answers to the questions of an ``InputRequiredResult`` of the handler, by their keys.

        Those of the last round alone: earlier ones are what the handler keeps in the note.
        """
        if self._learned:
            return dict(self._learned)
        return {key: self._responses[key] for key in self._was_asked if key in self._responses}

    def find_step(self, name: str) -> Raw | None:
        """Register a step by its name, and give the result that it had in an earlier run, if any.

        Raises:
            StepInterrupted: it may run at most once, and an earlier run began it without finishing it.
            Suspend: the handler has waited for an answer that is not there.
            ValueError: the handler has used the name already.
        """
        if name in self._step_names:
            raise ValueError(f"The name {name!r} names two steps")
        self._step_names.add(name)
        known = self._steps.get(name)
        if known is None:
            self.check_open()
            if name in self._intents:
                raise StepInterrupted(name)
        return known

    def check_open(self) -> None:
        """Refuse to begin a step.

        Raises:
            RuntimeError: the handler has ended, and left something behind that goes on.
            Suspend: the handler has waited for an answer that is not there.
        """
        if self.closed:
            raise RuntimeError("A step can only begin while its handler runs")
        if self.suspended:
            raise Suspend

    def begin_step(self, name: str, *, at_most_once: bool) -> None:
        """Prepare for a step; ``at_most_once``: write down that it begins, so that no later run begins it."""
        if self.before_step is not None:
            self.before_step()
        if at_most_once:
            self._intents.add(name)
            try:
                self._keep()
            except BaseException:
                self._intents.discard(name)  # the step does not begin
                raise

    def forget_intent(self, name: str) -> None:
        """Take back that a step has begun: it waits for an answer, and is to be run again."""
        if name in self._intents:
            self._intents.discard(name)
            self._keep()

    @property
    def is_written(self) -> bool:
        """Steps wait for a store."""
        return self.keeper is not None or self.before_step is not None

    def finish_step(self, name: str, result: Raw) -> None:
        """Keep a step's result for later runs, before the handler goes on.

        Raises:
            ItemTooLargeError: the result does not fit; see ``lose_result``.
        """
        self._steps[name] = result
        self._intents.discard(name)
        self.advanced = True
        try:
            self._keep()
        except ItemTooLargeError:
            del self._steps[name]
            self.lose_result(name)
            raise

    def lose_result(self, name: str) -> None:
        """Remember that a step is done and its result cannot be kept: no later run may begin it again."""
        self._intents.add(name)
        self.advanced = True
        self._keep(final=True)

    def _keep(self, *, final: bool = False) -> None:
        if self.keeper is not None:
            with self._writing:  # steps of one handler may end on several threads
                self.keeper.keep(self.state, final=final)

    async def run(
        self, coroutine: Coroutine[Any, Any, T], invocation: Invocation, *, closes: bool = False
    ) -> T:
        """Run a coroutine of the handler, and then the steps that have begun, to their ends.

        A step must end within its own invocation, and the next run must know its result. A step that is still
        running when the invocation is nearly over is cancelled.

        Args:
            coroutine: the handler's, or one that it waits for.
            invocation: knows how much time is left.
            closes: it is the handler's: no step begins behind it.

        Raises:
            Signal: the result of a step that the handler did not wait for could not be kept.
        """
        try:
            return await coroutine
        finally:
            self.closed = self.closed or closes
            if self.running:
                await self._finish_running(invocation)

    async def _finish_running(self, invocation: Invocation) -> None:
        import asyncio

        done, cut = await asyncio.wait(self.running, timeout=invocation.seconds_for_steps())
        if cut:
            log_cut(invocation, *(step.get_name() for step in cut))
            for step in cut:
                step.cancel()
            await asyncio.wait(cut)
        self.running.clear()
        for step in done:
            error = None if step.cancelled() else step.exception()
            if isinstance(error, Signal) and not isinstance(error, Suspend):
                raise error

    def restart(self) -> None:
        """Begin another run in the same round, with the answers and steps of the one before."""
        self.suspended = self.closed = False
        self.asked.clear()
        self.running.clear()
        self.idle.clear()
        self._keys.clear()
        self._unread.clear()
        self._step_names.clear()

    @property
    def state(self) -> State:
        """What a later run needs."""
        asked = {key: mark for key, (mark, _) in list(self.asked.items())}
        intents = sorted(self._intents)
        kept = dict(self._answers), dict(self._steps), asked, intents
        return State(*kept, self.flow, self.session, self.trail, self.note)


def log_cut(invocation: Invocation, *names: str) -> None:
    """Log that steps do not get to their ends."""
    reason = "the client is gone" if invocation.cancelled else "the time is up"
    _log.warning("Cut while running, because %s: step %s", reason, ", ".join(sorted(names)))
