"""The interpreter that deployed functions run on: MiniStack's own, in an environment made for it.

It has to be of Lambda's version, as functions bring machine code along, and to have what Lambda's has and
nothing else: what is missing in an artifact is missed here.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

from lambent.cli.artifact.bytecode import find_python
from lambent.cli.artifact.tools import find_uv, run
from lambent.cli.errors import CommandError
from lambent.cli.local_aws.emulator import require_ministack
from lambent.cli.local_aws.template import Template

_TRANSLATOR: Final = "aws-sam-translator==1.115.0"
_RUNTIME: Final = "python"


@dataclass(frozen=True, slots=True)
class Interpreter:
    """An environment for MiniStack and functions.

    Attributes:
        python: The executable.
        commands: A folder with the executable under the name that sam looks for, such as ``python3.13``.
        translator: A folder with the packages that expand SAM templates.
    """

    python: Path
    commands: Path
    translator: Path


def runtime_version(template: Template) -> str:
    """The version of Python that the functions of a template run on, such as ``3.13``.

    Args:
        template: The template.

    Raises:
        CommandError: There is none, or more than one.
    """
    runtimes = {
        str(template.properties(name).get("Runtime"))
        for name in template.of_type("AWS::Serverless::Function")
    }
    found = sorted(runtime for runtime in runtimes if runtime.startswith(_RUNTIME))
    if len(found) != 1:
        raise CommandError(f"{template.path}: functions have to be of one Python, not of {found or 'none'}")
    return found[0].removeprefix(_RUNTIME)


def machine_architecture() -> str:
    """The processors of this machine, by Lambda's name for them: ``x86_64`` or ``arm64``."""
    return "arm64" if platform.machine().lower() in ("aarch64", "arm64") else "x86_64"


def is_prepared(python: str) -> bool:
    """Whether there is an interpreter already, so that nothing is downloaded.

    Args:
        python: Its version.
    """
    return (_folder(python) / "made").exists()


def prepare(python: str) -> Interpreter:
    """Make the interpreter, or take the one that was made before.

    Args:
        python: Its version, such as ``3.13``.

    Raises:
        MissingExtraError: MiniStack is not installed.
        BundleError: uv is missing, or cannot download.
        CommandError: There is no Python of the version.
    """
    require_ministack()
    folder = _folder(python)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # other processes wait
        if not (folder / "made").exists():
            _make(folder, python)
    return Interpreter(folder / "python" / "bin" / "python", folder / "commands", folder / "translator")


def _folder(python: str) -> Path:
    wanted = " ".join([python, *_packages(), _TRANSLATOR])
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache, "lambent", f"local-aws-{hashlib.sha256(wanted.encode()).hexdigest()[:16]}")


def _packages() -> list[str]:
    # The same MiniStack, and Lambda's own libraries.
    return [f"{name}=={version(name)}" for name in ("ministack", "boto3", "botocore")]


def _make(folder: Path, python: str) -> None:
    base = find_python(python)
    if base is None:
        raise CommandError(
            f"Python {python} is needed, on which the functions run, and is not on this machine: "
            f"`uv python install {python}`"
        )
    shutil.rmtree(folder, ignore_errors=True)
    environment, uv = folder / "python", find_uv()
    run([*uv, "venv", "--quiet", "--no-project", "--python", base, environment])
    install = [*uv, "pip", "install", "--quiet", "--python", environment / "bin" / "python"]
    run([*install, *_packages()])
    run([*install, "--target", folder / "translator", _TRANSLATOR])
    (folder / "commands").mkdir()
    (folder / "commands" / f"python{python}").symlink_to(environment / "bin" / "python")
    (folder / "made").touch()
