"""The one funnel: where requests enter, and where every exception ends."""

import asyncio
import json
import logging
import re
from collections.abc import Callable
from typing import Any

import pytest
from tests.support import (
    Client,
    Reply,
    dumps,
    failure,
    headers_of,
    http_api,
    make_handler,
    make_server,
    message,
    success,
    tool_error,
)

from lambent import (
    Call,
    Context,
    Handler,
    HttpRefusal,
    InvalidParamsError,
    Principal,
    ProtocolError,
    Request,
    ToolError,
)
from lambent.execution.endpoint import Endpoint
from lambent.wire.http import HttpPolicy

Serve = Callable[..., Client]
REFERENCE = re.compile(r"[0-9a-f]{12}")


FAILURES: dict[str, Callable[[], BaseException]] = {
    "exception": lambda: RuntimeError("secret detail"),
    "lookup": lambda: KeyError("secret detail"),
    "unicode": lambda: UnicodeDecodeError("utf-8", b"\xff", 0, 1, "secret detail"),
    "assertion": lambda: AssertionError("secret detail"),
    "recursion": lambda: RecursionError("secret detail"),
    "stop": lambda: StopIteration("secret detail"),
    "exit": lambda: SystemExit("secret detail"),
    "exit code": lambda: SystemExit(3),
    "group": lambda: ExceptionGroup("secret detail", [ValueError("secret detail")]),
    "cancelled": lambda: asyncio.CancelledError("secret detail"),
    "timeout": lambda: TimeoutError("secret detail"),
    "group of exits": lambda: BaseExceptionGroup("secret detail", [SystemExit("secret detail")]),
}


def failing(serve: Serve, make: Callable[[], BaseException]) -> Client:
    mcp = make_server()

    @mcp.tool("plain")
    def plain(ctx: Context) -> int:
        raise make()

    @mcp.tool("async")
    async def asynchronous() -> int:
        await asyncio.sleep(0)
        raise make()

    @mcp.tool("fine")
    async def fine() -> str:
        return "fine"

    @mcp.resource("a://b")
    async def resource() -> str:
        raise make()

    @mcp.prompt("prompt")
    def prompt(x: str = "") -> str:
        raise make()

    @mcp.completion()
    def complete(ref: Any, argument: Any, context: Any) -> None:
        raise make()

    return serve(mcp)


@pytest.mark.parametrize("make", FAILURES.values(), ids=FAILURES.keys())
@pytest.mark.parametrize("tool", ["plain", "async"])
def test_a_tool_that_fails_says_nothing_but_a_reference(
    serve: Serve, caplog: pytest.LogCaptureFixture, make: Callable[[], BaseException], tool: str
) -> None:
    client = failing(serve, make)
    reply = client.call(tool, request_id="r-7")
    (reference,) = REFERENCE.findall(reply.text)
    assert reply.status == 200
    assert reply.headers == {"content-type": "application/json"}
    assert reply.body == tool_error(f"Error executing tool {tool} (reference {reference})", request_id="r-7")
    (record,) = [record for record in caplog.records if record.name == "lambent"]
    assert record.levelno == logging.ERROR
    assert record.getMessage() == f"tools/call (id 'r-7') failed, reference {reference}"
    assert record.exc_info is not None
    assert record.exc_info[1] is not None
    assert client.call("fine").text == "fine"


@pytest.mark.parametrize("make", FAILURES.values(), ids=FAILURES.keys())
def test_everything_else_that_fails_does_so_too(
    serve: Serve, caplog: pytest.LogCaptureFixture, make: Callable[[], BaseException]
) -> None:
    client = failing(serve, make)
    ref = {"type": "ref/prompt", "name": "prompt"}
    argument = {"name": "x", "value": ""}
    for send in (
        lambda: client.read("a://b"),
        lambda: client.prompt("prompt"),
        lambda: client.request("completion/complete", {"ref": ref, "argument": argument}),
    ):
        caplog.clear()
        reply = send()
        (reference,) = REFERENCE.findall(reply.error["message"])
        assert reply.body == failure(-32603, f"Internal error (reference {reference})")
        assert reply.headers == {"content-type": "application/json"}
        assert reference in caplog.text
        assert "Traceback" in caplog.text
    assert client.call("fine").text == "fine"


def test_references_are_never_the_same(serve: Serve) -> None:
    client = failing(serve, RuntimeError)
    assert len({client.call("plain").text for _ in range(50)}) == 50


def test_an_interrupt_is_not_kept_from_whoever_runs_the_process(serve: Serve) -> None:
    mcp = make_server()

    @mcp.tool()
    def t() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        serve(mcp).call("t")


def test_protocol_errors_answer_with_their_code_and_data(serve: Serve) -> None:
    class TeapotError(ProtocolError):
        code = -31_999
        status = 418

    mcp = make_server()

    @mcp.tool()
    def invalid() -> str:
        raise InvalidParamsError("No such order", {"order": "a", "list": [1, None]})

    @mcp.tool()
    async def own() -> str:
        raise TeapotError("Short and stout")

    client = serve(mcp)
    reply = client.call("invalid")
    assert reply.status == 400
    assert reply.body == failure(-32602, "No such order", {"order": "a", "list": [1, None]})
    reply = client.call("own")
    assert reply.status == 418
    assert reply.body == failure(-31_999, "Short and stout")


def sent(send: Callable[[], Reply]) -> Reply:
    """A reply; lone surrogates in a traceback would upset whatever collects the results of tests."""
    try:
        return send()
    except (UnicodeError, ProtocolError, TypeError) as error:
        escaped = type(error).__name__
    return pytest.fail(f"{escaped} escaped")


UNWRITABLE = {
    "protocol error": lambda: InvalidParamsError("\ud800"),
    "data": lambda: InvalidParamsError("x", object()),
    "surrogate in data": lambda: InvalidParamsError("x", {"a": "\ud800"}),
}


@pytest.mark.parametrize("make", UNWRITABLE.values(), ids=UNWRITABLE.keys())
def test_errors_that_cannot_be_written_end_in_a_reference_too(
    serve: Serve, make: Callable[[], Exception], caplog: pytest.LogCaptureFixture
) -> None:
    mcp = make_server()

    @mcp.tool()
    def t() -> str:
        raise make()

    client = serve(mcp)
    reply = sent(lambda: client.call("t"))
    (reference,) = REFERENCE.findall(reply.body.decode())
    assert reference in caplog.text


def test_a_tool_error_that_cannot_be_written_is_shown_escaped(serve: Serve) -> None:
    mcp = make_server()

    @mcp.tool()
    def t() -> str:
        raise ToolError("no \ud800")

    reply = serve(mcp).call("t")
    assert reply.result["isError"] is True
    assert reply.text == r"Error executing tool t: no \ud800"


@pytest.mark.parametrize("shape", ["text", "object", "list"])
def test_results_that_cannot_be_written_end_in_a_reference_too(
    serve: Serve, shape: str, caplog: pytest.LogCaptureFixture
) -> None:
    result = {"text": "\ud800", "object": {"a": "\ud800"}, "list": ["x", "\udfff"]}[shape]
    mcp = make_server()
    mcp.tool("t")(lambda: result)
    mcp.resource("a://b", name="r")(lambda: result)
    mcp.prompt("p")(lambda: result)
    client = serve(mcp)
    for send in (lambda: client.call("t"), lambda: client.read("a://b"), lambda: client.prompt("p")):
        reply = sent(send)
        assert reply.status == 200
        (reference,) = REFERENCE.findall(reply.body.decode())
        assert reference in caplog.text


def test_many_warm_calls_of_every_outcome(serve: Serve) -> None:
    mcp = make_server()

    @mcp.tool()
    def t(n: int) -> int:
        if n % 3 == 1:
            raise ToolError(f"no {n}")
        if n % 3 == 2:
            raise InvalidParamsError(f"bad {n}")
        return n

    client = serve(mcp)
    for n in range(300):
        body = client.call("t", {"n": n}, request_id=n).body
        if n % 3 == 0:
            assert body == success(
                f'"content":[{{"type":"text","text":"{n}"}}],"structuredContent":{{"result":{n}}}',
                request_id=n,
            )
        elif n % 3 == 1:
            assert body == tool_error(f"Error executing tool t: no {n}", request_id=n)
        else:
            assert body == failure(-32602, f"bad {n}", request_id=n)


def test_a_result_of_a_megabyte(serve: Serve) -> None:
    mcp = make_server()
    large = "é\U0001f600" * 200_000
    mcp.tool("t")(lambda: large)
    reply = serve(mcp).call("t")
    assert reply.text == large
    assert json.loads(reply.body) == json.loads(dumps(reply.response))


# Who is calling, and what the platform says.


class Users:
    """An authenticator that knows users by a header."""

    def __init__(self) -> None:
        self.asked: list[Request] = []

    def authenticate(self, request: Request) -> Principal | None:
        self.asked.append(request)
        user = request.headers.get("x-user")
        if user is None:
            raise HttpRefusal(401, "Sign in first", {"WWW-Authenticate": "Bearer"})
        return Principal(user)


def guarded(users: Users) -> Client:
    mcp = make_server()

    @mcp.tool()
    def who(ctx: Context) -> str:
        return ctx.principal.subject if ctx.principal is not None else "nobody"

    handler = make_handler(mcp)
    handler._endpoint = Endpoint(handler._endpoint.executor, HttpPolicy(), users)
    return Client(handler)


def test_an_authenticator_says_who_is_calling() -> None:
    assert guarded(Users()).call("who", headers={"x-user": "ada"}).text == "ada"


def test_nobody_is_identified_by_default(serve: Serve) -> None:
    mcp = make_server()

    @mcp.tool()
    def who(ctx: Context) -> str:
        return repr(ctx.principal)

    assert serve(mcp).call("who").text == "None"


@pytest.mark.parametrize("body", ["{", b"\xff", '{"jsonrpc":"2.0","method":"notifications/x"}', '{"id":1}'])
def test_who_is_not_known_is_refused_before_the_body_is_decoded(body: str | bytes) -> None:
    reply = guarded(Users()).post(body)
    assert reply.status == 401
    assert reply.headers == {"content-type": "application/json", "www-authenticate": "Bearer"}
    assert reply.body == failure(-32600, "Sign in first", request_id=...)


@pytest.mark.parametrize("error", [ValueError("secret"), SystemExit(3), GeneratorExit(), MemoryError()])
def test_an_authenticator_that_fails_refuses_everybody(
    monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def authenticate(self: Users, request: Request) -> Principal | None:
        raise error

    monkeypatch.setattr(Users, "authenticate", authenticate)
    reply = guarded(Users()).call("who")
    assert reply.status == 500
    assert REFERENCE.sub("…", reply.error["message"]) == "Internal error (reference …)"


def test_the_rules_of_http_come_before_the_authenticator() -> None:
    users = Users()
    client = guarded(users)
    assert client.post("{}", {"content-type": "text/plain"}).status == 415
    assert client.post("{}", {"origin": "https://evil.example"}).status == 403
    assert client.event(http_api(None, method="GET")).status == 405
    assert users.asked == []


def test_handlers_and_middleware_see_what_the_platform_says() -> None:
    seen: list[Request] = []

    def watch(call: Call, following: Handler) -> Any:
        seen.append(call.request)
        return following(call)

    mcp = make_server(middleware=[watch])

    @mcp.tool()
    def look(ctx: Context) -> str:
        seen.append(ctx.request)
        return ctx.headers["x-user"]

    context = object()
    body = message("tools/call", {"name": "look", "arguments": {}})
    event = http_api(dumps(body), {**headers_of(body), "x-user": "ada"}, path="/shop/mcp", query="a=1&b=2")
    event["requestContext"]["authorizer"] = {"jwt": {"claims": {"sub": "ada"}}}
    assert Client(make_handler(mcp)).event(event, context).text == "ada"
    for request in seen:
        assert (request.method, request.path, request.query) == ("POST", "/shop/mcp", "a=1&b=2")
        assert request.client_address == "203.0.113.7"
        assert request.authorizer == {"jwt": {"claims": {"sub": "ada"}}}
        assert request.event == event
        assert request.context is context
    assert len(seen) == 2


def test_a_call_is_handed_on_for_another_principal() -> None:
    def by_header(call: Call, following: Handler) -> Any:
        return following(call.as_principal(Principal(call.headers["x-user"])))

    mcp = make_server(middleware=[by_header])

    @mcp.tool()
    def who(ctx: Context) -> str:
        return ctx.principal.subject if ctx.principal is not None else "nobody"

    assert Client(make_handler(mcp)).call("who", headers={"x-user": "ada"}).text == "ada"
