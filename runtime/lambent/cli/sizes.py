"""`lambent sizes`: what `sam build` made, by size."""

from __future__ import annotations

from pathlib import Path

import click

from lambent.cli.artifact.sizes import parse_limit, report

_BUILD = Path(".aws-sam", "build")


@click.command("sizes", help="Show what `sam build` made, by size.")
@click.argument("builds", metavar="[BUILD]...", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--limit",
    "limits",
    multiple=True,
    metavar="FUNCTION=MB",
    help="Fail if the function and its layers are larger when zipped; may be repeated.",
)
def command(builds: tuple[Path, ...], limits: tuple[str, ...]) -> int:
    """Do what the arguments ask for.

    Args:
        builds: Folders that `sam build` wrote to; .aws-sam/build where there are none.
        limits: What functions may have.

    Returns:
        The exit status: 1 if a function is larger than its limit.

    Raises:
        CommandError: A folder has no built template.
        UsageError: A limit cannot be read.
    """
    parsed = dict(map(parse_limit, limits))
    over: list[str] = []
    for build in builds or (_BUILD,):
        lines, large = report(build, parsed)
        click.echo("\n".join([*lines, ""]))
        over += large
    for line in over:
        click.echo(line, err=True)
    return 1 if over else 0
