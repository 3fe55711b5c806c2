"""The `lambent` command: tools for the developer's machine, never imported in Lambda."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from typing import Final

from lambent.cli.errors import CommandError

__all__ = ["main"]

# A subcommand's module offers `configure(parser)` and `run(arguments) -> int`; only the one asked for is
# imported.
_COMMANDS: Final = {
    "stdio": ("lambent.cli.stdio", "serve an MCPServer on standard input and output"),
    "card": ("lambent.cli.card", "print, check, bundle and publish server cards"),
    "dev": ("lambent.cli.dev", "serve a Lambda handler over HTTP on this machine, as AWS would"),
    "invoke": ("lambent.cli.invoke", "run a Lambda handler once, with an event from a file"),
    "keys": ("lambent.cli.keys", "make API keys"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the `lambent` command.

    Args:
        argv: The arguments after the program's name; None takes them from `sys.argv`.

    Returns:
        The exit status: 0 for success, 1 for a command that failed, 2 for arguments that are not valid.
    """
    given = list(sys.argv[1:] if argv is None else argv)
    parser = argparse.ArgumentParser(prog="lambent", description="MCP servers on AWS Lambda.")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    chosen = given[0] if given else ""
    for name, (module, summary) in _COMMANDS.items():
        subparser = commands.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
        if name == chosen:
            importlib.import_module(module).configure(subparser)
    arguments = parser.parse_args(given)
    module, _ = _COMMANDS[arguments.command]
    try:
        status: int = importlib.import_module(module).run(arguments)
    except CommandError as error:
        print(f"lambent {arguments.command}: {error}", file=sys.stderr)
        return error.status
    return status
