"""Middleware: one shape around every call."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from tests import support
from tests.support import Client, accept, make_server

from lambent import (
    Call,
    Completion,
    Context,
    Handler,
    InvalidParamsError,
    MCPServer,
    Middleware,
    ProtocolError,
    RetryableError,
    TextContent,
    ToolError,
)
from lambent.auth.principal import Principal
from lambent.execution.middleware import chain
from lambent.wire.results import CallToolResult, InputRequiredResult

Serve = Callable[..., Client]


def full(*middleware: Middleware) -> MCPServer:
    """A server with one feature of each kind."""
    mcp = make_server(middleware=middleware)

    @mcp.tool()
    def echo(text: str = "") -> str:
        return text

    @mcp.tool()
    async def echo_async(text: str = "") -> str:
        return text

    @mcp.tool()
    def broken() -> None:
        raise ValueError("the secret")

    @mcp.tool()
    def ask(ctx: Context) -> str:
        return ctx.elicit("Sure?", {"type": "object", "properties": {}}, key="sure").result().action

    @mcp.tool()
    def who(ctx: Context) -> str:
        return ctx.principal.subject if ctx.principal is not None else "nobody"

    @mcp.resource("shop://{title}")
    def resource(title: str) -> str:
        return title

    @mcp.prompt()
    def prompt(title: str = "") -> str:
        return title

    @mcp.completion()
    def complete(ref: Any, argument: Any, context: Any) -> Completion:
        return Completion(values=["a"])

    return mcp


# The chain.


def test_the_first_sees_a_call_first_and_its_outcome_last() -> None:
    seen: list[str] = []

    def named(name: str) -> Middleware:
        def wrap(call: Call, following: Handler) -> Any:
            seen.append(f"{name} in")
            outcome = following(call)
            seen.append(f"{name} out")
            return f"{name}({outcome})"

        return wrap

    handle = chain([named("a"), named("b")], lambda call: seen.append("handler") or "outcome")
    call: Any = SimpleNamespace()
    assert handle(call) == "a(b(outcome))"
    assert seen == ["a in", "b in", "handler", "b out", "a out"]


def test_without_middleware_the_handler_is_itself() -> None:
    def handler(call: Call) -> None: ...

    assert chain([], handler) is handler


def test_a_call_is_passed_on_as_it_is() -> None:
    passed: list[Any] = []

    def wrap(call: Call, following: Handler) -> Any:
        return following(call)

    call: Any = SimpleNamespace()
    chain([wrap, wrap, wrap], passed.append)(call)
    assert passed == [call]


# What it sees.


@pytest.mark.parametrize(
    ("method", "params", "name"),
    [
        ("server/discover", {}, None),
        ("tools/list", {}, None),
        ("tools/call", {"name": "echo", "arguments": {}}, "echo"),
        ("tools/call", {"name": "unknown"}, "unknown"),
        ("resources/list", {}, None),
        ("resources/templates/list", {}, None),
        ("resources/read", {"uri": "shop://Dune"}, "shop://Dune"),
        ("prompts/list", {}, None),
        ("prompts/get", {"name": "prompt"}, "prompt"),
        (
            "completion/complete",
            {"ref": {"type": "ref/prompt", "name": "prompt"}, "argument": {"name": "title", "value": ""}},
            None,
        ),
        ("subscriptions/listen", {"notifications": {}}, None),
    ],
)
def test_every_method_passes_it(serve: Serve, method: str, params: dict[str, Any], name: str | None) -> None:
    seen: list[tuple[str, str | None, Any]] = []

    def watch(call: Call, following: Handler) -> Any:
        seen.append((call.method, call.name, call.rpc.id))
        return following(call)

    reply = serve(full(watch)).request(method, params, request_id="r")
    assert reply.response["id"] == "r"
    assert seen == [(method, name, "r")]


def test_it_sees_methods_that_this_server_does_not_offer(serve: Serve) -> None:
    seen: list[str] = []

    def watch(call: Call, following: Handler) -> Any:
        seen.append(call.method)
        return following(call)

    reply = serve(make_server(middleware=[watch])).request("prompts/get", {"name": "x"})
    assert (reply.status, reply.error["code"]) == (404, -32601)
    assert seen == ["prompts/get"]


def test_it_sees_methods_that_nobody_knows(serve: Serve) -> None:
    seen: list[str] = []

    def watch(call: Call, following: Handler) -> Any:
        seen.append(call.method)
        return following(call)

    reply = serve(full(watch)).request("com.example/unheard-of", {"x": 1})
    assert (reply.status, reply.error["code"]) == (404, -32601)
    assert seen == ["com.example/unheard-of"]


def test_it_can_answer_methods_that_nobody_knows(serve: Serve) -> None:
    """Extensions that a server advertises have methods of their own."""

    def extend(call: Call, following: Handler) -> Any:
        if call.method == "com.example/greet":
            who = msgspec.json.decode(call.rpc.raw)["who"]
            return CallToolResult(content=[TextContent(text=f"hello {who}")])
        return following(call)

    reply = serve(full(extend)).request("com.example/greet", {"who": "ada"})
    assert reply.text == "hello ada"


def test_it_does_not_see_what_breaks_the_rules(serve: Serve) -> None:
    seen: list[str] = []

    def watch(call: Call, following: Handler) -> Any:
        seen.append(call.method)
        return following(call)

    client = serve(full(watch))
    assert client.request("tools/list", headers={"mcp-method": "tools/call"}).status == 400
    assert client.request("tools/call", {"name": 5}, headers={"mcp-name": "5"}).status == 400
    assert client.post("{").status == 400
    assert client.post({"jsonrpc": "2.0", "method": "notifications/x"}).status == 202
    assert seen == []


def test_it_sees_the_request(serve: Serve) -> None:
    seen: dict[str, Any] = {}

    def watch(call: Call, following: Handler) -> Any:
        seen["headers"] = call.headers["x-user"]
        seen["arguments"] = msgspec.json.decode(call.rpc.params.arguments)
        seen["client"] = call.rpc.client.roots is not None
        seen["version"] = call.rpc.meta.protocol_version
        seen["server"] = call.services.catalog.info.name
        return following(call)

    serve(full(watch)).call("echo", {"text": "hi"}, headers={"x-user": "ada"}, capabilities={"roots": {}})
    assert seen == {
        "headers": "ada",
        "arguments": {"text": "hi"},
        "client": True,
        "version": support.VERSION,
        "server": "shop",
    }


def test_it_sees_outcomes(serve: Serve) -> None:
    seen: list[Any] = []

    def watch(call: Call, following: Handler) -> Any:
        outcome = following(call)
        seen.append(outcome)
        return outcome

    client = serve(full(watch))
    client.call("echo", {"text": "hi"})
    client.call("broken")
    client.call("ask", capabilities=support.EVERYTHING)
    good, bad, question = seen
    assert isinstance(good, CallToolResult)
    assert (good.content[0].text, good.is_error is True) == ("hi", False)  # type: ignore[union-attr]
    assert isinstance(bad, CallToolResult)
    assert bad.is_error is True
    assert isinstance(question, InputRequiredResult)
    assert list(question.input_requests) == ["sure"]  # type: ignore[arg-type]


def test_it_sees_protocol_errors(serve: Serve) -> None:
    seen: list[tuple[str, int]] = []

    def watch(call: Call, following: Handler) -> Any:
        try:
            return following(call)
        except ProtocolError as error:
            seen.append((type(error).__name__, error.code))
            raise

    client = serve(full(watch))
    assert client.call("unknown").status == 400
    assert client.read("other://x").status == 400
    assert seen == [("InvalidParamsError", -32602), ("ResourceNotFoundError", -32602)]


def test_it_is_around_every_round(serve: Serve) -> None:
    seen: list[str] = []

    def watch(call: Call, following: Handler) -> Any:
        outcome = following(call)
        seen.append(outcome.result_type)
        return outcome

    last = serve(full(watch)).answered("ask", {"sure": accept()})
    assert last.text == "accept"
    assert seen == ["input_required", "complete"]


def test_it_can_time_a_call(serve: Serve) -> None:
    times: dict[str, int] = {}
    ticks = iter(range(100))

    def timing(call: Call, following: Handler) -> Any:
        began = next(ticks)
        try:
            return following(call)
        finally:
            times[str(call.name)] = next(ticks) - began

    client = serve(full(timing))
    for tool in ("echo", "echo_async", "broken", "unknown"):
        client.call(tool)
    assert times == {"echo": 1, "echo_async": 1, "broken": 1, "unknown": 1}


# What it does.


@pytest.mark.parametrize("error", [ToolError("closed"), RetryableError("closed")])
def test_it_refuses_a_call_of_a_tool_in_words_for_the_model(serve: Serve, error: ToolError) -> None:
    ran: list[str] = []

    def closed(call: Call, following: Handler) -> Any:
        raise error

    mcp = make_server(middleware=[closed])

    @mcp.tool()
    def work() -> None:
        ran.append("work")

    assert serve(mcp).call("work").body == support.tool_error("closed")
    assert ran == []


def test_it_refuses_any_call_with_a_protocol_error(serve: Serve) -> None:
    class RateLimitedError(ProtocolError):
        code = -31000
        status = 429

    def limit(call: Call, following: Handler) -> Any:
        raise RateLimitedError("Too many requests", {"retryAfter": 3})

    client = serve(full(limit))
    for method, params in (("tools/call", {"name": "echo"}), ("server/discover", {}), ("tools/list", {})):
        reply = client.request(method, params)
        assert reply.status == 429
        assert reply.body == support.failure(-31000, "Too many requests", {"retryAfter": 3})


def test_a_tool_error_for_anything_but_a_tool_is_an_error_of_the_request(serve: Serve) -> None:
    def closed(call: Call, following: Handler) -> Any:
        raise ToolError("closed on Sundays")

    reply = serve(full(closed)).request("prompts/get", {"name": "prompt"})
    assert reply.error["message"] == "closed on Sundays"


def test_an_unexpected_failure_is_told_by_its_reference_only(serve: Serve) -> None:
    def broken(call: Call, following: Handler) -> Any:
        raise ValueError("the secret")

    reply = serve(full(broken)).call("echo")
    assert reply.error["code"] == -32603
    assert "secret" not in reply.body.decode()
    assert "reference" in reply.error["message"]


@pytest.mark.parametrize("nothing", [None, "a text", {"content": []}])
def test_an_outcome_that_is_none_is_an_error_of_the_server(serve: Serve, nothing: Any) -> None:
    reply = serve(full(lambda call, following: nothing)).call("echo")
    assert reply.error["code"] == -32603


def test_it_replaces_an_outcome(serve: Serve) -> None:
    def shout(call: Call, following: Handler) -> Any:
        outcome = following(call)
        if call.method == "tools/call":
            texts = [TextContent(text=block.text.upper()) for block in outcome.content]
            return CallToolResult(content=texts, meta={"com.example/loud": True})
        return outcome

    reply = serve(full(shout)).call("echo", {"text": "hi"})
    assert reply.text == "HI"
    assert reply.result["_meta"]["com.example/loud"] is True
    assert reply.result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "shop"


def test_it_answers_without_asking_anybody(serve: Serve) -> None:
    kept = CallToolResult(content=[TextContent(text="from the cache")])

    def cache(call: Call, following: Handler) -> Any:
        return kept if call.method == "tools/call" else following(call)

    client = serve(full(cache))
    # The same result again and again: rendering one response must not show in the next.
    bodies = {client.call("unknown").body for _ in range(3)}
    assert bodies == {support.success('"content":[{"type":"text","text":"from the cache"}]')}


def test_it_turns_an_error_into_a_result(serve: Serve) -> None:
    def forgive(call: Call, following: Handler) -> Any:
        try:
            return following(call)
        except InvalidParamsError:
            return CallToolResult(content=[TextContent(text="no such tool")], is_error=True)

    assert serve(full(forgive)).call("unknown").body == support.tool_error("no such tool")


def test_it_passes_on_a_call_that_it_has_changed(serve: Serve) -> None:
    def authenticate(call: Call, following: Handler) -> Any:
        principal = Principal(issuer="https://id.example.com", subject=call.headers["x-user"])
        return following(msgspec.structs.replace(call, principal=principal))

    assert serve(full(authenticate)).call("who", headers={"x-user": "ada"}).text == "ada"
    assert serve(full()).call("who", headers={"x-user": "ada"}).text == "nobody"


def test_a_question_belongs_to_the_principal_that_middleware_found(serve: Serve) -> None:
    def authenticate(call: Call, following: Handler) -> Any:
        principal = Principal(issuer="https://id.example.com", subject=call.headers["x-user"])
        return following(msgspec.structs.replace(call, principal=principal))

    client = serve(full(authenticate))
    asked: dict[str, Any] = {"capabilities": support.EVERYTHING}
    one = client.call("ask", headers={"x-user": "ada"}, **asked)
    also = {"inputResponses": {"sure": accept()}, "requestState": one.state}
    assert client.call("ask", headers={"x-user": "eve"}, also=also, **asked).error["code"] == -32602
    assert client.call("ask", headers={"x-user": "ada"}, also=also, **asked).text == "accept"


def test_it_may_call_on_twice(serve: Serve) -> None:
    tries: list[int] = []

    def again(call: Call, following: Handler) -> Any:
        outcome = following(call)
        return following(call) if outcome.is_error is True else outcome

    mcp = make_server(middleware=[again])

    @mcp.tool()
    def work() -> str:
        tries.append(len(tries))
        if len(tries) == 1:
            raise RetryableError("not yet")
        return "worked"

    assert serve(mcp).call("work").text == "worked"
    assert tries == [0, 1]


def test_it_may_be_any_callable(serve: Serve) -> None:
    class Counter:
        def __init__(self) -> None:
            self.calls = 0

        def __call__(self, call: Call, following: Handler) -> Any:
            self.calls += 1
            return following(call)

        def method(self, call: Call, following: Handler) -> Any:
            self.calls += 10
            return following(call)

    counter = Counter()
    client = serve(full(counter, counter.method))
    assert client.call("echo", {"text": "hi"}).text == "hi"
    assert counter.calls == 11


def test_its_list_is_the_servers_own(serve: Serve) -> None:
    middleware: list[Middleware] = []
    mcp = make_server(middleware=middleware)

    @mcp.tool()
    def work() -> str:
        return "worked"

    middleware.append(lambda call, following: None)
    assert serve(mcp).call("work").text == "worked"
