"""Middleware with the signature of the official SDK: ``async def middleware(ctx, call_next)``."""

import asyncio
import contextlib
import dataclasses
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import pydantic
import pytest
from tests.legacy import NEWEST, LegacyClient
from tests.support import VERSION, Client, dumps, failure, make_handler, message, success

from lambent import Call, Handler, InvalidParamsError, Principal, ProtocolError
from lambent.compat import (
    CallNext,
    HandlerResult,
    MCPError,
    MCPServer,
    ServerMiddleware,
    ServerRequestContext,
    get_access_token,
    require_client_extension,
)

Serve = Callable[..., Client]
Ctx = ServerRequestContext[Any, Any]


def shop(*middleware: Any) -> MCPServer:
    mcp = MCPServer("shop", version="1.2.3", middleware=middleware)

    @mcp.tool()
    def add(a: int, b: int = 0) -> int:
        return a + b

    @mcp.resource("note://{day}")
    def note(day: str) -> str:
        return f"Note of {day}"

    @mcp.prompt()
    def greet(name: str) -> str:
        return f"Hello {name}"

    return mcp


def text_of(reply: Any) -> str:
    text: str = reply.result["content"][0]["text"]
    return text


async def untouched(ctx: Ctx, call_next: CallNext) -> HandlerResult:
    await asyncio.sleep(0)
    return await call_next(ctx)


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("tools/call", {"name": "add", "arguments": {"a": 1}}),
        ("tools/call", {"name": "add", "arguments": {}}),
        ("tools/list", {}),
        ("resources/read", {"uri": "note://monday"}),
        ("prompts/get", {"name": "greet", "arguments": {"name": "Ada"}}),
        ("server/discover", {}),
        ("nothing/known", {}),
    ],
)
def test_what_it_passes_on_stays_as_it_is(method: str, params: dict[str, Any], serve: Serve) -> None:
    expected = serve(shop()).request(method, params)
    got = serve(shop(untouched)).request(method, params)
    assert (got.status, got.body) == (expected.status, expected.body)


def test_it_sees_the_request(serve: Serve) -> None:
    seen: list[Any] = []

    async def look(ctx: Ctx, call_next: CallNext) -> HandlerResult:
        assert ctx.params is not None
        seen.extend([ctx.method, ctx.request_id, ctx.protocol_version, ctx.lifespan_context])
        seen.extend([ctx.params["arguments"], ctx.meta["com.example/a"], ctx.meta["progress_token"]])
        return await call_next(ctx)

    reply = serve(shop(look)).call("add", {"a": 1}, **{"com.example/a": 5, "progressToken": "p"})
    assert text_of(reply) == "1"
    assert seen == ["tools/call", 1, VERSION, {}, {"a": 1}, 5, "p"]


def test_several_wrap_each_other_and_the_list_may_grow(serve: Serve) -> None:
    seen: list[str] = []

    def noting(name: str) -> ServerMiddleware[Any]:
        async def note(ctx: Ctx, call_next: CallNext) -> HandlerResult:
            seen.append(f"{name} in")
            result = await call_next(ctx)
            seen.append(f"{name} out")
            return result

        return note

    mcp = shop(noting("first"))
    mcp.middleware.append(noting("second"))
    client = serve(mcp)
    client.call("add", {"a": 1})
    assert seen == ["first in", "second in", "second out", "first out"]
    mcp.middleware[:] = [noting("third")]
    client.call("add", {"a": 1})
    assert seen[4:] == ["third in", "third out"]
    mcp.middleware.clear()
    assert text_of(client.call("add", {"a": 1})) == "1"
    assert len(seen) == 6


def test_a_mounted_server_has_its_own(serve: Serve) -> None:
    seen: list[str] = []

    async def note(ctx: Ctx, call_next: CallNext) -> HandlerResult:
        assert ctx.params is not None
        seen.append(ctx.params["name"])
        return await call_next(dataclasses.replace(ctx, params={**ctx.params, "arguments": {"a": 2}}))

    mcp = MCPServer("around")
    mcp.mount(shop(note), "one")
    assert text_of(serve(mcp).call("one_add", {"a": 1})) == "2"
    assert seen == ["add"]


def test_it_may_be_an_object_or_a_function_that_returns_an_awaitable(serve: Serve) -> None:
    class Wrap:
        async def __call__(self, ctx: Ctx, call_next: CallNext) -> HandlerResult:
            return await call_next(ctx)

    mcp = shop(Wrap(), lambda ctx, call_next: call_next(ctx))
    assert text_of(serve(mcp).call("add", {"a": 2})) == "2"


@pytest.mark.parametrize("is_copied", [True, False])
def test_it_may_change_the_parameters(is_copied: bool, serve: Serve) -> None:
    async def double(ctx: Ctx, call_next: CallNext) -> HandlerResult:
        assert ctx.params is not None
        if is_copied:
            arguments = {"a": ctx.params["arguments"]["a"] * 2}
            return await call_next(dataclasses.replace(ctx, params={**ctx.params, "arguments": arguments}))
        ctx.params["arguments"]["a"] *= 2
        return await call_next(ctx)

    assert text_of(serve(shop(double)).call("add", {"a": 4})) == "8"


def test_it_may_change_the_method(serve: Serve) -> None:
    async def other(ctx: Ctx, call_next: CallNext) -> HandlerResult:
        if ctx.method == "com.example/add":
            params = {**(ctx.params or {}), "name": "add", "arguments": {"a": 3}}
            return await call_next(dataclasses.replace(ctx, method="tools/call", params=params))
        return await call_next(ctx)

    assert text_of(serve(shop(other)).request("com.example/add")) == "3"


def test_parameters_that_do_not_fit_the_method_are_an_error(serve: Serve) -> None:
    async def broken(ctx: Ctx, call_next: CallNext) -> HandlerResult:
        return await call_next(dataclasses.replace(ctx, params={"name": 7}))

    assert serve(shop(broken)).call("add", {"a": 1}).error["code"] == InvalidParamsError.code


def test_it_may_change_the_result(serve: Serve) -> None:
    async def louder(ctx: Ctx, call_next: CallNext) -> HandlerResult:
        result = await call_next(ctx)
        if ctx.method == "tools/call":
            result["content"][0]["text"] += "!"
            result["_meta"] = {"com.example/louder": True}
        return result

    reply = serve(shop(louder)).call("add", {"a": 1})
    assert text_of(reply) == "1!"
    assert reply.result["_meta"]["com.example/louder"] is True
    assert reply.result["structuredContent"] in (1, {"result": 1})


@pytest.mark.parametrize(
    ("method", "params", "answer", "members"),
    [
        (
            "tools/call",
            {"name": "add"},
            {"content": [{"type": "text", "text": "no"}], "isError": True},
            '"content":[{"type":"text","text":"no"}],"isError":true',
        ),
        (
            "tools/call",
            {"name": "other"},
            {"content": [{"type": "resource", "resource": {"uri": "a:b", "text": "c"}}], "more": [1]},
            '"content":[{"type":"resource","resource":{"uri":"a:b","text":"c"}}],"more":[1]',
        ),
        ("tools/call", {"name": "add"}, {"content": "odd"}, '"content":"odd"'),
        (
            "resources/read",
            {"uri": "a:b"},
            {"contents": [{"uri": "a:b", "blob": "AA=="}], "ttlMs": 5},
            '"contents":[{"uri":"a:b","blob":"AA=="}],"ttlMs":5',
        ),
        (
            "prompts/get",
            {"name": "a"},
            {"messages": [{"role": "user", "content": {"type": "text", "text": "b"}}]},
            '"messages":[{"role":"user","content":{"type":"text","text":"b"}}]',
        ),
        (
            "tools/list",
            {},
            {"tools": [{"name": "a", "inputSchema": {}}]},
            '"tools":[{"name":"a","inputSchema":{}}]',
        ),
        ("com.example/a", {}, {"b": None}, '"b":null'),
        ("com.example/a", {}, {}, ""),
        ("com.example/a", {}, None, ""),
    ],
)
def test_it_may_answer_itself(
    method: str, params: dict[str, Any], answer: Any, members: str, serve: Serve
) -> None:
    async def instead(ctx: Ctx, call_next: CallNext) -> HandlerResult:
        return answer

    assert serve(shop(instead)).request(method, params).body == success(members)


def test_it_may_answer_with_a_model(serve: Serve) -> None:
    class Found(pydantic.BaseModel):
        items: list[str]
        next_one: str | None = pydantic.Field(default=None, alias="nextOne")

    async def instead(ctx: Ctx, call_next: CallNext) -> HandlerResult:
        return Found(items=["a"])

    assert serve(shop(instead)).request("com.example/a").body == success('"items":["a"]')


def test_what_it_returns_has_to_be_a_result(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    async def odd(ctx: Ctx, call_next: CallNext) -> HandlerResult:
        return 7

    assert serve(shop(odd)).call("add", {"a": 1}).error["code"] == -32603
    assert "int is no result" in caplog.text


def test_parameters_that_cannot_be_read_are_an_error(serve: Serve) -> None:
    body = dumps(message("tools/call", {"name": "add", "arguments": {"a": 0}})).replace('"a":0', '"a":1e999')
    headers = {"mcp-method": "tools/call", "mcp-name": "add", "mcp-protocol-version": VERSION}
    assert serve(shop(untouched)).post(body, headers).error["code"] == -32602


def test_it_may_refuse_and_sees_failures(serve: Serve) -> None:
    async def sees(ctx: Ctx, call_next: CallNext) -> HandlerResult:
        try:
            return await call_next(ctx)
        except ProtocolError as error:
            raise ProtocolError(f"{error.message}, {error.code}") from error

    assert serve(shop(sees)).request("com.example/a").body == failure(-32603, "Method not found, -32601")


def test_it_catches_errors_by_their_name_in_the_official_sdk(serve: Serve) -> None:
    seen: list[Any] = []

    async def lenient(ctx: Ctx, call_next: CallNext) -> HandlerResult:
        try:
            return await call_next(ctx)
        except MCPError as error:
            seen.append((error.code, error.message, error.error.data))
            if ctx.method == "com.example/a":
                return {"a": 1}
            raise

    client = serve(shop(lenient))
    assert client.request("com.example/a").body == success('"a":1')
    assert client.request("com.example/b").body == failure(-32601, "Method not found")
    unknown = client.call("unknown")
    assert (unknown.status, unknown.error["code"]) == (serve(shop()).call("unknown").status, -32602)
    assert [code for code, _, _ in seen] == [-32601, -32601, -32602]


def test_it_may_refuse_with_a_code(serve: Serve) -> None:
    async def busy(ctx: Ctx, call_next: CallNext) -> HandlerResult:
        raise MCPError(code=1, message="Busy", data={"limit": 4})

    reply = serve(shop(busy)).call("add", {"a": 1})
    assert (reply.status, reply.body) == (200, failure(1, "Busy", {"limit": 4}))


def test_clients_of_the_legacy_era_get_its_answers_too() -> None:
    async def instead(ctx: Ctx, call_next: CallNext) -> HandlerResult:
        if ctx.method == "tools/call":
            return {"content": [{"type": "text", "text": ctx.protocol_version}]}
        result = await call_next(ctx)
        if ctx.method == "tools/list":
            result["tools"] = result["tools"][:1]
        return result

    handler = make_handler(shop(instead))
    client = LegacyClient(lambda: handler)
    assert client.call("add", a=1).text == NEWEST
    assert [tool["name"] for tool in client.request("tools/list").result["tools"]] == ["add"]
    assert client.request("resources/read", uri="note://a").result["contents"][0]["text"] == "Note of a"
    handler.close()


def test_it_knows_who_is_calling_and_what_with(serve: Serve) -> None:
    seen: list[Any] = []

    async def look(ctx: Ctx, call_next: CallNext) -> HandlerResult:
        token = get_access_token()
        seen.append(token and (token.subject, token.scopes))
        seen.append(ctx.session.client_capabilities.sampling is not None)
        seen.append(ctx.session.client_params.client_info.name)
        return await call_next(ctx)

    def as_ada(call: Call, following: Handler) -> Any:
        return following(call.as_principal(Principal("ada", "issuer", scopes=frozenset({"read"}))))

    mcp = shop(look)
    mcp._middleware = (as_ada, *mcp._middleware)
    client = serve(mcp)
    client.call("add", {"a": 1}, capabilities={"sampling": {}}, clientInfo={"name": "tests", "version": "1"})
    assert seen == [("ada", ["read"]), True, "tests"]


def test_it_shares_the_lifespan(serve: Serve) -> None:
    seen: list[Any] = []

    @contextlib.asynccontextmanager
    async def opened(server: Any) -> AsyncIterator[str]:
        yield "open"

    async def look(ctx: Ctx, call_next: CallNext) -> HandlerResult:
        seen.append(ctx.lifespan_context)
        return await call_next(ctx)

    mcp = MCPServer("shop", middleware=[look], lifespan=opened)
    serve(mcp).request("tools/list")
    assert seen == ["open"]


def test_it_may_send_log_messages(serve: Serve) -> None:
    async def tell(ctx: Ctx, call_next: CallNext) -> HandlerResult:
        await ctx.session.send_log_message("info", "on its way")
        return await call_next(ctx)

    (sent,) = serve(shop(tell)).call("add", {"a": 1}, logLevel="info").notifications
    assert sent["params"] == {"level": "info", "data": "on its way"}


def test_it_cannot_ask_the_client(serve: Serve) -> None:
    async def ask(ctx: Ctx, call_next: CallNext) -> HandlerResult:
        return await ctx.session.elicit_form("Sure?", {"type": "object", "properties": {}})

    reply = serve(shop(ask)).call("add", {"a": 1}, capabilities={"elicitation": {"form": {}}})
    assert text_of(reply).endswith("ask in the tool, or in a resolver")


def test_it_may_require_an_extension(serve: Serve) -> None:
    async def only(ctx: Ctx, call_next: CallNext) -> HandlerResult:
        require_client_extension(ctx, "com.example/a")
        return await call_next(ctx)

    client = serve(shop(only))
    refused = client.call("add", {"a": 1})
    assert refused.error["code"] == -32021
    assert refused.error["data"] == {"requiredCapabilities": {"extensions": {"com.example/a": {}}}}
    assert text_of(client.call("add", {"a": 1}, capabilities={"extensions": {"com.example/a": {}}})) == "1"


def test_the_log_has_nothing_of_a_request_that_is_passed_on(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        serve(shop(untouched)).call("add", {"a": 123456})
    assert "123456" not in caplog.text
