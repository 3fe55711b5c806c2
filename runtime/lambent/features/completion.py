"""Completion: suggestions for arguments of prompts and templates (server/utilities/completion)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from lambent.errors import DeclarationError
from lambent.features.functions import (
    POSITIONAL_ONLY,
    POSITIONAL_OR_KEYWORD,
    VAR_KEYWORD,
    VAR_POSITIONAL,
    name_of,
    parameters_of,
)
from lambent.wire.values import Completion

MAX_VALUES = 100


class Completer(msgspec.Struct, frozen=True):
    """The registered completion function, called as ``function(ref, argument, context)``."""

    function: Callable[..., Any]


def make_completer(function: Callable[..., Any]) -> Completer:
    """Make a function the server's completer.

    Raises:
        DeclarationError: it does not take a reference, an argument and a context.
    """
    parameters = parameters_of(function, {})
    positional = [item for item in parameters if item.kind in (POSITIONAL_ONLY, POSITIONAL_OR_KEYWORD)]
    takes_more = any(item.kind == VAR_POSITIONAL for item in parameters)
    others = [item for item in parameters if item not in positional[:3]]
    is_complete = all(
        item.default is not msgspec.NODEFAULT or item.kind in (VAR_POSITIONAL, VAR_KEYWORD) for item in others
    )
    if not is_complete or (len(positional) < 3 and not takes_more):
        raise DeclarationError(f"{name_of(function)}: a completion takes (ref, argument, context)")
    return Completer(function)


def render(value: Any) -> Completion:
    """Turn what a completer returned into a completion of at most 100 values.

    Raises:
        TypeError: the value is neither a completion nor a list of strings.
    """
    if value is None:
        value = Completion(values=[])
    elif isinstance(value, list | tuple):
        value = Completion(values=list(value))
    if not isinstance(value, Completion) or not all(isinstance(item, str) for item in value.values):
        raise TypeError("A completion returns a Completion or a list of strings")
    if len(value.values) <= MAX_VALUES:
        return value
    return Completion(
        values=value.values[:MAX_VALUES],
        total=value.total if value.total is not None else len(value.values),
        has_more=True,
    )
