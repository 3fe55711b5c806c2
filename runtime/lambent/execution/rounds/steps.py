"""Steps: the parts of a handler whose results its journal keeps; see ``Context.step``."""

from __future__ import annotations

import typing
from collections.abc import Callable, Generator, Iterable
from types import CoroutineType
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from msgspec import Raw

from lambent.errors import DeadlineReached, Suspend
from lambent.execution.failures import is_interrupt
from lambent.execution.rounds.journal import Journal, log_cut
from lambent.execution.rounds.pending import Pending
from lambent.features.codecs import Codec, codec_of, to_json
from lambent.features.functions import is_coroutine_function

if TYPE_CHECKING:
    import asyncio

    from lambent.execution.invocation import Invocation

T = TypeVar("T")


class Step(Pending[Any]):
    """A step in one run of its handler; one that is a coroutine runs when it is first waited for.

    ``function`` is what the handler passed: its annotation says as which type the result is read back.
    """

    def __init__(
        self,
        name: str,
        function: Callable[..., Any],
        at_most_once: bool,
        journal: Journal,
        invocation: Invocation,
    ) -> None:
        super().__init__(self._block)
        self._name = name
        self._function = function
        self._at_most_once = at_most_once
        self._journal = journal
        self._invocation = invocation
        self._codec = _codec_of_result(function)
        self._has_begun = False
        self._running: asyncio.Task[Any] | None = None

    def start(self, work: Callable[[], Any]) -> Pending[Any]:
        """Give the result of an earlier run; else call ``work``, now or when its coroutine is waited for."""
        known = self._journal.find_step(self._name)
        if known is not None:
            return self._known(known)
        self._work = work
        if is_coroutine_function(self._function):
            self._journal.idle.add(self._name)
            return self
        self._begin()
        self._journal.in_step.append(self._name)
        try:
            result = work()
            if isinstance(result, CoroutineType):
                self._work = lambda: result
                self._journal.idle.add(self._name)
                return self
            raw = self._finish(result)
        except Suspend:
            self._journal.forget_intent(self._name)
            raise
        except DeadlineReached:
            log_cut(self._invocation, self._name)
            raise
        finally:
            self._journal.in_step.remove(self._name)
        self._invocation.check()  # the time may have been up while the step ran
        return self._known(raw)

    def _known(self, raw: Raw) -> Pending[Any]:
        value = self._read(raw)
        return Pending(lambda: value)

    def _read(self, raw: Raw) -> Any:
        return msgspec.json.decode(raw) if self._codec is None else self._codec.decode(raw)

    def _begin(self) -> None:
        self._journal.begin_step(self._name, at_most_once=self._at_most_once)
        self._has_begun = True

    def _finish(self, value: Any) -> Raw:
        try:
            raw = Raw(to_json(value) if self._codec is None else self._codec.encode(value))
        except BaseException:
            self._journal.lose_result(self._name)
            raise
        self._journal.finish_step(self._name, raw)
        return raw

    def __await__(self) -> Generator[Any, None, Any]:
        """Run the step on the handler's own loop; whatever stops the wait does not stop the step."""
        import asyncio

        if self._running is None:
            self._journal.idle.discard(self._name)
            self._running = asyncio.create_task(self._run(), name=self._name)
            self._journal.running.add(self._running)
        return (yield from asyncio.shield(self._running).__await__())

    def _block(self) -> Any:
        """Run the step where the handler is a plain function."""
        if self._running is not None and self._running.done():
            return self._running.result()
        self._journal.in_step.append(self._name)
        try:
            value = self._invocation.finish(self._wait(), self._journal)
        finally:
            self._journal.in_step.remove(self._name)
        self._invocation.check()  # as in ``start``
        return value

    async def _wait(self) -> Any:
        return await self

    async def _run(self) -> Any:
        write = self._invocation.write if self._journal.is_written else _call
        if not self._has_begun:
            self._journal.check_open()
            await write(self._begin)
        try:
            value = await self._work()
        except Suspend:
            await write(lambda: self._journal.forget_intent(self._name))
            raise
        except (SystemExit, KeyboardInterrupt) as error:
            if is_interrupt(error):
                raise
            # From a task these two would end the event loop, and with it every other call of the process.
            raise RuntimeError(f"The step {self._name!r} raised {type(error).__name__}") from error
        return self._read(await write(lambda: self._finish(value)))


def check_step(name: Any, function: Any, arguments: Iterable[Any]) -> None:
    """Refuse arguments of ``Context.step`` that cannot mean what they say.

    Raises:
        TypeError: the name is no text, the function was called already, or an argument is not waited for.
    """
    if not isinstance(name, str):
        raise TypeError(f"The first argument of ctx.step is the step's name, a text: this is {_show(name)}")
    if isinstance(function, CoroutineType):
        function.close()  # else it would be reported once more, as never awaited
    if isinstance(function, Pending) or not callable(function):
        raise TypeError(
            f"The step {name!r} takes a function and its arguments, ctx.step({name!r}, function, argument), "
            f"so that it is called once: this is {_show(function)}"
        )
    if any(isinstance(argument, Pending) for argument in arguments):
        raise TypeError(
            f"An argument of the step {name!r} is a Pending: await it in async def, or call .result() in def"
        )


def _show(value: Any) -> str:
    """What a value is, without what it says."""
    kinds = {CoroutineType: "a coroutine, so the function was called already", Pending: "a Pending"}
    return kinds.get(type(value), f"of type {type(value).__name__}")


async def _call(work: Callable[[], T]) -> T:
    return work()


def _codec_of_result(function: Callable[..., Any]) -> Codec | None:
    """How a step's result is kept: as the type that its function is annotated to return, if it is.

    Raises:
        DeclarationError: neither adapter can handle the type.
    """
    try:
        hint = typing.get_type_hints(function, include_extras=True).get("return", Any)
    except (NameError, TypeError, AttributeError):
        hint = Any
    return None if hint is Any else codec_of(hint, "keep")
