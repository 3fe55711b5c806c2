"""`lambent stdio`: a server on standard input and output, as desktop clients start them."""

from __future__ import annotations

import argparse
import os

from lambent.cli.app_server import load_server, parse_server


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
    app = parse_server(arguments.app)
    os.chdir(app.folder)
    load_server(app).run_stdio()
    return 0
