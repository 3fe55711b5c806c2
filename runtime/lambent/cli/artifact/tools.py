"""The tools that make artifacts, which are programs of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from lambent.cli.errors import CommandError


class BundleError(CommandError):
    """There is no artifact; the message says what to do."""


def find_uv() -> list[str | Path]:
    """The command of uv: beside this interpreter, or on PATH.

    Raises:
        BundleError: there is none.
    """
    for place in (Path(sys.executable).with_name("uv"), shutil.which("uv")):
        if place and os.access(place, os.X_OK):
            return [place]
    raise BundleError("uv is needed, which installs for Linux: pip install uv, or the extra lambent[dev]")


def run(
    command: Sequence[str | Path],
    environment: Mapping[str, str] = MappingProxyType({}),
    stdin: str = "",
    folder: Path | None = None,
) -> str:
    """Run a tool; what it prints.

    Args:
        command: the tool and its arguments.
        environment: variables besides those of this process.
        stdin: its input.
        folder: where it runs; None for the current folder.

    Raises:
        BundleError: it failed; the message has what it printed.
    """
    done = subprocess.run(  # noqa: S603 - uv, or an interpreter of the user's own
        list(map(str, command)),
        env={**os.environ, **environment},
        input=stdin,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BundleError(f"{' '.join(map(str, command))} failed:\n{done.stdout}{done.stderr}")
    return done.stdout
