import asyncio
import dataclasses
import io
import json

import pytest

from lambent.cli.gateway.asgi import RAW_HEADERS, GatewayApp
from lambent.cli.gateway.environment import Failed, FailureReason, Returned
from lambent.cli.gateway.kinds import KINDS
from lambent.cli.gateway.log import Log
from lambent.cli.gateway.messages import Api
from lambent.cli.gateway.pool import Pool

KILO = 1024
MEGA = 1024 * KILO


class FakeEnvironment:
    """Has one outcome, and notes the events that it is given."""

    def __init__(self, number, outcome, released=None, parts=()):
        self.number = number
        self.parts = parts
        self.outcome = outcome
        self.events = []
        self.released = released

    async def invoke(self, event, arrival, on_part):
        self.events.append(json.loads(event))
        for part in self.parts:
            on_part(part)
            await asyncio.sleep(0)
        if self.released is not None:
            await self.released.wait()
        return self.outcome


def returned(**result):
    return Returned(json.dumps({"statusCode": 200, "body": "", **result}).encode())


class Exchange:
    """Requests to a gateway of one fake environment, without a server."""

    def __init__(self, outcome=None, *, kind="http-api", api=None, timeout=None, released=None, parts=()):
        self.kind = KINDS[kind]
        if timeout is not None:
            self.kind = dataclasses.replace(self.kind, timeout=timeout)
        self.stream = io.StringIO()
        self.pool = Pool(lambda number: FakeEnvironment(number, outcome or returned(), released, parts), 1)
        self.app = GatewayApp(self.pool, self.kind, api or Api(stage=self.kind.stage), Log(self.stream))
        self.sent = []

    @property
    def events(self):
        return self.pool.environments[0].events

    @property
    def status(self):
        return self.sent[0]["status"]

    @property
    def headers(self):
        return dict(self.sent[0]["headers"])

    @property
    def body(self):
        return b"".join(message.get("body", b"") for message in self.sent[1:])

    async def run(self, *parts, path=b"/mcp", scheme="http", **scope):
        messages = [
            {"type": "http.request", "body": part, "more_body": index < len(parts) - 1}
            for index, part in enumerate(parts)
        ] or [{"type": "http.disconnect"}]

        async def receive():
            return messages.pop(0) if messages else {"type": "http.disconnect"}

        async def send(message):
            self.sent.append(message)

        await self.app(
            {
                "type": "http",
                "http_version": "1.1",
                "method": "POST",
                "scheme": scheme,
                "path": path.decode(),
                "raw_path": path,
                "query_string": b"a=1",
                "headers": [(b"content-type", b"application/json")],
                "client": ("127.0.0.9", 5),
                "server": ("127.0.0.1", 8080),
                **scope,
            },
            receive,
            send,
        )
        return self


def exchange(*parts, scope=None, **options):
    return asyncio.run(Exchange(**options).run(*parts, **(scope or {})))


def test_a_request_becomes_an_event_and_its_result_a_response():
    got = exchange(b'{"a"', b":1}", outcome=returned(body="done", headers={"X-A": "b"}))
    (event,) = got.events
    assert event["body"] == '{"a":1}'
    assert event["rawPath"] == "/mcp"
    assert event["rawQueryString"] == "a=1"
    assert event["requestContext"]["http"]["sourceIp"] == "127.0.0.9"
    assert event["headers"]["x-forwarded-port"] == "8080"
    assert (got.status, got.body) == (200, b"done")
    assert got.headers[b"x-a"] == b"b"
    assert got.headers[b"content-length"] == b"4"
    assert got.headers[b"apigw-requestid"].decode() == event["requestContext"]["requestId"]


def test_the_access_line():
    line = exchange(b"", scope={"path": b"/a%1B%0A"}).stream.getvalue().split()
    assert (line[:3], line[4:]) == (["POST", "/a%1B%0A", "200"], ["ms", "environment", "1"])


def test_the_access_line_names_the_call():
    outcome = dataclasses.replace(returned(), calls=("tools/call add: ok, alice, 1.0 ms",))
    line = exchange(b"", outcome=outcome).stream.getvalue()
    assert line.endswith(" ms environment 1 tools/call add: ok, alice, 1.0 ms\n")
    failed = Failed(FailureReason.RAISED, "ValueError", ("tools/call add: error, alice, 1.0 ms",))
    line = exchange(b"", outcome=failed).stream.getvalue()
    assert line.endswith(" environment 1 (raised: ValueError) tools/call add: error, alice, 1.0 ms\n")


@pytest.mark.parametrize(
    ("kind", "status", "body"),
    [
        ("http-api", 500, b'{"message":"Internal Server Error"}'),
        ("rest", 502, b'{"message": "Internal server error"}'),
        ("function-url", 502, b"Internal Server Error"),
    ],
)
@pytest.mark.parametrize("reason", FailureReason)
def test_failures_of_the_function(kind, status, body, reason):
    got = exchange(b"", kind=kind, outcome=Failed(reason, "because"))
    assert (got.status, got.body) == (status, body)
    assert got.headers[b"content-type"] == b"application/json"
    assert got.stream.getvalue().endswith(f"environment 1 ({reason.value}: because)\n")


def test_an_alb_answers_failures_with_a_page():
    got = exchange(b"", kind="alb", outcome=Failed(FailureReason.TIMED_OUT))
    assert (got.status, got.headers[b"content-type"]) == (502, b"text/html")
    assert b"<h1>502 Bad Gateway</h1>" in got.body
    assert got.headers[b"server"] == b"awselb/2.0"


@pytest.mark.parametrize("kind", KINDS)
def test_a_result_that_does_not_fit_is_a_failure(kind):
    got = exchange(b"", kind=kind, outcome=returned(statusCode="no"))
    assert got.status == KINDS[kind].failed.status
    assert "(malformed result: statusCode 'no' is not an HTTP status)" in got.stream.getvalue()


@pytest.mark.parametrize(
    ("kind", "status", "message"),
    [("http-api", 503, "Service Unavailable"), ("rest", 504, "Endpoint request timed out")],
)
def test_the_front_end_gives_up_and_the_function_goes_on(kind, status, message):
    async def check():
        released = asyncio.Event()
        got = Exchange(kind=kind, timeout=0.01, released=released)
        await got.run(b"")
        assert (got.status, json.loads(got.body)) == (status, {"message": message})
        assert "environment 1 (front end timed out after 0.01 s)" in got.stream.getvalue()
        # The environment is still busy, and free once the function has returned.
        waiting = asyncio.create_task(got.pool.acquire())
        await asyncio.sleep(0)
        assert not waiting.done()
        released.set()
        assert (await waiting).number == 1

    asyncio.run(check())


@pytest.mark.parametrize(
    ("kind", "timeout"), [("http-api", 30), ("rest", 29), ("function-url", None), ("alb", None)]
)
def test_how_long_front_ends_wait(kind, timeout):
    assert KINDS[kind].timeout == timeout


@pytest.mark.parametrize(
    ("kind", "size", "message"),
    [
        ("http-api", 10 * MEGA, b'{"message":"Request Entity Too Large"}'),
        ("rest", 10 * MEGA, b'{"message":"Request Too Long"}'),
        ("function-url", 6 * MEGA, b"6291456 bytes"),
        ("alb", MEGA, b"413 Request Entity Too Large"),
    ],
)
def test_a_body_over_the_limit(kind, size, message):
    assert KINDS[kind].body_limit == size
    got = exchange(b"x" * size, b"x", kind=kind)
    assert got.status == 413
    assert message in got.body
    assert got.events == []
    assert got.stream.getvalue().endswith("ms (body too large)\n")


def test_an_event_over_lambdas_limit():
    got = exchange(b'"' + b"x" * (6 * MEGA) + b'"')
    assert (got.status, got.events) == (413, [])
    assert got.stream.getvalue().endswith("ms (event too large)\n")


@pytest.mark.parametrize(("kind", "limit"), [("http-api", 6 * MEGA + 100), ("alb", MEGA)])
def test_a_result_over_the_limit(kind, limit):
    size = limit - len(json.dumps({"statusCode": 200, "body": ""}))
    assert exchange(b"", kind=kind, outcome=returned(body="x" * size)).status == 200
    got = exchange(b"", kind=kind, outcome=returned(body="x" * (size + 1)))
    assert got.status == KINDS[kind].failed.status
    assert f"(result too large: {limit + 1} bytes)" in got.stream.getvalue()


def test_a_client_that_leaves_before_its_request_is_complete():
    got = exchange()
    assert (got.sent, got.events, got.stream.getvalue()) == ([], [], "")


def test_a_stopping_gateway():
    async def check():
        got = Exchange()
        got.pool._closed = True
        return await got.run(b"")

    got = asyncio.run(check())
    assert (got.status, got.events) == (500, [])


@pytest.mark.parametrize("path", [b"/dev/mcp", b"/mcp"])
def test_a_client_may_name_the_stage(path):
    api = Api(stage="dev")
    (event,) = exchange(b"", scope={"path": path}, api=api).events
    assert event["rawPath"] == "/dev/mcp"
    (event,) = exchange(b"", kind="rest", scope={"path": path}, api=api).events
    assert (event["path"], event["requestContext"]["path"]) == ("/mcp", "/dev/mcp")


def test_the_case_of_headers():
    raw = {RAW_HEADERS: [(b"X-CuStOm", b"1")]}
    (event,) = exchange(b"", kind="rest", scope=raw).events
    assert event["headers"]["X-CuStOm"] == "1"
    # Without the raw lines, as other servers leave them out, names are capitalized.
    (event,) = exchange(b"", kind="rest").events
    assert event["headers"]["Content-Type"] == "application/json"


def test_a_server_that_does_not_tell_addresses():
    (event,) = exchange(b"", scope={"client": None, "server": None}).events
    assert event["requestContext"]["http"]["sourceIp"] == "127.0.0.1"
    assert event["headers"]["x-forwarded-port"] == "80"


def test_other_connections_are_ignored():
    got = exchange(b"", scope={"type": "websocket"})
    assert got.sent == []


HEAD = b'{"statusCode":201,"headers":{"content-type":"text/event-stream","content-length":"9"}}' + bytes(8)


@pytest.mark.parametrize(
    "parts",
    [[HEAD, b"one", b"two"], [HEAD[:9], HEAD[9:-3], HEAD[-3:] + b"one", b"two"], [HEAD + b"one", b"two"]],
)
def test_parts_of_a_response_go_on_one_by_one(parts):
    got = exchange(b"{}", kind="function-url", outcome=Returned(b"{}"), parts=parts)
    assert (got.status, got.headers[b"content-type"]) == (201, b"text/event-stream")
    assert b"content-length" not in got.headers
    assert b"x-amzn-requestid" in got.headers
    bodies = [(one["body"], one.get("more_body", False)) for one in got.sent[1:]]
    assert bodies == [(b"one", True), (b"two", True), (b"", False)]
    assert " 201 " in got.stream.getvalue()


def test_a_stream_ends_where_its_function_fails():
    failed = Failed(FailureReason.TIMED_OUT, "after a while", ("tools/call add: error",))
    got = exchange(b"{}", kind="rest", outcome=failed, parts=[HEAD + b"one"])
    assert (got.status, got.body) == (201, b"one")
    assert got.sent[-1] == {"type": "http.response.body", "body": b""}
    assert got.stream.getvalue().endswith(" environment 1 (timed out) tools/call add: error\n")


@pytest.mark.parametrize("parts", [[b'{"statusCode":1}' + bytes(8)], [b"no JSON" + bytes(8)]])
def test_a_stream_whose_head_is_malformed(parts):
    got = exchange(b"{}", kind="rest", outcome=Returned(b"{}"), parts=parts)
    assert (got.status, got.body) == (502, b'{"message": "Internal server error"}')
    assert "(malformed result: " in got.stream.getvalue()


def test_a_stream_takes_longer_than_the_front_end_waits_for_its_beginning():
    async def run():
        released = asyncio.Event()
        exchanged = Exchange(
            kind="rest", timeout=0.01, outcome=Returned(b"{}"), released=released, parts=[HEAD + b"one"]
        )
        running = asyncio.create_task(exchanged.run(b"{}"))
        while len(exchanged.sent) < 2:
            await asyncio.sleep(0)
        await asyncio.sleep(0.02)
        assert not running.done()
        released.set()
        return await running

    got = asyncio.run(run())
    assert (got.status, got.body) == (201, b"one")
