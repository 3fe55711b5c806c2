"""Writes a new project."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

from lambent.cli.errors import CommandError, UsageError
from lambent.cli.scaffold.rendering import Values, render

TEMPLATE: Final = Path(__file__).with_name("project")
"""A template of cookiecutter. Names of files that tools would take for their own are values there."""

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,99}")
"""What CloudFormation takes as the name of a stack, which it becomes."""


def write_project(folder: Path, options: Values) -> list[Path]:
    """Write a project.

    Args:
        folder: Where to: a folder that is not there yet, or is empty. Its name is that of the project.
        options: ``tasks``, ``auth``, ``fastapi``, ``events``, and ``source``: see `requirement_source`.

    Returns:
        The files, relative to the folder.

    Raises:
        UsageError: The name cannot be that of a stack.
        CommandError: There is something already, or it cannot be written.
    """
    name = folder.resolve().name
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot be the name of a stack: it needs a letter, then letters, digits and hyphens"
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CommandError(f"{folder} is there already")
    defaults: Values = json.loads((TEMPLATE / "cookiecutter.json").read_text(encoding="utf-8"))
    values = {**defaults, **options, "project_name": name}
    (root,) = TEMPLATE.glob("*cookiecutter.project_name*")
    written = []
    try:
        for source in sorted(path for path in root.rglob("*") if path.is_file()):
            path = Path(render(source.relative_to(root).as_posix(), values))
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(render(source.read_text(encoding="utf-8"), values), encoding="utf-8")
            written.append(path)
    except OSError as error:
        raise CommandError(f"cannot write {folder}: {error}") from error
    return written
