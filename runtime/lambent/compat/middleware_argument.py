"""The argument ``middleware`` of ``MCPServer``, as the official SDK has it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from lambent.server import MCPServer as NativeServer

if TYPE_CHECKING:
    from lambent.compat.middleware import Wrap
    from lambent.execution.call import Call, Handler


class WithMiddleware(NativeServer):
    """The part of ``MCPServer`` that has middleware.

    Args:
        name: identifies the server.
        middleware: ``async def middleware(ctx, call_next)`` functions around every request, outermost first.
        options: the other arguments.
    """

    def __init__(self, name: str, *, middleware: Sequence[Wrap] | None = None, **options: Any) -> None:
        self._wraps = list(middleware or ())
        super().__init__(name, middleware=[self._run_wraps], **options)

    @property
    def middleware(self) -> list[Wrap]:
        """The functions around every request, outermost first; the list may be changed."""
        return self._wraps

    def _run_wraps(self, call: Call, following: Handler) -> Any:
        return self._chain(call, following) if self._wraps else following(call)

    @functools.cached_property
    def _chain(self) -> Callable[[Call, Handler], Any]:
        from lambent.compat.middleware import chained  # loaded where there is middleware

        return chained(self._wraps)
