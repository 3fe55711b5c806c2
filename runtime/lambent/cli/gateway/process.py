"""The process of an execution environment, on the side of the gateway."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
from typing import Final

from lambent.cli.gateway.frames import FrameKind, encode, receive
from lambent.cli.gateway.launch import Launch
from lambent.cli.gateway.streaming import OnPart

# How long an idle process may take to end once its pipe is closed.
_EXIT_SECONDS: Final = 2.0


class EnvironmentProcess:
    """One process that imports the app and serves invocations, one at a time.

    Has to be made on a running event loop, and ended with `end`.

    Args:
        launch: How to start it.
        number: The number of its environment.
        import_seconds: How long the import may take.

    Attributes:
        imported: Done when the import is; its result is None, or the error.
    """

    def __init__(self, launch: Launch, number: int, import_seconds: float) -> None:
        self._import_seconds = import_seconds
        self._killed = False
        self._pipe, inherited = socket.socketpair()
        self._pipe.setblocking(False)
        try:
            with inherited:
                # A session of its own: Ctrl-C on the terminal reaches the gateway only, and child processes
                # of the app can be killed together with it.
                self._process = subprocess.Popen(  # noqa: S603 - the developer's own app
                    launch.command(inherited.fileno()),
                    stdin=subprocess.DEVNULL,
                    stdout=launch.output,
                    stderr=launch.output,
                    cwd=launch.app.folder,
                    env=launch.variables(number),
                    pass_fds=[inherited.fileno()],
                    start_new_session=True,
                )
        except BaseException:
            self._pipe.close()
            raise
        self.imported: asyncio.Task[str | None] = asyncio.create_task(self._wait_for_import())

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def usable(self) -> bool:
        """Whether the process is running, was not killed, and its import has not failed."""
        failed = self.imported.done() and self.imported.result() is not None
        return not failed and not self._killed and self._process.poll() is None

    async def exchange(
        self, payload: bytes, on_part: OnPart | None = None
    ) -> tuple[FrameKind, bytes, tuple[str, ...]]:
        """Send an invocation and wait for its result.

        Args:
            payload: The payload of the `INVOKE` message.
            on_part: Takes the parts of a response that is streamed; None: they are dropped.

        Returns:
            The kind of the answer, its payload, and a line for each MCP call.

        Raises:
            EOFError: The process has exited.
        """
        try:
            await asyncio.get_running_loop().sock_sendall(self._pipe, encode(FrameKind.INVOKE, payload))
            calls: list[str] = []
            while True:
                kind, got = await receive(self._pipe)
                if kind is FrameKind.CALL:
                    calls.append(got.decode(errors="replace"))
                elif kind is not FrameKind.PART:
                    return kind, got, tuple(calls)
                elif on_part is not None:
                    on_part(got)
        except ConnectionError as error:
            raise EOFError from error

    def kill(self) -> None:
        """Kill the process and everything that it started, at once."""
        self._killed = True
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    async def exit_status(self) -> str:
        """Wait for a process that is ending.

        Returns:
            Its exit status or signal in words.
        """
        try:
            code = await asyncio.to_thread(self._process.wait, _EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            code = await asyncio.to_thread(self._process.wait)
        return f"exit status {code}" if code >= 0 else signal.Signals(-code).name

    async def end(self) -> None:
        """Close the pipe, so that the process exits, and wait for it; kill it if it does not.

        No exchange may be in progress.
        """
        if not self.imported.done():
            self.imported.cancel()
            await asyncio.wait([self.imported])
        self._pipe.close()
        await self.exit_status()
        # Child processes of the app may still run.
        self.kill()

    async def _wait_for_import(self) -> str | None:
        try:
            async with asyncio.timeout(self._import_seconds):
                kind, payload = await receive(self._pipe)
        except TimeoutError:
            self.kill()
            return f"the import took longer than {self._import_seconds:g} s"
        except (EOFError, ConnectionError):
            return f"the process ended during the import ({await self.exit_status()})"
        return None if kind is FrameKind.READY else payload.decode()
