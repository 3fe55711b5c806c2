"""Cursors lead on from an order, within one search."""

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

DATA = Path(__file__).parents[3] / "functions" / "orders" / "orders.json"


@pytest.fixture
def found(function: dict[str, ModuleType]) -> Any:
    orders = function["orders"]
    return orders.OrderBook.decode(DATA.read_bytes()).find(orders.Query(status="delivered"))


def test_a_cursor_leads_on(function: dict[str, ModuleType], found: Any) -> None:
    query = function["orders"].Query(status="delivered")
    cursor = function["cursors"].cursor_after(found[2], query)
    assert function["cursors"].page_after(cursor, query, found) == found[3:]
    assert found[2].id not in cursor


@pytest.mark.parametrize("cursor", ["", "x", "!!!", "\N{SNOWMAN}", "AAAA", "////", "_" * 64])
def test_anything_else_is_refused(function: dict[str, ModuleType], found: Any, cursor: str) -> None:
    query = function["orders"].Query(status="delivered")
    with pytest.raises(function["cursors"].BadCursorError):
        function["cursors"].page_after(cursor, query, found)


def test_a_cursor_of_another_search_is_refused(function: dict[str, ModuleType], found: Any) -> None:
    orders, cursors = function["orders"], function["cursors"]
    cursor = cursors.cursor_after(found[2], orders.Query(status="delivered"))
    with pytest.raises(cursors.BadCursorError):
        cursors.page_after(cursor, orders.Query(), found)
