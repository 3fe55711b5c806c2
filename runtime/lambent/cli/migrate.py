"""`lambent migrate`: a server of the official SDK or of FastMCP, moved to `lambent.compat`."""

from __future__ import annotations

import difflib
import io
import shutil
from collections.abc import Iterator
from pathlib import Path

import click

from lambent.cli.errors import CommandError
from lambent.cli.migration.folders import find_modules
from lambent.cli.migration.names import Names
from lambent.cli.migration.rewriting import Rewritten, rewrite

_EPILOG = """\
PATH is a file or a folder. What would change is printed as a diff, and on standard error what does not
move: the line, the reason, and the part of docs/porting.md that says more.

The exit status is 1 if something of a server does not move.
"""
_COLORS = {"+": "green", "-": "red", "@": "cyan"}


@click.command("migrate", help="Move a server over from the official SDK or FastMCP.", epilog=_EPILOG)
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option("--write", is_flag=True, help="Write the files in place of printing a diff.")
def command(path: Path, write: bool) -> int:
    """Move a server over.

    Args:
        path: A file, or a folder with all that is in it.
        write: Whether to write the files.

    Returns:
        The exit status: 1 if something of a server does not move.
    """
    folder = path.parent if path.is_file() else path
    contents = {file.relative_to(folder).as_posix(): file.read_bytes() for file in find_modules(path)}
    done = rewrite(contents, Names.installed())
    changed = {file: one for file, one in done.items() if one.content != contents[file]}
    for file, one in changed.items():
        if write:
            _write(folder / file, one.content)
            click.echo(f"wrote {file}")
        else:
            _print_diff(file, contents[file], one.content)
    if not changed:
        click.echo("nothing moves")
    findings = list(_findings(done))
    for line, _ in findings:
        click.echo(line, err=True)
    return 1 if any(is_of_a_server for _, is_of_a_server in findings) else 0


def _write(file: Path, content: bytes) -> None:
    """Replace a file by another one, so that it is whole whatever happens.

    Raises:
        CommandError: it cannot be written; it is as it was.
    """
    target = file.resolve()  # a link stays one
    written = target.with_name(f".{target.name}.new")
    try:
        written.write_bytes(content)
        shutil.copymode(target, written)
        written.replace(target)
    except OSError as error:
        written.unlink(missing_ok=True)
        raise CommandError(f"{file} cannot be written, and is as it was: {error}") from error


def _print_diff(file: str, before: bytes, after: bytes) -> None:
    lines = difflib.unified_diff(_lines(before), _lines(after), f"a/{file}", f"b/{file}")
    for line in lines:
        text = line.rstrip("\r\n")
        click.echo(click.style(text, fg=_COLORS.get(text[:1])))


def _lines(content: bytes) -> list[str]:
    # Not splitlines(): a form feed within a line ends none. What is no UTF-8 is shown, not written, so.
    return io.StringIO(content.decode(errors="replace"), newline="").readlines()


def _findings(done: dict[str, Rewritten]) -> Iterator[tuple[str, bool]]:
    """A line for each thing that stays, and whether it is a server's."""
    for file, one in done.items():
        for finding in sorted(one.findings, key=lambda found: found.line):
            where = f"{file}:{finding.line}: {finding.name}"
            page = f"docs/porting.md#{finding.anchor}"
            yield f"{where}: {finding.reason} ({page})", not finding.is_client
