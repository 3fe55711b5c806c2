"""Which orders can be refunded."""

from pathlib import Path
from types import ModuleType

import pytest

DATA = Path(__file__).parents[3] / "functions" / "orders" / "orders.json"


@pytest.mark.parametrize(
    ("order_id", "says"),
    [
        ("ORD-1014", "not been paid"),
        ("ORD-1001", "on its way"),
        ("ORD-1023", "cancelled"),
        ("ORD-1031", "refunded in full already"),
        ("ORD-1007", "sold as final"),
    ],
)
def test_a_refusal_says_what_to_do(function: dict[str, ModuleType], order_id: str, says: str) -> None:
    order = function["orders"].OrderBook.decode(DATA.read_bytes()).get(order_id)
    assert says in function["refunds"].refusal(order)


@pytest.mark.parametrize("order_id", ["ORD-1003", "ORD-1005", "ORD-1008"])
def test_paid_and_delivered_orders_can_be_refunded(function: dict[str, ModuleType], order_id: str) -> None:
    order = function["orders"].OrderBook.decode(DATA.read_bytes()).get(order_id)
    assert function["refunds"].refusal(order) is None


def test_a_refund_leaves_final_sales_out(function: dict[str, ModuleType]) -> None:
    order = function["orders"].OrderBook.decode(DATA.read_bytes()).get("ORD-1008")
    receipt = function["refunds"].refund(order, "broken", function["ledgers"].MemoryLedger())
    assert (receipt.id, receipt.order_id) == ("RF-1008", "ORD-1008")
    assert (receipt.amount_cents, receipt.currency, receipt.reason) == (53340, "USD", "broken")
