"""Schemas say nothing that is not so of every value: clients refuse what breaks them."""

import datetime as dt
import enum
import ipaddress
import re
from typing import Annotated, Any

import msgspec
import pydantic
import pytest
from tests.features.adapters import each_adapter, record
from tests.features.types_page import typed
from tests.features.types_table import Access, Level, Short, Untyped
from tests.support import SETTINGS, Client, make_server

from lambent.features.functions import Parameter

TEXT = {"type": "string"}


def by_pydantic(hint: Any) -> Any:
    return Annotated[hint, pydantic.Field()]


def tool(**hints: Any) -> dict[str, Any]:
    mcp = make_server()
    mcp.tool("t")(typed((lambda x: x) if "x" in hints else (lambda: None), **hints))
    return dict(Client(mcp.lambda_handler(SETTINGS)).tool("t"))


@pytest.mark.parametrize(
    ("hint", "schema"),
    [
        pytest.param(dt.datetime, TEXT, id="datetime"),
        pytest.param(by_pydantic(dt.datetime), TEXT, id="datetime, pydantic"),
        pytest.param(pydantic.NaiveDatetime, TEXT, id="datetime without a zone"),
        pytest.param(pydantic.AwareDatetime, {**TEXT, "format": "date-time"}, id="datetime with a zone"),
        pytest.param(by_pydantic(dt.time), TEXT, id="time"),
        pytest.param(by_pydantic(dt.date), {**TEXT, "format": "date"}, id="date"),
        pytest.param(dt.timedelta, TEXT, id="timedelta"),
        pytest.param(by_pydantic(dt.timedelta), TEXT, id="timedelta, pydantic"),
        pytest.param(dt.timedelta | None, {"anyOf": [TEXT, {"type": "null"}]}, id="in a union"),
        pytest.param(list[dt.timedelta], {"type": "array", "items": TEXT}, id="in a list"),
        pytest.param(
            dict[str, dt.timedelta], {"type": "object", "additionalProperties": TEXT}, id="in a dict"
        ),
        pytest.param(ipaddress.IPv6Address, TEXT, id="IPv6Address"),
        pytest.param(re.Pattern, TEXT, id="Pattern"),
        pytest.param(pydantic.AnyUrl, {**TEXT, "minLength": 1}, id="URL"),
        pytest.param(
            list[Annotated[str, msgspec.Meta(pattern=r"\Aa", max_length=2)]],
            {"type": "array", "items": {**TEXT, "maxLength": 2}},
            id="pattern",
        ),
        pytest.param(
            dict[Annotated[str, pydantic.Field(pattern="(?i)A")], int],
            {"type": "object", "additionalProperties": {"type": "integer"}},
            id="pattern of keys",
        ),
        pytest.param(
            dict[Annotated[str, msgspec.Meta(pattern=r"\Aa")], int],
            {"type": "object", "propertyNames": {}, "additionalProperties": {"type": "integer"}},
            id="pattern of keys, msgspec",
        ),
        pytest.param(Annotated[float, msgspec.Meta(multiple_of=0.01)], {"type": "number"}, id="multiple"),
        pytest.param(
            Annotated[int, msgspec.Meta(multiple_of=5)], {"type": "integer", "multipleOf": 5}, id="integers"
        ),
        pytest.param(
            Untyped,
            {"title": "Untyped", "type": "object", "properties": {"price": {}}, "required": ["price"]},
            id="serializer that tells no type",
        ),
    ],
)
def test_a_result_keeps_its_schema_as_clients_check_it(hint: Any, schema: dict[str, Any]) -> None:
    assert tool(**{"return": hint})["outputSchema"] == schema


@pytest.mark.parametrize("adapter", [lambda hint: hint, by_pydantic], ids=["msgspec", "pydantic"])
def test_flags_combine(adapter: Any) -> None:
    found = tool(x=adapter(Access), **{"return": adapter(Access)})
    assert found["inputSchema"]["$defs"]["Access"] == {"title": "Access", "type": "integer"}
    assert found["outputSchema"] == {"title": "Access", "type": "integer"}


@pytest.mark.parametrize("adapter", [lambda hint: hint, by_pydantic], ids=["msgspec", "pydantic"])
def test_the_items_of_a_tuple_are_counted(adapter: Any) -> None:
    # The strict check of the Inspector calls a boolean schema an error.
    schema = tool(**{"return": adapter(tuple[int, str])})["outputSchema"]
    items = [{"type": "integer"}, {"type": "string"}]
    assert schema == {"type": "array", "prefixItems": items, "minItems": 2, "maxItems": 2}


def test_the_keys_of_an_object_are_text() -> None:
    keyed = by_pydantic(dict[Level, int])
    found = tool(x=keyed, **{"return": keyed})
    for schema in (found["inputSchema"]["properties"]["x"], found["outputSchema"]):
        assert "propertyNames" not in schema


def test_the_bounds_of_bytes_are_those_of_their_text() -> None:
    found = tool(x=Short, **{"return": Short})
    for schema in (found["inputSchema"]["$defs"]["Short"], found["outputSchema"]):
        assert schema["properties"]["key"]["maxLength"] == 4


@pytest.mark.parametrize(
    ("hint", "schema"),
    [
        pytest.param(Annotated[str, msgspec.Meta(pattern="^a")], {**TEXT, "pattern": "^a"}, id="pattern"),
        pytest.param(by_pydantic(dt.datetime), {**TEXT, "format": "date-time"}, id="datetime"),
        pytest.param(pydantic.NaiveDatetime, TEXT, id="datetime without a zone"),
        pytest.param(dt.timedelta, {**TEXT, "format": "duration"}, id="timedelta"),
        pytest.param(
            pydantic.HttpUrl, {**TEXT, "format": "uri", "minLength": 1, "maxLength": 2083}, id="URL"
        ),
    ],
)
def test_an_argument_is_described_as_it_should_be_sent(hint: Any, schema: dict[str, Any]) -> None:
    assert tool(x=hint, **{"return": None})["inputSchema"]["properties"]["x"] == schema


class Up(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Down(enum.IntEnum):
    HIGH = 2
    LOW = 1


@each_adapter
def test_enums_with_the_same_values_keep_their_own_order(adapter: str) -> None:
    parameters = [Parameter("up", Up, Up.LOW), Parameter("down", Down, Down.LOW)]
    for given in (parameters, parameters[::-1]):
        definitions = record(adapter, *given).schema()["$defs"]
        assert {name: node["enum"] for name, node in definitions.items()} == {"Up": [1, 2], "Down": [2, 1]}
