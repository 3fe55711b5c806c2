"""What every ledger promises, and what a file adds."""

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

DATA = Path(__file__).parents[3] / "functions" / "orders" / "orders.json"


@pytest.fixture(params=["memory", "sqlite"])
def ledger(request: pytest.FixtureRequest, function: dict[str, ModuleType], tmp_path: Path) -> Any:
    ledgers = function["ledgers"]
    if request.param == "memory":
        return ledgers.MemoryLedger()
    return ledgers.SqliteLedger(str(tmp_path / "refunds.sqlite3"))


@pytest.fixture
def order(function: dict[str, ModuleType]) -> Any:
    return function["orders"].OrderBook.decode(DATA.read_bytes()).get("ORD-1005")


def test_an_order_has_no_refund_at_first(ledger: Any) -> None:
    assert ledger.find("ORD-1005") is None


def test_an_entry_is_found(function: dict[str, ModuleType], ledger: Any, order: Any) -> None:
    receipt = function["refunds"].refund(order, "late", ledger)
    assert ledger.find("ORD-1005") == receipt
    assert ledger.find("ORD-1008") is None


def test_the_first_entry_stands(function: dict[str, ModuleType], ledger: Any, order: Any) -> None:
    first = function["refunds"].refund(order, "late", ledger)
    assert function["refunds"].refund(order, "late again", ledger) == first


def test_a_file_is_shared(function: dict[str, ModuleType], order: Any, tmp_path: Path) -> None:
    path = str(tmp_path / "refunds.sqlite3")
    receipt = function["refunds"].refund(order, "late", function["ledgers"].SqliteLedger(path))
    assert function["ledgers"].SqliteLedger(path).find("ORD-1005") == receipt
