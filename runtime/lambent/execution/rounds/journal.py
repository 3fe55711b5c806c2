"""Running a handler again from the top, with what is known so far.

Round 1: the handler runs until it waits for an answer that is not there. What it asked goes out, what it has
(answers, results of finished steps) goes along as sealed state. Round 2: the handler runs again; answers and
steps come back from the state and from the client, so it goes on as if it had never stopped.
"""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from msgspec import Raw

from lambent.errors import Suspend
from lambent.execution.rounds.pending import Pending
from lambent.execution.rounds.questions import Question, read_answer
from lambent.execution.rounds.sealing import State, digest

if TYPE_CHECKING:
    from asyncio import Future

T = TypeVar("T")


class Replay:
    """What one run of a handler knows, asks and does.

    Args:
        state: what earlier rounds left.
        responses: the answers that came with this request, by key.
        first: there was no earlier round, so no question is known to be open.
    """

    def __init__(self, state: State, responses: Mapping[str, Raw], *, first: bool) -> None:
        self._answers = dict(state.answers)
        self._steps = dict(state.steps)
        self._was_asked = state.asked
        self._responses = responses
        self._first = first
        self.asked: dict[str, tuple[str, Question[Any]]] = {}
        """The questions that this run has asked and nobody has answered, with their digests."""
        self.running: set[Future[Any]] = set()
        """Steps on their way; the ones that are done are among them."""
        self._keys: set[str] = set()
        self._step_names: set[str] = set()

    def ask(self, question: Question[T], key: str | None) -> Pending[T]:
        """Register a question.

        Args:
            question: what to ask.
            key: names it among the handler's questions; None counts them.

        Raises:
            InvalidParamsError: the client's answer is no answer to it.
            ValueError: the handler has used the key already.
        """
        key = key if key is not None else f"{question.method.partition('/')[0]}-{len(self._keys) + 1}"
        if key in self._keys:
            raise ValueError(f"The key {key!r} names two questions")
        self._keys.add(key)
        mark = digest(question.request)
        raw = self._answer(key, mark)
        if raw is None:
            self.asked[key] = mark, question
            return Pending(self._suspend, known=False)
        answer = read_answer(key, question, raw)
        self._answers[key] = mark, raw
        return Pending(lambda: answer)

    def _answer(self, key: str, mark: str) -> Raw | None:
        """The answer to a question, unless the question has changed since it was answered."""
        known = self._answers.get(key)
        if known is not None and known[0] == mark:
            return known[1]
        raw = self._responses.get(key)
        if raw is not None and (self._first or self._was_asked.get(key) == mark):
            return raw
        return None

    @staticmethod
    def _suspend() -> Any:
        raise Suspend

    def begin_step(self, name: str) -> Raw | None:
        """Name a step and give the result it had in an earlier round, if it has run.

        Raises:
            ValueError: the handler has used the name already.
        """
        if name in self._step_names:
            raise ValueError(f"The name {name!r} names two steps")
        self._step_names.add(name)
        return self._steps.get(name)

    def finish_step(self, name: str, result: Raw) -> None:
        """Keep a step's result for later rounds."""
        self._steps[name] = result

    def forget_step(self, name: str) -> None:
        """Undo ``finish_step``, where the result cannot be kept."""
        del self._steps[name]

    async def settle(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a handler's coroutine; where it ends early, wait for the steps that are still on their way.

        Their effects happen in any case: nothing must act behind the next call's back, and their results must
        be known to the next round or attempt.
        """
        try:
            return await coroutine
        except BaseException as error:
            if self.running:
                import asyncio

                if isinstance(error, asyncio.CancelledError):
                    # The time is up, or the client has left: there is nobody to wait for them.
                    for running in self.running:
                        running.cancel()
                await asyncio.wait(self.running)
            raise

    def restart(self) -> None:
        """Begin another run in the same round, with the answers and steps of the one before."""
        self.asked.clear()
        self._keys.clear()
        self._step_names.clear()

    @property
    def questions(self) -> dict[str, Any]:
        """The questions that are open, as ``inputRequests``."""
        return {key: question.request for key, (_, question) in self.asked.items()}

    @property
    def state(self) -> State:
        """What a later round needs."""
        asked = {key: mark for key, (mark, _) in self.asked.items()}
        return State(dict(self._answers), dict(self._steps), asked)


def as_plain(raw: Raw) -> Any:
    """A step's result where nothing says which type it had."""
    return msgspec.json.decode(raw)
