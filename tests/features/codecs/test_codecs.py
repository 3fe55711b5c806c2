"""What type hints ask of values: the same tests over both adapters."""

import collections
import datetime as dt
import enum
import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, NamedTuple, NotRequired, Optional, TypeVar

import annotated_types as at
import msgspec
import pydantic
import pytest
from jsonschema import Draft202012Validator
from tests.features.adapters import codec, each_adapter, record
from typing_extensions import Doc, TypedDict

from lambent.errors import DeclarationError
from lambent.features.codecs import ValidationError, arguments_codec, codec_of, to_json
from lambent.features.codecs._msgspec import MsgspecArguments, MsgspecCodec
from lambent.features.codecs._pydantic import PydanticArguments, PydanticCodec
from lambent.features.functions import Parameter, hints_of, parameters_of

REQUIRED = msgspec.NODEFAULT
T = TypeVar("T")


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


@dataclass
class Line:
    sku: str
    count: int = 1


@dataclass
class Order:
    id: str
    lines: list[Line] = field(default_factory=list)
    color: Color | None = None


@dataclass
class CartLine:
    sku: str


@dataclass
class Cart:
    lines: list[CartLine]


@dataclass
class Node:
    value: int
    next: Optional["Node"] = None


@dataclass
class Page(Generic[T]):
    items: list[T]
    total: int = 0


class Point(NamedTuple):
    x: int
    y: int = 0


class Options(TypedDict):
    name: str
    deep: NotRequired[bool]


class Struct(msgspec.Struct):
    name: str
    size: int = 0


class Model(pydantic.BaseModel):
    name: str
    size: int = 0


READ: list[tuple[Any, str, Any]] = [
    (int, "5", 5),
    (int, '"5"', 5),
    (int, '"-5"', -5),
    (int, "5.0", 5),
    (int, "123456789012345678901234567890", 123456789012345678901234567890),
    (float, "5", 5.0),
    (float, "0.1", 0.1),
    (float, '"0.5"', 0.5),
    (bool, "true", True),
    (bool, '"true"', True),
    (bool, '"false"', False),
    (bool, "1", True),
    (str, '"x"', "x"),
    (str, '"5"', "5"),
    (str, '""', ""),
    (str, '"\\u0000\\ud83d\\ude00"', "\0\U0001f600"),
    (Any, '{"a":[1,null]}', {"a": [1, None]}),
    (int | None, "null", None),
    (int | None, '"5"', 5),
    (str | None, "null", None),
    (str | None, '"x"', "x"),
    (int | str, "5", 5),
    (int | str, '"x"', "x"),
    (int | float, "5", 5),
    (int | float, "5.5", 5.5),
    (Literal["a", "b"], '"b"', "b"),
    (Literal[1, 2], "2", 2),
    (Literal["a", None], "null", None),
    (Color, '"blue"', Color.BLUE),
    (Level, "2", Level.HIGH),
    (list[int], "[1,2]", [1, 2]),
    (list[int], '["1","2"]', [1, 2]),
    (list, '[1,"a"]', [1, "a"]),
    (Sequence[int], "[1]", [1]),
    (set[int], "[1,1,2]", {1, 2}),
    (frozenset[str], '["a"]', frozenset({"a"})),
    (tuple[int, str], '[1,"a"]', (1, "a")),
    (tuple[int, ...], "[1,2,3]", (1, 2, 3)),
    (dict[str, int], '{"a":1}', {"a": 1}),
    (dict, '{"a":[1]}', {"a": [1]}),
    (Mapping[str, int], '{"a":"1"}', {"a": 1}),
    (dict[str, list[int]], '{"a":[1]}', {"a": [1]}),
    (Order, '{"id":"a"}', Order("a")),
    (
        Order,
        '{"id":"a","lines":[{"sku":"s","count":"2"}],"color":"red"}',
        Order("a", [Line("s", 2)], Color.RED),
    ),
    (Node, '{"value":1,"next":{"value":2}}', Node(1, Node(2))),
    (Page[int], '{"items":[1]}', Page([1])),
    (Page[Line], '{"items":[{"sku":"a"}]}', Page([Line("a")])),
    (list[Order], '[{"id":"a"}]', [Order("a")]),
    (Order | None, "null", None),
    (Options, '{"name":"a"}', {"name": "a"}),
    (Options, '{"name":"a","deep":true}', {"name": "a", "deep": True}),
    (dt.date, '"2026-07-28"', dt.date(2026, 7, 28)),
    (dt.datetime, '"2026-07-28T01:02:03Z"', dt.datetime(2026, 7, 28, 1, 2, 3, tzinfo=dt.UTC)),
    (dt.datetime, '"2026-07-28T01:02:03"', dt.datetime(2026, 7, 28, 1, 2, 3)),
    (dt.time, '"01:02:03"', dt.time(1, 2, 3)),
    (dt.timedelta, '"PT90S"', dt.timedelta(seconds=90)),
    (Decimal, '"1.10"', Decimal("1.10")),
    (uuid.UUID, '"12345678-1234-5678-1234-567812345678"', uuid.UUID("12345678123456781234567812345678")),
    (Annotated[int, at.Ge(1), at.Le(3)], "3", 3),
    (Annotated[str, at.MinLen(1), at.MaxLen(2)], '"ab"', "ab"),
    (Annotated[list[int], at.Len(1, 2)], "[1]", [1]),
    (Annotated[int, at.Interval(ge=1, lt=3)], "2", 2),
    (Annotated[int, at.MultipleOf(5)], "10", 10),
    (Annotated[str, "just a description"], '"x"', "x"),
]


@each_adapter
@pytest.mark.parametrize(("hint", "sent", "value"), READ)
def test_values_are_read_as_their_types(adapter: str, hint: Any, sent: str, value: Any) -> None:
    for given in (sent, f" {sent}\n"):
        read = codec(adapter, hint).decode(given.encode())
        assert read == value
        assert type(read) is type(value)
    assert record(adapter, Parameter("v", hint, REQUIRED)).decode(f'{{"v":{sent}}}'.encode()) == {"v": value}


@each_adapter
@pytest.mark.parametrize(("hint", "sent", "value"), READ)
def test_decoded_values_are_converted_alike(adapter: str, hint: Any, sent: str, value: Any) -> None:
    assert codec(adapter, hint).convert(json.loads(sent)) == value


@each_adapter
def test_named_tuples_are_read(adapter: str) -> None:
    """As arrays, whoever describes them."""
    assert codec(adapter, Point).decode(b"[1,2]") == Point(1, 2)


REFUSED: list[tuple[Any, str]] = [
    (int, '"x"'),
    (int, "5.5"),
    (int, "null"),
    (int, "[]"),
    (int, "{}"),
    (float, '"x"'),
    (float, "null"),
    (bool, '"maybe"'),
    (bool, "2"),
    (str, "5"),
    (str, "null"),
    (str, "true"),
    (str, "[]"),
    (int | None, '"x"'),
    (int | str, "[]"),
    (Literal["a", "b"], '"c"'),
    (Literal["a", "b"], "null"),
    (Literal[1, 2], "3"),
    (Color, '"green"'),
    (Color, '"RED"'),
    (Level, "3"),
    (list[int], '["x"]'),
    (list[int], "{}"),
    (list[int], "1"),
    (tuple[int, str], "[1]"),
    (tuple[int, str], '[1,"a",2]'),
    (dict[str, int], '{"a":"x"}'),
    (dict[str, int], "[]"),
    (Order, "{}"),
    (Order, '{"id":1}'),
    (Order, '{"id":"a","lines":[{}]}'),
    (Order, '"a"'),
    (Options, "{}"),
    (Options, '{"name":"a","deep":3}'),
    (dt.date, '"28.07.2026"'),
    (dt.date, '"2026-02-30"'),
    (dt.datetime, '"now"'),
    (uuid.UUID, '"x"'),
    (Decimal, '"x"'),
    (Annotated[int, at.Ge(1)], "0"),
    (Annotated[int, at.Gt(1)], "1"),
    (Annotated[int, at.Le(1)], "2"),
    (Annotated[int, at.Lt(1)], "1"),
    (Annotated[int, at.Interval(ge=1, lt=3)], "3"),
    (Annotated[int, at.MultipleOf(5)], "6"),
    (Annotated[str, at.MinLen(1)], '""'),
    (Annotated[str, at.MaxLen(1)], '"ab"'),
    (Annotated[list[int], at.Len(1, 2)], "[1,2,3]"),
    (list[Annotated[int, at.Ge(1)]], "[1,0]"),
    (Annotated[int, at.Ge(1)] | None, "0"),
    (dict[str, Annotated[str, at.MinLen(1)]], '{"a":""}'),
]


@each_adapter
@pytest.mark.parametrize(("hint", "sent"), REFUSED)
def test_values_that_do_not_fit_are_refused(adapter: str, hint: Any, sent: str) -> None:
    with pytest.raises(ValidationError):
        codec(adapter, hint).decode(sent.encode())
    with pytest.raises(ValidationError):
        codec(adapter, hint).convert(json.loads(sent))
    with pytest.raises(ValidationError, match=r"- at `\$\.value"):
        record(adapter, Parameter("value", hint, REQUIRED)).decode(f'{{"value":{sent}}}'.encode())


@each_adapter
@pytest.mark.parametrize("sent", ["", "{", "[", '"', "nonsense", "{}x", "[1,]", "\xff"])
def test_what_is_no_json_is_refused(adapter: str, sent: str) -> None:
    with pytest.raises(ValidationError):
        codec(adapter, Any).decode(sent.encode("latin-1"))


@each_adapter
@pytest.mark.parametrize("hint", [Any, list, dict, Node, list[Any]])
def test_deep_values_are_refused_not_fatal(adapter: str, hint: Any) -> None:
    for deep in ("[" * 50_000 + "]" * 50_000, '{"value":1,"next":' * 50_000 + "null" + "}" * 50_000):
        with pytest.raises(ValidationError):
            codec(adapter, hint).decode(deep.encode())


# Records


@each_adapter
def test_missing_fields_are_named(adapter: str) -> None:
    arguments = record(adapter, Parameter("first", int, REQUIRED), Parameter("second", str, REQUIRED))
    with pytest.raises(ValidationError, match="second"):
        arguments.decode(b'{"first":1}')


@each_adapter
def test_unknown_fields_are_named(adapter: str) -> None:
    with pytest.raises(ValidationError, match="surplus"):
        record(adapter, Parameter("first", int, 1)).decode(b'{"surplus":1}')


@each_adapter
@pytest.mark.parametrize("sent", ["[]", '"x"', "1", "null", "true"])
def test_a_record_is_an_object(adapter: str, sent: str) -> None:
    with pytest.raises(ValidationError):
        record(adapter, Parameter("first", int, 1)).decode(sent.encode())


@each_adapter
def test_a_record_without_fields(adapter: str) -> None:
    arguments = record(adapter)
    assert arguments.decode(b"{}") == {}
    assert arguments.schema() == {"type": "object", "properties": {}, "additionalProperties": False}
    with pytest.raises(ValidationError):
        arguments.decode(b'{"a":1}')


DEFAULTS: list[tuple[Any, Any]] = [
    (int, 5),
    (int | None, None),
    (str, ""),
    (list[int], []),
    (list[int], [1, 2]),
    (dict[str, int], {"a": 1}),
    (set[int], {1}),
    (tuple[int, ...], (1, 2)),
    (Color, Color.RED),
    (Order, Order("a")),
    (list[Line], [Line("a")]),
    (dt.date, dt.date(2026, 7, 28)),
    (Any, None),
    (float, 1),
]


@each_adapter
@pytest.mark.parametrize(("hint", "default"), DEFAULTS)
def test_defaults_fill_in(adapter: str, hint: Any, default: Any) -> None:
    arguments = record(adapter, Parameter("v", hint, default))
    assert arguments.decode(b"{}") == {"v": default}
    assert arguments.convert({}) == {"v": default}
    assert "required" not in arguments.schema()


MUTABLE: list[tuple[Any, Any]] = [
    (list[int], [1]),
    (list[list[int]], [[1]]),
    (dict[str, list[int]], {"a": [1]}),
    (set[int], {1}),
    (Order, Order("a", [Line("l")])),
    (Struct, Struct("s")),
    (Model, Model(name="m")),
    (dict, collections.OrderedDict(a=[1])),
]


@each_adapter
@pytest.mark.parametrize(("hint", "default"), MUTABLE)
def test_calls_do_not_share_mutable_defaults(adapter: str, hint: Any, default: Any) -> None:
    if hint in (Model, Struct) and (adapter == "pydantic") == (hint is Struct):
        pytest.skip("each library describes its own models")
    arguments = record(adapter, Parameter("v", hint, default))
    first, second = arguments.decode(b"{}")["v"], arguments.decode(b"{}")["v"]
    assert first == second == default
    assert first is not second
    assert first is not default
    if isinstance(first, list) and isinstance(first[0], list):
        assert first[0] is not second[0]
    if isinstance(first, Order):
        assert first.lines is not second.lines


NAMES = ["json", "schema", "copy", "validate", "dict", "model_config", "model_id", "model_dump", "type", "id"]
NAMES += ["self", "cls", "name", "default", "class_", "fields", "größe", "_private", "x" * 300]


@each_adapter
@pytest.mark.parametrize("name", NAMES)
def test_parameters_may_be_called_anything(adapter: str, name: str) -> None:
    """Neither base class may get in the way; warnings are errors here."""
    arguments = record(adapter, Parameter(name, int, REQUIRED), Parameter("other", int, 1))
    assert arguments.decode(json.dumps({name: 5}).encode()) == {name: 5, "other": 1}
    assert arguments.schema()["properties"][name]["type"] == "integer"
    with pytest.raises(ValidationError, match=name):
        arguments.decode(b"{}")


# Schemas


SCHEMAS: list[tuple[Any, dict[str, Any]]] = [
    (int, {"type": "integer"}),
    (float, {"type": "number"}),
    (str, {"type": "string"}),
    (bool, {"type": "boolean"}),
    (Any, {}),
    (int | None, {"anyOf": [{"type": "integer"}, {"type": "null"}]}),
    (list[int], {"type": "array", "items": {"type": "integer"}}),
    (dict[str, int], {"type": "object", "additionalProperties": {"type": "integer"}}),
    (Annotated[str, "The order's id"], {"type": "string", "description": "The order's id"}),
    (Annotated[str, Doc("The order's id")], {"type": "string", "description": "The order's id"}),
    (Annotated[int, at.Ge(1), at.Lt(9)], {"type": "integer", "minimum": 1, "exclusiveMaximum": 9}),
    (Annotated[int, at.Interval(gt=1, le=9)], {"type": "integer", "exclusiveMinimum": 1, "maximum": 9}),
    (Annotated[int, at.MultipleOf(5)], {"type": "integer", "multipleOf": 5}),
    (Annotated[str, at.MinLen(1), at.MaxLen(2)], {"type": "string", "minLength": 1, "maxLength": 2}),
    (
        Annotated[list[int], at.Len(1, 2)],
        {"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 2},
    ),
    (
        Annotated[int, "How many", at.Ge(1)],
        {"type": "integer", "description": "How many", "minimum": 1},
    ),
    (
        list[Annotated[int, at.Ge(1), "Positive"]],
        {"type": "array", "items": {"type": "integer", "minimum": 1, "description": "Positive"}},
    ),
    (
        Annotated[int, at.Ge(1)] | None,
        {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}]},
    ),
]


@each_adapter
@pytest.mark.parametrize(("hint", "expected"), SCHEMAS)
def test_schemas_say_what_hints_say(adapter: str, hint: Any, expected: dict[str, Any]) -> None:
    assert codec(adapter, hint).schema() == expected
    assert record(adapter, Parameter("v", hint, REQUIRED)).schema() == {
        "type": "object",
        "properties": {"v": {"title": "V", **expected}},
        "required": ["v"],
        "additionalProperties": False,
    }


@dataclass
class Described:
    reason: Annotated[str, "Why"]


@each_adapter
def test_descriptions_within_records_are_shown(adapter: str) -> None:
    assert codec(adapter, Described).schema()["properties"]["reason"] == {
        "title": "Reason",
        "type": "string",
        "description": "Why",
    }


def refused_by_schema(schema: dict[str, Any], sent: str) -> bool:
    return not Draft202012Validator(schema).is_valid(json.loads(sent))


@each_adapter
@pytest.mark.parametrize(("hint", "sent", "value"), READ)
def test_what_the_schema_allows_is_read(adapter: str, hint: Any, sent: str, value: Any) -> None:
    schema = record(adapter, Parameter("v", hint, REQUIRED)).schema()
    Draft202012Validator.check_schema(schema)
    lenient = codec(adapter, hint).decode(sent.encode())
    strict = codec(adapter, hint).encode(value)
    assert Draft202012Validator(codec(adapter, hint).schema()).is_valid(json.loads(strict))
    assert codec(adapter, hint).decode(strict) == lenient


STRUCTURAL = [row for row in REFUSED if row[0] not in (dt.date, dt.datetime, uuid.UUID, Decimal)]


@each_adapter
@pytest.mark.parametrize(("hint", "sent"), STRUCTURAL)
def test_what_is_refused_the_schema_refuses_too(adapter: str, hint: Any, sent: str) -> None:
    """Apart from formats, which schemas only annotate."""
    assert refused_by_schema(record(adapter, Parameter("v", hint, REQUIRED)).schema(), f'{{"v":{sent}}}')


def test_enums_of_strings_have_their_values_in_the_schema() -> None:
    for adapter in ("msgspec", "pydantic"):
        text = json.dumps(record(adapter, Parameter("v", Color, REQUIRED)).schema())
        assert '"red"' in text
        assert '"RED"' not in text


@each_adapter
def test_the_root_of_a_schema_is_spelled_out(adapter: str) -> None:
    """Clients look for ``type`` there; a definition whose name only begins alike is another one."""
    schema = codec(adapter, Cart).schema()
    assert schema["type"] == "object"
    assert set(schema["$defs"]) == {"CartLine"}


@each_adapter
def test_recursive_types_are_described(adapter: str) -> None:
    schema = codec(adapter, Node).schema()
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    assert validator.is_valid({"value": 1, "next": {"value": 2, "next": None}})
    assert not validator.is_valid({"value": 1, "next": {"value": "x"}})


def other_line() -> type:
    @dataclass
    class Line:
        other: int

    return Line


@each_adapter
def test_types_of_the_same_name_are_told_apart(adapter: str) -> None:
    arguments = record(adapter, Parameter("a", Line, REQUIRED), Parameter("b", other_line(), REQUIRED))
    schema = arguments.schema()
    Draft202012Validator.check_schema(schema)
    assert Draft202012Validator(schema).is_valid({"a": {"sku": "s"}, "b": {"other": 1}})
    assert not Draft202012Validator(schema).is_valid({"a": {"other": 1}, "b": {"sku": "s"}})


def test_pydantic_tells_types_apart_that_a_function_makes_anew() -> None:
    """msgspec names definitions after their classes, and cannot."""
    fields = [Parameter("a", other_line(), REQUIRED), Parameter("b", other_line(), REQUIRED)]
    arguments = arguments_codec("Arguments", fields)
    assert type(arguments) is PydanticArguments
    schema = arguments.schema()
    assert Draft202012Validator(schema).is_valid({"a": {"other": 1}, "b": {"other": 1}})


# Writing


@each_adapter
@pytest.mark.parametrize(("hint", "_sent", "value"), READ)
def test_values_are_written_and_read_back(adapter: str, hint: Any, _sent: str, value: Any) -> None:
    assert codec(adapter, hint).decode(codec(adapter, hint).encode(value)) == value


WRITTEN: list[tuple[Any, Any, str]] = [
    (int, 5, "5"),
    (float, 0.5, "0.5"),
    (str, "é\u2028", '"é\u2028"'),
    (bool, True, "true"),
    (None, None, "null"),
    (list[int], [1, 2], "[1,2]"),
    (dict[str, int], {"a": 1}, '{"a":1}'),
    (Color, Color.RED, '"red"'),
    (Order, Order("a", [Line("s")]), '{"id":"a","lines":[{"sku":"s","count":1}],"color":null}'),
    (Order, {"id": "a", "lines": [], "color": None}, '{"id":"a","lines":[],"color":null}'),
    (Point, Point(1, 2), "[1,2]"),
    (Options, {"name": "a"}, '{"name":"a"}'),
    (dt.date, dt.date(2026, 7, 28), '"2026-07-28"'),
    (uuid.UUID, uuid.UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
    (Decimal, Decimal("1.10"), '"1.10"'),
    (Any, {"a": [1, "x", None, True]}, '{"a":[1,"x",null,true]}'),
]


@each_adapter
@pytest.mark.parametrize(("hint", "value", "expected"), WRITTEN)
def test_values_are_written_as_json(adapter: str, hint: Any, value: Any, expected: str) -> None:
    assert codec(adapter, hint).encode(value) == expected.encode()


HINTS = [int, float, str, bool, None, int | None, list[int], dict[str, int], tuple[int, str], set[int]]
HINTS += [Literal["a", "b"], Color, Order, Node, Options, dt.date, Decimal, Annotated[int, at.Ge(1)], Any]
ODD = [0, 5, -1, 1.0, 1.5, True, False, None, "", "x", "5", "true", "a", [], [1], ["1"], [1, "a"], (), {}]
ODD += [{"a": 1}, {"a": "1"}, {"id": "a"}, {"id": 1}, Order("a"), Order(1), Line("s"), {1}, b"x", object()]
ODD += [float("nan"), float("inf"), Decimal("1.5"), Decimal("NaN"), dt.date(2026, 7, 28), "2026-07-28", 1j]
ODD += [Order("a", [Line("s", "2")]), Order("a", [1]), Node(1, 2), Color.RED, "red", "\ud800", 10**30]  # type: ignore[arg-type,list-item]


@each_adapter
@pytest.mark.parametrize("hint", HINTS, ids=str)
def test_whatever_is_written_fits_the_schema(adapter: str, hint: Any) -> None:
    """Servers must send structured results that conform (server/tools, "Output Schema")."""
    described = codec(adapter, hint)
    validator = Draft202012Validator(described.schema())
    for value in ODD:
        try:
            raw = described.encode(value)
        except ValidationError:
            continue
        assert validator.is_valid(json.loads(raw)), f"{value!r} was written as {raw!r}"


def test_models_are_written_as_their_aliases_say() -> None:
    class Aliased(pydantic.BaseModel):
        order_id: str = pydantic.Field(alias="orderId")

        @pydantic.computed_field  # type: ignore[prop-decorator]
        @property
        def upper(self) -> str:
            return self.order_id.upper()

    described = codec_of(Aliased)
    raw = described.encode(Aliased(orderId="a"))
    assert raw == b'{"orderId":"a","upper":"A"}'
    Draft202012Validator(described.schema()).validate(json.loads(raw))


# Which adapter


@pytest.mark.parametrize(
    ("hint", "expected"),
    [
        (int, MsgspecCodec),
        (Order, MsgspecCodec),
        (Struct, MsgspecCodec),
        (Node, MsgspecCodec),
        (Model, PydanticCodec),
        (list[Model], PydanticCodec),
        (dict[str, Model | None], PydanticCodec),
        (Annotated[int, pydantic.Field(ge=1)], PydanticCodec),
        (pydantic.EmailStr, PydanticCodec),
        (pydantic.HttpUrl, PydanticCodec),
    ],
)
def test_pydantic_serves_only_who_mentions_it(hint: Any, expected: type) -> None:
    if hint is pydantic.EmailStr:
        pytest.importorskip("email_validator")
    assert type(codec_of(hint)) is expected


def test_pydantic_is_found_within_records() -> None:
    @dataclass
    class Holder:
        model: Model

    class Dictionary(TypedDict):
        model: Model

    class Tuple(NamedTuple):
        model: Model

    for hint in (Holder, Dictionary, Tuple, list[Holder]):
        assert type(codec_of(hint)) is PydanticCodec


def test_a_default_may_mention_pydantic_too() -> None:
    def function(n: int = pydantic.Field(5, ge=1, description="How many")) -> None: ...

    arguments = arguments_codec("Arguments", parameters_of(function, hints_of(function)))
    assert type(arguments) is PydanticArguments
    assert arguments.decode(b"{}") == {"n": 5}
    assert arguments.schema()["properties"]["n"] == {
        "title": "N",
        "type": "integer",
        "minimum": 1,
        "description": "How many",
        "default": 5,
    }
    with pytest.raises(ValidationError):
        arguments.decode(b'{"n":0}')
    assert type(arguments_codec("Arguments", [Parameter("n", int, 5)])) is MsgspecArguments


class Plain:
    pass


UNSUPPORTED = [Plain, list[Plain], dict[str, Plain], range, slice, type, Plain | None, Iterable[Plain]]


@each_adapter
@pytest.mark.parametrize("hint", UNSUPPORTED, ids=str)
def test_types_that_nobody_can_describe_are_refused_at_once(adapter: str, hint: Any) -> None:
    """Not once somebody lists the tools, nor when the tool is called."""
    also = [Parameter("m", Model, None)] if adapter == "pydantic" else []
    with pytest.raises(DeclarationError, match="Arguments"):
        arguments_codec("Arguments", [Parameter("v", hint, REQUIRED), *also])


@pytest.mark.parametrize("hint", [Plain, list[Plain], range], ids=str)
def test_results_that_nobody_can_describe_are_refused_at_once(hint: Any) -> None:
    with pytest.raises(DeclarationError, match="Cannot describe"):
        codec_of(hint)


# Any value as JSON


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": [1, 2.5, None, True, "é"]}, '{"a":[1,2.5,null,true,"é"]}'),
        (Order("a"), '{"id":"a","lines":[],"color":null}'),
        (Struct("s"), '{"name":"s","size":0}'),
        (Model(name="m"), '{"name":"m","size":0}'),
        ([Model(name="m"), Order("a")], '[{"name":"m","size":0},{"id":"a","lines":[],"color":null}]'),
        (dt.date(2026, 7, 28), '"2026-07-28"'),
        ({1}, "[1]"),
        (Color.RED, '"red"'),
    ],
)
def test_anything_becomes_json(value: Any, expected: str) -> None:
    assert to_json(value) == expected.encode()


@pytest.mark.parametrize("value", [object(), Plain(), {"a": Plain()}, 1j, "\ud800", {object(): 1}, lambda: 1])
def test_what_has_no_json_form_is_refused(value: Any) -> None:
    with pytest.raises(ValidationError):
        to_json(value)


def test_a_circle_is_refused() -> None:
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(ValidationError):
        to_json(circle)


@each_adapter
@pytest.mark.parametrize("hint", [bytes, list[bytes], dict[str, bytes], bytes | None])
def test_bytes_are_base64_wherever_they_stand(adapter: str, hint: Any) -> None:
    data = {list[bytes]: [b"\x80"], dict[str, bytes]: {"a": b"\x80"}}.get(hint, b"\x80")
    sent = {list[bytes]: b'["gA=="]', dict[str, bytes]: b'{"a":"gA=="}'}.get(hint, b'"gA=="')
    assert codec(adapter, hint).decode(sent) == data
    assert codec(adapter, hint).convert(json.loads(sent)) == data
    assert codec(adapter, hint).encode(data) == sent
