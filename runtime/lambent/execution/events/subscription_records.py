"""What the store keeps of subscriptions, and of who has them."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Raw

from lambent.auth.principal import Principal
from lambent.execution.durable.records import Record
from lambent.execution.events.attempts import Attempts
from lambent.execution.events.health import Counts
from lambent.execution.events.polling import cursor_of
from lambent.execution.events.ports import LogHead

SPARE_SECONDS = 86_400.0
"""How much longer than it lives a subscription is kept: clocks differ, and deliveries may be under way."""

FOREVER = float(2**33)
"""When what does not expire may be forgotten: in the year 2242."""

CONFLICTS = 20
"""How often a record may be found changed by another writer before a write is given up."""

_ANSWER_SECONDS = 6.0
"""How long an attempt takes at most."""

_PATIENCE_SECONDS = 7 * 86_400.0
"""How long there was nothing but failures before a subscription that never expires is ended."""


class Notice(msgspec.Struct, frozen=True, array_like=True):
    """Something that an endpoint has to be told, which is no occurrence.

    Attributes:
        id: of the message: receivers recognize by it what they get twice.
        attempts: at telling it.
    """

    id: str
    attempts: Attempts


class Ending(msgspec.Struct, frozen=True, array_like=True):
    """Why a subscription has ended, which its endpoint has to be told.

    Attributes:
        notice: see there.
        code: of the error.
        message: of the error.
        data: of the error.
    """

    notice: Notice
    code: int
    message: str
    data: dict[str, Any]


class SubscriptionRecord(Record, frozen=True, kw_only=True):
    """A subscription.

    Attributes:
        id: by which receivers find its secret.
        principal: whose it is, without claims.
        name: of the event type.
        arguments: as the client has sent them.
        url: of the endpoint.
        secret: with which deliveries are signed.
        old_secret: the one before.
        old_until: until when they are signed with that one too, in seconds since the epoch.
        expires: when it ends, in seconds since the epoch; None: when its client or the server ends it.
        schema: names the payload schema of the event type at its begin; see ``Contracts``.
        log: the key of the log of the event type.
        epoch: of that log.
        number: the position up to which it was looked at.
        unacked: what has to be delivered up to there, by number.
        gap: something up to there was skipped, and the client was not told so far.
        active: deliveries are tried.
        recent: how many attempts failed lately.
        paused_until: when the endpoint wants to be asked again, in seconds since the epoch.
        last_delivery: when a delivery succeeded last, in seconds since the epoch.
        last_error: why the last attempt failed; None where it did not.
        failed_since: when attempts began to fail without any success since.
        doubtful_since: when it was first found not to fit the event type any more; None: it does.
        end: it has ended, and its endpoint is being told so.
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
    schema: str = ""
    log: str
    epoch: str
    number: int
    unacked: dict[int, Attempts] = msgspec.field(default_factory=dict)
    gap: Notice | None = None
    active: bool = True
    recent: Counts = ()
    paused_until: float = 0.0
    last_delivery: float | None = None
    last_error: str | None = None
    failed_since: float | None = None
    doubtful_since: float | None = None
    end: Ending | None = None

    @property
    def purge_at(self) -> float:
        """See ``Record.purge_at``."""
        if self.end is not None:
            return self.end.notice.attempts.since + SPARE_SECONDS
        return FOREVER if self.expires is None else self.expires + SPARE_SECONDS

    @property
    def topic(self) -> str:
        """See ``Record.topic``."""
        return self.log

    @property
    def watermark(self) -> str:
        """The cursor up to which everything was delivered, given up, or not wanted."""
        number = min(self.unacked) - 1 if self.unacked else self.number
        return cursor_of(LogHead(self.epoch, self.number), number)

    def pause_of(self, number: int) -> float:
        """Until when an occurrence of the window waits, however long it is due, in seconds since the epoch.

        An endpoint that does not answer occupies a worker as long as it may. So one occurrence, the first,
        finds out whether it answers again, and the others wait for what comes of that.
        """
        first = min(self.unacked)
        if self.last_error != "timeout" or number == first:
            return self.paused_until
        return max(self.paused_until, self.unacked[first].due + _ANSWER_SECONDS)

    def wait_of(self, number: int, now: float) -> float:
        """For how many seconds an occurrence of the window is not to be tried; none or fewer: it is."""
        until = max(self.unacked[number].due, self.pause_of(number))
        if self.last_error == "timeout" and number != min(self.unacked):
            until = max(until, now + _ANSWER_SECONDS)  # the first one is being tried
        return until - now

    def lives(self, now: float) -> bool:
        """Whether it has neither expired nor ended."""
        return self.end is None and (self.expires is None or now < self.expires)

    def secrets(self, now: float) -> list[bytes]:
        """What deliveries are signed with, the newest secret first."""
        return [self.secret, self.old_secret] if now < self.old_until else [self.secret]


class OwnerRecord(Record, frozen=True, kw_only=True):
    """The subscriptions of a principal: when each expires, by id."""

    subscriptions: dict[str, float | None]

    @property
    def purge_at(self) -> float:
        """See ``Record.purge_at``."""
        ends = [FOREVER if one is None else one for one in self.subscriptions.values()]
        return max(ends, default=0.0) + SPARE_SECONDS


def has_lost_patience(record: SubscriptionRecord, now: float) -> bool:
    """Whether a subscription that never expires has failed for so long that nobody waits for it any more."""
    if record.expires is not None or record.failed_since is None:
        return False
    return now - record.failed_since >= _PATIENCE_SECONDS
