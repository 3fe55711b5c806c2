"""Tools on the wire: the same tests over both adapters, and what both share.

The results are compact here; ``test_outputs.py`` has those of the official SDK.
"""

import datetime as dt
import enum
import functools
import inspect
import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple, NotRequired

import annotated_types as at
import msgspec
import pydantic
import pytest
from jsonschema import Draft202012Validator
from tests.features.adapters import each_adapter, mention
from tests.support import Client, Reply, dumps, failure, make_server, success, tool_error
from typing_extensions import TypedDict

from lambent import (
    Annotations,
    Audio,
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    Context,
    DeclarationError,
    EmbeddedResource,
    Icon,
    Image,
    ImageContent,
    MCPServer,
    ResourceLink,
    RetryableError,
    TextContent,
    TextResourceContents,
    ToolAnnotations,
    ToolError,
    ToolResult,
)

Serve = Callable[..., Client]


def compact_server() -> MCPServer:
    """A server with the smallest results, that refuses what no tool takes."""
    return make_server(strict_arguments=True, compact_results=True)


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Line:
    sku: str
    count: int = 1


@dataclass
class Order:
    id: str
    lines: list[Line] = field(default_factory=list)
    note: str | None = None


class Options(TypedDict):
    name: str
    deep: NotRequired[bool]


class Point(NamedTuple):
    x: int
    y: int


class Struct(msgspec.Struct):
    name: str
    size: int = 0


class Model(pydantic.BaseModel):
    name: str
    size: int = 0


def tool_of(adapter: str, function: Callable[..., Any], **options: Any) -> MCPServer:
    mcp = compact_server()
    mcp.tool("t", **options)(mention(adapter, function))
    return mcp


# Arguments


@each_adapter
@pytest.mark.parametrize("sent", [5, "5", 5.0])
def test_arguments_are_converted(serve: Serve, adapter: str, sent: Any) -> None:
    def function(n: int) -> str:
        return repr(n)

    assert serve(tool_of(adapter, function)).call("t", {"n": sent}).text == "5"


@each_adapter
def test_arguments_of_every_kind_arrive_as_their_types(serve: Serve, adapter: str) -> None:
    def function(
        order: Order, color: Color, kind: Literal["a", "b"], day: dt.date, many: list[int], either: int | str
    ) -> str:
        assert isinstance(order.lines[0], Line)
        return repr((order.lines[0].count, color, kind, day, many, either))

    arguments = {
        "order": {"id": "a", "lines": [{"sku": "s", "count": "3"}]},
        "color": "blue",
        "kind": "b",
        "day": "2026-07-28",
        "many": ["1", 2],
        "either": "x",
    }
    reply = serve(tool_of(adapter, function)).call("t", arguments)
    assert reply.text == repr((3, Color.BLUE, "b", dt.date(2026, 7, 28), [1, 2], "x"))


@each_adapter
def test_defaults_fill_in_and_are_not_shared(serve: Serve, adapter: str) -> None:
    def function(n: int = 7, items: list[str] = ["a"]) -> str:  # noqa: B006 - that is the point
        items.append("b")
        return f"{n} {items}"

    client = serve(tool_of(adapter, function))
    assert [client.call("t").text for _ in range(3)] == ["7 ['a', 'b']"] * 3
    assert client.call("t", {"n": 1, "items": []}).text == "1 ['b']"


WRONG: list[tuple[dict[str, Any], str]] = [
    ({}, "quantity"),
    ({"quantity": "many"}, "quantity"),
    ({"quantity": 0}, "quantity"),
    ({"quantity": None}, "quantity"),
    ({"quantity": 1, "color": "green"}, "color"),
    ({"quantity": 1, "colour": "red"}, "colour"),
    ({"quantity": 1, "lines": [{"sku": 1}]}, "lines"),
    ({"quantity": 1, "lines": [{}]}, "sku"),
    ({"quantity": 1, "lines": "x"}, "lines"),
]


@each_adapter
@pytest.mark.parametrize(("arguments", "named"), WRONG)
def test_wrong_arguments_are_an_error_that_the_model_can_mend(
    serve: Serve, adapter: str, arguments: dict[str, Any], named: str
) -> None:
    calls = []

    def function(
        quantity: Annotated[int, at.Ge(1)], color: Color = Color.RED, lines: list[Line] | None = None
    ) -> str:
        calls.append(quantity)
        return "done"

    reply = serve(tool_of(adapter, function)).call("t", arguments)
    assert reply.status == 200
    assert reply.result["isError"] is True
    assert reply.text.startswith("Error executing tool t: Invalid arguments: ")
    assert named in reply.text
    assert reply.body == tool_error(reply.text)
    assert calls == []


def test_wrong_arguments_byte_for_byte(serve: Serve) -> None:
    def function(n: int) -> str:
        return ""

    client = serve(tool_of("msgspec", function))
    assert client.call("t", {"n": "x"}).body == tool_error(
        "Error executing tool t: Invalid arguments: Expected `int`, got `str` - at `$.n`"
    )
    assert client.call("t").body == tool_error(
        "Error executing tool t: Invalid arguments: Object missing required field `n`"
    )
    assert client.call("t", {"n": 1, "m": 2}).body == tool_error(
        "Error executing tool t: Invalid arguments: Object contains unknown field `m`"
    )


def test_pydantic_names_every_problem_at_once(serve: Serve) -> None:
    def function(a: int, b: int) -> str:
        return ""

    reply = serve(tool_of("pydantic", function)).call("t", {"a": "x", "c": 1})
    for problem in ("at `$.a`", "at `$.b`", "at `$.c`"):
        assert problem in reply.text
    assert "pydantic" not in reply.text


def test_pydantic_names_the_first_problems_of_many(serve: Serve) -> None:
    def function(items: list[int]) -> str:
        return ""

    reply = serve(tool_of("pydantic", function)).call("t", {"items": ["x"] * 1_000})
    assert "at `$.items[0]`" in reply.text
    assert len(reply.text) < 2_000


@each_adapter
def test_a_tool_without_parameters_takes_none(serve: Serve, adapter: str) -> None:
    def function() -> str:
        return "done"

    client = serve(tool_of(adapter, function))
    assert client.call("t").text == "done"
    assert client.call("t", {"a": 1}).result["isError"] is True
    assert client.tool("t")["inputSchema"] == {
        "type": "object",
        "properties": {},
        "additionalProperties": False,
        "title": "functionArguments",
    }


def test_a_tool_may_take_every_argument_there_is(serve: Serve) -> None:
    mcp = compact_server()

    @mcp.tool(structured_output=True)
    def t(**arguments: Any) -> Any:
        return arguments

    client = serve(mcp)
    sent = {"a": [1, {"b": None}], "json": "x"}
    assert client.call("t", sent).value == sent
    assert client.tool("t")["inputSchema"] == {
        "type": "object",
        "additionalProperties": True,
        "title": "tArguments",
    }


@pytest.mark.filterwarnings("ignore::lambent.DeclarationWarning")
@each_adapter
def test_untyped_parameters_take_anything(serve: Serve, adapter: str) -> None:
    def function(a, b=None):  # type: ignore[no-untyped-def]
        return f"{a!r} {b!r}"

    client = serve(tool_of(adapter, function))
    assert client.call("t", {"a": [1], "b": {"c": "d"}}).text == "[1] {'c': 'd'}"


@each_adapter
def test_awkward_text_comes_through(serve: Serve, adapter: str) -> None:
    def function(text: str) -> str:
        return text

    client = serve(tool_of(adapter, function))
    for text in ("", " ", "\0", "\u2028\u2029", "\U0001f600", '"\\', "</script>", "a" * 100_000):
        assert client.call("t", {"text": text}).text == text


# Definitions


def test_a_definition_byte_for_byte(serve: Serve) -> None:
    mcp = compact_server()

    @mcp.tool(
        "lookup",
        title="Look up",
        description="Finds an order.",
        annotations=ToolAnnotations(read_only_hint=True, open_world_hint=False),
        icons=[Icon(src="https://a/i.png")],
        meta={"com.example/k": 1},
    )
    def function(order_id: Annotated[str, "Which one"], deep: bool = False) -> Order:
        """Not this."""
        return Order(order_id)

    assert serve(mcp).request("tools/list").body == success(
        '"tools":[{"name":"lookup","title":"Look up","description":"Finds an order.","inputSchema":'
        '{"type":"object","properties":{"order_id":{"description":"Which one","type":"string",'
        '"title":"Order Id"},"deep":{"type":"boolean","title":"Deep","default":false}},'
        '"required":["order_id"],"additionalProperties":false,"title":"functionArguments"},'
        '"outputSchema":{"title":"Order","type":"object","properties":{"id":{"type":"string","title":"Id"},"lines":'
        '{"type":"array","items":{"$ref":"#/$defs/Line"},"title":"Lines"},"note":{"anyOf":[{"type":"string"},'
        '{"type":"null"}],"default":null,"title":"Note"}},"required":["id"],"$defs":{"Line":{"title":"Line","type":'
        '"object","properties":{"sku":{"type":"string","title":"Sku"},"count":{"type":"integer","default":1,'
        '"title":"Count"}},'
        '"required":["sku"]}}},"annotations":{"readOnlyHint":true,"openWorldHint":false},'
        '"icons":[{"src":"https://a/i.png"}],"_meta":{"com.example/k":1}}],"ttlMs":60000,'
        '"cacheScope":"public"'
    )


def test_name_and_description_come_from_the_function(serve: Serve) -> None:
    mcp = compact_server()

    @mcp.tool()
    def lookup_order() -> str:
        """Finds an order.

        By its id.
        """
        return ""

    @mcp.tool()
    def bare() -> None: ...

    client = serve(mcp)
    assert client.tool("lookup_order")["description"] == "Finds an order.\n\nBy its id."
    assert client.tool("bare")["description"] == ""


def test_the_function_stays_what_it_was() -> None:
    def function(n: int) -> int:
        return n + 1

    assert compact_server().tool()(function) is function
    assert function(1) == 2


@each_adapter
def test_input_schemas_are_valid_and_describe(serve: Serve, adapter: str) -> None:
    def function(
        quantity: Annotated[int, "How many", at.Ge(1)],
        order: Order,
        color: Color = Color.RED,
        kind: Literal["a", "b"] = "a",
        maybe: str | None = None,
    ) -> str:
        return ""

    schema = serve(tool_of(adapter, function)).tool("t")["inputSchema"]
    Draft202012Validator.check_schema(schema)
    assert schema["type"] == "object"
    assert schema["required"] == ["quantity", "order"]
    assert schema["additionalProperties"] is False
    assert list(schema["properties"]) == ["quantity", "order", "color", "kind", "maybe"]
    assert schema["properties"]["quantity"] == {
        "title": "Quantity",
        "type": "integer",
        "description": "How many",
        "minimum": 1,
    }
    assert schema["properties"]["order"] == {"$ref": "#/$defs/Order"}
    assert schema["properties"]["maybe"]["default"] is None
    validator = Draft202012Validator(schema)
    assert validator.is_valid({"quantity": 1, "order": {"id": "a"}})
    assert not validator.is_valid({"quantity": 0, "order": {"id": "a"}})
    assert not validator.is_valid({"quantity": 1, "order": {}})


def test_the_context_is_no_argument(serve: Serve) -> None:
    mcp = compact_server()

    @mcp.tool()
    def t(ctx: Context, n: int) -> str:
        return f"{n} {ctx.request_id}"

    client = serve(mcp)
    assert list(client.tool("t")["inputSchema"]["properties"]) == ["n"]
    assert client.call("t", {"n": 1}, request_id="r").text == "1 r"
    assert client.call("t", {"n": 1, "ctx": {}}).result["isError"] is True


def test_an_explicit_schema_is_advertised_as_it_is(serve: Serve) -> None:
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {"b": {"type": "string", "pattern": "^x"}, "a": {"$ref": "#/definitions/A"}},
        "definitions": {"A": {"enum": [1, None]}},
        "allOf": [{"required": ["b"]}],
        "x-anything": None,
    }
    mcp = compact_server()

    @mcp.tool(input_schema=schema)
    def t(b: str, a: int | None = None) -> str:
        return b

    client = serve(mcp)
    assert f'"inputSchema":{dumps(schema)}'.encode() in client.request("tools/list").body
    assert client.call("t", {"b": "y"}).text == "y"
    assert client.call("t", {"b": 1}).result["isError"] is True


# Results


RESULTS: list[tuple[Any, Any, Any]] = [
    (int, 5, 5),
    (float, 0.5, 0.5),
    (bool, False, False),
    (int | None, None, None),
    (int | str, "x", "x"),
    (Literal["a", "b"], "a", "a"),
    (Color, Color.BLUE, "blue"),
    (list[str], ["a", "b"], ["a", "b"]),
    (list[int], [], []),
    (tuple[int, str], (1, "a"), [1, "a"]),
    (dict[str, int], {"a": 1}, {"a": 1}),
    (dict, {"a": [1, None]}, {"a": [1, None]}),
    (set[int], {1}, [1]),
    (Order, Order("a", [Line("s")]), {"id": "a", "lines": [{"sku": "s", "count": 1}], "note": None}),
    (list[Order], [Order("a")], [{"id": "a", "lines": [], "note": None}]),
    (Order | None, None, None),
    (dict[str, Order], {"x": Order("a")}, {"x": {"id": "a", "lines": [], "note": None}}),
    (Options, {"name": "n", "deep": True}, {"name": "n", "deep": True}),
    (dt.date, dt.date(2026, 7, 28), "2026-07-28"),
    (dt.datetime, dt.datetime(2026, 7, 28, tzinfo=dt.UTC), "2026-07-28T00:00:00Z"),
    (list[Any | None], [1, {"a": None}], [1, {"a": None}]),
]


def check_structured(client: Client, expected: Any) -> None:
    schema = client.tool("t")["outputSchema"]
    Draft202012Validator.check_schema(schema)
    reply = client.call("t")
    assert reply.value == expected
    Draft202012Validator(schema).validate(reply.value)
    text = reply.text if not isinstance(expected, str) else json.dumps(reply.text)
    assert json.loads(text) == expected
    assert f'"structuredContent":{text}'.encode() in reply.body


@each_adapter
@pytest.mark.parametrize(("hint", "value", "expected"), RESULTS)
def test_results_are_structured_and_fit_their_schema(
    serve: Serve, adapter: str, hint: Any, value: Any, expected: Any
) -> None:
    def function() -> Any:
        return value

    function.__annotations__["return"] = hint
    check_structured(serve(tool_of(adapter, function)), expected)


def test_structs_are_structured(serve: Serve) -> None:
    class Camel(msgspec.Struct, rename="camel", omit_defaults=True):
        order_id: str
        line_count: int = 0

    def function() -> list[Camel]:
        return [Camel("a"), Camel("b", 2)]

    check_structured(serve(tool_of("", function)), [{"orderId": "a"}, {"orderId": "b", "lineCount": 2}])


def test_tagged_unions_are_structured(serve: Serve) -> None:
    class Cat(msgspec.Struct, tag=True):
        lives: int

    class Dog(msgspec.Struct, tag=True):
        name: str

    def function() -> list[Cat | Dog]:
        return [Cat(9), Dog("Rex")]

    check_structured(
        serve(tool_of("", function)), [{"type": "Cat", "lives": 9}, {"type": "Dog", "name": "Rex"}]
    )


def test_models_are_structured(serve: Serve) -> None:
    class Deep(pydantic.BaseModel):
        model_config = pydantic.ConfigDict(populate_by_name=True)
        order_id: str = pydantic.Field(alias="orderId")
        models: dict[str, Model] = {}

    def function() -> Deep:
        return Deep(order_id="a", models={"x": Model(name="n")})

    check_structured(
        serve(tool_of("", function)), {"orderId": "a", "models": {"x": {"name": "n", "size": 0}}}
    )


def test_models_may_be_arguments(serve: Serve) -> None:
    def function(model: Model, models: list[Model] | None = None) -> str:
        return repr((model, models))

    client = serve(tool_of("", function))
    assert client.call("t", {"model": {"name": "n", "size": "3"}}).text == "(Model(name='n', size=3), None)"
    assert "`$.model.name`" in client.call("t", {"model": {}}).text
    Draft202012Validator.check_schema(client.tool("t")["inputSchema"])


@pytest.mark.parametrize("hint", [str, None, Any, Annotated[str, "A greeting"]], ids=str)
@pytest.mark.parametrize("mentioned", [int, Model])
def test_text_and_nothing_are_not_structured(serve: Serve, hint: Any, mentioned: Any) -> None:
    def function(also: Any = None) -> Any:
        return None if hint is None else "x"

    function.__annotations__ = {"also": mentioned, "return": hint}
    client = serve(tool_of("", function))
    assert "outputSchema" not in client.tool("t")
    content = "" if hint is None else '{"type":"text","text":"x"}'
    assert client.call("t").body == success(f'"content":[{content}]')


def test_what_is_not_annotated_is_not_structured(serve: Serve) -> None:
    mcp = compact_server()
    mcp.tool("text")(lambda: "x")
    mcp.tool("number")(lambda: 5)
    mcp.tool("object")(lambda: {"a": [1]})
    mcp.tool("model")(lambda: Model(name="n"))
    mcp.tool("order")(lambda: Order("a"))
    mcp.tool("nothing")(lambda: None)
    client = serve(mcp)
    assert client.call("text").text == "x"
    assert client.call("number").text == "5"
    assert client.call("object").text == '{"a":[1]}'
    assert client.call("model").text == '{"name":"n","size":0}'
    assert client.call("order").text == '{"id":"a","lines":[],"note":null}'
    assert client.call("nothing").body == success('"content":[]')


def test_structured_output_can_be_switched_off_and_on(serve: Serve) -> None:
    def number() -> int:
        return 5

    def text() -> str:
        return "x"

    def nothing() -> None:
        return None

    mcp = compact_server()
    mcp.tool("off", structured_output=False)(number)
    mcp.tool("on", structured_output=True)(text)
    mcp.tool("none", structured_output=True)(nothing)
    client = serve(mcp)
    assert "outputSchema" not in client.tool("off")
    assert client.call("off").body == success('"content":[{"type":"text","text":"5"}]')
    assert client.tool("on")["outputSchema"] == {"type": "string"}
    assert client.call("on").body == success('"content":[{"type":"text","text":"x"}],"structuredContent":"x"')
    assert client.tool("none")["outputSchema"] == {"type": "null"}
    assert client.call("none").body == success(
        '"content":[{"type":"text","text":"null"}],"structuredContent":null'
    )


@each_adapter
@pytest.mark.parametrize(
    ("hint", "value"),
    [(int, "x"), (Order, {"lines": []}), (list[int], ["x"]), (int, None), (Color, "green"), (int, object())],
)
def test_a_result_that_does_not_fit_its_type_is_the_tools_failure(
    serve: Serve, adapter: str, hint: Any, value: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def function() -> Any:
        return value

    function.__annotations__["return"] = hint
    reply = serve(tool_of(adapter, function)).call("t")
    assert reply.status == 200
    assert reply.result["isError"] is True
    assert "structuredContent" not in reply.result
    assert reply.text.startswith("Error executing tool t (reference ")
    assert reply.text[-13:-1] in caplog.text


# Content


HINTS = Annotations(audience=["user"], priority=1.0)
CONTENT: list[tuple[Any, str]] = [
    (TextContent(text="x"), '[{"type":"text","text":"x"}]'),
    (
        TextContent(text="x", annotations=HINTS, meta={"a": 1}),
        '[{"type":"text","text":"x","annotations":{"audience":["user"],"priority":1.0},"_meta":{"a":1}}]',
    ),
    (
        ImageContent(data="eA==", mime_type="image/png"),
        '[{"type":"image","data":"eA==","mimeType":"image/png"}]',
    ),
    (
        AudioContent(data="eA==", mime_type="audio/wav"),
        '[{"type":"audio","data":"eA==","mimeType":"audio/wav"}]',
    ),
    (ResourceLink(uri="a:b", name="n"), '[{"type":"resource_link","uri":"a:b","name":"n"}]'),
    (
        EmbeddedResource(resource=TextResourceContents(uri="a:b", text="x")),
        '[{"type":"resource","resource":{"uri":"a:b","text":"x"}}]',
    ),
    (
        EmbeddedResource(resource=BlobResourceContents(uri="a:b", blob="eA==")),
        '[{"type":"resource","resource":{"uri":"a:b","blob":"eA=="}}]',
    ),
    (Image(data=b"x"), '[{"type":"image","data":"eA==","mimeType":"image/png"}]'),
    (Audio(data=b"x", format="mpeg"), '[{"type":"audio","data":"eA==","mimeType":"audio/mpeg"}]'),
    (
        ["caption", Image(data=b"x"), TextContent(text="y")],
        (
            '[{"type":"text","text":"caption"},{"type":"image","data":"eA==","mimeType":"image/png"},'
            '{"type":"text","text":"y"}]'
        ),
    ),
    ((Image(data=b""), 5), '[{"type":"image","data":"","mimeType":"image/png"},{"type":"text","text":"5"}]'),
]


@pytest.mark.parametrize(("value", "expected"), CONTENT)
def test_content_byte_for_byte(serve: Serve, value: Any, expected: str) -> None:
    mcp = compact_server()
    mcp.tool("t")(lambda: value)
    assert serve(mcp).call("t").body == success(f'"content":{expected}')


@pytest.mark.parametrize(
    "hint",
    [
        TextContent,
        ImageContent,
        Image,
        Audio,
        list[Image],
        list[TextContent | ImageContent],
        tuple[str, Image],
        Image | None,
        ToolResult,
        Annotated[Image, "A picture"],
        bytes,
    ],
    ids=str,
)
def test_hints_of_content_have_no_schema(serve: Serve, hint: Any) -> None:
    def function() -> Any:
        return Image(data=b"x")

    function.__annotations__["return"] = hint
    client = serve(tool_of("", function))
    assert "outputSchema" not in client.tool("t")
    assert client.call("t").result["content"][0]["type"] == "image"


# ToolResult


READY: list[tuple[ToolResult, str]] = [
    (ToolResult(), '"content":[]'),
    (ToolResult(content=["x"]), '"content":[{"type":"text","text":"x"}]'),
    (
        ToolResult(content=["x", TextContent(text="y")], structured_content={"a": 1}),
        '"content":[{"type":"text","text":"x"},{"type":"text","text":"y"}],"structuredContent":{"a":1}',
    ),
    (ToolResult(structured_content=None), '"content":[],"structuredContent":null'),
    (ToolResult(structured_content=[]), '"content":[],"structuredContent":[]'),
    (ToolResult(content=["no"], is_error=True), '"content":[{"type":"text","text":"no"}],"isError":true'),
]


@pytest.mark.parametrize(("result", "expected"), READY)
def test_ready_results_byte_for_byte(serve: Serve, result: ToolResult, expected: str) -> None:
    mcp = compact_server()
    mcp.tool("t")(lambda: result)
    assert serve(mcp).call("t").body == success(expected)


def test_a_ready_result_may_have_meta(serve: Serve) -> None:
    mcp = compact_server()
    mcp.tool("t")(lambda: ToolResult(content=["x"], meta={"com.example/k": [1]}))
    result = serve(mcp).call("t").result
    assert result["_meta"]["com.example/k"] == [1]
    assert result["_meta"]["io.modelcontextprotocol/serverInfo"] == {"name": "shop", "version": "1.2.3"}


@pytest.mark.parametrize("value", [Order("a"), Model(name="m"), [Model(name="m")], dt.date(2026, 7, 28)])
def test_a_ready_result_may_hold_what_a_plain_one_may(serve: Serve, value: Any) -> None:
    mcp = compact_server()
    mcp.tool("plain")(lambda: value)
    mcp.tool("ready")(lambda: ToolResult(structured_content=value))
    client = serve(mcp)
    reply = client.call("ready")
    assert reply.status == 200
    text = client.call("plain").text
    assert reply.value == (text if isinstance(reply.value, str) else json.loads(text))


@pytest.mark.parametrize("broken", [{"structured_content": object()}, {"meta": {"a": object()}}])
def test_a_ready_result_without_a_json_form_tells_nothing(
    serve: Serve, broken: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    mcp = compact_server()
    mcp.tool("t")(lambda: ToolResult(**broken))
    reply = serve(mcp).call("t")
    assert reply.response.get("error", {}).get("code") == -32603 or reply.result["isError"] is True
    assert "object" not in reply.body.decode()
    assert "object" in caplog.text


@each_adapter
def test_a_ready_result_has_to_fit_the_schema_too(serve: Serve, adapter: str) -> None:
    results = {
        "good": ToolResult(content=["x"], structured_content=Order("a")),
        "raw": ToolResult(content=["x"], structured_content={"id": "a", "lines": [], "note": None}),
        "bad": ToolResult(content=["x"], structured_content={"id": 1}),
        "error": ToolResult(content=["x"], structured_content={"why": 1}, is_error=True),
    }

    def function(which: str) -> Order:
        return results[which]  # type: ignore[return-value]

    client = serve(tool_of(adapter, function))
    for which in ("good", "raw"):
        reply = client.call("t", {"which": which})
        assert (reply.text, reply.value) == ("x", {"id": "a", "lines": [], "note": None})
    assert "Error executing tool t (reference" in client.call("t", {"which": "bad"}).text
    assert client.call("t", {"which": "error"}).result["structuredContent"] == {"why": 1}


# Errors


@pytest.mark.parametrize("error", [ToolError, RetryableError])
def test_tool_errors_are_shown_to_the_model(serve: Serve, error: type[ToolError]) -> None:
    mcp = compact_server()

    @mcp.tool()
    def t() -> int:
        raise error('Out of "stock": größe')

    reply = serve(mcp).call("t")
    assert reply.status == 200
    assert reply.body == tool_error('Error executing tool t: Out of "stock": größe')


def test_an_unknown_tool_is_a_protocol_error(serve: Serve) -> None:
    mcp = compact_server()
    mcp.tool("t")(lambda: "x")
    reply = serve(mcp).call("other")
    assert reply.status == 400
    assert reply.body == failure(-32602, "Unknown tool: other")


# Functions of every make


def plain(n: int) -> str:
    return f"{n} done"


async def coroutine(n: int) -> str:
    return f"{n} done"


class Callables:
    def __init__(self, suffix: str) -> None:
        self.suffix = suffix

    def method(self, n: int) -> str:
        return f"{n} {self.suffix}"

    async def coroutine(self, n: int) -> str:
        return f"{n} {self.suffix}"

    async def __call__(self, n: int) -> str:
        return f"{n} {self.suffix}"


def around(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


def async_around(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        return await result if inspect.isawaitable(result) else result

    return wrapper


MADE = {
    "plain": plain,
    "async": coroutine,
    "method": Callables("done").method,
    "async method": Callables("done").coroutine,
    "async object": Callables("done"),
    "partial": functools.partial(plain),
    "async partial": functools.partial(coroutine),
    "plain around plain": around(plain),
    "plain around async": around(coroutine),
    "async around plain": async_around(plain),
    "async around async": async_around(coroutine),
    "twice around async": around(around(coroutine)),
}


@pytest.mark.parametrize("function", MADE.values(), ids=MADE.keys())
def test_decorated_functions_are_run(serve: Serve, function: Callable[..., Any]) -> None:
    mcp = compact_server()
    mcp.tool("t")(function)
    client = serve(mcp)
    assert client.tool("t")["inputSchema"]["properties"] == {"n": {"type": "integer", "title": "N"}}
    assert client.call("t", {"n": "5"}).text == "5 done"


# Declarations that cannot work


def test_a_name_can_be_taken_once() -> None:
    mcp = compact_server()
    mcp.tool("t")(lambda: "x")
    with pytest.raises(DeclarationError, match="There is a tool 't' already"):
        mcp.tool("t")(lambda: "y")


def test_the_decorator_needs_its_parentheses() -> None:
    with pytest.raises(DeclarationError, match=r"Write @mcp\.tool\(\) with parentheses"):
        compact_server().tool(lambda: "x")  # type: ignore[arg-type]


def test_wrong_signatures_are_found_while_declaring() -> None:
    def positional(a: int, /) -> None: ...

    with pytest.raises(DeclarationError, match="positional: parameter 'a'"):
        compact_server().tool()(positional)


@pytest.mark.filterwarnings("ignore::lambent.DeclarationWarning")
@pytest.mark.parametrize("name", ["a", "DATA_EXPORT_v2", "admin.tools.list", "x" * 128, "-", "größe", "a b"])
def test_names_are_case_sensitive_and_may_be_odd(serve: Serve, name: str) -> None:
    mcp = compact_server()
    mcp.tool(name)(lambda: "x")
    client = serve(mcp)
    assert client.call(name).text == "x"
    if name.upper() != name:
        assert client.call(name.upper()).error["code"] == -32602


# Media, text and anything


PICTURE = '{"type":"image","data":"eA==","mimeType":"image/png"}'


def text_block(text: str) -> str:
    return f'{{"type":"text","text":{dumps(text)}}}'


@pytest.mark.parametrize(
    ("hint", "value", "blocks"),
    [
        (
            list[list[Image]],
            [[Image(data=b"x")], [Image(data=b"x"), "y"]],
            [PICTURE, PICTURE, text_block("y")],
        ),
        (tuple[str, list[Image]], ("a", [Image(data=b"x")]), [text_block("a"), PICTURE]),
        (
            Any,
            ["a", [["b", [Image(data=b"x")]]], [1, 2]],
            [text_block("a"), text_block("b"), PICTURE, text_block("[1,2]")],
        ),
        (Any, {"a": [1]}, [text_block('{"a":[1]}')]),
        (list, [1, "a"], [text_block('[1,"a"]')]),
        (list, ["a", Image(data=b"x")], [text_block("a"), PICTURE]),
        (list[Any], ["a", "b"], [text_block('["a","b"]')]),
        (tuple, (1,), [text_block("[1]")]),
        (tuple[Any, ...], (1,), [text_block("[1]")]),
        (str | None, "x", [text_block("x")]),
        (str | None, None, []),
        (object, 5, [text_block("5")]),
    ],
)
def test_hints_of_anything_have_no_schema(serve: Serve, hint: Any, value: Any, blocks: list[str]) -> None:
    def function() -> Any:
        return value

    function.__annotations__["return"] = hint
    client = serve(tool_of("", function))
    assert "outputSchema" not in client.tool("t")
    assert client.call("t").body == success(f'"content":[{",".join(blocks)}]')


@each_adapter
@pytest.mark.parametrize(
    ("hint", "value", "schema"),
    [
        (dict, {"a": [1]}, {"type": "object"}),
        (dict[str, Any], {"a": None}, {"type": "object"}),
        (Literal["a", "b"], "a", {"type": "string", "enum": ["a", "b"]}),
        (list[str], ["a"], {"type": "array", "items": {"type": "string"}}),
    ],
)
def test_other_open_hints_have_one(
    serve: Serve, adapter: str, hint: Any, value: Any, schema: dict[str, Any]
) -> None:
    def function() -> Any:
        return value

    function.__annotations__["return"] = hint
    client = serve(tool_of(adapter, function))
    shown = client.tool("t")["outputSchema"]
    assert {name: shown.get(name) for name in schema} == schema
    written = dumps(value)
    text = value if isinstance(value, str) else written
    assert client.call("t").body == success(f'"content":[{text_block(text)}],"structuredContent":{written}')


@each_adapter
@pytest.mark.parametrize(
    ("hint", "value", "written"),
    [
        (str, 'a "b"\n', '"a \\"b\\"\\n"'),
        (str | None, None, "null"),
        (Any, {"a": 1}, '{"a":1}'),
        (list, [1, "a"], '[1,"a"]'),
        (Color, Color.RED, '"red"'),
    ],
)
def test_text_is_shown_without_quotes_beside_its_structure(
    serve: Serve, adapter: str, hint: Any, value: Any, written: str
) -> None:
    def function() -> Any:
        return value

    function.__annotations__["return"] = hint
    client = serve(tool_of(adapter, function, structured_output=True))
    text = json.loads(written) if written[0] == '"' else written
    assert client.call("t").body == success(f'"content":[{text_block(text)}],"structuredContent":{written}')


# What has no JSON form


@dataclass
class Price:
    amount: float
    data: Any = None


class Constants(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(ser_json_inf_nan="constants")
    amount: float


class Strings(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(ser_json_inf_nan="strings")
    amount: float


def failed(reply: Reply, caplog: pytest.LogCaptureFixture, reason: str, *, why: str = "") -> None:
    """The call has failed with a reference, under which the log has the reason."""
    assert reply.status == 200
    reference = reply.text[-13:-1]
    assert reply.body == tool_error(f"Error executing tool t{why} (reference {reference})")
    assert f"reference {reference}" in caplog.text
    assert reason in caplog.text


@each_adapter
@pytest.mark.parametrize(
    ("hint", "value", "path"),
    [
        (float, math.nan, "$"),
        (float | None, math.inf, "$"),
        (list[float], [1.0, -math.inf], "$[1]"),
        (dict[str, Decimal], {"a": Decimal("NaN")}, "$.a"),
        (Price, Price(math.nan), "$.amount"),
        (dict[str, list[Price]], {"a": [Price(math.inf)]}, "$.a[0].amount"),
    ],
)
def test_nan_in_a_typed_result_is_told(
    serve: Serve, adapter: str, hint: Any, value: Any, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    def function() -> Any:
        return value

    function.__annotations__["return"] = hint
    reply = serve(tool_of(adapter, function)).call("t")
    failed(reply, caplog, "NotFiniteError", why=f": NaN and infinity are no JSON numbers - at `{path}`")


@pytest.mark.parametrize("model", [Constants, Strings])
@pytest.mark.parametrize("path", ["$.amount", "$[0].amount", "$.a.amount"])
def test_nan_in_a_model_with_a_way_to_write_it_is_told_too(
    serve: Serve, model: Any, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    written = model(amount=math.nan)
    value = {"$.amount": written, "$[0].amount": [written], "$.a.amount": {"a": written}}[path]

    def function() -> Any:
        return value

    hints = {list: list[model], dict: dict[str, model]}
    function.__annotations__["return"] = hints.get(type(value), model)
    reply = serve(tool_of("", function)).call("t")
    failed(reply, caplog, "NotFiniteError", why=f": NaN and infinity are no JSON numbers - at `{path}`")


@pytest.mark.parametrize("hint", [dict, dict[str, Any], list | dict])
def test_nan_without_a_type_is_null(serve: Serve, hint: Any) -> None:
    def function() -> Any:
        return {"a": [math.nan, math.inf]}

    function.__annotations__["return"] = hint
    assert serve(tool_of("", function)).call("t").body == success(
        f'"content":[{text_block(written := dumps({"a": [None, None]}))}],"structuredContent":{written}'
    )


LONE = "a\ud800"


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (str, LONE),
        (Any, LONE),
        (Any, [LONE]),
        (Any, {LONE: 1}),
        (Any, [Image(data=b""), LONE]),
        (Any, TextContent(text=LONE)),
        (Any, ResourceLink(uri="a:b", name=LONE)),
        (Any, TextContent(text="x", meta={"a": LONE})),
        (Any, ToolResult(content=[LONE])),
        (Any, ToolResult(structured_content={"a": LONE})),
        (Any, ToolResult(meta={"a": LONE})),
        (list[str], [LONE]),
        (dict[str, Any], {LONE: 1}),
        (dict[str, Any], {"a": {"b": [LONE]}}),
        (Line, Line(LONE)),
        (Model, Model(name=LONE)),
        (list[Model], [Model(name=LONE)]),
        (Literal["a", "b"], LONE),
    ],
)
def test_lone_surrogates_are_the_tools_failure(
    serve: Serve, hint: Any, value: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """They have no UTF-8: no response could hold them."""

    def function() -> Any:
        return value

    function.__annotations__["return"] = hint
    reply = serve(tool_of("", function)).call("t")
    failed(reply, caplog, "surrogate")


def test_lone_surrogates_in_an_error_are_escaped(serve: Serve) -> None:
    mcp = compact_server()

    @mcp.tool()
    def t() -> str:
        raise ToolError(LONE)

    assert serve(mcp).call("t").body == tool_error("Error executing tool t: a\\ud800")


@pytest.mark.parametrize("data", [LONE, {"a": [LONE]}, {LONE: 1}, Line(LONE)])
def test_lone_surrogates_in_a_log_message_are_the_tools_failure(
    serve: Serve, data: Any, caplog: pytest.LogCaptureFixture
) -> None:
    mcp = compact_server()

    @mcp.tool()
    def t(ctx: Context) -> str:
        ctx.log("info", data)
        return "done"

    client = serve(mcp)
    failed(client.call("t", logLevel="debug"), caplog, "surrogates not allowed")


# Code of users that validates


class UnknownError(Exception):
    """One that nobody expects."""


@dataclass
class Checked:
    n: int

    def __post_init__(self) -> None:
        CHECKS[self.n]()


class CheckedStruct(msgspec.Struct):
    n: int

    def __post_init__(self) -> None:
        CHECKS[self.n]()


class Before(pydantic.BaseModel):
    n: int

    @pydantic.field_validator("n", mode="before")
    @classmethod
    def _check(cls, value: Any) -> Any:
        CHECKS[value]()
        return value


class After(pydantic.BaseModel):
    n: int

    @pydantic.model_validator(mode="after")
    def _check(self) -> "After":
        CHECKS[self.n]()
        return self


class PostInit(pydantic.BaseModel):
    n: int

    def model_post_init(self, context: Any) -> None:
        CHECKS[self.n]()


def fail(error: Exception) -> Callable[[], None]:
    def check() -> None:
        raise error

    return check


CHECKS = [lambda: None]
CHECKS += map(
    fail, [KeyError("secret"), RuntimeError("secret"), UnknownError("secret"), ZeroDivisionError("secret")]
)
TOLD = len(CHECKS)
CHECKS += map(fail, [ValueError("n is odd")])


@pytest.mark.parametrize("kind", [Checked, CheckedStruct, Before, After, PostInit])
@pytest.mark.parametrize("number", range(1, TOLD))
def test_what_a_validator_raises_unexpectedly_is_the_tools_failure(
    serve: Serve, kind: Any, number: int, caplog: pytest.LogCaptureFixture
) -> None:
    def function(x: Any) -> str:
        return "done"

    function.__annotations__["x"] = kind
    client = serve(tool_of("", function))
    assert client.call("t", {"x": {"n": 0}}).text == "done"
    failed(client.call("t", {"x": {"n": number}}), caplog, "secret")


@pytest.mark.parametrize("kind", [Checked, CheckedStruct, Before, After])
def test_what_a_validator_says_of_a_value_is_told(serve: Serve, kind: Any) -> None:
    def function(x: Any) -> str:
        return "done"

    function.__annotations__["x"] = kind
    reply = serve(tool_of("", function)).call("t", {"x": {"n": TOLD}})
    assert reply.result["isError"] is True
    assert reply.text.startswith("Error executing tool t: Invalid arguments: ")
    assert "n is odd" in reply.text


@dataclass
class Place:
    name: str
    country: str = "CH"
    zip: int | None = None


@pytest.mark.parametrize("hint", [Place, list[Place], dict[str, Place], Any])
def test_defaults_that_were_not_sent_are_written_all_the_same(serve: Serve, hint: Any) -> None:
    """msgspec leaves the defaults of dataclasses to their class."""
    mcp = compact_server()

    @mcp.tool()
    def echo(place: Place, many: list[Place]) -> Any:
        assert vars(place) == {"name": "a", "country": "CH", "zip": None}
        shapes = {Place: place, list[Place]: many, dict[str, Place]: {"x": place}}
        return shapes.get(hint, place)

    echo.__annotations__["return"] = hint
    mcp = compact_server()
    mcp.tool()(echo)
    reply = serve(mcp).call("echo", {"place": {"name": "a"}, "many": [{"name": "a"}]})
    assert '{"name":"a","country":"CH","zip":null}' in reply.text


def test_definitions_are_those_of_lambent_or_json() -> None:
    class Foreign:
        pass

    mcp = compact_server()
    for options in ({"annotations": Foreign()}, {"icons": [Foreign()]}, {"meta": {"a": Foreign()}}):
        with pytest.raises(
            DeclarationError, match="t: annotations, icons and meta have to be those of lambent"
        ):
            mcp.tool("t", **options)(lambda: "x")  # type: ignore[arg-type]


@pytest.mark.parametrize("hint", [CallToolResult, Any])
def test_results_as_middleware_sees_them_may_be_returned(serve: Serve, hint: Any) -> None:
    def t() -> Any:
        return CallToolResult(content=[TextContent(text="x")], structured_content={"a": 1}, is_error=True)

    t.__annotations__["return"] = hint
    mcp = compact_server()
    mcp.tool()(t)
    reply = serve(mcp).call("t")
    assert reply.body == success(
        '"content":[{"type":"text","text":"x"}],"structuredContent":{"a":1},"isError":true'
    )


def test_structured_output_needs_a_type_that_is_json() -> None:
    def picture() -> Image:
        return Image(b"x")

    for function in (lambda: 5, picture):
        with pytest.raises(DeclarationError, match="structured_output=True needs a return type"):
            compact_server().tool("t", structured_output=True)(function)
