"""What the table holds of calls, read by itself: nothing goes wrong with these reads."""

from typing import Any

import msgspec
from tests.chaos.cloud import client_of

from lambent.execution.durable.calls import CallRecord, Claim
from lambent.execution.durable.records import Lease
from lambent.stores.dynamodb import DynamoStore

decode = msgspec.json.Decoder(CallRecord).decode


def is_done(record: CallRecord) -> bool:
    """A result is kept."""
    return not isinstance(record.result, msgspec.UnsetType)


def has_step(record: CallRecord | None, name: str) -> bool:
    """A result of a step is kept, or of the whole call; a step's further tries are called ``name.number``."""
    if record is None:
        return False
    return is_done(record) or any(name in (step, step.partition(".")[0]) for step in record.state.steps)


class Journals:
    """Reads what is kept of a call in the middle of it.

    Args:
        endpoint: where AWS is.
        table: the table.
    """

    def __init__(self, endpoint: str, table: str) -> None:
        self._store = DynamoStore(table, client_of(endpoint, "dynamodb"))

    def look(self, ctx: Any) -> tuple[Lease, CallRecord | None]:
        """Who runs a call and until when nobody else may; and what the table has of it."""
        claim = ctx._journal.keeper
        assert isinstance(claim, Claim), "a step of a call that nothing is kept of"
        lease = claim.record.lease
        assert lease is not None
        item = self._store.read(claim.key)
        return lease, decode(item.body) if item is not None else None
