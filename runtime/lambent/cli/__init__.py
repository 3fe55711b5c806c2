"""The `lambent` command: tools for the developer's machine, never imported in Lambda."""

from __future__ import annotations

import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the `lambent` command.

    Args:
        argv: The arguments after the program's name; None takes them from `sys.argv`.

    Returns:
        The exit status: 0 for success, 2 for arguments that are not valid, 130 for Ctrl-C, 141 where nobody
        reads the output any more; the rest is the command's.
    """
    try:
        from lambent.cli.root import run
    except ModuleNotFoundError as error:
        if error.name != "click":
            raise
        how = "install the extra lambent[dev], or lambent[serve] for a worker alone"
        print(f"lambent: the command line needs click: {how}", file=sys.stderr)
        return 1
    return run(argv)
