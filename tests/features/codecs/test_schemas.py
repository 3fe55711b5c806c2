"""The schemas of both libraries say the same."""

import datetime as dt
import enum
import ipaddress
import json
import re
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pydantic
import pytest
from jsonschema import Draft202012Validator
from tests.features.adapters import codec, each_adapter, record
from tests.features.types_page import typed
from tests.features.types_table import Access, Short, Untyped
from tests.support import SETTINGS, Client, make_server

from lambent.features.codecs.schemas import admits, alternatives, refine, subschemas
from lambent.features.functions import Parameter


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"
    AMBER = "amber"


class Level(enum.IntEnum):
    HIGH = 9
    LOW = 1


class Mixed(enum.Enum):
    ONE = 1
    TEXT = "a"


class Truth(enum.Enum):
    YES = 1
    NO = 0


@dataclass
class Line:
    color: Color
    sku: Annotated[str, "Which one"] = "x"


@dataclass
class Box:
    lines: list[Line] = field(default_factory=list)
    level: Level = Level.LOW


CHOICES: list[tuple[Any, dict[str, Any]]] = [
    (Color, {"type": "string", "enum": ["red", "blue", "amber"]}),
    (Level, {"type": "integer", "enum": [9, 1]}),
    (Truth, {"type": "integer", "enum": [1, 0]}),
    (Literal["b", "a"], {"type": "string", "enum": ["b", "a"]}),
    (Literal[2, 1], {"type": "integer", "enum": [2, 1]}),
    (Literal["b", 1, "a"], {"enum": ["b", 1, "a"]}),
]


def flat(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema without titles, and the one it refers to in its place."""
    target = schema.get("$defs", {}).get(schema.get("$ref", "").removeprefix("#/$defs/"), schema)
    return {key: value for key, value in target.items() if key not in ("title", "$defs", "description")}


@each_adapter
@pytest.mark.parametrize(("hint", "expected"), CHOICES)
def test_choices_stand_in_the_order_of_their_declaration(
    adapter: str, hint: Any, expected: dict[str, Any]
) -> None:
    assert flat(codec(adapter, hint).schema()) == expected
    assert (
        flat(
            codec(adapter, list[hint]).schema()["items"]
            | {"$defs": codec(adapter, list[hint]).schema().get("$defs", {})}
        )
        == expected
    )


def test_choices_of_several_types_have_none() -> None:
    assert flat(codec("pydantic", Mixed).schema()) == {"enum": [1, "a"]}


def test_choices_that_are_objects_are_left() -> None:
    choices = [{"b": 1}, ["a"]]
    hint = Annotated[dict[str, Any] | list[str], pydantic.WithJsonSchema({"enum": choices})]
    assert codec("pydantic", hint).schema() == {"enum": choices}


@each_adapter
def test_choices_within_records_are_in_order_too(adapter: str) -> None:
    text = json.dumps(codec(adapter, Box).schema())
    assert '["red", "blue", "amber"]' in text
    assert "[9, 1]" in text


@each_adapter
@pytest.mark.parametrize("hint", [list, list[Any], set, tuple[Any, ...], dict[str, list], list[list] | None])
def test_arrays_say_what_is_in_them(adapter: str, hint: Any) -> None:
    schema = codec(adapter, hint).schema()
    arrays = [node for node in subschemas(schema) if node.get("type") == "array"]
    assert arrays
    assert all("items" in node for node in arrays)


@each_adapter
def test_arrays_of_positions_are_left(adapter: str) -> None:
    schema = codec(adapter, tuple[int, str]).schema()
    assert schema["prefixItems"] == [{"type": "integer"}, {"type": "string"}]
    assert schema.get("items", False) is False


DEFAULTS: list[tuple[Any, Any, Any]] = [
    (int, 5, 5),
    (float, 0.5, 0.5),
    (bool, False, False),
    (str, "", ""),
    (str | None, None, None),
    (bytes, b"x", "eA=="),
    (Decimal, Decimal("1.10"), "1.10"),
    (dt.date, dt.date(2026, 7, 28), "2026-07-28"),
    (Path, Path("a/b"), "a/b"),
    (Color, Color.BLUE, "blue"),
    (Level, Level.HIGH, 9),
    (Literal["a", "b"], "b", "b"),
    (list[int], [1, 2], [1, 2]),
    (set[int], {1}, [1]),
    (tuple[int, str], (1, "a"), [1, "a"]),
    (dict[str, Any], {"type": "object", "enum": ["b", "a"]}, {"type": "object", "enum": ["b", "a"]}),
    (dict, {"type": "array"}, {"type": "array"}),
    (Line, Line(Color.RED), {"color": "red", "sku": "x"}),
    (list[Line], [Line(Color.RED, "y")], [{"color": "red", "sku": "y"}]),
    (Any, [{"type": "array"}], [{"type": "array"}]),
]


@each_adapter
@pytest.mark.parametrize(("hint", "default", "shown"), DEFAULTS)
def test_defaults_are_shown_as_clients_would_send_them(
    adapter: str, hint: Any, default: Any, shown: Any
) -> None:
    schema = record(adapter, Parameter("x", hint, default)).schema()
    assert schema["properties"]["x"]["default"] == shown
    assert type(schema["properties"]["x"]["default"]) is type(shown)
    assert "required" not in schema
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate({"x": shown})


@each_adapter
@pytest.mark.parametrize(
    ("hint", "default"),
    [(int, object()), (int, "many"), (int, ...), (str, 5), (list[int], ("a",)), (float, float("nan"))],
)
def test_defaults_that_clients_cannot_send_are_not_shown(adapter: str, hint: Any, default: Any) -> None:
    schema = record(adapter, Parameter("x", hint, default)).schema()
    assert "default" not in schema["properties"]["x"]
    assert "required" not in schema


def test_models_are_shown_as_defaults() -> None:
    class Model(pydantic.BaseModel):
        name: str = pydantic.Field(alias="Name")

    schema = record("pydantic", Parameter("x", Model, Model(Name="a"))).schema()
    assert schema["properties"]["x"]["default"] == {"Name": "a"}


@each_adapter
def test_descriptions_of_fields_are_shown_once(adapter: str) -> None:
    schema = record(adapter, Parameter("box", Box, msgspec.NODEFAULT)).schema()
    assert schema["$defs"]["Line"]["properties"]["sku"] == {
        "type": "string",
        "default": "x",
        "description": "Which one",
        "title": "Sku",
    }


def test_what_is_no_schema_is_left_as_it_is() -> None:
    data = {"type": "array", "enum": ["b", "a"], "properties": {"x": {"type": "array"}}}
    written = {
        "type": "object",
        "properties": {
            "default": {"type": "object", "default": data, "examples": [data]},
            "const": {"const": data},
            "enum": {"enum": [data["properties"]]},
            "type": {"type": "string"},
        },
        "additionalProperties": {"anyOf": [{"type": "array"}, True, False]},
        "$defs": {"items": {"type": "array", "default": data}},
    }
    expected = json.loads(json.dumps(written))
    expected["properties"]["default"]["additionalProperties"] = True
    expected["additionalProperties"]["anyOf"][0]["items"] = {}
    expected["$defs"]["items"]["items"] = {}
    for name, title in {"default": "Default", "const": "Const", "enum": "Enum", "type": "Type"}.items():
        expected["properties"][name]["title"] = title
    expected["properties"]["enum"]["const"] = expected["properties"]["enum"].pop("enum")[0]
    assert refine(json.loads(json.dumps(written)), []) == expected


def test_every_subschema_is_found() -> None:
    schema = {
        "properties": {"a": {"n": 1}},
        "patternProperties": {"^b": {"n": 2}},
        "$defs": {"c": {"n": 3}},
        "items": {"n": 4},
        "additionalProperties": {"n": 5},
        "not": {"n": 6},
        "anyOf": [{"n": 7}, True],
        "oneOf": [{"n": 8}],
        "allOf": [{"n": 9}],
        "prefixItems": [{"n": 10, "items": False}],
    }
    found = [node["n"] for node in subschemas(schema) if "n" in node]
    assert sorted(found) == list(range(1, 11))


def test_alternatives_follow_references_and_unions() -> None:
    definitions = {"A": {"anyOf": [{"$ref": "#/$defs/B"}, {"type": "null"}]}, "B": {"type": "integer"}}
    assert alternatives({"oneOf": [{"$ref": "#/$defs/A"}, {"type": "string"}]}, definitions) == [
        {"type": "integer"},
        {"type": "null"},
        {"type": "string"},
    ]
    assert alternatives({"$ref": "#/$defs/B", "minimum": 1}, definitions) == [
        {"type": "integer", "minimum": 1}
    ]
    assert alternatives(True, definitions) == [{}]


@pytest.mark.parametrize(
    ("schema", "kinds", "admitted"),
    [
        ({}, ("string",), True),
        ({"type": "string"}, ("string",), True),
        ({"type": ["string", "null"]}, ("null",), True),
        ({"type": ["string", "null"]}, ("array",), False),
        ({"type": "integer"}, ("array", "integer"), True),
        ({"enum": ["a", 1]}, ("string",), True),
        ({"enum": [1, 2]}, ("string",), False),
        ({"const": "a"}, ("string",), True),
        ({"const": None}, ("string",), False),
        ({"const": None}, ("null",), True),
    ],
)
def test_what_a_schema_admits(schema: dict[str, Any], kinds: tuple[str, ...], admitted: bool) -> None:
    assert admits(schema, *kinds) is admitted


TEXT = {"type": "string"}


def by_pydantic(hint: Any) -> Any:
    return Annotated[hint, pydantic.Field()]


def tool(**hints: Any) -> dict[str, Any]:
    mcp = make_server(compact_results=True)
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
            {
                "title": "Untyped",
                "type": "object",
                "properties": {"price": {"title": "Price"}},
                "required": ["price"],
            },
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
    assert tool(x=hint, **{"return": None})["inputSchema"]["properties"]["x"] == {"title": "X", **schema}


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
