"""The shop's sales: made up, the same on every machine and in every process."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Final, Literal, get_args
from zlib import crc32

import msgspec

Region = Literal["eu", "us", "apac"]
Category = Literal["coffee", "kitchen", "gifts", "repairs"]
Status = Literal["delivered", "cancelled"]

REGIONS: Final[tuple[Region, ...]] = get_args(Region)
CATEGORIES: Final[tuple[Category, ...]] = get_args(Category)

Cents = Annotated[int, msgspec.Meta(ge=0, description="Hundredths of a euro.")]

_ONE_IN: Final = 12
"""Of so many orders one is cancelled."""


@dataclass(frozen=True)
class Sale:
    """An order, as far as a report is concerned."""

    id: str
    region: Region
    category: Category
    status: Status
    cents: Cents


def sales_of(month: str) -> Iterator[Sale]:
    """Every order of a month, such as "2026-03"."""
    for number in range(1, 200 + _dice(month, 0, "count") % 100):

        def pick(name: str, number: int = number) -> int:
            return _dice(month, number, name)

        yield Sale(
            id=f"{month}-{number:04}",
            region=REGIONS[pick("region") % len(REGIONS)],
            category=CATEGORIES[pick("category") % len(CATEGORIES)],
            status="delivered" if pick("status") % _ONE_IN else "cancelled",
            cents=500 + pick("cents") % 20_000,
        )


def _dice(month: str, number: int, name: str) -> int:
    # A checksum, since what `random` gives may differ between versions.
    return crc32(f"{month}/{number}/{name}".encode())
