"""What is deployed, built as a deploy builds it, and a Python that has what Lambda's has."""

import fcntl
import hashlib
import os
import subprocess
import sys
from pathlib import Path

from lambent.cli.artifact.bytecode import find_python
from lambent.cli.artifact.tools import find_uv

ROOT = Path(__file__).parents[2]
FUNCTIONS = ROOT / "functions"
PYTHON = "3.13"
REQUIREMENTS = Path(__file__).with_name("requirements.txt")
ENVIRONMENT = Path(__file__).with_name(".venv")

IN_LAMBDA = frozenset(
    {
        *("awslambdaric", "boto3", "botocore", "dateutil", "jmespath", "runtime_client", "s3transfer"),
        *("simplejson", "six", "snapshot_restore_py", "urllib3"),
    }
)
"""Packages of Lambda's Python."""

LIMITS = {"HelloFunction": 996_147, "OrdersFunction": 6_291_456}
"""Bytes of the zip files of a function and its layers, as the Makefile has them."""

TARGETS = {
    "runtime": (ROOT / "layers", "build-RuntimeLayer"),
    "streaming": (ROOT / "layers", "build-StreamingLayer"),
    "extras": (ROOT / "layers", "build-ExtrasLayer"),
    "cards": (ROOT / "layers", "build-CardsLayer"),
    "hello": (FUNCTIONS / "hello", "build-HelloFunction"),
}
"""Where the Makefile of an artifact is, and what it calls it."""


def build(name: str, folder: Path, architecture: str = "x86_64") -> Path:
    """Build an artifact as `sam build --build-in-source` does.

    Args:
        name: one of ``TARGETS``.
        folder: where to.
        architecture: ``x86_64`` or ``arm64``.

    Returns:
        The folder.
    """
    place, target = TARGETS[name]
    # A make that runs this would have its own variables looked up in that one.
    own = {
        key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "MFLAGS", "PYTHON"))
    }
    own.update(ARTIFACTS_DIR=str(folder), PYTHON=sys.executable, ARCHITECTURE=architecture)
    _run("make", "--silent", "-C", place, target, environment=own)
    return folder


def lambda_python() -> Path | None:
    """The interpreter of an environment that has what Lambda's has, and nothing else.

    Returns:
        None where the machine has no Python of that version.
    """
    interpreter = find_python(PYTHON)
    if interpreter is None:
        return None
    python, stamp = ENVIRONMENT / "bin" / "python", ENVIRONMENT / "installed"
    wanted = f"{hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()} {interpreter}"
    with REQUIREMENTS.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # other processes wait
        if not stamp.exists() or stamp.read_text() != wanted:
            _run(*find_uv(), "venv", "--quiet", "--clear", "--python", interpreter, ENVIRONMENT)
            # Bytecode, as what Lambda brings along has it.
            _run(
                *(*find_uv(), "pip", "sync", "--quiet", "--compile-bytecode", "--python", python),
                REQUIREMENTS,
            )
            stamp.write_text(wanted)
    return python


def _run(*command: str | Path, environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(
        [str(word) for word in command], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{command} failed:\n{done.stdout}{done.stderr}")
