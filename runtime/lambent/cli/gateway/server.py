"""The gateway: environments behind an HTTP server."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TextIO

from lambent.cli.app_ref import AppRef, parse_app
from lambent.cli.errors import CommandError, MissingExtraError, UsageError
from lambent.cli.gateway import reload as reloading
from lambent.cli.gateway.asgi import GatewayApp
from lambent.cli.gateway.environment import Environment
from lambent.cli.gateway.kinds import KINDS, Kind
from lambent.cli.gateway.launch import Launch
from lambent.cli.gateway.log import Log
from lambent.cli.gateway.messages import DEFAULT_STAGE, Api
from lambent.cli.gateway.pool import Pool

_LIBRARY_FOLDER: Final = Path(__file__).parents[2]

# Longer than clients keep idle connections, so that it is they who close them.
_KEEP_ALIVE_SECONDS: Final = 75
_MAX_HEADER_BYTES: Final = 64 * 1024


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
    """

    app: AppRef
    kind: Kind
    api: Api = field(default_factory=Api)
    environments: int = 1
    timeout: float = 30.0
    variables: Mapping[str, str] = field(default_factory=dict)
    reload: bool = False
    grace: float = 2.0

    def __post_init__(self) -> None:
        if self.environments < 1:
            raise UsageError("there has to be at least one environment")
        if self.timeout <= 0:
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


async def serve(
    settings: Settings,
    sock: socket.socket,
    stop: asyncio.Event,
    log: Log,
    *,
    output: int | None = None,
    on_start: Callable[[Pool], Awaitable[None]] | None = None,
) -> None:
    """Serve until told to stop; no process is left behind then.

    Args:
        settings: What to serve.
        sock: The listening socket; it is closed at the end.
        stop: Ends it.
        log: Where requests and failures are noted.
        output: The descriptor for what the app prints; None for this process's own standard output and error.
        on_start: Called with the environments once connections are served.

    Raises:
        MissingExtraError: uvicorn or watchfiles is not installed.
    """
    require_uvicorn()
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

    launch = Launch(settings.app, dict(os.environ), settings.variables, output=output)
    pool = Pool(lambda number: Environment(number, launch, settings.timeout, log), settings.environments)
    server = Server(
        uvicorn.Config(
            GatewayApp(pool, settings.kind, settings.api, log),
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
        await pool.close(settings.grace)

    async def announce() -> None:
        await serving.wait()
        if on_start is not None:
            await on_start(pool)

    helpers = [stop_server()]
    if settings.reload:
        reloading.require_watchfiles()
        helpers.append(_reload(settings.app.folder, pool, stop, log))
    announcing = asyncio.create_task(announce())
    tasks = [asyncio.create_task(helper) for helper in helpers]
    try:
        pool.start()
        await server.serve(sockets=[sock])
    finally:
        stop.set()
        sock.close()
        announcing.cancel()
        await asyncio.wait([announcing])
        await asyncio.gather(*tasks)


async def _reload(folder: Path, pool: Pool, stop: asyncio.Event, log: Log) -> None:
    try:
        async for paths in reloading.changes({folder, _LIBRARY_FOLDER}, stop):
            log.note(f"reloading: {', '.join(path.name for path in paths)} changed")
            pool.reload()
    except OSError as error:
        # Such as the system's limit of watched folders; serving goes on.
        log.note(f"reloading is off from here on: {error}")


class Gateway:
    """A gateway in the background of this process, for tests and scripts.

        with Gateway("app.py", environments=3) as gateway:
            httpx.post(gateway.url, ...)

    Args:
        app: The APP reference, relative to the working folder.
        kind: The front end to be: `http-api`, `rest`, `function-url` or `alb`.
        environments: How many environments there are.
        timeout: How long an invocation may run, in seconds.
        path: The path of the MCP endpoint.
        stage: The name of the stage; None for the kind's own.
        binary_media_types: A REST API's binary media types.
        multi_value_headers: Whether an ALB has multi-value headers enabled.
        env: Environment variables of the function, besides those of this process.
        reload: Whether changed files replace the environments.
        host: The address to listen on.
        port: The port to listen on, 0 for a free one.
        log: The file for what the app prints and the gateway notes; None for this process's own output.
        quiet: Whether to leave out the line for each request.
        grace: How long running invocations may go on at the end, in seconds.
        wait: Whether to wait until the app is imported, and to raise if it cannot be.

    Raises:
        CommandError: On entering: the arguments make no sense, the port is taken, or the import failed.
    """

    def __init__(
        self,
        app: str | Path,
        *,
        kind: str = "http-api",
        environments: int = 1,
        timeout: float = 30.0,
        path: str = "/mcp",
        stage: str | None = None,
        binary_media_types: tuple[str, ...] = (),
        multi_value_headers: bool = False,
        env: Mapping[str, str] | None = None,
        reload: bool = False,
        host: str = "127.0.0.1",
        port: int = 0,
        log: Path | None = None,
        quiet: bool = False,
        grace: float = 0.0,
        wait: bool = True,
    ) -> None:
        front_end = KINDS[kind]
        self.settings = Settings(
            app=parse_app(str(app), Path.cwd()),
            kind=front_end,
            api=make_api(
                front_end,
                path=path,
                stage=stage,
                binary_media_types=binary_media_types,
                multi_value_headers=multi_value_headers,
            ),
            environments=environments,
            timeout=timeout,
            variables=dict(env or {}),
            reload=reload,
            grace=grace,
        )
        self._host = host
        self._port = port
        self._log_file = log
        self._quiet = quiet
        self._wait = wait
        self._pool: Pool | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self._port

    @property
    def base_url(self) -> str:
        """The URL of the root, without a slash at the end."""
        return self.url.removesuffix(self.settings.api.path)

    @property
    def url(self) -> str:
        """The URL of the MCP endpoint."""
        return self.settings.url(self._host, self._port)

    @property
    def pids(self) -> list[int | None]:
        """The process ids of the environments, in their order."""
        return [environment.pid for environment in self._pool.environments] if self._pool else []

    def __enter__(self) -> Self:
        require_uvicorn()
        sock = listen(self._host, self._port)
        self._port = sock.getsockname()[1]
        started: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, args=(sock, started), name="gateway", daemon=True)
        self._thread.start()
        try:
            started.result()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop, and wait until all environments have ended."""
        if self._thread is None:
            return
        if self._loop is not None and self._stop is not None:
            # The loop may be closed already, if the server failed.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._thread = None

    def _run(self, sock: socket.socket, started: Future[None]) -> None:
        try:
            with contextlib.ExitStack() as stack:
                stream = None
                if self._log_file is not None:
                    stream = stack.enter_context(self._log_file.open("a", encoding="utf-8"))
                asyncio.run(self._serve(sock, started, stream))
        except BaseException as error:
            if started.done():
                raise
            started.set_exception(error)
        finally:
            sock.close()

    async def _serve(self, sock: socket.socket, started: Future[None], stream: TextIO | None) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = stop = asyncio.Event()

        async def on_start(pool: Pool) -> None:
            self._pool = pool
            if self._wait:
                errors = await asyncio.gather(*(one.wait_imported() for one in pool.environments))
                if found := [error for error in errors if error]:
                    started.set_exception(CommandError(f"the app cannot be imported\n{found[0]}"))
                    stop.set()
                    return
            started.set_result(None)

        await serve(
            self.settings,
            sock,
            stop,
            Log(stream, quiet=self._quiet),
            output=stream.fileno() if stream else None,
            on_start=on_start,
        )
