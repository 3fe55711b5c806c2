"""The one funnel: where requests enter, and where every exception ends."""

import asyncio
import json
import logging
import re
from collections.abc import Callable
from typing import Any

import pytest
from tests.support import Client, Reply, dumps, failure, make_server, success, tool_error

from lambent import Context, InvalidParamsError, ProtocolError, ToolError

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
    assert reply.body == tool_error(
        f"Tool {tool!r} failed unexpectedly (reference {reference})", request_id="r-7"
    )
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
    "tool error": lambda: ToolError("\ud800"),
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
                f'"content":[{{"type":"text","text":"{n}"}}],"structuredContent":{n}', request_id=n
            )
        elif n % 3 == 1:
            assert body == tool_error(f"no {n}", request_id=n)
        else:
            assert body == failure(-32602, f"bad {n}", request_id=n)


def test_a_result_of_a_megabyte(serve: Serve) -> None:
    mcp = make_server()
    large = "é\U0001f600" * 200_000
    mcp.tool("t")(lambda: large)
    reply = serve(mcp).call("t")
    assert reply.text == large
    assert json.loads(reply.body) == json.loads(dumps(reply.response))
