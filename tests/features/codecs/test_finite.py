"""NaN and infinity, however they are spelled and wherever they are."""

import dataclasses
import decimal
import json
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec
import pytest
from pydantic import BaseModel, Json
from tests.features.adapters import codec, each_adapter
from tests.support import Client, make_server

from lambent.features.codecs import NotFiniteError, ValidationError, codec_of
from lambent.features.codecs.finite import may_be_spelled, refuse_huge


@dataclasses.dataclass(slots=True)
class Slotted:
    value: float = 0
    exact: Decimal = Decimal(0)
    parts: "list[Slotted]" = dataclasses.field(default_factory=list)


class Pair(NamedTuple):
    value: float = 0


class Paired(BaseModel):
    pair: Pair


SPELLED = ["NaN", "inf", "-Infinity", "snan", "\t\nnan", "\u2003inf", "\u00a0-nan", "_inf", "n_a_n", "i__nf"]
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
    mcp = make_server()

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
