"""What functions see of a call, and what becomes of what they return and raise."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from tests.support import Client, failure

from lambent import Context as NativeContext
from lambent import HttpRefusal, MCPServer, TextContent
from lambent.compat.fastmcp import (
    Audio,
    AuthorizationError,
    Context,
    Depends,
    FastMCP,
    FastMCPError,
    File,
    Image,
    Message,
    NotFoundError,
    PromptError,
    PromptResult,
    ResourceContent,
    ResourceError,
    ResourceResult,
    ToolError,
    ValidationError,
    get_context,
    get_http_headers,
)
from lambent.compat.fastmcp.dependencies import get_http_request, get_server
from lambent.compat.fastmcp.results import blocks_of, messages_of
from lambent.testing import TestClient

Serve = Callable[..., Client]


class Block:
    """A content block of another library."""

    def __init__(self, **members: Any) -> None:
        self._members = members
        self.type = members["type"]

    def model_dump(self, **_: Any) -> dict[str, Any]:
        return self._members


class Said:
    role = "assistant"
    content = Block(type="text", text="said")

    def model_dump(self) -> None: ...


def test_blocks_of_other_libraries() -> None:
    resource = {"uri": "r://x", "text": "x"}
    assert blocks_of([Block(type="text", text="a"), "b"]) == [TextContent(text="a"), TextContent(text="b")]
    [block] = blocks_of(Block(type="resource", resource=resource))
    assert block.resource.text == "x"  # type: ignore[attr-defined]
    [blob] = blocks_of(Block(type="resource", resource={"uri": "r://x", "blob": "AA=="}))
    assert blob.resource.blob == "AA=="  # type: ignore[attr-defined]
    [message] = messages_of(Said())
    assert (message.role, message.content) == ("assistant", TextContent(text="said"))
    with pytest.raises(TypeError, match="A prompt returns text, Message objects or PromptResult, not int"):
        messages_of(3)


def test_media_from_files(tmp_path: Path) -> None:
    path = tmp_path / "a b.md"
    path.write_bytes(b"text")
    block = File(path).to_content()
    assert (block.resource.uri, block.resource.mime_type) == (path.as_uri(), "text/markdown")
    assert File(data=b"\xff", format="txt").to_content().resource.mime_type == "application/octet-stream"
    assert File(data=b"x", name="a b").to_content().resource.uri == "file:///a%20b"
    (tmp_path / "a.svg").write_bytes(b"<svg/>")
    assert Image(tmp_path / "a.svg").to_content().mime_type == "image/svg+xml"
    assert Audio(data=b"x").to_content("audio/x").mime_type == "audio/x"
    with pytest.raises(ValueError, match="either path or data"):
        Image()


def test_nothing_runs_outside_of_a_call() -> None:
    for find in (get_context, get_server, get_http_request):
        with pytest.raises(RuntimeError, match="No call runs here"):
            find()
    assert get_http_headers() == {}


def test_there_is_no_http_request_in_a_task() -> None:
    mcp = FastMCP()

    @mcp.tool(task=True)
    async def report(ctx: Context) -> dict[str, Any]:
        with pytest.raises(RuntimeError, match="No HTTP request"):
            get_http_request()
        return {"transport": ctx.transport, "task": ctx.is_background_task, "id": ctx.task_id}

    with TestClient(mcp) as client:
        assert client.call("report").value == {"transport": "stdio", "task": True, "id": None}


def test_what_the_context_does_not_have(serve: Serve) -> None:
    mcp = FastMCP()

    @mcp.tool
    async def ask(ctx: Context, name: str) -> str:
        return str(getattr(ctx, name))

    client = serve(mcp)
    assert client.call("ask", {"name": "session_id"}).text == (
        "There is no ctx.session_id here: annotate a parameter as lambent.Session[…] (docs/sessions.md) "
        "(docs/fastmcp.md)"
    )
    assert client.call("ask", {"name": "x"}).text == "Error calling tool 'ask': Context has no attribute 'x'"
    assert client.call("ask", {"name": "transport"}).text == "streamable-http"


def test_state_is_of_one_call(serve: Serve) -> None:
    mcp = FastMCP()

    async def user(ctx: Context) -> str:
        await ctx.set_state("user", "ann")
        return "ann"

    @mcp.tool
    async def first(who: str = Depends(user)) -> str:
        return str(await get_context().get_state("user"))

    @mcp.tool
    async def second(ctx: Context) -> str:
        return str(await ctx.get_state("user"))

    client = serve(mcp)
    assert [client.call(name).text for name in ("first", "second")] == ["ann", "None"]


def test_extensions_of_clients(serve: Serve) -> None:
    mcp = FastMCP()

    @mcp.tool
    async def known(ctx: Context) -> dict[str, Any]:
        names = ("example.com/x", "example.com/y")
        return {
            one: [ctx.client_supports_extension(one), ctx.client_extension_settings(one)] for one in names
        }

    reply = serve(mcp).call("known", capabilities={"extensions": {"example.com/x": {"a": 1}}})
    expected = {"example.com/x": [True, {"a": 1}], "example.com/y": [False, None]}
    assert reply.result["structuredContent"] == expected


def test_a_declined_question(serve: Serve) -> None:
    mcp = FastMCP()

    @mcp.tool
    async def ask(ctx: Context) -> str:
        return (await ctx.elicit("Sure?", None, key="q")).action

    client = serve(mcp)
    for action in ("decline", "cancel"):
        assert client.answered("ask", {"q": {"action": action}}).text == action
    assert client.answered("ask", {"q": {"action": "accept", "content": {}}}).text == "accept"


@pytest.mark.parametrize(
    ("asked", "schema"),
    [
        (
            [{"a": {"title": "A"}, "b": {}}],
            {"anyOf": [{"const": "a", "title": "A"}, {"const": "b", "title": "b"}]},
        ),
    ],
)
def test_several_titled_choices(serve: Serve, asked: Any, schema: Any) -> None:
    mcp = FastMCP()

    @mcp.tool
    async def ask(ctx: Context) -> str:
        answer = await ctx.elicit("Which?", asked, key="q", response_description="some")
        return str(answer.data)

    client = serve(mcp)
    form = client.call("ask", capabilities={"elicitation": {"form": {}}}).questions["q"]["params"]
    assert form["requestedSchema"]["properties"]["value"] == {
        "type": "array",
        "items": schema,
        "title": "Value",
        "description": "some",
    }


def test_a_form_that_cannot_be_shown(serve: Serve) -> None:
    mcp = FastMCP()

    @mcp.tool
    async def ask(ctx: Context) -> str:
        await ctx.elicit("Which?", [1, 2])
        return ""

    reply = serve(mcp).call("ask", capabilities={"elicitation": {"form": {}}})
    assert reply.text == "Error calling tool 'ask': A form cannot ask for [1, 2]"


def test_refusals_keep_their_status(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    mcp = FastMCP()

    @mcp.tool
    def refuse(status: int) -> str:
        raise AuthorizationError if status == 403 else HttpRefusal(status, "Too many")

    @mcp.resource("r://x")
    def gone() -> str:
        raise NotFoundError("Gone")

    client = serve(mcp)
    with caplog.at_level(logging.ERROR):
        assert client.call("refuse", {"status": 403}).status == 403
        assert client.call("refuse", {"status": 429}).status == 429
        assert client.read("r://x").body == failure(-32602, "Gone")
    assert caplog.records == []


def test_what_a_tool_does_not_find_is_its_failure(serve: Serve) -> None:
    mcp = FastMCP()

    @mcp.tool
    def find() -> str:
        raise NotFoundError("No such order")

    @mcp.tool
    async def read(ctx: Context) -> str:
        return str(await ctx.read_resource("r://missing"))

    @mcp.tool
    async def fill(ctx: Context) -> str:
        return str(await ctx.get_prompt("missing"))

    client = serve(mcp)
    assert client.call("find").result["isError"] is True
    assert client.call("find").text == "Error calling tool 'find': No such order"
    assert client.call("read").text == "Error calling tool 'read': Resource not found"
    assert client.call("fill").text == "Error calling tool 'fill': Unknown prompt: 'missing'"


@pytest.mark.parametrize("error", [FastMCPError, ResourceError, PromptError, ValidationError, ToolError])
def test_errors_of_fastmcp_are_shown_as_they_are(serve: Serve, error: type[Exception]) -> None:
    mcp = FastMCP(mask_error_details=True)

    @mcp.tool
    def fail() -> str:
        raise error("as it is")

    result = serve(mcp).call("fail").result
    assert (result["isError"], result["content"]) == (True, [{"type": "text", "text": "as it is"}])


class Part(BaseModel):
    parts: list["Part"] = []


def test_a_recursive_record_is_structured_content_itself(serve: Serve) -> None:
    mcp = FastMCP()

    @mcp.tool
    def take() -> Part:
        return Part(parts=[Part()])

    client = serve(mcp)
    assert client.call("take").result["structuredContent"] == {"parts": [{"parts": []}]}
    (tool,) = client.request("tools/list").result["tools"]
    items = {"type": "array", "items": {"$ref": "#/$defs/Part"}, "default": []}
    record = {"type": "object", "properties": {"parts": items}}
    assert tool["outputSchema"] == {**record, "$defs": {"Part": record}}


def test_meta_of_resources_and_prompts_is_in_their_results(serve: Serve) -> None:
    mcp = FastMCP()

    @mcp.resource("r://plain", meta={"a": 1, "b": 1}, tags={"t"})
    def plain() -> str:
        return "plain"

    @mcp.resource("r://parts", meta={"a": 1, "b": 1})
    def parts() -> list[ResourceContent]:
        return [ResourceContent("x", meta={"b": 2}), ResourceContent("y")]

    @mcp.resource("r://whole", meta={"a": 1})
    def whole() -> ResourceResult:
        return ResourceResult("x")

    @mcp.prompt(meta={"a": 1})
    def talk() -> str:
        """Talk."""
        return "hello"

    @mcp.prompt(meta={"a": 1})
    def other() -> PromptResult:
        return PromptResult("hello")

    client = serve(mcp)
    metas = {
        name: [one.get("_meta") for one in client.read(f"r://{name}").result["contents"]]
        for name in ("plain", "parts", "whole")
    }
    assert metas == {
        "plain": [{"a": 1, "b": 1}],
        "parts": [{"a": 1, "b": 2}, {"a": 1, "b": 1}],
        "whole": [None],
    }
    filled = client.request("prompts/get", {"name": "talk"}).result
    assert (filled["description"], filled["_meta"]["a"]) == ("Talk.", 1)
    assert "a" not in client.request("prompts/get", {"name": "other"}).result["_meta"]


def test_unexpected_errors_are_in_the_log(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    mcp = FastMCP(mask_error_details=True)

    @mcp.tool
    def broken() -> str:
        raise ValueError("the cause")

    with caplog.at_level(logging.ERROR):
        assert serve(mcp).call("broken").text == "Error calling tool 'broken'"
    assert "the cause" in caplog.text


def test_what_a_server_reads_from_itself(serve: Serve) -> None:
    inner, mcp = FastMCP("inner"), FastMCP("outer")

    @inner.resource("r://whole")
    def whole() -> ResourceResult:
        return ResourceResult([ResourceContent("a", meta={"n": 1})], meta={"m": 1})

    @inner.prompt
    def talk(ctx: Context) -> PromptResult:
        return PromptResult([Message(ctx.fastmcp.name, "assistant")], description="A talk")

    @mcp.tool
    async def look(ctx: Context) -> list[dict[str, int] | str | None]:
        read = await ctx.read_resource("r://in/whole")
        prompt = await ctx.get_prompt("in_talk")
        with pytest.raises(NotFoundError):
            await ctx.get_prompt("nobody")
        said = prompt.messages[0]
        return [read.meta, read.contents[0].meta, prompt.description, said.role, said.content.text]

    mcp.mount(inner, "in")
    client = serve(mcp)
    assert client.call("look").result["structuredContent"] == {
        "result": [{"m": 1}, {"n": 1}, "A talk", "assistant", "inner"]
    }
    contents = client.read("r://in/whole").result
    assert contents["contents"] == [
        {"uri": "r://in/whole", "mimeType": "text/plain", "text": "a", "_meta": {"n": 1}}
    ]
    assert contents["_meta"]["m"] == 1


def test_what_a_server_reads_from_a_mounted_server_of_lambent(serve: Serve) -> None:
    inner, mcp = MCPServer("inner"), FastMCP("outer")

    @inner.resource("r://plain")
    def plain() -> str:
        return "a"

    @inner.prompt()
    def talk() -> str:
        """A talk."""
        return "b"

    @mcp.tool
    async def look(ctx: Context) -> list[str | bytes | None]:
        read = await ctx.read_resource("r://in/plain")
        prompt = await ctx.get_prompt("in_talk")
        said = prompt.messages[0]
        return [read.contents[0].content, prompt.description, said.role, said.content.text]

    mcp.mount(inner, "in")
    assert serve(mcp).call("look").text == '["a","A talk.","user","b"]'


def test_plain_functions_run_on_worker_threads_of_anyio(serve: Serve) -> None:
    import anyio.from_thread

    mcp = FastMCP()

    async def loop_of() -> str:
        return "loop"

    @mcp.tool
    def ask() -> str:
        return f"{anyio.from_thread.run(loop_of)} of {get_context().fastmcp.name}"

    @mcp.tool(run_in_thread=False)
    def here() -> str:
        with pytest.raises(RuntimeError):
            anyio.from_thread.run(loop_of)
        return threading.current_thread().name

    client = serve(mcp)
    assert client.call("ask").text == "loop of FastMCP"
    assert client.call("here").text == threading.current_thread().name


def test_a_server_of_lambent_reads_what_is_mounted_in_it(serve: Serve) -> None:
    inner, mcp = FastMCP("inner"), MCPServer("outer")

    @inner.resource("r://who")
    async def who(ctx: Context) -> str:
        return f"{ctx.fastmcp.name} for {ctx._call.name}"

    @mcp.tool()
    async def look(ctx: NativeContext) -> str:
        [contents] = await ctx.read_resource("r://in/who")
        return f"{contents.uri} {contents.text}"  # type: ignore[union-attr]

    mcp.mount(inner, "in")
    assert serve(mcp).call("look").text == "r://in/who inner for look"


@pytest.mark.parametrize("version", ["2024-11-05", "2025-06-18", "2025-11-25"])
def test_clients_of_the_legacy_era(version: str) -> None:
    mcp = FastMCP()

    @mcp.tool
    def number() -> int:
        return 3

    @mcp.tool
    def record() -> dict[str, int]:
        return {"a": 1}

    @mcp.tool
    def anything() -> Any:
        return [1, "a"]

    with TestClient(mcp, version=version) as client:
        results = [client.call(name) for name in ("number", "record", "anything")]
    assert [one.text for one in results] == ["3", '{"a":1}', '[1,"a"]']
    if version >= "2025":
        assert [one.structured for one in results[:2]] == [{"result": 3}, {"a": 1}]
        assert not results[2].has_structured
