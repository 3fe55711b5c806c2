"""What was really done, in its order: how often each stage ran shows here and nowhere else.

A stage is an effect on the world outside, such as a query that is paid for. However often a report is
interrupted, retried or asked a question, each of its stages has to be here once.
"""

import os
from functools import cache
from typing import Protocol


class Journal(Protocol):
    """Where effects are recorded."""

    def enter(self, line: str) -> None:
        """Record one."""

    def lines(self) -> list[str]:
        """All of them, the oldest first."""


class MemoryJournal:
    """A journal that lasts as long as its process."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def enter(self, line: str) -> None:
        """See ``Journal.enter``."""
        self._lines.append(line)

    def lines(self) -> list[str]:
        """See ``Journal.lines``."""
        return list(self._lines)


class FileJournal:
    """A journal in a file that the processes of one machine share.

    Args:
        path: The file, made if it does not exist.
    """

    def __init__(self, path: str) -> None:
        self._path = path

    def enter(self, line: str) -> None:
        """See ``Journal.enter``."""
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(f"{line}\n")

    def lines(self) -> list[str]:
        """See ``Journal.lines``."""
        with open(self._path, encoding="utf-8") as file:
            return file.read().splitlines()


@cache
def journal() -> Journal:
    """The journal that `REPORT_JOURNAL` names."""
    path = os.environ.get("REPORT_JOURNAL")
    return FileJournal(path) if path else MemoryJournal()
