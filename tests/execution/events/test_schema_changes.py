"""Which changes of a payload schema clients can live with."""

import dataclasses
import enum
from typing import Annotated, Any, Literal

import msgspec
import pytest
from tests.support import make_server

from lambent.execution.events.schema_changes import is_additive


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class MoreColors(enum.Enum):
    RED = "red"
    BLUE = "blue"
    GREEN = "green"


@dataclasses.dataclass
class Point:
    x: int


@dataclasses.dataclass
class DeepPoint:
    x: int
    y: int = 0


@dataclasses.dataclass
class OtherPoint:
    y: int


@dataclasses.dataclass
class Tree:
    name: str
    children: "list[Tree]"


class Cat(msgspec.Struct, tag="cat"):
    lives: int


class Dog(msgspec.Struct, tag="dog"):
    name: str


class Cow(msgspec.Struct, tag="cow"):
    name: str


def schema(*fields: Any) -> dict[str, Any]:
    """The payload schema of a record with these fields, as it is kept."""
    mcp = make_server()
    mcp.event("a", payload=dataclasses.make_dataclass("Payload", fields))(nothing)
    event = mcp.freeze().events["a"]
    found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(event.definition.payload_schema))
    return found


def nothing() -> None:
    """Nothing."""


FIELD = dataclasses.field

CASES: list[tuple[str, list[Any], list[Any], bool]] = [
    ("nothing", [("a", int)], [("a", int)], True),
    ("a member more", [("a", int)], [("a", int), ("b", str)], True),
    ("an optional member more", [("a", int)], [("a", int), ("b", str, FIELD(default=""))], True),
    ("a member that is always there now", [("a", int, FIELD(default=0))], [("a", int)], True),
    ("another order", [("a", int), ("b", str)], [("b", str), ("a", int)], True),
    ("another default", [("a", int, FIELD(default=0))], [("a", int, FIELD(default=1))], True),
    ("a description", [("a", int)], [("a", Annotated[int, msgspec.Meta(description="x")])], True),
    ("a narrower type", [("a", int | None)], [("a", int)], True),
    ("a number that is whole now", [("a", float)], [("a", int)], True),
    ("a value of an enum more", [("a", Color)], [("a", MoreColors)], True),
    ("a literal more", [("a", Literal["x"])], [("a", Literal["x", "y"])], True),
    ("text that was one of some", [("a", Color)], [("a", str)], True),
    ("a kind of record more", [("a", Cat | Dog)], [("a", Cat | Dog | Cow)], True),
    ("a kind of record less", [("a", Cat | Dog | Cow)], [("a", Cat | Dog)], True),
    ("a member of a member more", [("a", Point)], [("a", DeepPoint)], True),
    ("a member of items more", [("a", list[Point])], [("a", list[DeepPoint])], True),
    ("a member of values more", [("a", dict[str, Point])], [("a", dict[str, DeepPoint])], True),
    ("anything", [("a", Any)], [("a", int)], True),
    ("a tree", [("a", Tree)], [("a", Tree)], True),
    ("a tuple", [("a", tuple[int, str])], [("a", tuple[int, str])], True),
    ("a member less", [("a", int), ("b", str)], [("a", int)], False),
    ("an optional member less", [("a", int), ("b", str, FIELD(default=""))], [("a", int)], False),
    ("another name", [("a", int)], [("b", int)], False),
    ("another type", [("a", int)], [("a", str)], False),
    ("a wider type", [("a", int)], [("a", float)], False),
    ("null as well", [("a", int)], [("a", int | None)], False),
    ("anything now", [("a", int)], [("a", Any)], False),
    ("one of many", [("a", int)], [("a", list[int])], False),
    ("a value of an enum less", [("a", MoreColors)], [("a", Color)], False),
    ("a literal less", [("a", Literal["x", "y"])], [("a", Literal["x"])], False),
    ("a member of a member less", [("a", DeepPoint)], [("a", Point)], False),
    ("other members of a member", [("a", Point)], [("a", OtherPoint)], False),
    ("other members of items", [("a", list[Point])], [("a", list[OtherPoint])], False),
    ("other members of values", [("a", dict[str, Point])], [("a", dict[str, OtherPoint])], False),
    ("text in place of a record", [("a", Point)], [("a", str)], False),
    ("a tuple that is longer", [("a", tuple[int, str])], [("a", tuple[int, str, int])], False),
    ("another type in a tuple", [("a", tuple[int, str])], [("a", tuple[int, int])], False),
    ("another tree", [("a", Tree)], [("a", Point)], False),
]


@pytest.mark.parametrize(("what", "before", "after", "additive"), CASES, ids=[case[0] for case in CASES])
def test_changes(what: str, before: list[Any], after: list[Any], additive: bool) -> None:
    assert is_additive(schema(*before), schema(*after)) is additive


@pytest.mark.parametrize(
    ("before", "after", "additive"),
    [
        ({"properties": {"a": {}}, "required": ["a"]}, {"properties": {"a": {}}}, False),
        ({"properties": {"a": {}}}, {"properties": {"a": {}}, "required": ["a"]}, True),
        ({}, {"type": "object"}, True),
        ({"type": "object"}, {}, False),
        ({"type": ["string", "null"]}, {"type": ["null", "string"]}, True),
        ({"enum": [1, "a"]}, {"enum": [1, "a", None]}, False),
        ({"enum": [1, 2]}, {"enum": [1, 2, 3]}, True),
        ({"const": 1}, {"const": 2}, False),
        ({"allOf": [{"type": "object"}]}, {"allOf": [{"type": "string"}]}, True),
    ],
)
def test_schemas_of_others(before: dict[str, Any], after: dict[str, Any], additive: bool) -> None:
    """Such as those of types that write their own."""
    assert is_additive(before, after) is additive
