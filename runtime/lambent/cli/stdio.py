"""`lambent stdio`: a server on standard input and output, as desktop clients start them."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import threading

from lambent.cli.app_server import load_server, parse_server

_EXIT_SECONDS = 2.0
"""How long the interpreter may take to end."""


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
    with contextlib.redirect_stdout(sys.stderr):
        server = load_server(app)
    server.run_stdio()
    # Threads of the app's own, for which the interpreter would wait, end with the server.
    last = threading.Timer(_EXIT_SECONDS, os._exit, (0,))
    last.daemon = True
    last.start()
    return 0
