"""Servers of the official SDK 2.x: served unchanged by three environments that share nothing but a key."""

import asyncio
import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import msgspec
import pytest
from mangum import Mangum
from mcp import types
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.provider import AccessToken
from mcp.server.auth.settings import AuthSettings
from mcp.server.lowlevel import Server
from mcp.server.mcpserver import Context, MCPServer, RequestStateSecurity
from mcp.server.streamable_http import EventMessage, EventStore
from pydantic import AnyHttpUrl, BaseModel
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from tests.hosts.adapt.apps import SETTINGS, adapted, counted
from tests.hosts.aws_lambda.events import KINDS, Sent
from tests.issuer.issuer import Issuer
from tests.legacy import VERSIONS, LegacyClient, read_stream
from tests.support import EVERYTHING, Client, accept, dumps, headers_of, http_api, message, meta

from lambent import ApiKey, ApiKeys, CardDetails, Limits, OAuth, RateLimit, Settings
from lambent.auth.api_keys import hash_of
from lambent.hosts.adapt.handler import AdaptedHandler
from lambent.stores.memory import MemoryStore

KEY = {"x-api-key": "secret-key-of-the-tests"}
KEYS = ApiKeys({"ci": ApiKey(subject="ci", hash=hash_of(KEY["x-api-key"]), scopes=("orders:read",))})
Environments = Callable[..., Callable[[], AdaptedHandler]]
ASK = types.ElicitRequest(
    params=types.ElicitRequestFormParams(
        message="Sure?", requested_schema={"type": "object", "properties": {}}
    )
)


class Confirm(BaseModel):
    sure: bool


def make(**options: Any) -> MCPServer:
    """A server with what these tests call."""
    server = MCPServer("shop", version="1.2.3", **options)

    @server.tool()
    def add(a: int, b: int = 0) -> int:
        """Add two numbers."""
        return a + b

    @server.tool()
    async def loop() -> int:
        return id(asyncio.get_running_loop())

    @server.tool()
    def fail() -> str:
        raise ValueError("broken")

    @server.tool()
    def who() -> str:
        token = get_access_token()
        return "nobody" if token is None else f"{token.client_id} {token.scopes}"

    @server.tool()
    async def count(ctx: Context) -> str:
        await ctx.report_progress(1, 2, "half")
        return str(ctx.request_context.lifespan_context)

    @server.tool()
    async def refund(amount: int, ctx: Context) -> Any:
        if ctx.request_state is None:
            return types.InputRequiredResult(input_requests={"ok": ASK}, request_state=f"refund {amount}")
        return ctx.request_state

    @server.tool()
    async def confirm(what: str, ctx: Context) -> str:
        answer = await ctx.elicit(f"{what}?", Confirm)
        return f"{answer.action} {answer.data.sure if answer.action == 'accept' else ''}"

    @server.resource("note://today")
    def today() -> str:
        return "Buy milk."

    @server.prompt()
    def greet(name: str) -> str:
        return f"Hello {name}"

    @server.custom_route("/about", methods=["GET"])
    async def about(request: Request) -> PlainTextResponse:
        return PlainTextResponse("a shop")

    return server


@pytest.fixture
def environments() -> Iterator[Callable[..., Callable[[], AdaptedHandler]]]:
    """Gives the handlers of three environments in turn; each has the server anew."""
    with ExitStack() as stack:

        def start(make_one: Callable[[], Any] = make, **options: Any) -> Callable[[], AdaptedHandler]:
            store = MemoryStore()
            handlers = []
            for _ in range(3):
                handler = stack.enter_context(adapted(make_one(), **options))
                executor = handler._endpoint.executor
                executor.services = msgspec.structs.replace(executor.services, store=store)
                handlers.append(handler)
            return itertools.cycle(handlers).__next__

        yield start


def in_turn(following: Callable[[], AdaptedHandler]) -> Client:
    """A client each of whose requests goes to the next environment."""

    def next_one(event: dict[str, Any], context: Any) -> dict[str, Any]:
        return following()(event, context)

    return Client(next_one)


def test_the_second_call_works_which_it_does_not_with_mangum() -> None:
    asyncio.set_event_loop(loop := asyncio.new_event_loop())
    try:
        mangum = Client(Mangum(make().streamable_http_app(json_response=True, host="0.0.0.0")))
        assert mangum.call("add", {"a": 1, "b": 2}).text == "3"
        with pytest.raises(Exception, match=r"can only be called once"):
            mangum.call("add", {"a": 1, "b": 2})
    finally:
        asyncio.set_event_loop(None)
        loop.close()
    with adapted(make()) as handler:
        client = Client(handler)
        assert [client.call("add", {"a": 1, "b": n}).text for n in range(4)] == ["1", "2", "3", "4"]
        assert len({client.call("loop").text for _ in range(3)}) == 1


def test_bytes_are_those_of_the_server() -> None:
    with adapted(make()) as handler:
        reply = Client(handler).call("add", {"a": 1, "b": 2}, headers={"accept": "application/json"})
    assert (reply.status, reply.headers) == (200, {"content-type": "application/json"})
    assert json.loads(reply.body) == {
        "jsonrpc": "2.0",
        "id": 1,
        "result": {
            "content": [{"type": "text", "text": "3"}],
            "structuredContent": {"result": 3},
            "isError": False,
            "resultType": "complete",
            "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "shop", "version": "1.2.3"}},
        },
    }


@pytest.mark.parametrize("kind", KINDS)
def test_a_call_in_every_kind_of_event(kind: str) -> None:
    body = message("tools/call", {"name": "add", "arguments": {"a": 1, "b": 2}})
    sent = Sent(headers=(*headers_of(body).items(), ("host", "api.test")), body=dumps(body))
    with adapted(make()) as handler:
        for _ in range(2):
            written = handler(KINDS[kind](sent), None)
            assert written["statusCode"] == 200
            assert json.loads(written["body"])["result"]["structuredContent"] == {"result": 3}


@pytest.mark.parametrize("lowlevel", [False, True])
def test_a_lifespan_is_entered_once(lowlevel: bool) -> None:
    entered: list[str] = []
    server = make(lifespan=counted(entered))
    with adapted(server._lowlevel_server if lowlevel else server) as handler:
        client = Client(handler)
        for _ in range(3):
            assert "entered" in client.call("count").text
        legacy = [LegacyClient(lambda: handler) for _ in range(2)]
        for one in legacy:
            assert "entered" in one.call("count").text
        assert entered == ["entered"]
    assert entered == ["entered", "left"]


def test_a_low_level_server() -> None:
    async def list_tools(ctx: Any, params: Any) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[types.Tool(name="echo", input_schema={"type": "object"})])

    async def call_tool(ctx: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        return types.CallToolResult(content=[types.TextContent(text=str(params.arguments))])

    server = Server("low", version="1", on_list_tools=list_tools, on_call_tool=call_tool)
    with adapted(server) as handler:
        client = Client(handler)
        for _ in range(2):
            assert [one["name"] for one in client.request("tools/list").result["tools"]] == ["echo"]
            assert client.call("echo", {"a": 1}).text == "{'a': 1}"
        legacy = LegacyClient(lambda: handler)
        assert legacy.call("echo", {"a": 2}).text == "{'a': 2}"


def test_notifications_are_collected_in_front_of_the_response() -> None:
    with adapted(make()) as handler:
        reply = Client(handler).call("count", also={"_meta": meta(progressToken=7)})
    assert reply.headers["content-type"] == "text/event-stream"
    (progress,) = reply.notifications
    assert progress["params"] == {"progressToken": 7, "progress": 1, "total": 2, "message": "half"}
    assert reply.response["id"] == 1


def test_errors_are_those_of_the_server() -> None:
    with adapted(make()) as handler:
        client = Client(handler)
        unknown = client.request("no/method")
        assert (unknown.status, unknown.error["code"]) == (404, -32601)
        missing = client.request("resources/read", {"uri": "note://nothing"})
        assert missing.error["code"] == -32602
        assert client.call("fail").result["isError"] is True
        body = message("tools/list")
        wrong = client.post(body, {"mcp-method": "tools/call"})
        assert (wrong.status, wrong.error["code"]) == (400, -32020)
        body["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = "2099-01-01"
        newer = client.post(body, {"mcp-protocol-version": "2099-01-01"})
        assert (newer.status, newer.error["code"]) == (400, -32022)
        assert (
            newer.error["data"]["supported"] == client.request("server/discover").result["supportedVersions"]
        )


@pytest.mark.parametrize("version", VERSIONS)
def test_a_session_goes_from_environment_to_environment(environments: Environments, version: str) -> None:
    client = LegacyClient(environments(), version)
    assert client.opened.result["protocolVersion"] == version
    assert client.session
    assert client.send({"jsonrpc": "2.0", "method": "notifications/initialized"}).status == 202
    for number in range(7):
        assert "add" in [one["name"] for one in client.request("tools/list").result["tools"]]
        assert client.call("add", {"a": 1, "b": number}).text == str(1 + number)
    assert client.request("ping").result == {}
    assert client.send(None, "DELETE").status in (200, 202, 204)


def test_a_session_that_is_none_is_not_found(
    environments: Environments,
) -> None:
    client = LegacyClient(environments())
    client.session = "nothing"
    assert client.call("add", {"a": 1}).status == 404


def test_a_question_of_the_legacy_era_is_answered_in_another_environment(
    environments: Environments,
) -> None:
    client = LegacyClient(environments())
    stream = read_stream(client.call("confirm", {"what": "Remove"}).body)
    (question,) = stream.questions
    assert question["params"]["message"] == "Remove?"
    assert client.answer(question, {"action": "accept", "content": {"sure": True}}).status == 202
    assert client.resume(stream.event_id).text == "accept True"


def test_a_stream_that_the_server_closes_in_the_middle_of_a_call_is_resumed() -> None:
    class Events(EventStore):
        def __init__(self) -> None:
            self.kept: list[tuple[str, Any]] = []

        async def store_event(self, stream_id: str, message: Any) -> str:
            self.kept.append((stream_id, message))
            return str(len(self.kept))

        async def replay_events_after(self, last_event_id: str, send_callback: Any) -> str:
            stream = self.kept[int(last_event_id) - 1][0]
            for number, (one, sent) in enumerate(self.kept, 1):
                if one == stream and number > int(last_event_id) and sent is not None:
                    await send_callback(EventMessage(sent, str(number)))
            return stream

    server = MCPServer("shop")

    @server.tool()
    async def slow(ctx: Context) -> str:
        await ctx.close_sse_stream()
        await asyncio.sleep(0.2)
        return "done"

    app = server.streamable_http_app(host="0.0.0.0", event_store=Events(), retry_interval=10)
    with adapted(app) as handler:
        client = LegacyClient(lambda: handler)
        assert [client.call("slow").text for _ in range(2)] == ["done", "done"]


def test_a_client_that_cannot_be_asked_is_told(
    environments: Environments,
) -> None:
    client = LegacyClient(environments(), "2025-06-18")
    reply = client.call("confirm", {"what": "Remove"})
    assert reply.error["message"].startswith("This client cannot be asked here: version 2025-06-18")


def test_a_request_state_is_read_in_another_environment(
    environments: Environments,
) -> None:
    client = in_turn(environments())
    reply = client.answered("refund", {"ok": accept()}, {"amount": 5})
    assert reply.text == "refund 5"


def test_a_request_state_of_another_server_or_altered_is_refused(
    environments: Environments,
) -> None:
    client = in_turn(environments())
    asked = client.call("refund", {"amount": 5}, capabilities=EVERYTHING)
    again = {"inputResponses": {"ok": accept()}}
    altered = client.call("refund", {"amount": 5}, also={**again, "requestState": asked.state[:-4] + "AAAA"})
    assert altered.error["code"] == -32602
    with adapted(make(), settings=Settings(state_keys=("f" * 32,))) as other:
        foreign = Client(other).call("refund", {"amount": 5}, also={**again, "requestState": asked.state})
    assert foreign.error["code"] == -32602
    with adapted(make(), name="another") as other:
        foreign = Client(other).call("refund", {"amount": 5}, also={**again, "requestState": asked.state})
    assert foreign.error["code"] == -32602


def test_states_that_the_servers_own_keys_have_sealed_are_still_read() -> None:
    own = {"request_state_security": RequestStateSecurity(keys=[b"k" * 32])}
    with adapted(make(**own), settings=Settings(in_memory=True)) as handler:  # without keys of the deployment
        asked = Client(handler).call("refund", {"amount": 5}, capabilities=EVERYTHING)
    own = {"request_state_security": RequestStateSecurity(keys=[b"k" * 32])}
    with adapted(make(**own)) as handler:
        given = {"inputResponses": {"ok": accept()}, "requestState": asked.state}
        assert Client(handler).call("refund", {"amount": 5}, also=given).text == "refund 5"


def test_a_codec_of_the_author_stays() -> None:
    class Mine:
        def seal(self, payload: bytes) -> str:
            return f"mine-{payload.hex()}"

        def unseal(self, token: str) -> bytes:
            return bytes.fromhex(token.removeprefix("mine-"))

    server = make(request_state_security=RequestStateSecurity(codec=Mine()))
    with adapted(server) as handler:
        asked = Client(handler).call("refund", {"amount": 5}, capabilities=EVERYTHING)
    assert asked.state.startswith("mine-")


@pytest.mark.parametrize("wrap", [lambda app: app, lambda app: app.streamable_http_app(host="0.0.0.0")])
def test_keys_are_shared_also_where_the_application_is_given(
    environments: Environments, wrap: Callable[[Any], Any]
) -> None:
    client = in_turn(environments(lambda: wrap(make())))
    assert client.answered("refund", {"ok": accept()}, {"amount": 6}).text == "refund 6"


def test_who_is_not_identified_does_not_reach_the_server() -> None:
    with adapted(make(), auth=KEYS) as handler:
        client = Client(handler)
        assert client.call("who").status == 401
        assert client.call("who", headers=KEY).text == "ci ['orders:read']"
        assert client.event(http_api(None, method="GET", path="/about")).status == 401


def test_tokens_of_an_issuer_are_what_the_sdk_gives() -> None:
    with Issuer() as issuer:
        url = "https://abc123.execute-api.eu-west-1.amazonaws.com/mcp"
        auth = OAuth(issuer=issuer.url, scopes=["mcp:use"])
        with adapted(
            make(), auth=auth, settings=msgspec.structs.replace(SETTINGS, mcp_path="/mcp")
        ) as handler:
            client = Client(handler)
            refused = client.call("who")
            assert refused.status == 401
            path = "/.well-known/oauth-protected-resource/mcp"
            metadata = client.event(http_api(None, method="GET", path=path))
            assert json.loads(metadata.body)["authorization_servers"] == [issuer.url]
            few = {"authorization": f"Bearer {issuer.token('user-1', url, ['other'])}"}
            assert client.call("who", headers=few).status == 403
            good = {"authorization": f"Bearer {issuer.token('user-1', url, ['mcp:use'])}"}
            assert client.call("who", headers=good).text.endswith(" ['mcp:use']")


def test_the_servers_own_authorization_stays() -> None:
    class Verifier:
        async def verify_token(self, token: str) -> AccessToken | None:
            return AccessToken(token=token, client_id="own", scopes=["a"]) if token == "good" else None

    settings = AuthSettings(
        issuer_url=AnyHttpUrl("https://login.test"),
        resource_server_url=AnyHttpUrl("https://api.test/mcp"),
        required_scopes=["a"],
        validate_token_resource=False,
    )
    with adapted(make(auth=settings, token_verifier=Verifier())) as handler:
        client = Client(handler)
        refused = client.call("who")
        assert refused.status == 401
        assert refused.headers["www-authenticate"].startswith("Bearer ")
        path = "/.well-known/oauth-protected-resource/mcp"
        document = client.event(http_api(None, method="GET", path=path))
        assert json.loads(document.body)["resource"] == "https://api.test/mcp"
        assert client.call("who", headers={"authorization": "Bearer good"}).text == "own ['a']"


def test_calls_are_recorded(capsys: pytest.CaptureFixture[str]) -> None:
    with adapted(make(), auth=KEYS, audit=True) as handler:
        client = Client(handler)
        client.call("add", {"a": 1}, headers=KEY)
        client.call("fail", headers=KEY)
        client.request("no/method", headers=KEY)
        client.call("add", {"a": 1})
    found = [json.loads(line)["audit"] for line in capsys.readouterr().out.splitlines() if '"audit"' in line]
    assert [(one.get("method"), one.get("name"), one["outcome"]) for one in found] == [
        ("tools/call", "add", "ok"),
        ("tools/call", "fail", "tool_error"),
        ("no/method", None, "error"),
        (None, None, "denied"),
    ]
    assert [one["server"] for one in found] == ["shop"] * 4


def test_middleware_and_limits_are_in_front() -> None:
    seen: list[str] = []

    def watch(call: Any, following: Any) -> Any:
        seen.append(call.method)
        return following(call)

    limits = Limits(rate=RateLimit(calls=2, per=60))
    with adapted(make(), auth=KEYS, middleware=[watch], limits=limits) as handler:
        client = Client(handler)
        statuses = [client.call("add", {"a": 1}, headers=KEY).status for _ in range(3)]
    assert (seen, statuses) == (["tools/call"] * 3, [200, 200, 429])


def test_other_routes_are_the_servers_own() -> None:
    with adapted(make()) as handler:
        reply = Client(handler).event(http_api(None, method="GET", path="/about"))
    assert (reply.status, reply.body) == (200, b"a shop")


@pytest.mark.parametrize("path", ["/mcp/server-card", "/.well-known/mcp/server-card.json"])
def test_cards_say_what_the_server_says(path: str) -> None:
    with adapted(make(), card=CardDetails(namespace="com.example")) as handler:
        for _ in range(2):
            reply = Client(handler).event(http_api(None, method="GET", path=path))
            assert reply.status == 200
    card = json.loads(reply.body)
    assert "add" in reply.body.decode()
    assert card.get("name", card.get("serverInfo", {}).get("name")) in ("com.example/shop", "shop")


@pytest.mark.parametrize("path", ["/", "/api/mcp"])
def test_the_endpoint_is_at_another_path(path: str) -> None:
    body = message("tools/call", {"name": "add", "arguments": {"a": 1}})
    with adapted(make(), path=path) as handler:
        reply = Client(handler).post(body, path=path)
        assert reply.text == "1"
