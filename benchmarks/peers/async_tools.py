"""The same tools as ``async def``: peers that run plain functions on threads are faster with these."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from peers.tools import PLAIN
from peers.tools import many as plain_many


def _async(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    async def tool(**arguments: Any) -> Any:
        return function(**arguments)

    return tool


ASYNC = tuple(map(_async, PLAIN))


def many(count: int) -> list[Callable[..., Any]]:
    """Make tools ``add_0`` to ``add_<count - 1>``."""
    return [_async(function) for function in plain_many(count)]
