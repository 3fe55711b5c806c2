"""Judging a run, from the table's own record of every write and from what the processes noted."""

from collections import defaultdict
from itertools import pairwise
from typing import Any

import msgspec
from tests.chaos.ledger import Line

from lambent.execution.tasks.record import TaskRecord
from lambent.stores.dynamodb import _unpack

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
            self.removed.add(key.removeprefix("TASK#"))
            return
        body = change["NewImage"]["body"]["B"]
        record = msgspec.json.decode(_unpack(body), type=TaskRecord)
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
    """Leases that one worker took while another still held them.

    A worker holds one from when its write was acknowledged until it gives it back, its invocation ends, or it
    dies.
    """
    died = {int(line.name): line.at for line in lines if line.what in ("killed", "died")}
    holds: dict[str, dict[str, list[int]]] = defaultdict(dict)
    held_by: dict[tuple[str, int], str] = {}
    for line in lines:
        if line.what == "idle":
            for task_id, pid in [held for held in held_by if held[1] == line.pid]:
                span = holds[task_id][held_by.pop((task_id, pid))]
                span[1] = min(span[1], line.at)
        if line.what != "noted":
            continue
        of_task = holds[line.task]
        if line.owner:
            of_task.setdefault(line.owner, [line.at, died.get(line.pid, 2**63)])
            held_by[line.task, line.pid] = line.owner
        elif (owner := held_by.pop((line.task, line.pid), None)) is not None:
            of_task[owner][1] = min(of_task[owner][1], line.at)
    wrong: list[str] = []
    for task_id, of_task in holds.items():
        spans = sorted(of_task.values())
        for (_, end), (begin, _) in pairwise(spans):
            if begin < end:
                wrong.append(f"{task_id}: two leases at once, for {(end - begin) / 1e6:.1f} ms")
    return wrong
