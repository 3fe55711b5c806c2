"""Subscriptions that are delivered to endpoints ("Webhook-Based Delivery").

A subscription is known by its key: its principal, URL, event type and arguments. Its id is a digest of the
key, by which receivers find the secret, and which nobody can do anything with.
"""

from __future__ import annotations

import math

import msgspec
from msgspec import UNSET, Raw, UnsetType

from lambent.auth.principal import Principal, key_of
from lambent.errors import InternalError, InvalidParamsError
from lambent.execution.durable.records import Held, Records, changed
from lambent.execution.events.contracts import Contracts
from lambent.execution.events.owners import Owners
from lambent.execution.events.polling import Found, LogReader
from lambent.execution.events.ports import LogHead
from lambent.execution.events.service import Events, iso
from lambent.execution.events.signing import decode_secret
from lambent.execution.events.subscription_records import CONFLICTS, SubscriptionRecord
from lambent.execution.events.verification import Verification
from lambent.execution.ports import Clock, Queue, Store
from lambent.execution.rounds.digests import decode_exactly, digest, mark_of
from lambent.features.events import EventType
from lambent.wire.events import (
    DeliveryStatus,
    NotFoundError,
    SubscribeEventsParams,
    SubscribeEventsResult,
)

_ROTATION_SECONDS = 3600.0
"""How long deliveries are signed with the secret before the last one too."""

_MOST_ARGUMENT_BYTES = 8 * 1024

_VERSIONS_A_SECOND = 1000
"""More than a record can have."""

_INDEX_SECONDS = 5.0
"""How long an index may be behind the table."""


class Grants(msgspec.Struct, frozen=True, kw_only=True):
    """What a server grants.

    Attributes:
        least_seconds: the shortest life of a subscription.
        most_seconds: the longest one, which is also what one gets that asks for nothing.
        no_expiry: a subscription may live until it is ended.
        most: how many subscriptions a principal may have.
        local: endpoints may be on this machine, and over plain HTTP then: for development.
    """

    least_seconds: float = 300.0
    most_seconds: float = 86_400.0
    no_expiry: bool = False
    most: int = 100
    local: bool = False

    def expires(self, ttl_ms: int | UnsetType | None, now: float) -> float | None:
        """When a subscription expires that asks for so many milliseconds; None for never."""
        if ttl_ms is None and self.no_expiry:
            return None
        if ttl_ms is None or isinstance(ttl_ms, UnsetType):
            return now + self.most_seconds
        return now + min(max(ttl_ms / 1000, self.least_seconds), self.most_seconds)


class Subscriptions:
    """The subscriptions of a server.

    Args:
        store: keeps them.
        clock: the time.
        server: names the server.
        events: its event types.
        verification: of endpoints.
        grants: what is granted.
        queue: brings what there is to do to those who deliver.

    Attributes:
        records: the subscriptions in the store.
        owners: who has how many of them.
        contracts: what they were made for.
        verification: see there.
        grants: see there.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        server: str,
        events: Events,
        verification: Verification,
        grants: Grants,
        queue: Queue,
    ) -> None:
        self.records = Records(store, clock, "EVENTSUB", server, SubscriptionRecord)
        self.owners = Owners(store, clock, server, self.records, grants.most)
        self.contracts = Contracts(store, clock, server)
        self.verification = verification
        self.grants = grants
        self._events = events
        self._queue = queue

    def subscribe(
        self, event: EventType, arguments: object, params: SubscribeEventsParams, principal: Principal
    ) -> SubscribeEventsResult:
        """Make a subscription, or refresh the one that is there.

        What it asks for has been checked, but for its secret.

        Raises:
            InvalidParamsError: the secret or the cursor is none, or the arguments are too large.
            CallbackEndpointError: the endpoint could not be verified; a subscription that is there stays.
            ResourceExhaustedError: the principal has as many as it may have.
        """
        secret = decode_secret(params.delivery.secret)
        if len(params.arguments) > _MOST_ARGUMENT_BYTES:
            raise InvalidParamsError(f"Invalid params: arguments have more than {_MOST_ARGUMENT_BYTES} bytes")
        url, now = params.delivery.url, self.records.clock()
        sub_id = subscription_id(principal, url, event.name, params.arguments)
        key, begin = self._key(sub_id, principal), None
        held = self.records.read(key)
        is_live = held is not None and held.record.lives(now)
        if not is_live:
            self.owners.check_room(principal, sub_id)
            begin = self._begin(event, arguments, params, principal)
        self.verification.verify(url, principal, secret, sub_id, is_live=is_live)
        now = self.records.clock()  # endpoints may take their time
        expires = self.grants.expires(params.ttl_ms, now)
        self.owners.take(principal, sub_id, expires)
        for _ in range(CONFLICTS):
            held = self.records.read(key)
            if held is not None and held.record.lives(now):
                result = self._refresh(held, key, secret, expires, now, principal)
                if result is not None:
                    return result
                continue
            begin = begin or self._begin(event, arguments, params, principal)
            record = SubscriptionRecord(
                id=sub_id,
                principal=_bare(principal),
                name=event.name,
                arguments=Raw(bytes(params.arguments)),
                url=url,
                secret=secret,
                expires=expires,
                schema=self.contracts.keep(event),
                log=self._events.key(event),
                epoch=begin.head.epoch,
                number=begin.found.number,
            )
            # A delivery to one that was ended under this key may be under way, and holds that one's version.
            version = int(now * _VERSIONS_A_SECOND)
            is_kept = (
                self.records.insert(key, record, version=version) if held is None else held.replace(record)
            )
            if is_kept:
                # The index may not show it yet to those who deliver what happens now.
                self._queue.send(f"advance {key}", _INDEX_SECONDS)
                return _result(record, truncated=begin.found.truncated)
        raise InternalError("The subscription is changing too fast: try again")

    def unsubscribe(self, name: str, arguments: Raw, url: str, principal: Principal) -> None:
        """End a subscription.

        Raises:
            NotFoundError: the principal has no such subscription.
        """
        sub_id, now = subscription_id(principal, url, name, arguments), self.records.clock()
        held = self.records.read(self._key(sub_id, principal))
        if held is None or not held.record.lives(now):
            raise NotFoundError("subscription")
        for _ in range(CONFLICTS):
            held.remove()
            again = self.records.read(self._key(sub_id, principal))
            if again is None:
                self.owners.release(principal, sub_id)
                return
            held = again  # a delivery has changed it meanwhile
        raise InternalError("The subscription is changing too fast: try again")

    def _begin(
        self, event: EventType, arguments: object, params: SubscribeEventsParams, principal: Principal
    ) -> _Begin:
        """Where the deliveries of a new subscription begin: now, or behind the cursor of its client.

        Raises:
            InvalidParamsError: the cursor is none.
        """
        head = self._events.log.head(self._events.key(event))
        if params.cursor is None:
            return _Begin(head, Found(head.number))
        reader = LogReader(self._events, event, arguments, principal)
        return _Begin(head, reader.start(head, params.cursor, params.max_age_ms))

    def _refresh(
        self,
        held: Held[SubscriptionRecord],
        key: str,
        secret: bytes,
        expires: float | None,
        now: float,
        principal: Principal,
    ) -> SubscribeEventsResult | None:
        """Let a subscription go on; None where it has ended meanwhile."""
        head = self._events.log.head(held.record.log)
        before = held.record

        def refreshed(record: SubscriptionRecord) -> SubscriptionRecord | None:
            nonlocal before
            before = record
            if not record.lives(now):
                return None
            changes: dict[str, object] = {"secret": secret, "expires": expires, "principal": _bare(principal)}
            if record.secret != secret:
                changes |= {"old_secret": record.secret, "old_until": now + _ROTATION_SECONDS}
            if record.epoch != head.epoch:  # the log was lost
                changes |= {"epoch": head.epoch, "number": head.number, "unacked": {}}
            elif not record.active:
                changes["unacked"] = {number: one.resumed(now) for number, one in record.unacked.items()}
            if not record.active:
                changes |= {"active": True, "recent": ()}
            if record.gap is not None and record.gap.attempts.are_spent:  # it is told by the result
                changes["gap"] = None
            return changed(record, **changes)

        if not held.change(refreshed):
            return None
        if not before.active:
            for number in held.record.unacked:
                self._queue.send(f"deliver {key} {number}")
        if not before.active or held.record.unacked or held.record.number != head.number:
            self._queue.send(f"advance {key}")
        is_gap = before.epoch != head.epoch or before.gap is not None
        return _result(held.record, truncated=is_gap, status=_status_of(before, now))

    def _key(self, sub_id: str, principal: Principal) -> str:
        return self.records.key(sub_id, mark_of(principal))


class _Begin(msgspec.Struct, frozen=True):
    """Where deliveries begin.

    Attributes:
        head: of the log.
        found: the position in it.
    """

    head: LogHead
    found: Found


def subscription_id(principal: Principal, url: str, name: str, arguments: Raw) -> str:
    """The id of the subscription with a key ("Subscription identity"). The order of members does not matter.

    Raises:
        InvalidParamsError: the arguments cannot be read.
    """
    try:
        plain = decode_exactly(arguments)
    except (msgspec.DecodeError, UnicodeError, RecursionError, ValueError) as error:
        raise InvalidParamsError(f"Invalid params: arguments: {error}") from None
    return f"sub_{digest([key_of(principal), url, name, plain])}"


def _result(
    record: SubscriptionRecord, *, truncated: bool, status: DeliveryStatus | UnsetType = UNSET
) -> SubscribeEventsResult:
    return SubscribeEventsResult(
        id=record.id,
        refresh_before=None if record.expires is None else iso(None, record.expires),
        cursor=record.watermark,
        truncated=truncated,
        delivery_status=status,
    )


def _status_of(record: SubscriptionRecord, now: float) -> DeliveryStatus:
    """How deliveries were before a refresh."""
    since, pause = record.failed_since, record.paused_until - now
    return DeliveryStatus(
        active=record.active,
        last_delivery_at=None if record.last_delivery is None else iso(None, record.last_delivery),
        last_error=record.last_error,
        failed_since=UNSET if since is None else iso(None, since),
        throttled=True if pause > 0 else UNSET,
        retry_after_ms=math.ceil(pause * 1000) if pause > 0 else UNSET,
    )


def _bare(principal: Principal) -> Principal:
    """What deliveries have to know of a principal: no claim of a token is kept."""
    return Principal(principal.subject, principal.issuer, principal.scopes, client_id=principal.client_id)
