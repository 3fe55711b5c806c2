"""The gateway's own lines on the terminal."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TextIO


class Log:
    """Writes lines to standard error, or to a file.

    Args:
        stream: Where to; None looks `sys.stderr` up for every line.
        quiet: Whether to leave out the line for each request.
    """

    def __init__(self, stream: TextIO | None = None, *, quiet: bool = False) -> None:
        self._stream = stream
        self._quiet = quiet
        self._last_import_error = ""

    def note(self, text: str) -> None:
        """Write something that the developer should know.

        Args:
            text: One line, or several.
        """
        print(text.rstrip("\n"), file=self._stream or sys.stderr, flush=True)

    def access(self, text: str) -> None:
        """Write the line of a request, unless the log is quiet.

        Args:
            text: The line.
        """
        if not self._quiet:
            self.note(text)

    def calls(self, text: str, calls: Sequence[str]) -> None:
        """Write the line of a request, or one for each MCP call in it, unless the log is quiet.

        Args:
            text: What there is to say of the request.
            calls: What there is to say of each call.
        """
        for call in calls or [""]:
            self.access(f"{text} {call}".rstrip())

    def import_failed(self, name: str, error: str) -> None:
        """Write that an environment could not import the app; an error that is repeated is written in brief.

        Args:
            name: The environment.
            error: The traceback.
        """
        if error == self._last_import_error:
            self.note(f"{name}: import failed: {last_line(error)}")
            return
        self._last_import_error = error
        self.note(f"{name}: the app cannot be imported\n{error}")

    def imported(self) -> None:
        """Clear the last import error: the next one is written in full."""
        self._last_import_error = ""


def last_line(text: str) -> str:
    """The line of a traceback that names the error.

    Args:
        text: The traceback.

    Returns:
        Its last line.
    """
    return text.strip().rpartition("\n")[2].strip()
