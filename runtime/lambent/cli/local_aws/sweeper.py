"""Has deliveries sent that were left behind, as the schedule of a deployment does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Final

from lambent.cli.gateway.messages import Arrival
from lambent.cli.gateway.pool import Pool, PoolClosedError
from lambent.cli.local_aws.poller import Poller

_SECONDS: Final = 60.0
_EVENT: Final = json.dumps({"lambent": "sweep"}).encode()


async def sweep(pollers: Sequence[Poller], workers: Pool, seconds: float = _SECONDS) -> None:
    """Send the event of the schedule to a worker again and again, until cancelled.

    It begins when something was to be delivered: the app need not have events.

    Args:
        pollers: Of the queue of deliveries.
        workers: The workers.
        seconds: How long to wait in between.
    """
    while True:
        await asyncio.sleep(seconds)
        if not any(poller.has_received for poller in pollers):
            continue
        try:
            worker = await workers.acquire()
        except PoolClosedError:
            return
        await workers.invoke(worker, _EVENT, Arrival.now())
