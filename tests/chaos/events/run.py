"""A run: occurrences, endpoints that fail in their ways, and workers that are killed."""

import contextlib
import itertools
import multiprocessing
import random
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from tests.chaos import ledger as ledgers
from tests.chaos.cloud import Cloud
from tests.chaos.events import verdict
from tests.chaos.events.clients import Client, patiently
from tests.chaos.events.history import Attempt, Endpoint, History
from tests.chaos.events.plan import EVENT, VISIBILITY, Plan, Refund, hurried
from tests.chaos.events.receivers import Receivers
from tests.chaos.events.report import Report
from tests.chaos.events.worker import environment, misbehaving, work
from tests.chaos.ledger import Ledger

from lambent.errors import LambentError
from lambent.execution.events.polling import read_record
from lambent.execution.events.ports import MOST_ENTRIES

FEW = ("healthy", "leaving", "returning", "expiring", "failing", "hanging", "redirecting", "closing")
"""The behaviors of the endpoints of a short run."""

MANY = (
    *("healthy", "healthy", "healthy", "healthy", "slow", "slow", "leaving", "returning", "returning"),
    *("expiring", "flaky", "flaky", "failing", "hanging", "hanging", "redirecting", "gone", "large"),
    *("closing", "recovering"),
)
"""Those of a long one."""

_PURGED_SHARE = 0.05
_MOST_QUEUED = 400
_REFRESH_SECONDS = 0.3
"""Between a refresh of one endpoint and that of the next."""

_SWEEP_SECONDS = 4.0


class Run:
    """One run.

    Args:
        cloud: where.
        folder: for its files.
        occurrences: how many.
        behaviors: of the endpoints that are subscribed.
        workers: how many processes at a time.
        seed: of everything random.
        kill_every: seconds between two kills, on average.
        patience: seconds to wait for the deliveries when everything is emitted.
    """

    def __init__(
        self,
        cloud: Cloud,
        folder: Path,
        *,
        occurrences: int,
        behaviors: Sequence[str],
        workers: int = 3,
        seed: int | None = None,
        kill_every: float = 3.0,
        patience: float = 60.0,
    ) -> None:
        self.seed = random.SystemRandom().randrange(2**32) if seed is None else seed
        self._dice = random.Random(self.seed)
        self._cloud = cloud
        self._count = occurrences
        self._workers = workers
        self._kill_every = kill_every
        self._patience = patience
        self._path = folder / "ledger"
        table = cloud.table()
        url = cloud.queue(VisibilityTimeout=str(VISIBILITY))
        arn = cloud.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
        self._plan = Plan(cloud.endpoint, table, url, arn["QueueArn"], str(self._path))
        self._ledger = Ledger(self._path)
        names = {
            f"{behavior}-{at}": behavior for at, behavior in enumerate((*behaviors, "unverified", "trap"))
        }
        self._endpoints = {
            name: Endpoint(name=name, behavior=behavior, only_even=at % 3 == 2)
            for at, (name, behavior) in enumerate(names.items())
        }
        self._trap = next(name for name, behavior in names.items() if behavior == "trap")
        self._receivers = Receivers(names, random.Random(self._dice.random()), self._trap)
        alive = msgspec.structs.replace(self._plan, odds=msgspec.structs.replace(self._plan.odds, killed=0.0))
        self._misbehaving = contextlib.ExitStack()
        self._misbehaving.enter_context(misbehaving(alive, self._ledger, random.Random(self._dice.random())))
        self._server = environment(self._plan)
        self._clients = [
            Client(self._server, self._receivers, endpoint)
            for name, endpoint in self._endpoints.items()
            if name != self._trap
        ]
        self._log = self._server.events.key(self._server.events.types[EVENT])
        self._numbers: dict[int, int] = {}
        self._read_up_to = 0
        self._purged: frozenset[int] = frozenset()
        self._purged_at = 0
        self._killed = 0
        self._processes: list[Any] = []
        self._changing = threading.Lock()
        self._calm = threading.Event()

    def play(self) -> Report:
        """Run it."""
        with self._misbehaving:
            return self._play()

    def _play(self) -> Report:
        begun = time.monotonic()
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["tests.chaos.events.preload"])
        threads = [
            threading.Thread(target=each, args=(random.Random(self._dice.random()),))
            for each in (self._kill, self._refresh, self._sweep)
        ]
        try:
            for client in self._clients:
                client.subscribe()
            for _ in range(self._workers):
                self._start()
            for thread in threads:
                thread.start()
            self._emit_all()
            self._wait()
        finally:
            self._calm.set()
            for thread in threads:
                if thread.ident is not None:
                    thread.join()
            self._stop()
        seconds = time.monotonic() - begun
        report = self._report(seconds)
        self._receivers.close()
        self._ledger.close()
        return report

    # Workers.

    def _start(self) -> None:
        process = self._context.Process(
            target=work, args=(self._plan, self._dice.randrange(2**32)), daemon=True
        )
        process.start()
        self._processes.append(process)

    def _stop(self) -> None:
        for process in self._processes:
            process.kill()
        for process in self._processes:
            process.join()
            process.close()
        self._processes.clear()

    def _kill(self, dice: random.Random) -> None:
        while not self._calm.wait(dice.expovariate(1 / self._kill_every)):
            with self._changing:
                process = self._processes.pop(dice.randrange(len(self._processes)))
                process.kill()
                process.join()
                process.close()
                self._killed += 1
                self._start()

    # What happens.

    def _emit_all(self) -> None:
        half, purged = self._count // 2, max(1, int(self._count * _PURGED_SHARE))
        for order in range(self._count):
            if order == half:
                self._each("leaving", Client.leave)
                self._each("returning", Client.come_back)
            if order == half + half // 4:
                self._purge(range(order, order + purged))
            if order == half + half // 2:
                self._receivers.healed.set()
            if order % 10 == 0:
                self._keep_pace()
            self._emit(order)

    def _keep_pace(self) -> None:
        """Wait while much is queued: what nobody has looked at yet shows nothing."""
        names = ["ApproximateNumberOfMessages"]
        last = time.monotonic() + self._patience
        while time.monotonic() < last:
            shown = self._cloud.sqs.get_queue_attributes(QueueUrl=self._plan.queue_url, AttributeNames=names)
            if int(shown["Attributes"][names[0]]) < _MOST_QUEUED:
                return
            time.sleep(0.2)

    def _emit(self, order: int) -> None:
        if order in self._numbers:
            return
        patiently(lambda: self._server.events.emit(EVENT, Refund(order), event_id=f"e{order}"))

    def _each(self, behavior: str, act: Any) -> None:
        for client in self._clients:
            if client.endpoint.behavior == behavior:
                act(client)

    def _purge(self, orders: range) -> None:
        """Nobody works, while some occurrences come and go, as in an outage of days."""
        with self._changing:
            self._killed += len(self._processes)
            self._stop()
            for order in orders:
                self._emit(order)
            self._read_log()
            self._purged = frozenset(self._numbers[order] for order in orders)
            for number in self._purged:
                key = {"pk": {"S": f"{self._log}#{number:020}"}}
                self._cloud.dynamodb.delete_item(TableName=self._plan.table, Key=key)
            self._purged_at = time.monotonic_ns()
            for _ in range(self._workers):
                self._start()

    def _refresh(self, dice: random.Random) -> None:
        those = [each for each in self._clients if each.endpoint.behavior not in ("leaving", "returning")]
        for client in itertools.cycle(those):
            if self._calm.wait(_REFRESH_SECONDS):
                return
            client.refresh(rotate=dice.random() < 0.2)

    def _sweep(self, dice: random.Random) -> None:
        """What the schedule of the template does every few minutes."""
        while not self._calm.wait(_SWEEP_SECONDS):
            with contextlib.suppress(LambentError):  # the next one does it
                self._server.handler({"lambent": "sweep"}, None)

    # The end.

    def _wait(self) -> None:
        """Wait until every healthy endpoint has everything, or for too long."""
        last = time.monotonic() + self._patience
        while time.monotonic() < last:
            waiting = [client for client in self._clients if client.endpoint.behavior in verdict.HEALTHY]
            if all(self._look(client) for client in waiting if client.endpoint.ended is None):
                return
            time.sleep(0.5)

    def _look(self, client: Client) -> bool:
        """Note where a subscription is; whether nothing is left to do for it."""
        record, endpoint = client.record, client.endpoint
        if record is None:
            return False
        endpoint.position, endpoint.waiting = record.number, sorted(record.unacked)
        endpoint.is_settled = not record.unacked and record.number == self._last_number()
        return endpoint.is_settled

    def _last_number(self) -> int:
        return patiently(lambda: self._server.events.log.head(self._log)).number

    def _read_log(self) -> None:
        """Find the numbers of what was emitted."""
        log, head = self._server.events.log, self._last_number()
        while self._read_up_to < head:
            for entry in patiently(lambda: log.read(self._log, self._read_up_to, MOST_ENTRIES)):
                self._numbers[int(read_record(entry.body).id[1:])] = entry.number
            self._read_up_to = min(head, self._read_up_to + MOST_ENTRIES)

    def _report(self, seconds: float) -> Report:
        for client in self._clients:
            if client.endpoint.first is not None:
                self._look(client)
        self._read_log()
        lines = ledgers.read(self._path)
        names = {self._receivers.url(name): name for name in self._endpoints}
        receipts = sorted(self._receivers.receipts, key=lambda one: one.begun)
        history = History(
            numbers=self._numbers,
            endpoints=self._endpoints,
            receipts=receipts,
            watermarks=[mark for client in self._clients for mark in client.watermarks],
            attempts=[
                Attempt(names[line.task], line.name, line.at)
                for line in lines
                if line.what == "attempt" and line.task in names
            ],
            purged=self._purged,
            purged_at=self._purged_at,
        )
        lost = [
            f"e{order} was emitted, and is not in the log"
            for order in range(self._count)
            if order not in self._numbers
        ]
        return Report(
            seconds=seconds,
            seed=self.seed,
            emitted=len(self._numbers),
            endpoints=sum(one.first is not None for one in self._endpoints.values()),
            accepted=verdict.accepted(history),
            repeated=verdict.repeated(history),
            attempts=len(history.attempts),
            killed=self._killed,
            suspended=sum(client.suspended for client in self._clients),
            purged=len(self._purged),
            gaps=sum(one.kind == "gap" and 200 <= one.status < 300 for one in receipts),
            faults=dict(Counter(line.name for line in lines if line.what == "fault")),
            wrong=[*lost, *verdict.wrong(history)],
        )


def play(cloud: Cloud, **options: Any) -> Report:
    """Run once, with the library's waiting times as short in this process as in the workers."""
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder, hurried():
        return Run(cloud, Path(folder), **options).play()
