"""The warehouse and its snapshot, without HTTP or MCP."""

from types import ModuleType
from typing import Any

import pydantic
import pytest
from tests.functions.backoffice.conftest import FOLDER

Modules = dict[str, ModuleType]


@pytest.fixture
def parcel(modules: Modules) -> Any:
    return modules["warehouse"].Parcel(carrier="dhl", tracking="JD0146000099")


@pytest.fixture
def desk(modules: Modules) -> Any:
    data = (FOLDER / "warehouse.json").read_bytes()
    return modules["warehouse"].Warehouse.decode(data, modules["journals"].MemoryJournal())


def test_the_snapshot_is_in_itself_consistent(desk: Any) -> None:
    shipments = desk.find()
    assert len({shipment.order_id for shipment in shipments}) == len(shipments) == 10
    skus = {shelf.sku for shelf in desk.stock()}
    assert {line.sku for shipment in shipments for line in shipment.lines} <= skus


def test_a_snapshot_that_is_none_is_refused(modules: Modules) -> None:
    with pytest.raises(pydantic.ValidationError):
        modules["warehouse"].Warehouse.decode(b'{"shelves": []}', modules["journals"].MemoryJournal())


def test_values_do_not_change(desk: Any, parcel: Any) -> None:
    with pytest.raises(pydantic.ValidationError):
        parcel.tracking = "OTHER0001"
    before = desk.get("B-3004")
    desk.ship("B-3004", parcel)
    assert (before.status, desk.get("B-3004").status) == ("waiting", "shipped")


def test_the_first_parcel_stands(modules: Modules, desk: Any, parcel: Any) -> None:
    other = modules["warehouse"].Parcel(carrier="ups", tracking="1Z999AA10123456784")
    assert desk.ship("B-3004", parcel).parcel == parcel
    assert desk.ship("B-3004", other).parcel == parcel
    assert desk.ship("B-3001", other).parcel.tracking == "JD0146000031"
    with pytest.raises(KeyError):
        desk.ship("B-9", parcel)


def test_what_had_left_before_is_not_counted_twice(modules: Modules, desk: Any, parcel: Any) -> None:
    def drills() -> tuple[int, int, int]:
        (shelf,) = [shelf for shelf in desk.stock() if shelf.sku == "HDR-01"]
        return shelf.on_hand, shelf.promised, shelf.missing

    assert drills() == (14, 3, 0)
    desk.ship("B-3006", parcel)
    assert drills() == (12, 1, 0)
    desk.ship("B-3001", parcel)
    assert drills() == (12, 1, 0)
