"""A run: three processes behind nginx. One is killed, then all are restarted, one after the other."""

import asyncio
import contextlib
import random
import tempfile
import time
from collections import Counter
from pathlib import Path

import msgspec
from tests.chaos.balanced.clients import Clients
from tests.chaos.balanced.cluster import Cluster
from tests.chaos.cloud import Cloud


class Report(msgspec.Struct):
    """What came of a run.

    Attributes:
        seconds: how long it took.
        done: what clients have done, by kind.
        served: requests that each process has answered.
        broken: requests that no process has answered, and that were sent again, by phase.
        wrong: what must never happen: an answer that was lost or wrong, an effect that came twice, or a
            request without an answer while nobody was killed.
    """

    seconds: float
    done: Counter[str]
    served: Counter[str]
    broken: Counter[str]
    wrong: list[str]

    def __str__(self) -> str:
        rows = [
            *(f"| {kind} | {count:,} |" for kind, count in sorted(self.done.items())),
            f"| requests that each process has answered | {', '.join(map(str, self.served.values()))} |",
            *(f"| sent again, {phase} | {count:,} |" for phase, count in sorted(self.broken.items())),
            f"| lost or wrong | {len(self.wrong)} |",
        ]
        title = f"uvicorn three times behind nginx for {self.seconds:.1f} s: one kill, one rolling restart"
        return "\n".join([title, "", "| what | how much |", "|---|---|", *rows, *self.wrong])


def play(
    cloud: Cloud, *, clients: int, seconds: float, pause: float = 1.0, seed: int | None = None
) -> Report:
    """Run clients for so many seconds, and for as long as the restarts take.

    Args:
        cloud: has the table and the queue.
        clients: how many.
        seconds: how long they go on.
        pause: seconds that a client does nothing between two things, at most.
        seed: repeats the dice, not the machine.
    """
    with tempfile.TemporaryDirectory(prefix="lambent-cluster-") as folder:
        return asyncio.run(_play(cloud, Path(folder), clients, seconds, pause, random.Random(seed)))


async def _play(
    cloud: Cloud, folder: Path, count: int, seconds: float, pause: float, dice: random.Random
) -> Report:
    cluster, over = Cluster(cloud, folder), asyncio.Event()
    try:
        await cluster.start()
        clients, began = Clients(cluster.url, dice, pause), time.monotonic()
        balancing = asyncio.ensure_future(cluster.balance())
        playing = [asyncio.ensure_future(clients.play(over)) for _ in range(count)]
        await asyncio.sleep(seconds / 3)
        clients.phase = "after a kill"
        await cluster.kill()
        await asyncio.sleep(seconds / 6)
        clients.phase = "while all are restarted in order"
        await cluster.restart_all()
        await asyncio.sleep(max(0.5, seconds - (time.monotonic() - began)))
        over.set()
        await asyncio.gather(*playing)
        balancing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await balancing
        await clients.close()
        wrong = [*clients.wrong, *_not_once(clients.paid, cluster.ledger)]
        wrong += [
            f"{number} requests had no answer, {phase}"
            for phase, number in clients.broken.items()
            if phase != "after a kill"
        ]
        served = Counter({one: count for one, count in clients.served.items() if "," not in one})
        return Report(time.monotonic() - began, clients.done, served, clients.broken, wrong)
    finally:
        await cluster.close()


def _not_once(paid: dict[str, str], ledger: Path) -> list[str]:
    """Calls that did not take effect exactly once, as their clients were told."""
    effects: dict[str, list[str]] = {}
    for line in ledger.read_text().splitlines():
        order, value = line.split()
        effects.setdefault(order, []).append(value)
    return [
        f"{order} took effect {len(effects.get(order, []))} times"
        for order, value in paid.items()
        if effects.get(order) != [value]
    ]
