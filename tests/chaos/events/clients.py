"""Clients that subscribe endpoints, refresh and end their subscriptions, and try again when a call fails."""

import base64
import os
import time
from collections.abc import Callable
from typing import Any, TypeVar

from tests import support
from tests.chaos.events.history import Endpoint, Watermark
from tests.chaos.events.plan import EVENT, PRINCIPAL
from tests.chaos.events.receivers import Receivers
from tests.chaos.events.worker import Environment

from lambent.errors import LambentError
from lambent.execution.events.subscriptions import SubscriptionRecord
from lambent.execution.rounds.digests import mark_of

T = TypeVar("T")

EXPIRY_SECONDS = 4.0
_PATIENCE_SECONDS = 60.0


class Refused(Exception):  # noqa: N818 - says what happened
    """A call was answered with an error, whose message this is."""


def patiently(ask: Callable[[], T], is_final: Callable[[Exception], bool] = lambda _: False) -> T:
    """Do something until it succeeds, for a minute.

    Raises:
        Exception: of the last try, or one that is final.
    """
    last = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            return ask()
        except (LambentError, Refused) as error:
            if is_final(error) or time.monotonic() > last:
                raise
            time.sleep(0.2)


class Client:
    """The client of one endpoint.

    Args:
        environment: of the server.
        receivers: with the endpoint.
        endpoint: what is known of it.

    Attributes:
        watermarks: the cursors that it was given.
        suspended: how often deliveries had been suspended when it refreshed.
    """

    def __init__(self, environment: Environment, receivers: Receivers, endpoint: Endpoint) -> None:
        self._client = support.Client(environment.handler)
        self._events = environment.events
        self._receivers = receivers
        self.endpoint = endpoint
        self.watermarks: list[Watermark] = []
        self.suspended = 0
        self._id = ""
        self._secret = self._new_secret()

    def subscribe(self) -> None:
        """Subscribe the endpoint; one that does not repeat the challenge must be refused."""
        if self.endpoint.behavior == "unverified":
            try:
                self._patiently(self._ask)
            except Refused:
                return
            raise AssertionError("an endpoint was subscribed that had not been verified")
        result = self._patiently(self._ask)
        self._id = result["id"]
        self.endpoint.first = int(result["cursor"].rpartition(".")[2])
        if self.endpoint.behavior == "expiring":
            self.endpoint.ended = time.monotonic_ns() + int(EXPIRY_SECONDS * 1e9)

    def refresh(self, *, rotate: bool = False) -> None:
        """Refresh the subscription, and replace its secret."""
        if self.endpoint.first is None or self.endpoint.ended is not None:
            return
        if rotate:
            self._secret = self._new_secret()
        result = self._patiently(self._ask)
        self.suspended += not result.get("deliveryStatus", {}).get("active", True)

    def leave(self) -> None:
        """Unsubscribe the endpoint."""
        self._patiently(self._end)
        self.endpoint.ended = time.monotonic_ns()

    def come_back(self) -> None:
        """Unsubscribe the endpoint, and subscribe it again from the last cursor."""
        self.refresh()
        self._patiently(self._end)
        cursor = self.watermarks[-1].cursor
        self._patiently(lambda: self._ask(cursor))

    @property
    def record(self) -> SubscriptionRecord | None:
        """The subscription as the table has it."""
        assert self._events.subscriptions is not None
        records = self._events.subscriptions.records
        held = self._patiently(lambda: records.read(records.key(self._id, mark_of(PRINCIPAL))))
        return None if held is None else held.record

    @property
    def _key(self) -> dict[str, Any]:
        url = self._receivers.url(self.endpoint.name)
        return {
            "name": EVENT,
            "arguments": {"only_even": self.endpoint.only_even},
            "delivery": {"mode": "webhook", "url": url},
        }

    def _ask(self, cursor: str | None = None) -> dict[str, Any]:
        params = self._key
        params["delivery"]["secret"] = self._secret
        params["ttlMs"] = int(EXPIRY_SECONDS * 1000) if self.endpoint.behavior == "expiring" else 3_600_000
        if cursor is not None:
            params["cursor"] = cursor
        begun = time.monotonic_ns()
        result = self._call("events/subscribe", params)
        mark = Watermark(
            self.endpoint.name, begun, time.monotonic_ns(), result["cursor"], truncated=result["truncated"]
        )
        self.watermarks.append(mark)
        return result

    def _end(self) -> None:
        try:
            self._call("events/unsubscribe", self._key)
        except Refused as refused:
            if str(refused) != "NotFound":  # a call that had failed has ended it
                raise

    def _call(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        reply = self._client.request(method, params)
        if "error" in reply.response:
            raise Refused(reply.error["message"])
        return reply.result

    def _new_secret(self) -> str:
        secret = os.urandom(32)
        self._receivers.secrets[self.endpoint.name].append(secret)
        return "whsec_" + base64.b64encode(secret).decode()

    def _patiently(self, ask: Callable[[], T]) -> T:
        """Do something until it succeeds, or until its refusal is what has to happen."""

        def is_final(error: Exception) -> bool:
            return self.endpoint.behavior == "unverified" and str(error) == "CallbackEndpointError"

        return patiently(ask, is_final)
