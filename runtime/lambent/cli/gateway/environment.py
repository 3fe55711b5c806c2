"""An execution environment: one process at a time, which is replaced when it ends."""

from __future__ import annotations

import asyncio
import enum
import time
from dataclasses import dataclass
from typing import Final

from lambent.cli.gateway.frames import FrameKind, InvocationFrame, encode_invocation
from lambent.cli.gateway.launch import Launch
from lambent.cli.gateway.log import Log, last_line
from lambent.cli.gateway.messages import Arrival
from lambent.cli.gateway.process import EnvironmentProcess
from lambent.cli.gateway.streaming import OnPart

# Lambda's limit for the initialization, before the timeout of the function counts as well.
_IMPORT_SECONDS: Final = 10.0


class FailureReason(enum.Enum):
    """Why an invocation has no result."""

    IMPORT = "import failed"
    RAISED = "raised"
    CRASHED = "crashed"
    TIMED_OUT = "timed out"
    STOPPED = "gateway stopped"


@dataclass(frozen=True, slots=True)
class Returned:
    """The handler returned.

    Attributes:
        payload: What it returned, as JSON.
        calls: A line for each MCP call of the invocation.
    """

    payload: bytes
    calls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """The handler did not return.

    Attributes:
        reason: Why.
        detail: More about it, in a few words.
        calls: A line for each MCP call of the invocation that has ended.
    """

    reason: FailureReason
    detail: str = ""
    calls: tuple[str, ...] = ()


Outcome = Returned | Failed


class Environment:
    """One execution environment. It serves one invocation at a time; the pool assigns them.

    Args:
        number: Its number, 1 for the first.
        launch: How to start its process.
        timeout: How long an invocation may run, in seconds, before its process is killed.
        log: Where failures are noted.
        role: Its name in the log, without the number.
    """

    def __init__(
        self, number: int, launch: Launch, timeout: float, log: Log, role: str = "environment"
    ) -> None:
        self.number = number
        self._name = f"{role} {number}"
        self._launch = launch
        self._timeout = timeout
        self._log = log
        self._process: EnvironmentProcess | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self._busy = asyncio.Lock()
        self._invoking = False
        self._outdated = False
        self._closed = False

    @property
    def pid(self) -> int | None:
        """The id of its process; None before the start."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start a process; a process that is running ends, also in the middle of an invocation."""
        if self._closed:
            return
        if self._process is not None:
            self._discard(self._process)
        self._outdated = False
        self._process = EnvironmentProcess(self._launch, self.number, _IMPORT_SECONDS + self._timeout)
        self._process.imported.add_done_callback(self._note_import)

    def reload(self) -> None:
        """Replace the process because the code has changed, after the current invocation if there is one."""
        if self._invoking:
            self._outdated = True
        else:
            self.start()

    async def wait_imported(self) -> str | None:
        """Wait until the app is imported; an import that has failed is not tried again.

        Returns:
            None, or the error.
        """
        process = self._process or self._running()
        error = await _import_error(process)
        # Changed code may have replaced it meanwhile.
        while self._process is not None and process is not self._process and not self._closed:
            process = self._process
            error = await _import_error(process)
        return error

    async def invoke(self, event: bytes, arrival: Arrival, on_part: OnPart | None = None) -> Outcome:
        """Run the handler once.

        Args:
            event: The event as JSON.
            arrival: The ids of the invocation.
            on_part: Takes the parts of a response that is streamed.

        Returns:
            The result, or why there is none.
        """
        async with self._busy:
            if self._closed:
                return Failed(FailureReason.STOPPED)
            process, error = await self._up_to_date()
            if error is None:
                outcome = await self._invoke(process, event, arrival, on_part)
            else:
                outcome = self._failed(FailureReason.IMPORT, last_line(error))
            if self._outdated or (self._process is not None and not self._process.usable):
                self._replace_after(outcome)
            return outcome

    async def close(self) -> None:
        """End the process, also in the middle of an invocation, and wait until it has ended."""
        self._closed = True
        if self._busy.locked() and self._process is not None:
            self._process.kill()
        async with self._busy:
            if self._process is not None:
                self._discard(self._process)
                self._process = None
            await asyncio.gather(*self._ending)

    async def _invoke(
        self, process: EnvironmentProcess, event: bytes, arrival: Arrival, on_part: OnPart | None
    ) -> Outcome:
        # Nothing may be awaited between `_up_to_date` and here: changed code would replace the process.
        self._invoking = True
        deadline_ms = int((time.time() + self._timeout) * 1000)
        message = encode_invocation(InvocationFrame(arrival.request_id, deadline_ms, arrival.trace_id), event)
        try:
            async with asyncio.timeout(self._timeout):
                kind, payload, calls = await process.exchange(message, on_part)
        except TimeoutError:
            process.kill()
            await process.exit_status()
            return self._failed(FailureReason.TIMED_OUT, f"Task timed out after {self._timeout:.2f} seconds")
        except EOFError:
            return self._failed(FailureReason.CRASHED, await process.exit_status())
        except asyncio.CancelledError:
            # Its answer would be read as that of the next invocation.
            process.kill()
            raise
        finally:
            self._invoking = False
        if kind is FrameKind.RAISED:
            return Failed(FailureReason.RAISED, payload.decode(), calls)
        return Returned(payload, calls)

    def _failed(self, reason: FailureReason, detail: str) -> Failed:
        # The gateway itself has killed the process, which is not a failure of the app.
        if self._closed:
            return Failed(FailureReason.STOPPED)
        if reason is not FailureReason.IMPORT:
            self._log.note(f"{self._name}: {reason.value}: {detail}")
        return Failed(reason, detail)

    async def _up_to_date(self) -> tuple[EnvironmentProcess, str | None]:
        # The process, and why its import failed; code that changes meanwhile replaces it.
        while True:
            process = self._running()
            error = await _import_error(process)
            if self._closed:
                return process, error or "the gateway stopped"
            if process is self._process:
                return process, error

    def _running(self) -> EnvironmentProcess:
        # A process may end between invocations, and a failed import is tried again by the next request.
        if self._process is None or not self._process.usable:
            self.start()
        if self._process is None:
            raise RuntimeError("the environment is closed")
        return self._process

    def _replace_after(self, outcome: Outcome) -> None:
        # A failed import waits for the next request, or it would be tried in a loop.
        if self._outdated or not (isinstance(outcome, Failed) and outcome.reason is FailureReason.IMPORT):
            self.start()

    def _discard(self, process: EnvironmentProcess) -> None:
        task = asyncio.create_task(process.end())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    def _note_import(self, imported: asyncio.Task[str | None]) -> None:
        if imported.cancelled():
            return
        error = imported.result()
        if error is None:
            self._log.imported()
        elif not self._closed:
            self._log.import_failed(self._name, error)


async def _import_error(process: EnvironmentProcess) -> str | None:
    # Not awaited itself: the import has to continue when the caller is cancelled.
    await asyncio.wait([process.imported])
    return "the process was replaced" if process.imported.cancelled() else process.imported.result()
