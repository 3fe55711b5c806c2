"""What both adapters leave out of their schemas."""

import enum
from typing import Any

import pytest
from tests.features.adapters import codec, each_adapter, record

from lambent.features.functions import Parameter


class Up(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Down(enum.IntEnum):
    HIGH = 2
    LOW = 1


class Access(enum.Flag):
    READ = 1
    WRITE = 2


@each_adapter
def test_enums_with_the_same_values_keep_their_own_order(adapter: str) -> None:
    parameters = [Parameter("up", Up, Up.LOW), Parameter("down", Down, Down.LOW)]
    for given in (parameters, parameters[::-1]):
        definitions = record(adapter, *given).schema()["$defs"]
        assert {name: node["enum"] for name, node in definitions.items()} == {"Up": [1, 2], "Down": [2, 1]}


@each_adapter
@pytest.mark.parametrize("hint", [Access, list[Access]])
def test_flags_can_be_combined(adapter: str, hint: Any) -> None:
    described = codec(adapter, hint)
    schema = described.schema()
    node = schema["$defs"]["Access"] if "$defs" in schema else schema
    assert node == {"title": "Access", "type": "integer"}
    both = Access.READ | Access.WRITE
    value = both if hint is Access else [both]
    assert described.decode(described.encode(value)) == value
