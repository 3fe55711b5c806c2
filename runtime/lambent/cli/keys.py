"""`lambent keys`: API keys for callers that can do nothing else."""

from __future__ import annotations

import re

import click

from lambent.auth.api_keys import make_api_key
from lambent.cli.errors import UsageError

_EPILOG = """\
The key is for the caller, and is shown only this once. The line of LAMBENT_API_KEYS has its hash, from which
nobody can find out the key. Several such lines are separated by commas.
"""

_NAME = r"[A-Za-z0-9._@-]+"
_SCOPE = r"[!#-+\x2d-\x5b\x5d-~]+"
"""RFC 6749, section 3.3, without the comma, which separates keys."""


@click.group("keys", help="Make API keys.", epilog=_EPILOG)
def command() -> None:
    """The group of what can be done with keys."""


@command.command("new", help="Make a key for the caller NAME.", epilog=_EPILOG)
@click.argument("name", metavar="NAME")
@click.option("--scopes", multiple=True, metavar="SCOPE...", help="What the caller may do.")
@click.argument("more_scopes", metavar="", nargs=-1)
def new(name: str, scopes: tuple[str, ...], more_scopes: tuple[str, ...]) -> None:
    """Make a key, and print it together with its line of the setting.

    Args:
        name: The name of the key, which is also its caller.
        scopes: What the caller may do.
        more_scopes: The words behind the first scope; an option takes a single one.

    Raises:
        UsageError: A name or scope has characters that cannot be configured.
    """
    if more_scopes and not scopes:
        raise click.UsageError(f"Got unexpected extra argument ({' '.join(more_scopes)})")
    if re.fullmatch(_NAME, name) is None:
        raise UsageError(f"{name!r} is no name: use letters, digits and ._@-")
    granted = [*scopes, *more_scopes]
    for scope in granted:
        if re.fullmatch(_SCOPE, scope) is None:
            raise UsageError(f"{scope!r} is no scope")
    key, digest = make_api_key()
    line = ":".join([name, digest, *([" ".join(granted)] if granted else [])])
    print(f"key: {key}")
    print(f"LAMBENT_API_KEYS: {line}")
