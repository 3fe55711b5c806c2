"""`lambent stdio`: a server on standard input and output, as desktop clients start them."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from lambent.cli.app_ref import AppImportError, parse_app
from lambent.cli.errors import CommandError
from lambent.server import MCPServer

_DEFAULT_ATTRIBUTE = "mcp"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `lambent stdio`.

    Args:
        parser: The subcommand's parser.
    """
    parser.add_argument(
        "app", metavar="APP", help="module:attribute or path/to/file.py:attribute (the attribute: mcp)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Serve until standard input ends.

    Args:
        arguments: The parsed arguments.

    Returns:
        The exit status.

    Raises:
        CommandError: There is no server under the name.
    """
    app = parse_app(arguments.app, Path.cwd(), _DEFAULT_ATTRIBUTE)
    sys.path.insert(0, str(app.folder))
    os.chdir(app.folder)
    try:
        server = app.find()
    except (AppImportError, ModuleNotFoundError) as error:
        raise CommandError(str(error)) from error
    if not isinstance(server, MCPServer):
        raise CommandError(f"{app} is a {type(server).__name__}, not an MCPServer")
    server.run_stdio()
    return 0
