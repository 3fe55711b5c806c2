"""The types that people declare, each with a value and the JSON that clients send for it and get of it."""

import collections
import datetime as dt
import enum
import ipaddress
import re
import uuid
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Generic, Literal, NamedTuple, TypeVar

import annotated_types as at
import msgspec
import pydantic
from typing_extensions import TypedDict

T = TypeVar("T")
NEVER = object()
"""In place of a value: the type is refused wherever it is declared."""


class Row(NamedTuple):
    """A type as people write it; ``sent`` is the JSON of its value, ``got`` is how it is written."""

    written: str
    hint: Any
    value: Any = NEVER
    sent: Any = None
    got: Any = NEVER


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    HIGH = 2
    LOW = 1


@dataclass
class Line:
    sku: str
    count: int = 1


@dataclass
class Order:
    id: str
    lines: list[Line]


@dataclass
class Note:
    text: str


@dataclass
class Node:
    value: int
    next: "Node | None" = None


@dataclass
class Page(Generic[T]):
    items: list[T]


class Struct(msgspec.Struct):
    name: str


class Cat(msgspec.Struct, tag=True):
    lives: int


class Dog(msgspec.Struct, tag=True):
    tricks: int


class Options(TypedDict):
    name: str


class Point(NamedTuple):
    x: int
    y: int


class Model(pydantic.BaseModel):
    name: str
    when: dt.date | None = None


class Aliased(pydantic.BaseModel):
    order_id: str = pydantic.Field(alias="orderId")


class ReadByAlias(pydantic.BaseModel):
    order_id: str = pydantic.Field(validation_alias="orderId")


class Serialized(pydantic.BaseModel):
    price: float

    @pydantic.field_serializer("price")
    def _written(self, value: float) -> str:
        return f"EUR {value}"


class Computed(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")
    a: int

    @pydantic.computed_field  # type: ignore[prop-decorator]
    @property
    def twice(self) -> int:
        return 2 * self.a


class Excluded(pydantic.BaseModel):
    secret: str = pydantic.Field(exclude=True)
    shown: int = 1


class Parsed(pydantic.BaseModel):
    amount: int

    @pydantic.field_validator("amount", mode="before", json_schema_input_type=str)
    @classmethod
    def _parsed(cls, value: Any) -> int:
        if not isinstance(value, str):
            raise ValueError("write it as '5 EUR'")
        return int(value.removesuffix(" EUR"))


class Access(enum.Flag):
    READ = 1
    WRITE = 2


class Untyped(pydantic.BaseModel):
    price: float

    @pydantic.field_serializer("price")
    def _written(self, value: float):  # type: ignore[no-untyped-def]
        return f"EUR {value}"


class Short(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")
    key: bytes = pydantic.Field(max_length=3)


class Box(Generic[T]):
    pass


ROWS = [
    Row("`int`", int, 5, 5),
    Row("`float`", float, 0.5, 0.5),
    Row("`bool`", bool, True, True),
    Row("`str`", str, "x", "x"),
    Row("`bytes`", bytes, b"x", "eA=="),
    Row("`Any`, `object`", object, "x", "x"),
    Row("`Decimal`", Decimal, Decimal("1.10"), "1.10"),
    Row("`date`", dt.date, dt.date(2026, 7, 28), "2026-07-28"),
    Row("`datetime`", dt.datetime, dt.datetime(2026, 7, 28, tzinfo=dt.UTC), "2026-07-28T00:00:00Z"),
    Row("`time`", dt.time, dt.time(1, 2, 3), "01:02:03"),
    Row("`timedelta`", dt.timedelta, dt.timedelta(seconds=90), "PT90S", got=("PT90S", "PT1M30S")),
    Row("`UUID`", uuid.UUID, uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    Row("`Path`", Path, Path("/a/b"), "/a/b"),
    Row("an `Enum`", Color, Color.BLUE, "blue"),
    Row("an `IntEnum`", Level, Level.HIGH, 2),
    Row('`Literal["a", "b"]`', Literal["a", "b"], "a", "a"),
    Row('`Literal[1, "a"]`', Literal[1, "a"], "a", "a"),
    Row("`int \\| None`", int | None, 5, 5),
    Row("`str \\| None`", str | None, "x", "x"),
    Row("`int \\| str`", int | str, "x", "x"),
    Row("`Path \\| int`", Path | int, Path("a"), "a"),
    Row("`Annotated[int, Ge(1)]`", Annotated[int, at.Ge(1)], 5, 5),
    Row('`Annotated[str, "what it is"]`', Annotated[str, "what it is"], "x", "x"),
    Row("`list`", list, ["a", "b"], ["a", "b"]),
    Row("`list[int]`", list[int], [1, 2], [1, 2]),
    Row("`list[Path]`", list[Path], [Path("a")], ["a"]),
    Row('`list[Literal["a", "b"]]`', list[Literal["a", "b"]], ["a"], ["a"]),
    Row("`list[Record]`", list[Line], [Line("s", 2)], [{"sku": "s", "count": 2}]),
    Row("`Sequence[int]`", Sequence[int], [1], [1]),
    Row("`tuple[int, str]`", tuple[int, str], (1, "a"), [1, "a"]),
    Row("`tuple[int, ...]`", tuple[int, ...], (1, 2), [1, 2]),
    Row("`set[int]`", set[int], {1}, [1]),
    Row("`frozenset[str]`", frozenset[str], frozenset({"a"}), ["a"]),
    Row("`dict`", dict, {"a": [1]}, {"a": [1]}),
    Row("`dict[str, int]`", dict[str, int], {"a": 1}, {"a": 1}),
    Row("`dict[str, Path]`", dict[str, PurePosixPath], {"a": PurePosixPath("b")}, {"a": "b"}),
    Row("`dict[int, str]`", dict[int, str], {1: "a"}, {"1": "a"}),
    Row("`Mapping[str, int]`", Mapping[str, int], {"a": 1}, {"a": 1}),
    Row("a dataclass", Order, Order("a", [Line("s")]), {"id": "a", "lines": [{"sku": "s", "count": 1}]}),
    Row("a dataclass `\\| None`", Line | None, Line("s"), {"sku": "s", "count": 1}),
    Row("a recursive dataclass", Node, Node(1, Node(2)), {"value": 1, "next": {"value": 2, "next": None}}),
    Row("a generic dataclass", Page[int], Page([1]), {"items": [1]}),
    Row("a union of dataclasses", Line | Note, Note("x"), {"text": "x"}),
    Row("a `TypedDict`", Options, {"name": "a"}, {"name": "a"}),
    Row("a `NamedTuple`", Point, Point(1, 2), [1, 2]),
    Row("a `Struct` of msgspec", Struct, Struct("a"), {"name": "a"}),
    Row("a union of tagged Structs", Cat | Dog, Dog(3), {"type": "Dog", "tricks": 3}),
    Row("a model of pydantic", Model, Model(name="a"), {"name": "a", "when": None}),
    Row("`list[Model]`", list[Model], [Model(name="a")], [{"name": "a", "when": None}]),
    Row("`dict[str, Model]`", dict[str, Model], {"k": Model(name="a")}, {"k": {"name": "a", "when": None}}),
    Row("`Model \\| None`", Model | None, Model(name="a"), {"name": "a", "when": None}),
    Row("a model with `alias`", Aliased, Aliased(orderId="a"), {"orderId": "a"}),
    Row(
        "a model with `validation_alias`",
        ReadByAlias,
        ReadByAlias(orderId="a"),
        {"orderId": "a"},
        got={"order_id": "a"},
    ),
    Row(
        "a model with a serializer",
        Serialized,
        Serialized(price=1.5),
        {"price": 1.5},
        got={"price": "EUR 1.5"},
    ),
    Row('a computed field, `extra="forbid"`', Computed, Computed(a=1), {"a": 1}, got={"a": 1, "twice": 2}),
    Row(
        "a model with an excluded field",
        Excluded,
        Excluded(secret="x"),
        {"secret": "x", "shown": 1},
        got={"shown": 1},
    ),
    Row(
        "a validator that takes text only",
        Parsed,
        Parsed(amount="5 EUR"),
        {"amount": "5 EUR"},
        got={"amount": 5},
    ),
    Row("`pydantic.HttpUrl`", pydantic.HttpUrl, pydantic.HttpUrl("https://a.b/"), "https://a.b/"),
    Row("`deque[int]`", collections.deque[int], collections.deque([1]), [1]),
    Row("`OrderedDict[str, int]`", collections.OrderedDict[str, int], collections.OrderedDict(a=1), {"a": 1}),
    Row("`dict[bool, str]`", dict[bool, str]),
    Row("`Literal[Color.RED]`", Literal[Color.RED], Color.RED, "red"),
    Row("`Iterable[int]`", Iterable[int]),
    Row("`Iterator[int]`", Iterator[int]),
    Row("`Generator`", Generator[int, None, None]),
    Row("`AsyncIterator[int]`", AsyncIterator[int]),
    Row("`type[int]`", type[int]),
    Row("`Callable`", Callable[..., int]),
    Row("`dict[tuple[int, int], str]`", dict[tuple[int, int], str]),
    Row("a generic class that is no record", Box[int]),
    Row("`range`", range),
]

VALUES = [
    Row("`datetime` without a zone", dt.datetime, dt.datetime(2026, 7, 28), "2026-07-28T00:00:00"),
    Row("`time` with a zone", dt.time, dt.time(1, 2, 3, tzinfo=dt.UTC), "01:02:03Z"),
    Row("a fraction of a second", dt.timedelta, dt.timedelta(seconds=1.5), "PT1.5S"),
    Row("a negative `timedelta`", dt.timedelta | None, dt.timedelta(seconds=-5), "-PT5S"),
    Row("a `Decimal` with an exponent", Decimal, Decimal("1E+5"), "1E+5"),
    Row("null", int | None, None, None),
    Row("`NaiveDatetime`", pydantic.NaiveDatetime, dt.datetime(2026, 7, 28), "2026-07-28T00:00:00"),
    Row(
        "an `IPv6Address` with a zone",
        ipaddress.IPv6Address,
        ipaddress.IPv6Address("fe80::1%eth0"),
        "fe80::1%eth0",
    ),
    Row("a `Pattern` of Python", re.Pattern, re.compile("(?P<a>x)"), "(?P<a>x)"),
    Row(
        "a URL with braces", pydantic.AnyUrl, pydantic.AnyUrl("https://a.b/?q={c|d}"), "https://a.b/?q={c|d}"
    ),
    Row("text by a pattern of Python", list[Annotated[str, msgspec.Meta(pattern=r"\Aa")]], ["a"], ["a"]),
    Row(
        "keys by a pattern of Rust",
        dict[Annotated[str, pydantic.Field(pattern="(?i)A")], int],
        {"a": 1},
        {"a": 1},
    ),
    Row("bytes that are no text", bytes, b"\xff\xfe", "//4="),
    Row("a list of bytes", list[bytes], [b"\xff\xfe"], ["//4="]),
    Row("a few bytes", Annotated[bytes, at.MaxLen(3)], b"abc", "YWJj"),
    Row("`dict[IntEnum, int]`", dict[Level, int], {Level.LOW: 5}, {"1": 5}),
    Row("combined flags", Access, Access.READ | Access.WRITE, 3),
    Row("no flag", Access, Access(0), 0),
    Row("bytes with a bound", Short, Short(key=b"abc"), {"key": "YWJj"}),
    Row(
        "a serializer that tells no type",
        Untyped,
        Untyped(price=1.5),
        {"price": 1.5},
        got={"price": "EUR 1.5"},
    ),
]
"""Values that clients could refuse where a schema says more than what is so of each value of a type."""
