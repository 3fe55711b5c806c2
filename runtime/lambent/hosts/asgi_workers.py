"""ASGI, where threads of the application do work that several processes share."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

from lambent.execution.endpoint import Endpoint
from lambent.hosts.asgi import AsgiApp, Receive, Scope, Send
from lambent.hosts.discovery import DiscoveryDocuments
from lambent.hosts.readiness import Readiness
from lambent.hosts.shared_queue import SharedQueue

_WORK_SECONDS = 6.0
"""How long tasks and deliveries that have begun may go on at the end; then others go on with them."""


class WorkingApp(AsgiApp):
    """See ``AsgiApp``; its threads begin to work with the first request or the lifespan.

    Not before: a process that only imports the application, or that is forked later, has no use for them.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        documents: DiscoveryDocuments,
        body_limit: int,
        readiness: Readiness,
        drain_seconds: float,
        queues: Sequence[SharedQueue],
    ) -> None:
        super().__init__(endpoint, documents, body_limit, readiness, drain_seconds)
        self._queues = queues

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ``AsgiApp``."""
        for queue in self._queues:
            queue.start()
        await super().__call__(scope, receive, send)

    @contextlib.asynccontextmanager
    async def lifespan(self, _: object) -> AsyncIterator[None]:
        """See ``AsgiApp.lifespan``."""
        for queue in self._queues:
            queue.start()
        try:
            yield
        finally:
            await self.shutdown()

    async def shutdown(self) -> None:
        """See ``AsgiApp.shutdown``: what others do goes on there."""
        ending = [asyncio.to_thread(queue.close, _WORK_SECONDS) for queue in self._queues]
        try:
            await asyncio.gather(*ending)
        finally:
            await super().shutdown()
