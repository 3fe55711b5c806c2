"""The argument SERVER of the commands that call a server, and their options."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeVar
from urllib.parse import urlsplit

import click

from lambent.cli.client.http import HttpTransport
from lambent.cli.client.person import Person
from lambent.cli.client.session import Session
from lambent.cli.client.transport import MessageTransport
from lambent.cli.client.web import is_local
from lambent.cli.errors import CommandError, UsageError
from lambent.cli.parameters import complete_file

_Function = TypeVar("_Function", bound=Callable[..., Any])

SERVER_HELP = """\
SERVER is the URL of an MCP endpoint, or an app of this machine, which is called without HTTP: app.py or
app.py:name (the name: mcp).
"""


@dataclass(frozen=True, slots=True)
class Target:
    """Which server is called, and how.

    Attributes:
        server: The URL, or the reference of an app.
        headers: Further headers of every request.
        timeout: How long to wait for the server, in seconds.
    """

    server: str
    headers: dict[str, str]
    timeout: float

    @property
    def is_url(self) -> bool:
        """Whether the server is behind a URL."""
        return is_url(self.server)


def server_options(function: _Function) -> _Function:
    """Add SERVER, `--token`, `--header` and `--timeout`; see ``read_target``.

    Args:
        function: The command's function.
    """
    return _with_server(function, is_required=True)


def optional_server_options(function: _Function) -> _Function:
    """The same, where SERVER may be missing: it is None then.

    Args:
        function: The command's function.
    """
    return _with_server(function, is_required=False)


def _with_server(function: _Function, *, is_required: bool) -> _Function:
    for decorate in (
        click.option(
            "--timeout", type=float, default=60.0, metavar="SECONDS", help="How long to wait for the server."
        ),
        click.option(
            "--header", "headers", multiple=True, metavar="NAME:VALUE", help="A header; may be repeated."
        ),
        click.option(
            "--token", envvar="LAMBENT_TOKEN", metavar="TOKEN", help="The access token; also LAMBENT_TOKEN."
        ),
        click.argument(
            "server",
            metavar="SERVER" if is_required else "[SERVER]",
            required=is_required,
            shell_complete=complete_file,
        ),
    ):
        function = decorate(function)
    return function


def read_target(server: str, token: str | None, headers: Sequence[str], timeout: float) -> Target:
    """Check what was given.

    Args:
        server: The URL, or the reference of an app.
        token: The access token, if any.
        headers: Further headers, as NAME:VALUE.
        timeout: How long to wait for the server, in seconds.

    Raises:
        UsageError: Something is not valid, or a token would be sent unprotected.
    """
    if not timeout > 0:
        raise UsageError("the timeout has to be positive")
    given = dict(map(_header, headers))
    if token is not None:
        if re.search(r"[^\x21-\x7e]", token):
            raise UsageError("--token has characters that a token does not have")
        given["authorization"] = f"Bearer {token}"
    target = Target(server, given, timeout)
    if target.is_url:
        if not urlsplit(server).hostname:
            raise UsageError(f"{server} has no host")
        if "authorization" in given and server.startswith("http:") and not is_local(server):
            raise UsageError("a token is sent over https only")
    return target


def is_url(server: str) -> bool:
    """Whether SERVER is a URL.

    Args:
        server: The argument.
    """
    return server.startswith(("http://", "https://"))


@contextlib.contextmanager
def connected(target: Target, person: Person) -> Iterator[Session]:
    """Connect to a server.

    Args:
        target: Which, and how.
        person: Is told and asked.

    Raises:
        CommandError: There is no server, or it cannot be reached.
    """
    import lambent

    with contextlib.ExitStack() as stack:
        transport: MessageTransport
        if target.is_url:
            transport = HttpTransport(target.server, target.headers, target.timeout)
        else:
            transport = _serve(target)
        stack.callback(transport.close)
        session = Session(transport, person, lambent.__version__)
        session.connect()
        yield session


def _serve(target: Target) -> MessageTransport:
    """An app of this machine, in this process."""
    from lambent.cli.app_server import load_server, parse_server
    from lambent.cli.client.in_process import InProcessTransport
    from lambent.errors import ConfigurationError

    app = parse_server(target.server)
    os.chdir(app.folder)
    try:
        return InProcessTransport(load_server(app), target.timeout)
    except ConfigurationError as error:
        raise CommandError(f"{app} cannot be served: {error}") from error


@contextlib.contextmanager
def output_kept(target: Target) -> Iterator[BinaryIO]:
    """Standard output for the command alone: what an app and its processes print goes to standard error.

    Args:
        target: Which server is called.
    """
    sys.stdout.flush()
    if target.is_url:
        yield sys.stdout.buffer
        return
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as kept:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        yield kept


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not re.fullmatch(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", name):
        raise UsageError(f"--header {name!r} is not NAME:VALUE")
    if re.search(r"[^\t\x20-\x7e\x80-\xff]", value):
        raise UsageError(f"--header {name!r} has characters that a header does not have")
    return name.lower(), value.strip()
