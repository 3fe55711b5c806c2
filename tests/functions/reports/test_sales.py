"""The sales that are made up."""

from types import ModuleType

import pytest


@pytest.fixture
def sales(modules: dict[str, ModuleType]) -> ModuleType:
    return modules["sales"]


def test_a_month_is_always_the_same(sales: ModuleType) -> None:
    first, second = list(sales.sales_of("2026-03")), list(sales.sales_of("2026-03"))
    assert first == second
    assert len(first) == 279
    assert first[0] == sales.Sale("2026-03-0001", "eu", "repairs", "delivered", 20373)


def test_months_differ(sales: ModuleType) -> None:
    months = [f"2026-{number:02}" for number in range(1, 13)]
    totals = {sum(sale.cents for sale in sales.sales_of(month)) for month in months}
    assert len(totals) == len(months)


def test_everything_occurs(sales: ModuleType) -> None:
    found = list(sales.sales_of("2026-03"))
    assert {sale.region for sale in found} == set(sales.REGIONS)
    assert {sale.category for sale in found} == set(sales.CATEGORIES)
    assert sum(sale.status == "cancelled" for sale in found) == 20
    assert len({sale.id for sale in found}) == len(found)
