"""Loading a server by name, for the subcommands that serve or describe one themselves."""

from __future__ import annotations

import sys
from pathlib import Path

from lambent.cli.app_ref import AppRef, parse_app
from lambent.cli.errors import CommandError
from lambent.cli.importing import import_failures
from lambent.server import MCPServer

_DEFAULT_ATTRIBUTE = "mcp"


def parse_server(text: str) -> AppRef:
    """Read `module:attribute` or `path/to/file.py:attribute`; the attribute is `mcp` unless it is named.

    Args:
        text: The reference.

    Raises:
        UsageError: The text is not a reference, or names a file that is not there.
    """
    return parse_app(text, Path.cwd(), _DEFAULT_ATTRIBUTE)


def load_server(app: AppRef) -> MCPServer:
    """Import a server; its folder comes first on `sys.path` from then on.

    Args:
        app: Where it is.

    Raises:
        CommandError: There is no server under the name, or the app cannot be imported.
    """
    sys.path.insert(0, str(app.folder))
    with import_failures(app):
        server = app.find()
    if not isinstance(server, MCPServer):
        kind = type(server)
        text = f"{app} is a {kind.__name__}, not an MCPServer of Lambent"
        if kind.__module__.startswith(("mcp.", "fastmcp.", "lambent.hosts.adapt.")):
            text += ": `lambent dev` serves the handler that lambent.adapt makes of one"
        raise CommandError(text)
    return server
