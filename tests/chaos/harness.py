"""A run: clients make tasks, workers are killed, everything goes wrong, and in the end all is well."""

import json
import multiprocessing
import random
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
from tests.chaos import ledger as ledgers
from tests.chaos import verdict
from tests.chaos.cloud import Cloud
from tests.chaos.ledger import Ledger
from tests.chaos.short_times import hurried
from tests.chaos.tools import plans, result_of
from tests.chaos.worker import Context, Plan, environment, work
from tests.execution.durable.tasks.harness import TaskClient
from tests.support import accept

VISIBILITY = 4
RECEIVES = 12


class Report(msgspec.Struct):
    """What came of a run.

    Attributes:
        seconds: how long it took.
        seed: of everything random.
        acknowledged: tasks that clients were given.
        refused: calls that failed and made none.
        statuses: how the tasks ended.
        wrong_results: completed tasks whose result is not the right one.
        killed: workers that were killed.
        overran: workers that were out of time.
        faults: what else went wrong, by kind.
        effects: how often steps took effect.
        twice: steps that took effect twice, before anybody had kept their result.
        attempts: how often a lease was taken.
        writes: versions of tasks in the table.
        wrong: what must never happen.
    """

    seconds: float
    seed: int
    acknowledged: int
    refused: int
    statuses: dict[str, int]
    wrong_results: int
    killed: int
    overran: int
    faults: dict[str, int]
    effects: int
    twice: int
    attempts: int
    writes: int
    wrong: list[str]

    def __str__(self) -> str:
        faults = ", ".join(f"{count} {name}" for name, count in sorted(self.faults.items()))
        ended = ", ".join(f"{count} {name}" for name, count in sorted(self.statuses.items()))
        return "\n".join(
            [
                f"{self.acknowledged} tasks acknowledged in {self.seconds:.1f} s, {self.refused} refused",
                f"seed {self.seed}",
                f"ended: {ended}; {self.wrong_results} with a wrong result",
                f"{self.killed} workers killed, {self.overran} out of time; faults: {faults}",
                f"{self.attempts} leases taken, {self.writes} versions written",
                f"{self.effects} effects, {self.twice} of steps whose worker died before it could note them",
                f"violations: {len(self.wrong)}",
                *(f"  {each}" for each in self.wrong[:20]),
            ]
        )


class Run:
    """One run.

    Args:
        cloud: where.
        tasks: how many tasks, at most.
        workers: how many workers at a time.
        seed: of everything random.
        budget: seconds in which tasks are made; what is made by then is brought to its end.
        kill_every: seconds between two kills, on average.
    """

    def __init__(
        self,
        cloud: Cloud,
        *,
        tasks: int,
        workers: int = 4,
        seed: int | None = None,
        budget: float = 600.0,
        kill_every: float = 0.4,
    ) -> None:
        self.seed = random.SystemRandom().randrange(2**32) if seed is None else seed
        self._dice = random.Random(self.seed)
        self._cloud = cloud
        self._count = tasks
        self._workers = workers
        self._budget = budget
        self._kill_every = kill_every
        self._folder = tempfile.TemporaryDirectory(prefix="chaos-")
        self._path = Path(self._folder.name) / "ledger"
        self.plan = self._make_plan()
        self._ledger = Ledger(self._path)
        self._processes: list[Any] = []
        self._calm = threading.Event()
        self._tasks: dict[str, dict[str, Any]] = {}
        self._ended: dict[str, dict[str, Any]] = {}
        self._refused = 0
        self._killed = 0

    def _make_plan(self) -> Plan:
        cloud = self._cloud
        stream = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
        dead_url = cloud.queue(VisibilityTimeout=str(VISIBILITY))
        dead_arn = _arn(cloud, dead_url)
        redrive = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": RECEIVES})
        url = cloud.queue(VisibilityTimeout=str(VISIBILITY), RedrivePolicy=redrive)
        table = cloud.table(StreamSpecification=stream)
        return Plan(cloud.endpoint, table, url, _arn(cloud, url), dead_url, dead_arn, str(self._path))

    def play(self) -> Report:
        """Run it."""
        begin = time.monotonic()
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["tests.chaos.preload"])
        self._context = context
        killer = threading.Thread(target=self._kill)
        clients = [threading.Thread(target=self._ask, args=(number,)) for number in range(2)]
        try:
            for number in range(self._workers + 1):
                self._start(buries=number == self._workers)
            killer.start()
            self._make_tasks(begin)
            for client in clients:
                client.start()
            for client in clients:
                client.join()
            self._calm.set()
            killer.join()
        finally:
            self._calm.set()
            for process, _ in self._processes:
                process.kill()
            for process, _ in self._processes:
                process.join()
                process.close()
        report = self._report(time.monotonic() - begin)
        self._ledger.close()
        self._folder.cleanup()
        return report

    # Workers.

    def _start(self, *, buries: bool) -> None:
        seed = self._dice.randrange(2**32)
        process = self._context.Process(target=work, args=(self.plan, seed, buries), daemon=True)
        process.start()
        self._processes.append((process, buries))

    def _kill(self) -> None:
        while not self._calm.wait(self._dice.expovariate(1 / self._kill_every)):
            at = self._dice.randrange(len(self._processes))
            process, buries = self._processes[at]
            pid = process.pid
            process.kill()
            process.join()  # before it is noted: from here on it does nothing any more
            self._ledger.write("killed", name=str(pid))
            process.close()
            self._killed += 1
            del self._processes[at]
            self._start(buries=buries)

    # Clients.

    def _client(self) -> TaskClient:
        handler = environment(self.plan, self._ledger, random.Random(self._dice.random()), 0.0)
        return TaskClient(lambda event, _: handler(event, Context(29.0)))

    def _make_tasks(self, begin: float) -> None:
        client = self._client()
        while len(self._tasks) < self._count and time.monotonic() - begin < self._budget:
            arguments = plans(self._dice)
            response = client.call(self._dice.choice(("plain", "async")), arguments).response
            task_id = response.get("result", {}).get("taskId")
            if task_id is None:
                self._refused += 1
                continue
            self._ledger.write("acknowledged", task=task_id)
            self._tasks[task_id] = arguments

    def _ask(self, number: int) -> None:
        """Ask where every other task stands, answer what it asks, and cancel one now and then."""
        client, dice = self._client(), random.Random(self.seed + number)
        mine = [task_id for at, task_id in enumerate(self._tasks) if at % 2 == number]
        give_up = time.monotonic() + 240
        while mine and time.monotonic() < give_up:
            for task_id in list(mine):
                shown = client.get(task_id).response.get("result", {})
                if shown.get("status") in verdict.TERMINAL:
                    self._ended[task_id] = shown
                    mine.remove(task_id)
                elif shown.get("inputRequests"):
                    client.update(task_id, dict.fromkeys(shown["inputRequests"], accept(ok=True)))
                elif dice.random() < 0.002:
                    client.cancel(task_id)
            time.sleep(0.1)

    # The end.

    def _report(self, seconds: float) -> Report:
        history = verdict.History(self._cloud.client("dynamodbstreams"))
        lines = ledgers.read(self._path)
        wrong = [
            *verdict.wrong_in_history(history),
            *verdict.wrong_effects(lines),
            *verdict.wrong_leases(history, lines),
        ]
        last = {task_id: versions[-1].record.status for task_id, versions in history.tasks.items()}
        for task_id in self._tasks:
            if last.get(task_id) not in verdict.TERMINAL:
                wrong.append(f"{task_id}: acknowledged, and {last.get(task_id, 'not there')} in the end")
            if task_id not in self._ended:
                wrong.append(f"{task_id}: its client was never told how it ended")
        effects = Counter((line.task, line.name) for line in lines if line.what == "effect")
        leases = {
            each.record.lease.owner
            for versions in history.tasks.values()
            for each in versions
            if each.record.lease is not None
        }
        return Report(
            seconds=seconds,
            seed=self.seed,
            acknowledged=len(self._tasks),
            refused=self._refused,
            statuses=dict(Counter(shown["status"] for shown in self._ended.values())),
            wrong_results=sum(not self._is_right(task_id) for task_id in self._ended),
            killed=self._killed,
            overran=sum(line.what == "died" for line in lines),
            faults=dict(Counter(line.name for line in lines if line.what == "fault")),
            effects=effects.total(),
            twice=sum(count > 1 for count in effects.values()),
            attempts=len(leases),
            writes=sum(len(versions) for versions in history.tasks.values()),
            wrong=wrong,
        )

    def _is_right(self, task_id: str) -> bool:
        shown = self._ended[task_id]
        if shown["status"] != "completed":
            return True
        expected = result_of(self._tasks[task_id]["plan"])
        return bool(shown["result"].get("structuredContent") == {"result": expected})


def _arn(cloud: Cloud, url: str) -> str:
    shown = cloud.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    arn: str = shown["Attributes"]["QueueArn"]
    return arn


def play(cloud: Cloud, **options: Any) -> Report:
    """Run once, with the library's waiting times as short in this process as in the workers."""
    run = Run(cloud, **options)
    with hurried(allowance=run.plan.allowance, pickup=run.plan.pickup):
        return run.play()
