"""Sessions, questions and request states that go from environment to environment: servers of the SDK 2.x."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from mcp import types
from mcp.server.lowlevel import Server
from mcp.server.mcpserver import Context, MCPServer, RequestStateSecurity
from mcp.server.streamable_http import EventMessage, EventStore
from tests.hosts.adapt.apps import adapted
from tests.hosts.adapt.servers import KEY, KEYS, OTHER_KEY, Environments, in_turn, make
from tests.legacy import VERSIONS, LegacyClient, read_stream
from tests.support import EVERYTHING, Client, accept

from lambent import Settings
from lambent.hosts.adapt.handler import AdaptedHandler


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


def test_an_ended_session_is_ended_in_the_application() -> None:
    server = make()
    with adapted(server) as handler:
        client = LegacyClient(lambda: handler)
        assert len(server.session_manager._server_instances) == 1
        assert client.send(None, "DELETE").status == 200
        assert len(server.session_manager._server_instances) == 0
        assert client.call("add", {"a": 1}).status == 404


def _with(handler: AdaptedHandler, key: dict[str, str]) -> Callable[[dict[str, Any], Any], dict[str, Any]]:
    """The handler as a front end with a key of its own calls it."""
    return lambda event, context: handler({**event, "headers": {**event["headers"], **key}}, context)


def test_sessions_of_several_callers_are_closed_when_there_are_many() -> None:
    server = make()
    with adapted(server, auth=KEYS) as handler:
        for number in range(20):
            key = KEY if number < 10 else OTHER_KEY
            client = LegacyClient(lambda key=key: _with(handler, key))
            assert client.call("add", {"a": 1}).text == "1"
        assert len(server.session_manager._server_instances) == 16


@pytest.mark.filterwarnings("ignore:The logging capability is deprecated")
def test_a_level_of_log_messages_goes_from_environment_to_environment(environments: Environments) -> None:
    levels: list[str] = []

    def make_one() -> Server:
        async def set_level(ctx: Any, params: types.SetLevelRequestParams) -> types.EmptyResult:
            levels.append(params.level)
            return types.EmptyResult()

        return Server("low", on_set_logging_level=set_level)

    client = LegacyClient(environments(make_one))
    before = client.session
    set_ = client.request("logging/setLevel", level="error")
    assert set_.result == {}
    client.session = set_.headers["mcp-session-id"]
    assert client.session != before
    for _ in range(4):
        assert client.request("ping").result == {}
    assert levels == ["error"] * 3  # once an environment


def test_a_batch_is_taken_apart(environments: Environments) -> None:
    client = LegacyClient(environments(), "2025-03-26")
    calls = [
        {
            "jsonrpc": "2.0",
            "id": number,
            "method": "tools/call",
            "params": {"name": "add", "arguments": {"a": number}},
        }
        for number in (7, 8)
    ]
    reply = client.send([*calls, {"jsonrpc": "2.0", "method": "notifications/initialized"}])
    answers = json.loads(reply.body)
    assert [(one["id"], one["result"]["content"][0]["text"]) for one in answers] == [(7, "7"), (8, "8")]


def test_without_a_key_there_is_no_session_and_each_call_stands_alone(
    environments: Environments, monkeypatch: pytest.MonkeyPatch
) -> None:
    left: list[Any] = []
    monkeypatch.setattr("lambent.hosts.adapt.leave_at_end", left.append)  # it would take SIGTERM of the tests
    client = LegacyClient(environments(settings=Settings(in_lambda=True)))
    assert client.session is None
    assert [client.call("add", {"a": number}).text for number in range(4)] == ["0", "1", "2", "3"]
    assert len(left) == 3


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


def test_a_request_state_of_another_caller_is_refused(environments: Environments) -> None:
    client = in_turn(environments(auth=KEYS))
    asked = client.call("refund", {"amount": 5}, capabilities=EVERYTHING, headers=KEY)
    given = {"inputResponses": {"ok": accept()}, "requestState": asked.state}
    stolen = client.call("refund", {"amount": 5}, also=given, headers=OTHER_KEY)
    assert stolen.error["code"] == -32602
    assert client.call("refund", {"amount": 5}, also=given, headers=KEY).text == "refund 5"


def test_a_session_of_another_caller_is_refused(environments: Environments) -> None:
    following = environments(auth=KEYS)
    client = LegacyClient(lambda: _with(following(), KEY))
    assert client.call("add", {"a": 1}).text == "1"
    thief = LegacyClient(lambda: _with(following(), OTHER_KEY))
    thief.session = client.session
    assert thief.call("add", {"a": 1}).status == 404
    assert client.call("add", {"a": 2}).text == "2"


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
