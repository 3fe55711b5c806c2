"""`lambent init`: a new project, which can be tested and deployed at once."""

from __future__ import annotations

from pathlib import Path

import click

from lambent.cli.scaffold.project import write_project
from lambent.cli.scaffold.source import requirement_source

_EPILOG = """\
NAME becomes a folder and the name of the stack. The options go together. The project's requirement of Lambent
is the one that is running: the same version of an index, or the same folder or wheel.
"""


@click.command("init", help="Make a project: a server, its tests, and what deploys it.", epilog=_EPILOG)
@click.argument("folder", metavar="NAME", type=click.Path(path_type=Path, file_okay=False))
@click.option("--tasks", is_flag=True, help="With a tool that becomes a task, a queue and a table.")
@click.option("--auth", is_flag=True, help="For callers with access tokens of an issuer.")
@click.option("--fastapi", is_flag=True, help="In a FastAPI application, with REST beside MCP.")
@click.option("--events", is_flag=True, help="With an event that clients wait for, a queue and a table.")
def command(folder: Path, tasks: bool, auth: bool, fastapi: bool, events: bool) -> int:
    """Do what the arguments ask for.

    Args:
        folder: The folder of the project.
        tasks: Whether it has tasks.
        auth: Whether it takes access tokens.
        fastapi: Whether it is a FastAPI application.
        events: Whether it has an event.

    Returns:
        The exit status.

    Raises:
        UsageError: The name cannot be that of a stack.
        CommandError: The folder cannot be written.
    """
    options: dict[str, str | bool] = {
        "tasks": tasks,
        "auth": auth,
        "fastapi": fastapi,
        "events": events,
        "source": requirement_source(),
    }
    for path in write_project(folder, options):
        click.echo(f"  {folder / path}")
    click.echo(
        f"Next: cd {folder}, pip install -r requirements-dev.txt, python -m pytest, lambent dev app.py"
    )
    return 0
