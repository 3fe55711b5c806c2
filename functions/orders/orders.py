"""The shop's orders: what one is, and a read-only book of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal

import msgspec

Status = Literal["pending", "paid", "shipped", "delivered", "refunded", "cancelled"]
"""How far an order has come."""

Cents = Annotated[int, msgspec.Meta(ge=0, description="Hundredths of the order's currency.")]


class Line(msgspec.Struct, frozen=True):
    """One article of an order."""

    sku: str
    title: str
    quantity: Annotated[int, msgspec.Meta(ge=1)]
    unit_price_cents: Cents
    final_sale: bool


class Order(msgspec.Struct, frozen=True):
    """An order as the shop keeps it."""

    id: str
    customer: str
    email: str
    region: str
    status: Status
    placed_on: date
    delivered_on: date | None
    currency: str
    total_cents: Cents
    lines: list[Line]

    @property
    def refundable_cents(self) -> int:
        """What a refund gives back: everything that was not sold as final."""
        return sum(line.quantity * line.unit_price_cents for line in self.lines if not line.final_sale)


@dataclass(frozen=True)
class Query:
    """Which orders to find; a field that is empty matches every order."""

    customer: str = ""
    status: str = ""
    region: str = ""

    def matches(self, order: Order) -> bool:
        """Whether the order has the status, the region, and the text in its customer's name or address."""
        text = self.customer.casefold()
        return (
            (not self.status or self.status == order.status)
            and (not self.region or self.region == order.region)
            and (text in order.customer.casefold() or text in order.email.casefold())
        )


@dataclass(frozen=True)
class OrderBook:
    """Every order by its id, the newest first."""

    by_id: Mapping[str, Order]

    @classmethod
    def decode(cls, data: bytes) -> "OrderBook":
        """Read orders from JSON.

        Raises:
            msgspec.ValidationError: It is not a list of orders.
        """
        orders = msgspec.json.decode(data, type=list[Order])
        orders.sort(key=lambda order: (order.placed_on, order.id), reverse=True)
        return cls({order.id: order for order in orders})

    def get(self, order_id: str) -> Order | None:
        """The order with this id, however its letters are cased."""
        return self.by_id.get(order_id.strip().upper())

    def find(self, query: Query) -> list[Order]:
        """The orders that match, the newest first."""
        return [order for order in self.by_id.values() if query.matches(order)]

    def ids(self, prefix: str) -> Iterator[str]:
        """The ids that begin with a prefix, or hold it as a number: "10" finds ORD-1001."""
        typed = prefix.strip().upper()
        return (order_id for order_id in sorted(self.by_id) if order_id.startswith((typed, f"ORD-{typed}")))
