"""A virtual environment for every peer, so that none borrows a dependency from another."""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
VENVS = HERE / ".venvs"

MANGUM = "mangum==0.22.0"
PYDANTIC = "pydantic==2.14.3"
UVICORN = "uvicorn==0.54.0"
LAMBENT = ("msgspec==0.22.0", "cryptography==50.0.2")

REQUIREMENTS: dict[str, tuple[str, ...]] = {
    "bare": (),
    "bare-models": (PYDANTIC,),
    "lambent": LAMBENT,
    "lambent-auth": (*LAMBENT, "joserfc==1.8.0"),
    "lambent-models": (*LAMBENT, PYDANTIC),
    "lambent-uvicorn": (*LAMBENT, UVICORN),
    "awslabs": ("awslabs.mcp-lambda-handler==0.1.15",),
    "asgi": (MANGUM,),
    "fastapi": ("fastapi==0.165.0", PYDANTIC, MANGUM),
    "sdk": ("mcp==2.3.0", PYDANTIC, MANGUM),
    "sdk-uvicorn": ("mcp==2.3.0", PYDANTIC, UVICORN),
    "webhook_events": ("mcp-webhook-events==0.2.0",),
    "fastmcp": ("fastmcp==4.1.2", PYDANTIC, MANGUM),
}
"""What is installed, by environment. The dependencies of these are whatever resolves; results name them."""

RUNTIME_CLIENT = "awslambdaric==4.2.2"


class Environment(NamedTuple):
    """An environment that is ready.

    Attributes:
        python: its interpreter.
        site: its site-packages.
    """

    python: Path
    site: Path

    def versions(self) -> dict[str, str]:
        """What is installed, by distribution."""
        script = (
            "import importlib.metadata as m, json;"
            "print(json.dumps({d.metadata['Name']: d.version for d in m.distributions()}))"
        )
        return dict(sorted(json.loads(_output([self.python, "-I", "-c", script])).items()))


class Installer:
    """Makes environments.

    Args:
        interpreter: the Python that they are made with.
    """

    def __init__(self, interpreter: str) -> None:
        self._interpreter = interpreter
        self._tag = _output(
            [interpreter, "-c", "import sys; print('%d.%d.%d' % sys.version_info[:3])"]
        ).strip()
        beside = Path(sys.executable).with_name("uv")
        self._uv = str(beside) if beside.exists() else shutil.which("uv")

    def environment(self, name: str) -> Environment:
        """Make an environment, or take the one that is there if it has what it should have."""
        folder = VENVS / f"{name}-{self._tag}"
        wanted = "\n".join((*REQUIREMENTS[name], library_digest() if name.startswith("lambent") else ""))
        stamp = folder / "installed"
        if not stamp.exists() or stamp.read_text() != wanted:
            shutil.rmtree(folder, ignore_errors=True)
            # Made by venv, not by uv: what uv adds to an environment slows down every import in it.
            _run([self._interpreter, "-m", "venv", *(["--without-pip"] if self._uv else []), str(folder)])
            self._install(folder, [*REQUIREMENTS[name]])
            if name.startswith("lambent"):
                self._install(folder, ["--no-deps", str(ROOT)])
            stamp.write_text(wanted)
        return Environment(folder / "bin" / "python", next(folder.glob("lib/python*/site-packages")))

    def runtime_client(self) -> Path | None:
        """A folder with Lambda's runtime client; None where it cannot be installed."""
        folder = VENVS / f"runtime-client-{self._tag}"
        if (folder / "awslambdaric").exists():
            return folder
        try:
            self._install(VENVS / f"bare-{self._tag}", ["--target", str(folder), RUNTIME_CLIENT])
        except subprocess.CalledProcessError:
            return None
        return folder

    def _install(self, folder: Path, arguments: list[str]) -> None:
        if not arguments:
            return
        python = str(folder / "bin" / "python")
        if self._uv:
            _run(
                [self._uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", python, *arguments]
            )
        else:
            _run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments])


def library_digest() -> str:
    """Tells one state of Lambent's source from another."""
    digest = hashlib.sha256((ROOT / "pyproject.toml").read_bytes())
    for path in sorted((ROOT / "runtime").rglob("*.py")):
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _output(command: list[str | Path]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
