"""A gateway in the background of a process."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TextIO

from lambent.cli.app_ref import parse_app
from lambent.cli.errors import CommandError
from lambent.cli.gateway.http_server import listen, require_uvicorn
from lambent.cli.gateway.kinds import KINDS, make_api
from lambent.cli.gateway.log import Log
from lambent.cli.gateway.options import GatewayOptions, find_stack
from lambent.cli.gateway.pool import Pool
from lambent.cli.gateway.server import Running, serve

if TYPE_CHECKING:
    from lambent.cli.local_aws.service import LocalAws


class Gateway:
    """A gateway in the background of this process, for tests and scripts.

        with Gateway("app.py", environments=3) as gateway:
            httpx.post(gateway.url, ...)

    Args:
        app: The APP reference, relative to the working folder.
        kind: The front end: `http-api`, `rest`, `function-url` or `alb`.
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
        grace: How long to wait for running invocations at the end, in seconds.
        wait: Whether to wait until the app is imported, and to raise if it cannot be.
        aws: Whether there is a local AWS; None where the template decides.
        template: The template with its resources; None for the nearest one beside or above the app.
        workers: How many environments take messages of queues.
        worker_timeout: How long their invocations may run, in seconds; None for the template's value.

    Raises:
        CommandError: On entering: the arguments are not valid, the port is taken, or the import failed.
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
        aws: bool | None = False,
        template: Path | None = None,
        workers: int = 2,
        worker_timeout: float | None = None,
    ) -> None:
        front_end = KINDS[kind]
        reference = parse_app(str(app), Path.cwd())
        variables = dict(env or {})
        self.options = GatewayOptions(
            app=reference,
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
            variables=variables,
            reload=reload,
            grace=grace,
            stack=find_stack(reference, aws, template, variables, Log(quiet=quiet)),
            workers=workers,
            worker_timeout=worker_timeout,
        )
        self._host = host
        self._port = port
        self._log_file = log
        self._quiet = quiet
        self._wait = wait
        self._running: Running | None = None
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
        return self.url.removesuffix(self.options.api.path)

    @property
    def url(self) -> str:
        """The URL of the MCP endpoint."""
        return self.options.url(self._host, self._port)

    @property
    def pids(self) -> list[int | None]:
        """The process ids of the environments, in their order."""
        return self._pids(self._running.environments) if self._running else []

    @property
    def worker_pids(self) -> list[int | None]:
        """The process ids of the workers, in their order."""
        return self._pids(self._running.workers) if self._running and self._running.workers else []

    @property
    def aws(self) -> LocalAws | None:
        """The local AWS, if there is one."""
        return self._running.aws if self._running else None

    @staticmethod
    def _pids(pool: Pool) -> list[int | None]:
        return [environment.pid for environment in pool.environments]

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

        async def on_start(running: Running) -> None:
            self._running = running
            if self._wait:
                environments = running.environments.environments
                errors = await asyncio.gather(*(one.wait_imported() for one in environments))
                if found := [error for error in errors if error]:
                    started.set_exception(CommandError(f"the app cannot be imported\n{found[0]}"))
                    stop.set()
                    return
            started.set_result(None)

        await serve(
            self.options,
            sock,
            stop,
            Log(stream, quiet=self._quiet),
            output=stream.fileno() if stream else None,
            on_start=on_start,
        )
