"""NaN and infinity are refused wherever they could come from."""

import contextlib
import dataclasses
import decimal
import json
import math
from collections import deque
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, NamedTuple

import msgspec
import pydantic
import pytest
from pydantic import BaseModel, Json
from tests.features.adapters import codec, each_adapter
from tests.support import Client, make_server

from lambent.features.codecs import NotFiniteError, ValidationError, codec_of
from lambent.features.codecs.finite import may_be_spelled, refuse_huge, require_finite


@dataclass
class Price:
    amount: float
    exact: Decimal = Decimal(0)


@dataclass
class Rating:
    score: Annotated[float, "From 0 to 1"] | None
    data: Any = None


class Struct(msgspec.Struct):
    amount: float


class Loose(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(ser_json_inf_nan="constants")
    amount: float


class Texts(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(ser_json_inf_nan="strings")
    amount: float = 0.0


class Nulls(pydantic.BaseModel):
    amount: float | None = None
    exact: Annotated[Decimal, pydantic.Field(allow_inf_nan=True)] = Decimal(0)


class Written(pydantic.BaseModel):
    """It is written otherwise than it is read."""

    amount: float | None

    @pydantic.computed_field  # type: ignore[prop-decorator]
    @property
    def twice(self) -> float | None:
        return self.amount


SPELLED = ["nan", "NaN", "-inf", "Infinity", "+Infinity", "-nan", " inf", "iNf"]


HINTS: list[tuple[Any, Any]] = [
    (float, lambda value: value),
    (float | None, lambda value: value),
    (list[float], lambda value: [1, value]),
    (dict[str, float], lambda value: {"a": value}),
    (tuple[int, float], lambda value: [1, value]),
    (set[float], lambda value: [value]),
    (Price, lambda value: {"amount": value}),
    (list[Price], lambda value: [{"amount": 1, "exact": value}]),
    (Decimal, lambda value: value),
    (dict[str, list[Decimal]], lambda value: {"a": [value]}),
]


@each_adapter
@pytest.mark.parametrize("text", SPELLED)
@pytest.mark.parametrize(("hint", "around"), HINTS)
def test_text_is_not_read_as_nan_or_infinity(adapter: str, hint: Any, around: Any, text: str) -> None:
    with pytest.raises(ValidationError):
        codec(adapter, hint).decode(json.dumps(around(text)).encode())
    with pytest.raises(ValidationError):
        codec(adapter, hint).convert(around(text))


@each_adapter
def test_escaped_text_is_not_read_either(adapter: str) -> None:
    for sent in (rb'"\u006ean"', rb'"\u0049nf"', rb'"\u002dInfinity"'):
        with pytest.raises(ValidationError):
            codec(adapter, float).decode(sent)


@each_adapter
def test_the_same_text_is_text_elsewhere(adapter: str) -> None:
    for text in SPELLED:
        assert codec(adapter, list[str]).decode(json.dumps([text]).encode()) == [text]
        assert codec(adapter, Any).decode(json.dumps(text).encode()) == text
    assert codec(adapter, dict[str, float]).decode(b'{"inf":1}') == {"inf": 1.0}


@each_adapter
@pytest.mark.parametrize("sent", ["1e400", "-1e309", "1E+400", "9" * 310 + ".0", "[1e999]", '{"a":-1e999}'])
@pytest.mark.parametrize("hint", [float, Any, list, dict, list[float], dict[str, float], Price, int | float])
def test_numbers_beyond_the_range_of_floats_are_refused(adapter: str, hint: Any, sent: str) -> None:
    with pytest.raises(ValidationError):
        codec(adapter, hint).decode(sent.encode())


@each_adapter
def test_large_numbers_within_the_range_are_read(adapter: str) -> None:
    assert codec(adapter, float).decode(b"1.7e308") == 1.7e308
    assert codec(adapter, list[float]).decode(b"[1e-400,5e-324]") == [0.0, 5e-324]


VALUES: list[tuple[Any, Any, str]] = [
    (float, math.nan, "$"),
    (float | None, -math.inf, "$"),
    (list[float], [1.0, math.inf], "$[1]"),
    (dict[str, float], {"a": math.nan}, "$.a"),
    (Decimal, Decimal("NaN"), "$"),
    (list[Decimal], [Decimal("-Infinity")], "$[0]"),
    (list[float | None], [None, math.nan], "$[1]"),
    (dict[str, float | int | None], {"a": math.inf}, "$.a"),
    (Rating, Rating(math.nan), "$.score"),
    (list[Rating] | None, [Rating(None), Rating(math.inf)], "$[1].score"),
    (Price, Price(math.nan), "$.amount"),
    (list[Price], [Price(1.0), Price(1.0, Decimal("sNaN"))], "$[1].exact"),
]


@each_adapter
@pytest.mark.parametrize(("hint", "value", "path"), VALUES)
def test_nan_and_infinity_are_not_written(adapter: str, hint: Any, value: Any, path: str) -> None:
    with pytest.raises(ValidationError) as caught:
        codec(adapter, hint).encode(value)
    assert str(caught.value) == f"NaN and infinity are no JSON numbers - at `{path}`"


@pytest.mark.parametrize(
    "value",
    [
        Loose(amount=math.nan),
        Loose(amount=math.inf),
        Texts(amount=math.nan),
        Texts(amount=-math.inf),
        Nulls(amount=math.nan),
        Nulls(exact=Decimal("Infinity")),
        [Nulls(), Nulls(amount=math.inf)],
        Written(amount=math.nan),
        [Loose(amount=math.nan)],
        {"a": Texts(amount=math.inf)},
    ],
    ids=repr,
)
def test_models_do_not_write_them_in_their_own_way(value: Any) -> None:
    hint = type(value)
    if hint is list:
        hint = list[type(value[0])]  # type: ignore[misc]
    if hint is dict:
        hint = dict[str, type(value["a"])]  # type: ignore[misc]
    with pytest.raises(NotFiniteError):
        codec("pydantic", hint).encode(value)


@each_adapter
@pytest.mark.parametrize("value", [Rating(None), Rating(0.5, {"a": None, "b": "NaN"}), Rating(1.0, "inf")])
def test_null_and_text_are_written(adapter: str, value: Rating) -> None:
    assert json.loads(codec(adapter, Rating).encode(value)) == {"score": value.score, "data": value.data}


@each_adapter
def test_what_has_no_type_writes_them_as_null(adapter: str) -> None:
    for hint in (Any, dict, list | dict):
        assert codec(adapter, hint).encode({"a": [math.nan, -math.inf]}) == b'{"a":[null,null]}'


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (math.nan, "$"),
        (Decimal("sNaN"), "$"),
        ([[0, math.inf]], "$[0][1]"),
        ((math.inf,), "$[0]"),
        (frozenset({math.inf}), "$[0]"),
        ({"a": {"b": math.nan}}, "$.a.b"),
        ({math.nan: 1}, "$.nan"),
        (Struct(math.inf), "$.amount"),
        (Price(math.inf), "$.amount"),
        (Loose(amount=math.inf), "$.amount"),
        ({"a": [Struct(1.0), Struct(math.nan)]}, "$.a[1].amount"),
    ],
)
def test_where_it_is_is_said(value: Any, path: str) -> None:
    with pytest.raises(NotFiniteError) as caught:
        require_finite(value)
    assert str(caught.value) == f"NaN and infinity are no JSON numbers - at `{path}`"


@pytest.mark.parametrize(
    "value",
    [0.5, Decimal("1e999"), "NaN", ["inf", None, True], {"nan": 1}, Struct(1.0), Price, deque([1]), object()],
)
def test_everything_else_is_finite(value: Any) -> None:
    require_finite(value)


@each_adapter
def test_deep_values_are_refused_not_fatal(adapter: str) -> None:
    plain = codec(adapter, Rating)
    value: Any = "nan"
    for depth in range(1, 1_001):
        value = [value]
        for read, sent in [
            (plain.decode, b'{"score":1,"data":%b"nan"%b}' % (b"[" * depth, b"]" * depth)),
            (plain.convert, {"score": 1, "data": value}),
        ]:
            with contextlib.suppress(ValidationError):
                read(sent)


def test_whether_json_has_to_be_looked_at() -> None:
    assert all(may_be_spelled(json.dumps(text).encode()) for text in SPELLED)
    assert not may_be_spelled(b'{"name":"banana","n":1,"i":"x inf"}')


@pytest.mark.parametrize("raw", [b"1e400", b"[1,-2E+999]", b"1" * 400 + b".5"])
def test_huge_numbers_are_refused(raw: bytes) -> None:
    with pytest.raises(ValidationError, match="out of range"):
        refuse_huge(raw)


@pytest.mark.parametrize("raw", [b"1e300", b'"1e999"', b"1e-999", b"1" * 400])
def test_numbers_that_are_not_huge_are_left(raw: bytes) -> None:
    refuse_huge(raw)


@dataclasses.dataclass(slots=True)
class Slotted:
    value: float = 0
    exact: Decimal = Decimal(0)
    parts: "list[Slotted]" = dataclasses.field(default_factory=list)


class Pair(NamedTuple):
    value: float = 0


class Paired(BaseModel):
    pair: Pair


"""What ``Decimal`` reads; escaped text is made of it below."""


@each_adapter
@pytest.mark.parametrize("text", SPELLED)
@pytest.mark.parametrize("is_ascii", [True, False])
def test_decimals_are_finite(adapter: str, text: str, is_ascii: bool) -> None:
    escaped = "".join(f"\\u{ord(character):04X}" for character in text)
    for written in (json.dumps(text, ensure_ascii=is_ascii), f'"{escaped}"'):
        with pytest.raises(ValidationError):
            codec(adapter, Decimal).decode(written.encode())


def test_text_that_the_parser_of_decimals_takes_is_noticed() -> None:
    for text in SPELLED:
        assert not Decimal(text).is_finite()
        assert may_be_spelled(json.dumps(text).encode())
        assert may_be_spelled(json.dumps(text, ensure_ascii=False).encode())


@pytest.mark.parametrize("text", ["x nan", "banana", "é", "caf\u00e9 inf", "a\\nnan"])
def test_other_text_is_not_suspected(text: str) -> None:
    with pytest.raises(decimal.InvalidOperation):
        Decimal(text)
    assert not may_be_spelled(json.dumps(text).encode())


@pytest.mark.parametrize("sent", ['{"value":"nan"}', '{"exact":"-inf"}', '{"parts":[{"value":"inf"}]}'])
def test_records_with_slots_are_finite(sent: str) -> None:
    with pytest.raises(NotFiniteError):
        codec("msgspec", Slotted).decode(sent.encode())


@pytest.mark.parametrize("sent", ['{"pair":["nan"]}', '{"pair":[1e999]}'])
def test_named_tuples_of_models_are_finite(sent: str) -> None:
    with pytest.raises(ValidationError):
        codec_of(Paired).decode(sent.encode())


@pytest.mark.parametrize(
    ("hint", "sent"), [(complex, '"nan+1j"'), (complex, '"1e999"'), (Json, '"[NaN]"'), (Json, '"1e999"')]
)
def test_types_that_only_pydantic_has_are_finite(hint: Any, sent: str) -> None:
    with pytest.raises(ValidationError):
        codec_of(hint).decode(sent.encode())


@pytest.mark.parametrize("sent", ["1e999", "[-1E+400]", '{"a":' + "9" * 400 + ".0}", "1.5e0999"])
def test_numbers_beyond_floats_are_refused(sent: str) -> None:
    with pytest.raises(ValidationError):
        refuse_huge(sent.encode())


@pytest.mark.parametrize("sent", ["1e-999", "1e99", '"1e999"', "9" * 299, '"' + "0" * 400 + '"', '"the123"'])
def test_other_numbers_and_text_are_not(sent: str) -> None:
    refuse_huge(sent.encode())


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (Decimal, Decimal("sNaN")),
        (list[Decimal], [Decimal("-Infinity")]),
        (dict[float, int], {float("nan"): 1}),
        (Slotted, Slotted(float("inf"))),
        (Slotted, Slotted(exact=Decimal("NaN"))),
    ],
)
def test_no_result_holds_them(hint: Any, value: Any) -> None:
    mcp = make_server(compact_results=True)

    def give() -> Any:
        return value

    give.__annotations__["return"] = hint
    mcp.tool()(give)
    result = Client(mcp.lambda_handler()).call("give").result
    assert result["isError"] is True
    assert "NaN and infinity are no JSON numbers" in result["content"][0]["text"]


def test_numbers_that_are_written_as_text_stay_exact() -> None:
    assert codec_of(Decimal, "write").encode(Decimal("1E+999")) == b'"1E+999"'
    assert codec_of(dict[float, int], "write").encode({1.5: 1}) == b'{"1.5":1}'
    assert msgspec.json.decode(codec_of(Slotted, "write").encode(Slotted(1.5)))["value"] == 1.5
