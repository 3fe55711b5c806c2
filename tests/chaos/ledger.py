"""A file that all processes append to: what they did, and when. Who is killed has written whole lines."""

import os
import time
from pathlib import Path
from typing import Any

import msgspec


class Line(msgspec.Struct, omit_defaults=True):
    """Something that was done.

    Attributes:
        at: when, in nanoseconds of the clock that all processes of a machine share.
        pid: by which process.
        what: ``effect`` (a step took effect), ``noted`` (a write of a task was acknowledged), ``killed``,
            ``acknowledged`` (a client was given a task), ``fault`` (something was made to go wrong),
            ``died`` (a worker was out of time), ``idle`` (an invocation of a worker has ended), ``begun`` and
            ``ended`` (a step of a call), ``interrupted`` (a call was told that a step had begun before),
            ``attempt`` (an endpoint is sent something), ``failed`` (a message has to come again).
        task: which task, call, or URL of an endpoint.
        name: the step, the fault, the status, or the process that was killed.
        owner: of the lease, where one was written or is held.
        steps: what the record holds; of ``begun``: what the table should hold and does not.
        value: what the step gives, different each time that it runs.
        until: when the lease is over, as ``at``.
        recorded: the table had a result of the step already.
    """

    at: int
    pid: int
    what: str
    task: str = ""
    name: str = ""
    owner: str = ""
    steps: tuple[str, ...] = ()
    value: str = ""
    until: int = 0
    recorded: bool = False


class Ledger:
    """Appends lines.

    Args:
        path: the file, which is made if need be.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def write(self, what: str, **fields: Any) -> None:
        """Append a line, in one piece."""
        line = Line(time.monotonic_ns(), os.getpid(), what, **fields)
        os.write(self._file, msgspec.json.encode(line) + b"\n")

    def close(self) -> None:
        os.close(self._file)


def read(path: Path) -> list[Line]:
    """Every line, in the order of time."""
    lines = [msgspec.json.decode(line, type=Line) for line in path.read_bytes().splitlines()]
    return sorted(lines, key=lambda line: line.at)


def of_call(path: Path, call: str) -> list[Line]:
    """The lines of one task or call, as they were written."""
    mark = call.encode()
    return [msgspec.json.decode(line, type=Line) for line in path.read_bytes().splitlines() if mark in line]
