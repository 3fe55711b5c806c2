"""Completion: suggestions for arguments of prompts and templates (server/utilities/completion)."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import msgspec

from lambent.errors import DeclarationError
from lambent.features.signature import Injected, read_signature
from lambent.wire.values import Completion

MAX_VALUES = 100


class Completer(msgspec.Struct, frozen=True):
    """The registered completion function, called as ``function(ref, argument, context)``."""

    function: Callable[..., Any]


def make_completer(function: Callable[..., Any], injected: Injected) -> Completer:
    """Compile a function into the server's completer.

    Raises:
        DeclarationError: it does not take a reference, an argument and a context.
    """
    signature = read_signature(function, injected)
    try:
        inspect.signature(function).bind(None, None, None)
    except TypeError as error:
        raise DeclarationError(f"{signature.name}: a completion takes (ref, argument, context)") from error
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
