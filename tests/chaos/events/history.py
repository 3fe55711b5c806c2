"""What a run has left behind, as its verdict reads it: who was told what, and when."""

from typing import Literal

import msgspec

Kind = Literal["occurrence", "gap", "terminated", "verification", "other"]


class Receipt(msgspec.Struct, frozen=True):
    """A request that an endpoint got.

    Attributes:
        endpoint: which one.
        kind: of its body.
        begun: when its head had arrived, in nanoseconds of the machine's monotonic clock.
        ended: when the answer was written; 0 where none was.
        status: of the answer; 0 where there was none.
        message: the ``webhook-id``.
        order: what the payload says, which is the number of the occurrence as it was emitted.
        cursor: of the body.
        signed: a secret of the subscription has signed it.
    """

    endpoint: str
    kind: Kind
    begun: int
    ended: int = 0
    status: int = 0
    message: str = ""
    order: int = -1
    cursor: str | None = None
    signed: bool = True


class Watermark(msgspec.Struct, frozen=True):
    """A cursor that a client was given by ``events/subscribe``, asked for at ``begun``."""

    endpoint: str
    begun: int
    ended: int
    cursor: str
    truncated: bool = False


class Attempt(msgspec.Struct, frozen=True):
    """A request that a worker has begun to send: not each of them arrives."""

    endpoint: str
    message: str
    at: int


class Endpoint(msgspec.Struct, kw_only=True):
    """An endpoint of a run.

    Attributes:
        name: which one.
        behavior: what it does with deliveries; see ``receivers.BEHAVIORS``.
        only_even: what its subscription asks for.
        first: the number of the log behind which it was subscribed; None where it never was.
        ended: when it was unsubscribed, or had expired; None where it lives.
        is_settled: nothing waits for it in the end, and the whole log was looked at.
        waiting: the numbers that wait for it in the end.
        position: up to which the log was looked at.
    """

    name: str
    behavior: str
    only_even: bool = False
    first: int | None = None
    ended: int | None = None
    is_settled: bool = False
    waiting: list[int] = msgspec.field(default_factory=list)
    position: int = 0


class History(msgspec.Struct):
    """A run.

    Attributes:
        numbers: the number in the log of what was emitted, by order; only of what ``emit`` has returned for.
        purged: the numbers that were purged before anybody could deliver them.
        purged_at: when, as ``Receipt.begun``.
        endpoints: by name.
        receipts: in the order of their begin.
        watermarks: likewise.
        attempts: likewise.
    """

    numbers: dict[int, int]
    endpoints: dict[str, Endpoint]
    receipts: list[Receipt]
    watermarks: list[Watermark] = msgspec.field(default_factory=list)
    attempts: list[Attempt] = msgspec.field(default_factory=list)
    purged: frozenset[int] = frozenset()
    purged_at: int = 0
