"""Whether an endpoint wants deliveries: before that is known, none is sent ("Endpoint verification").

A client can name anybody's endpoint. So the endpoint has to repeat a challenge, unless its origin says that
it takes deliveries, or the server's operator does.
"""

from __future__ import annotations

import hmac
import os

import msgspec

from lambent.auth.principal import Principal
from lambent.execution.durable.records import Record, Records, random_id
from lambent.execution.events.callback_urls import is_within, origin_of
from lambent.execution.events.ports import CallbackFailed, Callbacks
from lambent.execution.events.signing import signed_headers
from lambent.execution.ports import Clock, Store
from lambent.execution.rounds.digests import digest, mark_of, to_base64url
from lambent.wire.events import CallbackEndpointError, ResourceExhaustedError

_SECONDS = 5.0
_MOST_BYTES = 16 * 1024
_DOCUMENT = "/.well-known/mcp-webhook-receiver.json"

_A_HOST = 10
"""Endpoints of a host that may be asked at once, and then one each second."""

_MICROSECONDS = 1_000_000


class VerifiedRecord(Record, frozen=True):
    """An endpoint that a principal's deliveries may be sent to, until a time in seconds since the epoch."""

    until: float

    @property
    def purge_at(self) -> float:
        """See ``Record.purge_at``."""
        return self.until


class _Echo(msgspec.Struct):
    challenge: str


class _Receivers(msgspec.Struct):
    receivers: list[str]


class Verification:
    """Verifies endpoints, each for one principal.

    Args:
        store: keeps what was verified.
        clock: the time.
        server: names the server.
        callbacks: sends requests.
        allowed: prefixes of URLs that need no verification.
        seconds: how long what was verified holds.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        server: str,
        callbacks: Callbacks,
        allowed: tuple[str, ...] = (),
        seconds: float = 86_400.0,
    ) -> None:
        self._records = Records(store, clock, "EVENTVERIFIED", server, VerifiedRecord)
        self._callbacks = callbacks
        self._allowed = allowed
        self._seconds = seconds

    def verify(self, url: str, principal: Principal, secret: bytes, subscription_id: str) -> None:
        """Make sure that an endpoint wants deliveries of a principal's subscriptions.

        Raises:
            CallbackEndpointError: it has not said so.
            ResourceExhaustedError: too many endpoints of its host are asked.
        """
        if any(url.startswith(prefix) for prefix in self._allowed):
            return
        key = self._records.key(digest(url), mark_of(principal))
        held, now = self._records.read(key), self._records.clock()
        if held is not None and now < held.record.until:
            return
        self._count(url, now)
        self._ask(url, secret, subscription_id, now)
        record = VerifiedRecord(now + self._seconds)
        if held is None:
            self._records.insert(key, record)  # of two requests either may do it
        else:
            held.replace(record)

    def _count(self, url: str, now: float) -> None:
        """Bound how often a host is asked, whoever names it."""
        moment = int(now * _MICROSECONDS)
        most = moment + (_A_HOST - 1) * _MICROSECONDS
        key = f"EVENTHOST#{digest(origin_of(url))}"
        if self._records.store.advance(key, moment, _MICROSECONDS, most, int(now) + 60):
            raise ResourceExhaustedError("verifications", _A_HOST)

    def _ask(self, url: str, secret: bytes, subscription_id: str, now: float) -> None:
        challenge = to_base64url(os.urandom(32))
        body = msgspec.json.encode({"type": "verification", "challenge": challenge})
        message_id = f"msg_verification_{random_id()}"
        headers = signed_headers([secret], message_id, now, body, subscription_id)
        try:
            answer = self._callbacks.send("POST", url, headers, body, seconds=_SECONDS, most=_MOST_BYTES)
        except CallbackFailed as error:
            raise CallbackEndpointError(error.reason) from None
        if 200 <= answer.status < 300 and hmac.compare_digest(_echo(answer.body), challenge.encode()):
            return
        if not self._is_published(url):
            raise CallbackEndpointError("challenge_failed")

    def _is_published(self, url: str) -> bool:
        """Whether the origin of an endpoint says that it takes deliveries there."""
        try:
            answer = self._callbacks.send(
                "GET", origin_of(url) + _DOCUMENT, {}, b"", seconds=_SECONDS, most=_MOST_BYTES
            )
            if answer.status != 200:
                return False
            prefixes = msgspec.json.decode(answer.body, type=_Receivers).receivers
        except (CallbackFailed, msgspec.DecodeError, UnicodeError, RecursionError):
            return False
        return any(is_within(url, prefix) for prefix in prefixes)


def _echo(body: bytes) -> bytes:
    try:
        return msgspec.json.decode(body, type=_Echo).challenge.encode()
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return b""
