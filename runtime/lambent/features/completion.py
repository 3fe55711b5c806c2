"""Completion: suggestions for arguments of prompts and templates (server/utilities/completion)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from lambent.errors import DeclarationError
from lambent.features.functions import (
    KEYWORD_ONLY,
    POSITIONAL_OR_KEYWORD,
    VAR_POSITIONAL,
    name_of,
    parameters_of,
)
from lambent.wire.values import Completion

MAX_VALUES = 100


def check_completer(function: Callable[..., Any]) -> None:
    """Check that a function can be called as ``function(ref, argument, context)``.

    Raises:
        DeclarationError: it cannot.
    """
    parameters = parameters_of(function, {})
    positional = [item for item in parameters if item.kind <= POSITIONAL_OR_KEYWORD]
    others = positional[3:] + [item for item in parameters if item.kind == KEYWORD_ONLY]
    takes_three = len(positional) >= 3 or any(item.kind == VAR_POSITIONAL for item in parameters)
    if not takes_three or any(item.default is msgspec.NODEFAULT for item in others):
        raise DeclarationError(f"{name_of(function)}: a completion takes (ref, argument, context)")


def render(value: Any) -> Completion:
    """Turn what a completer returned into a completion of at most 100 values.

    Raises:
        TypeError: the value is neither a completion nor a list of strings.
    """
    from lambent.features.contents import native

    value = native(value)
    if value is None or isinstance(value, list | tuple):
        value = Completion(values=list(value or ()))
    if not isinstance(value, Completion) or not all(isinstance(item, str) for item in value.values):
        raise TypeError("A completion returns a Completion or a list of strings")
    if len(value.values) <= MAX_VALUES:
        return value
    return Completion(
        values=value.values[:MAX_VALUES],
        total=value.total if value.total is not None else len(value.values),
        has_more=True,
    )
