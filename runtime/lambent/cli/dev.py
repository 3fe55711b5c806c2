"""`lambent dev`: a Lambda handler behind HTTP on this machine."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

import click

from lambent.cli.app_ref import parse_app
from lambent.cli.errors import CommandError
from lambent.cli.gateway.http_server import listen, require_uvicorn
from lambent.cli.gateway.kinds import KINDS, make_api
from lambent.cli.gateway.log import Log, last_line
from lambent.cli.gateway.options import GatewayOptions, find_stack, keeps_in_memory
from lambent.cli.gateway.reload import require_watchfiles
from lambent.cli.gateway.server import Running, serve
from lambent.cli.parameters import app_argument, env_option, variables_of

_EPILOG = """\
APP is module:attribute or path/to/file.py:attribute (the attribute: handler).

Every request becomes one invocation of the handler, in the form that the chosen AWS front end gives it. With
several environments two requests in a row are served by different ones, so state that is kept only in a
process is noticed.

The first line on standard output is "Serving URL ..."; the app's own output and one line for each request
follow on standard output and error.

Tasks, sessions and events need a table, queues, a bucket. Where the nearest template.yaml beside or above
APP gives the app's function one of LAMBENT_TABLE, LAMBENT_TASK_QUEUE_URL, LAMBENT_BUCKET and
LAMBENT_EVENTS_QUEUE_URL, MiniStack is started, and its CloudFormation creates the resources that the
function's variables refer to, unless the shell or --env sets one of them or AWS_ENDPOINT_URL. The functions
of an app are those whose CodeUri and Handler lead to its file; --aws also serves an app that the template
does not have, with the resources of the template's functions, and an app without a template, with a table,
queues and a bucket of its own. Messages of the queues go to further environments, the workers, in batches as
the template has them. All of it is removed at the end.

Without any of that, each environment keeps tasks, sessions and events in its own memory, until it is
replaced. Events are delivered to endpoints of this machine too, over HTTP.

An app that cannot be imported at first ends the command; with --reload it waits for the next change. Clients
read what has to be set, and with --show-errors what every unexpected exception says.
"""


@click.command("dev", help="Serve a Lambda handler over HTTP on this machine, as AWS would.", epilog=_EPILOG)
@app_argument
@click.option("--host", default="127.0.0.1", help="Address to listen on.")
@click.option("--port", type=int, default=8080, help="Port, 0 for a free one.")
@click.option("--environments", type=int, default=1, metavar="N", help="Execution environments.")
@click.option("--timeout", type=float, default=30.0, metavar="SECONDS", help="Function timeout.")
@click.option("--kind", type=click.Choice(list(KINDS)), default="http-api", help="Front end.")
@click.option("--path", default="/mcp", help="Path of the MCP endpoint.")
@click.option("--stage", metavar="NAME", help="Stage of the API ($default for http-api, Prod for rest).")
@click.option(
    "--binary-media-type",
    multiple=True,
    metavar="TYPE",
    help="Content type that a REST API passes as Base64; may be repeated.",
)
@click.option("--multi-value-headers", is_flag=True, help="Events with multi-value headers (alb only).")
@env_option
@click.option(
    "--reload/--no-reload",
    default=None,
    help="Replace the environments when a Python file changes (on).",
)
@click.option(
    "--aws/--no-aws",
    default=None,
    help="Run a local AWS with the table, the queue and the bucket of a template, or with its own "
    "ones (if the template gives the app some).",
)
@click.option(
    "--template",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="That template; implies --aws (the nearest one).",
)
@click.option("--workers", type=int, default=2, metavar="N", help="Environments for queue messages.")
@click.option(
    "--worker-timeout",
    type=float,
    metavar="SECONDS",
    help="Timeout of the function in them (the template's).",
)
@click.option(
    "--show-errors",
    is_flag=True,
    help="Show clients what unexpected exceptions say; tracebacks are on the console anyway.",
)
@click.option("--quiet", is_flag=True, help="No line for each request.")
def command(
    app: str,
    host: str,
    port: int,
    environments: int,
    timeout: float,
    kind: str,
    path: str,
    stage: str | None,
    binary_media_type: tuple[str, ...],
    multi_value_headers: bool,
    env: tuple[str, ...],
    reload: bool | None,
    aws: bool | None,
    template: Path | None,
    workers: int,
    worker_timeout: float | None,
    show_errors: bool,
    quiet: bool,
) -> None:
    """Serve until interrupted.

    Args:
        app: Where the handler is.
        host: The address to listen on.
        port: The port, 0 for a free one.
        environments: How many execution environments there are.
        timeout: How long an invocation may run, in seconds.
        kind: The front end.
        path: The path of the MCP endpoint.
        stage: The stage of the API.
        binary_media_type: The content types that a REST API passes as Base64.
        multi_value_headers: Whether events have multi-value headers.
        env: Environment variables of the function, as KEY=VALUE.
        reload: Whether changed files replace the environments; None for wherever it is possible.
        aws: Whether there is a local AWS; None where the template decides.
        template: The template with its resources; None for the nearest one.
        workers: How many environments take messages of queues.
        worker_timeout: How long their invocations may run, in seconds; None for the template's value.
        show_errors: Whether clients read what every exception says.
        quiet: Whether there is no line for each request.

    Raises:
        CommandError: The arguments are not valid, the app cannot be imported, the port is taken, a library is
            missing, or the local AWS cannot be set up.
    """
    if sys.platform == "win32":
        raise CommandError("needs Linux, macOS or the Windows Subsystem for Linux")
    log = Log(quiet=quiet)
    reference = parse_app(app, Path.cwd())
    variables = variables_of(env)
    stack = find_stack(reference, aws, template, variables, log)
    options = GatewayOptions(
        app=reference,
        kind=KINDS[kind],
        api=make_api(
            KINDS[kind],
            path=path,
            stage=stage,
            binary_media_types=binary_media_type,
            multi_value_headers=multi_value_headers,
        ),
        environments=environments,
        timeout=timeout,
        variables=variables,
        reload=_reload(reload, log),
        show_errors=show_errors,
        stack=stack,
        memory=stack is None and keeps_in_memory({**os.environ, **variables}),
        workers=workers,
        worker_timeout=worker_timeout,
    )
    require_uvicorn()
    sock = listen(host, port)
    _serve(options, sock, log, options.url(host, sock.getsockname()[1]), waits=reload is True)


def _serve(options: GatewayOptions, sock: socket.socket, log: Log, url: str, *, waits: bool) -> None:
    """Serve; where the app cannot be imported at first, end, or wait for a change if `waits`."""
    failed = ""
    stop = asyncio.Event()

    async def announce(running: Running) -> None:
        nonlocal failed
        error = await running.environments.environments[0].wait_imported()
        if stop.is_set():
            return
        if error is not None:
            if not waits:
                failed = last_line(error)
                stop.set()
                return
            log.note("waiting for the next change of a Python file")
        count = _count(options.environments, "environment")
        if running.workers is not None:
            count += f" and {_count(options.workers, 'worker')}"
        # Scripts wait for this line.
        print(f"Serving {url} as {options.kind.name} with {count} of {options.app}", flush=True)

    async def until_interrupted() -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await serve(options, sock, stop, log, on_start=announce)

    asyncio.run(until_interrupted())
    if failed:
        raise CommandError(f"{options.app} cannot be imported: {failed}")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' if number > 1 else ''}"


def _reload(asked: bool | None, log: Log) -> bool:
    if asked is False:
        return False
    try:
        require_watchfiles()
    except CommandError as error:
        if asked:
            raise
        log.note(f"reload is off: {error}")
        return False
    return True
