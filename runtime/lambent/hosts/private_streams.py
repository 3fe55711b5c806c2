"""The standard streams of a process for its host alone: features and their children see others."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from typing import BinaryIO

_IN, _OUT, _ERR = range(3)

_private: list[int] = []
"""The descriptors that this process keeps to itself."""


@contextlib.contextmanager
def take_streams() -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """Standard input and output, under descriptors that no child inherits.

    From then on standard input is empty, and standard output goes where standard error goes. These are the
    descriptors of the process, whatever an app has put in the place of ``sys.stdout`` and the others.
    """
    null = os.open(os.devnull, os.O_RDWR)
    if null == _ERR:  # the process was started without standard error
        os.set_inheritable(null, True)
    private_in, private_out = os.dup(_IN), os.dup(_OUT)
    os.dup2(null, _IN)
    if null > _ERR:
        os.close(null)
    os.dup2(_ERR, _OUT)
    for stream in (sys.stdout, sys.__stdout__):
        if isinstance(stream, io.TextIOWrapper):
            with contextlib.suppress(ValueError):  # it is closed, or the app has taken its buffer
                # It writes what was printed so far, too: that is no message either.
                stream.reconfigure(line_buffering=True)
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
