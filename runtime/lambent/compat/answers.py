"""Answers of clients to what a handler asks, by the names of the official SDK."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import msgspec
from msgspec import Raw

from lambent.errors import InvalidParamsError
from lambent.execution.rounds.journal import Journal
from lambent.wire.values import Root, SamplingResult


class ElicitResult(msgspec.Struct, frozen=True):
    """What a user answers: ``content`` is what they filled in, where they agreed to a form."""

    action: Literal["accept", "decline", "cancel"]
    content: dict[str, Any] | None = None


class ListRootsResult(msgspec.Struct, frozen=True):
    """The folders that a server may work on; it can be gone through as a list of them, too."""

    roots: list[Root]

    def __iter__(self) -> Iterator[Root]:
        """Each of them."""
        return iter(self.roots)

    def __len__(self) -> int:
        """How many there are."""
        return len(self.roots)

    def __getitem__(self, index: int) -> Root:
        """One of them."""
        return self.roots[index]


CreateMessageResult = SamplingResult
"""What a client's model says."""


def input_responses(journal: Journal) -> Mapping[str, Any] | None:
    """The answers to the questions of an ``InputRequiredResult``; None before there are any.

    Raises:
        InvalidParamsError: one is no answer to anything.
    """
    return {key: _read(key, raw) for key, raw in journal.given().items()} or None


def _read(key: str, raw: Raw) -> Any:
    try:
        members = msgspec.json.decode(raw, type=dict[str, Any])
        kind: Any = ElicitResult
        if "roots" in members:
            kind = ListRootsResult
        elif "role" in members:
            kind = SamplingResult
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise InvalidParamsError(f"Invalid input response for {key!r}: {error}") from None


def elicit_result(answer: Any) -> ElicitResult:
    """The answer to ``ctx.elicit`` as ``ctx.session.elicit_form`` gives it."""
    return ElicitResult(answer.action, getattr(answer, "data", None))
