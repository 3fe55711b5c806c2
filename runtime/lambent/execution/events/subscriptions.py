"""Subscriptions that are delivered to endpoints ("Webhook-Based Delivery").

A subscription is known by its key: its principal, URL, event type and arguments. Its id is a digest of the
key, by which receivers find the secret, and which nobody can do anything with.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import UNSET, Raw

from lambent.auth.principal import Principal, key_of
from lambent.errors import InternalError, InvalidParamsError
from lambent.execution.durable.records import Held, Record, Records, changed
from lambent.execution.events.polling import LogReader, cursor_of
from lambent.execution.events.ports import LogHead
from lambent.execution.events.service import Events, iso
from lambent.execution.events.signing import decode_secret
from lambent.execution.events.verification import Verification
from lambent.execution.ports import Clock, Queue, Store
from lambent.execution.rounds.digests import decode_exactly, digest, mark_of
from lambent.features.events import EventType
from lambent.wire.events import (
    DeliveryStatus,
    NotFoundError,
    ResourceExhaustedError,
    SubscribeEventsParams,
    SubscribeEventsResult,
)

_SPARE_SECONDS = 86_400.0
"""How much longer than it lives a subscription is kept: clocks differ, and deliveries may be under way."""

_FOREVER = float(2**33)
"""When what does not expire may be forgotten: in the year 2242."""

_ROTATION_SECONDS = 86_400.0
"""How long deliveries are signed with the secret before the last one too."""

_MOST_ARGUMENT_BYTES = 8 * 1024
_CONFLICTS = 20

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

    def expires(self, ttl_ms: int | msgspec.UnsetType | None, now: float) -> float | None:
        """When a subscription expires that asks for so many milliseconds; None for never."""
        if ttl_ms is None and self.no_expiry:
            return None
        if ttl_ms is None or isinstance(ttl_ms, msgspec.UnsetType):
            return now + self.most_seconds
        return now + min(max(ttl_ms / 1000, self.least_seconds), self.most_seconds)


class Attempts(msgspec.Struct, frozen=True):
    """The attempts at the delivery of an occurrence.

    Attributes:
        since: when it could be delivered first, in seconds since the epoch.
        due: when the next attempt is.
        count: of those that failed.
    """

    since: float
    due: float
    count: int = 0


class SubscriptionRecord(Record, frozen=True, kw_only=True):
    """A subscription.

    Attributes:
        id: see the module.
        principal: whose it is, without claims.
        name: of the event type.
        arguments: as the client has sent them.
        url: of the endpoint.
        secret: with which deliveries are signed.
        old_secret: the one before.
        old_until: until when they are signed with that one too, in seconds since the epoch.
        expires: when it ends, in seconds since the epoch; None: when its client or the server ends it.
        log: the key of the log of the event type.
        epoch: of that log.
        number: the position up to which it was looked at.
        unacked: what has to be delivered up to there, by number.
        active: deliveries are tried.
        last_delivery: when one succeeded last, in seconds since the epoch.
        last_error: why the last attempt failed; None where it did not.
        failed_since: when attempts began to fail without any success since.
    """

    id: str
    principal: Principal
    name: str
    arguments: Raw
    url: str
    secret: bytes
    old_secret: bytes = b""
    old_until: float = 0.0
    expires: float | None
    log: str
    epoch: str
    number: int
    unacked: dict[int, Attempts] = msgspec.field(default_factory=dict)
    active: bool = True
    last_delivery: float | None = None
    last_error: str | None = None
    failed_since: float | None = None

    @property
    def purge_at(self) -> float:
        """See ``Record.purge_at``."""
        return _FOREVER if self.expires is None else self.expires + _SPARE_SECONDS

    @property
    def topic(self) -> str:
        """See ``Record.topic``."""
        return self.log

    @property
    def watermark(self) -> str:
        """The cursor up to which everything was delivered, given up, or not wanted."""
        number = min(self.unacked) - 1 if self.unacked else self.number
        return cursor_of(LogHead(self.epoch, self.number), number)

    def lives(self, now: float) -> bool:
        """Whether it has not expired."""
        return self.expires is None or now < self.expires

    def secrets(self, now: float) -> list[bytes]:
        """What deliveries are signed with, the newest secret first."""
        return [self.secret, self.old_secret] if now < self.old_until else [self.secret]


class OwnerRecord(Record, frozen=True, kw_only=True):
    """The subscriptions of a principal: when each expires, by id."""

    subscriptions: dict[str, float | None]

    @property
    def purge_at(self) -> float:
        """See ``Record.purge_at``."""
        ends = [_FOREVER if one is None else one for one in self.subscriptions.values()]
        return max(ends, default=0.0) + _SPARE_SECONDS


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
        self._owners = Records(store, clock, "EVENTOWNER", server, OwnerRecord)
        self._events = events
        self._verification = verification
        self.grants = grants
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
        held = self.records.read(self._key(sub_id, principal))
        is_live = held is not None and held.record.lives(now)
        if not is_live:
            self._check_room(sub_id, principal, now)
        head = self._events.log.head(self._events.key(event))
        position, truncated = head.number, False
        if not is_live and params.cursor is not None:
            reader = LogReader(self._events, event, arguments, principal)
            found = reader.start(head, params.cursor, params.max_age_ms)
            position, truncated = found.number, found.truncated
        self._verification.verify(url, principal, secret, sub_id)
        now = self.records.clock()  # endpoints may take their time
        expires = self.grants.expires(params.ttl_ms, now)
        self._own(principal, now, {sub_id: expires})
        if held is not None and is_live:
            was_active, is_lost = held.record.active, held.record.epoch != head.epoch
            if self._refresh(held, secret, expires, now, head):
                if not was_active:
                    self._queue.send(f"advance {self._key(sub_id, principal)}")
                return _refreshed(changed(held.record, active=was_active), truncated=is_lost)
        record = SubscriptionRecord(
            id=sub_id,
            principal=_bare(principal),
            name=event.name,
            arguments=Raw(bytes(params.arguments)),
            url=url,
            secret=secret,
            expires=expires,
            log=self._events.key(event),
            epoch=head.epoch,
            number=position,
        )
        self._begin(record, principal)
        # The index may not show it yet to those who deliver what happens now.
        self._queue.send(f"advance {self._key(sub_id, principal)}", _INDEX_SECONDS)
        return SubscribeEventsResult(
            id=sub_id,
            refresh_before=None if expires is None else iso(None, expires),
            cursor=cursor_of(head, position),
            truncated=truncated,
        )

    def unsubscribe(self, name: str, arguments: Raw, url: str, principal: Principal) -> None:
        """End a subscription.

        Raises:
            NotFoundError: the principal has no such subscription.
        """
        sub_id, now = subscription_id(principal, url, name, arguments), self.records.clock()
        held = self.records.read(self._key(sub_id, principal))
        if held is None or not held.record.lives(now):
            raise NotFoundError("subscription")
        for _ in range(_CONFLICTS):
            held.remove()
            again = self.records.read(self._key(sub_id, principal))
            if again is None:
                self._own(principal, now, {}, ended=sub_id)
                return
            held = again  # a delivery has changed it meanwhile
        raise InternalError("The subscription is changing too fast: try again")

    def _begin(self, record: SubscriptionRecord, principal: Principal) -> None:
        """Keep a new subscription, in place of one that has expired."""
        key = self._key(record.id, principal)
        for _ in range(_CONFLICTS):
            held = self.records.read(key)
            if self.records.insert(key, record) if held is None else held.replace(record):
                return
        raise InternalError("The subscription is changing too fast: try again")

    def _refresh(
        self, held: Held[SubscriptionRecord], secret: bytes, expires: float | None, now: float, head: LogHead
    ) -> bool:
        """Let a subscription go on; False where it has ended meanwhile."""

        def refreshed(record: SubscriptionRecord) -> SubscriptionRecord:
            changes: dict[str, object] = {"secret": secret, "expires": expires, "active": True}
            if record.secret != secret:
                changes |= {"old_secret": record.secret, "old_until": now + _ROTATION_SECONDS}
            if record.epoch != head.epoch:  # the log was lost
                changes |= {"epoch": head.epoch, "number": head.number, "unacked": {}}
            elif not record.active:  # the time of its suspension does not count
                changes["unacked"] = dict.fromkeys(record.unacked, Attempts(now, due=0.0))
            return changed(record, **changes)

        return held.change(refreshed)

    def _check_room(self, sub_id: str, principal: Principal, now: float) -> None:
        held = self._owners.read(self._owners.key("", mark_of(principal)))
        if held is not None:
            self._with(held.record, now, {sub_id: None})

    def _with(
        self, record: OwnerRecord, now: float, added: Mapping[str, float | None], ended: str = ""
    ) -> OwnerRecord:
        """The subscriptions of an owner with another one.

        Raises:
            ResourceExhaustedError: there are too many then.
        """
        live = {
            known: expires
            for known, expires in record.subscriptions.items()
            if known != ended and (expires is None or now < expires)
        }
        if added and not live.keys() >= added.keys() and len(live) >= self.grants.most:
            raise ResourceExhaustedError("subscriptions", self.grants.most)
        return OwnerRecord(subscriptions={**live, **added})

    def _own(
        self, principal: Principal, now: float, added: Mapping[str, float | None], ended: str = ""
    ) -> None:
        """Keep which subscriptions a principal has.

        Raises:
            ResourceExhaustedError: they would be too many.
        """
        key = self._owners.key("", mark_of(principal))
        for _ in range(_CONFLICTS):
            held = self._owners.read(key)
            known = OwnerRecord(subscriptions={}) if held is None else held.record
            record = self._with(known, now, added, ended)
            if self._owners.insert(key, record) if held is None else held.replace(record):
                return
        raise InternalError("The subscriptions are changing too fast: try again")

    def _key(self, sub_id: str, principal: Principal) -> str:
        return self.records.key(sub_id, mark_of(principal))


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


def _refreshed(record: SubscriptionRecord, *, truncated: bool) -> SubscribeEventsResult:
    since = record.failed_since
    return SubscribeEventsResult(
        id=record.id,
        refresh_before=None if record.expires is None else iso(None, record.expires),
        cursor=record.watermark,
        truncated=truncated,
        delivery_status=DeliveryStatus(
            active=record.active,
            last_delivery_at=None if record.last_delivery is None else iso(None, record.last_delivery),
            last_error=record.last_error,
            failed_since=UNSET if since is None else iso(None, since),
        ),
    )


def _bare(principal: Principal) -> Principal:
    """What deliveries have to know of a principal: no claim of a token is kept."""
    return Principal(principal.subject, principal.issuer, principal.scopes, client_id=principal.client_id)
