"""`lambent build`: fills the folder of a function or a layer with what Lambda imports."""

from __future__ import annotations

from pathlib import Path

import click

from lambent.cli.artifact.bundle import TIMESTAMP, bundle
from lambent.cli.artifact.bytecode import FUNCTION, LAYER
from lambent.cli.artifact.entry_points import write_entry_points
from lambent.cli.artifact.packages import PLATFORMS
from lambent.cli.artifact.sizes import archive
from lambent.cli.parameters import complete_file

_EPILOG = """\
For the Makefile of a function with `BuildMethod: makefile`:

\b
  build-Server:
          cp *.py "$(ARTIFACTS_DIR)"
          lambent build "$(ARTIFACTS_DIR)" --requirements requirements.txt

Packages are installed for Linux, whatever this machine is, by uv. What is never used in Lambda is left out:
symbols of shared libraries, type stubs, Lambent's command line and docstrings. Then everything is compiled,
the files that are there already as well, so that no cold start compiles. The same inputs
give the same bytes.
"""


@click.command("build", help="Fill a folder with what Lambda imports, for a function.", epilog=_EPILOG)
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--requirements",
    "-r",
    metavar="FILE",
    type=click.Path(path_type=Path),
    shell_complete=complete_file,
    help="A file of requirements.",
)
@click.option(
    "--package",
    "packages",
    multiple=True,
    metavar="PACKAGE",
    help="A further requirement, a wheel, or the folder of a project (./…); may be repeated.",
)
@click.option(
    "--no-deps",
    is_flag=True,
    help="Install what is named and nothing that it needs: for complete lists.",
)
@click.option("--layer", is_flag=True, help="Make a layer: install into FOLDER/python.")
@click.option("--stream", is_flag=True, help="Add what streams responses: see LAMBENT_RESPONSE_MODE.")
@click.option(
    "--used-by",
    "users",
    multiple=True,
    metavar="FOLDER",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Of a layer: a folder of functions that use it. What none of them names is left out; repeatable.",
)
@click.option(
    "--architecture",
    type=click.Choice(list(PLATFORMS)),
    default="x86_64",
    show_default=True,
    help="The processors.",
)
@click.option(
    "--python",
    default="3.13",
    show_default=True,
    metavar="VERSION",
    help="The version of the function's runtime.",
)
def command(
    folder: Path,
    requirements: Path | None,
    packages: tuple[str, ...],
    no_deps: bool,
    layer: bool,
    users: tuple[Path, ...],
    stream: bool,
    architecture: str,
    python: str,
) -> int:
    """Do what the arguments ask for.

    Args:
        folder: Where to; files that are there stay and are compiled too.
        requirements: A file of requirements.
        packages: Further ones.
        no_deps: Whether to leave out what they need.
        layer: Whether it is a layer.
        users: Of a layer, the folders of its functions.
        stream: Whether to add what streams responses.
        architecture: The processors.
        python: The version of Python.

    Returns:
        The exit status.

    Raises:
        BundleError: Something cannot be installed or compiled.
    """
    bundle(
        folder / "python" if layer else folder,
        requirements=requirements,
        packages=packages,
        dependencies=not no_deps,
        shown_at=LAYER if layer else FUNCTION,
        architecture=architecture,
        python=python,
        users=users,
        streams=stream,
    )
    if stream:
        write_entry_points(folder, TIMESTAMP)
    click.echo(f"{folder}: {len(archive(folder)):,} bytes zipped")
    return 0
