"""Judging a run of deliveries, from what endpoints and clients were told. What is promised:

- a healthy endpoint gets every occurrence that its subscription asks for, or is told of a gap;
- what another one does not get was tried as often as it has to be, or still waits;
- no occurrence reaches an endpoint that was never verified, or whose subscription is over;
- every request is signed, and has the payload of its occurrence;
- a cursor is never behind an occurrence that is not accepted, refused for good, given up, or purged.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator

from tests.chaos.events.history import Endpoint, History, Receipt

HEALTHY = frozenset({"healthy", "slow", "leaving", "returning"})
"""Behaviors of endpoints that accept every delivery."""

ATTEMPTS = 5
"""How often a delivery is tried before it is given up."""

GRACE_NS = 4_000_000_000
"""How long a request may still be under way when its subscription is over."""


def wrong(history: History) -> list[str]:
    """What must never happen, and has."""
    return [
        each
        for judge in (wrong_losses, wrong_endpoints, wrong_bodies, wrong_cursors)
        for each in judge(history)
    ]


def wrong_losses(history: History) -> Iterator[str]:
    """Occurrences that an endpoint neither got nor was told of."""
    answered, attempts = _answered(history), _attempts(history)
    told = _told_of_gaps(history)
    for endpoint in history.endpoints.values():
        if endpoint.first is None or endpoint.ended is not None:
            continue
        healthy = endpoint.behavior in HEALTHY
        if healthy and not endpoint.is_settled:
            where, waiting = endpoint.position, endpoint.waiting
            yield f"{endpoint.name}: at {where}, before the end of the log; {waiting} wait"
        for order, number in _wanted(history, endpoint):
            if (endpoint.name, order) in answered:
                continue
            if number in history.purged:
                if endpoint.name not in told and healthy:
                    yield f"{endpoint.name}: {order} was purged, and no gap was told"
            elif healthy:
                yield f"{endpoint.name}: {order} (number {number}) never arrived"
            elif number <= endpoint.position and number not in endpoint.waiting:
                count = attempts[endpoint.name, order]
                if count < ATTEMPTS:
                    yield f"{endpoint.name}: {order} was given up after {count} attempts"


def wrong_endpoints(history: History) -> Iterator[str]:
    """Occurrences at endpoints that nobody has subscribed, or not any more."""
    for receipt in history.receipts:
        if receipt.kind == "verification":
            continue
        endpoint = history.endpoints[receipt.endpoint]
        if endpoint.first is None:
            yield f"{endpoint.name}: got {receipt.kind} {receipt.message} without a subscription"
        elif endpoint.ended is not None and receipt.begun > endpoint.ended + GRACE_NS:
            late = (receipt.begun - endpoint.ended) / 1e9
            yield f"{endpoint.name}: got {receipt.message} {late:.1f} s after its subscription was over"


def wrong_bodies(history: History) -> Iterator[str]:
    """Requests without a signature, with another payload, or that were not asked for."""
    for receipt in history.receipts:
        if not receipt.signed:
            yield f"{receipt.endpoint}: {receipt.kind} {receipt.message} has no signature of the subscription"
        if receipt.kind == "other":
            yield f"{receipt.endpoint}: {receipt.message} is nothing that endpoints get"
        if receipt.kind != "occurrence":
            continue
        endpoint = history.endpoints[receipt.endpoint]
        if receipt.message != f"e{receipt.order}":
            yield f"{endpoint.name}: {receipt.message} has the payload of {receipt.order}"
        if endpoint.only_even and receipt.order % 2:
            yield f"{endpoint.name}: {receipt.message} is nothing that it asks for"
        number = history.numbers.get(receipt.order)
        if endpoint.first is not None and number is not None and number <= endpoint.first:
            yield f"{endpoint.name}: {receipt.message} was there before it was subscribed"


def wrong_cursors(history: History) -> Iterator[str]:
    """Cursors that have passed what was neither accepted nor given up."""
    answered, tried = _answered(history), defaultdict(list)
    for attempt in history.attempts:
        tried[attempt.endpoint, attempt.message].append(attempt.at)
    # What a client is told after a moment was read by the server before that.
    shown = [(one.endpoint, one.ended, one.cursor, "events/subscribe") for one in history.watermarks]
    shown += [(one.endpoint, one.begun, one.cursor, one.message) for one in history.receipts if one.cursor]
    wanted = {
        endpoint.name: list(_wanted(history, endpoint))
        for endpoint in history.endpoints.values()
        if endpoint.first is not None
    }
    for name, at, cursor, where in shown:
        passed = int(cursor.rpartition(".")[2])
        for order, number in wanted.get(name, []):
            if number > passed or number in history.purged:
                continue
            done = answered.get((name, order))
            if done is not None and done <= at:
                continue
            if sum(one <= at for one in tried[name, f"e{order}"]) < ATTEMPTS:
                yield f"{name}: the cursor {passed} of {where} has passed {order} (number {number})"
                break


def accepted(history: History) -> int:
    """How many deliveries an endpoint accepted or refused for good, each once."""
    return len(_answered(history))


def repeated(history: History) -> int:
    """How often an endpoint accepted what it had accepted before."""
    counts = Counter((one.endpoint, one.message) for one in history.receipts if _is_accepted(one))
    return counts.total() - len(counts)


def _wanted(history: History, endpoint: Endpoint) -> Iterator[tuple[int, int]]:
    """What a subscription asks for: orders, with their numbers."""
    assert endpoint.first is not None
    for order, number in history.numbers.items():
        if number > endpoint.first and not (endpoint.only_even and order % 2):
            yield order, number


def _is_accepted(receipt: Receipt) -> bool:
    return receipt.kind == "occurrence" and 200 <= receipt.status < 300


def _answered(history: History) -> dict[tuple[str, int], int]:
    """When an endpoint first began to accept an occurrence, or to refuse it for good."""
    found: dict[tuple[str, int], int] = {}
    for one in history.receipts:
        if _is_accepted(one) or (one.kind == "occurrence" and one.status in (410, 413)):
            key = one.endpoint, one.order
            found[key] = min(one.ended, found.get(key, one.ended))
    return found


def _attempts(history: History) -> Counter[tuple[str, int]]:
    return Counter(
        (one.endpoint, int(one.message[1:])) for one in history.attempts if one.message.startswith("e")
    )


def _told_of_gaps(history: History) -> set[str]:
    """The endpoints that were told of a gap since the purge, or whose clients were."""
    told = {
        one.endpoint
        for one in history.receipts
        if one.kind == "gap" and 200 <= one.status < 300 and one.ended > history.purged_at
    }
    return told | {
        one.endpoint for one in history.watermarks if one.truncated and one.ended > history.purged_at
    }
