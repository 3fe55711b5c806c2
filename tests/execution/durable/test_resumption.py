"""Streams that end with a question and are resumed: the questions of a buffered host in the legacy era."""

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from tests.legacy import NEWEST, VERSIONS, LegacyClient, Stream, environments, read_stream
from tests.support import EVERYTHING, SECRET, Client, accept

from lambent import Call, Context, Handler, Idempotency, MCPServer, Principal, Settings, StoreError, ToolError
from lambent.execution.endpoint import Endpoint
from lambent.stores.keys import StaticKeys
from lambent.stores.memory import MemoryStore

SETTINGS = Settings(state_keys=(SECRET,), in_lambda=True)


@dataclass
class Amount:
    """What the form asks for."""

    euros: int


class World:
    """A server in any number of environments with one store, and the time."""

    def __init__(self, settings: Settings = SETTINGS, *, has_table: bool = True) -> None:
        self.now = 1_800_000_000.0
        self.store = MemoryStore()
        self.ran: list[Any] = []
        self.mcp = server_of(self.ran)
        self.make = environments(self.mcp, settings, self.store if has_table else None, lambda: self.now)

    def client(self, version: str = NEWEST, **more: Any) -> LegacyClient:
        """A client, each of whose requests meets another environment."""
        return LegacyClient(self.make, version, **more)

    @property
    def kinds(self) -> list[str]:
        """The kinds of the items in the store."""
        return sorted(key.partition("#")[0] for key in self.store._items)


def server_of(ran: list[Any]) -> MCPServer:
    mcp = MCPServer("legacy")

    @mcp.tool()
    def refund(order: str, ctx: Context) -> str:
        number = ctx.step("pay", lambda: ran.append(order) or len(ran)).result()
        amount = ctx.elicit(f"How much of {order[:9]}?", Amount).result()
        if amount.action != "accept":
            return str(amount.action)
        motto = ctx.sample("A motto?", max_tokens=9).result()
        return f"{amount.data.euros} euros, {motto.text}, step {number}"

    @mcp.tool()
    def several(ctx: Context) -> str:
        amount, roots = ctx.elicit("How much?", Amount, key="m"), ctx.list_roots(key="r")
        answer = amount.result()
        assert answer.action == "accept"
        return f"{answer.data.euros} in {[root.uri for root in roots.result()]}"

    @mcp.tool()
    def page(ctx: Context) -> str:
        return ctx.elicit_url("Log in", "https://example.com/login").result().action

    @mcp.tool(idempotency=Idempotency(key="order"))
    def once(order: str, ctx: Context) -> str:
        amount = ctx.elicit(f"How much of {order}?", Amount).result()
        ran.append(order)
        return str(amount.action)

    @mcp.tool(single_use=True)
    def single(ctx: Context) -> str:
        ctx.elicit("Sure?", Amount).result()
        ran.append("single")
        return f"{len(ran)}"

    @mcp.resource("ask://me")
    def me(ctx: Context) -> str:
        return f"{ctx.elicit('Resource?', Amount).result().action}"

    @mcp.prompt()
    def asking(ctx: Context) -> str:
        return f"{ctx.elicit('Prompt?', Amount).result().action}"

    return mcp


@pytest.fixture
def world() -> World:
    return World()


def begin(client: LegacyClient, tool: str = "refund", **arguments: Any) -> Stream:
    """Call a tool that asks."""
    reply = client.call(tool, arguments or {"order": "A-1"} if tool == "refund" else arguments, request_id=7)
    assert reply.status == 200
    assert reply.headers["content-type"] == "text/event-stream"
    return read_stream(reply.body)


def answered(client: LegacyClient, stream: Stream, *results: Any) -> Stream:
    """Answer the questions of a stream, and resume it."""
    for question, result in zip(stream.questions, results, strict=True):
        reply = client.answer(question, result)
        assert (reply.status, reply.body) == (202, b"")
    return client.resume(stream.event_id)


LARGE = "".join(hashlib.sha256(bytes([number])).hexdigest() for number in range(200))
"""Text that no compression makes small enough for a header."""

MOTTO = {"role": "assistant", "model": "m", "content": {"type": "text", "text": "onward"}}


def test_every_round_meets_another_environment(world: World) -> None:
    client = world.client()
    first = begin(client)
    assert first.retry == 500
    (question,) = first.questions
    assert question["method"] == "elicitation/create"
    assert question["params"] == {
        "mode": "form",
        "message": "How much of A-1?",
        "requestedSchema": {
            "title": "Amount",
            "description": "What the form asks for.",
            "type": "object",
            "properties": {"euros": {"type": "integer", "title": "Euros"}},
            "required": ["euros"],
        },
    }
    second = answered(client, first, accept(euros=5))
    assert [asked["method"] for asked in second.questions] == ["sampling/createMessage"]
    last = answered(client, second, MOTTO)
    assert last == Stream(None, None, [last.response])
    assert last.response["id"] == 7
    assert last.text == "5 euros, onward, step 1"
    assert world.ran == ["A-1"]


def test_the_bytes_of_a_stream_that_asks(world: World) -> None:
    body = world.client().call("page").body.decode()
    priming, question, rest = body.split("\n\n")
    event_id, retry, data = priming.split("\n")
    assert event_id.startswith("id: ")
    assert (retry, data, rest) == ("retry: 500", "data:", "")
    assert question.startswith('event: message\ndata: {"jsonrpc":"2.0","id":"q.')


def test_a_client_that_comes_too_early_is_told_to_come_again(world: World) -> None:
    client = world.client()
    stream, waits = begin(client), []
    for _ in range(9):
        stream = client.resume(stream.event_id)
        assert stream.messages == []
        waits.append(stream.retry)
    assert waits == [750, 1125, 1687, 2531, 3796, 5000, 5000, 5000, 5000]


def test_questions_that_are_asked_at_once_are_waited_for_together(world: World) -> None:
    client = world.client()
    stream = begin(client, "several")
    amount, roots = stream.questions
    client.answer(roots, {"roots": [{"uri": "file:///a"}]})
    again = client.resume(stream.event_id)
    assert again.messages == []
    client.answer(amount, accept(euros=2))
    assert client.resume(again.event_id).text == "2 in ['file:///a']"


def test_a_stream_that_is_resumed_again_gives_the_same_result(world: World) -> None:
    client = world.client()
    stream = begin(client, "single")
    last = answered(client, stream, accept(euros=1))
    assert client.resume(stream.event_id) == last
    assert world.ran == ["single"]


def test_two_requests_for_one_stream_run_the_call_once(world: World) -> None:
    client, inside = world.client(), threading.Event()
    outcomes: list[Stream] = []

    mcp = MCPServer("legacy")

    @mcp.tool()
    def slow(ctx: Context) -> str:
        ctx.elicit("Sure?", Amount).result()
        world.ran.append("slow")
        if not inside.is_set():
            inside.set()
            outcomes.append(client.resume(stream.event_id))
        return "done"

    now = world.now
    client.handler = environments(mcp, SETTINGS, world.store, lambda: now)
    stream = begin(client, "slow")
    client.answer(stream.questions[0], accept(euros=1))
    from lambent.execution.durable import calls

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calls, "_WAIT_SECONDS", 0.1)
        assert client.resume(stream.event_id).text == "done"
    assert world.ran == ["slow"]
    (other,) = outcomes
    assert (other.messages, other.retry) == ([], 750)


def test_a_url_has_an_id_in_this_era(world: World) -> None:
    client = world.client()
    stream = begin(client, "page")
    params = stream.questions[0]["params"]
    assert params.pop("elicitationId")
    assert params == {"mode": "url", "message": "Log in", "url": "https://example.com/login"}
    assert answered(client, stream, {"action": "accept"}).text == "accept"


@pytest.mark.parametrize(
    ("method", "params", "shown"),
    [("resources/read", {"uri": "ask://me"}, "contents"), ("prompts/get", {"name": "asking"}, "messages")],
)
def test_resources_and_prompts_ask_in_the_same_way(
    world: World, method: str, params: dict[str, str], shown: str
) -> None:
    client = world.client()
    stream = read_stream(client.request(method, **params).body)
    last = answered(client, stream, {"action": "decline"})
    assert "decline" in str(last.response["result"][shown])


def test_what_the_user_refuses_the_tool_sees(world: World) -> None:
    client = world.client()
    assert answered(client, begin(client), {"action": "decline"}).text == "decline"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (
            {"error": {"code": -1, "message": "No models here"}},
            "not answer elicitation/create: No models",
        ),
        ({"error": {}}, "did not answer elicitation/create: no reason given"),
        ({"result": {"action": "accept", "content": {"euros": "many"}}}, "Invalid input response"),
        ({"result": {"action": "perhaps"}}, "Invalid input response"),
        ({"result": 1}, "Invalid input response"),
    ],
)
def test_an_answer_that_is_none_becomes_an_error_of_the_tool(
    world: World, said: dict[str, Any], shown: str
) -> None:
    client = world.client()
    stream = begin(client)
    assert client.send({"jsonrpc": "2.0", "id": stream.questions[0]["id"], **said}).status == 202
    last = client.resume(stream.event_id)
    assert last.response["result"]["isError"] is True
    assert shown in last.text


def test_the_first_answer_counts(world: World) -> None:
    client = world.client()
    stream = begin(client)
    client.answer(stream.questions[0], {"action": "decline"})
    client.answer(stream.questions[0], accept(euros=9))
    assert client.resume(stream.event_id).text == "decline"


def test_only_answers_to_questions_that_were_asked_are_kept(world: World) -> None:
    client = world.client()
    (question,) = begin(client).questions
    before = world.kinds
    for name in ("q.a.b.c", "", 1, question["id"][:-1] + "-", question["id"] + "A", "q." + question["id"]):
        assert client.answer({"id": name}, accept(euros=1)).status == 202
    assert world.kinds == before


def test_an_answer_that_no_item_can_hold_ends_the_call(world: World) -> None:
    client = world.client()
    last = answered(client, begin(client), accept(euros=1, note="x" * 500_000))
    assert last.text.endswith("The answer is too large")


def test_a_call_that_nobody_answers_ends_with_its_own_id(world: World) -> None:
    client = world.client()
    stream = begin(client)
    world.now += SETTINGS.state_ttl
    last = client.resume(stream.event_id)
    assert (last.response["id"], last.event_id) == (7, None)
    assert last.text == "The user has not answered in time: call again"


def test_large_arguments_are_kept_in_the_table(world: World) -> None:
    client = world.client()
    small, large = begin(client), begin(client, order=LARGE)
    assert len(small.event_id or "") < 600
    assert len(large.event_id or "") < 600
    assert world.kinds == ["STREAM"]
    again = client.resume(large.event_id)
    last = answered(client, large, {"action": "cancel"})
    assert last.text == "cancel"
    assert client.resume(again.event_id).text == "cancel"
    assert world.ran == ["A-1", LARGE]


def test_what_the_table_has_forgotten_is_too_late(world: World) -> None:
    client = world.client()
    large = begin(client, order=LARGE)
    world.store._items.clear()
    assert client.resume(large.event_id).text == "The user has not answered in time: call again"


def test_an_idempotent_call_is_asked_anew_each_time(world: World) -> None:
    """The answers of one call are not those of another with the same key."""
    client = world.client()
    first = begin(client, "once", order="o")
    assert answered(client, first, {"action": "cancel"}).text == "cancel"
    world.store.remove(next(key for key in world.store._items if key.startswith("CALL")), 2)
    second = begin(client, "once", order="o")
    assert second.questions[0]["id"] != first.questions[0]["id"]
    assert client.resume(second.event_id).messages == []


def test_an_idempotent_call_takes_effect_once(world: World) -> None:
    client = world.client()
    stream = begin(client, "once", order="o")
    assert answered(client, stream, accept(euros=1)).text == "accept"
    assert client.call("once", {"order": "o"}).text == "accept"
    assert world.ran == ["o"]


@pytest.mark.parametrize("event_id", ["", "x", "AiIDYdA9", "A" * 9000, "\u00e9"])
def test_an_event_id_of_nobody_is_refused(world: World, event_id: str) -> None:
    reply = world.client().send(None, "GET", last_event_id=event_id)
    assert reply.status == 400
    assert reply.error["message"] == "Unknown Last-Event-ID: send the request again"


def test_an_event_id_that_was_changed_is_refused(world: World) -> None:
    client = world.client()
    event_id = begin(client).event_id or ""
    for place in (0, 30, len(event_id) - 1):
        other = "B" if event_id[place] == "A" else "A"
        changed = event_id[:place] + other + event_id[place + 1 :]
        assert client.send(None, "GET", last_event_id=changed).status == 400


def test_request_states_and_event_ids_are_not_exchanged(world: World) -> None:
    """Both are sealed with the same keys."""
    event_id = begin(world.client()).event_id
    sealer = world.make()._endpoint.executor.services.sealer
    assert sealer.open_bytes(event_id or "", b"\x01") is None
    assert sealer.open_bytes(sealer.seal_bytes(b"{}"), b"\x02") is None


def test_another_caller_gets_neither_the_stream_nor_the_question(monkeypatch: pytest.MonkeyPatch) -> None:
    world, callers = World(), ["ada"]
    monkeypatch.setattr(Endpoint, "authenticate", lambda self, request: Principal(callers[-1]))
    client = world.client()
    stream = begin(client)
    callers.append("eve")
    client.session = None
    assert client.send(None, "GET", last_event_id=stream.event_id).status == 400
    client.answer(stream.questions[0], accept(euros=1))
    assert "ANSWER" not in world.kinds


NO_KEYS = Settings(in_lambda=True)


@pytest.mark.parametrize("version", VERSIONS[1:])
def test_older_clients_cannot_be_asked_where_streams_end(world: World, version: str) -> None:
    reply = world.client(version).call("several")
    assert reply.result["isError"] is True
    assert reply.text == (
        f"Error executing tool several: This client cannot be asked here: version {version} of the protocol "
        "needs a host that keeps streams open (ASGI, stdio)"
    )


@pytest.mark.parametrize(
    ("make", "shown"),
    [
        (lambda: World(has_table=False), "its answers need a table: set LAMBENT_TABLE"),
        (lambda: World(NO_KEYS), "set LAMBENT_STATE_KEYS or LAMBENT_STATE_SECRET"),
    ],
)
def test_what_is_not_configured_is_named(make: Callable[[], World], shown: str) -> None:
    reply = make().client().call("page")
    assert reply.result["isError"] is True
    assert reply.text.endswith(shown)


def test_a_client_that_reads_no_streams_cannot_be_asked(world: World) -> None:
    client = world.client()
    client.headers = {"accept": "application/json"}
    assert client.call("page").text.endswith("it does not accept text/event-stream")


def test_a_client_that_cannot_be_asked_is_told_so(world: World) -> None:
    reply = world.client(capabilities={"elicitation": {"form": {}}}).call("page")
    assert reply.text == "The client did not declare a capability that this request needs: elicitation"


def test_without_keys_there_is_no_stream_to_resume() -> None:
    reply = World(NO_KEYS).client().send(None, "GET", last_event_id="x")
    assert reply.status == 400


def test_the_session_decides_nothing_about_a_stream(world: World) -> None:
    """Its event id says what it needs; a client may have lost its session."""
    client = world.client()
    stream = begin(client)
    client.answer(stream.questions[0], {"action": "decline"})
    client.session = None
    assert client.resume(stream.event_id).text == "decline"


def test_what_is_kept_is_forgotten(world: World) -> None:
    client = world.client()
    begin(client, order=LARGE)
    answered(client, begin(client), {"action": "decline"})
    world.store.purge(world.now + 2 * SETTINGS.state_ttl + 61)
    assert world.kinds == []


def test_a_store_that_fails_loses_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> Any:
        raise StoreError("out of order")

    client = world.client()
    stream = begin(client)
    with monkeypatch.context() as patch:
        patch.setattr(world.store, "insert", fail)
        patch.setattr("lambent.execution.durable.records._RETRY_SECONDS", -1.0)
        reply = client.answer(stream.questions[0], {"action": "decline"})
        assert (reply.status, reply.headers["retry-after"]) == (503, "1")
    client.answer(stream.questions[0], {"action": "decline"})
    with monkeypatch.context() as patch:
        patch.setattr(world.store, "read", fail)
        again = client.resume(stream.event_id)
        assert (again.messages, again.retry) == ([], 750)
    with monkeypatch.context() as patch:
        patch.setattr(world.store, "insert", fail)
        patch.setattr("lambent.execution.durable.records._RETRY_SECONDS", -1.0)
        once_more = client.resume(again.event_id)
        assert (once_more.messages, once_more.retry) == ([], 1125)
    assert client.resume(once_more.event_id).text == "decline"


def test_a_client_that_leaves_out_its_session_is_told_so(world: World) -> None:
    client = world.client()
    client.session = None
    assert client.call("page").text.endswith("send the Mcp-Session-Id that initialize has answered with")


def test_a_result_that_is_too_large_is_told_at_the_end_of_the_stream() -> None:
    mcp, now = MCPServer("legacy"), 1_800_000_000.0

    @mcp.tool()
    def large(ctx: Context) -> str:
        ctx.elicit("Sure?", Amount).result()
        return "x" * 7_000_000

    client = LegacyClient(environments(mcp, SETTINGS, MemoryStore(), lambda: now))
    last = answered(client, begin(client, "large"), accept(euros=1))
    assert last.response["id"] == 7
    assert "The result would take" in last.text


def served(world: World, mcp: MCPServer, settings: Settings = SETTINGS) -> LegacyClient:
    """A client of another server in the same world."""
    return LegacyClient(environments(mcp, settings, world.store, lambda: world.now))


def test_a_handler_that_catches_a_refusal_gets_it_again_in_later_rounds(world: World) -> None:
    mcp = MCPServer("legacy")

    @mcp.tool()
    def tolerant(ctx: Context) -> str:
        asked = ctx.sample("A motto?")
        try:
            motto = asked.result().text
        except ToolError:
            motto = "none"
        return f"{motto}, {ctx.elicit('How much?', Amount).result().action}"

    client = served(world, mcp)
    first = begin(client, "tolerant")
    client.answer(first.questions[0], error={"code": -1, "message": "User rejected"})
    second = client.resume(first.event_id)
    assert [question["method"] for question in second.questions] == ["elicitation/create"]
    assert answered(client, second, {"action": "cancel"}).text == "none, cancel"


def test_a_refusal_does_not_outlive_its_call(world: World) -> None:
    mcp = MCPServer("legacy")

    @mcp.tool(idempotency=Idempotency(key="order"))
    def keyed(order: str, ctx: Context) -> str:
        ctx.step("reserve", lambda: world.ran.append(order))
        return ctx.elicit("Sure?", Amount).result().action

    client = served(world, mcp)
    first = begin(client, "keyed", order="A")
    client.answer(first.questions[0], error={"message": "not now"})
    assert "not now" in client.resume(first.event_id).text
    again = begin(client, "keyed", order="A")
    assert answered(client, again, {"action": "decline"}).text == "decline"
    assert world.ran == ["A"]


def test_answers_of_one_era_are_read_by_the_other(world: World) -> None:
    """A call that takes effect once may be tried again by a client that has been updated since."""
    mcp, fails = MCPServer("legacy"), [True]

    @mcp.tool(idempotency=Idempotency(key="order"))
    def keyed(order: str, ctx: Context) -> str:
        action = ctx.elicit("Sure?", Amount).result().action
        ctx.step("pay", lambda: world.ran.append(order))
        if fails:
            fails.clear()
            raise ToolError("The bank is closed")
        return action

    client = served(world, mcp)
    first = begin(client, "keyed", order="A")
    assert answered(client, first, accept(euros=1)).text == "Error executing tool keyed: The bank is closed"
    assert Client(client.handler()).call("keyed", {"order": "A"}, capabilities=EVERYTHING).text == "accept"
    assert world.ran == ["A"]


def test_two_calls_with_one_key_may_give_the_same_answer(world: World) -> None:
    mcp = MCPServer("legacy")

    @mcp.tool(idempotency=Idempotency(key="order"), single_use=True)
    def keyed(order: str, ctx: Context) -> str:
        return ctx.elicit("Sure?", Amount).result().action

    client = served(world, mcp)
    one, two = begin(client, "keyed", order="A"), begin(client, "keyed", order="A")
    assert answered(client, one, accept(euros=1)).text == "accept"
    assert answered(client, two, accept(euros=1)).text == "accept"


def test_rounds_in_the_same_second_keep_their_own_journals(world: World) -> None:
    client = world.client()
    second = answered(client, begin(client, order=LARGE), accept(euros=5))
    assert answered(client, second, MOTTO).text == "5 euros, onward, step 1"


def test_an_answer_is_found_after_the_secret_was_rotated(world: World) -> None:
    client = world.client()
    stream = begin(client)
    client.answer(stream.questions[0], {"action": "decline"})
    rotated = Settings(state_keys=("another secret " * 3, SECRET), in_lambda=True)
    client.handler = environments(world.mcp, rotated, world.store, lambda: world.now)
    assert client.resume(stream.event_id).text == "decline"


def by_header(call: Call, following: Handler) -> Any:
    """Middleware that finds out who is calling."""
    return following(call.as_principal(Principal(call.headers.get("x-user", "nobody"))))


def test_middleware_may_find_out_who_is_calling(world: World) -> None:
    world.mcp._middleware = (by_header,)
    client = world.client()
    assert client.request("ping").status == 200  # the session is good
    client.headers = {"x-user": "ann"}
    stream = begin(client)
    client.answer(stream.questions[0], {"action": "decline"})
    client.headers = {"x-user": "bob"}
    refused = client.send(None, "GET", last_event_id=stream.event_id)
    assert (refused.status, refused.error["message"]) == (
        400,
        "Unknown Last-Event-ID: send the request again",
    )
    client.headers = {"x-user": "ann"}
    assert client.resume(stream.event_id).text == "decline"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ({"result": {"action": "decline"}, "error": None}, "decline"),
        ({"result": None, "error": {"message": "No models here"}}, "No models here"),
    ],
)
def test_a_member_that_is_null_counts_as_absent(world: World, said: dict[str, Any], shown: str) -> None:
    client = world.client()
    stream = begin(client)
    assert client.send({"jsonrpc": "2.0", "id": stream.questions[0]["id"], **said}).status == 202
    assert shown in client.resume(stream.event_id).text


class _Unreachable(StaticKeys):
    """Keys whose secret cannot be read at the moment."""

    def ring(self) -> Any:
        raise StoreError("out of order")


def test_a_secret_that_cannot_be_read_is_a_reason_to_try_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = world.client()
    stream = begin(client)
    with monkeypatch.context() as patch:
        patch.setattr(Settings, "keys", property(lambda self: _Unreachable((SECRET,))))
        client.session = None
        assert client.answer(stream.questions[0], {"action": "decline"}).status == 503
        assert client.send(None, "GET", last_event_id=stream.event_id).status == 503
    client.answer(stream.questions[0], {"action": "decline"})
    assert client.resume(stream.event_id).text == "decline"


def test_an_event_id_of_another_form_is_refused(world: World) -> None:
    """Such as one of an earlier release."""
    sealer = world.make()._endpoint.executor.services.sealer
    reply = world.client().send(None, "GET", last_event_id=sealer.seal_bytes(b"[1]", b"\x02"))
    assert reply.status == 400
