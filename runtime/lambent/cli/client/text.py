"""Texts of servers, written so that they cannot control the terminal."""

from __future__ import annotations

import unicodedata
from typing import Final

# Directions of writing, by which a text can look like another one.
_BIDIRECTIONAL: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_CATEGORIES: Final = frozenset({"Cc", "Cs", "Co", "Cn", "Zl", "Zp"})


def printable(text: object) -> str:
    """Escape what controls a terminal; the ends of lines and tabs stay.

    Args:
        text: Anything that a server has sent.
    """
    return "".join(one if one in "\n\t" else _escaped(one) for one in str(text).replace("\r\n", "\n"))


def one_line(text: object) -> str:
    """Escape what controls a terminal, ends of lines too.

    Args:
        text: Anything that a server has sent.
    """
    return "".join(map(_escaped, str(text)))


def _escaped(one: str) -> str:
    if one in _BIDIRECTIONAL or unicodedata.category(one) in _CATEGORIES:
        return one.encode("unicode_escape").decode()
    return one
