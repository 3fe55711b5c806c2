"""Lifespans that are put together by ``|``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

_Enter = Callable[[Any], AbstractAsyncContextManager[Any]]


class Lifespan:
    """A function that makes an asynchronous context manager for a server, and can be joined to others."""

    def __init__(self, enter: _Enter) -> None:
        self._enter = enter

    def __call__(self, server: Any) -> AbstractAsyncContextManager[Any]:
        """Make the context manager."""
        return self._enter(server)

    def __or__(self, other: _Enter) -> Lifespan:
        """Both, entered in this order and left in reverse; what they give is joined."""
        if not callable(other):
            return NotImplemented

        @asynccontextmanager
        async def both(server: Any) -> AsyncIterator[dict[str, Any]]:
            async with AsyncExitStack() as stack:
                first = await stack.enter_async_context(self(server))
                second = await stack.enter_async_context(other(server))
                yield {**(first or {}), **(second or {})}

        return Lifespan(both)


def lifespan(function: Callable[..., Any]) -> Lifespan:
    """Make a lifespan of an asynchronous generator function that takes the server and yields a dict."""
    return Lifespan(asynccontextmanager(function))


def combine_lifespans(*lifespans: _Enter) -> _Enter:
    """The lifespans of an application and of what is mounted in it: the last one is left first."""

    @asynccontextmanager
    async def combined(app: Any) -> AsyncIterator[dict[str, Any]]:
        async with AsyncExitStack() as stack:
            state: dict[str, Any] = {}
            for enter in lifespans:
                state |= await stack.enter_async_context(enter(app)) or {}
            yield state

    return combined
