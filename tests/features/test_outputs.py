"""Results as the official SDK has them, which is the default; test_tools.py has those that are compact."""

import datetime as dt
import enum
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Optional

import pydantic
import pytest
from tests.support import Client, dumps, make_server, success, tool_error
from typing_extensions import TypedDict

from lambent import CallToolResult, DeclarationError, Image, InputRequiredResult, TextContent, ToolResult

Serve = Callable[..., Client]
PICTURE = {"type": "image", "data": "eA==", "mimeType": "image/png"}


class Color(enum.Enum):
    RED = "red"


@dataclass
class Line:
    sku: str
    count: int = 1


@dataclass
class Order:
    id: str
    lines: list[Line] = field(default_factory=list)


class Options(TypedDict):
    name: str


class Point(NamedTuple):
    x: int
    y: int


class Model(pydantic.BaseModel):
    name: str = pydantic.Field(alias="Name")


class Empty(pydantic.BaseModel):
    pass


class Attributes:
    """What no library knows."""

    name: str
    size: int = 4
    tags: list[str] = []  # noqa: RUF012 - as people write it
    kind: ClassVar[str] = "a"
    _secret: str = "s"

    def __init__(self) -> None:
        self.name = "n"


class Nothing:
    pass


def text(*texts: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": one} for one in texts]


def returning(serve: Serve, hint: Any, value: Any, **options: Any) -> Client:
    mcp = make_server()

    def t() -> Any:
        return value

    t.__annotations__["return"] = hint
    mcp.tool(**options)(t)
    return serve(mcp)


def wrapped(schema: dict[str, Any], **shared: Any) -> dict[str, Any]:
    title = {} if "$ref" in schema else {"title": "Result"}
    members = {"properties": {"result": {**schema, **title}}, "required": ["result"]}
    return {**shared, **members, "title": "tOutput", "type": "object"}


NUMBERS = {"type": "array", "items": {"type": "integer"}}
LINE = {
    "title": "Line",
    "type": "object",
    "properties": {
        "sku": {"type": "string", "title": "Sku"},
        "count": {"type": "integer", "default": 1, "title": "Count"},
    },
    "required": ["sku"],
}
WRAPPED: list[tuple[Any, Any, list[dict[str, Any]], Any, dict[str, Any]]] = [
    (str, "x", text("x"), "x", wrapped({"type": "string"})),
    (str, "größe", text("größe"), "größe", wrapped({"type": "string"})),
    (int, 5, text("5"), 5, wrapped({"type": "integer"})),
    (float, 0.5, text("0.5"), 0.5, wrapped({"type": "number"})),
    (bool, True, text("true"), True, wrapped({"type": "boolean"})),
    (None, None, [], None, wrapped({"type": "null"})),
    (list[int], [1, 2], text("1", "2"), [1, 2], wrapped(NUMBERS)),
    (list[int], [], [], [], wrapped(NUMBERS)),
    (list[list[int]], [[1], [2, 3]], text("1", "2", "3"), [[1], [2, 3]], wrapped(
        {"type": "array", "items": NUMBERS}
    )),
    (list[str | None], ["a", None], text("a"), ["a", None], wrapped(
        {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "null"}]}}
    )),
    (int | None, None, [], None, wrapped({"anyOf": [{"type": "integer"}, {"type": "null"}]})),
    (Optional[dt.date], dt.date(2026, 7, 28), text('"2026-07-28"'), "2026-07-28", wrapped(  # noqa: UP045
        {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]}
    )),
    (Literal["a", "b"], "a", text("a"), "a", wrapped({"enum": ["a", "b"], "type": "string"})),
    (Literal["a"], "a", text("a"), "a", wrapped({"const": "a", "type": "string"})),
    (dict[int, int], {1: 2}, text('{\n  "1": 2\n}'), {"1": 2}, wrapped(
        {"type": "object", "additionalProperties": {"type": "integer"}}
    )),
    (list[Line], [Line("s")], text('{\n  "sku": "s",\n  "count": 1\n}'), [{"sku": "s", "count": 1}], wrapped(
        {"type": "array", "items": {"$ref": "#/$defs/Line"}}, **{"$defs": {"Line": LINE}}
    )),
    (Line | None, Line("s"), text('{\n  "sku": "s",\n  "count": 1\n}'), {"sku": "s", "count": 1}, wrapped(
        {"anyOf": [{"$ref": "#/$defs/Line"}, {"type": "null"}]}, **{"$defs": {"Line": LINE}}
    )),
]  # fmt: skip
"""Types whose values are no objects, with the value, its blocks, its JSON, and the schema."""


@pytest.mark.parametrize(("hint", "value", "blocks", "structured", "schema"), WRAPPED)
def test_what_is_no_object_is_wrapped(
    serve: Serve, hint: Any, value: Any, blocks: list[Any], structured: Any, schema: dict[str, Any]
) -> None:
    client = returning(serve, hint, value)
    shown = client.tool("t")["outputSchema"]
    if "anyOf" in shown["properties"]["result"] and "$defs" in shown:
        shown["properties"]["result"].setdefault("title", "Result")
    assert shown == schema
    reply = client.call("t")
    assert reply.result["content"] == blocks
    assert reply.result["structuredContent"] == {"result": structured}


@pytest.mark.parametrize(
    ("hint", "value", "written", "title"),
    [
        (Order, Order("a"), {"id": "a", "lines": []}, "Order"),
        (Options, Options(name="n"), {"name": "n"}, "Options"),
        (Model, Model(Name="m"), {"Name": "m"}, "Model"),
        (Empty, Empty(), {}, "Empty"),
        (Annotated[Line, "x"], Line("s"), {"sku": "s", "count": 1}, "Line"),
        (dict[str, int], {"a": 1}, {"a": 1}, "tDictOutput"),
        (dict[str, Any], {"a": [1]}, {"a": [1]}, "tDictOutput"),
        (Attributes, Attributes(), {"name": "n", "size": 4, "tags": []}, "Attributes"),
        (Attributes, {"name": "m", "size": 5}, {"name": "m", "size": 5, "tags": []}, "Attributes"),
    ],
)
def test_objects_are_as_they_are(serve: Serve, hint: Any, value: Any, written: Any, title: str) -> None:
    client = returning(serve, hint, value)
    schema = client.tool("t")["outputSchema"]
    assert (schema["type"], schema["title"]) == ("object", title)
    reply = client.call("t")
    assert reply.result["structuredContent"] == written
    assert reply.result["content"] == text(json.dumps(written, indent=2) if written else "{}")


def test_a_class_is_described_by_its_attributes(serve: Serve) -> None:
    assert returning(serve, Attributes, None).tool("t")["outputSchema"] == {
        "title": "Attributes",
        "type": "object",
        "properties": {
            "name": {"type": "string", "title": "Name"},
            "size": {"type": "integer", "default": 4, "title": "Size"},
            "tags": {"type": "array", "items": {"type": "string"}, "title": "Tags"},
        },
        "required": ["name"],
    }


def test_a_missing_attribute_is_the_tools_failure(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    value = Attributes()
    del value.name
    reply = returning(serve, Attributes, value).call("t")
    assert reply.result["isError"] is True
    assert "has no attribute 'name'" in caplog.text


OPEN: list[tuple[Any, Any, list[dict[str, Any]]]] = [
    (Any, 5, text("5")),
    (Any, None, []),
    (Any, ["a", {"b": 1}], text("a", '{\n  "b": 1\n}')),
    (object, "x", text("x")),
    (list, ["a", 1], text("a", "1")),
    (dict, {"a": [1]}, text('{\n  "a": [\n    1\n  ]\n}')),
    (bytes, b"hi", text('"aGk="')),
    (list[bytes], [b"hi"], text('"aGk="')),
    (dt.date, dt.date(2026, 7, 28), text('"2026-07-28"')),
    (Color, Color.RED, text('"red"')),
    (Decimal, Decimal("1.5"), text('"1.5"')),
    (uuid.UUID, uuid.UUID(int=5), text('"00000000-0000-0000-0000-000000000005"')),
    (Point, Point(1, 2), text("1", "2")),
    (pydantic.AnyUrl, pydantic.AnyUrl("http://a/b"), text('"http://a/b"')),
    (Image, Image(data=b"x"), [PICTURE]),
    (list[Image], [Image(data=b"x"), "y"], [PICTURE, *text("y")]),
    (TextContent, TextContent(text="x"), text("x")),
    (InputRequiredResult, "x", text("x")),
    (str | InputRequiredResult, "x", text("x")),
    (ToolResult, ToolResult(content=["x"]), text("x")),
    (CallToolResult, CallToolResult(content=[TextContent(text="x")]), text("x")),
]
"""Types of which nothing is said."""


@pytest.mark.parametrize(("hint", "value", "blocks"), OPEN)
def test_other_results_are_blocks(serve: Serve, hint: Any, value: Any, blocks: list[Any]) -> None:
    client = returning(serve, hint, value)
    assert client.call("t").result["content"] == blocks
    if hint != str | InputRequiredResult:
        assert "outputSchema" not in client.tool("t")
        assert "structuredContent" not in client.call("t").result


def test_content_goes_where_a_type_promised_something_else(serve: Serve) -> None:
    client = returning(serve, str, ToolResult(content=["x"], structured_content={"result": "y"}))
    assert client.call("t").result["content"] == text("x")
    assert client.call("t").result["structuredContent"] == {"result": "y"}
    for wrong in ("y", {"result": 5}, {"other": "y"}):
        client = returning(serve, str, ToolResult(structured_content=wrong))
        assert client.call("t").result["isError"] is True


def test_a_whole_result_is_described_by_its_annotation(serve: Serve) -> None:
    hint = Annotated[ToolResult, Line]
    client = returning(serve, hint, ToolResult(content=["x"], structured_content=Line("s")))
    assert client.tool("t")["outputSchema"]["title"] == "Line"
    assert client.call("t").result["structuredContent"] == {"sku": "s", "count": 1}


@pytest.mark.parametrize("hint", [Nothing, Point])
def test_structured_output_has_to_be_possible(hint: Any) -> None:
    mcp = make_server()

    def t() -> Any: ...

    t.__annotations__["return"] = hint
    if hint is Nothing:
        with pytest.raises(DeclarationError, match="t, result"):
            mcp.tool(structured_output=True)(t)
    else:
        mcp.tool(structured_output=True)(t)


@pytest.mark.parametrize("hint", [str, int, list[int], Line, Any])
def test_structured_output_can_be_switched_off(serve: Serve, hint: Any) -> None:
    value = {str: "x", int: 5, Line: Line("s"), Any: 5}.get(hint, [1])
    client = returning(serve, hint, value, structured_output=False)
    assert "outputSchema" not in client.tool("t")
    assert "structuredContent" not in client.call("t").result


# Definitions and arguments


def test_definitions_are_those_of_the_official_sdk(serve: Serve) -> None:
    mcp = make_server()

    @mcp.tool()
    def add(a: int, other_number: float = 0.5) -> int:
        return a

    assert dumps(serve(mcp).tool("add")) == dumps(
        {
            "name": "add",
            "description": "",
            "inputSchema": {
                "type": "object",
                "properties": {
                    "a": {"type": "integer", "title": "A"},
                    "other_number": {"type": "number", "title": "Other Number", "default": 0.5},
                },
                "required": ["a"],
                "title": "addArguments",
            },
            "outputSchema": {
                "properties": {"result": {"type": "integer", "title": "Result"}},
                "required": ["result"],
                "title": "addOutput",
                "type": "object",
            },
        }
    )


@pytest.mark.parametrize("extra", [None, pydantic.Field(default=1)])
def test_unknown_arguments_are_ignored(serve: Serve, extra: Any) -> None:
    mcp = make_server()

    def t(a: int = extra or 1) -> int:
        return a

    mcp.tool()(t)
    client = serve(mcp)
    assert client.call("t", {"a": 5, "b": 6}).value == 5
    assert client.call("t", {"b": 6}).value == 1
    assert "additionalProperties" not in client.tool("t")["inputSchema"]


@pytest.mark.filterwarnings("ignore::lambent.DeclarationWarning")
def test_parameters_without_a_type_are_listed_as_text(serve: Serve) -> None:
    mcp = make_server()

    @mcp.tool()
    def t(a, b=None):  # type: ignore[no-untyped-def]
        return repr(a)

    client = serve(mcp)
    assert client.tool("t")["inputSchema"]["properties"] == {
        "a": {"title": "a", "type": "string"},
        "b": {"title": "b", "type": "string", "default": None},
    }
    assert client.call("t", {"a": [1]}).text == "[1]"


def test_errors_name_the_tool(serve: Serve) -> None:
    mcp = make_server()

    @mcp.tool()
    def t(a: int) -> int:
        return a

    assert serve(mcp).call("t", {"a": "x"}).body == tool_error(
        "Error executing tool t: Invalid arguments: Expected `int`, got `str` - at `$.a`"
    )


@pytest.mark.parametrize("number", [0, 10**20, 1.5])
def test_a_number_byte_for_byte(serve: Serve, number: float) -> None:
    shown = dumps(number)
    assert returning(serve, type(number), number).call("t").body == success(
        f'"content":[{{"type":"text","text":"{shown}"}}],"structuredContent":{{"result":{shown}}}'
    )


def test_the_legacy_era_wraps_once(serve: Serve) -> None:
    from tests.wire.eras.legacy_client import LegacyClient

    inner = returning(serve, list[int], [1, 2])
    client = LegacyClient(inner, "2025-11-25")
    (tool,) = client.request("tools/list").result["tools"]
    assert tool["outputSchema"] == wrapped(NUMBERS)
    assert client.call("t").result == {"content": text("1", "2"), "structuredContent": {"result": [1, 2]}}
