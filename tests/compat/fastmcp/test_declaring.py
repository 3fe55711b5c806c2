"""Decorators, constructor arguments and what they refuse."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pytest
from tests.support import Client

from lambent import Apps, Context, Idempotency, MCPServer, TaskPolicy
from lambent.compat.fastmcp import (
    BinaryResource,
    FastMCP,
    FileResource,
    NotFoundError,
    Prompt,
    Resource,
    TaskConfig,
    Tool,
    ToolError,
    ToolResult,
    require_scopes,
)
from lambent.compat.fastmcp.schemas import read_doc
from lambent.errors import DeclarationError

Serve = Callable[..., Client]


def test_what_has_no_effect_is_taken() -> None:
    mcp = FastMCP(
        "x", dereference_schemas=True, client_log_level="info", session_state_store=object(), tasks=True
    )
    assert (mcp.name, mcp.version, mcp.instructions, mcp.icons) == ("x", "0.0.0", None, [])
    assert FastMCP(version=2).version == "2"
    assert FastMCP().name == "FastMCP"


def test_a_server_can_be_subscripted() -> None:
    assert FastMCP[dict[str, int]] is FastMCP


@pytest.mark.parametrize("name", ["providers", "transforms"])
def test_what_cannot_have_an_effect_is_refused(name: str) -> None:
    with pytest.raises(DeclarationError, match=rf"FastMCP\({name}=….*docs/fastmcp\.md"):
        FastMCP(**{name: [object()]})
    FastMCP(**{name: []})
    with pytest.raises(DeclarationError, match="strict_input_validation"):
        FastMCP(strict_input_validation=True)


def test_an_unknown_argument_is_refused() -> None:
    with pytest.raises(TypeError, match="colour"):
        FastMCP("x", colour="red")
    with pytest.raises(ValueError, match="on_duplicate"):
        FastMCP("x", on_duplicate="maybe")
    with pytest.raises(TypeError, match="colour"):
        FastMCP().tool(colour="red")
    with pytest.raises(TypeError, match="colour"):
        FastMCP().prompt(colour="red")
    with pytest.raises(TypeError, match="colour"):
        FastMCP().resource("r://x", colour="red")
    for declare in (FastMCP().tool, FastMCP().resource):
        with pytest.raises(DeclarationError, match=r"docs/apps\.md"):
            declare("r://x", app=True)


@pytest.mark.parametrize("name", ["add_provider", "add_transform", "as_proxy", "docket"])
def test_what_is_not_there_says_what_to_write(name: str) -> None:
    with pytest.raises(AttributeError, match=r"docs/fastmcp\.md"):
        getattr(FastMCP(), name)
    with pytest.raises(AttributeError, match="no attribute 'nobody'"):
        _ = FastMCP().nobody


def test_a_second_feature_of_one_name_may_be_an_error(caplog: pytest.LogCaptureFixture) -> None:
    mcp = FastMCP(on_duplicate="error")
    mcp.tool(lambda: "", name="a")
    with pytest.raises(ValueError, match="There is a tool 'a' already"):
        mcp.tool(lambda: "", name="a")
    mcp = FastMCP()
    mcp.tool(lambda: "", name="a")
    with caplog.at_level(logging.WARNING):
        mcp.tool(lambda: "", name="a")
    assert caplog.messages == ["There is a tool 'a' already, which this one replaces"]


def test_the_highest_version_is_served(serve: Serve) -> None:
    mcp = FastMCP(on_duplicate="error")
    for version in ("2", "10", "9.1"):
        mcp.tool(lambda version=version: version, name="a", version=version, exclude_args=["version"])
    client = serve(mcp)
    assert client.tool("a")["_meta"] == {"fastmcp": {"tags": [], "version": "10"}}
    assert client.call("a").text == "10"


def test_arguments_of_version_2(serve: Serve) -> None:
    mcp = FastMCP()

    @mcp.tool(exclude_args=["user"], serializer=lambda value: f"<{value}>")
    def greet(name: str, user: str = "nobody") -> str:
        return f"{name} {user}"

    @mcp.tool(enabled=False)
    def hidden() -> str:
        return ""

    client = serve(mcp)
    assert [tool["name"] for tool in client.request("tools/list").result["tools"]] == ["greet"]
    assert list(client.tool("greet")["inputSchema"]["properties"]) == ["name"]
    assert client.call("greet", {"name": "ann"}).text == "<ann nobody>"
    assert client.call("greet", {"name": "ann", "user": "bob"}).result["isError"] is True


def test_what_is_off_may_be_switched_on(serve: Serve) -> None:
    mcp = FastMCP()
    mcp.tool(lambda: "seen", name="a", enabled=False)
    mcp.enable(keys={"tool:a"})
    client = serve(mcp)
    assert client.call("a").text == "seen"
    with pytest.raises(DeclarationError, match="too late"):
        mcp.disable(names={"a"})
    with pytest.raises(ValueError, match="no components tools"):
        FastMCP().disable(components={"tools"})


def test_features_are_removed() -> None:
    mcp = FastMCP(tools=[Tool.from_function(lambda: "", name="a")])
    mcp.remove_tool("a")
    with pytest.raises(NotFoundError, match="Unknown tool: 'a'"):
        mcp.remove_tool("a")


def test_a_function_needs_a_name() -> None:
    with pytest.raises(ValueError, match="write name="):
        FastMCP().tool(lambda: "")
    assert Prompt.from_function(lambda: "", name="p").name == "p"
    assert Resource.from_function(lambda: "", uri="r://x").uri == "r://x"


def test_a_resource_needs_a_uri() -> None:
    with pytest.raises(DeclarationError, match="with the URI of the resource"):
        FastMCP().resource(lambda: "")  # type: ignore[arg-type]


def test_an_output_schema_is_that_of_an_object(serve: Serve) -> None:
    with pytest.raises(DeclarationError, match="output_schema"):
        FastMCP().tool(lambda: 1, name="a", output_schema={"type": "integer"})
    mcp = FastMCP()
    mcp.tool(lambda: 3, name="no_object", output_schema={"type": "object"})
    wraps = {"type": "object", "properties": {"result": {}}, "x-fastmcp-wrap-result": True}
    mcp.tool(lambda: 3, name="wrapped", output_schema=wraps)
    client = serve(mcp)
    assert "The output schema is that of an object" in client.call("no_object").text
    assert client.call("wrapped").result["structuredContent"] == {"result": 3}


def test_a_result_has_content_or_an_object() -> None:
    with pytest.raises(ValueError, match="content or structured_content"):
        ToolResult()
    with pytest.raises(ValueError, match="has to be an object, not list"):
        ToolResult(structured_content=[1])


def test_a_call_may_take_some_time_only(serve: Serve) -> None:
    mcp = FastMCP()

    @mcp.tool(timeout=0.02)
    async def slow() -> str:
        await asyncio.sleep(60)
        return ""

    @mcp.tool(timeout=60)
    def quick() -> str:
        return "done"

    client = serve(mcp)
    assert client.call("slow").text == "Error calling tool 'slow': It took longer than 0.02 s"
    assert client.call("quick").text == "done"


def test_tasks_and_options_of_lambent() -> None:
    mcp = FastMCP()
    mode = msgspec.defstruct("TaskConfig", [("mode", str)])
    mcp.tool(lambda: "", name="a", task=True)
    mcp.tool(lambda: "", name="b", task=mode("required"))
    mcp.tool(lambda: "", name="c", task=mode("forbidden"))
    mcp.tool(lambda key: "", name="d", idempotency=Idempotency(key="key"), sensitive=["key"])
    tools = mcp.freeze().tools
    assert [tools[name].task for name in "abcd"] == [TaskPolicy(), TaskPolicy(support="required"), None, None]
    assert (tools["d"].idempotency is not None, tools["d"].sensitive) == (True, {"key"})


def test_scopes(serve: Serve) -> None:
    mcp = FastMCP()
    mcp.tool(lambda: "", name="a", auth=require_scopes("orders:write"))
    with pytest.raises(DeclarationError, match=r"require_scopes.*docs/fastmcp\.md"):
        mcp.tool(lambda: "", name="b", auth=lambda context: True)
    client = serve(mcp)
    assert client.call("a").status == 401
    assert client.request("tools/list").result["tools"] == []


def test_servers_of_lambent_are_mounted_and_of_no_other_library(serve: Serve) -> None:
    inner, mcp = MCPServer("inner"), FastMCP()
    inner.tool("a")(lambda: "a")
    asyncio.run(mcp.import_server(inner, prefix="in"))
    with pytest.raises(TypeError, match="takes servers of lambent"):
        mcp.mount(object())  # type: ignore[arg-type]
    assert serve(mcp).call("in_a").text == "a"


def test_a_plain_function_may_return_a_coroutine(serve: Serve) -> None:
    mcp = FastMCP()

    async def later() -> str:
        raise ToolError("not today")

    @mcp.tool
    def a() -> Any:
        return later()

    assert serve(mcp).call("a").text == "not today"


def test_recursive_types(serve: Serve) -> None:
    mcp = FastMCP()

    @mcp.tool
    def look(tree: Tree) -> Literal["x"]:
        return "x"

    schema = serve(mcp).tool("look")["inputSchema"]
    assert schema["properties"]["tree"] == {"$ref": "#/$defs/Tree"}
    assert "title" not in schema["$defs"]["Tree"]


class Tree(msgspec.Struct):
    title: Annotated[str, "a name"]
    children: list["Tree"]


GOOGLE = """Short.

Longer.

Args:
    a (int): first
        line
    b: second

Returns:
    nothing
"""
NUMPY = """Short.

Parameters
----------
a : int
    first
    line
b, c
    both

Returns
-------
str
    x
"""
SPHINX = """Short.

:param int a: first
    line
:returns: x
"""


@pytest.mark.parametrize(
    ("doc", "text", "parameters"),
    [
        (None, None, {}),
        ("Short.", "Short.", {}),
        (GOOGLE, "Short.\n\nLonger.", {"a": "first\nline", "b": "second"}),
        (NUMPY, "Short.", {"a": "first\nline", "b": "both", "c": "both"}),
        (SPHINX, "Short.", {"a": "first\nline"}),
        ("Args:\n    a: x", None, {"a": "x"}),
        ("Short.\n\nReturns:\n    x", "Short.", {}),
    ],
)
def test_docstrings(doc: Any, text: Any, parameters: Any) -> None:
    assert read_doc(doc) == (text, parameters)


def test_constructor_arguments_of_version_2(serve: Serve) -> None:
    mcp = FastMCP(
        host="0.0.0.0",
        port=9000,
        log_level="DEBUG",
        dependencies=["x"],
        stateless_http=True,
        on_duplicate_tools="ignore",
        tool_serializer=lambda value: f"<{value}>",
        include_tags={"a", "b"},
        exclude_tags={"b"},
    )
    assert (mcp.settings.host, mcp.settings.port, mcp.settings.log_level) == ("0.0.0.0", 9000, "DEBUG")
    mcp.tool(lambda: 1, name="one", tags={"a"})
    mcp.tool(lambda: 2, name="one", tags={"a"})
    mcp.tool(lambda: 2, name="two", tags={"a", "b"})
    mcp.tool(lambda: 3, name="three")
    client = serve(mcp)
    assert [tool["name"] for tool in client.request("tools/list").result["tools"]] == ["one"]
    assert client.call("one").text == "<1>"
    for name in ("sampling_handler", "tool_transformations"):
        with pytest.raises(DeclarationError, match=name):
            FastMCP(**{name: object()})


def test_resources_as_objects(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text")
    mcp = FastMCP()
    mcp.add_resource(FileResource(uri="file:///a", path=tmp_path / "a.txt", name="a"))
    mcp.add_resource(BinaryResource(uri="r://b", data=b"b", mime_type="image/png"))
    client = serve(mcp)
    assert client.read("file:///a").result["contents"][0]["text"] == "text"
    assert client.read("r://b").result["contents"][0]["blob"] == "Yg=="


def test_how_calls_become_tasks() -> None:
    mcp = FastMCP()
    for mode in ("optional", "required", "forbidden"):
        mcp.tool(lambda: "", name=mode, task=TaskConfig(mode=mode))
    support = [tool.task and tool.task.support for tool in mcp.freeze().tools.values()]
    assert support == ["optional", "required", None]


def test_extensions_and_apps_of_lambent(serve: Serve) -> None:
    apps = Apps()

    @apps.tool(resource_uri="ui://clock/app.html")
    def get_time(ctx: Context) -> str:
        return "12:00"

    apps.add_html_resource("ui://clock/app.html", "<p>", title="Clock", prefers_border=True)
    mcp = FastMCP("clock", extensions=[apps])
    client = serve(mcp)
    assert client.tool("get_time")["_meta"]["ui"]["resourceUri"] == "ui://clock/app.html"
    assert client.call("get_time").text == "12:00"
    [contents] = client.read("ui://clock/app.html").result["contents"]
    assert (contents["text"], contents["_meta"]) == ("<p>", {"ui": {"prefersBorder": True}})
    with pytest.raises(AttributeError, match=r"extensions=\[…\]"):
        _ = mcp.add_extension


def test_a_server_is_asked_by_its_own_code() -> None:
    mcp = FastMCP()
    mcp.tool(lambda: 1, name="a")
    mcp.resource("r://x", name="x")(lambda: "text")
    mcp.resource("r://y/{z}", name="y")(lambda z: z)
    mcp.prompt(lambda what: what, name="p")

    async def ask() -> None:
        tool, prompt = await mcp.get_tool("a"), await mcp.get_prompt("p")
        resource, template = await mcp.get_resource("r://x"), await mcp.get_resource_template("r://y/{z}")
        assert [one and one.name for one in (tool, prompt, resource, template)] == ["a", "p", "x", "y"]
        assert [await mcp.get_tool("b"), await mcp.get_prompt("b"), await mcp.get_resource("r://b")] == [
            None
        ] * 3
        assert (await mcp.call_tool("a")).content[0].text == "1"
        assert (await mcp.read_resource("r://y/z")).contents[0].content == "z"
        assert (await mcp.render_prompt("p", {"what": "this"})).messages[0].content.text == "this"

    asyncio.run(ask())
    with pytest.raises(AttributeError, match="list_tools"):
        _ = mcp.get_tools
