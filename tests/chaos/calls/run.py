"""A run of calls on one host: clients make them, leave and try again, while its processes are killed."""

import queue
import random
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
from tests.chaos import ledger as ledgers
from tests.chaos.calls import verdict
from tests.chaos.calls.client import Client, Made, make_call
from tests.chaos.calls.hosts import HOSTS, Host
from tests.chaos.calls.plan import Plan
from tests.chaos.cloud import Cloud
from tests.chaos.ledger import Line


class Report(msgspec.Struct):
    """What came of a run.

    Attributes:
        host: what served the calls.
        seconds: how long it took.
        seed: of the clients.
        calls: how many calls there were.
        requests: what their clients did and were told, by kind.
        faults: what went wrong on purpose, by kind; ``killed``: processes.
        steps: how often steps began.
        repeated: how often a step began that had begun before.
        interrupted: how often a call was told that a step had begun before.
        kept: how many results are in the table.
        wrong: what must never happen.
    """

    host: str
    seconds: float
    seed: int
    calls: int
    requests: Counter[str]
    faults: Counter[str]
    steps: int
    repeated: int
    interrupted: int
    kept: int
    wrong: list[str]

    def __str__(self) -> str:
        return "\n".join(
            [
                f"{self.calls} calls of {self.host} in {self.seconds:.1f} s (seed {self.seed})",
                f"clients: {_listed(self.requests)}",
                f"faults: {_listed(self.faults)}",
                f"steps: {self.steps} run, {self.repeated} of them repeated while in flight",
                f"{self.interrupted} interrupted steps found by runs that must not repeat them",
                f"{self.kept} results kept in the table",
                f"violations: {len(self.wrong)}",
                *(f"  {each}" for each in self.wrong[:20]),
            ]
        )


def play(
    cloud: Cloud,
    host: str,
    *,
    calls: int,
    clients: int = 24,
    kill_every: float = 6.0,
    seed: int | None = None,
    log: Path | None = None,
) -> Report:
    """Run once.

    Args:
        cloud: where the table is; no other one of it has a stream.
        host: one of ``HOSTS``.
        calls: how many.
        clients: how many at a time.
        kill_every: seconds that a process lives, on average.
        seed: of what clients do.
        log: where the host's processes write what they have to say; default: nowhere.
    """
    seed = random.SystemRandom().randrange(2**32) if seed is None else seed
    dice = random.Random(seed)
    table = cloud.table(StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"})
    made = [make_call(number, dice) for number in range(calls)]
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        path = Path(folder) / "ledger"
        path.touch()
        plan = Plan(cloud.endpoint, table, str(path), kill_every)
        serving: Host = HOSTS[host](plan, log or Path(folder) / "log")
        try:
            _make_calls(serving.port, made, clients, dice)
        finally:
            serving.close()
        seconds = time.monotonic() - begin
        return _report(cloud, made, ledgers.read(path), host=host, seconds=seconds, seed=seed)


def _make_calls(port: int, made: list[Made], clients: int, dice: random.Random) -> None:
    waiting: queue.SimpleQueue[Made] = queue.SimpleQueue()
    for each in made:
        waiting.put(each)

    def work(client: Client) -> None:
        while True:
            try:
                client.bring_about(waiting.get_nowait())
            except queue.Empty:
                return

    each_client = [Client(port, random.Random(dice.random())) for _ in range(clients)]
    threads = [threading.Thread(target=work, args=(client,)) for client in each_client]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _report(cloud: Cloud, made: list[Made], lines: list[Line], **about: Any) -> Report:
    history = verdict.history_of(cloud.client("dynamodbstreams"))
    begun = Counter((line.task, line.name) for line in lines if line.what == "begun")
    return Report(
        **about,
        calls=len(made),
        requests=sum((each.counts for each in made), Counter()),
        faults=Counter(line.name for line in lines if line.what == "fault"),
        steps=begun.total(),
        repeated=begun.total() - len(begun),
        interrupted=sum(line.what == "interrupted" for line in lines),
        kept=sum(verdict.is_kept(versions) for versions in history.values()),
        wrong=[
            *verdict.wrong_in_history(history),
            *verdict.wrong_steps(lines),
            *verdict.wrong_answers(made, lines),
        ],
    )


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
