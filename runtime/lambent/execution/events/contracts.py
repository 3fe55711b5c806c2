"""What a subscription was made for, and whether the event type still is that.

The payload schemas that clients have subscribed to are kept in the store, each once. Subscriptions have the
name of theirs: most of them have that of the schema that there is now.
"""

from __future__ import annotations

from typing import Any

import msgspec

from lambent.errors import InvalidParamsError, ProtocolError
from lambent.execution.durable.records import Record, Records
from lambent.execution.events.schema_changes import is_additive
from lambent.execution.events.subscription_records import FOREVER, SubscriptionRecord
from lambent.execution.ports import Clock, Store, Topics
from lambent.execution.rounds.digests import digest
from lambent.features.events import EventType
from lambent.wire.events import NotFoundError, UnsupportedError

_PAGE = 100


class ContractRecord(Record, frozen=True, kw_only=True):
    """A payload schema that somebody has subscribed to.

    Attributes:
        server: by which the records of a server are found.
        name: of the event type.
        payload_schema: see there.
    """

    server: str
    name: str
    payload_schema: dict[str, Any]

    @property
    def purge_at(self) -> float:
        """See ``Record.purge_at``."""
        return FOREVER

    @property
    def topic(self) -> str:
        """See ``Record.topic``."""
        return self.server


class Contracts:
    """The payload schemas of a server's subscriptions.

    Args:
        store: keeps them.
        clock: the time.
        server: names the server.
    """

    def __init__(self, store: Store, clock: Clock, server: str) -> None:
        self._records = Records(store, clock, "EVENTTYPE", server, ContractRecord)
        self._server = f"EVENTTYPES#{digest([server])}"
        self._kept: set[str] = set()
        self._additive: dict[tuple[str, str], bool] = {}
        self._schemas: dict[str, tuple[dict[str, Any], str]] = {}

    def keep(self, event: EventType) -> str:
        """Keep the payload schema that there is now; gives its name."""
        name = self._name_of(event)
        key = self._records.key(name, event.name)
        if key not in self._kept:
            schema = event.definition.payload_schema
            record = ContractRecord(server=self._server, name=event.name, payload_schema=schema)
            self._records.insert(key, record)  # of two processes either may do it
            self._kept.add(key)
        return name

    def names(self, topics: Topics) -> list[str]:
        """The event types that somebody has subscribed to, those that are gone included."""
        found, last = set[str](), ""
        while True:
            keys = topics.members(self._server, last, _PAGE)
            held = (self._records.read(key) for key in keys)
            found |= {one.record.name for one in held if one is not None}
            if len(keys) < _PAGE:
                return sorted(found)
            last = keys[-1]

    def breach(self, event: EventType | None, record: SubscriptionRecord) -> ProtocolError | None:
        """Why a subscription cannot go on with an event type as it is now, if so."""
        if event is None:
            return NotFoundError("event")
        if "webhook" not in event.definition.delivery:
            return UnsupportedError("deliveryMode", "webhook")
        try:
            event.read_arguments(record.arguments)
        except InvalidParamsError:
            return UnsupportedError("inputSchema", reason="schema_changed")
        if not self._is_additive(event, record.schema):
            return UnsupportedError("payloadSchema", reason="schema_changed")
        return None

    def _is_additive(self, event: EventType, before: str) -> bool:
        now = self._name_of(event)
        if before in ("", now):
            return True
        if (before, now) not in self._additive:
            held = self._records.read(self._records.key(before, event.name))
            # As clients have read it, and without objects that both have in common.
            plain = msgspec.json.decode(msgspec.json.encode(event.definition.payload_schema))
            self._additive[before, now] = held is None or is_additive(held.record.payload_schema, plain)
        return self._additive[before, now]

    def _name_of(self, event: EventType) -> str:
        """The name of the payload schema that there is now."""
        known, schema = self._schemas.get(event.name), event.definition.payload_schema
        if known is None or known[0] is not schema:
            known = self._schemas[event.name] = schema, digest(schema)
        return known[1]
