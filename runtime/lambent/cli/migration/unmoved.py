"""What does not move."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Unmoved:
    """Something that does not move, or that is left to do.

    Attributes:
        line: where it stands, counted from 1.
        name: the name, with its module.
        reason: why it stays.
        anchor: the heading of docs/porting.md that says more.
        is_client: it belongs to clients, for which the SDK stays what it is.
    """

    line: int
    name: str
    reason: str
    anchor: str
    is_client: bool = False
