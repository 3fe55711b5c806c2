"""Which annotations of parameters are valid ("x-mcp-header", constraints)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pytest
from tests.features.adapters import each_adapter, mention
from tests.support import Client, make_server

from lambent import DeclarationError, McpHeader
from lambent.features.header_params import compile_headers, flatten_optionals
from lambent.wire.headers import HeaderParam

Serve = Callable[..., Client]


def schema(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def marked(name: Any = "Region", **members: Any) -> dict[str, Any]:
    return {"type": "string", "x-mcp-header": name, **members}


@each_adapter
@pytest.mark.parametrize(
    ("hint", "expected"),
    [
        (Annotated[str, McpHeader("Region")], {"type": "string", "x-mcp-header": "Region"}),
        (Annotated[int, McpHeader("Size")], {"type": "integer", "x-mcp-header": "Size"}),
        (Annotated[bool, McpHeader("Dry")], {"type": "boolean", "x-mcp-header": "Dry"}),
        (
            Annotated[str, McpHeader("Region"), "Where"],
            {"type": "string", "x-mcp-header": "Region", "description": "Where"},
        ),
        (Annotated[str | None, McpHeader("Region")], {"type": "string", "x-mcp-header": "Region"}),
        (Annotated[str, McpHeader("Region")] | None, {"type": "string", "x-mcp-header": "Region"}),
    ],
)
def test_parameters_are_marked_in_the_schema(
    serve: Serve, adapter: str, hint: Any, expected: dict[str, Any]
) -> None:
    def function(value: Any) -> str:
        return "ok"

    function.__annotations__["value"] = hint
    mcp = make_server()
    mcp.tool("t")(mention(adapter, function))
    client = serve(mcp)
    assert client.tool("t")["inputSchema"]["properties"]["value"] == {"title": "Value", **expected}
    header = f"mcp-param-{expected['x-mcp-header'].lower()}"
    value, text = {"string": ("a", "a"), "integer": (5, "5"), "boolean": (True, "true")}[expected["type"]]
    assert client.call("t", {"value": value}, headers={header: text}).text == "ok"
    assert client.call("t", {"value": value}).error["code"] == -32020


@each_adapter
def test_optional_parameters_stay_optional(serve: Serve, adapter: str) -> None:
    def function(region: Annotated[str | None, McpHeader("Region")] = None) -> str:
        return str(region)

    mcp = make_server()
    mcp.tool("t")(mention(adapter, function))
    client = serve(mcp)
    definition = client.tool("t")["inputSchema"]
    assert definition["properties"]["region"] == {
        "title": "Region",
        "type": "string",
        "x-mcp-header": "Region",
    }
    assert "required" not in definition
    assert client.call("t").text == "None"
    assert client.call("t", {"region": None}).text == "None"


@each_adapter
@pytest.mark.parametrize(
    "hint",
    [
        Annotated[float, McpHeader("X")],
        Annotated[list[str], McpHeader("X")],
        Annotated[dict[str, str], McpHeader("X")],
        Annotated[int | str, McpHeader("X")],
        Annotated[Any, McpHeader("X")],
        Annotated[str, McpHeader("")],
        Annotated[str, McpHeader("a b")],
        Annotated[str, McpHeader("a\r\nb")],
        Annotated[str, McpHeader("größe")],
        Annotated[str, McpHeader("a:b")],
        list[Annotated[str, McpHeader("X")]],
        dict[str, Annotated[str, McpHeader("X")]],
    ],
    ids=str,
)
def test_marks_that_break_a_constraint_are_refused(adapter: str, hint: Any) -> None:
    """Clients would drop the tool, so its author hears of it first."""

    def function(value: Any) -> str:
        return ""

    function.__annotations__["value"] = hint
    with pytest.raises(DeclarationError, match="x-mcp-header"):
        make_server().tool("t")(mention(adapter, function))


@dataclass
class Place:
    region: Annotated[str, McpHeader("Region")]


@each_adapter
def test_marks_within_records_are_refused(adapter: str) -> None:
    """They stand behind a reference, where clients do not look."""

    def function(place: Place) -> str:
        return place.region

    with pytest.raises(DeclarationError, match="x-mcp-header"):
        make_server().tool("t")(mention(adapter, function))


@each_adapter
def test_literals_of_text_may_be_marked(serve: Serve, adapter: str) -> None:
    def function(region: Annotated[Literal["eu", "us"], McpHeader("Region")]) -> str:
        return region

    mcp = make_server()
    mcp.tool("t")(mention(adapter, function))
    client = serve(mcp)
    assert client.tool("t")["inputSchema"]["properties"]["region"]["type"] == "string"
    assert client.call("t", {"region": "eu"}, headers={"mcp-param-region": "eu"}).text == "eu"


@each_adapter
def test_names_must_differ_in_more_than_case(adapter: str) -> None:
    def function(a: Annotated[str, McpHeader("Region")], b: Annotated[str, McpHeader("REGION")]) -> str:
        return a + b

    with pytest.raises(DeclarationError, match="x-mcp-header names must differ in more than case"):
        make_server().tool("t")(mention(adapter, function))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (schema(), ()),
        (schema(a={"type": "string"}), ()),
        (schema(a=marked()), (HeaderParam(("a",), "Mcp-Param-Region", "string"),)),
        (
            schema(a=schema(b=marked("B", type="integer")), c=marked("C", type="boolean")),
            (
                HeaderParam(("a", "b"), "Mcp-Param-B", "integer"),
                HeaderParam(("c",), "Mcp-Param-C", "boolean"),
            ),
        ),
        (schema(properties=marked()), (HeaderParam(("properties",), "Mcp-Param-Region", "string"),)),
        (schema(**{"x-mcp-header": {"type": "string"}}), ()),
        (schema(a={"type": "object", "default": {"x-mcp-header": "no schema"}}), ()),
        (schema(a={"enum": [{"x-mcp-header": "no schema"}]}), ()),
        (schema(a={"const": {"x-mcp-header": "no schema"}}), ()),
        (schema(a={"examples": [{"x-mcp-header": "no schema"}]}), ()),
        ({"type": "object"}, ()),
    ],
)
def test_marks_of_explicit_schemas_are_found(
    given: dict[str, Any], expected: tuple[HeaderParam, ...]
) -> None:
    assert compile_headers(given) == expected


@pytest.mark.parametrize(
    "given",
    [
        schema(a={"type": "array", "items": marked()}),
        schema(a={"anyOf": [marked(), {"type": "null"}]}),
        schema(a={"$ref": "#/$defs/A"}) | {"$defs": {"A": marked()}},
        schema(a={"type": "object", "additionalProperties": marked()}),
        schema(a={"type": "object", "patternProperties": {"^x": marked()}}),
        {"type": "object", "allOf": [schema(a=marked())]},
        {"type": "object", "if": schema(a=marked())},
        {"type": "object", "prefixItems": [marked()]},
        marked(),
        schema(a=marked(type="number")),
        schema(a=marked(type="object")),
        schema(a=marked(type="null")),
        schema(a=marked(type=["string", "null"])),
        schema(a={"x-mcp-header": "A"}),
        schema(a=marked(None)),
        schema(a=marked(5)),
        schema(a=marked("")),
        schema(a=marked("a/b")),
        schema(a=marked("a\tb")),
        schema(a=marked("A"), b=marked("a")),
        schema(a=marked("A"), b=schema(c=marked("a"))),
    ],
)
def test_marks_of_explicit_schemas_that_break_a_constraint_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(DeclarationError, match="x-mcp-header"):
        make_server().tool("t", input_schema=given)(lambda **arguments: "")


@pytest.mark.parametrize("name", ["a", "X-Y", "!#$%&'*+-.^_`|~09AZaz", "x" * 200])
def test_names_are_http_tokens(name: str) -> None:
    assert compile_headers(schema(a=marked(name)))[0].header == f"Mcp-Param-{name}"


def test_only_marked_optionals_are_flattened() -> None:
    text_or_null = {"anyOf": [{"type": "string"}, {"type": "null"}]}
    given = schema(
        a={**text_or_null, "x-mcp-header": "A", "default": None},
        b={**text_or_null, "default": None},
        c={"anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "null"}], "x-mcp-header": "C"},
    )
    flatten_optionals(given)
    assert given["properties"] == {
        "a": {"type": "string", "x-mcp-header": "A"},
        "b": {**text_or_null, "default": None},
        "c": {"anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "null"}], "x-mcp-header": "C"},
    }
