"""Clients that misuse a live server: they read nothing, hang up, repeat calls, leave results to expire."""

import asyncio
import contextlib
import itertools
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from tests import support
from tests.execution.durable.tasks.harness import TASKS

ROOT = Path(__file__).parents[3]
SLOW_READERS = 80
"""More than calls that may run at a time."""

DUPLICATES = 64
RESULT_BYTES = 500_000
MAX_GROWTH_MB = 300
"""Without bounds, one client that reads nothing takes a gigabyte."""

_START_SECONDS = 30.0
_SETTLE_SECONDS = 30.0
_SAFETY_SECONDS = 60.0
"""A client that waits longer for a ping has found a server that hangs."""


class Report(msgspec.Struct):
    """What came of a run.

    Attributes:
        seconds: how long it took.
        faults: what clients did, by kind.
        before: megabytes of memory at the start.
        peak: the most that was seen.
        after: some seconds after the end.
        threads: the most threads that were seen.
        pings: seconds that each ping took.
        wrong: what must never happen.
    """

    seconds: float
    faults: Counter[str]
    before: int
    peak: int
    after: int
    threads: int
    pings: list[float]
    wrong: list[str]

    def __str__(self) -> str:
        cuts = [1000 * cut for cut in statistics.quantiles([*self.pings, *self.pings], n=100)]
        longest = 1000 * max(self.pings)
        rows = [
            *(f"| {kind} | {count:,} |" for kind, count in sorted(self.faults.items())),
            f"| memory before, at most, after | {self.before}, {self.peak}, {self.after} MB |",
            f"| threads at most | {self.threads} |",
            f"| ping: median, 99 %, longest | {cuts[49]:.0f}, {cuts[98]:.0f}, {longest:.0f} ms |",
            f"| violations | {len(self.wrong)} |",
        ]
        title = f"uvicorn and clients that misuse it for {self.seconds:.1f} s"
        return "\n".join([title, "", "| what | how much |", "|---|---|", *rows, *self.wrong])


def play(*, seconds: float, subscriptions: int = 300) -> Report:
    """Misuse a server of one process for some seconds."""
    with _server() as port:
        return asyncio.run(_Clients(port, subscriptions).play(seconds))


class _Clients:
    """Everybody who talks to the server."""

    def __init__(self, port: int, subscriptions: int) -> None:
        self._port = port
        self._subscriptions = subscriptions
        self._numbers = itertools.count(1)
        self._over = asyncio.Event()
        self._report = Report(0, Counter(), 0, 0, 0, 0, [], [])

    async def play(self, seconds: float) -> Report:
        report, began = self._report, time.monotonic()
        await self._call("ping")
        report.before = (await self._usage())["mb"]
        workers = [
            *(self._repeat(self._read_nothing) for _ in range(SLOW_READERS)),
            *(self._repeat(self._subscribe) for _ in range(self._subscriptions)),
            self._repeat(self._duplicate_and_hang_up),
            self._repeat(self._let_expire),
            self._repeat(self._ping),
            self._repeat(self._measure),
        ]
        tasks = [asyncio.ensure_future(worker) for worker in workers]
        await asyncio.sleep(seconds)
        self._over.set()
        _, hanging = await asyncio.wait(tasks, timeout=_SAFETY_SECONDS)
        report.wrong += [f"{len(hanging)} clients hang"] if hanging else []
        report.wrong += [repr(task.exception()) for task in tasks if task.done() and task.exception()]
        report.seconds = time.monotonic() - began
        await self._settle()
        if report.peak - report.before > MAX_GROWTH_MB:
            report.wrong.append("The memory has grown without bound")
        return report

    async def _settle(self) -> None:
        """Wait until what was given up has been forgotten."""
        last = time.monotonic() + _SETTLE_SECONDS
        while True:
            usage = await self._usage()
            self._report.after = usage["mb"]
            if usage["mb"] - self._report.before < MAX_GROWTH_MB / 2:
                return
            if time.monotonic() > last:
                self._report.wrong.append("What has expired is still in memory")
                return
            await asyncio.sleep(0.5)

    async def _repeat(self, fault: Callable[[], Coroutine[Any, Any, None]]) -> None:
        while not self._over.is_set():
            await fault()

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._over.wait(), seconds)

    async def _read_nothing(self) -> None:
        tool = ("talk", "talk_async")[next(self._numbers) % 2]
        async with self._sent(_call(tool)):
            self._report.faults["readers that read nothing"] += 1
            await self._pause(2.0)

    async def _duplicate_and_hang_up(self) -> None:
        message = _call("slow", {"key": str(next(self._numbers))})
        async with contextlib.AsyncExitStack() as stack:
            for _ in range(DUPLICATES):
                await stack.enter_async_context(self._sent(message))
            self._report.faults["duplicates whose clients hung up"] += DUPLICATES
            await self._pause(0.5)

    async def _let_expire(self) -> None:
        await self._call("large", {"size": RESULT_BYTES})
        self._report.faults["results that expired"] += 1
        await self._pause(0.05)

    async def _subscribe(self) -> None:
        message = support.message("subscriptions/listen", {"notifications": {"toolsListChanged": True}})
        async with self._sent(message) as reader:
            head = await reader.readuntil(b"\r\n\r\n")
            if b" 200 " not in head:
                self._report.wrong.append(f"A subscription was refused: {head!r}")
            self._report.faults["subscriptions"] += 1
            await self._pause(3600)

    async def _ping(self) -> None:
        began = time.monotonic()
        await self._call("ping")
        self._report.pings.append(time.monotonic() - began)
        await self._pause(0.05)

    async def _measure(self) -> None:
        usage = await self._usage()
        self._report.peak = max(self._report.peak, usage["mb"])
        self._report.threads = max(self._report.threads, usage["threads"])
        await self._call("change")
        await self._pause(0.5)

    async def _usage(self) -> dict[str, int]:
        usage: dict[str, int] = (await self._call("usage"))["structuredContent"]
        return usage

    async def _call(self, tool: str, arguments: Any = None) -> dict[str, Any]:
        async with asyncio.timeout(_SAFETY_SECONDS), self._sent(_call(tool, arguments)) as reader:
            response = await reader.read()
        # The body is one chunk, which may stand between chunk sizes.
        body = response[response.index(b"{") : response.rindex(b"}") + 1]
        result: dict[str, Any] = json.loads(body)["result"]
        return result

    @asynccontextmanager
    async def _sent(self, message: Any) -> AsyncIterator[asyncio.StreamReader]:
        """A connection on which a request was sent, and which is cut in the end."""
        body = support.dumps(message).encode()
        headers = {
            "host": "x",
            "connection": "close",
            "content-length": str(len(body)),
            **support.headers_of(message),
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=2**14)
        try:
            writer.write(f"POST / HTTP/1.1\r\n{head}\r\n".encode() + body)
            await writer.drain()
            yield reader
        finally:
            writer.transport.abort()


def _call(tool: str, arguments: Any = None) -> Any:
    params = {"name": tool, "arguments": arguments or {}}
    return support.message("tools/call", params, capabilities=TASKS, logLevel="info")


@contextlib.contextmanager
def _server() -> Iterator[int]:
    """A server in a process of its own; gives its port."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "LAMBENT_"))}
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listening:
        descriptor = listening.fileno()
        options = ["--fd", str(descriptor), "--lifespan", "off", "--log-level", "critical"]
        options += ["--timeout-graceful-shutdown", "1"]
        with subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "tests.chaos.live.app:app", *options],
            stdin=subprocess.DEVNULL,
            cwd=ROOT,
            env={**env, "PYTHONPATH": str(ROOT)},
            pass_fds=[descriptor],
        ) as process:
            try:
                yield listening.getsockname()[1]
            finally:
                process.terminate()
                try:
                    process.wait(_START_SECONDS)
                except subprocess.TimeoutExpired:
                    process.kill()
                    raise
