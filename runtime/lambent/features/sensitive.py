"""Parameters whose values nobody may read afterwards: those declared so, and those of secret types."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from typing import Any

import msgspec

from lambent.features.functions import VAR_KEYWORD, hints_of, parameters_of
from lambent.features.hints import fields_of, walk
from lambent.features.signature import Signature

_SECRET_TYPES = frozenset({"SecretStr", "SecretBytes", "Secret"})


class Visibility(msgspec.Struct, frozen=True):
    """Which arguments of a feature may be shown.

    Attributes:
        names: the arguments that may be, by every name that clients may use.
        hidden: those that may not.
        others: whether arguments may be that the feature does not name: it takes them as ``**arguments``.
    """

    names: frozenset[str] = frozenset()
    hidden: frozenset[str] = frozenset()
    others: bool = False

    def shows(self, name: str) -> bool:
        """Whether the value of an argument may be shown."""
        return name in self.names or (self.others and name not in self.hidden)


def visibility_of(signature: Signature, declared: frozenset[str] = frozenset()) -> Visibility:
    """Which arguments of a function may be shown.

    Not those that are ``declared`` to be sensitive, whose type is or holds a secret of pydantic, or that are
    the handle of a session, which lets its owner in.
    """
    names, hidden = set[str](), set(declared)
    session = signature.session.name if signature.session is not None else None
    for parameter in signature.parameters:
        wires = {parameter.name, *parameter.wires}
        is_hidden = bool(wires & declared) or parameter.name == session or holds_secret(parameter.hint)
        (hidden if is_hidden else names).update(wires)
    others = False
    if signature.takes_others:
        found = parameters_of(signature.function, hints_of(signature.function))
        others = not any(holds_secret(one.hint) for one in found if one.kind == VAR_KEYWORD)
    return Visibility(frozenset(names), frozenset(hidden), others)


def holds_secret(hint: Any) -> bool:
    """Whether a type is a secret of pydantic, or there is one in it, as in a field of a record."""
    todo, seen = [hint], dict[int, Any]()
    while todo:
        for part in walk([todo.pop()], _fields):
            if _is_secret(part):
                return True
            if id(part) not in seen:
                seen[id(part)] = part
                # What a ``NewType`` and an alias of ``type`` stand for.
                names = ("__supertype__", "__value__")
                todo += [getattr(part, name) for name in names if hasattr(part, name)]
    return False


def _fields(record: type) -> Iterator[Any]:
    yield from fields_of(record).values()
    models = getattr(record, "__pydantic_fields__", {})  # of generic models, with their arguments in place
    yield from (field.annotation for field in models.values())


def _is_secret(part: Any) -> bool:
    part = typing.get_origin(part) or part
    bases = part.__mro__ if isinstance(part, type) else ()
    return any(base.__module__ == "pydantic.types" and base.__name__ in _SECRET_TYPES for base in bases)
