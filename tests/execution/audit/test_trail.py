"""The id that the rounds of a call and the attempts at its task share, and their numbers."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from tests.execution.audit.notes import Notes, recorder
from tests.execution.durable.tasks.harness import World, task_server, worlds
from tests.legacy import LegacyClient, environments, read_stream
from tests.support import SECRET, SETTINGS, Client, accept, make_handler, make_server

from lambent import (
    Audit,
    Context,
    Elicit,
    Idempotency,
    MCPServer,
    Resolve,
    RetryableError,
    Settings,
    TaskPolicy,
)
from lambent.execution.audit.trail import task_mark
from lambent.stores.memory import MemoryStore

Serve = Callable[..., Client]
Worlds = Callable[..., World]
world = pytest.fixture(worlds)

FORM: dict[str, Any] = {"type": "object", "properties": {}}


@dataclass
class Sure:
    sure: bool


@pytest.fixture
def notes() -> Notes:
    return Notes()


def asking(mcp: MCPServer, **options: Any) -> MCPServer:
    """A tool, a prompt and a resource that ask two questions, one after the other."""

    def ask(ctx: Context) -> str:
        ctx.elicit("One?", FORM, key="one").result()
        return ctx.elicit("Two?", FORM, key="two").result().action

    mcp.tool("ask", **options)(ask)
    mcp.prompt("ask")(ask)
    mcp.resource("ask://now", name="ask")(ask)
    return mcp


ANSWERS = {"one": accept(), "two": accept()}


def ids(notes: Notes) -> set[str]:
    return {record["call_id"] for record in notes.records}


# Rounds.


@pytest.mark.parametrize("single_use", [False, True])
def test_the_rounds_of_a_call_share_an_id(world: Worlds, notes: Notes, single_use: bool) -> None:
    here = world(asking(task_server(), single_use=single_use), observers=[recorder(notes).record_call])
    assert here.client.answered("ask", ANSWERS).text == "accept"
    assert notes.each("round", "outcome", "request_id") == [
        (1, "input_required", 1),
        (2, "input_required", 2),
        (3, "ok", 3),
    ]
    assert len(ids(notes)) == 1


@pytest.mark.parametrize(
    ("method", "params"), [("prompts/get", {"name": "ask"}), ("resources/read", {"uri": "ask://now"})]
)
def test_so_do_those_of_prompts_and_resources(
    serve: Serve, notes: Notes, method: str, params: dict[str, Any]
) -> None:
    client = serve(asking(make_server(audit=Audit(sinks=[notes]))))
    assert len(list(client.converse(method, params, ANSWERS))) == 3
    assert notes.each("method", "round") == [(method, 1), (method, 2), (method, 3)]
    assert len(ids(notes)) == 1


def test_other_calls_have_other_ids(serve: Serve, notes: Notes) -> None:
    client = serve(asking(make_server(audit=Audit(sinks=[notes]))))
    client.answered("ask", ANSWERS)
    client.answered("ask", ANSWERS)
    assert len(ids(notes)) == 2


def test_a_state_that_is_sent_again_is_the_same_round(serve: Serve, notes: Notes) -> None:
    client = serve(asking(make_server(audit=Audit(sinks=[notes]))))
    first = client.call("ask", capabilities={"elicitation": {}})
    also = {"requestState": first.state, "inputResponses": {"one": accept()}}
    for _ in range(2):
        client.call("ask", also=also, capabilities={"elicitation": {}})
    assert notes.each("round") == [(1,), (2,), (2,)]
    assert len(ids(notes)) == 1


def test_a_retry_of_a_call_that_was_not_audited_has_an_id_and_no_number(serve: Serve, notes: Notes) -> None:
    first = serve(asking(make_server())).call("ask", capabilities={"elicitation": {}})
    client = serve(asking(make_server(audit=Audit(sinks=[notes]))))
    also = {"requestState": first.state, "inputResponses": {"one": accept()}}
    second = client.call("ask", also=also, capabilities={"elicitation": {}})
    also = {"requestState": second.state, "inputResponses": {"two": accept()}}
    assert client.call("ask", also=also, capabilities={"elicitation": {}}).text == "accept"
    assert notes.each("round", "outcome") == [(None, "input_required"), (None, "ok")]
    assert len(ids(notes)) == 1


def test_states_of_the_release_before_are_read(serve: Serve) -> None:
    """They have six members; this is how they were sealed."""
    import msgspec

    from lambent.execution.rounds.sealing import State

    old = msgspec.json.encode(msgspec.json.decode(msgspec.json.encode(State(flow="f")))[:6])
    assert msgspec.json.decode(old, type=State) == State(flow="f")


def test_a_state_that_is_not_valid_is_a_call_of_its_own(serve: Serve, notes: Notes) -> None:
    client = serve(asking(make_server(audit=Audit(sinks=[notes]))))
    token = base64.urlsafe_b64encode(b"x" * 60).decode()
    client.call("ask", also={"requestState": token, "inputResponses": {}})
    assert notes.each("round", "outcome", "code") == [(1, "error", -32602)]


# Idempotent calls.


def test_calls_with_one_key_share_an_id(world: Worlds, notes: Notes) -> None:
    mcp = task_server()

    @mcp.tool(idempotency=Idempotency(key="order"))
    def pay(order: str = "") -> str:
        return order

    here = world(mcp, observers=[recorder(notes).record_call])
    for order in ("A1", "A1", "A2"):
        assert here.client.call("pay", {"order": order}).text == order
    first, again, other = (record["call_id"] for record in notes.records)
    assert first == again != other
    here.here.client_of("eve").call("pay", {"order": "A1"})
    assert notes.last["call_id"] not in (first, other)


def test_so_do_the_rounds_of_such_a_call(world: Worlds, notes: Notes) -> None:
    mcp = task_server()

    @mcp.tool(idempotency=Idempotency(key="order"))
    def pay(order: str, ctx: Context) -> str:
        return ctx.elicit("Sure?", FORM, key="sure").result().action

    here = world(mcp, observers=[recorder(notes).record_call])
    assert here.client.answered("pay", {"sure": accept()}, {"order": "A1"}).text == "accept"
    assert here.client.call("pay", {"order": "A1"}).text == "accept"
    assert notes.each("round", "outcome") == [(1, "input_required"), (2, "ok"), (1, "ok")]
    assert len(ids(notes)) == 1


def test_without_a_key_an_idempotent_tool_is_audited_as_any_other(world: Worlds, notes: Notes) -> None:
    mcp = task_server()

    @mcp.tool(idempotency=Idempotency(meta_key="com.example/key"))
    def pay(ctx: Context) -> str:
        return ctx.elicit("Sure?", FORM, key="sure").result().action

    here = world(mcp, observers=[recorder(notes).record_call])
    assert here.client.answered("pay", {"sure": accept()}).text == "accept"
    assert notes.each("round") == [(1,), (2,)]
    assert len(ids(notes)) == 1


# Tasks.


def test_a_call_and_the_attempts_at_its_task_share_an_id(world: Worlds, notes: Notes) -> None:
    tries: list[int] = []
    mcp = task_server()

    @mcp.tool(task=TaskPolicy(max_attempts=3))
    def work() -> str:
        tries.append(1)
        if len(tries) < 3:
            raise RetryableError("not yet")
        return "worked"

    here = world(mcp, observers=[recorder(notes).record_call])
    task_id = here.here.client_of("ada").start("work")
    here.run_all()
    assert here.here.client_of("ada").status(task_id) == "completed"
    assert notes.each("method", "name", "outcome", "round", "attempt", "request_id") == [
        ("tools/call", "work", "task_created", 1, None, 1),
        ("tools/call", "work", "retried", None, 1, None),
        ("tools/call", "work", "retried", None, 2, None),
        ("tools/call", "work", "ok", None, 3, None),
        ("tasks/get", None, "ok", None, None, 1),
    ]
    made, *attempts, asked = notes.records
    assert {record["call_id"] for record in attempts} == {made["call_id"]} != {asked["call_id"]}
    assert {record["task"] for record in notes.records} == {task_mark(task_id)}
    assert {record["principal"]["subject"] for record in notes.records} == {"ada"}
    assert task_id not in "".join(notes.texts)


def test_questions_before_a_task_is_made_are_rounds_of_its_call(world: Worlds, notes: Notes) -> None:
    def confirm() -> Elicit[Sure]:
        return Elicit("Sure?", Sure)

    mcp = task_server()

    @mcp.tool(task=True)
    def work(answer: Annotated[Any, Resolve(confirm)]) -> str:
        return "worked"

    here = world(mcp, observers=[recorder(notes).record_call])
    first = here.client.call("work")
    (key,) = first.questions
    here.client.call("work", also={"requestState": first.state, "inputResponses": {key: accept(sure=True)}})
    here.run_all()
    assert notes.each("outcome", "round", "attempt") == [
        ("input_required", 1, None),
        ("task_created", 2, None),
        ("ok", None, 1),
    ]
    assert len(ids(notes)) == 1


def test_what_clients_do_with_a_task_names_it(world: Worlds, notes: Notes) -> None:
    mcp = task_server()

    @mcp.tool(task=True)
    def work(ctx: Context) -> str:
        return ctx.elicit("Sure?", FORM, key="sure").result().action

    here = world(mcp, observers=[recorder(notes).record_call])
    task_id = here.client.start("work")
    here.run_all()
    assert here.client.status(task_id) == "input_required"
    here.client.update(task_id, {"sure": accept(note="the secret")})
    here.run_all()
    here.client.cancel(task_id)
    assert notes.each("method", "outcome", "attempt", "task") == [
        ("tools/call", "task_created", None, task_mark(task_id)),
        ("tools/call", "input_required", 1, task_mark(task_id)),
        ("tasks/update", "ok", None, task_mark(task_id)),
        ("tools/call", "ok", 1, task_mark(task_id)),
        ("tasks/cancel", "ok", None, task_mark(task_id)),
    ]
    assert len(ids(notes)) == 3
    assert "secret" not in "".join(notes.texts)


def test_attempts_at_a_task_that_was_made_without_audit_share_an_id(world: Worlds, notes: Notes) -> None:
    tries: list[int] = []
    mcp = task_server()

    @mcp.tool(task=TaskPolicy(max_attempts=2))
    def work() -> str:
        tries.append(1)
        if len(tries) == 1:
            raise RetryableError("not yet")
        return "worked"

    here = world(mcp)
    task_id = here.client.start("work")
    here.observers = [recorder(notes).record_call]
    later = here.environment()
    while here.queue.messages:
        here.deliver(later)
    assert notes.each("attempt", "call_id") == [(1, task_mark(task_id)), (2, task_mark(task_id))]


# The legacy era.


def test_a_stream_that_is_resumed_is_a_round_of_its_call(notes: Notes) -> None:
    settings = Settings(state_keys=(SECRET,), in_lambda=True)
    make = environments(
        asking(MCPServer("legacy")),
        settings,
        MemoryStore(),
        lambda: 1_800_000_000.0,
        [recorder(notes).record_call],
    )
    client = LegacyClient(make)
    stream = read_stream(client.call("ask", request_id=7).body)
    for _ in range(2):
        (question,) = stream.questions
        client.answer(question, accept())
        stream = client.resume(stream.event_id)
    assert stream.text == "accept"
    assert notes.each("round", "outcome", "request_id") == [
        (1, "input_required", 7),
        (2, "input_required", 7),
        (3, "ok", 7),
    ]
    assert {record["client"]["name"] for record in notes.records} == {"tests"}
    assert len(ids(notes)) == 1


def test_members_of_a_batch_have_records_of_their_own(notes: Notes) -> None:
    mcp = make_server(audit=Audit(sinks=[notes]))

    @mcp.tool()
    def add(a: int = 0) -> int:
        return a

    handler = make_handler(mcp, SETTINGS)
    client = LegacyClient(lambda: handler, "2025-03-26")
    calls = [
        {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": {"name": "add", "arguments": {}}}
        for number in (1, 2)
    ]
    assert client.send(calls).status == 200
    assert notes.each("request_id", "outcome") == [(1, "ok"), (2, "ok")]
    assert len(ids(notes)) == 2
