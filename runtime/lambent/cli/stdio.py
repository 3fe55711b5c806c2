"""`lambent stdio`: a server on standard input and output, as desktop clients start them."""

from __future__ import annotations

import contextlib
import os
import sys
import threading

import click

from lambent.cli.app_server import load_server, parse_server
from lambent.cli.parameters import app_argument

_EPILOG = "APP is module:attribute or path/to/file.py:attribute (the attribute: mcp)."

_EXIT_SECONDS = 2.0
"""How long the interpreter may take to end."""


@click.command("stdio", help="Serve an MCPServer on standard input and output.", epilog=_EPILOG)
@app_argument
def command(app: str) -> None:
    """Serve until standard input ends.

    Args:
        app: Where the server is.

    Raises:
        CommandError: There is no server under the name.
    """
    reference = parse_server(app)
    os.chdir(reference.folder)
    with contextlib.redirect_stdout(sys.stderr):
        server = load_server(reference)
    server.run_stdio()
    # Threads of the app's own, for which the interpreter would wait, end with the server.
    last = threading.Timer(_EXIT_SECONDS, os._exit, (0,))
    last.daemon = True
    last.start()
