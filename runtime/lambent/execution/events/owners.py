"""How many subscriptions a principal has: a record with their ids, never more than there may be.

An id is added before its subscription is made, and taken out after it has ended. One that expires frees its
place by that. What was killed in between frees it when the record is full, for those that never expire.
"""

from __future__ import annotations

import msgspec

from lambent.auth.principal import Principal
from lambent.errors import InternalError
from lambent.execution.durable.records import Records
from lambent.execution.events.subscription_records import CONFLICTS, OwnerRecord, SubscriptionRecord
from lambent.execution.ports import Clock, Store
from lambent.execution.rounds.digests import mark_of
from lambent.wire.events import ResourceExhaustedError

_MOST_READ = 100
"""Subscriptions that are looked at when the record is full."""


class Owners:
    """Bounds the subscriptions of each principal.

    Args:
        store: keeps their ids.
        clock: the time.
        server: names the server.
        subscriptions: in the store.
        most: how many a principal may have.
    """

    def __init__(
        self, store: Store, clock: Clock, server: str, subscriptions: Records[SubscriptionRecord], most: int
    ) -> None:
        self._records = Records(store, clock, "EVENTOWNER", server, OwnerRecord)
        self._subscriptions = subscriptions
        self._most = most

    def check_room(self, principal: Principal, sub_id: str) -> None:
        """Make sure that a principal may have a subscription, before anybody is asked for it.

        Raises:
            ResourceExhaustedError: it has as many as it may have.
        """
        held = self._records.read(self._key(principal))
        if held is not None:
            self._with(held.record, principal, sub_id)

    def take(self, principal: Principal, sub_id: str, expires: float | None) -> None:
        """Note a subscription of a principal, and when it expires.

        Raises:
            ResourceExhaustedError: the principal has as many as it may have.
        """
        for _ in range(CONFLICTS):
            held = self._records.read(self._key(principal))
            known = OwnerRecord(subscriptions={}) if held is None else held.record
            live = {**self._with(known, principal, sub_id), sub_id: expires}
            record = OwnerRecord(subscriptions=live)
            if self._records.insert(self._key(principal), record) if held is None else held.replace(record):
                return
        raise InternalError("The subscriptions are changing too fast: try again")

    def release(self, principal: Principal, sub_id: str) -> None:
        """Forget a subscription of a principal."""
        held = self._records.read(self._key(principal))
        if held is not None:
            held.change(lambda record: _without(record, sub_id))

    def _with(self, record: OwnerRecord, principal: Principal, sub_id: str) -> dict[str, float | None]:
        """The subscriptions that leave room for another one.

        Raises:
            ResourceExhaustedError: they do not.
        """
        now = self._records.clock()
        live = {
            known: expires
            for known, expires in record.subscriptions.items()
            if expires is None or now < expires
        }
        if sub_id in live or len(live) < self._most:
            return live
        endless = [known for known, expires in live.items() if expires is None]
        for known in endless[:_MOST_READ]:
            held = self._subscriptions.read(self._subscriptions.key(known, mark_of(principal)))
            if held is None or not held.record.lives(now):
                del live[known]
        if len(live) >= self._most:
            raise ResourceExhaustedError("subscriptions", self._most)
        return live

    def _key(self, principal: Principal) -> str:
        return self._records.key("", mark_of(principal))


def _without(record: OwnerRecord, sub_id: str) -> OwnerRecord | None:
    if sub_id not in record.subscriptions:
        return None
    left = {known: expires for known, expires in record.subscriptions.items() if known != sub_id}
    return msgspec.structs.replace(record, subscriptions=left)
