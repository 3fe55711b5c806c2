"""Parameters that the server fills in, and functions that tell of the call that runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from contextlib import AbstractAsyncContextManager, AbstractContextManager, AsyncExitStack
from typing import TYPE_CHECKING, Any

from lambent.compat.fastmcp.current import find_context, get_context

if TYPE_CHECKING:
    from lambent.compat.fastmcp.server import FastMCP

_NOT_PASSED_ON = frozenset(
    {
        "accept", "authorization", "connection", "content-length", "content-type", "cookie", "expect", "host",
        "keep-alive", "mcp-session-id", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te",
        "trailer", "transfer-encoding", "upgrade",
    }
)  # fmt: skip
"""Headers that are of one connection or for one server, so that they would be wrong in another request."""


class Dependency:
    """The default of a parameter that the server fills in.

    Args:
        find: gives the value: a plain function, a coroutine function, or one that makes a context manager,
            which is left when the call ends. Its parameters may have such defaults too.
    """

    def __init__(self, find: Callable[..., Any]) -> None:
        self.find = find


def Depends(dependency: Callable[..., Any]) -> Any:  # noqa: N802 - FastMCP's name
    """The value that a function gives, once a call."""
    return Dependency(dependency)


async def resolve(
    dependencies: Mapping[str, Dependency],
    stack: AsyncExitStack,
    known: dict[Callable[..., Any], Any] | None = None,
) -> dict[str, Any]:
    """The values of dependencies, each function called once.

    Args:
        dependencies: by the names of parameters.
        stack: leaves what they open.
        known: the values that there are already, by function.
    """
    known = {} if known is None else known
    found = {}
    for name, dependency in dependencies.items():
        if dependency.find not in known:
            known[dependency.find] = await _value(dependency.find, stack, known)
        found[name] = known[dependency.find]
    return found


async def _value(
    find: Callable[..., Any], stack: AsyncExitStack, known: dict[Callable[..., Any], Any]
) -> Any:
    from lambent.compat.fastmcp.calling import dependencies_of
    from lambent.compat.fastmcp.context import Context
    from lambent.features.functions import hints_of, parameters_of
    from lambent.features.hints import mentions

    kwargs = await resolve(dependencies_of(find), stack, known)
    names = [one.name for one in parameters_of(find, {}) if one.name not in kwargs]
    hints = hints_of(find) if names else {}
    kwargs |= {name: get_context() for name in names if mentions(hints.get(name), Context)}
    value = find(**kwargs)
    if hasattr(type(value), "__await__"):
        value = await value
    if isinstance(value, AbstractAsyncContextManager):
        return await stack.enter_async_context(value)
    return stack.enter_context(value) if isinstance(value, AbstractContextManager) else value


def get_server() -> FastMCP:
    """The server whose feature is called.

    Raises:
        RuntimeError: no call runs here.
    """
    return get_context().fastmcp


def get_http_request() -> Any:
    """The HTTP request, as Starlette has it, which has to be installed.

    Raises:
        RuntimeError: no HTTP request is being answered.
    """
    request = get_context().http_request
    if request is None:
        raise RuntimeError("No HTTP request is being answered")
    return request


def get_http_headers(include_all: bool = False, include: Set[str] | None = None) -> dict[str, str]:
    """The headers of the request, names in lower case; none where no HTTP request is being answered.

    Args:
        include_all: also those that are wrong in another request, such as ``authorization`` and ``host``.
        include: names of these that are wanted nevertheless.
    """
    context = find_context()
    if context is None:
        return {}
    wanted = {name.lower() for name in include or ()}
    return {
        name: value
        for name, value in context.headers.items()
        if include_all or name not in _NOT_PASSED_ON or name in wanted
    }


def CurrentContext() -> Any:  # noqa: N802 - FastMCP's names, here and below
    """The context of the call."""
    return Dependency(get_context)


def CurrentFastMCP() -> Any:  # noqa: N802
    """The server."""
    return Dependency(get_server)


def CurrentRequest() -> Any:  # noqa: N802
    """See ``get_http_request``."""
    return Dependency(get_http_request)


def CurrentHeaders() -> Any:  # noqa: N802
    """See ``get_http_headers``, all of them."""
    return Dependency(_all_headers)


def _all_headers() -> dict[str, str]:
    return get_http_headers(include_all=True)
