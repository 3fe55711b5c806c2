"""The schemas of both libraries say the same."""

import datetime as dt
import enum
import json
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pydantic
import pytest
from jsonschema import Draft202012Validator
from tests.features.adapters import codec, each_adapter, record

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
    expected["additionalProperties"]["anyOf"][0]["items"] = {}
    expected["$defs"]["items"]["items"] = {}
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
