"""Rates of calls, as token buckets in the store: the last middleware, so that it knows the principal.

A bucket is one number, the theoretical arrival time of the generic cell rate algorithm: until when the calls
so far would have taken, had they come evenly. A call

- is within the limit while ``time <= now + (burst - 1) * interval``,
- moves the time to ``max(time, now) + interval``,

both by the same conditional write, ``Store.advance``. Times are in microseconds. What is not counted:
attempts at tasks, whose creation was, and streams of the legacy era that are resumed, which run once.
"""

from __future__ import annotations

import math
from typing import Any

from msgspec import UNSET

from lambent.errors import InvalidRequestError, StoreError
from lambent.execution.call import Call, Handler
from lambent.execution.log_records import logger
from lambent.execution.ports import Store
from lambent.execution.rounds.digests import digest
from lambent.features.limits import RateLimit

_MICROSECONDS = 1_000_000

_ANSWERS = 10
"""How many retries with answers a caller may send for each call. Without a limit, a request state that is
still valid could be sent again and again, and each time the tool would run."""

_UNCOUNTED_SECONDS = 10
"""How long nothing is counted after the store has failed: each attempt may take seconds."""

_SPARE_SECONDS = 60
"""How much longer than needed a bucket is kept: clocks differ."""

_log = logger("lambent.limits")


class RateLimiter:
    """Counts the calls of each caller, and refuses those above its limit: a middleware.

    While the store fails, every call passes.

    Args:
        store: keeps the buckets.
        server: names the server; servers may share a store.
        rate: the limit of requests, except calls of tools with a limit of their own; None for no limit.
    """

    def __init__(self, store: Store, server: str, rate: RateLimit | None) -> None:
        self._store = store
        self._server = server
        self._rate = rate
        self._uncounted_until = 0.0

    def __call__(self, call: Call, following: Handler) -> Any:
        """See ``Middleware``.

        Raises:
            InvalidRequestError: 429, the caller has to wait.
        """
        if call.journal is None and call.resumed is None:
            self._count(call)
        return following(call)

    def _count(self, call: Call) -> None:
        rate, name = self._rate, ""
        if call.method == "tools/call":
            tool = call.services.catalog.tools.get(call.rpc.params.name)
            if tool is not None and tool.limit is not None:
                rate, name = tool.limit, tool.limited_as or tool.name
        now = call.services.clock()
        if rate is None or now < self._uncounted_until:
            return
        kind, calls, most = "call", rate.calls, rate.most
        if getattr(call.rpc.params, "request_state", UNSET) is not UNSET:
            kind, calls, most = "answer", calls * _ANSWERS, most * _ANSWERS
        interval = math.ceil(rate.per * _MICROSECONDS / calls)
        moment, tolerance = int(now * _MICROSECONDS), (most - 1) * interval
        # At the latest here the time of the bucket is over, so that it is as good as none.
        purge_at = math.ceil(now + (tolerance + interval) / _MICROSECONDS) + _SPARE_SECONDS
        key = f"RATE#{digest([self._server, *caller_of(call)])}#{kind}#{name}"
        try:
            early = self._store.advance(key, moment, interval, moment + tolerance, purge_at)
        except StoreError as error:
            self._uncounted_until = now + _UNCOUNTED_SECONDS
            _log.warning("Calls are not limited for %s s: %s", _UNCOUNTED_SECONDS, error)
            return
        if early:
            what = f"calls of {name}" if name else "requests"
            raise refusal(f"Too many {what}", early / _MICROSECONDS)


def refusal(reason: str, seconds: float) -> InvalidRequestError:
    """The error for a caller who has to wait for so many seconds, more than 0, rounded up to whole ones."""
    wait = math.ceil(seconds)
    return InvalidRequestError(
        f"{reason}: try again in {wait} s",
        {"retryAfter": wait},  # for stdio and batches, which have no headers
        status=429,
        headers={"Retry-After": str(wait)},
    )


def caller_of(call: Call) -> list[str]:
    """Whose limits a call is under: the principal's, or where nobody is identified the client address's."""
    if call.principal is not None:
        return [call.principal.key]
    return ["", _network(call.request.client_address or "")]


def _network(address: str) -> str:
    """An address; of IPv6 the first 64 bits, because a client has all addresses that begin with them."""
    if ":" not in address:
        return address
    import ipaddress  # loaded by a first client with such an address

    try:
        parsed = ipaddress.IPv6Address(address)
    except ValueError:
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return parsed.packed[:8].hex()
