"""The modules in a folder that are somebody's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

_SKIPPED: Final = frozenset({"__pycache__", "build", "dist", "node_modules", "site-packages", "venv"})


def find_modules(path: Path) -> Iterator[Path]:
    """The Python files of a program, in the order of their names.

    Args:
        path: a file, which is taken whatever its name, or a folder. Hidden folders, environments and what
            builds leave behind are not looked into, and symbolic links in it are not followed.
    """
    if path.is_file():
        yield path
        return
    for entry in sorted(path.iterdir()):
        if entry.is_symlink():
            continue  # what it leads to is taken where it is, or is not the folder's
        if entry.is_dir():
            is_own = not entry.name.startswith(".") and entry.name not in _SKIPPED
            if is_own and not (entry / "pyvenv.cfg").exists():
                yield from find_modules(entry)
        elif entry.suffix == ".py" and entry.is_file():
            yield entry
