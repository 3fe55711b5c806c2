"""`lambent invoke`: one event through a Lambda handler, in this process."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final, NoReturn

import click

from lambent.cli.app_ref import AppRef, Handler, parse_app
from lambent.cli.errors import CommandError, UsageError
from lambent.cli.gateway.calling import HandlerError, LambdaFormatter, call, install_log_handler
from lambent.cli.gateway.frames import InvocationFrame
from lambent.cli.gateway.launch import TABLE, Launch
from lambent.cli.gateway.media import decode_base64
from lambent.cli.gateway.messages import Arrival
from lambent.cli.gateway.options import keeps_in_memory
from lambent.cli.importing import import_failures
from lambent.cli.parameters import app_argument, complete_file, env_option, variables_of
from lambent.hosts.settings import IN_MEMORY

_EPILOG = """\
APP is module:attribute or path/to/file.py:attribute (the attribute: handler).

Standard output gets the response as JSON, and nothing else; what the app prints and logs goes to standard
error. The exit status is 0 if the handler returns, whatever HTTP status it returns, and 1 if it raises, takes
too long or cannot be imported. There is no container and no local AWS: the handler reaches the table, queue
and bucket that its environment variables name, where AWS_ENDPOINT_URL and the credentials lead. Where they
name none, tasks and sessions are kept in memory, for this call only; `lambent dev` runs a local AWS. Without
LAMBENT_STATE_KEYS a random secret is used, for this process only.
"""

_STANDARD_INPUT: Final = "-"
_LONGEST_SECONDS: Final = 900


@click.command("invoke", help="Run a Lambda handler once, with an event from a file.", epilog=_EPILOG)
@app_argument
@click.option(
    "-e",
    "--event",
    required=True,
    metavar="FILE",
    shell_complete=complete_file,
    help="The event as JSON: a file, - for standard input, or such as http-api-tools-list.",
)
@click.option(
    "--client-context",
    metavar="FILE",
    shell_complete=complete_file,
    help="The client context as JSON, as the event: what the caller of Invoke sends along.",
)
@env_option
@click.option("--timeout", type=float, default=30.0, metavar="SECONDS", help="Function timeout.")
@click.option(
    "--body", is_flag=True, help="Print the body of an HTTP response, decoded, instead of all of it."
)
def command(
    app: str, event: str, client_context: str | None, env: tuple[str, ...], timeout: float, body: bool
) -> None:
    """Call the handler once.

    Args:
        app: Where the handler is.
        event: The file with the event.
        client_context: The file with the client context.
        env: Environment variables of the function, as KEY=VALUE.
        timeout: How long the handler may take, in seconds.
        body: Whether to print the response's body alone.

    Raises:
        CommandError: The arguments are not valid, the event cannot be read, the app cannot be imported, the
            handler raises, or its response has no body to print.
    """
    if not 0 < timeout <= _LONGEST_SECONDS:
        raise UsageError(
            f"the timeout has to be positive, and at most {_LONGEST_SECONDS} seconds as in Lambda"
        )
    reference = parse_app(app, Path.cwd())
    variables = variables_of(env)
    given = _read_event(event)
    told = None if client_context is None else _read_event(client_context)
    if told is not None and not isinstance(told, dict):
        raise UsageError(f"{client_context} is no JSON object")
    base = dict(os.environ)
    if keeps_in_memory({**base, **variables}):
        base[TABLE] = IN_MEMORY
    os.environ.update(Launch(reference, base, variables).variables(1))
    time.tzset()  # Lambda's time zone is UTC; this process has already read its own.
    os.chdir(reference.folder)
    sys.path.insert(0, str(reference.folder))
    with _stdout_for_the_response() as stdout:
        formatter = install_log_handler()
        with import_failures(reference):
            handler = reference.load()
        response = _call(reference, handler, given, told, timeout, formatter)
        stdout.write(_body(response) if body else response + b"\n")


def _read_event(name: str) -> Any:
    try:
        data = sys.stdin.buffer.read() if name == _STANDARD_INPUT else _file_of(name).read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {name}: {error.strerror}") from error
    shown = "standard input" if name == _STANDARD_INPUT else name
    try:
        return json.loads(data.decode(), parse_constant=_refuse)
    except ValueError as error:
        raise UsageError(f"{shown} is not JSON: {error}") from error


def _file_of(name: str) -> Path:
    """The file of an event; of those that come with the library, by their name."""
    file = Path(name)
    if file.exists() or not re.fullmatch(r"[a-z0-9-]+", name):
        return file
    here = Path(__file__)
    # In an installed package, and in a clone.
    for folder in (here.with_name("events"), here.parents[3] / "events"):
        if (event := folder / f"{name}.json").is_file():
            return event
    return file


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number")


@contextlib.contextmanager
def _stdout_for_the_response() -> Iterator[BinaryIO]:
    """Send everything else that the app and its child processes print to standard error."""
    response = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    sys.stdout.flush()
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        with contextlib.suppress(BrokenPipeError), response:
            yield response
    finally:
        sys.stdout.flush()


def _call(
    app: AppRef,
    handler: Handler,
    event: Any,
    client_context: dict[str, Any] | None,
    timeout: float,
    formatter: LambdaFormatter,
) -> bytes:
    arrival = Arrival.now()
    deadline_ms = int((time.time() + timeout) * 1000)
    # As in Lambda the process is ended: nothing else interrupts every handler that hangs.
    watchdog = threading.Timer(timeout, _time_out, (timeout,))
    watchdog.daemon = True
    watchdog.start()
    try:
        frame = InvocationFrame(arrival.request_id, deadline_ms, arrival.trace_id)
        written = call(handler, event, frame, formatter, client_context)
        shown = json.dumps(json.loads(written), ensure_ascii=False, separators=(",", ":"))  # for people
        return shown.encode(errors="backslashreplace")
    except HandlerError as error:
        sys.stderr.write(f"[ERROR] {error.text}")
        raise CommandError(f"{app} raised {error.kind}") from error
    except SystemExit as error:
        raise CommandError(f"{app} ended the process with exit status {error.code!r}") from error
    finally:
        watchdog.cancel()


def _time_out(seconds: float) -> None:
    sys.stdout.flush()
    sys.stderr.write(f"lambent invoke: the handler timed out after {seconds:.2f} seconds\n")
    sys.stderr.flush()
    os._exit(CommandError.status)


def _body(response: bytes) -> bytes:
    answer = json.loads(response)
    if not isinstance(answer, dict) or not isinstance(answer.get("body"), str):
        raise CommandError(f"the response has no body: {response.decode()}")
    body: str = answer["body"]
    if not answer.get("isBase64Encoded"):
        return body.encode()
    try:
        return decode_base64(body)
    except ValueError as error:
        raise CommandError(f"the response's {error}") from error
