"""The standard streams of a process for its host alone: features and their children see others."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from typing import BinaryIO

_private: list[int] = []
"""The descriptors that this process keeps to itself."""


@contextlib.contextmanager
def take_streams() -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """Standard input and output, under descriptors that no child inherits.

    From then on standard input is empty, and standard output goes where standard error goes.
    """
    number_in, number_out = sys.stdin.fileno(), sys.stdout.fileno()
    private_in, private_out = os.dup(number_in), os.dup(number_out)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, number_in)
    os.close(null)
    os.dup2(sys.stderr.fileno(), number_out)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # It writes what was printed so far, too: that is no message either.
        sys.stdout.reconfigure(line_buffering=True)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_forget)
    _private[:] = private_in, private_out
    # A thread may still wait for input in the end: closing the file would wait for that thread.
    lines_in, lines_out = os.fdopen(private_in, "rb", closefd=False), os.fdopen(private_out, "wb")
    try:
        yield lines_in, lines_out
    finally:
        _private.clear()
        with contextlib.suppress(OSError):  # nobody has read the last line
            lines_out.close()


def _forget() -> None:
    """In a forked child: whatever its copies of buffers hold, none of it reaches the client."""
    null = os.open(os.devnull, os.O_RDWR)
    for number in _private:
        os.dup2(null, number, inheritable=False)
    os.close(null)
