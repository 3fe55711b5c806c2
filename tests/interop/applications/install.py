"""The applications, installed as they are pinned: a gigabyte, so only ``make applications`` asks for it."""

from pathlib import Path

import pytest
from tests import installed
from tests.interop import install

HERE = Path(__file__).parent
LIBRARIES = ("agents", "langchain")


def command_lines() -> Path:
    """The folder of the npm packages; skips the test where they are not installed."""
    packages = HERE / "node_modules"
    _require(packages, HERE / "package-lock.json")
    return packages


def library(name: str) -> Path:
    """The Python of an environment; skips the test where it is not installed."""
    _require(_folder(name), _requirements(name))
    return _folder(name) / "bin" / "python"


def _require(folder: Path, pins: Path) -> None:
    if not installed.is_there(folder, pins):
        pytest.skip("`make applications` installs them")


def _requirements(name: str) -> Path:
    return HERE / f"requirements-{name}.txt"


def _folder(name: str) -> Path:
    return HERE / ".venvs" / name


if __name__ == "__main__":
    installed.npm(HERE)
    for each in LIBRARIES:
        install.environment(_requirements(each), _folder(each))
