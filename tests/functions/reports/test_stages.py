"""The stages of a report."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

MONTH = "2026-03"


def test_stock(stage: Callable[..., Any]) -> None:
    volume = stage("take_stock", MONTH)
    assert (volume.delivered, volume.cancelled) == (259, 20)


@pytest.mark.parametrize(("with_cancelled", "orders"), [(False, 259), (True, 279)])
@pytest.mark.parametrize("name", ["by_region", "by_category"])
def test_parts_add_up(stage: Callable[..., Any], name: str, with_cancelled: bool, orders: int) -> None:
    assert sum(part.orders for part in stage(name, MONTH, with_cancelled)) == orders


def test_the_best_category_comes_first(stage: Callable[..., Any]) -> None:
    cents = [part.cents for part in stage("by_category", MONTH, False)]
    assert cents == sorted(cents, reverse=True)


def test_a_month_in_all(stage: Callable[..., Any]) -> None:
    total = stage("month_total", MONTH)
    assert (total.name, total.orders) == (MONTH, 259)
    assert total.cents == sum(part.cents for part in stage("by_region", MONTH, False))


def test_every_stage_leaves_a_line(stage: Callable[..., Any], modules: dict[str, ModuleType]) -> None:
    stage("take_stock", MONTH)
    stage("by_region", MONTH, True)
    stage("by_category", MONTH, True)
    stage("month_total", MONTH)
    lines = modules["journal"].journal().lines()
    assert lines == [f"{MONTH} {what}" for what in ("volume", "regions", "categories", "total")]


def test_the_pace_is_set_from_outside(
    modules: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert modules["stages"].pace() == 0
    monkeypatch.delenv("REPORT_PACE")
    assert modules["stages"].pace() == 1
