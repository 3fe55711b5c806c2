"""The tools that take and give pydantic models."""

from pydantic import BaseModel, Field


class Item(BaseModel):
    sku: str
    quantity: int = Field(ge=1)
    price: float


class Order(BaseModel):
    id: str
    items: list[Item]
    note: str | None = None


class Receipt(BaseModel):
    order_id: str
    total: float
    lines: int


def price_order(order: Order) -> Receipt:
    """Price an order."""
    total = sum(item.quantity * item.price for item in order.items)
    return Receipt(order_id=order.id, total=total, lines=len(order.items))


def cheapest(order: Order) -> Item:
    """Find the cheapest item of an order."""
    return min(order.items, key=lambda item: item.price)


def count_items(order: Order) -> int:
    """Count the items of an order."""
    return sum(item.quantity for item in order.items)


MODELS = (price_order, cheapest, count_items)
