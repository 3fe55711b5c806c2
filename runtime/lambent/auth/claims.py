"""The claims of a token, as all calls with that token share them: nobody can change them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn


class Claims(dict[str, Any]):
    """A dictionary that cannot be changed, and whose lists are tuples; ``dict(claims)`` is one that can be.

    Raises:
        TypeError: somebody tries to change it.
    """

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("Claims are shared by all calls with the token: change a copy, dict(claims)")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[type[dict[str, Any]], tuple[dict[str, Any]]]:
        """Copies, deep ones and pickled ones are plain dictionaries."""
        return dict, (dict(self),)


def read_only(claims: Mapping[str, Any]) -> Claims:
    """Claims with everything in them as it cannot be changed."""
    return Claims({name: _fixed(value) for name, value in claims.items()})


def _fixed(value: Any) -> Any:
    if isinstance(value, dict):
        return read_only(value)
    return tuple(map(_fixed, value)) if isinstance(value, list) else value
