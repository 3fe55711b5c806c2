"""Questions to clients of earlier versions, on streams of Lambda."""

import threading
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import msgspec
import pytest
from tests.hosts.aws_lambda.events import Sent, function_url
from tests.hosts.aws_lambda.test_streaming import STREAMS, Parts, context_of
from tests.legacy import BOTH, LegacyClient, Stream, read_stream
from tests.support import dumps, make_handler, make_server

from lambent import Context, Elicit, Idempotency, InputRequiredResult, MCPServer, Resolve, Settings
from lambent.compat import Context as CompatContext
from lambent.compat import MCPServer as CompatServer
from lambent.execution.endpoint import Endpoint
from lambent.execution.execute import Executor
from lambent.execution.rounds import legacy_questions
from lambent.execution.rounds.live_calls import LiveCalls
from lambent.hosts.aws_lambda.handler import LambdaHandler
from lambent.stores.memory import MemoryStore

SETTINGS = msgspec.structs.replace(STREAMS, in_memory=True)


class Amount(msgspec.Struct):
    """What the user is asked for."""

    euros: int


Environments = Callable[..., LambdaHandler]


def how_much() -> Elicit[Amount]:
    return Elicit("How much?", Amount)


def told(answer: Any) -> str:
    return f"{answer.action} {answer.data.euros}"


def asking() -> MCPServer:
    mcp = make_server()

    @mcp.tool()
    def ask(ctx: Context) -> str:
        ctx.report_progress(1)
        return told(ctx.elicit("How much?", Amount).result())

    @mcp.tool()
    async def ask_async(ctx: Context) -> str:
        await ctx.report_progress(1)
        return told(await ctx.elicit("How much?", Amount))

    @mcp.tool(idempotency=Idempotency(key="order"))
    def ask_once(ctx: Context, order: str = "A") -> str:
        return told(ctx.elicit("How much?", Amount).result())

    @mcp.tool()
    def resolved(amount: Annotated[Amount, Resolve(how_much)]) -> str:
        return f"accept {amount.euros}"

    @mcp.tool()
    def ask_two(ctx: Context) -> str:
        first, second = ctx.elicit("First?", Amount), ctx.elicit("Second?", Amount)
        return f"{told(first.result())}, {told(second.result())}"

    @mcp.tool()
    def ask_in_turn(ctx: Context) -> str:
        first = told(ctx.elicit("First?", Amount).result())
        return f"{first}, {told(ctx.elicit('Second?', Amount).result())}"

    return mcp


def asking_by_result() -> CompatServer[Any]:
    mcp = CompatServer("shop")
    schema = {"type": "object", "properties": {"euros": {"type": "integer"}}}

    @mcp.tool()
    def ask(count: int, ctx: CompatContext):  # type: ignore[no-untyped-def]
        keys = "ab"[:count]
        if (given := ctx.input_responses) is not None:
            return ", ".join(f"{given[key].action} {given[key].content['euros']}" for key in keys)
        params = {key: {"message": f"{key}?", "requestedSchema": schema} for key in keys}
        return InputRequiredResult(
            input_requests={key: {"method": "elicitation/create", "params": params[key]} for key in keys}
        )

    return mcp


def environment(mcp: Any, store: MemoryStore, settings: Settings = SETTINGS) -> LambdaHandler:
    """One of several environments that share a table."""
    handler: LambdaHandler = make_handler(mcp, settings)
    services = handler._endpoint.executor.services
    services = msgspec.structs.replace(services, store=store, live=LiveCalls(shared=True))
    handler._endpoint = Endpoint(Executor(services, mcp._parts().middleware), settings.http_policy)
    return handler


def call(client: LegacyClient, tool: str = "ask", **arguments: Any) -> Sent:
    params = {"name": tool, "arguments": arguments, "_meta": {"progressToken": "t"}}
    body = dumps({"jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": params})
    return Sent(headers=tuple(headers_of(client).items()), body=body)


def resume(client: LegacyClient, event_id: str | None) -> Sent:
    assert event_id is not None
    headers = {**headers_of(client), "last-event-id": event_id}
    return Sent(method="GET", headers=tuple(headers.items()))


def headers_of(client: LegacyClient) -> dict[str, str]:
    headers = {"content-type": "application/json", "accept": BOTH, "mcp-session-id": client.session or ""}
    if client.version >= "2025-06-18":
        headers["mcp-protocol-version"] = client.version
    return headers


def euros(count: int) -> dict[str, Any]:
    return {"action": "accept", "content": {"euros": count}}


@pytest.fixture
def environments(monkeypatch: pytest.MonkeyPatch) -> Iterator[Environments]:
    """Environments that share a table."""
    monkeypatch.setattr(legacy_questions, "_LOOK_SECONDS", 0.02)
    store, made = MemoryStore(), list[LambdaHandler]()

    def make(mcp: Any = None, settings: Settings = SETTINGS) -> LambdaHandler:
        made.append(environment(mcp or asking(), store, settings))
        return made[-1]

    yield make
    for handler in made:
        handler.close()


def respond(handler: LambdaHandler, request: Sent, seconds: float = 30.0) -> Stream:
    parts = Parts()
    handler(function_url(request), context_of(parts, seconds))
    return read_stream(parts.body)


NO_TIME = 2.2
"""Seconds that an invocation has left which cannot wait."""


@pytest.mark.parametrize("version", ["2025-06-18", "2025-11-25"])
@pytest.mark.parametrize("tool", ["ask", "ask_async"])
def test_the_call_waits_on_its_open_stream(environments: Environments, version: str, tool: str) -> None:
    """The answer is an event for another environment, as the first one is busy."""
    parts, busy, other = Parts(), environments(), environments()
    client = LegacyClient(lambda: other, version)
    thread = threading.Thread(target=busy, args=(function_url(call(client, tool)), context_of(parts)))
    thread.start()
    (question,) = read_stream(parts.wait_for(2)[1]).questions
    assert question["method"] == "elicitation/create"
    assert client.answer(question, euros(5)).status == 202
    thread.join(20)
    stream = read_stream(parts.body)
    assert stream.text == "accept 5"
    assert stream.event_id is None


def test_an_older_client_that_does_not_answer_in_time(environments: Environments) -> None:
    handler = environments()
    client = LegacyClient(lambda: handler, "2025-06-18")
    assert respond(handler, call(client), NO_TIME).text == (
        "Error executing tool ask: The user has not answered in time: call the tool again"
    )


@pytest.mark.parametrize("tool", ["ask", "ask_async", "ask_once", "resolved"])
def test_a_client_that_can_resume_does_so_where_the_time_is_up(environments: Environments, tool: str) -> None:
    handler, other = environments(), environments()
    client = LegacyClient(lambda: other)
    stream = respond(handler, call(client, tool), NO_TIME)
    (question,) = stream.questions  # once
    assert stream.messages[-1] == question
    early = respond(other, resume(client, stream.event_id))
    assert early.messages == []
    client.answer(question, euros(6))
    assert respond(other, resume(client, early.event_id)).text == "accept 6"


def test_a_question_by_result_is_resumed_too(environments: Environments) -> None:
    handler = environments(asking_by_result())
    client = LegacyClient(lambda: handler)
    stream = respond(handler, call(client, count=1), NO_TIME)
    (question,) = stream.questions
    client.answer(question, euros(6))
    assert respond(handler, resume(client, stream.event_id)).text == "accept 6"


@pytest.mark.parametrize(
    ("make", "tool", "arguments"),
    [(asking, "ask_two", {}), (asking_by_result, "ask", {"count": 2})],
    ids=["ctx.elicit", "result"],
)
def test_answers_that_have_come_are_not_asked_for_again(
    environments: Environments, make: Callable[[], Any], tool: str, arguments: dict[str, Any]
) -> None:
    parts, handler = Parts(), environments(make())
    client = LegacyClient(lambda: handler)
    event = function_url(call(client, tool, **arguments))
    thread = threading.Thread(target=handler, args=(event, context_of(parts, NO_TIME + 1.0)))
    thread.start()
    first, second = (read_stream(part).questions[0] for part in parts.wait_for(2)[:2])
    client.answer(first, euros(1))  # one process stands for two environments
    thread.join(20)
    stream = read_stream(parts.body)
    assert stream.questions == [first, second]
    client.answer(second, euros(2))
    assert respond(handler, resume(client, stream.event_id)).text == "accept 1, accept 2"


def test_a_resumed_call_waits_on_its_new_stream(environments: Environments) -> None:
    parts, handler, other = Parts(), environments(), environments()
    client = LegacyClient(lambda: other)
    stream = respond(handler, call(client, "ask_in_turn"), NO_TIME)
    client.answer(stream.questions[0], euros(1))
    event = function_url(resume(client, stream.event_id))
    thread = threading.Thread(target=handler, args=(event, context_of(parts)))
    thread.start()
    (question,) = read_stream(parts.wait_for(1)[0]).questions
    client.answer(question, euros(2))
    thread.join(20)
    assert read_stream(parts.body).text == "accept 1, accept 2"


def test_a_question_is_good_for_its_time(environments: Environments) -> None:
    handler = environments(None, msgspec.structs.replace(SETTINGS, state_ttl=0))
    client = LegacyClient(environments)
    stream = respond(handler, call(client))
    assert stream.event_id is None
    assert "The user has not answered in time" in stream.text


def test_nothing_waits_for_an_answer_that_no_other_environment_could_pass_on() -> None:
    """In the memory of one environment, which is busy while it waits, the stream ends with the question."""
    handler = make_handler(asking(), SETTINGS)
    client = LegacyClient(lambda: handler)
    stream = respond(handler, call(client))
    client.answer(stream.questions[0], euros(7))
    assert respond(handler, resume(client, stream.event_id)).text == "accept 7"
    handler.close()
