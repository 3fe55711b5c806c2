"""Values of ``mcp.types`` by the names of ``lambent.compat.types``."""

import json
import re
from typing import Any

import msgspec
import pytest
from msgspec import UNSET

from lambent.compat import Context, MCPServer, types
from lambent.testing import TestClient, ToolFailed
from lambent.wire import jsonrpc, values


def test_names_of_the_wire_and_of_python():
    first = types.ImageContent(type="image", data="QQ==", mimeType="image/png", _meta={"a": 1})
    other = types.ImageContent(data="QQ==", mime_type="image/png", meta={"a": 1})
    assert first == other
    assert jsonrpc.encode(first) == b'{"type":"image","data":"QQ==","mimeType":"image/png","_meta":{"a":1}}'
    assert (first.type, first.mimeType, first.mime_type) == ("image", "image/png", "image/png")


def test_a_whole_result_with_members_that_are_not_set():
    made = types.CallToolResult(
        content=[{"type": "text", "text": "a"}], isError=False, structuredContent=None, _meta=None
    )
    assert made.is_error is msgspec.UNSET
    assert made.content == [values.TextContent(text="a")]
    assert types.CallToolResult(content=[], is_error=True).isError is True


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: types.TextContent(text=5), "TextContent.text: Expected `str`, got `int`"),
        (lambda: types.TextContent(type="image", text=""), "TextContent.type is 'text', not 'image'"),
        (lambda: types.CallToolResult(content=[{"type": "other"}]), "Invalid value 'other' - at `$.type`"),
        (
            lambda: types.Annotations(audience=["nobody"]),
            "Annotations.audience: Invalid enum value 'nobody' - at `$[0]`",
        ),
    ],
)
def test_a_member_of_another_type(make, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        make()


def test_a_member_that_there_is_not():
    with pytest.raises(TypeError, match=r"^TextContent has no 'body'; it has text, annotations, meta$"):
        types.TextContent(body="")
    with pytest.raises(AttributeError, match="'TextContent' object has no attribute 'mimeType'"):
        _ = types.TextContent(text="").mimeType


def test_urls_and_members_as_objects():
    link = types.ResourceLink(
        type="resource_link",
        uri=pytest.importorskip("pydantic").AnyUrl("file:///a"),
        name="a",
        annotations={"priority": 0.5},
    )
    assert (link.uri, link.annotations) == ("file:///a", values.Annotations(priority=0.5))


def test_values_of_the_library_are_instances_too():
    class Own(types.TextContent, frozen=True, tag="text"):
        pass

    assert isinstance(values.TextContent(text=""), types.TextContent)
    assert not isinstance(values.TextContent(text=""), types.ImageContent | Own)
    assert isinstance(Own(text="a"), types.TextContent)


def test_methods_of_models():
    block = types.ResourceLink(
        uri="a:b", name="n", mimeType="text/plain", icons=[types.Icon(src="x", mime_type="i/p")]
    )
    assert block.model_dump() == {
        "type": "resource_link",
        "uri": "a:b",
        "name": "n",
        "mime_type": "text/plain",
        "icons": [{"src": "x", "mime_type": "i/p"}],
    }
    wire = block.model_dump(mode="json", by_alias=True, exclude_none=True)
    assert (wire["mimeType"], wire["icons"]) == ("text/plain", [{"src": "x", "mimeType": "i/p"}])
    assert json.loads(block.model_dump_json(by_alias=True)) == wire
    assert types.ResourceLink.model_validate(wire).model_dump() == block.model_dump()
    assert types.ResourceLink.model_validate(block) is block
    assert block.model_copy(update={"name": "m"}).name == "m"
    with pytest.raises(TypeError, match="model_dump has no exclude here"):
        block.model_dump(exclude={"name"})


def test_tools_return_them_and_get_them():
    mcp = MCPServer("values")

    @mcp.tool()
    def blocks() -> list[types.TextContent]:
        return [types.TextContent(type="text", text="a"), types.TextContent(text="b")]

    @mcp.tool()
    def whole() -> types.CallToolResult:
        return types.CallToolResult(content=[types.TextContent(type="text", text="no")], isError=True)

    @mcp.tool()
    async def sampled(ctx: Context) -> str:
        result = await ctx.session.create_message(
            [types.SamplingMessage(role="user", content=types.TextContent(type="text", text="Hi"))],
            max_tokens=5,
        )
        assert isinstance(result.content, types.TextContent)
        return result.content.text if result.content.type == "text" else "other"

    client = TestClient(mcp)
    assert client.call("blocks").content == [values.TextContent(text="a"), values.TextContent(text="b")]
    with pytest.raises(ToolFailed, match=r"no$"):
        client.call("whole")
    answer = types.CreateMessageResult(role="assistant", content=values.TextContent(text="Hello"), model="m")
    assert TestClient(mcp, answers=[answer]).call("sampled").text == "Hello"


@pytest.mark.parametrize("value", [0, False, "", [], {}])
def test_structured_content_may_be_any_value(value: Any) -> None:
    assert types.CallToolResult(content=[], structuredContent=value).structured_content == value


def test_what_is_not_given_is_not_there() -> None:
    result = types.CallToolResult(content=[], structuredContent=None, isError=False)
    assert (result.structured_content, result.is_error) == (UNSET, UNSET)
