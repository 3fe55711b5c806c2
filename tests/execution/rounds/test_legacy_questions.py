"""Questions to clients of the legacy era on hosts that stay: requests on the open stream."""

import gc
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from tests.legacy import ABLE, VERSIONS
from tests.support import SECRET, accept

from lambent import Context, Elicit, MCPServer, Resolve, Settings, StoreError
from lambent.execution.call import Services
from lambent.execution.endpoint import Endpoint
from lambent.execution.event_loop import LoopThread
from lambent.execution.execute import Executor
from lambent.execution.rounds.live_calls import LiveCalls
from lambent.hosts.live import LiveInvocation
from lambent.stores.memory import MemoryStore
from lambent.wire.http import HttpResponse, Request

SETTINGS = Settings(state_keys=(SECRET,))


@dataclass
class Amount:
    """What the form asks for."""

    euros: int


class Streaming(LiveInvocation):
    """Keeps what is written to the stream, as a client would read it."""

    def __init__(self, loop: LoopThread) -> None:
        super().__init__(loop.loop)
        self.sent: list[dict[str, Any]] = []
        self.changed = threading.Condition()

    def emit(self, notification: bytes) -> None:
        self.streamed = True
        with self.changed:
            self.sent.append(json.loads(notification))
            self.changed.notify_all()

    def wait_for(self, count: int) -> list[dict[str, Any]]:
        """What was sent, once there is so much of it."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.sent) >= count, timeout=10), self.sent
            return list(self.sent)


class Process:
    """A process that serves live; several with one store share their clients."""

    def __init__(self, mcp: MCPServer, store: Any = None, ttl: int = 900) -> None:
        self.loop = LoopThread()
        self.pool = ThreadPoolExecutor(8)
        services = Services(
            catalog=mcp.freeze(),
            audience="live",
            keys=SETTINGS.keys,
            state_ttl=ttl,
            changes=None,
            listen_seconds=0.0,
            clock=time.time,
            store=store,
            live=LiveCalls(shared=store is not None),
        )
        self.endpoint = Endpoint(Executor(services), SETTINGS.http_policy)
        self.headers: dict[str, str] = {}

    def open(self, version: str, capabilities: Any = ABLE) -> dict[str, Any]:
        """Initialize."""
        params = {"protocolVersion": version, "capabilities": capabilities}
        response, _ = self.send({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params})
        found = response.result(10)
        self.headers = {
            "mcp-session-id": found.headers["mcp-session-id"],
            "mcp-protocol-version": version,
        }
        result: dict[str, Any] = json.loads(found.body)["result"]
        return result

    def send(self, body: Any, **headers: str) -> tuple[Future[HttpResponse], Streaming]:
        """Send a body; its response, and the stream that comes before."""
        given = {
            "content-type": "application/json",
            "accept": "application/json, text/event-stream",
            **self.headers,
            **headers,
        }
        invocation = Streaming(self.loop)
        request = Request("POST", "/mcp", given, json.dumps(body).encode())
        return self.pool.submit(self.endpoint.handle, request, invocation), invocation

    def call(self, tool: str, request_id: Any = 1, **headers: str) -> tuple[Future[HttpResponse], Streaming]:
        """Call a tool."""
        params = {"name": tool, "arguments": {}}
        body = {"jsonrpc": "2.0", "id": request_id, "method": "tools/call", "params": params}
        return self.send(body, **headers)

    def answer(self, question: dict[str, Any], **said: Any) -> int:
        """Answer a question; the HTTP status."""
        response, _ = self.send({"jsonrpc": "2.0", "id": question["id"], **said})
        return response.result(10).status

    def close(self) -> None:
        """End the threads."""
        self.pool.shutdown()
        self.loop.close(5)


def text_of(response: Future[HttpResponse]) -> str:
    """The text of a tool's result, which ends a stream."""
    body = response.result(10).body.decode()
    line = next(line for line in body.split("\n") if line.startswith(("data: ", "{")))
    (block,) = json.loads(line.removeprefix("data: "))["result"]["content"]
    return str(block["text"])


def ask() -> Elicit[Amount]:
    return Elicit("Resolved?", Amount)


def make() -> MCPServer:
    mcp = MCPServer("live")

    @mcp.tool()
    def plain(ctx: Context) -> str:
        amount = ctx.elicit("How much?", Amount).result()
        return f"{amount.action} {amount.data.euros if amount.action == 'accept' else ''}"

    @mcp.tool()
    async def coroutine(ctx: Context) -> str:
        amount = await ctx.elicit("How much?", Amount)
        motto = await ctx.sample("A motto?", max_tokens=9)
        return f"{amount.action} {motto.text}"

    @mcp.tool()
    def at_once(ctx: Context) -> str:
        one, two = ctx.list_roots(key="a"), ctx.list_roots(key="b")
        return f"{len(one.result())} {len(two.result())}"

    @mcp.tool()
    def resolved(amount: Annotated[Amount, Resolve(ask)]) -> str:
        return f"{amount.euros}"

    @mcp.tool()
    async def blocking(ctx: Context) -> str:
        return f"{len(ctx.list_roots().result())}"

    @mcp.tool()
    def careless(ctx: Context) -> str:
        ctx.list_roots(key="a")
        return f"{len(ctx.list_roots(key='b').result())}"

    @mcp.tool()
    def roots(ctx: Context) -> str:
        return f"{len(ctx.list_roots().result())}"

    return mcp


@contextmanager
def serving(*stores: Any, ttl: int = 900) -> Iterator[list[Process]]:
    """Processes, one for each store."""
    mcp = make()
    processes = [Process(mcp, store, ttl) for store in stores]
    try:
        yield processes
    finally:
        for process in processes:
            process.close()


@pytest.fixture
def process() -> Iterator[Process]:
    with serving(None) as (one,):
        one.open("2025-11-25")
        yield one


MOTTO = {"role": "assistant", "model": "m", "content": {"type": "text", "text": "onward"}}


def test_a_plain_function_waits_for_the_answer(process: Process) -> None:
    response, stream = process.call("plain")
    (question,) = stream.wait_for(1)
    assert question.keys() == {"jsonrpc", "id", "method", "params"}
    assert question["method"] == "elicitation/create"
    assert question["params"]["mode"] == "form"
    assert not response.done()
    assert process.answer(question, result=accept(euros=3)) == 202
    assert text_of(response) == "accept 3"


def test_a_coroutine_waits_for_the_answer(process: Process) -> None:
    response, stream = process.call("coroutine")
    (question,) = stream.wait_for(1)
    process.answer(question, result={"action": "decline"})
    _, sampling = stream.wait_for(2)
    assert sampling["method"] == "sampling/createMessage"
    process.answer(sampling, result=MOTTO)
    assert text_of(response) == "decline onward"


def test_questions_may_be_answered_in_any_order(process: Process) -> None:
    response, stream = process.call("at_once")
    one, two = stream.wait_for(2)
    process.answer(two, result={"roots": []})
    process.answer(one, result={"roots": [{"uri": "file:///a"}]})
    assert text_of(response) == "1 0"


def test_a_resolver_asks_too(process: Process) -> None:
    response, stream = process.call("resolved")
    (question,) = stream.wait_for(1)
    assert question["params"]["message"] == "Resolved?"
    process.answer(question, result=accept(euros=4))
    assert text_of(response) == "4"


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_is_asked_what_it_knows(version: str) -> None:
    with serving(None) as (process,):
        process.open(version)
        response, stream = process.call("plain")
        if version >= "2025-06-18":
            (question,) = stream.wait_for(1)
            assert ("mode" in question["params"]) == (version == "2025-11-25")
            process.answer(question, result=accept(euros=1))
            assert text_of(response) == "accept 1"
        else:
            assert text_of(response) == (
                "Error executing tool plain: This client's version of the protocol cannot ask its user"
            )
        response, stream = process.call("roots")
        process.answer(stream.wait_for(1)[0], result={"roots": []})
        assert text_of(response) == "0"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (
            {"error": {"message": "Not now"}},
            "Error executing tool plain: The client did not answer elicitation/create: Not now",
        ),
        (
            {"result": {"action": "accept", "content": {}}},
            "Error executing tool plain: Invalid input response",
        ),
    ],
)
def test_an_answer_that_is_none_is_an_error_of_the_tool(
    process: Process, said: dict[str, Any], shown: str
) -> None:
    response, stream = process.call("plain")
    assert process.answer(stream.wait_for(1)[0], **said) == 202
    assert text_of(response).startswith(shown)


def test_a_client_that_reads_no_streams_is_not_asked(process: Process) -> None:
    response, stream = process.call("plain", accept="application/json")
    assert text_of(response).endswith("it does not accept text/event-stream")
    assert stream.sent == []


def test_nobody_answers() -> None:
    with serving(None, ttl=1) as (process,):
        process.open("2025-11-25")
        for tool in ("plain", "coroutine"):
            response, _ = process.call(tool)
            assert text_of(response) == (
                f"Error executing tool {tool}: The user has not answered in time: call the tool again"
            )


def test_late_and_foreign_answers_are_ignored(process: Process) -> None:
    response, stream = process.call("plain")
    (question,) = stream.wait_for(1)
    assert process.answer({"id": question["id"][:-1] + "-"}, result=accept(euros=1)) == 202
    assert process.answer({"id": 1}, result=accept(euros=1)) == 202
    assert not response.done()
    process.answer(question, result=accept(euros=2))
    assert text_of(response) == "accept 2"
    assert process.answer(question, result=accept(euros=3)) == 202


def test_an_answer_reaches_the_call_in_another_process() -> None:
    store = MemoryStore()
    with serving(store, store) as (one, other):
        one.open("2025-11-25")
        other.headers = one.headers
        for tool in ("plain", "at_once"):
            response, stream = one.call(tool)
            for question in stream.wait_for(2 if tool == "at_once" else 1):
                other.answer(question, result={"roots": [], **accept(euros=6)})
            assert text_of(response) in ("accept 6", "0 0")


def cancelled(process: Process, request_id: Any, **headers: str) -> None:
    """Say that a result is not wanted."""
    params = {"requestId": request_id, "reason": "test"}
    body = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}
    response, _ = process.send(body, **headers)
    assert response.result(10).status == 202


@pytest.mark.parametrize("tool", ["plain", "coroutine"])
def test_a_client_cancels_its_call(process: Process, tool: str) -> None:
    response, stream = process.call(tool, request_id="r")
    stream.wait_for(1)
    cancelled(process, "s")
    cancelled(process, 1)
    assert not response.done()
    cancelled(process, "r")
    assert response.result(10).status in (200, 499)
    assert stream.cancelled


def test_another_session_cannot_cancel_it(process: Process) -> None:
    response, stream = process.call("plain", request_id="r")
    (question,) = stream.wait_for(1)
    mine, process.headers = process.headers, {}
    process.open("2025-11-25")
    cancelled(process, "r")
    process.headers = mine
    process.answer(question, result={"action": "cancel"})
    assert text_of(response).startswith("cancel")


def test_a_call_goes_on_when_its_connection_ends(process: Process) -> None:
    """Until it asks: nobody can answer any more."""
    response, stream = process.call("plain")
    stream.wait_for(1)
    stream.cancel()
    assert text_of(response) == "Error executing tool plain: The client has gone before it answered"


def test_a_question_that_nobody_waits_for_is_forgotten(process: Process) -> None:
    live = process.endpoint.executor.services.live
    assert live is not None
    response, stream = process.call("careless")
    process.answer(stream.wait_for(2)[1], result={"roots": []})
    assert text_of(response) == "0"
    gc.collect()
    assert not live._questions


def test_a_coroutine_that_would_block_its_loop_fails_at_once(process: Process) -> None:
    """The loop of an ASGI application is the one that reads the answer."""
    response, _ = process.call("blocking")
    assert json.loads(response.result(10).body.decode().partition("data: ")[2])["result"]["isError"] is True


class SlowStore(MemoryStore):
    """Takes its time, or fails, where an answer is looked for."""

    def __init__(self) -> None:
        super().__init__()
        self.readers: list[str] = []

    def read(self, key: str) -> Any:
        self.readers.append(threading.current_thread().name)
        raise StoreError("out of order")


@pytest.mark.parametrize("tool", ["plain", "coroutine"])
def test_a_table_that_fails_ends_no_wait_and_blocks_no_loop(tool: str) -> None:
    store = SlowStore()
    with serving(store) as (process,):
        process.open("2025-11-25")
        response, stream = process.call(tool)
        (question,) = stream.wait_for(1)
        while not store.readers:
            time.sleep(0.01)
        process.answer(question, result=accept(euros=1))
        if tool == "coroutine":
            process.answer(stream.wait_for(2)[1], result=MOTTO)
        assert text_of(response).startswith("accept")
        assert "lambent-loop" not in store.readers


def test_when_the_client_has_gone_nobody_waits_any_more(process: Process) -> None:
    live = process.endpoint.executor.services.live
    assert live is not None
    response, stream = process.call("plain")
    stream.wait_for(1)
    live.hang_up()
    assert text_of(response) == "Error executing tool plain: The client has gone before it answered"
    response, _ = process.call("plain", request_id=2)
    assert text_of(response) == "Error executing tool plain: The client has gone before it answered"
