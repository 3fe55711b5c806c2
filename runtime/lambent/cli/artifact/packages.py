"""Installs the packages of an artifact for Linux, whatever machine it is made on."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from lambent.cli.artifact.tools import BundleError, find_uv, run

PLATFORMS: Final = {"x86_64": "x86_64-manylinux_2_17", "arm64": "aarch64-manylinux_2_17"}
"""What wheels have to fit: every Amazon Linux that Lambda's Pythons run on."""

# "lambent[auth] @ file:///home/me/lambent ; python_version > '3'"
_LOCAL: Final = re.compile(r"^(?P<name>[\w.-]+(?:\[[\w.,\s-]*\])?)\s*@\s*(?P<url>file:[^\s;#]+)(?P<rest>.*)$")


def install(
    target: Path,
    *,
    requirements: Path | None,
    packages: Sequence[str],
    dependencies: bool,
    architecture: str,
    python: str,
) -> None:
    """Install packages into a folder.

    Args:
        target: the folder.
        requirements: a file of requirements.
        packages: further ones: requirements, wheels, or folders of projects.
        dependencies: whether what these need is installed too; without, they have to name all of it.
        architecture: one of `PLATFORMS`.
        python: the version of Python that Lambda runs, such as ``3.13``.

    Raises:
        BundleError: there is no wheel for Linux of something, or uv is missing.
    """
    with tempfile.TemporaryDirectory() as scratch:
        wanted = [_buildable(package, Path(scratch)) for package in packages]
        if requirements is not None:
            wanted += ["-r", str(_with_wheels(requirements, Path(scratch)))]
        if not wanted:
            return
        run(
            [
                *(*find_uv(), "pip", "install", "--quiet", "--python", sys.executable),
                *("--target", target, *(() if dependencies else ("--no-deps",))),
                *("--python-version", python, "--python-platform", PLATFORMS[architecture]),
                # A copy: what is done to the files here must not happen to those in uv's cache.
                *("--only-binary", ":all:", "--link-mode", "copy", *wanted),
            ]
        )


def _buildable(package: str, scratch: Path) -> str:
    if package.endswith(".whl") or not re.match(r"[./~]", package):
        return package
    return str(_wheel_of(Path(package).expanduser(), scratch))


def _with_wheels(requirements: Path, scratch: Path) -> Path:
    """The same requirements, wheels in the place of folders of projects."""
    try:
        lines = requirements.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeError) as error:
        raise BundleError(f"cannot read {requirements}: {error}") from error
    changed = False
    for number, line in enumerate(lines):
        found = _LOCAL.match(line.strip())
        folder = Path(unquote(urlsplit(found["url"]).path)) if found else None
        if found and folder and folder.is_dir():
            lines[number] = f"{found['name']} @ {_wheel_of(folder, scratch).as_uri()}{found['rest']}"
            changed = True
    if not changed:
        return requirements
    written = scratch / "requirements.txt"
    written.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return written


def _wheel_of(folder: Path, scratch: Path) -> Path:
    # uv would take the wheel that it made of an earlier state of the folder.
    if not (folder / "pyproject.toml").is_file():
        raise BundleError(
            f"{folder} is no project: it has no pyproject.toml. sam builds in a copy of a function's folder "
            "unless it is told --build-in-source"
        )
    made = Path(tempfile.mkdtemp(dir=scratch))
    run([*find_uv(), "build", "--quiet", "--python", sys.executable, "--wheel", "--out-dir", made, folder])
    (wheel,) = made.glob("*.whl")
    return wheel
