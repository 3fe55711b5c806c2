"""The gateway: environments behind an HTTP server."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import socket
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from lambent.cli.app_ref import AppRef
from lambent.cli.errors import CommandError, MissingExtraError, UsageError
from lambent.cli.gateway import reload as reloading
from lambent.cli.gateway.asgi import GatewayApp
from lambent.cli.gateway.environment import Environment
from lambent.cli.gateway.kinds import Kind
from lambent.cli.gateway.launch import Launch, region_of
from lambent.cli.gateway.log import Log
from lambent.cli.gateway.messages import DEFAULT_STAGE, Api
from lambent.cli.gateway.pool import Pool

if TYPE_CHECKING:
    from lambent.cli.local_aws.service import LocalAws
    from lambent.cli.local_aws.stack import Stack

T = TypeVar("T")

_LIBRARY_FOLDER: Final = Path(__file__).parents[2]

# Longer than clients keep idle connections, so that it is they who close them.
_KEEP_ALIVE_SECONDS: Final = 75
_MAX_HEADER_BYTES: Final = 64 * 1024

MCP_PATH: Final = "LAMBENT_MCP_PATH"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a gateway serves, and how.

    Attributes:
        app: The handler.
        kind: The front end to be.
        api: How the front end is set up.
        environments: How many environments there are.
        timeout: How long an invocation may run, in seconds.
        variables: Environment variables of the function, besides those of this process.
        reload: Whether changed files replace the environments.
        grace: How long running invocations may go on when the gateway stops, in seconds.
        stack: What a local AWS has for the app; None for no local AWS.
        workers: How many environments take messages of queues, besides those that take requests.
        worker_timeout: How long their invocations may run, in seconds; None for what the template says.
    """

    app: AppRef
    kind: Kind
    api: Api = field(default_factory=Api)
    environments: int = 1
    timeout: float = 30.0
    variables: Mapping[str, str] = field(default_factory=dict)
    reload: bool = False
    grace: float = 2.0
    stack: Stack | None = None
    workers: int = 2
    worker_timeout: float | None = None

    def __post_init__(self) -> None:
        if self.environments < 1:
            raise UsageError("there has to be at least one environment")
        if self.workers < 1:
            raise UsageError("there has to be at least one worker")
        if self.timeout <= 0 or (self.worker_timeout is not None and self.worker_timeout <= 0):
            raise UsageError("the timeout has to be positive")

    def url(self, host: str, port: int) -> str:
        """The URL of the MCP endpoint.

        Args:
            host: The host that the gateway listens on.
            port: The port that it listens on.

        Returns:
            The URL, without a stage: the gateway's root is the stage's.
        """
        name = f"[{host}]" if ":" in host else host
        return f"http://{name}:{port}{self.api.path}"


def make_api(
    kind: Kind,
    *,
    path: str,
    stage: str | None,
    binary_media_types: tuple[str, ...] = (),
    multi_value_headers: bool = False,
) -> Api:
    """Put the set-up of a front end together.

    Args:
        kind: The front end.
        path: The path of the MCP endpoint.
        stage: The name of the stage; None for the kind's own.
        binary_media_types: The content types that a REST API passes as Base64.
        multi_value_headers: Whether the ALB target group has multi-value headers enabled.

    Returns:
        The set-up.

    Raises:
        UsageError: The path does not start with a slash, or the kind has no such stage or setting.
    """
    if not path.startswith("/"):
        raise UsageError(f"the path {path!r} has to start with a slash")
    if stage is not None and kind.name not in {"http-api", "rest"}:
        raise UsageError(f"{kind.name} has no stages")
    if stage == DEFAULT_STAGE and kind.name == "rest":
        raise UsageError("a REST API has no stage $default")
    if binary_media_types and kind.name != "rest":
        raise UsageError(f"{kind.name} has no binary media types")
    if multi_value_headers and kind.name != "alb":
        raise UsageError(f"{kind.name} has no multi-value headers setting")
    return Api(
        stage=stage or kind.stage,
        path=path,
        binary_media_types=binary_media_types,
        multi_value_headers=multi_value_headers,
    )


def find_stack(
    app: AppRef, asked: bool | None, template: Path | None, variables: Mapping[str, str], log: Log
) -> Stack | None:
    """Decide what a local AWS has for an app.

    Args:
        app: The app.
        asked: Whether there is to be one; None leaves it to the template.
        template: The template; None looks for one beside and above the app.
        variables: Environment variables of the function, besides those of this process.
        log: Where it is noted that what the template wants cannot be had.

    Returns:
        What it has; None for no local AWS.

    Raises:
        CommandError: It was asked for and cannot be had.
    """
    if asked is False:
        return None
    from lambent.cli.local_aws.choice import choose_stack

    all_variables = {**os.environ, **variables}
    return choose_stack(app, asked, template, all_variables, log)


def listen(host: str, port: int) -> socket.socket:
    """Open the gateway's port; connections wait there until it serves.

    Args:
        host: The name or address to listen on.
        port: The port, 0 for a free one.

    Returns:
        The listening socket.

    Raises:
        CommandError: The port cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio turns Nagle's algorithm off: answers would wait 40 ms for an ACK.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(2048)
    except (OSError, OverflowError) as error:
        sock.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise CommandError(f"cannot listen on {host}:{port}: {reason}") from error
    return sock


def require_uvicorn() -> None:
    """Check that the HTTP server is there.

    Raises:
        MissingExtraError: It is not installed.
    """
    if importlib.util.find_spec("uvicorn") is None:
        raise MissingExtraError("uvicorn", "the gateway")


@dataclass(frozen=True, slots=True)
class Running:
    """What a gateway consists of while it serves.

    Attributes:
        environments: Take requests.
        workers: Take messages of queues; None where there are no queues.
        aws: The local AWS, if there is one.
    """

    environments: Pool
    workers: Pool | None
    aws: LocalAws | None


async def serve(
    settings: Settings,
    sock: socket.socket,
    stop: asyncio.Event,
    log: Log,
    *,
    output: int | None = None,
    on_ready: Callable[[Running], None] | None = None,
    on_start: Callable[[Running], Awaitable[None]] | None = None,
) -> None:
    """Serve until told to stop; no process is left behind then.

    Args:
        settings: What to serve.
        sock: The listening socket; it is closed at the end.
        stop: Ends it.
        log: Where requests and failures are noted.
        output: The descriptor for what the app prints; None for this process's own standard output and error.
        on_ready: Called once nothing but the app itself can keep it from serving.
        on_start: Called once connections are served.

    Raises:
        CommandError: The local AWS cannot be had.
        MissingExtraError: uvicorn or watchfiles is not installed.
    """
    require_uvicorn()
    base: Mapping[str, str] = {**_path_variable(settings.api.path), **os.environ}
    aws: LocalAws | None = None
    with contextlib.closing(sock):
        async with contextlib.AsyncExitStack() as stack:
            if settings.stack is not None:
                from lambent.cli.local_aws.service import local_aws

                context = local_aws(settings.stack, region_of(base), base, output)
                aws = await _unless_stopped(stack.enter_async_context(context), stop)
                if aws is None:
                    return
                base = aws.variables(base)
                log.note(str(aws))
            running = _make(settings, Launch(settings.app, base, settings.variables, output=output), aws, log)
            if on_ready is not None:
                on_ready(running)
            await _serve(settings, running, sock, stop, log, on_start)


def _path_variable(path: str) -> dict[str, str]:
    """What tells the function where its endpoint is, for the documents that say so."""
    # At the root there is nothing to name.
    return {MCP_PATH: path.rstrip("/")} if path.strip("/") else {}


def _make(settings: Settings, launch: Launch, aws: LocalAws | None, log: Log) -> Running:
    workers = None
    if aws is not None and (template_seconds := aws.deployment.worker_timeout) is not None:
        seconds = template_seconds if settings.worker_timeout is None else settings.worker_timeout
        workers = Pool(lambda number: Environment(number, launch, seconds, log, "worker"), settings.workers)
    environments = Pool(
        lambda number: Environment(number, launch, settings.timeout, log), settings.environments
    )
    return Running(environments, workers, aws)


async def _unless_stopped(work: Coroutine[Any, Any, T], stop: asyncio.Event) -> T | None:
    """What comes of something that takes time; None if the gateway is stopped before."""
    working, stopped = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({working, stopped}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopped.cancel()
        if not working.done():
            working.cancel()
            await asyncio.wait([working])
    return None if working.cancelled() else working.result()


async def _serve(
    settings: Settings,
    running: Running,
    sock: socket.socket,
    stop: asyncio.Event,
    log: Log,
    on_start: Callable[[Running], Awaitable[None]] | None,
) -> None:
    import uvicorn

    from lambent.cli.gateway.raw_headers import RawHeadersProtocol

    serving = asyncio.Event()

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            serving.set()

        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            # Signals are the command's: uvicorn would raise them again before the environments are closed.
            yield

    pools = [pool for pool in (running.environments, running.workers) if pool is not None]
    server = Server(
        uvicorn.Config(
            GatewayApp(running.environments, settings.kind, settings.api, log),
            http=RawHeadersProtocol,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            h11_max_incomplete_event_size=_MAX_HEADER_BYTES,
        )
    )

    async def stop_server() -> None:
        await stop.wait()
        server.should_exit = True
        # Answers what is under way, so that the server's own shutdown has nothing left to wait for.
        await asyncio.gather(*(pool.close(settings.grace) for pool in pools))

    async def announce() -> None:
        await serving.wait()
        if on_start is not None:
            await on_start(running)

    helpers = [stop_server()]
    if running.aws is not None:
        helpers.append(_deliver(running.aws, running.workers, stop, log))
    if settings.reload:
        reloading.require_watchfiles()
        helpers.append(_reload(settings.app.folder, pools, stop, log))
    announcing = asyncio.create_task(announce())
    tasks = [asyncio.create_task(helper) for helper in helpers]
    try:
        for pool in pools:
            pool.start()
        await server.serve(sockets=[sock])
    finally:
        stop.set()
        sock.close()
        announcing.cancel()
        await asyncio.wait([announcing])
        await asyncio.gather(*tasks)


async def _deliver(aws: LocalAws, workers: Pool | None, stop: asyncio.Event, log: Log) -> None:
    """Bring messages to workers until the gateway stops, or the local AWS does."""
    pollers = aws.pollers(workers, log) if workers is not None else []
    polling = [asyncio.create_task(poller.run()) for poller in pollers]
    ended = asyncio.create_task(aws.emulator.ended())
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait({ended, stopped}, return_when=asyncio.FIRST_COMPLETED)
    if ended.done():
        log.note(f"the local AWS has ended ({ended.result()}): what needs it fails until you start again")
    for task in (ended, stopped, *polling):
        task.cancel()
    await asyncio.wait([ended, stopped, *polling])


async def _reload(folder: Path, pools: Sequence[Pool], stop: asyncio.Event, log: Log) -> None:
    try:
        async for paths in reloading.changes({folder, _LIBRARY_FOLDER}, stop):
            log.note(f"reloading: {', '.join(path.name for path in paths)} changed")
            for pool in pools:
                pool.reload()
    except OSError as error:
        # Such as the system's limit of watched folders; serving goes on.
        log.note(f"reloading is off from here on: {error}")
