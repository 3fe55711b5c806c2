"""The part of Jinja that the files of the project's template use, so that no library is needed for it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_TAG: Final = re.compile(r"\s*\{%- (if [^%]*|else|endif) %\}")
"""A block tag with the blanks and line ends before it, which its hyphen removes."""

_VALUE: Final = re.compile(r"\{\{ ?cookiecutter\.(\w+) ?\}\}")

Values = Mapping[str, str | bool]


def render(text: str, values: Values) -> str:
    """Fill in a file, or the name of one.

    Args:
        text: With ``{{ cookiecutter.name }}``, ``{%- if cookiecutter.one and cookiecutter.other %}``,
            ``{%- else %}`` and ``{%- endif %}``.
        values: By their names.

    Raises:
        KeyError: There is no such value.
        ValueError: Blocks do not end where they should.
    """
    kept: list[str] = []
    # For each block that is open: whether its text is kept.
    blocks: list[bool] = []
    pieces = _TAG.split(text)
    for number, piece in enumerate(pieces):
        if number % 2 == 0:
            if all(blocks):
                kept.append(piece)
        elif piece.startswith("if "):
            blocks.append(_holds(piece.removeprefix("if "), values))
        elif not blocks:
            raise ValueError(f"{piece} without if")
        elif piece == "else":
            blocks[-1] = not blocks[-1]
        else:
            blocks.pop()
    if blocks:
        raise ValueError("if without endif")
    return _VALUE.sub(lambda found: str(values[found[1]]), "".join(kept))


def _holds(condition: str, values: Values) -> bool:
    return all(bool(values[name.strip().removeprefix("cookiecutter.")]) for name in condition.split(" and "))
