"""The order book: its data, and what can be found in it."""

from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest

DATA = Path(__file__).parents[3] / "functions" / "orders" / "orders.json"


@pytest.fixture
def book(function: dict[str, ModuleType]) -> Any:
    return function["orders"].OrderBook.decode(DATA.read_bytes())


def test_the_data_adds_up(book: Any) -> None:
    assert len(book.by_id) == 60
    for order in book.by_id.values():
        assert order.total_cents == sum(line.quantity * line.unit_price_cents for line in order.lines)
        assert (order.delivered_on is not None) == (order.status in {"delivered", "refunded"})
        assert order.delivered_on is None or order.delivered_on >= order.placed_on
        assert order.email.endswith("@example.com")


def test_the_newest_comes_first(book: Any) -> None:
    placed = [order.placed_on for order in book.by_id.values()]
    assert placed == sorted(placed, reverse=True)


@pytest.mark.parametrize("order_id", ["ORD-1005", "ord-1005", " ORD-1005 "])
def test_an_id_is_read_generously(book: Any, order_id: str) -> None:
    assert book.get(order_id).id == "ORD-1005"


def test_an_unknown_id_is_none(book: Any) -> None:
    assert book.get("ORD-1") is None


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ({"customer": "mitchell", "status": "delivered"}, ["ORD-1034"]),
        ({"customer": "RUBY.MITCHELL@", "status": "delivered"}, ["ORD-1034"]),
        ({"status": "cancelled"}, ["ORD-1060", "ORD-1053", "ORD-1047", "ORD-1023"]),
        ({"customer": "mitchell", "region": "eu"}, []),
    ],
)
def test_every_filter_has_to_match(
    function: dict[str, ModuleType], book: Any, query: dict[str, str], ids: list[str]
) -> None:
    assert [order.id for order in book.find(function["orders"].Query(**query))] == ids


@pytest.mark.parametrize("prefix", ["ORD-100", "ord-100", "100"])
def test_ids_by_prefix(book: Any, prefix: str) -> None:
    assert list(book.ids(prefix)) == [f"ORD-100{digit}" for digit in range(1, 10)]


def test_final_sales_are_left_out_of_a_refund(book: Any) -> None:
    assert (book.get("ORD-1008").total_cents, book.get("ORD-1008").refundable_cents) == (56850, 53340)


def test_broken_data_is_refused(function: dict[str, ModuleType]) -> None:
    with pytest.raises(msgspec.ValidationError):
        function["orders"].OrderBook.decode(b'[{"id": "ORD-1"}]')
