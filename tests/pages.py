"""The pages of the documentation, and the blocks of code in them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).parents[1]
FENCE = re.compile(
    r"^(?: *<!-- (?P<note>[^\n]*?) -->\n)? *```(?P<language>[a-z]*)[^\n]*\n(?P<code>.*?)^ *```$",
    re.MULTILINE | re.DOTALL,
)
RUN_BY = re.compile(r"run by (tests/[\w/.]+)(: .*)?")
NOT_RUN = re.compile(r"not run: \w.*")


@dataclass
class Block:
    """A block of code of a page, and the comment in the line above it."""

    language: str
    code: str
    note: str
    line: int

    @property
    def is_excused(self) -> bool:
        """Whether the comment says which test runs it, or why none does."""
        if found := RUN_BY.fullmatch(self.note):
            assert (ROOT / found[1]).exists(), found[1]
            return True
        return NOT_RUN.fullmatch(self.note) is not None


def blocks(page: Path) -> Iterator[Block]:
    """The blocks of code of a page."""
    text = page.read_text(encoding="utf-8")
    for found in FENCE.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        yield Block(found["language"], dedent(found["code"]), found["note"] or "", line)
