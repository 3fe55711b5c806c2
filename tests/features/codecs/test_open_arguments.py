"""Functions that take others than the arguments they name."""

import json
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import pydantic
import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel
from tests.features.adapters import each_adapter, mention
from tests.support import Client, make_server, tool_error

from lambent import Context, DeclarationError, Resolve
from lambent.execution.context import INJECTED
from lambent.features.codecs import Codec, ValidationError, arguments_codec
from lambent.features.signature import read_signature

Serve = Callable[..., Client]


@dataclass
class Line:
    sku: str


class Other:
    @dataclass
    class Line:
        count: int


def arguments_of(function: Callable[..., Any], adapter: str = "msgspec") -> Codec:
    copied = types.FunctionType(function.__code__, globals(), function.__name__, function.__defaults__)
    copied.__annotations__ = dict(function.__annotations__)
    return read_signature(mention(adapter, copied), INJECTED).arguments


def typed(a: int, b: str = "x", **others: int) -> None: ...


def untyped(a: int, **others) -> None: ...  # type: ignore[no-untyped-def]


def only(**others: list[int]) -> None: ...


def records(line: Line, **others: Other.Line) -> None: ...


@each_adapter
@pytest.mark.parametrize(
    ("function", "sent", "value"),
    [
        (typed, b'{"a":1}', {"a": 1, "b": "x"}),
        (typed, b'{"a":"1","c":"2","others":3}', {"a": 1, "b": "x", "c": 2, "others": 3}),
        (untyped, b'{"a":1,"b":[null],"others":"x"}', {"a": 1, "b": [None], "others": "x"}),
        (only, b"{}", {}),
        (only, b'{"a":[1],"b":"[2]"}', {"a": [1], "b": [2]}),
        (records, b'{"line":{"sku":"s"},"x":{"count":1}}', {"line": Line("s"), "x": Other.Line(1)}),
    ],
)
def test_others_have_a_type_of_their_own(
    adapter: str, function: Callable[..., Any], sent: bytes, value: dict[str, Any]
) -> None:
    arguments = arguments_of(function, adapter)
    assert arguments.decode(sent) == value
    assert arguments.convert(json.loads(sent)) == value


@each_adapter
@pytest.mark.parametrize(
    ("function", "sent", "path"),
    [
        (typed, b"{}", "a"),
        (typed, b'{"a":"x"}', "`$.a`"),
        (typed, b'{"a":1,"c":"x"}', "`$.c`"),
        (only, b'{"a":[1],"b":[1,"x"]}', "`$.b[1]`"),
        (records, b'{"line":{"sku":"s"},"x":{"count":"x"}}', "`$.x.count`"),
        (records, b'{"line":{"sku":"s"},"x":{"count":1},"y":{}}', "`$.y"),
        (typed, b"[]", "object"),
        (typed, b"{", ""),
        (typed, b'{"\xff":1}', ""),
    ],
)
def test_what_does_not_fit_is_named(
    adapter: str, function: Callable[..., Any], sent: bytes, path: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        arguments_of(function, adapter).decode(sent)
    assert path in str(caught.value)


@each_adapter
def test_schemas_describe_the_named_and_the_others(adapter: str) -> None:
    schema = arguments_of(typed, adapter).schema()
    assert schema == {
        "type": "object",
        "properties": {
            "a": {"type": "integer", "title": "A"},
            "b": {"type": "string", "default": "x", "title": "B"},
        },
        "required": ["a"],
        "additionalProperties": {"type": "integer"},
    }
    assert arguments_of(only, adapter).schema() == {
        "type": "object",
        "additionalProperties": {"type": "array", "items": {"type": "integer"}},
    }
    assert arguments_of(untyped, adapter).schema()["additionalProperties"] is True


@each_adapter
def test_types_of_the_same_name_are_told_apart(adapter: str) -> None:
    schema = arguments_of(records, adapter).schema()
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    assert validator.is_valid({"line": {"sku": "s"}, "x": {"count": 1}})
    assert not validator.is_valid({"line": {"sku": "s"}, "x": {"sku": "s"}})


def aliased(a: Annotated[int, pydantic.Field(alias="A")], **others: int) -> None: ...


def chosen(
    a: Annotated[int, pydantic.Field(validation_alias=pydantic.AliasChoices("A", "ay"))], **others: int
) -> None: ...


def test_a_name_behind_an_alias_is_no_other() -> None:
    """The function would get it twice."""
    assert arguments_of(aliased).decode(b'{"A":1,"b":2}') == {"a": 1, "b": 2}
    with pytest.raises(ValidationError, match="Object contains unknown field `a`"):
        arguments_of(aliased).decode(b'{"A":1,"a":2}')


def test_every_choice_of_an_alias_is_a_name() -> None:
    assert arguments_of(chosen).decode(b'{"ay":1,"b":2}') == {"a": 1, "b": 2}
    assert arguments_of(chosen).decode(b'{"A":1,"b":2}') == {"a": 1, "b": 2}


def find() -> int:
    return 1


def test_the_context_and_what_is_resolved_are_none_of_the_others(serve: Serve) -> None:
    mcp, seen = make_server(), []

    @mcp.tool()
    def t(ctx: Context, found: Annotated[int, Resolve(find)], **others: Any) -> str:
        seen.append(others)
        return "done"

    client = serve(mcp)
    assert client.call("t", {"self": 1, "others": 2}).text == "done"
    assert seen == [{"self": 1, "others": 2}]
    assert client.call("t", {"ctx": 1}).body == tool_error(
        "Error executing tool t: Invalid arguments: Object contains unknown field `ctx`"
    )
    assert client.call("t", {"found": 2}).body == tool_error(
        "Error executing tool t: Invalid arguments: Object contains unknown field `found`"
    )


def test_a_wrong_other_byte_for_byte(serve: Serve) -> None:
    mcp = make_server()
    mcp.tool("t")(typed)
    assert serve(mcp).call("t", {"a": 1, "c": "x"}).body == tool_error(
        "Error executing tool t: Invalid arguments: Expected `int`, got `str` - at `$.c`"
    )


def test_others_that_cannot_be_described_are_refused() -> None:
    def function(**others: type) -> None: ...

    with pytest.raises(DeclarationError, match="type has no JSON form"):
        arguments_of(function)


class Item(BaseModel):
    a: int
    b: int


def test_each_problem_has_its_place() -> None:
    with pytest.raises(ValidationError) as caught:
        arguments_codec("f", [], Item).decode(b'{"x":{}}')
    assert str(caught.value) == "Field required - at `$.x.a`; Field required - at `$.x.b`"
