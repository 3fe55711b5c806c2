"""Source text by the positions of its syntax tree, and changes of it that leave the rest as it is."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

_LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """A change.

    Attributes:
        start: where the text begins that is replaced.
        end: where it ends.
        text: what comes in its place.
    """

    start: int
    end: int
    text: str


class Source:
    """A text whose parts are found by line and column.

    Args:
        text: the source of a module, with its line ends as they are.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.starts = [0, *(found.end() for found in _LINE_END.finditer(text))]

    @property
    def line_end(self) -> str:
        """What ends its lines: that of the first one."""
        found = _LINE_END.search(self.text)
        return found.group() if found else "\n"

    def offset(self, line: int, column: int) -> int:
        """The index of a position.

        Args:
            line: counted from 1.
            column: in bytes of UTF-8, as syntax trees have it.
        """
        start = self.starts[line - 1]
        end = self.starts[line] if line < len(self.starts) else len(self.text)
        return start + len(self.text[start:end].encode()[:column].decode())

    def span(self, node: Any) -> tuple[int, int]:
        """Where a node begins and ends."""
        return self.offset(node.lineno, node.col_offset), self.offset(node.end_lineno, node.end_col_offset)

    def begins_line(self, node: Any) -> bool:
        """Whether nothing stands in front of a statement in its line."""
        start, _ = self.span(node)
        return not self.text[self.starts[node.lineno - 1] : start].strip()

    def changed(self, edits: Iterable[Edit]) -> str:
        """The text with changes, which must not overlap."""
        pieces, at = [], 0
        for edit in sorted(edits):
            pieces += [self.text[at : edit.start], edit.text]
            at = edit.end
        return "".join([*pieces, self.text[at:]])
