"""Endpoints of subscriptions that answer as a test says, without a network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, get_args

import msgspec

from lambent.execution.events.ports import CallbackFailed, CallbackResponse, FailureReason
from lambent.testing.event_results import DeliveredEvent

OnDelivery = Callable[[DeliveredEvent], int | str | None]
"""Says what an endpoint answers: a status, or why it cannot be reached, such as ``timeout``; None for 204."""

_REASONS: tuple[str, ...] = get_args(FailureReason)


class MemoryEndpoints:
    """Every endpoint there is: each wants deliveries; see ``Callbacks``.

    Attributes:
        deliveries: what has been sent, failed attempts too.
        verified: the URLs that were asked whether they want deliveries.
        on_delivery: what is answered.
    """

    def __init__(self) -> None:
        self.deliveries: list[DeliveredEvent] = []
        self.verified: list[str] = []
        self.on_delivery: OnDelivery | None = None

    def send(
        self,
        method: Literal["GET", "POST"],
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        seconds: float,
        most: int = 0,
    ) -> CallbackResponse:
        """See ``Callbacks.send``."""
        if method == "GET":
            return CallbackResponse(404)
        request = DeliveredEvent(url=url, headers=dict(headers), body=body)
        if request.kind == "verification":
            self.verified.append(url)
            return CallbackResponse(200, msgspec.json.encode({"challenge": request.json["challenge"]}))
        self.deliveries.append(request)
        answer = None if self.on_delivery is None else self.on_delivery(request)
        if isinstance(answer, str):
            if answer not in _REASONS:
                raise ValueError(
                    f"on_delivery gave {answer!r}: give a status, or one of {', '.join(_REASONS)}"
                )
            raise CallbackFailed(answer)  # type: ignore[arg-type]
        return CallbackResponse(204 if answer is None else answer)
