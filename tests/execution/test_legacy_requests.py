"""Batches, responses of clients, GET and DELETE: what only clients of the legacy era send over HTTP."""

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from tests.hosts.aws_lambda.events import KINDS, Sent
from tests.support import Client, Reply, dumps, frames, full_server, make_server, marshal, message
from tests.wire.eras.legacy_client import VERSIONS, LegacyClient, initialize, rpc

from lambent import Context, HttpRefusal, MCPServer, Request, Settings
from lambent.auth.authenticator import Authenticator
from lambent.auth.principal import Principal
from lambent.execution.endpoint import Endpoint

Serve = Callable[..., Client]
BATCHES = "2025-03-26"
OTHERS = [version for version in VERSIONS if version != BATCHES]
JSON_ONLY = {"accept": "application/json"}
SSE_ONLY = {"accept": "text/event-stream"}
LIMIT = 6_291_556
RESPONSE = {"jsonrpc": "2.0", "id": "q1", "result": {"action": "accept"}}
INITIALIZED = rpc("notifications/initialized", request_id=None)
NO_BATCHES = (
    b'{"jsonrpc":"2.0","error":{"code":-32600,"message":"Batches are not supported: send one message"}}'
)


def server() -> MCPServer:
    mcp = make_server()

    @mcp.tool()
    def repeat(text: str, times: int = 1) -> str:
        return text * times

    @mcp.tool()
    def talk(ctx: Context, text: str = "hello", times: int = 1) -> str:
        for _ in range(times):
            ctx.info(text)
        return "done"

    @mcp.resource("note://{times}")
    def note(times: int) -> str:
        return "n" * times

    return mcp


@pytest.fixture
def client(serve: Serve) -> LegacyClient:
    return LegacyClient(serve(server()), BATCHES)


def call(tool: str, request_id: Any, **arguments: Any) -> dict[str, Any]:
    return rpc("tools/call", {"name": tool, "arguments": arguments}, request_id)


def ok(body: str, request_id: Any = 1) -> bytes:
    return f'{{"jsonrpc":"2.0","id":{dumps(request_id)},"result":{body}}}'.encode()


def text(value: str, request_id: Any = 1) -> bytes:
    return ok(f'{{"content":[{{"type":"text","text":{dumps(value)}}}]}}', request_id)


def array(*replies: bytes) -> bytes:
    return b"[" + b",".join(replies) + b"]"


def error(code: int, message: str, request_id: Any = ...) -> bytes:
    shown = "" if request_id is ... else f'"id":{dumps(request_id)},'
    return f'{{"jsonrpc":"2.0",{shown}"error":{{"code":{code},"message":{dumps(message)}}}}}'.encode()


# Batches


def test_requests_are_answered_in_their_order(client: LegacyClient) -> None:
    batch = [
        call("repeat", "b", text="x"),
        INITIALIZED,
        RESPONSE,
        rpc("ping", request_id=7),
        rpc("no/such", {}, 0),
    ]
    reply = client.post(batch)
    assert reply.status == 200
    assert reply.headers == {"content-type": "application/json"}
    assert reply.body == array(text("x", "b"), ok("{}", 7), error(-32601, "Method not found", 0))


def test_one_request_is_answered_in_an_array(client: LegacyClient) -> None:
    assert client.post([rpc("ping")]).body == array(ok("{}"))


def test_the_same_id_twice_is_answered_twice(client: LegacyClient) -> None:
    assert client.post([rpc("ping"), rpc("ping")]).body == array(ok("{}"), ok("{}"))


@pytest.mark.parametrize(
    "batch",
    [
        [INITIALIZED],
        [INITIALIZED, INITIALIZED],
        [RESPONSE],
        [RESPONSE, INITIALIZED],
        [{"jsonrpc": "2.0", "id": 1, "error": {"code": -1, "message": "no"}}],
    ],
)
@pytest.mark.parametrize("session", [None, "start"])
def test_a_batch_without_requests_is_accepted(client: LegacyClient, batch: Any, session: str | None) -> None:
    if session:
        client.start()
    reply = client.post(batch)
    assert (reply.status, reply.headers, reply.body) == (202, {}, b"")


@pytest.mark.parametrize(
    ("member", "answer"),
    [
        (1, error(-32600, "The body must be a JSON object")),
        ("x", error(-32600, "The body must be a JSON object")),
        (None, error(-32600, "The body must be a JSON object")),
        ([], error(-32600, "Batches are not supported: send one message")),
        ([rpc("ping")], error(-32600, "Batches are not supported: send one message")),
        ({}, error(-32600, 'jsonrpc must be "2.0"')),
        ({"jsonrpc": "2.0", "id": 5}, error(-32600, "method must be a string", 5)),
        ({"jsonrpc": "1.0", "id": "x", "method": "ping"}, error(-32600, 'jsonrpc must be "2.0"', "x")),
        ({**rpc("ping"), "id": None}, error(-32600, "id must be a string or an integer")),
        ({**rpc("ping"), "id": 1.5}, error(-32600, "id must be a string or an integer")),
        (initialize(BATCHES), error(-32600, "initialize cannot be part of a batch", 1)),
        (message("tools/list"), error(-32600, "tools/list cannot be part of a batch", 1)),
        (message("server/discover"), error(-32600, "server/discover cannot be part of a batch", 1)),
    ],
)
def test_a_member_that_is_wrong_is_answered_among_the_others(
    client: LegacyClient, member: Any, answer: bytes
) -> None:
    reply = client.post([rpc("ping", request_id=2), member, rpc("ping", request_id=3)])
    assert (reply.status, reply.body) == (200, array(ok("{}", 2), answer, ok("{}", 3)))
    assert "mcp-session-id" not in reply.headers


@pytest.mark.parametrize(("count", "status"), [(0, 400), (1, 200), (100, 200), (101, 400), (5000, 400)])
def test_the_number_of_messages_is_bounded(client: LegacyClient, count: int, status: int) -> None:
    reply = client.post([rpc("ping", request_id=number) for number in range(count)])
    assert reply.status == status
    if status == 400:
        assert reply.body == error(-32600, f"A batch has 1 to 100 messages, not {count}")
    else:
        assert [one["id"] for one in json.loads(reply.body)] == list(range(count))


def test_no_member_of_too_many_takes_effect(serve: Serve) -> None:
    mcp, calls = make_server(), list[int]()

    @mcp.tool()
    def count() -> int:
        calls.append(1)
        return len(calls)

    client = LegacyClient(serve(mcp), BATCHES)
    assert client.post([call("count", number) for number in range(101)]).status == 400
    assert calls == []
    assert client.post([call("count", 1), rpc("tools/call", {"name": "count"}, None)]).status == 200
    assert calls == [1]  # a notification calls no tool


def test_a_batch_with_log_messages_is_a_stream(client: LegacyClient) -> None:
    reply = client.post([rpc("ping", request_id=0), call("talk", 1), call("talk", 2, text="again")])
    assert reply.headers["content-type"] == "text/event-stream"
    log = b'{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"%b"}}'
    assert reply.body == frames(log % b"hello", log % b"again", ok("{}", 0), text("done", 1), text("done", 2))


def test_a_client_that_takes_json_only_gets_no_stream(client: LegacyClient) -> None:
    reply = client.post([call("talk", 1), rpc("ping", request_id=2)], JSON_ONLY)
    assert reply.headers == {"content-type": "application/json"}
    assert reply.body == array(text("done", 1), ok("{}", 2))


def test_a_client_that_takes_streams_only_gets_one(client: LegacyClient) -> None:
    reply = client.post([rpc("ping", request_id=1), rpc("ping", request_id=2)], SSE_ONLY)
    assert reply.headers["content-type"] == "text/event-stream"
    assert reply.body == frames(ok("{}", 1), ok("{}", 2))


@pytest.mark.parametrize("version", OTHERS)
@pytest.mark.parametrize("batch", [[], [rpc("ping")], [INITIALIZED], [RESPONSE], [rpc("ping")] * 200])
def test_versions_without_batches_refuse_them(serve: Serve, version: str, batch: Any) -> None:
    client = LegacyClient(serve(server()), version)
    client.start()
    reply = client.post(batch)
    assert (reply.status, reply.body) == (400, NO_BATCHES)


@pytest.mark.parametrize("header", ["2026-07-28", "2099-01-01", "x", ""])
def test_other_versions_refuse_them_too(client: LegacyClient, header: str) -> None:
    reply = client.post([rpc("ping")], {"mcp-protocol-version": header})
    assert (reply.status, reply.body) == (400, NO_BATCHES)


@pytest.mark.parametrize("header", [None, BATCHES, f" {BATCHES}\t"])
def test_the_version_of_a_batch_is_that_of_its_request(client: LegacyClient, header: str | None) -> None:
    assert client.post([rpc("ping")], {"mcp-protocol-version": header}).status == 200
    client.start()
    assert client.post([rpc("ping")], {"mcp-protocol-version": header}).status == 200


def test_the_session_tells_the_version_where_no_header_does(serve: Serve) -> None:
    inner = serve(server())
    newest = LegacyClient(inner, VERSIONS[0])
    newest.start()
    assert newest.post([rpc("ping")], {"mcp-protocol-version": None}).status == 400
    assert newest.post([rpc("ping")], {"mcp-protocol-version": BATCHES}).status == 200


@pytest.mark.parametrize("header", [None, BATCHES])
def test_a_batch_of_no_session_is_not_found(client: LegacyClient, header: str | None) -> None:
    headers = {"mcp-session-id": "lb1.x.y", "mcp-protocol-version": header}
    assert client.post([rpc("ping")], headers).status == 404


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("\ufeff" + dumps([rpc("ping")]), 200),
        (" \r\n\t" + dumps([rpc("ping")]) + "\n", 200),
        ("[", 400),
        (dumps([rpc("ping")]) + "x", 400),
        (dumps([rpc("ping")])[:-1] + ",]", 400),
        (b"[" + dumps(rpc("ping")).encode()[:-1] + b',"x":"\xff"}]', 400),
        ('[{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":"\\ud800"}}]', None),
        ("[" * 100_000 + "]" * 100_000, 400),
        ("[" * 500 + "]" * 500, None),
        ("[[]," * 5000 + "]" * 5000, 400),
    ],
)
def test_odd_bodies(client: LegacyClient, body: str | bytes, status: int | None) -> None:
    reply = client.post(body)
    assert reply.status in ((200, 400) if status is None else (status,))
    json.loads(reply.body)


@pytest.mark.parametrize("levels", [50, 300, 900, 1500, 50_000])
def test_deep_members(client: LegacyClient, levels: int) -> None:
    deep = "[" * levels + "]" * levels
    members = ",".join(
        f'{{"jsonrpc":"2.0","id":{n},"method":"ping","params":{{"x":{deep}}}}}' for n in range(5)
    )
    reply = client.post(f"[{members}]")
    assert reply.status in (200, 400)
    for one in json.loads(reply.body) if reply.status == 200 else []:
        assert one.get("result") == {} or one["error"]["code"] in (-32602, -32700)


# The size of the answer to a batch


def handler_client(limit: int | None = None) -> LegacyClient:
    settings = Settings(state_keys=("k" * 32,), response_limit=limit)
    return LegacyClient(Client(server().lambda_handler(settings)), BATCHES)


def size(reply: Reply) -> int:
    return len(marshal(reply.written))


def replies_of(reply: Reply) -> list[dict[str, Any]]:
    if reply.headers["content-type"] == "text/event-stream":
        return [one for one in reply.messages if "method" not in one]
    found: list[dict[str, Any]] = json.loads(reply.body)
    return found


def test_what_fits_goes_out_as_it_is() -> None:
    client = handler_client(20_000)
    reply = client.post([call("repeat", number, text="x", times=1500) for number in range(10)])
    assert all(len(one["result"]["content"][0]["text"]) == 1500 for one in replies_of(reply))


@pytest.mark.parametrize("character", ["x", '"', "\u00e9", "\U0001f600", "\x00"])
@pytest.mark.parametrize("headers", [{}, JSON_ONLY, SSE_ONLY, {"origin": "http://localhost"}])
def test_the_largest_results_give_way(character: str, headers: dict[str, str]) -> None:
    client = handler_client(50_000)
    times = [10, 3000, 20, 5000, 30, 4000, 40, 4500, 50, 5500, 60, 6000] * 2
    batch = [call("repeat", number, text=character, times=each) for number, each in enumerate(times)]
    reply = client.post(batch, headers)
    assert size(reply) <= 50_000
    answers = replies_of(reply)
    assert [one["id"] for one in answers] == list(range(len(times)))
    failed = [one["id"] for one in answers if one["result"].get("isError")]
    assert failed
    smallest = min(times[number] for number in failed)
    assert all(times[number] <= smallest for number in range(len(times)) if number not in failed)
    (told,) = {one["result"]["content"][0]["text"] for one in answers if one["id"] in failed}
    assert told == ("The results of this batch would take more than 50000 bytes: send the request on its own")


def test_a_result_that_fits_nowhere_says_how_large_it_is() -> None:
    client = handler_client(20_000)
    reply = client.post([call("repeat", 1, text="x", times=30_000), rpc("ping", request_id=2)])
    told, pong = replies_of(reply)
    assert told["result"]["isError"]
    assert told["result"]["content"][0]["text"].endswith("the limit is 20000: return less, or a ResourceLink")
    assert pong["result"] == {}


def test_other_methods_end_with_an_error_of_the_protocol() -> None:
    client = handler_client(20_000)
    batch = [rpc("resources/read", {"uri": "note://9000"}, number) for number in range(4)]
    answers = replies_of(client.post(batch))
    assert sorted(one.get("error", {}).get("code", 0) for one in answers) == [-32603, -32603, 0, 0]


def test_notifications_give_way_first(caplog: pytest.LogCaptureFixture) -> None:
    client = handler_client(20_000)
    with caplog.at_level(logging.WARNING, "lambent"):
        reply = client.post(
            [call("talk", 1, text="l" * 500, times=50), call("repeat", 2, text="x", times=12_000)]
        )
    assert size(reply) <= 20_000
    assert [one["id"] for one in replies_of(reply)] == [1, 2]
    assert not any(one["result"].get("isError") for one in replies_of(reply))
    assert "notifications of a response are left out" in caplog.text


def test_a_hundred_large_results_are_not_kept() -> None:
    client = handler_client()
    reply = client.post([call("repeat", number, text="x", times=4_000_000) for number in range(100)])
    assert size(reply) <= LIMIT
    answers = replies_of(reply)
    assert [one["id"] for one in answers] == list(range(100))
    assert sum(1 for one in answers if not one["result"].get("isError")) == 1


@pytest.mark.parametrize("member", [{"method": "ping"}, {"method": "no/such"}, {"jsonrpc": "1.0"}, {}])
@pytest.mark.parametrize("character", ["i", "\u00e9", "\x00"])
def test_ids_that_are_too_long_are_left_out(member: Any, character: str) -> None:
    client = handler_client(60_000)
    batch = [{"jsonrpc": "2.0", "id": character * 3000 + str(number), **member} for number in range(40)]
    reply = client.post(batch)
    assert size(reply) <= 60_000
    answers = replies_of(reply)
    assert len(answers) == 40
    assert any("id" not in one for one in answers)
    assert {one["error"]["message"] for one in answers if "id" not in one} == {
        "The id of the request is too long to be sent back"
    }


@pytest.mark.parametrize("kind", KINDS)
def test_every_platform_takes_a_large_batch(kind: str) -> None:
    handler = server().lambda_handler(Settings(state_keys=("k" * 32,)))
    batch = [call("repeat", number, text="\u00e9", times=100_000) for number in range(30)]
    headers = {"content-type": "application/json", **JSON_ONLY, "mcp-protocol-version": BATCHES}
    written = handler(KINDS[kind](Sent(headers=tuple(headers.items()), body=dumps(batch))), None)
    assert written["statusCode"] == 200
    assert len(marshal(written)) <= (1024 * 1024 if "alb" in kind else LIMIT)
    assert len(json.loads(written["body"])) == 30


# Responses of clients


@pytest.mark.parametrize(
    "body",
    [
        RESPONSE,
        {**RESPONSE, "id": 1},
        {"jsonrpc": "2.0", "id": "q1", "error": {"code": -1, "message": "User rejected"}},
        {"jsonrpc": "2.0", "error": {"code": -32700, "message": "?"}},
        {"jsonrpc": "2.0", "id": None, "error": {"code": -32700, "message": "?"}},
        {"jsonrpc": "2.0", "id": "", "result": {}},
        {"jsonrpc": "2.0", "id": 10**30, "result": {}},
        {"jsonrpc": "2.0", "id": "x", "result": None},
    ],
)
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("session", [None, "lb1.x.y"])
def test_responses_are_accepted(serve: Serve, version: str, body: Any, session: str | None) -> None:
    """Late ones and those to nobody's question too: an error would end the connections of some clients."""
    reply = LegacyClient(serve(server()), version).post(body, {"mcp-session-id": session})
    assert (reply.status, reply.headers, reply.body) == (202, {}, b"")


@pytest.mark.parametrize(
    "body",
    [
        {"jsonrpc": "2.0", "result": {}},
        {"jsonrpc": "2.0", "id": None, "result": {}},
        {"jsonrpc": "2.0", "id": {}, "result": {}},
        {"jsonrpc": "2.0", "id": 1.5, "result": {}},
        {"jsonrpc": "2.0", "id": 1, "error": "x"},
        {"jsonrpc": "2.0", "id": 1},
        {},
        1,
        "x",
        None,
    ],
)
def test_what_is_no_response(client: LegacyClient, body: Any) -> None:
    assert client.post(dumps(body)).status == 400


@pytest.mark.parametrize("header", ["2026-07-28", "2099-01-01"])
def test_the_modern_era_has_no_responses(client: LegacyClient, header: str) -> None:
    reply = client.post(RESPONSE, {"mcp-protocol-version": header})
    assert (reply.status, reply.error["code"]) == (400, -32600)


# GET and DELETE

NO_STREAM = (
    "There is no stream to listen to, and the HTTP+SSE transport is not served: use Streamable HTTP, with "
    "POST to this URL"
)


@pytest.mark.parametrize(
    ("accept", "sentence"),
    [
        ("text/event-stream", NO_STREAM),
        ("application/json, text/event-stream", NO_STREAM),
        ("application/json", "Method GET is not allowed; use POST"),
        (None, "Method GET is not allowed; use POST"),
    ],
)
@pytest.mark.parametrize("version", [*VERSIONS, "2026-07-28", None])
@pytest.mark.parametrize("has_session", [True, False])
def test_get(serve: Serve, version: str | None, accept: str | None, sentence: str, has_session: bool) -> None:
    client = LegacyClient(serve(server()), BATCHES)
    if has_session:
        client.start()
    reply = client.post(None, {"accept": accept, "mcp-protocol-version": version}, method="GET")
    assert (reply.status, reply.body) == (405, error(-32600, sentence))
    assert reply.headers == {"content-type": "application/json", "allow": "POST"}


def test_delete_ends_a_session(client: LegacyClient) -> None:
    client.start()
    reply = client.post(None, method="DELETE")
    assert (reply.status, reply.headers, reply.body) == (200, {}, b"")
    for _ in range(2):
        assert client.post(rpc("ping")).status == 404
        assert client.post(None, method="DELETE").status == 404
    client.start()
    assert client.post(rpc("ping")).status == 200


@pytest.mark.parametrize("session", ["x", "lb1.x.y"])
def test_delete_of_what_is_no_session(client: LegacyClient, session: str) -> None:
    reply = client.post(None, {"mcp-session-id": session}, method="DELETE")
    assert reply.status == 404


@pytest.mark.parametrize("session", [None, ""])
def test_delete_without_a_session(client: LegacyClient, session: str | None) -> None:
    reply = client.post(None, {"mcp-session-id": session}, method="DELETE")
    assert (reply.status, reply.headers["allow"]) == (405, "POST")
    assert reply.body == error(-32600, "Method DELETE is not allowed; use POST")


def test_delete_where_there_are_no_keys(serve: Serve) -> None:
    client = LegacyClient(serve(server(), Settings(in_lambda=True)), BATCHES)
    assert client.post(None, {"mcp-session-id": "x"}, method="DELETE").status == 200


# The order of the rules


class Refusing(Authenticator):
    """Refuses everybody, and counts them."""

    def __init__(self) -> None:
        self.asked = 0

    def authenticate(self, request: Request) -> Principal | None:
        self.asked += 1
        raise HttpRefusal(401, "Who are you?", {"WWW-Authenticate": "Bearer"})


EVIL = {"origin": "https://evil.example"}


@pytest.mark.parametrize(
    ("method", "body", "headers", "status", "asked"),
    [
        ("POST", rpc("ping"), EVIL, 403, 0),
        ("POST", rpc("ping"), {"content-type": "text/plain"}, 415, 0),
        ("POST", rpc("ping"), {"accept": "text/html"}, 406, 0),
        ("POST", rpc("ping"), {}, 401, 1),
        ("POST", rpc("ping"), {"mcp-session-id": "x"}, 401, 1),
        ("POST", rpc("ping"), {"mcp-protocol-version": "x"}, 401, 1),
        ("POST", [rpc("ping")], {}, 401, 1),
        ("POST", [], {}, 401, 1),
        ("POST", RESPONSE, {}, 401, 1),
        ("POST", INITIALIZED, {}, 401, 1),
        ("POST", "{", {}, 401, 1),
        ("GET", None, EVIL, 403, 0),
        ("GET", None, {}, 405, 0),
        ("PUT", None, EVIL, 403, 0),
        ("PUT", None, {}, 405, 0),
        ("DELETE", None, EVIL, 403, 0),
        ("DELETE", None, {}, 405, 0),
        ("DELETE", None, {"mcp-session-id": "x"}, 401, 1),
        ("DELETE", None, {"mcp-session-id": "x", **EVIL}, 403, 0),
    ],
)
def test_who_refuses_first(
    serve: Serve, method: str, body: Any, headers: dict[str, str], status: int, asked: int
) -> None:
    inner, authenticator = serve(full_server()), Refusing()
    endpoint = inner.handler._endpoint  # type: ignore[attr-defined]
    inner.handler._endpoint = Endpoint(endpoint.executor, endpoint._policy, authenticator)  # type: ignore[attr-defined]
    reply = LegacyClient(inner, VERSIONS[0]).post(body, headers, method=method)
    assert (reply.status, authenticator.asked) == (status, asked)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("body", [rpc("ping"), [rpc("ping")], RESPONSE, INITIALIZED])
def test_pages_may_read_what_they_get(serve: Serve, version: str, body: Any) -> None:
    reply = LegacyClient(serve(server()), version).post(body, {"origin": "http://localhost:3000"})
    assert reply.headers["access-control-allow-origin"] == "http://localhost:3000"
    assert "Mcp-Session-Id" in reply.headers["access-control-expose-headers"]
