"""Where the files of skills are: the port, and folders of this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Protocol

import msgspec

from lambent.errors import DeclarationError

SKILL_FILE = "SKILL.md"

MAX_FILES = 512
"""The most files of a skill, with its SKILL.md ("Limits")."""

MAX_BYTES = 16 * 1024 * 1024
"""The most bytes of all files of a skill together ("Limits")."""

_LEFT_OUT = "__pycache__"


class SkillFile(msgspec.Struct, frozen=True):
    """A file.

    Attributes:
        path: within the source, such as ``refunds/SKILL.md``.
        size: in bytes.
        version: another one whenever the content is another one; None where the source cannot tell.
    """

    path: str
    size: int
    version: str | None = None


class SkillFiles(Protocol):
    """A source of skills: files with paths, whose segments ``/`` separates."""

    def files(self, folder: str) -> Iterator[SkillFile]:
        """The files in a folder and in those below it; in the whole source for an empty name.

        A folder that does not exist has none.
        """

    def read(self, path: str) -> bytes | None:
        """The content of a file; None where there is none."""


class FolderFiles:
    """The files of a folder of this machine, of which nothing outside of it is read.

    Args:
        folder: its path; it may be a symbolic link itself.

    Raises:
        DeclarationError: it is no folder.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._root = os.path.realpath(folder)
        if not os.path.isdir(self._root):
            raise DeclarationError(f"There is no folder {os.fspath(folder)!r}: give the path of a skill")

    @property
    def name(self) -> str:
        """The folder's own name."""
        return os.path.basename(self._root)

    def files(self, folder: str) -> Iterator[SkillFile]:
        """See ``SkillFiles.files``.

        Raises:
            DeclarationError: a symbolic link, or what is neither a file nor a folder.
        """
        try:
            entries = sorted(os.scandir(os.path.join(self._root, folder)), key=lambda entry: entry.name)
        except (FileNotFoundError, NotADirectoryError):
            return
        for entry in entries:
            path = f"{folder}/{entry.name}" if folder else entry.name
            if not is_served(path):
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from self.files(path)
            elif entry.is_file(follow_symlinks=False):
                found = entry.stat(follow_symlinks=False)
                yield SkillFile(path, found.st_size, f"{found.st_mtime_ns} {found.st_size}")
            else:
                raise DeclarationError(f"{path}: a skill has files and folders, and no links: copy it there")

    def read(self, path: str) -> bytes | None:
        """See ``SkillFiles.read``; what is behind a symbolic link is not there."""
        place = os.path.join(self._root, path)
        try:
            if os.path.realpath(place) != place or not os.path.isfile(place):
                return None
            with open(place, "rb") as file:
                return file.read()
        except (FileNotFoundError, NotADirectoryError):
            return None


def is_served(path: str) -> bool:
    """Whether a path is one of a skill's files.

    Hidden files and compiled Python are not: machines that build and run a function have different ones.
    """
    segments = path.split("/")
    return path.isprintable() and all(
        segment not in ("", _LEFT_OUT) and segment[0] != "." and "\\" not in segment for segment in segments
    )
