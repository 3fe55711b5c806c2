"""`lambent connect`: a server in the configuration of an application."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import click

from lambent.cli.app_ref import AppRef
from lambent.cli.app_server import parse_server
from lambent.cli.client.applications import APPLICATIONS, Application, Entry
from lambent.cli.client.target import is_url
from lambent.cli.errors import CommandError, UsageError
from lambent.cli.parameters import complete_file

_EPILOG = """\
SERVER is a URL, or an app of this machine, which the application starts itself: app.py or app.py:name (the
name: mcp).

Without --write the command or the entry is printed. With it the command is run, or the entry is written into
the application's file; the other entries stay. docs/clients.md says more of each application.
"""


@click.command("connect", help="Add a server to an application.", epilog=_EPILOG)
@click.argument("client", metavar="CLIENT", type=click.Choice(list(APPLICATIONS)))
@click.argument("server", metavar="SERVER", shell_complete=complete_file)
@click.option("--name", metavar="NAME", help="What the application calls it (the host, or the app's file).")
@click.option("--write", is_flag=True, help="Add it, instead of printing how.")
def command(client: str, server: str, name: str | None, write: bool) -> None:
    """Print how a server is added to an application, or add it.

    Args:
        client: The application.
        server: The URL, or the reference of an app.
        name: What the application calls it.
        write: Whether to add it.

    Raises:
        CommandError: The application cannot take the server, or its file or command cannot be used.
    """
    application = APPLICATIONS[client]
    entry = _entry(server, name)
    if application.command is not None:
        words = application.command(entry)
        if not write:
            print(shlex.join(words))
        elif application.is_added:
            _run(words)
        else:
            raise UsageError(f"{client} keeps no servers: run what is printed without --write")
        return
    if entry.url is not None and not application.takes_urls:
        raise CommandError(f"{application.without_urls} {entry.url}")
    if not write:
        print(f"# {application.file()}")
        print(json.dumps({application.member: {entry.name: application.make(entry)}}, indent=2))
        return
    print(f"{_write(application, entry)}: {entry.name}")


def _entry(server: str, name: str | None) -> Entry:
    if is_url(server):
        host = urlsplit(server).hostname
        if not host:
            raise UsageError(f"{server} has no host")
        return Entry(_checked(name, host), url=server)
    app = parse_server(server)
    return Entry(
        _checked(name, app.module.rpartition(".")[2]), command=(*_lambent(), "stdio", _absolute(app))
    )


def _checked(name: str | None, default: str) -> str:
    if name is None:
        return re.sub(r"[^A-Za-z0-9_-]+", "-", default).strip("-") or "server"
    if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
        raise UsageError(f"{name!r} is no name: use letters, digits, _ and -")
    return name


def _lambent() -> tuple[str, ...]:
    """The command by its path: applications do not run in the shell that knows it."""
    beside = Path(sys.executable).with_name("lambent")
    return (str(beside),) if beside.exists() else (sys.executable, "-m", "lambent")


def _absolute(app: AppRef) -> str:
    if app.file is None:
        raise UsageError(f"{app} is a module, which the application would look for elsewhere: name its file")
    return f"{app.file}:{app.attribute}"


def _run(words: tuple[str, ...]) -> None:
    program = shutil.which(words[0])
    if program is None:
        raise CommandError(f"{words[0]} is not installed here; where it is, run: {shlex.join(words)}")
    done = subprocess.run([program, *words[1:]], check=False)  # noqa: S603 - the application's own command
    if done.returncode:
        raise CommandError(f"{words[0]} ends with status {done.returncode}")


def _write(application: Application, entry: Entry) -> Path:
    file = application.file()
    try:
        text = file.read_text(encoding="utf-8") if file.exists() else ""
        content = json.loads(text or "{}")
    except (OSError, ValueError) as error:
        raise CommandError(f"{file} cannot be read, add it by hand: {error}") from error
    servers = content.setdefault(application.member, {}) if isinstance(content, dict) else None
    if not isinstance(servers, dict):
        raise CommandError(f"{file} is no object with {application.member}, add it by hand")
    servers[entry.name] = application.make(entry)
    target = file.resolve()  # a link stays one
    written = target.with_name(f"{target.name}.new")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        written.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        if target.exists():
            shutil.copymode(target, written)
        written.replace(target)
    except OSError as error:
        raise CommandError(f"{file} cannot be written: {error.strerror}") from error
    return file
