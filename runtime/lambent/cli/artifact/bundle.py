"""Makes an artifact: a folder with what Lambda imports."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from lambent.cli.artifact.bytecode import FUNCTION, compile_sources, find_python
from lambent.cli.artifact.contents import strip
from lambent.cli.artifact.packages import install

TIMESTAMP: Final = 315_619_200
"""1980-01-02, in seconds: the first whole day that a zip can name in every time zone."""


def bundle(
    target: Path,
    *,
    requirements: Path | None = None,
    packages: Sequence[str] = (),
    dependencies: bool = True,
    shown_at: str = FUNCTION,
    architecture: str = "x86_64",
    python: str = "3.13",
    bytecode: bool = True,
    users: Sequence[Path] = (),
    streams: bool = False,
) -> None:
    """Fill a folder with what Lambda imports.

    The same inputs give the same bytes, so that a layer that did not change gets no new version.

    Args:
        target: the folder, made if it is not there; files in it stay and are compiled as well.
        requirements: a file of requirements.
        packages: further ones: requirements, wheels, or folders of projects.
        dependencies: whether what these need is installed too.
        shown_at: the path that the folder has in Lambda; tracebacks and bytecode name it.
        architecture: ``x86_64`` or ``arm64``.
        python: the version of Python that Lambda runs, such as ``3.13``.
        bytecode: whether to compile; without a Python of that version there is none, which is said.
        users: of a layer, the folders of all functions that use it: what of the library none of their modules
            names is left out, as it is in the folder of a function.
        streams: responses may be sent while calls run; see ``write_entry_points``.

    Raises:
        BundleError: something cannot be installed or compiled.
    """
    target.mkdir(parents=True, exist_ok=True)
    is_function = shown_at == FUNCTION and any(target.rglob("*.py"))
    install(
        target,
        requirements=requirements,
        packages=packages,
        dependencies=dependencies,
        architecture=architecture,
        python=python,
    )
    strip(target, (target,) if is_function else users, streams=streams)
    if bytecode:
        interpreter = find_python(python)
        if interpreter is None:
            print(
                f"no Python {python} on this machine: no bytecode, so every cold start compiles. "
                f"Install one, for example with `uv python install {python}`.",
                file=sys.stderr,
            )
        else:
            compile_sources(target, interpreter, shown_at)
    for path in (target, *target.rglob("*")):
        os.utime(path, (TIMESTAMP, TIMESTAMP))
