"""Advice on declarations of tools that work and are seldom meant: a line each, when the decorator runs."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

from lambent.errors import DeclarationWarning
from lambent.features.signature import Signature
from lambent.features.tool_names import MAX_LENGTH, is_tool_name, not_allowed

_DECORATED = 3
"""The frames from ``warnings.warn`` to the line with the decorator."""


def advise(signature: Signature) -> None:
    """Warn of what is seldom meant.

    Servers that move here from other libraries have such tools, so they are not refused.

    Warns:
        DeclarationWarning: for the name, and for each parameter without a type.
    """
    for text in (*_of_name(signature.name), *_of_parameters(signature)):
        warnings.warn(text, DeclarationWarning, stacklevel=_DECORATED)


def _of_name(name: str) -> Iterator[str]:
    if is_tool_name(name):
        return
    problem = f"has {len(name)} characters" if not (chars := not_allowed(name)) else f"has {chars}"
    yield (
        f"The tool name {name!a} {problem}, and clients may refuse it: write a name of 1 to {MAX_LENGTH} "
        'letters, digits, "_", "-" and ".", as in @mcp.tool("get_order")'
    )


def _of_parameters(signature: Signature) -> Iterator[str]:
    for name in signature.untyped:
        advice = f"write a type, as in {name}: str, or {name}: Any where anything is meant"
        if name in ("ctx", "context"):
            advice = f"write {name}: Context for the call's context, or a type, as in {name}: str"
        yield (
            f"{signature.name}: parameter {name!r} has no type, so clients are told nothing of it and may "
            f"send anything: {advice}"
        )
