"""The arguments of ``MCPServer`` for middleware, as the official SDK has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lambent.compat.middleware import chained
from lambent.server import MCPServer as NativeServer

if TYPE_CHECKING:
    from lambent.compat.middleware import Wrap


class Extending(NativeServer):
    """The part of ``MCPServer`` that has middleware.

    Args:
        name: identifies the server.
        middleware: ``async def middleware(ctx, call_next)`` functions around every request, outermost first.
        options: the other arguments.
    """

    def __init__(self, name: str, *, middleware: Sequence[Wrap] | None = None, **options: Any) -> None:
        self._wraps = list(middleware or ())
        super().__init__(name, middleware=[chained(self._wraps)], **options)

    @property
    def middleware(self) -> list[Wrap]:
        """The functions around every request, outermost first; the list may be changed."""
        return self._wraps
