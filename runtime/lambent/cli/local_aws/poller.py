"""Passes the messages of a queue to workers, as Lambda's event source mappings do."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from lambent.cli.gateway.environment import Failed, Outcome
from lambent.cli.gateway.log import Log
from lambent.cli.gateway.messages import Arrival
from lambent.cli.gateway.pool import Pool, PoolClosedError
from lambent.cli.local_aws.sqs_events import SqsMessage, failed_ids, sqs_event

T = TypeVar("T")

# The longest that SQS lets a request wait for messages.
_WAIT_SECONDS: Final = 20
# The most messages of one ReceiveMessage. Lambda collects larger batches, this does not.
_MAX_MESSAGES: Final = 10
_RETRY_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class EventSource:
    """A queue whose messages are passed to workers, as one event source of a function.

    Attributes:
        name: Its name, for the log.
        url: Its URL.
        arn: Its ARN.
        region: Its region.
        batch_size: How many messages an event has, at most.
        reports_failures: Whether the function reports which messages failed.
    """

    name: str
    url: str
    arn: str
    region: str
    batch_size: int
    reports_failures: bool


class Poller:
    """Reads one queue for as long as `run` is not cancelled.

    It receives messages only while a worker is free. Messages that succeed are deleted. Messages that fail
    become visible again after their visibility timeout, or go to the dead-letter queue.

    Args:
        source: The queue.
        sqs: A boto3 client; its calls are made on threads.
        threads: Those threads.
        workers: The workers.
        log: Where invocations and failures are noted.

    Attributes:
        has_received: Whether there was a message so far.
    """

    def __init__(self, source: EventSource, sqs: Any, threads: Executor, workers: Pool, log: Log) -> None:
        self._source = source
        self._sqs = sqs
        self._threads = threads
        self._workers = workers
        self._log = log
        self._free_workers = asyncio.Semaphore(len(workers.environments))
        self._deliveries: set[asyncio.Task[None]] = set()
        self._last_error = ""
        self.has_received = False

    async def run(self) -> None:
        """Read until cancelled, and wait for the messages that workers have then."""
        try:
            while True:
                await self._free_workers.acquire()
                if messages := await self._receive():
                    self._start_delivery(messages)
                else:
                    self._free_workers.release()
        finally:
            if self._deliveries:
                await asyncio.wait(self._deliveries)

    def _start_delivery(self, messages: Sequence[SqsMessage]) -> None:
        self.has_received = True
        delivery = asyncio.create_task(self._deliver(messages))
        self._deliveries.add(delivery)
        delivery.add_done_callback(self._deliveries.discard)
        delivery.add_done_callback(lambda _: self._free_workers.release())

    async def _receive(self) -> Sequence[SqsMessage]:
        try:
            received = await self._call(
                self._sqs.receive_message,
                QueueUrl=self._source.url,
                MaxNumberOfMessages=min(self._source.batch_size, _MAX_MESSAGES),
                WaitTimeSeconds=_WAIT_SECONDS,
                MessageAttributeNames=["All"],
                MessageSystemAttributeNames=["All"],
            )
        except Exception as error:
            # The emulator may be unavailable, or its response malformed, for a moment only.
            self._note_error(error)
            await asyncio.sleep(_RETRY_SECONDS)
            return ()
        messages: Sequence[SqsMessage] = received.get("Messages", ())
        return messages

    async def _deliver(self, messages: Sequence[SqsMessage]) -> None:
        start = time.perf_counter()
        event = sqs_event(messages, self._source.arn, self._source.region)
        try:
            worker = await self._workers.acquire()
        except PoolClosedError:
            return
        encoded = json.dumps(event, ensure_ascii=False).encode()
        outcome = await self._workers.invoke(worker, encoded, Arrival.now())
        handles = {message["MessageId"]: message["ReceiptHandle"] for message in messages}
        failed = self._failed(outcome, handles)
        try:
            await self._delete([handle for name, handle in handles.items() if name not in failed])
        except Exception as error:
            self._note_error(error)
        elapsed = (time.perf_counter() - start) * 1000
        line = f"SQS {self._source.name} {_count(len(messages))} {elapsed:.1f} ms worker {worker.number}"
        self._log.calls(f"{line} {_note(outcome, len(failed))}".rstrip(), outcome.calls)

    def _failed(self, outcome: Outcome, handles: dict[str, str]) -> frozenset[str]:
        if isinstance(outcome, Failed):
            return frozenset(handles)
        return failed_ids(outcome.payload, handles, reports_failures=self._source.reports_failures)

    async def _delete(self, handles: Sequence[str]) -> None:
        if handles:
            entries = [{"Id": str(index), "ReceiptHandle": handle} for index, handle in enumerate(handles)]
            await self._call(self._sqs.delete_message_batch, QueueUrl=self._source.url, Entries=entries)

    async def _call(self, function: Callable[..., T], **arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, lambda: function(**arguments))

    def _note_error(self, error: Exception) -> None:
        # Once, and not for every attempt.
        if str(error) != self._last_error:
            self._last_error = str(error)
            self._log.note(f"queue {self._source.name}: {error}")


def _count(messages: int) -> str:
    return f"{messages} message{'s' if messages > 1 else ''}"


def _note(outcome: Outcome, failed: int) -> str:
    if isinstance(outcome, Failed):
        return f"({outcome.reason.value}{f': {outcome.detail}' if outcome.detail else ''})"
    return f"({_count(failed)} failed)" if failed else ""
