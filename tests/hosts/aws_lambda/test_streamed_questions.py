"""Questions to clients of earlier versions, on streams of Lambda."""

import threading
from typing import Any

import msgspec
from tests.hosts.aws_lambda.events import Sent, function_url
from tests.hosts.aws_lambda.test_streaming import STREAMS, Parts, context_of
from tests.legacy import BOTH, LegacyClient, read_stream
from tests.support import dumps, make_handler, make_server

from lambent import Context, MCPServer
from lambent.execution.endpoint import Endpoint
from lambent.execution.execute import Executor
from lambent.execution.rounds.live_calls import LiveCalls
from lambent.hosts.aws_lambda.handler import LambdaHandler
from lambent.stores.memory import MemoryStore

SETTINGS = msgspec.structs.replace(STREAMS, in_memory=True)


class Amount(msgspec.Struct):
    """What the user is asked for."""

    euros: int


def asking() -> MCPServer:
    mcp = make_server()

    @mcp.tool()
    def ask(ctx: Context) -> str:
        ctx.report_progress(1)
        answer = ctx.elicit("How much?", Amount).result()
        return f"{answer.action} {answer.data.euros}" if answer.action == "accept" else answer.action

    return mcp


def environment(store: MemoryStore) -> LambdaHandler:
    """One of several environments that share a table."""
    handler = make_handler(asking(), SETTINGS)
    services = handler._endpoint.executor.services
    services = msgspec.structs.replace(services, store=store, live=LiveCalls(shared=True))
    handler._endpoint = Endpoint(Executor(services), SETTINGS.http_policy)
    return handler


def call(client: LegacyClient) -> Sent:
    headers = {"content-type": "application/json", "accept": BOTH, "mcp-session-id": client.session or ""}
    if client.version >= "2025-06-18":
        headers["mcp-protocol-version"] = client.version
    params = {"name": "ask", "arguments": {}, "_meta": {"progressToken": "t"}}
    body = dumps({"jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": params})
    return Sent(headers=tuple(headers.items()), body=body)


def test_an_older_client_answers_while_its_stream_is_open() -> None:
    """The answer is an event for another environment, as the first one is busy."""
    store, parts = MemoryStore(), Parts()
    busy, other = environment(store), environment(store)
    client = LegacyClient(lambda: other, "2025-06-18")
    thread = threading.Thread(target=busy, args=(function_url(call(client)), context_of(parts)))
    thread.start()
    (question,) = read_stream(parts.wait_for(2)[1]).questions
    assert question["method"] == "elicitation/create"
    assert client.answer(question, {"action": "accept", "content": {"euros": 5}}).status == 202
    thread.join(20)
    assert read_stream(parts.body).text == "accept 5"
    busy.close()
    other.close()


def test_an_older_client_that_does_not_answer_in_time() -> None:
    store, parts = MemoryStore(), Parts()
    handler = environment(store)
    client = LegacyClient(lambda: handler, "2025-06-18")
    handler(function_url(call(client)), context_of(parts, seconds=2.2))
    assert read_stream(parts.body).text == (
        "Error executing tool ask: The user has not answered in time: call the tool again"
    )
    handler.close()


def test_a_client_that_can_resume_its_stream_does_so() -> None:
    """So that no environment is paid for while a user thinks."""
    store, parts = MemoryStore(), Parts()
    handler = environment(store)
    client = LegacyClient(lambda: handler)
    handler(function_url(call(client)), context_of(parts))
    stream = read_stream(parts.body)
    (question,) = stream.questions
    assert stream.event_id is not None
    assert stream.messages[-1] == question
    client.answer(question, {"action": "accept", "content": {"euros": 6}})
    headers = {"accept": BOTH, "mcp-session-id": client.session or "", "last-event-id": stream.event_id}
    headers["mcp-protocol-version"] = client.version
    resumed: Any = Parts()
    handler(function_url(Sent(method="GET", headers=tuple(headers.items()))), context_of(resumed))
    assert read_stream(resumed.body).text == "accept 6"
    handler.close()
