"""What the clients need besides: installed once, as it is pinned."""

import subprocess
import sys
from pathlib import Path

from tests import installed
from tests.installed import NODE

__all__ = ["NODE", "environment", "npm", "python"]

HERE = Path(__file__).parent


def npm() -> Path:
    """Install what the lock file has; the folder of it."""
    return installed.npm(HERE)


def python(name: str) -> Path:
    """Install what a file of requirements has, in an environment of its own; the Python of it.

    Args:
        name: of the file and of the environment. Releases of a client do not go together, and bring packages
            that nothing else here needs.
    """
    return environment(HERE / "requirements" / f"{name}.txt", HERE / ".venvs" / name)


def environment(requirements: Path, folder: Path) -> Path:
    """Install the packages of a file of requirements in a folder; the Python of it."""
    interpreter = folder / "bin" / "python"
    with installed.missing(folder, requirements) as missing:
        if missing:
            _uv("venv", "--clear", "--python", sys.executable, str(folder))
            _uv("pip", "sync", "--python", str(interpreter), str(requirements))
    return interpreter


def _uv(*arguments: str) -> None:
    command = [sys.executable, "-m", "uv", "--quiet", *arguments]
    installed.check(subprocess.run(command, check=False, cwd=HERE, **installed.OPTIONS))
