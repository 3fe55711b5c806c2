"""The environments of a gateway, and which of them serves a request."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from lambent.cli.gateway.environment import Environment, Outcome
from lambent.cli.gateway.messages import Arrival
from lambent.cli.gateway.streaming import OnPart


class PoolClosedError(Exception):
    """The gateway is stopping: no more invocations."""


class Pool:
    """Assigns invocations to environments that share nothing, round robin, one at a time to each.

    Two consecutive requests are served by different environments, except when all others are busy. While no
    environment is free, requests wait in the order in which they arrive.

    Args:
        make: Makes an environment of its number.
        size: How many there are.
    """

    def __init__(self, make: Callable[[int], Environment], size: int) -> None:
        self.environments = tuple(make(number) for number in range(1, size + 1))
        self._free = set(range(size))
        self._last = size - 1
        self._waiting: deque[asyncio.Future[Environment]] = deque()
        self._running: set[asyncio.Task[Outcome]] = set()
        self._closed = False

    def start(self) -> None:
        """Start the processes of all environments."""
        for environment in self.environments:
            environment.start()

    def reload(self) -> None:
        """Replace all processes because the code has changed: idle ones now, busy ones when they are done."""
        for environment in self.environments:
            environment.reload()

    async def acquire(self) -> Environment:
        """Wait for an environment; the caller has to pass it to `invoke`.

        Returns:
            The next free one after the one that was acquired last.

        Raises:
            PoolClosedError: The gateway is stopping.
        """
        if self._closed:
            raise PoolClosedError
        if self._free and not self._waiting:
            return self._next()
        waiter: asyncio.Future[Environment] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self._release(waiter.result())
            raise

    def invoke(
        self, environment: Environment, event: bytes, arrival: Arrival, on_part: OnPart | None = None
    ) -> asyncio.Task[Outcome]:
        """Start an invocation in an environment that was acquired, which is free again when it is done.

        Args:
            environment: The environment.
            event: The event as JSON.
            arrival: The ids of the invocation.
            on_part: Takes the parts of a response that is streamed.

        Returns:
            The invocation. It continues when the caller stops waiting, as in Lambda.
        """
        task = asyncio.create_task(environment.invoke(event, arrival, on_part))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        task.add_done_callback(lambda _: self._release(environment))
        return task

    async def close(self, grace: float) -> None:
        """Stop: refuse waiting requests, wait for running invocations, end all processes.

        Args:
            grace: How long to wait, in seconds.
        """
        self._closed = True
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_exception(PoolClosedError())
        if self._running:
            await asyncio.wait(self._running, timeout=grace)
        await asyncio.gather(*(environment.close() for environment in self.environments))

    def _next(self) -> Environment:
        size = len(self.environments)
        self._last = next(
            index for step in range(1, size + 1) if (index := (self._last + step) % size) in self._free
        )
        self._free.remove(self._last)
        return self.environments[self._last]

    def _release(self, environment: Environment) -> None:
        self._free.add(environment.number - 1)
        while self._waiting and self._free:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(self._next())
