"""Steps: the parts of a handler whose results its journal keeps; see ``Context.step``."""

from __future__ import annotations

import typing
from collections.abc import Callable, Coroutine, Generator
from types import CoroutineType
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from msgspec import Raw

from lambent.execution.rounds.journal import Journal
from lambent.execution.rounds.pending import Pending
from lambent.features.codecs import codec_of, to_json
from lambent.features.functions import is_coroutine_function

if TYPE_CHECKING:
    from lambent.execution.invocation import Invocation

T = TypeVar("T")


class Step:
    """A step in one run of its handler.

    Args:
        name: names it among the handler's steps.
        function: what the handler passed; its annotation says as which type the result is read back.
        at_most_once: write down that the step begins, and never begin it twice.
        journal: keeps the result.
        invocation: runs coroutines, and says whether the handler may go on.
    """

    def __init__(
        self,
        name: str,
        function: Callable[..., Any],
        at_most_once: bool,
        journal: Journal,
        invocation: Invocation,
    ) -> None:
        self._name = name
        self._function = function
        self._at_most_once = at_most_once
        self._journal = journal
        self._invocation = invocation
        self._read = _reader(function)

    def run(self, work: Callable[[], Any]) -> Pending[Any]:
        """Give the result of an earlier run; else call ``work``, now or when a coroutine is waited for."""
        known = self._journal.find_step(self._name)
        if known is not None:
            return self._known(known)
        if is_coroutine_function(self._function):
            return _PendingStep(lambda: self._run_coroutine(work, has_begun=False), self._block_on)
        self._begin()
        self._journal.in_step += 1
        try:
            result = work()
            if isinstance(result, CoroutineType):
                return _PendingStep(
                    lambda: self._run_coroutine(lambda: result, has_begun=True), self._block_on
                )
            raw = self._finish(result)
        finally:
            self._journal.in_step -= 1
        self._invocation.check()  # the time may have been up while the step ran
        return self._known(raw)

    def _known(self, raw: Raw) -> Pending[Any]:
        value = self._read(raw)
        return Pending(lambda: value)

    def _begin(self) -> None:
        self._journal.begin_step(self._name, at_most_once=self._at_most_once)

    def _finish(self, value: Any) -> Raw:
        try:
            raw = Raw(to_json(value))
        except BaseException:
            self._journal.lose_result(self._name)
            raise
        self._journal.finish_step(self._name, raw)
        return raw

    def _block_on(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a step that is a coroutine where the handler is a plain function."""
        self._journal.in_step += 1
        try:
            value = self._invocation.run(self._journal.run(coroutine, self._invocation))
        finally:
            self._journal.in_step -= 1
        self._invocation.check()  # as in ``run``
        return value

    async def _run_coroutine(self, start: Callable[[], Coroutine[Any, Any, Any]], *, has_begun: bool) -> Any:
        import asyncio

        write = self._invocation.write if self._journal.is_written else _call

        async def run() -> Any:
            if not has_begun:
                await write(self._begin)
            value = await start()
            return self._read(await write(lambda: self._finish(value)))

        # Whatever stops the wait does not stop the step: see ``Journal.run``.
        running = asyncio.create_task(run(), name=self._name)
        self._journal.running.add(running)
        return await asyncio.shield(running)


class _PendingStep(Pending[T]):
    """A step that is a coroutine: it runs when it is first waited for.

    Args:
        start: makes the coroutine that runs the step.
        run: runs that coroutine where the handler is a plain function.
    """

    __slots__ = ("_run", "_start", "_value")

    def __init__(
        self, start: Callable[[], Coroutine[Any, Any, T]], run: Callable[[Coroutine[Any, Any, T]], T]
    ) -> None:
        super().__init__(self._block)
        self._start: Callable[[], Coroutine[Any, Any, T]] | None = start
        self._run = run

    def _block(self) -> T:
        if self._start is not None:
            start, self._start = self._start, None
            self._value = self._run(start())
        return self._value

    def __await__(self) -> Generator[Any, None, T]:
        """Run the step on the handler's own loop."""
        if self._start is not None:
            start, self._start = self._start, None
            self._value = yield from start().__await__()
        return self._value


async def _call(work: Callable[[], T]) -> T:
    return work()


def _reader(function: Callable[..., Any]) -> Callable[[Raw], Any]:
    """How a step's result is read back: as the type that its function is annotated to return."""
    try:
        hint = typing.get_type_hints(function, include_extras=True).get("return", Any)
    except (NameError, TypeError, AttributeError):
        hint = Any
    return msgspec.json.decode if hint is Any else codec_of(hint).decode
