"""The local AWS as a whole: started, set up as a template says, and ended without a trace."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, TypeVar

from lambent.cli.errors import CommandError
from lambent.cli.gateway.log import Log
from lambent.cli.gateway.pool import Pool
from lambent.cli.local_aws.emulator import Emulator, require_ministack
from lambent.cli.local_aws.poller import Feed, Poller
from lambent.cli.local_aws.resources import CREDENTIALS, Clients, Created, create, make_clients
from lambent.cli.local_aws.stack import Stack

T = TypeVar("T")

# One waits for messages at each of two queues; the others delete.
_THREADS: Final = 6


@dataclass(frozen=True, slots=True)
class LocalAws:
    """AWS on this machine, with the resources of a stack.

    Attributes:
        emulator: Its process.
        stack: What was created.
        clients: Clients of it.
        created: The addresses of what was created.
        threads: Where the clients' calls are made.
    """

    emulator: Emulator
    stack: Stack
    clients: Clients
    created: Created
    threads: ThreadPoolExecutor

    def variables(self, base: Mapping[str, str]) -> dict[str, str]:
        """The environment variables with which a function meets this AWS and no other.

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
            "AWS_REGION": self.clients.region,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            **self.created.variables(self.stack),
        }

    def pollers(self, workers: Pool, log: Log) -> list[Poller]:
        """What brings the messages of the stack's queues to workers.

        Args:
            workers: The workers.
            log: Where invocations and failures are noted.
        """
        names = {resource.id: resource.name for resource in self.stack.resources}
        feeds = [
            Feed(
                name=names[source.queue],
                url=self.created.refs[source.queue],
                arn=self.created.arns[source.queue],
                region=self.clients.region,
                batch_size=source.batch_size,
                reports_failures=source.reports_failures,
            )
            for source in self.stack.sources
        ]
        return [Poller(feed, self.clients.sqs, self.threads, workers, log) for feed in feeds]

    def __str__(self) -> str:
        names = ", ".join(resource.name for resource in self.stack.resources)
        return f"AWS at {self.emulator.endpoint} has {names} of {self.stack.template}"


@contextlib.asynccontextmanager
async def local_aws(
    stack: Stack, region: str, base: Mapping[str, str], output: int | None = None
) -> AsyncIterator[LocalAws]:
    """Run AWS with the resources of a stack.

    Args:
        stack: The resources.
        region: The region that is stood in for.
        base: The environment variables of this process.
        output: The descriptor for what it prints; None for this process's own standard error.

    Yields:
        It, ready for use.

    Raises:
        CommandError: It does not start, or refuses a resource.
    """
    require_ministack()
    threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="local-aws")

    async def on_thread(function: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(threads, function)

    emulator = Emulator(region, base, output)
    clients: Clients | None = None
    try:
        try:
            clients = made = await on_thread(lambda: make_clients(emulator.endpoint, region))
            created = await on_thread(lambda: create(stack, made))
        except CommandError:
            raise
        except Exception as error:
            raise CommandError(f"local AWS cannot be set up: {error}") from error
        yield LocalAws(emulator, stack, clients, created, threads)
    finally:
        # Calls that are under way end with it.
        await asyncio.to_thread(emulator.close)
        await asyncio.to_thread(threads.shutdown)
        if clients is not None:
            clients.close()
