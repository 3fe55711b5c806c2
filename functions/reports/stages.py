"""The stages of a report. Each stands for a query that takes its time, and leaves a line in the journal."""

import asyncio
import os
from collections.abc import Callable, Iterable
from typing import Annotated

import msgspec

from journal import journal
from sales import CATEGORIES, REGIONS, Cents, Sale, sales_of


def pace() -> float:
    """How long a stage takes, in seconds: `REPORT_PACE`."""
    return float(os.environ.get("REPORT_PACE", "1"))


class Volume(msgspec.Struct, frozen=True):
    """What a month has to offer."""

    delivered: Annotated[int, msgspec.Meta(description="Orders that were delivered.")]
    cancelled: Annotated[int, msgspec.Meta(description="Orders that were cancelled.")]


class Part(msgspec.Struct, frozen=True):
    """What orders that have something in common come to."""

    name: str
    orders: int
    cents: Cents


async def take_stock(month: str) -> Volume:
    """Count the orders of a month."""
    await _query(f"{month} volume")
    cancelled = sum(sale.status == "cancelled" for sale in sales_of(month))
    return Volume(delivered=sum(1 for _ in sales_of(month)) - cancelled, cancelled=cancelled)


async def by_region(month: str, with_cancelled: bool) -> list[Part]:
    """What every region sold."""
    await _query(f"{month} regions")
    return _parts(month, with_cancelled, REGIONS, lambda sale: sale.region)


async def by_category(month: str, with_cancelled: bool) -> list[Part]:
    """What was sold of every category, the best first."""
    await _query(f"{month} categories")
    parts = _parts(month, with_cancelled, CATEGORIES, lambda sale: sale.category)
    return sorted(parts, key=lambda part: part.cents, reverse=True)


async def month_total(month: str) -> Part:
    """What was delivered in a month, all in all."""
    await _query(f"{month} total")
    sold = [sale.cents for sale in sales_of(month) if sale.status == "delivered"]
    return Part(month, len(sold), sum(sold))


async def _query(line: str) -> None:
    await asyncio.sleep(pace())
    journal().enter(line)


def _parts(
    month: str, with_cancelled: bool, names: Iterable[str], name_of: Callable[[Sale], str]
) -> list[Part]:
    counted = [sale for sale in sales_of(month) if with_cancelled or sale.status == "delivered"]
    cents = {name: [sale.cents for sale in counted if name_of(sale) == name] for name in names}
    return [Part(name, len(each), sum(each)) for name, each in cents.items()]
