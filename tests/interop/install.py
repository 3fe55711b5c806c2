"""What the clients need besides: installed once, as it is pinned."""

import subprocess
import sys
from pathlib import Path

from tests import installed
from tests.installed import NODE

__all__ = ["NODE", "fastmcp", "npm"]

HERE = Path(__file__).parent


def npm() -> Path:
    """Install what the lock file has; the folder of it."""
    return installed.npm(HERE)


def fastmcp() -> Path:
    """Install FastMCP in an environment of its own; the Python of it.

    It brings forty packages that nothing else here needs.
    """
    folder = HERE / ".venvs" / "fastmcp"
    requirements, python = HERE / "requirements-fastmcp.txt", folder / "bin" / "python"
    with installed.missing(folder, requirements) as missing:
        if missing:
            _uv("venv", "--clear", "--python", sys.executable, str(folder))
            _uv("pip", "sync", "--python", str(python), str(requirements))
    return python


def _uv(*arguments: str) -> None:
    command = [sys.executable, "-m", "uv", "--quiet", *arguments]
    installed.check(subprocess.run(command, check=False, cwd=HERE, **installed.OPTIONS))
