"""`lambent dev`: a Lambda handler behind HTTP on this machine."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from lambent.cli.app_ref import parse_app
from lambent.cli.errors import CommandError
from lambent.cli.gateway.http_server import listen, require_uvicorn
from lambent.cli.gateway.kinds import KINDS, make_api
from lambent.cli.gateway.log import Log
from lambent.cli.gateway.options import GatewayOptions, find_stack
from lambent.cli.gateway.reload import require_watchfiles
from lambent.cli.gateway.server import Running, serve
from lambent.cli.variables import add_env_option, variables_of

_EPILOG = """\
Every request becomes one invocation of the handler, in the form that the chosen AWS front end gives it. With
several environments two requests in a row are served by different ones, so state that is kept only in a
process is noticed.
The first line on standard output is "Serving URL ..."; the app's own output and one line for each request
follow on standard output and error.

Tasks and sessions need a table, a queue, a bucket. Where the nearest template.yaml beside or above APP gives
the app's function one of LAMBENT_TABLE, LAMBENT_TASK_QUEUE_URL and LAMBENT_BUCKET, MiniStack is started, and
its CloudFormation creates the resources that the function's variables refer to, unless the shell or --env
sets one of the three or AWS_ENDPOINT_URL. The functions of an app are those whose CodeUri and Handler lead to
its file; --aws also serves an app that the template does not have, with the resources of the template's
functions. Messages of the task queue and of its dead-letter queue go to further environments, the workers, in
batches as the template has them. All of it is removed at the end.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `lambent dev`.

    Args:
        parser: The subcommand's parser.
    """
    parser.epilog = _EPILOG
    parser.add_argument(
        "app", metavar="APP", help="module:attribute or path/to/file.py:attribute (the attribute: handler)"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=8080, help="port, 0 for a free one (%(default)s)")
    parser.add_argument(
        "--environments", type=int, default=1, metavar="N", help="execution environments (%(default)s)"
    )
    parser.add_argument(
        "--timeout", type=float, default=30.0, metavar="SECONDS", help="function timeout (%(default)g)"
    )
    parser.add_argument("--kind", choices=list(KINDS), default="http-api", help="front end (%(default)s)")
    parser.add_argument("--path", default="/mcp", help="path of the MCP endpoint (%(default)s)")
    parser.add_argument(
        "--stage", metavar="NAME", help="stage of the API ($default for http-api, Prod for rest)"
    )
    parser.add_argument(
        "--binary-media-type",
        action="append",
        default=[],
        metavar="TYPE",
        help="content type that a REST API passes as Base64; may be repeated",
    )
    parser.add_argument(
        "--multi-value-headers", action="store_true", help="events with multi-value headers (alb only)"
    )
    add_env_option(parser)
    parser.add_argument(
        "--reload",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="replace the environments when a Python file changes (on)",
    )
    parser.add_argument(
        "--aws",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="run a local AWS with the table, the queue and the bucket of a template (if the app needs it)",
    )
    parser.add_argument(
        "--template", type=Path, metavar="FILE", help="that template; implies --aws (the nearest one)"
    )
    parser.add_argument(
        "--workers", type=int, default=2, metavar="N", help="environments for queue messages (%(default)s)"
    )
    parser.add_argument(
        "--worker-timeout",
        type=float,
        metavar="SECONDS",
        help="timeout of the function in them (the template's)",
    )
    parser.add_argument("--quiet", action="store_true", help="no line for each request")


def run(arguments: argparse.Namespace) -> int:
    """Serve until interrupted.

    Args:
        arguments: The parsed arguments.

    Returns:
        The exit status.

    Raises:
        CommandError: The arguments are not valid, the port is taken, a library is missing, or the local AWS
            cannot be set up.
    """
    if sys.platform == "win32":
        raise CommandError("needs Linux, macOS or the Windows Subsystem for Linux")
    log = Log(quiet=arguments.quiet)
    options = _options(arguments, log)
    require_uvicorn()
    sock = listen(arguments.host, arguments.port)
    url = options.url(arguments.host, sock.getsockname()[1])

    def announce(running: Running) -> None:
        count = _count(options.environments, "environment")
        if running.workers is not None:
            count += f" and {_count(options.workers, 'worker')}"
        # Scripts wait for this line; connections are queued from here on.
        print(f"Serving {url} as {options.kind.name} with {count} of {options.app}", flush=True)

    async def until_interrupted() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await serve(options, sock, stop, log, on_ready=announce)

    asyncio.run(until_interrupted())
    return 0


def _options(arguments: argparse.Namespace, log: Log) -> GatewayOptions:
    kind = KINDS[arguments.kind]
    app = parse_app(arguments.app, Path.cwd())
    variables = variables_of(arguments)
    return GatewayOptions(
        app=app,
        kind=kind,
        api=make_api(
            kind,
            path=arguments.path,
            stage=arguments.stage,
            binary_media_types=tuple(arguments.binary_media_type),
            multi_value_headers=arguments.multi_value_headers,
        ),
        environments=arguments.environments,
        timeout=arguments.timeout,
        variables=variables,
        reload=_reload(arguments.reload, log),
        stack=find_stack(app, arguments.aws, arguments.template, variables, log),
        workers=arguments.workers,
        worker_timeout=arguments.worker_timeout,
    )


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
