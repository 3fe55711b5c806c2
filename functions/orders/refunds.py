"""Refunds: what can be given back, and the port of the ledger that remembers what was.

A refund's id is made from its order's, and the first entry of an order stands: asked twice, or delivered
twice, a refund is paid once.
"""

from datetime import UTC, datetime
from typing import Final, Protocol

import msgspec

from orders import Cents, Order, Status


class Refund(msgspec.Struct, frozen=True):
    """A receipt: what went back to the customer, and why."""

    id: str
    order_id: str
    amount_cents: Cents
    currency: str
    reason: str
    refunded_at: datetime


class Ledger(Protocol):
    """Where refunds are remembered."""

    def find(self, order_id: str) -> Refund | None:
        """The refund of an order, if it has one."""

    def enter(self, refund: Refund) -> Refund:
        """Enter a refund, and return the one that stands: the first that was entered for its order."""


REFUSALS: Final[dict[Status, str]] = {
    "pending": "it has not been paid, so there is nothing to give back. Offer to cancel it instead.",
    "shipped": "it is on its way. Ask the customer to wait for the delivery, and try again after it.",
    "cancelled": "it was cancelled before anything was charged. Tell the customer that no money was taken.",
    "refunded": "it has been refunded in full already. Do not try again.",
}
"""Why an order of a status has no refund, and what to do about it."""


def refusal(order: Order) -> str | None:
    """Why an order cannot be refunded, in words for the model that asked; None if it can be."""
    if reason := REFUSALS.get(order.status):
        return reason
    if not order.refundable_cents:
        return "everything in it was sold as final. Read orders://policy and explain it to the customer."
    return None


def refund(order: Order, reason: str, ledger: Ledger) -> Refund:
    """Refund an order once, and return the receipt that stands."""
    return ledger.enter(
        Refund(
            id=order.id.replace("ORD-", "RF-"),
            order_id=order.id,
            amount_cents=order.refundable_cents,
            currency=order.currency,
            reason=reason,
            refunded_at=datetime.now(UTC).replace(microsecond=0),
        )
    )
