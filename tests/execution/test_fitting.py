"""Responses near their host's limit: what fits goes out as it is, and nothing larger is returned."""

import json
import logging
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from tests.hosts.aws_lambda.events import KINDS, Sent
from tests.support import (
    REQUESTS,
    SECRET,
    Client,
    Reply,
    dumps,
    full_server,
    headers_of,
    http_api,
    make_server,
    marshal,
    message,
)

from lambent import Context, HttpRefusal, InvalidParamsError, MCPServer, Settings
from lambent.hosts.aws_lambda.handler import LambdaHandler

LIMIT = 6_291_556
SSE = "text/event-stream"
texts = st.text(st.characters(exclude_categories=["Cs"]))


def handler_of(server: MCPServer, limit: int | None = None, *, is_escaped: bool = True) -> LambdaHandler:
    return server.lambda_handler(Settings(state_keys=(SECRET,), response_limit=limit, is_escaped=is_escaped))


def server() -> MCPServer:
    mcp = make_server()

    @mcp.tool()
    def repeat(text: str, times: int = 1) -> Any:  # without structured content
        return text * times

    @mcp.tool()
    def refuse(text: str) -> str:
        raise HttpRefusal(403, text, {"X-Why": "because"}, {"also": text})

    @mcp.tool()
    def talk(ctx: Context, logs: list[str], progress: list[str] = [], result: str = "done") -> Any:  # noqa: B006
        for number, text in enumerate(progress):
            ctx.report_progress(number + 1, message=text)
        for text in logs:
            ctx.info(text)
        return result

    return mcp


SERVER = server()


def size(written: Any, *, is_ascii: bool = True) -> int:
    return len(marshal(written, is_ascii=is_ascii))


def calling(tool: str, arguments: Any, **meta: Any) -> dict[str, Any]:
    return message("tools/call", {"name": tool, "arguments": arguments}, **meta)


def sent(body: Any, **headers: str) -> Sent:
    merged = {**headers_of(body), **headers}
    return Sent(headers=tuple(merged.items()), body=dumps(body))


# The limit is exact.


@hypothesis_settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    text=texts,
    times=st.integers(1, 50),
    make_event=st.sampled_from(list(KINDS.values())),
    accept=st.sampled_from([SSE, "application/json", f"application/json, {SSE}"]),
    origin=st.sampled_from([{}, {"origin": "http://localhost:6274"}]),
    is_escaped=st.booleans(),
    tool=st.sampled_from(["repeat", "talk"]),
)
def test_the_largest_response_goes_out_and_one_byte_more_does_not(
    text: str, times: int, make_event: Any, accept: str, origin: Any, is_escaped: bool, tool: str
) -> None:
    whole = (text + 'x"é') * times + "x" * 600  # larger than the error in its place
    arguments = {"text": whole} if tool == "repeat" else {"logs": [], "progress": [], "result": whole}
    event = make_event(sent(calling(tool, arguments), accept=accept, **origin))
    expected = handler_of(SERVER, 0)(event, None)
    bytes_of_it = size(expected, is_ascii=is_escaped)
    assert handler_of(SERVER, bytes_of_it, is_escaped=is_escaped)(event, None) == expected
    refused = handler_of(SERVER, bytes_of_it - 1, is_escaped=is_escaped)(event, None)
    assert refused["statusCode"] == 200
    assert f"would take {bytes_of_it} bytes, the limit is {bytes_of_it - 1}" in refused["body"]
    assert '"isError":true' in refused["body"]
    assert size(refused, is_ascii=is_escaped) < bytes_of_it


@pytest.mark.parametrize("is_escaped", [True, False])
@pytest.mark.parametrize("text", ["x", '"', "\\", "\n", "\x7f", "é", "字", "😀", "\x01"], ids=ascii)
def test_near_lambdas_own_limit(text: str, is_escaped: bool) -> None:
    client = Client(handler_of(SERVER, is_escaped=is_escaped))

    def written(times: int) -> Reply:
        return client.call("repeat", {"text": text, "times": times})

    none = size(written(0).written, is_ascii=is_escaped)
    each = (size(written(1000).written, is_ascii=is_escaped) - none) // 1000
    times = (LIMIT - none) // each
    fits = written(times)
    assert LIMIT - each < size(fits.written, is_ascii=is_escaped) <= LIMIT
    assert fits.text == text * times
    over = written(times + 1)
    assert over.result["isError"] is True
    assert over.text == (
        f"The result would take {none + each * (times + 1)} bytes, the limit is {LIMIT}: "
        "return less, or a ResourceLink"
    )


def test_a_load_balancer_takes_less() -> None:
    handler = handler_of(SERVER)
    event = KINDS["ALB"](sent(calling("repeat", {"text": "x", "times": 1_048_000})))
    assert '"isError"' not in handler(event, None)["body"]
    event = KINDS["ALB"](sent(calling("repeat", {"text": "x", "times": 1_048_576})))
    assert "the limit is 1048576" in handler(event, None)["body"]


# Every method.


def large(**options: Any) -> MCPServer:
    """A server of which every answer is large."""
    mcp = make_server(instructions="x" * 7_000_000, **options)

    @mcp.tool(description="x" * 7_000_000)
    def tool() -> str:
        return "x" * 7_000_000

    @mcp.resource("blob://x", description="x" * 7_000_000)
    def blob() -> bytes:
        return b"\0" * 5_000_000

    @mcp.resource("blob://{name}", description="x" * 7_000_000)
    def template(name: str) -> bytes:
        return b""

    @mcp.prompt(description="x" * 7_000_000)
    def prompt(name: str) -> str:
        return "x" * 7_000_000

    @mcp.completion()
    def complete(ref: Any, argument: Any, context: Any) -> list[str]:
        return ["x" * 7_000_000]

    return mcp


LARGE: dict[str, dict[str, Any]] = {
    "tools/call": {"name": "tool"},
    "resources/read": {"uri": "blob://x"},
    "prompts/get": {"name": "prompt", "arguments": {"name": "x"}},
    "completion/complete": {
        "ref": {"type": "ref/prompt", "name": "prompt"},
        "argument": {"name": "name", "value": "A"},
    },
    "tools/list": {},
    "resources/list": {},
    "resources/templates/list": {},
    "prompts/list": {},
    "server/discover": {},
}


def test_no_method_is_missing() -> None:
    assert LARGE.keys() == REQUESTS.keys() - {"subscriptions/listen"}


@pytest.mark.parametrize("method", LARGE)
def test_every_method_says_that_its_result_is_too_large(method: str) -> None:
    reply = Client(handler_of(large())).request(method, LARGE[method])
    assert (reply.status, size(reply.written) < 1000) == (200, True)
    if method == "tools/call":
        assert reply.result["isError"] is True
        said = reply.text
    else:
        assert reply.error["code"] == -32603
        said = reply.error["message"]
    instead = "give MCPServer a lower page_size" if "/list" in method else "return less, or a ResourceLink"
    instead = "shorten the instructions" if method == "server/discover" else instead
    assert said.startswith("The result would take ")
    assert said.endswith(f" bytes, the limit is {LIMIT}: {instead}")


def test_questions_that_are_too_large() -> None:
    mcp = make_server()

    @mcp.tool()
    def ask(ctx: Context) -> str:
        return ctx.elicit("x" * 7_000_000, {"type": "object", "properties": {}}).result().action

    reply = Client(handler_of(mcp)).call("ask", capabilities={"elicitation": {}})
    assert reply.result["isError"] is True
    assert f"the limit is {LIMIT}" in reply.text


@pytest.mark.parametrize("status", [403, 200])
def test_errors_that_are_too_large(status: int) -> None:
    mcp = make_server()

    @mcp.prompt()
    def prompt(text: str) -> str:
        raise InvalidParamsError(text * 600_000, text * 600_000, status=status)

    reply = Client(handler_of(mcp)).prompt("prompt", {"text": "\x7f"})
    assert (reply.status, reply.error["code"]) == (200, -32603)
    assert f"the limit is {LIMIT}" in reply.error["message"]


def test_what_a_client_has_sent_is_not_sent_back_if_it_is_too_large() -> None:
    client = Client(handler_of(full_server()))
    long = "\x7f" * 2_000_000
    reply = client.read("note://" + long)
    assert reply.error["code"] == -32603
    reply = client.call("add", {"a": 1}, request_id=long)
    assert reply.response == {
        "jsonrpc": "2.0",
        "error": {"code": -32603, "message": "The id of the request is too long to be sent back"},
    }
    reply = client.post({"jsonrpc": "1.0", "id": long, "method": "x"})
    assert "id" not in reply.response
    assert reply.error["code"] == -32600


@pytest.mark.parametrize("limit", [None, 0])
def test_where_there_is_no_limit(limit: int | None) -> None:
    event = http_api(dumps(body := calling("repeat", {"text": "x", "times": 7_000_000})), headers_of(body))
    if limit == 0:
        assert len(handler_of(SERVER, 0)(event, None)["body"]) > 7_000_000
    else:
        assert SERVER.asgi(Settings())._endpoint.executor.services.response_limit is None


def test_a_limit_of_ones_own() -> None:
    client = Client(handler_of(SERVER, 2_000))
    assert client.call("repeat", {"text": "x" * 1_000}).text == "x" * 1_000
    assert "the limit is 2000" in client.call("repeat", {"text": "x" * 2_000}).text


# Notifications.


def told(
    client: Client,
    logs: list[str],
    progress: Sequence[str] = (),
    result: str = "done",
    **more: Any,
) -> Reply:
    arguments = {"logs": logs, "progress": list(progress), "result": result}
    reply = client.call("talk", arguments, logLevel="debug", progressToken="p", **more)
    assert reply.status == 200
    return reply


def kinds(reply: Reply) -> list[Any]:
    return [
        found["data"] if "data" in (found := one["params"]) else found["message"]
        for one in reply.notifications
    ]


def note(count: int) -> str:
    return f"{count} log messages are left out: with them the response would be too large"


def test_the_oldest_log_messages_are_left_out(caplog: pytest.LogCaptureFixture) -> None:
    client = Client(handler_of(SERVER, 10_000))
    logs = [f"{number:02}" + "x" * 1_000 for number in range(20)]
    with caplog.at_level(logging.WARNING, "lambent"):
        reply = told(client, logs, ["begun"])
    assert reply.text == "done"
    said = kinds(reply)
    assert said[:2] == ["begun", note(len(logs) - len(said) + 2)]
    assert said[2:] == logs[-len(said) + 2 :]
    assert len(said) > 6
    assert size(reply.written) <= 10_000
    params = reply.notifications[1]["params"]
    assert (params["level"], params["logger"]) == ("info", "lambent")
    assert "notifications of a response are left out" in caplog.text


def test_a_large_message_does_not_displace_small_ones() -> None:
    client = Client(handler_of(SERVER, 10_000))
    reply = told(client, ["a", "x" * 10_000, "b"])
    assert (kinds(reply), reply.text) == (["a", note(1), "b"], "done")
    reply = told(client, ["a"], ["x" * 10_000, "half"])
    assert (kinds(reply), reply.text) == (["half", "a"], "done")


def test_progress_is_left_out_after_log_messages() -> None:
    client = Client(handler_of(SERVER, 10_000))
    reply = told(client, ["a"], [f"{number}" + "x" * 3_000 for number in range(4)])
    assert kinds(reply) == ["2" + "x" * 3_000, "3" + "x" * 3_000, note(1)]
    assert reply.text == "done"


def test_a_result_comes_before_all_notifications() -> None:
    client = Client(handler_of(SERVER, 10_000))
    result = "x" * 9_500
    reply = told(client, ["a" * 1_000] * 3, ["b" * 1_000] * 3, result)
    assert (reply.notifications, reply.text) == ([], result)
    assert reply.headers["content-type"] == "application/json"


def test_an_error_in_place_of_a_result_keeps_its_notifications(caplog: pytest.LogCaptureFixture) -> None:
    reply = told(Client(handler_of(SERVER, 10_000)), ["a"], ["b"], "x" * 10_000)
    assert (kinds(reply), reply.result["isError"]) == (["b", "a"], True)
    assert "left out" not in caplog.text


def test_what_a_client_does_not_get_does_not_count() -> None:
    client = Client(handler_of(SERVER, 10_000))
    reply = told(client, ["x" * 20_000], headers={"accept": "application/json"})
    assert (reply.notifications, reply.text) == ([], "done")


@given(
    st.lists(st.tuples(texts, st.integers(0, 30)), max_size=12),
    st.lists(texts, max_size=5),
    texts,
    st.integers(2_000, 6_000),
)
@hypothesis_settings(deadline=None)
def test_whatever_is_told_fits(
    logs: list[tuple[str, int]], progress: list[str], result: str, limit: int
) -> None:
    client = Client(handler_of(SERVER, limit))
    reply = told(client, [text * times for text, times in logs], progress, result)
    assert size(reply.written) <= limit
    for one in reply.notifications:
        assert one["method"] in ("notifications/message", "notifications/progress")


def test_near_lambdas_own_limit_with_notifications() -> None:
    client = Client(handler_of(SERVER))
    reply = told(client, [f"{number:04}" + "é" * 10_000 for number in range(120)], result="x" * 3_000_000)
    assert reply.text == "x" * 3_000_000
    assert LIMIT - 100_000 < size(reply.written) <= LIMIT
    left = len(reply.notifications) - 1
    assert kinds(reply)[0] == note(120 - left)
    assert kinds(reply)[1:] == [f"{number:04}" + "é" * 10_000 for number in range(120 - left, 120)]


def test_many_messages_take_no_long_time() -> None:
    """As many as fit into a request, and not the square of it."""
    client = Client(handler_of(SERVER))
    reply = told(client, ["x"] * 100_000)
    assert reply.text == "done"
    assert size(reply.written) <= LIMIT
    assert json.dumps(kinds(reply)[0]).startswith('"')
