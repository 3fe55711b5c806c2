"""Whether an endpoint wants deliveries: before that is known, none is sent ("Endpoint verification").

A client can name anybody's endpoint. So one of these has to be true, for each principal and URL:

1. the server's operator allows the URL (``LAMBENT_EVENTS_ALLOWED_CALLBACKS``),
2. it was confirmed in another way, which the server's author says (``Emitter.confirm_endpoint``),
3. its origin publishes that it takes deliveries there,
4. it repeats a challenge.

The last one asks the endpoint, so how often a host is asked is bounded; and how often for one principal, or
it could use up what others need of a host that many have their endpoints at.
"""

from __future__ import annotations

import hmac
import os
import re

import msgspec

from lambent.auth.principal import Principal
from lambent.execution.durable.records import Record, Records, random_id
from lambent.execution.events.callback_urls import host_of, is_below, is_within, origin_of
from lambent.execution.events.ports import CallbackFailed, CallbackResponse, Callbacks
from lambent.execution.events.signing import signed_headers
from lambent.execution.ports import Clock, Store
from lambent.execution.rounds.digests import digest, mark_of, to_base64url
from lambent.wire.events import CallbackEndpointError, ResourceExhaustedError

_SECONDS = 5.0
_MOST_BYTES = 16 * 1024
_DOCUMENT = "/.well-known/mcp-webhook-receiver.json"

_DOCUMENT_SECONDS = 3600.0
"""How long a document holds that does not say so."""

_MICROSECONDS = 1_000_000


class _Rate(msgspec.Struct, frozen=True):
    """How often endpoints are asked: so many at once, and then one each time so many seconds have passed."""

    most: int
    seconds: float


_OF_A_HOST = _Rate(20, 0.2)
_OF_A_PRINCIPAL = _Rate(30, 2.0)


class VerifiedRecord(Record, frozen=True):
    """An endpoint that a principal's deliveries may be sent to, until a time in seconds since the epoch."""

    until: float

    @property
    def purge_at(self) -> float:
        """See ``Record.purge_at``."""
        return self.until


class ReceiversRecord(Record, frozen=True):
    """Below which paths an origin takes deliveries, until a time in seconds since the epoch."""

    receivers: list[str]
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
        allowed: URLs below which endpoints need no verification.
        seconds: how long what was verified holds, and a document of an origin at most.
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
        self._verified = Records(store, clock, "EVENTVERIFIED", server, VerifiedRecord)
        self._documents = Records(store, clock, "EVENTORIGIN", server, ReceiversRecord)
        self._store = store
        self._clock = clock
        self._callbacks = callbacks
        self._allowed = allowed
        self._seconds = seconds

    def verify(
        self, url: str, principal: Principal, secret: bytes, subscription_id: str, *, is_live: bool
    ) -> None:
        """Make sure that an endpoint wants deliveries of a principal's subscriptions.

        Args:
            url: of the endpoint.
            principal: see there.
            secret: signs the challenge.
            subscription_id: by which the endpoint finds the secret.
            is_live: the subscription exists, so the endpoint has wanted it. Where too many are asked, it is
                not asked again.

        Raises:
            CallbackEndpointError: it has not said so.
            ResourceExhaustedError: too many endpoints of its host or for the principal are asked.
        """
        if any(is_below(url, prefix) for prefix in self._allowed):
            return
        now = self._clock()
        held = self._verified.read(self._key(url, principal))
        if held is not None and now < held.record.until:
            return
        if not self._is_known(url, now):
            exhausted = self._count(url, principal, now)
            if exhausted is not None and is_live:
                return
            if exhausted is not None:
                raise ResourceExhaustedError("verifications", exhausted.most)
            if not self._repeats(url, secret, subscription_id, now) and not self._is_published(url, now):
                raise CallbackEndpointError("challenge_failed")
        self.confirm(url, principal, now + self._seconds)

    def confirm(self, url: str, principal: Principal, until: float) -> None:
        """Note that an endpoint is verified for a principal, until a time in seconds since the epoch."""
        key, record = self._key(url, principal), VerifiedRecord(until)
        held = self._verified.read(key)
        if held is None:
            self._verified.insert(key, record)  # of two requests either may do it
        else:
            held.change(lambda known: record if known.until < until else None)

    def _key(self, url: str, principal: Principal) -> str:
        return self._verified.key(digest(url), mark_of(principal))

    def _count(self, url: str, principal: Principal, now: float) -> _Rate | None:
        """Count a request to an endpoint; the rate that does not allow it, if there is one."""
        names = ((mark_of(principal), _OF_A_PRINCIPAL), (digest(host_of(url)), _OF_A_HOST))
        for name, rate in names:
            moment, step = int(now * _MICROSECONDS), int(rate.seconds * _MICROSECONDS)
            most = moment + (rate.most - 1) * step
            if self._store.advance(f"EVENTHOST#{name}", moment, step, most, int(now) + 120):
                return rate
        return None

    def _repeats(self, url: str, secret: bytes, subscription_id: str, now: float) -> bool:
        """Whether an endpoint repeats a challenge, which is used for this alone.

        Raises:
            CallbackEndpointError: it cannot be reached.
        """
        challenge = to_base64url(os.urandom(32))
        body = msgspec.json.encode({"type": "verification", "challenge": challenge})
        message_id = f"msg_verification_{random_id()}"
        headers = signed_headers([secret], message_id, now, body, subscription_id)
        try:
            answer = self._callbacks.send("POST", url, headers, body, seconds=_SECONDS, most=_MOST_BYTES)
        except CallbackFailed as error:
            raise CallbackEndpointError(error.reason) from None
        return 200 <= answer.status < 300 and hmac.compare_digest(_echo(answer.body), challenge.encode())

    def _is_known(self, url: str, now: float) -> bool:
        """Whether a document of the origin that was read lately says that it takes deliveries there."""
        held = self._documents.read(self._documents.key(digest(origin_of(url))))
        if held is None or held.record.until <= now:
            return False
        return any(is_within(url, prefix) for prefix in held.record.receivers)

    def _is_published(self, url: str, now: float) -> bool:
        """Whether the origin of an endpoint says that it takes deliveries there; keeps what it says."""
        try:
            answer = self._callbacks.send(
                "GET", origin_of(url) + _DOCUMENT, {}, b"", seconds=_SECONDS, most=_MOST_BYTES
            )
            if answer.status != 200:
                return False
            receivers = msgspec.json.decode(answer.body, type=_Receivers).receivers
        except (CallbackFailed, msgspec.DecodeError, UnicodeError, RecursionError):
            return False
        self._keep(url, receivers, now + min(_holds(answer), self._seconds))
        return any(is_within(url, prefix) for prefix in receivers)

    def _keep(self, url: str, receivers: list[str], until: float) -> None:
        key, record = self._documents.key(digest(origin_of(url))), ReceiversRecord(receivers, until)
        held = self._documents.read(key)
        if held is None:
            self._documents.insert(key, record)
        else:
            held.replace(record)


def _holds(answer: CallbackResponse) -> float:
    """For how many seconds a response may be used again (RFC 9111)."""
    control = answer.headers.get("cache-control", "").lower()
    if re.search(r"\bno-(store|cache)\b", control):
        return 0.0
    found = re.search(r"(?<![-\w])max-age\s*=\s*\"?(\d{1,9})\b", control)
    age = answer.headers.get("age", "").strip()
    passed = float(age) if re.fullmatch(r"[0-9]{1,9}", age) else 0.0
    return max(0.0, (float(found[1]) if found else _DOCUMENT_SECONDS) - passed)


def _echo(body: bytes) -> bytes:
    try:
        return msgspec.json.decode(body, type=_Echo).challenge.encode()
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return b""
