"""The application in a folder of its own, where a test may change it."""

import shutil
from pathlib import Path

from tests.e2e.cloud import ROOT

_FOLDERS = ("events", "functions", "layers", "runtime")
_FILES = ("LICENSE", "README.md", "pyproject.toml", "samconfig.toml", "template.yaml")


def copy_application(folder: Path, source: Path = ROOT) -> Path:
    """Copy what a build needs.

    Returns:
        The template.
    """
    folder.mkdir()
    for name in _FOLDERS:
        shutil.copytree(source / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in _FILES:
        shutil.copy(source / name, folder / name)
    # The tools of a build.
    (folder / ".venv").symlink_to(ROOT / ".venv")
    return folder / "template.yaml"


def replace(file: Path, *changes: tuple[str, str]) -> None:
    """Replace parts of a file, each of which is there once."""
    text = file.read_text()
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    file.write_text(text)
