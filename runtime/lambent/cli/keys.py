"""`lambent keys`: API keys for callers that can do nothing else."""

from __future__ import annotations

import argparse
import re

from lambent.auth.api_keys import make_api_key
from lambent.cli.errors import UsageError

_EPILOG = """\
The key is for the caller, and is shown only this once. The line of LAMBENT_API_KEYS has its hash, from which
nobody can find out the key. Several such lines are separated by commas.
"""

_NAME = r"[A-Za-z0-9._@-]+"
_SCOPE = r"[!#-+\x2d-\x5b\x5d-~]+"
"""RFC 6749, section 3.3, without the comma, which separates keys."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `lambent keys`.

    Args:
        parser: The subcommand's parser.
    """
    parser.epilog = _EPILOG
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    new = actions.add_parser("new", help="make a key", description="Make a key.", epilog=_EPILOG)
    new.add_argument("name", metavar="NAME", help="the name of the key, which is also its caller")
    new.add_argument("--scopes", nargs="+", default=[], metavar="SCOPE", help="what the caller may do")


def run(arguments: argparse.Namespace) -> int:
    """Run `lambent keys`.

    Args:
        arguments: What `configure` has declared.

    Returns:
        The exit status.

    Raises:
        UsageError: A name or scope has characters that cannot be configured.
    """
    if re.fullmatch(_NAME, arguments.name) is None:
        raise UsageError(f"{arguments.name!r} is no name: use letters, digits and ._@-")
    for scope in arguments.scopes:
        if re.fullmatch(_SCOPE, scope) is None:
            raise UsageError(f"{scope!r} is no scope")
    key, digest = make_api_key()
    line = ":".join([arguments.name, digest, *([" ".join(arguments.scopes)] if arguments.scopes else [])])
    print(f"key: {key}")
    print(f"LAMBENT_API_KEYS: {line}")
    return 0
