"""The tool schema of a gateway: what it says, and that AWS's own model of it takes it."""

import json
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

import botocore.session
import botocore.validate
import msgspec
import pytest
from pydantic import BaseModel, Field
from tests.cli.test_card import card
from tests.support import full_server, make_server

from lambent import MCPServer, TaskPolicy
from lambent.cli.agentcore_schema import ToolSchema


class Colour(Enum):
    """A choice."""

    RED = "red"
    BLUE = "blue"


@dataclass
class Node:
    """One of a tree."""

    value: int
    inner: "list[Node] | None" = None


class Cat(BaseModel):
    """One kind."""

    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    """Another kind."""

    kind: Literal["dog"]
    name: str


class Pets(BaseModel):
    """Several."""

    best: Annotated[Cat | Dog, Field(discriminator="kind")]


def schema_of(hint: Any, *more: Any) -> ToolSchema:
    """The schema of a tool with one argument of a type, ``value``; or of one that returns it."""
    mcp = make_server()

    def tool(value: Any = None) -> None: ...

    tool.__annotations__ = {"value": hint, "return": int}
    if "required" in more:
        tool.__defaults__ = ()
    if "returned" in more:
        tool.__annotations__ = {"value": Any, "return": hint}
    mcp.tool("tool")(tool)
    found = ToolSchema(mcp.freeze().tools.values())
    validated(found)
    return found


def validated(schema: ToolSchema) -> None:
    """Let AWS's own model of the request judge."""
    model = botocore.session.get_session().get_service_model("bedrock-agentcore-control")
    report = botocore.validate.ParamValidator().validate(
        schema.definitions, model.shape_for("ToolDefinitions")
    )
    assert not report.has_errors(), report.generate_report()
    kinds = set(model.shape_for("SchemaType").enum)

    def walk(node: dict[str, Any]) -> None:
        assert node["type"] in kinds
        assert node.keys() <= {"type", "description", "properties", "required", "items"}
        for inner in (*node.get("properties", {}).values(), *([node["items"]] if "items" in node else [])):
            walk(inner)

    for tool in schema.definitions:
        walk(tool["inputSchema"])
        walk(tool.get("outputSchema", {"type": "object"}))


@pytest.mark.parametrize(
    ("hint", "expected", "notes"),
    [
        (str, {"type": "string"}, []),
        (float, {"type": "number"}, []),
        (int | float, {"type": "number"}, []),
        (int | None, {"type": "integer"}, ["argument value may be null, which the schema cannot say"]),
        (list[bool], {"type": "array", "items": {"type": "boolean"}}, []),
        (Colour, {"type": "string", "description": 'A choice. One of: "red", "blue".'}, None),
        (Literal[1, 2], {"type": "integer", "description": "One of: 1, 2."}, []),
        (
            Annotated[int, msgspec.Meta(ge=1, le=5, description="How many")],
            {"type": "integer", "description": "How many"},
            ["arguments: minimum, maximum left out"],
        ),
        (
            dict[str, int],
            {"type": "object"},
            ["arguments: additionalProperties left out"],
        ),
        (
            tuple[int, str],
            {"type": "array"},
            [
                "argument value[] left out, as value[] may be of several types: integer, string",
                "arguments: minItems, maxItems, prefixItems left out",
            ],
        ),
        (tuple[int, int], {"type": "array", "items": {"type": "integer"}}, None),
        (
            Node,
            {
                "type": "object",
                "description": "One of a tree.",
                "properties": {
                    "value": {"type": "integer"},
                    "inner": {"type": "array", "items": {"type": "object"}},
                },
                "required": ["value"],
            },
            [
                "argument value.inner may be null, which the schema cannot say",
                "argument value.inner[] contains itself: described as any Node",
            ],
        ),
        (
            Pets,
            {
                "type": "object",
                "description": "Several.",
                "properties": {"best": {"type": "object", "description": "One kind. Another kind."}},
                "required": ["best"],
            },
            None,
        ),
    ],
)
def test_an_argument_of_a_type(hint: Any, expected: Any, notes: list[str] | None) -> None:
    schema = schema_of(hint, "required")
    (tool,) = schema.definitions
    assert tool["inputSchema"]["properties"]["value"] == expected
    assert tool["inputSchema"]["required"] == ["value"]
    if notes is not None:
        assert schema.notes.get("tool", []) == notes


@pytest.mark.parametrize(
    ("hint", "reason"),
    [
        (Any, "value may be of any type"),
        (int | str, "value may be of several types: integer, string"),
        (None, "value is always null"),
    ],
)
def test_what_has_no_form(hint: Any, reason: str) -> None:
    """An argument that may be left out is left out, and a tool that needs it is."""
    optional = schema_of(hint)
    assert optional.definitions[0]["inputSchema"] == {"type": "object", "properties": {}}
    assert optional.notes["tool"][-1] == f"argument value left out, as {reason}"
    needed = schema_of(hint, "required")
    assert (needed.definitions, needed.refused) == ([], {"tool": reason})


def test_a_result_may_say_null_where_the_gateway_knows_nothing_of_it() -> None:
    schema = schema_of(Node, "returned")
    (tool,) = schema.definitions
    assert tool["outputSchema"] == {
        "type": "object",
        "description": "One of a tree.",
        "properties": {"value": {"type": "integer"}},
        "required": ["value"],
    }
    assert schema.notes["tool"][-1] == "output inner left out, as inner may be null"


def test_the_tools_of_a_server() -> None:
    schema = ToolSchema(full_server().freeze().tools.values())
    validated(schema)
    assert schema.definitions == [
        {
            "name": "add",
            "description": "Add two numbers.",
            "inputSchema": {
                "type": "object",
                "properties": {
                    "a": {"type": "integer"},
                    "b": {"type": "integer", "description": "Default: 0."},
                },
                "required": ["a"],
            },
            "outputSchema": {
                "type": "object",
                "properties": {"result": {"type": "integer"}},
                "required": ["result"],
            },
        }
    ]
    assert (schema.notes, schema.refused) == ({}, {})


def test_a_tool_whose_calls_are_tasks_is_left_out() -> None:
    mcp = MCPServer("shop")

    @mcp.tool(task=TaskPolicy(support="required"))
    def slow() -> str:
        return ""

    schema = ToolSchema(mcp.freeze().tools.values())
    assert schema.refused == {"slow": "its calls are tasks, which the gateway does not know"}


APP = """
from typing import Any

from lambent import MCPServer

mcp = MCPServer("shop")
print("hello")


@mcp.tool()
def add(a: int, b: int | None = None) -> int:
    return a


@mcp.tool()
def any(value: Any) -> str:
    return ""
"""


def test_the_command_prints_it(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP)
    done = card(tmp_path / "app.py", "--agentcore")
    assert done.returncode == 1
    assert [tool["name"] for tool in json.loads(done.stdout)] == ["add"]
    assert done.stderr.splitlines() == [
        "hello",
        "lambent card: add: argument b may be null, which the schema cannot say",
        "lambent card: any is left out: value may be of any type",
    ]


@pytest.mark.parametrize("option", [["--check"], ["--url", "https://a.example"], ["b.py"]])
def test_it_goes_with_nothing_else(tmp_path: Path, option: list[str]) -> None:
    (tmp_path / "app.py").write_text(APP)
    done = card(tmp_path / "app.py", "--agentcore", *option)
    assert done.returncode == 2
    assert "--agentcore takes one app, and no other option" in done.stderr
