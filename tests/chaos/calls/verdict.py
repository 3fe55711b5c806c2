"""Judging a run of calls: from every write of the table, what steps noted, and what clients were told."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import msgspec
from tests.chaos.calls.client import Made
from tests.chaos.calls.records import decode, is_done
from tests.chaos.calls.tools import STEPS
from tests.chaos.ledger import Line

from lambent.execution.durable.calls import CallRecord
from lambent.stores.dynamodb import unpack


class Version(msgspec.Struct):
    """A call as it is kept, at one moment.

    Attributes:
        number: of the version.
        record: None where it was removed.
    """

    number: int
    record: CallRecord | None


def changes(streams: Any) -> Iterator[dict[str, Any]]:
    """Every write of the one table that has a stream, in its order."""
    (stream,) = streams.list_streams()["Streams"]
    shards = streams.describe_stream(StreamArn=stream["StreamArn"])["StreamDescription"]["Shards"]
    for shard in shards:
        where = {"StreamArn": stream["StreamArn"], "ShardId": shard["ShardId"]}
        iterator = streams.get_shard_iterator(**where, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
        while iterator:
            page = streams.get_records(ShardIterator=iterator)
            for change in page["Records"]:
                yield change["dynamodb"]
            iterator = page.get("NextShardIterator") if page["Records"] else None


def history_of(streams: Any) -> dict[str, list[Version]]:
    """Every version of every call, by its key."""
    history: dict[str, list[Version]] = defaultdict(list)
    for change in changes(streams):
        versions = history[change["Keys"]["pk"]["S"]]
        image = change.get("NewImage")
        if image is None:
            versions.append(Version(0, None))
        else:
            versions.append(Version(int(image["version"]["N"]), decode(unpack(image["body"]["B"]))))
    return history


def is_kept(versions: list[Version]) -> bool:
    """A result was kept in the end."""
    record = versions[-1].record
    return record is not None and is_done(record)


def wrong_in_history(history: dict[str, list[Version]]) -> list[str]:
    """Versions out of order, results that change, steps that are forgotten, claims given back too easily."""
    wrong: list[str] = []
    for key, versions in history.items():
        for before, after in pairwise([Version(0, None), *versions]):
            old, new = before.record, after.record
            if new is not None and after.number != before.number + 1:
                wrong.append(f"{key}: version {after.number} follows {before.number}")
            if old is not None and (why := _wrong_change(old, new)):
                wrong.append(f"{key}: {why}")
    return wrong


def _wrong_change(old: CallRecord, new: CallRecord | None) -> str | None:
    if is_done(old):
        return "written after its result was kept"
    if new is None:
        return "removed, though a step may have taken effect" if old.state.has_effects else None
    if is_done(new):
        return None
    lost = [name for name, result in old.state.steps.items() if new.state.steps.get(name) != result]
    lost += [name for name in old.state.intents if name not in {*new.state.steps, *new.state.intents}]
    return f"forgot {lost}" if lost else None


def wrong_steps(lines: list[Line]) -> list[str]:
    """Steps that ran although the table had their results, before earlier ones were kept, or two at once."""
    wrong: list[str] = []
    ended = {line.value: line.at for line in lines if line.what == "ended"}
    begun: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        if line.what == "begun":
            begun[line.task].append(line)
            if line.recorded:
                wrong.append(f"{line.task}: {line.name} ran although the table had its result")
            if line.steps:
                wrong.append(f"{line.task}: {line.name} began before {line.steps} was in the table")
    for call, runs in begun.items():
        for at, first in enumerate(runs):
            over = min(first.until, ended.get(first.value, first.until))
            for second in runs[at + 1 :]:
                if second.owner != first.owner and second.at < over:
                    wrong.append(f"{call}: {second.name} began while {first.name} of another run was running")
    return wrong


def wrong_answers(calls: list[Made], lines: list[Line]) -> list[str]:
    """Calls without a result, with two, or with one that its steps did not give."""
    wrong: list[str] = []
    effects: dict[tuple[str, str], list[str]] = defaultdict(list)
    for line in lines:
        if line.what == "effect":
            effects[line.task, line.name].append(line.value)
    for made in calls:
        if not made.answers:
            wrong.append(f"{made.call} of {made.tool}: no result ({made.counts})")
            continue
        first = made.answers[0]
        wrong += [
            f"{made.call} of {made.tool}: {first} and {other}" for other in made.answers if other != first
        ]
        values = first.get("structuredContent", {}).get("result", [])
        if len(values) != len(STEPS):
            wrong.append(f"{made.call} of {made.tool}: {first}")
        for name, value in zip(STEPS, values, strict=False):
            if value not in effects[made.call, name]:
                wrong.append(f"{made.call} of {made.tool}: {value} is no effect of {name}")
            count = len(effects[made.call, name])
            if made.tool.endswith("-once") and count != 1:
                wrong.append(f"{made.call} of {made.tool}: {name} took effect {count} times")
    return wrong
