"""The local AWS as a whole: the emulator with a stack in it, until the gateway stops."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from lambent.cli.errors import CommandError
from lambent.cli.gateway.log import Log
from lambent.cli.gateway.pool import Pool
from lambent.cli.local_aws.clients import CREDENTIALS, Clients
from lambent.cli.local_aws.deployment import Deployment, deploy
from lambent.cli.local_aws.emulator import Emulator, require_ministack
from lambent.cli.local_aws.poller import Poller
from lambent.cli.local_aws.schedules import run_schedule
from lambent.cli.local_aws.stack import DELIVERIES, Stack
from lambent.cli.local_aws.sweeper import sweep

T = TypeVar("T")

# One waits for messages at each queue, of which there are three in the usual case; the others delete.
_THREADS: Final = 8


@dataclass(frozen=True, slots=True)
class LocalAws:
    """AWS on this machine, with the resources of a stack.

    Attributes:
        emulator: Its process.
        region: The region that it emulates.
        stack: What was deployed.
        deployment: What was created.
        sqs: A boto3 client.
        threads: Where the client's calls are made.
    """

    emulator: Emulator
    region: str
    stack: Stack
    deployment: Deployment
    sqs: Any
    threads: ThreadPoolExecutor

    def variables(self, base: Mapping[str, str]) -> dict[str, str]:
        """The environment variables with which a function uses this AWS and no other.

        Args:
            base: The environment variables of this process; everything about AWS in them is dropped.
        """
        kept = {name: value for name, value in base.items() if not name.startswith("AWS_")}
        direct = {
            name: ",".join(filter(None, (base.get(name), "127.0.0.1"))) for name in ("NO_PROXY", "no_proxy")
        }
        return {
            **kept,
            **direct,
            **CREDENTIALS,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_ENDPOINT_URL": self.emulator.endpoint,
            "AWS_REGION": self.region,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            **self.deployment.variables,
        }

    async def deliver(self, workers: Pool | None, stop: asyncio.Event, log: Log) -> None:
        """Give the messages of the stack's queues to workers, until `stop` is set or the emulator ends.

        Args:
            workers: The workers; None where there are no queues.
            stop: Ends it.
            log: Where invocations and failures are noted.
        """
        polling = []
        if workers is not None:
            pollers = [
                Poller(source, self.sqs, self.threads, workers, log) for source in self.deployment.sources
            ]
            polling = [asyncio.create_task(poller.run()) for poller in pollers]
            url, sources = self.deployment.variables.get(DELIVERIES), self.deployment.sources
            bringing = [poller for poller, source in zip(pollers, sources, strict=True) if source.url == url]
            polling += [asyncio.create_task(run_schedule(one, workers)) for one in self.stack.schedules]
            if bringing:
                polling.append(asyncio.create_task(sweep(bringing, workers)))
        ended = asyncio.create_task(self.emulator.ended())
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait({ended, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if ended.done():
            log.note(f"the local AWS has ended ({ended.result()}): what needs it fails until you start again")
        for task in (ended, stopped, *polling):
            task.cancel()
        await asyncio.wait([ended, stopped, *polling])

    def __str__(self) -> str:
        names = ", ".join(self.deployment.names)
        return f"AWS at {self.emulator.endpoint} has {names} of {self.stack.template}"


@contextlib.asynccontextmanager
async def local_aws(
    stack: Stack, region: str, base: Mapping[str, str], output: int | None = None
) -> AsyncIterator[LocalAws]:
    """Run a local AWS with the resources of a stack.

    Args:
        stack: The resources.
        region: The region that it emulates.
        base: The environment variables of this process.
        output: The descriptor for what it prints; None for this process's own standard error.

    Yields:
        The local AWS, ready for use.

    Raises:
        CommandError: It does not start, or a resource cannot be created.
    """
    require_ministack()
    threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="local-aws")

    def on_thread(function: Callable[[], T]) -> asyncio.Future[T]:
        return asyncio.get_running_loop().run_in_executor(threads, function)

    emulator = Emulator(region, base, output)
    clients = Clients(emulator.endpoint, region)
    sqs: Any = None
    try:
        try:
            # The client is made while the emulator starts.
            sqs, deployment = await asyncio.gather(
                on_thread(lambda: clients.make("sqs")), on_thread(lambda: deploy(stack, clients))
            )
        except Exception as error:
            raise CommandError(f"local AWS cannot be set up: {error}") from error
        yield LocalAws(emulator, region, stack, deployment, sqs, threads)
    finally:
        # Calls in progress end with it.
        await asyncio.to_thread(emulator.close)
        await asyncio.to_thread(threads.shutdown)
        if sqs is not None:
            sqs.close()
