"""What waits in the warehouse and what has left it; it knows neither HTTP nor MCP."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, computed_field

Status = Literal["waiting", "shipped"]
Country = Annotated[str, Field(pattern="^[A-Z]{2}$")]


class Record(BaseModel):
    """A value that nobody changes."""

    model_config = ConfigDict(frozen=True)


class Parcel(Record):
    """What a shipment left in."""

    carrier: Literal["dhl", "dpd", "ups"]
    tracking: Annotated[str, Field(pattern="^[A-Z0-9]{8,24}$", description="As on the label.")]


class Line(Record):
    """One article of a shipment."""

    sku: str
    quantity: Annotated[int, Field(ge=1)]


class Shipment(Record):
    """What an order sends to a customer."""

    order_id: str
    customer: str
    country: Country
    due: Annotated[date, Field(description="When it has to leave at the latest.")]
    lines: list[Line]
    parcel: Parcel | None = None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def status(self) -> Status:
        """Whether it has left."""
        return "waiting" if self.parcel is None else "shipped"


class Shelf(Record):
    """How much there is of an article, and how much of it waiting shipments need."""

    sku: str
    title: str
    on_hand: int
    promised: int = 0

    @computed_field  # type: ignore[prop-decorator]
    @property
    def missing(self) -> int:
        """How much has to come in before everything can leave."""
        return max(0, self.promised - self.on_hand)


class Journal(Protocol):
    """Remembers what has left."""

    def entries(self) -> Mapping[str, Parcel]:
        """The parcel of every order that has one."""

    def enter(self, order_id: str, parcel: Parcel) -> Parcel:
        """Enter a parcel unless its order has one, and return the one that stands."""


class _Snapshot(BaseModel):
    shelves: list[Shelf]
    shipments: list[Shipment]


class Warehouse:
    """A snapshot of shipments and shelves, and a journal of what has left since.

    Args:
        shipments: all of them, as they were.
        shelves: the stock, as it was.
        journal: what has left since.
    """

    def __init__(self, shipments: Sequence[Shipment], shelves: Sequence[Shelf], journal: Journal) -> None:
        self._shipments = {shipment.order_id: shipment for shipment in shipments}
        self._shelves = shelves
        self._journal = journal

    @classmethod
    def decode(cls, data: bytes, journal: Journal) -> "Warehouse":
        """Read a snapshot from JSON.

        Raises:
            ValidationError: It is none.
        """
        snapshot = _Snapshot.model_validate_json(data)
        return cls(snapshot.shipments, snapshot.shelves, journal)

    def find(self, status: Status | None = None, country: str | None = None) -> list[Shipment]:
        """Shipments that match what is given, the most urgent first."""
        found = [
            shipment
            for shipment in self._current()
            if status in (None, shipment.status) and country in (None, shipment.country)
        ]
        return sorted(found, key=lambda shipment: (shipment.due, shipment.order_id))

    def get(self, order_id: str) -> Shipment | None:
        """The shipment of an order, if there is one."""
        return next((shipment for shipment in self._current() if shipment.order_id == order_id), None)

    def ship(self, order_id: str, parcel: Parcel) -> Shipment:
        """Mark a shipment as shipped, unless it is: the first parcel stands.

        Raises:
            KeyError: The order has no shipment.
        """
        shipment = self._shipments[order_id]
        if shipment.parcel is not None:
            return shipment
        return shipment.model_copy(update={"parcel": self._journal.enter(order_id, parcel)})

    def stock(self) -> list[Shelf]:
        """Every shelf as it is now."""
        left, promised = Counter[str](), Counter[str]()
        for before, now in zip(self._shipments.values(), self._current(), strict=True):
            if before.parcel is None:  # what had left before is not on the shelves of the snapshot
                counts = promised if now.parcel is None else left
                counts.update({line.sku: line.quantity for line in now.lines})
        return [
            shelf.model_copy(
                update={"on_hand": shelf.on_hand - left[shelf.sku], "promised": promised[shelf.sku]}
            )
            for shelf in self._shelves
        ]

    def _current(self) -> list[Shipment]:
        parcels = self._journal.entries()
        return [
            shipment.model_copy(update={"parcel": shipment.parcel or parcels.get(shipment.order_id)})
            for shipment in self._shipments.values()
        ]
