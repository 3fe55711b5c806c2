"""Judging a run, from the table's own record of every write and from what the processes noted."""

from collections import defaultdict
from itertools import pairwise
from typing import Any

import msgspec
from tests.chaos.ledger import Line

from lambent.execution.durable.tasks.record import TaskRecord
from lambent.stores.dynamodb import unpack

TERMINAL = frozenset({"completed", "failed", "cancelled"})
MAY_FOLLOW: dict[str, frozenset[str]] = {
    "working": frozenset({"working", "input_required", "completed", "failed", "cancelled"}),
    "input_required": frozenset({"input_required", "working", "cancelled"}),
    "completed": frozenset(),
    "failed": frozenset(),
    "cancelled": frozenset(),
}


class Version(msgspec.Struct):
    """A task, as it was at one moment."""

    version: int
    record: TaskRecord


class History:
    """Every version of every task, in its order, from the table's stream."""

    def __init__(self, streams: Any) -> None:
        self.tasks: dict[str, list[Version]] = defaultdict(list)
        self.removed: set[str] = set()
        (stream,) = streams.list_streams()["Streams"]
        shards = streams.describe_stream(StreamArn=stream["StreamArn"])["StreamDescription"]["Shards"]
        for shard in shards:
            self._read(streams, stream["StreamArn"], shard["ShardId"])

    def _read(self, streams: Any, arn: str, shard: str) -> None:
        iterator = streams.get_shard_iterator(StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")[
            "ShardIterator"
        ]
        while iterator:
            page = streams.get_records(ShardIterator=iterator)
            for change in page["Records"]:
                self._take(change["dynamodb"])
            if not page["Records"]:
                return
            iterator = page.get("NextShardIterator")

    def _take(self, change: dict[str, Any]) -> None:
        key = change["Keys"]["pk"]["S"]
        if "NewImage" not in change:
            self.removed.add(key.rpartition("#")[2])
            return
        body = change["NewImage"]["body"]["B"]
        record = msgspec.json.decode(unpack(body), type=TaskRecord)
        self.tasks[record.id].append(Version(int(change["NewImage"]["version"]["N"]), record))


def wrong_in_history(history: History) -> list[str]:
    """Transitions that are not in the table of them, versions out of order, anything after the end."""
    wrong: list[str] = []
    for task_id, versions in history.tasks.items():
        numbers = [each.version for each in versions]
        if numbers != list(range(1, len(numbers) + 1)):
            wrong.append(f"{task_id}: versions {numbers}")
        for before, after in pairwise(versions):
            if after.record.status not in MAY_FOLLOW[before.record.status]:
                wrong.append(f"{task_id}: {before.record.status} became {after.record.status}")
            forgotten = set(before.record.state.steps) - set(after.record.state.steps)
            if forgotten and after.record.status not in TERMINAL:
                wrong.append(f"{task_id}: forgot {forgotten}")
    return wrong


def wrong_effects(lines: list[Line]) -> list[str]:
    """Effects of steps whose results had been acknowledged before."""
    wrong: list[str] = []
    noted: dict[str, set[str]] = defaultdict(set)
    for line in lines:
        if line.what == "noted":
            noted[line.task].update(line.steps)
        elif line.what == "effect" and line.name in noted[line.task]:
            wrong.append(f"{line.task}: {line.name} ran after its result was kept")
    return wrong


def wrong_leases(history: History, lines: list[Line]) -> list[str]:
    """Leases that one worker took from another that was still at work.

    What a worker gives back may be taken at once. What it did not give back may be taken only when its
    invocation has ended, or when it is dead.
    """
    # A client that asks or cancels writes the record anew with the lease that is in it: it holds nothing.
    clients = {line.pid for line in lines if line.what == "acknowledged"}
    taken: dict[str, Line] = {}
    ends: dict[int, list[int]] = defaultdict(list)
    for line in lines:
        if line.what == "noted" and line.owner and line.pid not in clients:
            taken.setdefault(line.owner, line)
        elif line.what == "idle":
            ends[line.pid].append(line.at)
        elif line.what in ("killed", "died"):
            ends[int(line.name)].append(line.at)
    wrong: list[str] = []
    for task_id, versions in history.tasks.items():
        for before, after in pairwise(each.record.lease for each in versions):
            if before is None or after is None or before.owner == after.owner:
                continue
            first, second = taken.get(before.owner), taken.get(after.owner)
            if first is None or second is None:
                continue  # killed before it could note what it had taken
            over = next((end for end in ends[first.pid] if end > first.at), None)
            if over is None or second.at < over:
                wrong.append(f"{task_id}: {second.pid} took the lease of {first.pid}, which was at work")
    return wrong
