"""Objects of the official SDK, as tools, resources and prompts of this library return and raise them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from tests.support import Client, make_server

from lambent import DeclarationError, MCPServer

mcp_types = pytest.importorskip("mcp.types")

Serve = Callable[..., Client]
TEXT = {"type": "text", "text": "x"}
PICTURE = {"type": "image", "data": "eA==", "mimeType": "image/png"}
EMBEDDED = {"type": "resource", "resource": {"uri": "a://b", "text": "x", "mimeType": "text/plain"}}
LINK = {"type": "resource_link", "uri": "a://b", "name": "n"}


def make(name: str, /, **members: Any) -> Any:
    """An object of ``mcp.types`` from its members on the wire."""
    return getattr(mcp_types, name).model_validate(members)


BLOCKS: list[tuple[str, dict[str, Any]]] = [
    ("TextContent", {**TEXT, "annotations": {"priority": 0.5}, "_meta": {"k": 1}}),
    ("ImageContent", PICTURE),
    ("AudioContent", {"type": "audio", "data": "eA==", "mimeType": "audio/wav"}),
    ("ResourceLink", LINK),
    ("EmbeddedResource", EMBEDDED),
    ("EmbeddedResource", {"type": "resource", "resource": {"uri": "a://b", "blob": "eA=="}}),
]


def returning(serve: Serve, value: Any, hint: Any = Any) -> Client:
    mcp = make_server()

    def t() -> Any:
        return value

    t.__annotations__["return"] = hint
    mcp.tool()(t)
    return serve(mcp)


@pytest.mark.parametrize(("name", "block"), BLOCKS)
def test_content_is_content(serve: Serve, name: str, block: dict[str, Any]) -> None:
    value = make(name, **block)
    for returned, blocks in ((value, [block]), ([value, "y"], [block, {"type": "text", "text": "y"}])):
        for hint in (Any, type(value), list[type(value)]):  # type: ignore[misc]
            client = returning(serve, returned, hint)
            assert client.call("t").result["content"] == blocks
            assert "outputSchema" not in client.tool("t")


@pytest.mark.parametrize("hint", [Any, mcp_types.CallToolResult, str])
def test_a_whole_result_stays_whole(serve: Serve, hint: Any) -> None:
    value = make(
        "CallToolResult",
        content=[TEXT, PICTURE],
        structuredContent={"result": "y"},
        _meta={"com.example/k": 1},
    )
    result = returning(serve, value, hint).call("t").result
    assert result["content"] == [TEXT, PICTURE]
    assert result["structuredContent"] == {"result": "y"}
    assert result["_meta"]["com.example/k"] == 1
    assert "isError" not in result


@pytest.mark.parametrize("hint", [Any, mcp_types.CallToolResult, str])
def test_an_error_stays_an_error(serve: Serve, hint: Any) -> None:
    value = make("CallToolResult", content=[TEXT], isError=True)
    result = returning(serve, value, hint).call("t").result
    assert (result["isError"], result["content"]) == (True, [TEXT])


def test_the_annotation_of_a_whole_result_describes_it(serve: Serve) -> None:
    value = make("CallToolResult", content=[TEXT], structuredContent={"a": 1})
    client = returning(serve, value, Annotated[mcp_types.CallToolResult, dict[str, int]])
    assert client.tool("t")["outputSchema"]["additionalProperties"] == {"type": "integer"}
    assert client.call("t").result["structuredContent"] == {"a": 1}
    wrong = make("CallToolResult", content=[TEXT], structuredContent={"a": "x"})
    client = returning(serve, wrong, Annotated[mcp_types.CallToolResult, dict[str, int]])
    assert client.call("t").result["isError"] is True


@pytest.mark.parametrize("name", ["Tool", "Root"])
def test_other_objects_are_refused(serve: Serve, name: str, caplog: pytest.LogCaptureFixture) -> None:
    members = {"Tool": {"name": "n", "inputSchema": {"type": "object"}}, "Root": {"uri": "file:///a"}}
    for value in (make(name, **members[name]), [make(name, **members[name])]):
        assert returning(serve, value).call("t").result["isError"] is True
        assert f".{name}: write the class of that name in lambent.compat.types" in caplog.text


def test_images_of_the_official_sdk(serve: Serve) -> None:
    image = pytest.importorskip("mcp.server.mcpserver").Image
    assert returning(serve, image(data=b"x", format="png")).call("t").result["content"] == [PICTURE]


def test_contents_of_resources(serve: Serve) -> None:
    mcp = make_server()
    contents = [{"uri": "a://b", "text": "x", "mimeType": "text/x"}, {"uri": "a://c", "blob": "eA=="}]
    read = make("ReadResourceResult", contents=contents)
    mcp.resource("a://whole", name="whole")(lambda: read)
    mcp.resource("a://one", name="one")(lambda: make("TextResourceContents", **contents[0]))
    client = serve(mcp)
    assert client.read("a://whole").result["contents"] == contents
    assert client.read("a://one").result["contents"] == contents[:1]


def test_messages_of_prompts(serve: Serve) -> None:
    mcp = make_server()
    message = {"role": "assistant", "content": TEXT}
    whole = make("GetPromptResult", description="Mine", messages=[message])
    mcp.prompt("whole")(lambda: whole)
    mcp.prompt("one")(lambda: make("PromptMessage", **message))
    mcp.prompt("block")(lambda: [make("TextContent", **TEXT)])
    client = serve(mcp)
    assert client.prompt("whole").result["description"] == "Mine"
    assert client.prompt("whole").result["messages"] == [message]
    assert client.prompt("one").result["messages"] == [message]
    assert client.prompt("block").result["messages"] == [{"role": "user", "content": TEXT}]


def test_completions(serve: Serve) -> None:
    mcp = make_server()

    @mcp.prompt()
    def greet(name: str) -> str:
        return name

    @mcp.completion()
    def complete(ref: Any, argument: Any, context: Any) -> Any:
        return make("Completion", values=["a"], total=5, hasMore=True)

    reply = serve(mcp).request(
        "completion/complete",
        {"ref": {"type": "ref/prompt", "name": "greet"}, "argument": {"name": "name", "value": ""}},
    )
    assert reply.result["completion"] == {"values": ["a"], "total": 5, "hasMore": True}


def test_annotations_and_icons_of_definitions(serve: Serve) -> None:
    mcp = make_server()
    hints, icon = {"readOnlyHint": True, "title": "T"}, {"src": "https://a/i.png", "sizes": ["48x48"]}
    mcp.tool("t", annotations=make("ToolAnnotations", **hints), icons=[make("Icon", **icon)])(lambda: "x")
    mcp.resource("a://b", name="r", annotations=make("Annotations", priority=0.5))(lambda: "x")
    client = serve(mcp)
    assert client.tool("t")["annotations"] == hints
    assert client.tool("t")["icons"] == [icon]
    (resource,) = client.request("resources/list").result["resources"]
    assert resource["annotations"] == {"priority": 0.5}
    with pytest.raises(DeclarationError, match="cannot read"):
        make_server().tool("t", annotations=make("Root", uri="file:///a"))(lambda: "x")


def raising(serve: Serve, error: BaseException) -> Client:
    mcp: MCPServer = make_server()

    @mcp.tool()
    def t() -> str:
        raise error

    @mcp.prompt()
    def p() -> str:
        raise error

    return serve(mcp)


def test_protocol_errors_keep_their_code(serve: Serve) -> None:
    error = pytest.importorskip("mcp").MCPError(-32042, "pay first", {"a": 1})
    client = raising(serve, error)
    for reply in (client.call("t"), client.prompt("p")):
        assert reply.error == {"code": -32042, "message": "pay first", "data": {"a": 1}}


def test_errors_of_tools_are_shown(serve: Serve) -> None:
    error = pytest.importorskip("mcp.server.mcpserver.exceptions").ToolError("no such month")
    assert raising(serve, error).call("t").text == "Error executing tool t: no such month"


def test_a_class_of_a_servers_own_module_is_data(serve: Serve) -> None:
    own = dataclass(type("Line", (), {"__annotations__": {"sku": str}, "__module__": "mcp"}))
    client = returning(serve, [own("a")], list[own])  # type: ignore[valid-type]
    assert client.call("t").result["structuredContent"] == {"result": [{"sku": "a"}]}


def test_a_class_of_the_same_name_elsewhere_is_data(serve: Serve) -> None:
    own = type("CallToolResult", (dict,), {})
    client = returning(serve, own(isError=True), dict[str, bool])
    assert client.call("t").result["structuredContent"] == {"isError": True}
