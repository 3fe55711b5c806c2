"""The gateway as a whole: environments and workers behind an HTTP server, with a local AWS or without."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from lambent.cli.gateway.asgi import GatewayApp
from lambent.cli.gateway.environment import Environment
from lambent.cli.gateway.http_server import make_server, require_uvicorn
from lambent.cli.gateway.launch import TABLE, Launch, region_of
from lambent.cli.gateway.log import Log
from lambent.cli.gateway.options import GatewayOptions
from lambent.cli.gateway.pool import Pool
from lambent.cli.gateway.reload import reload_on_change, require_watchfiles
from lambent.hosts.settings import IN_MEMORY

if TYPE_CHECKING:
    from lambent.cli.local_aws.service import LocalAws

T = TypeVar("T")

_LIBRARY_FOLDER: Final = Path(__file__).parents[2]

MCP_PATH: Final = "LAMBENT_MCP_PATH"


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

    @property
    def pools(self) -> list[Pool]:
        """The environments, and the workers if there are any."""
        return [pool for pool in (self.environments, self.workers) if pool is not None]


async def serve(
    options: GatewayOptions,
    sock: socket.socket,
    stop: asyncio.Event,
    log: Log,
    *,
    output: int | None = None,
    on_start: Callable[[Running], Awaitable[None]] | None = None,
) -> None:
    """Serve until `stop` is set; then end all processes.

    Args:
        options: What to serve.
        sock: The listening socket; it is closed at the end.
        stop: Ends it.
        log: Where requests and failures are noted.
        output: The descriptor for what the app prints; None for this process's own standard output and error.
        on_start: Called once connections are served.

    Raises:
        CommandError: The local AWS cannot be set up.
        MissingExtraError: uvicorn or watchfiles is not installed.
    """
    require_uvicorn()
    base: Mapping[str, str] = {**_path_variable(options.api.path), **os.environ}
    aws: LocalAws | None = None
    with contextlib.closing(sock):
        async with contextlib.AsyncExitStack() as opened:
            if options.stack is not None:
                from lambent.cli.local_aws.service import local_aws

                context = local_aws(options.stack, region_of(base), base, output)
                aws = await _unless_stopped(opened.enter_async_context(context), stop)
                if aws is None:
                    return
                base = aws.variables(base)
                log.note(str(aws))
            elif options.memory:
                base = {**base, TABLE: IN_MEMORY}
            launch = Launch(
                options.app, base, options.variables, output=output, show_errors=options.show_errors
            )
            running = _make(options, launch, aws, log)
            await _serve(options, running, sock, stop, log, on_start)


def _path_variable(path: str) -> dict[str, str]:
    """The variable with the function's endpoint, for the documents that name it."""
    # An endpoint at the root has no path.
    return {MCP_PATH: path.rstrip("/")} if path.strip("/") else {}


def _make(options: GatewayOptions, launch: Launch, aws: LocalAws | None, log: Log) -> Running:
    workers = None
    if aws is not None and (template_seconds := aws.deployment.worker_timeout) is not None:
        seconds = template_seconds if options.worker_timeout is None else options.worker_timeout
        workers = Pool(lambda number: Environment(number, launch, seconds, log, "worker"), options.workers)
    environments = Pool(
        lambda number: Environment(number, launch, options.timeout, log), options.environments
    )
    return Running(environments, workers, aws)


async def _unless_stopped(work: Coroutine[Any, Any, T], stop: asyncio.Event) -> T | None:
    """The result of something that takes time; None if the gateway is stopped before."""
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
    options: GatewayOptions,
    running: Running,
    sock: socket.socket,
    stop: asyncio.Event,
    log: Log,
    on_start: Callable[[Running], Awaitable[None]] | None,
) -> None:
    serving = asyncio.Event()
    server = make_server(GatewayApp(running.environments, options.kind, options.api, log), serving)

    async def stop_server() -> None:
        await stop.wait()
        server.should_exit = True
        # Ends the requests in progress, so that the server's own shutdown does not wait for them.
        await asyncio.gather(*(pool.close(options.grace) for pool in running.pools))

    async def announce() -> None:
        await serving.wait()
        if on_start is not None:
            await on_start(running)

    helpers = [stop_server()]
    if running.aws is not None:
        helpers.append(running.aws.deliver(running.workers, stop, log))
    if options.reload:
        require_watchfiles()
        helpers.append(reload_on_change({options.app.folder, _LIBRARY_FOLDER}, running.pools, stop, log))
    announcing = asyncio.create_task(announce())
    tasks = [asyncio.create_task(helper) for helper in helpers]
    try:
        for pool in running.pools:
            pool.start()
        await server.serve(sockets=[sock])
    finally:
        stop.set()
        sock.close()
        announcing.cancel()
        await asyncio.wait([announcing])
        await asyncio.gather(*tasks)
