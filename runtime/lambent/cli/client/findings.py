"""What `lambent doctor` finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "note", "wrong"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        level: ``wrong`` is what keeps clients out; ``note`` is what one should know.
        subject: What was looked at, in a word or two.
        text: What was found.
        advice: What to do; empty where there is nothing to do.
    """

    level: Level
    subject: str
    text: str
    advice: str = ""
