"""Prompts on the wire."""

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import annotated_types as at
import pydantic
import pytest
from tests.features.adapters import each_adapter, mention
from tests.support import Client, failure, make_server, success

from lambent import (
    AssistantMessage,
    Audio,
    Context,
    DeclarationError,
    EmbeddedResource,
    Icon,
    Image,
    InvalidParamsError,
    PromptMessage,
    ResourceLink,
    TextContent,
    TextResourceContents,
    ToolError,
    UserMessage,
)

Serve = Callable[..., Client]


class Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(populate_by_name=True)
    name: str = pydantic.Field(alias="Name")


@dataclass
class Line:
    sku: str


def user(content: str) -> str:
    return f'{{"role":"user","content":{content}}}'


def text(value: str) -> str:
    return f'{{"type":"text","text":"{value}"}}'


MESSAGES: list[tuple[Any, str]] = [
    ("hello", user(text("hello"))),
    ("", user(text(""))),
    (["a", "b"], f"{user(text('a'))},{user(text('b'))}"),
    (("a",), user(text("a"))),
    ([], ""),
    (UserMessage("a"), user(text("a"))),
    (AssistantMessage("a"), user(text("a")).replace("user", "assistant")),
    (
        PromptMessage(role="assistant", content=TextContent(text="a")),
        user(text("a")).replace("user", "assistant"),
    ),
    (
        [UserMessage("q"), AssistantMessage("a")],
        f"{user(text('q'))},{user(text('a')).replace('user', 'assistant')}",
    ),
    (TextContent(text="a"), user(text("a"))),
    (Image(data=b"x"), user('{"type":"image","data":"eA==","mimeType":"image/png"}')),
    (Audio(data=b"x"), user('{"type":"audio","data":"eA==","mimeType":"audio/wav"}')),
    (
        ["look", Image(data=b"x", format="jpeg")],
        user(text("look")) + "," + user('{"type":"image","data":"eA==","mimeType":"image/jpeg"}'),
    ),
    (ResourceLink(uri="a:b", name="n"), user('{"type":"resource_link","uri":"a:b","name":"n"}')),
    (
        EmbeddedResource(resource=TextResourceContents(uri="a:b", text="x", mime_type="text/plain")),
        user('{"type":"resource","resource":{"uri":"a:b","text":"x","mimeType":"text/plain"}}'),
    ),
]


BLOB = '"resource":{"uri":"a:b","blob":"eA=="}'
DICTS: list[tuple[Any, str]] = [
    ({"role": "user", "content": "a"}, user(text("a"))),
    ({"role": "assistant", "content": "a"}, user(text("a")).replace("user", "assistant")),
    (
        [{"role": "user", "content": "q"}, AssistantMessage("a")],
        f"{user(text('q'))},{user(text('a')).replace('user', 'assistant')}",
    ),
    *(
        ({"role": "user", "content": json.loads(content)}, user(content))
        for content in (
            text("a"),
            '{"type":"text","text":"a","annotations":{"priority":1.0},"_meta":{"k":[1]}}',
            '{"type":"image","data":"eA==","mimeType":"image/png"}',
            '{"type":"audio","data":"eA==","mimeType":"audio/wav"}',
            '{"type":"resource_link","uri":"a:b","name":"n"}',
            '{"type":"resource","resource":{"uri":"a:b","text":"x","mimeType":"text/plain"}}',
            f'{{"type":"resource",{BLOB}}}',
            f'{{"type":"resource",{BLOB},"annotations":{{"audience":["user"]}},"_meta":{{"k":1}}}}',
        )
    ),
    ({"role": "user", "content": TextContent(text="a")}, user(text("a"))),
    ({"a": 1}, user(text('{\\n  \\"a\\": 1\\n}'))),
    ({"content": "a"}, user(text('{\\n  \\"content\\": \\"a\\"\\n}'))),
    (5, user(text("5"))),
    ([5, [6]], user(text("5")) + "," + user(text("[\\n  6\\n]"))),
    (dt.date(2026, 7, 28), user(text('\\"2026-07-28\\"'))),
    (Model(name="a"), user(text('{\\n  \\"Name\\": \\"a\\"\\n}'))),
    (Line("a"), user(text('{\\n  \\"sku\\": \\"a\\"\\n}'))),
]
MESSAGES += DICTS


@pytest.mark.parametrize(("value", "expected"), MESSAGES)
def test_messages_byte_for_byte(serve: Serve, value: Any, expected: str) -> None:
    mcp = make_server()
    mcp.prompt("p")(lambda: value)
    reply = serve(mcp).prompt("p")
    assert reply.status == 200
    assert reply.body == success(f'"description":"","messages":[{expected}]')


NO_MESSAGES: list[Any] = [
    None,
    ["a", None],
    {"role": "user"},
    {"role": "bot", "content": "x"},
    {"role": None, "content": "x"},
    {"role": "user", "content": None},
    {"role": "user", "content": 5},
    {"role": "user", "content": ["x"]},
    {"role": "user", "content": {"text": "x"}},
    {"role": "user", "content": {"type": "video", "data": "eA=="}},
    {"role": "user", "content": {"type": "image", "data": "eA=="}},
    {"role": "user", "content": {"type": "resource", "resource": {"text": "x"}}},
    {"role": "user", "content": {"type": "resource", "resource": "a:b"}},
    ["a", {"role": "user", "content": {"type": "text"}}],
]


@pytest.mark.parametrize("value", NO_MESSAGES)
def test_other_values_are_failures(serve: Serve, value: Any, caplog: pytest.LogCaptureFixture) -> None:
    mcp = make_server()
    mcp.prompt("p")(lambda: value)
    reply = serve(mcp).prompt("p")
    assert reply.error["code"] == -32603
    assert "A prompt returns text, content or messages" in caplog.text
    assert "content or messages" not in reply.body.decode()


def test_a_definition_byte_for_byte(serve: Serve) -> None:
    mcp = make_server()

    @mcp.prompt(
        "review",
        title="Review",
        description="Reviews code.",
        icons=[Icon(src="https://a/i.png")],
        meta={"com.example/k": 1},
    )
    def function(code: Annotated[str, "What to review"], style: str = "short") -> str:
        """Not this."""
        return code

    @mcp.prompt()
    def bare() -> str:
        """One line."""
        return ""

    assert serve(mcp).request("prompts/list").body == success(
        '"prompts":[{"name":"review","title":"Review","description":"Reviews code.","arguments":'
        '[{"name":"code","description":"What to review","required":true},{"name":"style","required":false}],'
        '"icons":[{"src":"https://a/i.png"}],"_meta":{"com.example/k":1}},'
        '{"name":"bare","description":"One line.","arguments":[]}],"ttlMs":60000,"cacheScope":"public"'
    )


def test_the_description_comes_along(serve: Serve) -> None:
    mcp = make_server()

    @mcp.prompt()
    def p() -> str:
        """What it is."""
        return "x"

    assert serve(mcp).prompt("p").body == success(
        f'"description":"What it is.","messages":[{user(text("x"))}]'
    )


# Arguments


@each_adapter
def test_arguments_are_text_and_are_converted(serve: Serve, adapter: str) -> None:
    def function(name: str, count: int, deep: bool = False, note: str | None = None) -> str:
        return repr((name, count, deep, note))

    mcp = make_server()
    mcp.prompt("p")(mention(adapter, function))
    client = serve(mcp)

    def said(**arguments: str) -> str:
        (message,) = client.prompt("p", arguments).result["messages"]
        return str(message["content"]["text"])

    assert said(name="5", count="5") == "('5', 5, False, None)"
    assert said(name="", count="-1", deep="true", note="x") == "('', -1, True, 'x')"


@each_adapter
@pytest.mark.parametrize(
    ("arguments", "named"),
    [({}, "count"), ({"count": "x"}, "count"), ({"count": "0"}, "count"), ({"count": "1", "x": "y"}, "x")],
)
def test_wrong_arguments_are_invalid_params(
    serve: Serve, adapter: str, arguments: dict[str, str], named: str
) -> None:
    def function(count: Annotated[int, at.Ge(1)]) -> str:
        return ""

    mcp = make_server()
    mcp.prompt("p")(mention(adapter, function))
    reply = serve(mcp).prompt("p", arguments)
    assert reply.status == 400
    assert reply.error["code"] == -32602
    assert reply.error["message"].startswith("Invalid arguments for prompt 'p': ")
    assert named in reply.error["message"]


def test_a_missing_argument_byte_for_byte(serve: Serve) -> None:
    mcp = make_server()

    @mcp.prompt()
    def p(name: str) -> str:
        return name

    client = serve(mcp)
    expected = failure(-32602, "Invalid arguments for prompt 'p': Object missing required field `name`")
    assert client.prompt("p").body == expected
    assert client.request("prompts/get", {"name": "p"}).body == expected


def test_the_context_is_no_argument(serve: Serve) -> None:
    mcp = make_server()

    @mcp.prompt()
    async def p(name: str, ctx: Context) -> str:
        return f"{name} {ctx.request_id}"

    client = serve(mcp)
    (definition,) = client.request("prompts/list").result["prompts"]
    assert definition["arguments"] == [{"name": "name", "required": True}]
    assert client.prompt("p", {"name": "a"}, request_id="r").result["messages"][0]["content"]["text"] == "a r"


@each_adapter
def test_values_of_every_type_come_as_text(serve: Serve, adapter: str) -> None:
    """Arguments are strings (schema, GetPromptRequestParams)."""

    def function(
        items: list[int], line: Line, flag: bool, nothing: str | None = None, number: int | None = 5
    ) -> str:
        return repr((items, line, flag, nothing, number))

    mcp = make_server()
    mcp.prompt("p")(mention(adapter, function))
    sent = {"items": '[1,"2"]', "line": '{"sku":"s"}', "flag": "false", "nothing": "null", "number": "null"}
    (message,) = serve(mcp).prompt("p", sent).result["messages"]
    assert message["content"]["text"] == "([1, 2], Line(sku='s'), False, 'null', None)"


def test_an_alias_is_the_name_of_an_argument(serve: Serve) -> None:
    mcp = make_server()

    @mcp.prompt()
    def p(name: Annotated[str, pydantic.Field(alias="Name", description="Whose")], count: int = 1) -> str:
        return f"{name} {count}"

    client = serve(mcp)
    (definition,) = client.request("prompts/list").result["prompts"]
    assert definition["arguments"][0] == {"name": "Name", "description": "Whose", "required": True}
    assert client.prompt("p", {"Name": "a", "count": "2"}).body == success(
        f'"description":"","messages":[{user(text("a 2"))}]'
    )


@pytest.mark.parametrize(
    "value",
    [
        "\ud800",
        {"a": "\ud800"},
        {"role": "user", "content": "\ud800"},
        UserMessage("\ud800"),
        PromptMessage(role="user", content=TextContent(text="\ud800")),
    ],
)
def test_lone_surrogates_are_failures(serve: Serve, value: Any, caplog: pytest.LogCaptureFixture) -> None:
    mcp = make_server()
    mcp.prompt("p")(lambda: value)
    assert serve(mcp).prompt("p").error["code"] == -32603
    assert "surrogates not allowed" in caplog.text


# Failures


def test_an_unknown_prompt_is_invalid(serve: Serve) -> None:
    mcp = make_server()
    mcp.prompt("p")(lambda: "x")
    reply = serve(mcp).prompt("q")
    assert reply.status == 400
    assert reply.body == failure(-32602, "Unknown prompt: q")


def test_a_failure_says_nothing_but_its_reference(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    mcp = make_server()

    @mcp.prompt()
    def p() -> str:
        raise RuntimeError("secret detail")

    reply = serve(mcp).prompt("p")
    reference = reply.error["message"].removeprefix("Internal error (reference ").removesuffix(")")
    assert reply.body == failure(-32603, f"Internal error (reference {reference})")
    assert reference in caplog.text
    assert "secret detail" in caplog.text


def test_failures_that_were_anticipated_are_told(serve: Serve) -> None:
    mcp = make_server()

    @mcp.prompt()
    def closed() -> str:
        raise ToolError("Closed on Sundays")

    @mcp.prompt()
    def invalid() -> str:
        raise InvalidParamsError("No such style", {"style": "x"})

    client = serve(mcp)
    assert client.prompt("closed").body == failure(-32603, "Closed on Sundays")
    assert client.prompt("invalid").body == failure(-32602, "No such style", {"style": "x"})


# Declarations that cannot work


def test_a_name_can_be_taken_once() -> None:
    mcp = make_server()
    mcp.prompt("p")(lambda: "x")
    with pytest.raises(DeclarationError, match="There is a prompt 'p' already"):
        mcp.prompt("p")(lambda: "y")


def test_the_decorator_needs_its_parentheses() -> None:
    with pytest.raises(DeclarationError, match=r"Write @mcp\.prompt\(\) with parentheses"):
        make_server().prompt(lambda: "x")  # type: ignore[arg-type]


def test_arguments_must_be_named() -> None:
    with pytest.raises(DeclarationError, match=r"a prompt names its arguments, \*\* cannot"):
        make_server().prompt("p")(lambda **arguments: "x")
