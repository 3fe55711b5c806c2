"""From a call to a task: at once, when it takes too long, after its questions; or not at all."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

import pytest
from tests.execution.durable.tasks.harness import (
    EXTENSION,
    TASKS,
    Deadline,
    Environment,
    World,
    task_server,
    worlds,
)
from tests.legacy import LegacyClient
from tests.support import EVERYTHING, Client, accept, make_handler, make_server

from lambent import Context, Elicit, Resolve, Sample, TaskPolicy, ToolError
from lambent.execution.event_loop import CallerLoop
from lambent.execution.invocation import Invocation
from lambent.wire.http import Request

world = pytest.fixture(worlds)
Worlds = Callable[..., World]

SOON = timedelta(milliseconds=20)
"""A call may take this long, and never does a test wait for more."""

MARGIN = 2.0
"""Seconds that a handover may take, as the library has it."""


@dataclass
class Ok:
    ok: bool


class Remaining:
    """Lambda's context object, with real time."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self._end - time.monotonic()) * 1000))


def of(function: Callable[..., Any], **policy: Any) -> Any:
    mcp = task_server()
    mcp.tool(task=TaskPolicy(**policy))(function)
    return mcp


def text(result: dict[str, Any]) -> str:
    (block,) = result["content"]
    said: str = block["text"]
    return said


def final(here: World, task_id: str) -> str:
    shown = here.client.get(task_id).result
    assert shown["status"] == "completed", shown
    return text(shown["result"])


def asleep(seconds: float = 60.0) -> None:
    time.sleep(seconds)


# Optional.


def work(ctx: Context) -> str:
    return "done"


def test_an_optional_task_is_one_for_clients_that_know_tasks(world: Worlds) -> None:
    here = world(of(work))
    assert here.client.call("work").result["resultType"] == "task"


@pytest.mark.parametrize(
    "capabilities", [{}, {"extensions": {}}, {"extensions": {"com.example/x": {}}}, EVERYTHING]
)
def test_an_optional_task_runs_inline_for_others(world: Worlds, capabilities: Any) -> None:
    here = world(of(work))
    assert text(here.client.call("work", capabilities=capabilities).result) == "done"
    assert not here.store.calls
    assert not here.queue.sent


@pytest.mark.parametrize("support", ["optional", "auto"])
def test_without_a_table_tasks_run_inline(support: Any) -> None:
    mcp = make_server()
    mcp.tool(task=TaskPolicy(support=support))(work)
    client = Client(make_handler(mcp))
    assert text(client.call("work", capabilities=TASKS).result) == "done"
    assert EXTENSION not in client.request("server/discover").result["capabilities"].get("extensions", {})
    for method in ("tasks/get", "tasks/update", "tasks/cancel"):
        params = {"taskId": "x", "inputResponses": {}}
        reply = client.request(method, params, headers={"mcp-name": "x"}, capabilities=TASKS)
        assert (reply.status, reply.error["code"]) == (404, -32601)


def test_with_a_table_the_extension_is_offered(world: Worlds) -> None:
    here = world(of(work))
    capabilities = here.client.request("server/discover").result["capabilities"]
    assert capabilities["extensions"] == {EXTENSION: {}}


def test_wrong_arguments_make_no_task(world: Worlds) -> None:
    def take(number: int) -> None: ...

    here = world(of(take))
    result = here.client.call("take", {"number": "many"}).result
    assert (result["resultType"], result["isError"]) == ("complete", True)
    assert not here.queue.sent


# Required.


@pytest.mark.parametrize("capabilities", [{}, EVERYTHING, {"extensions": {"com.example/x": {}}}])
def test_a_required_task_refuses_clients_that_do_not_know_tasks(world: Worlds, capabilities: Any) -> None:
    here = world(of(work, support="required"))
    reply = here.client.call("work", capabilities=capabilities)
    assert (reply.status, reply.error["code"]) == (400, -32021)
    assert reply.error["data"] == {"requiredCapabilities": {"extensions": {EXTENSION: {}}}}
    assert not here.queue.sent
    assert here.client.call("work").result["resultType"] == "task"


def test_a_required_task_without_a_table_says_in_the_log_what_to_set(
    caplog: pytest.LogCaptureFixture,
) -> None:
    mcp = make_server()
    mcp.tool(task=TaskPolicy(support="required"))(work)
    reply = Client(make_handler(mcp)).call("work", capabilities=TASKS)
    assert b"LAMBENT" not in reply.body
    assert "error" in reply.response or reply.result["isError"]
    assert "LAMBENT_TABLE" in caplog.text
    assert "LAMBENT_TASK_QUEUE_URL" in caplog.text


# Questions before the task.


def sure(order: str) -> Elicit[Ok]:
    return Elicit(f"Refund {order}?", Ok)


def greeting() -> Sample:
    return Sample("Say hello", max_tokens=5)


JOKE = {"role": "assistant", "content": {"type": "text", "text": "hello"}, "model": "m"}


@pytest.mark.parametrize("support", ["optional", "required"])
def test_resolvers_ask_before_the_task_is_made(world: Worlds, support: Any) -> None:
    def refund(order: str, ok: Annotated[Ok, Resolve(sure)], said: Annotated[Any, Resolve(greeting)]) -> str:
        return f"{order} {ok.ok} {said.text}"

    here = world(of(refund, support=support))
    arguments = {"order": "A1"}
    first = here.client.call("refund", arguments)
    assert first.result["resultType"] == "input_required"
    assert not here.store.calls
    elicit, sample = first.questions
    if first.questions[elicit]["method"] != "elicitation/create":
        elicit, sample = sample, elicit
    retry = {"requestState": first.state, "inputResponses": {elicit: accept(ok=True), sample: JOKE}}
    task_id = here.client.start("refund", arguments, also=retry)
    here.deliver()
    assert final(here, task_id) == "A1 True hello"


def test_a_no_before_the_task_makes_none(world: Worlds) -> None:
    def refund(order: str, ok: Annotated[Ok, Resolve(sure)]) -> str:
        return "refunded"

    here = world(of(refund))
    first = here.client.call("refund", {"order": "A1"})
    (key,) = first.questions
    retry = {"requestState": first.state, "inputResponses": {key: {"action": "decline"}}}
    result = here.client.call("refund", {"order": "A1"}, also=retry).result
    assert (result["resultType"], result["isError"]) == ("complete", True)
    assert not here.queue.sent


def test_steps_of_resolvers_are_not_run_again_by_the_worker(world: Worlds) -> None:
    ran: list[str] = []

    def price(ctx: Context) -> int:
        return ctx.step("price", lambda: ran.append("price") or 7).result()

    def buy(cost: Annotated[int, Resolve(price)]) -> int:
        return cost

    here = world(of(buy))
    task_id = here.client.start("buy")
    here.deliver()
    assert final(here, task_id) == "7"
    assert ran == ["price"]


def test_a_question_in_the_body_is_the_tasks(world: Worlds) -> None:
    def refund(ctx: Context) -> str:
        return ctx.elicit("ok?", Ok).result().action

    here = world(of(refund))
    task_id = here.client.start("refund")
    here.deliver()
    assert here.client.status(task_id) == "input_required"


# Auto: what is quick enough stays a call.


@pytest.mark.parametrize("capabilities", [TASKS, EVERYTHING])
def test_a_quick_call_stays_a_call(world: Worlds, capabilities: Any) -> None:
    async def quick(ctx: Context) -> str:
        return "done"

    here = world(of(quick, support="auto"))
    assert text(here.client.call("quick", capabilities=capabilities).result) == "done"
    assert not here.store.calls
    assert not here.queue.sent


def test_a_call_that_asks_in_time_asks_in_rounds(world: Worlds) -> None:
    async def ask(ctx: Context) -> str:
        return (await ctx.elicit("ok?", Ok)).action

    here = world(of(ask, support="auto"))
    assert text(here.client.answered("ask", {"elicitation-1": accept(ok=True)}).result) == "accept"
    assert not here.queue.sent


def test_a_call_that_fails_in_time_fails_as_a_call(world: Worlds) -> None:
    def fail() -> str:
        raise ToolError("no")

    here = world(of(fail, support="auto"))
    assert here.client.call("fail").result["isError"] is True
    assert not here.queue.sent


# Auto: what takes too long becomes a task, and its finished steps with it.


class Journal:
    """What was done, and how often."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, line: str) -> str:
        self.lines.append(line)
        return f"{line} {self.lines.count(line)}"


def test_an_async_call_is_handed_over_when_its_time_is_up(world: Worlds) -> None:
    did = Journal()

    async def slow(ctx: Context) -> str:
        first = await ctx.step("first", did, "first")
        if did.lines == ["first"]:
            try:
                await asyncio.sleep(60)
            finally:
                did("cleaned up")
        second = await ctx.step("second", did, "second")
        return f"{first}, {second}"

    here = world(of(slow, support="auto", inline=SOON))
    task_id = here.client.start("slow")
    assert did.lines == ["first", "cleaned up"]
    assert set(here.record(task_id).state.steps) == {"first"}
    here.deliver()
    assert final(here, task_id) == "first 1, second 1"


def test_a_plain_call_is_handed_over_when_the_alarm_rings(world: Worlds) -> None:
    did = Journal()

    def slow(ctx: Context) -> str:
        first = ctx.step("first", did, "first").result()
        if did.lines == ["first"]:
            try:
                asleep()
            finally:
                did("cleaned up")
        return f"{first}, {ctx.step('second', did, 'second').result()}"

    here = world(of(slow, support="auto", inline=SOON))
    task_id = here.client.start("slow")
    assert did.lines == ["first", "cleaned up"]
    here.deliver()
    assert final(here, task_id) == "first 1, second 1"


def test_a_plain_call_without_a_context_is_handed_over_too(world: Worlds) -> None:
    runs: list[int] = []

    def slow() -> str:
        runs.append(1)
        if len(runs) == 1:
            asleep()
        return "done"

    here = world(of(slow, support="auto", inline=SOON))
    task_id = here.client.start("slow")
    here.deliver()
    assert final(here, task_id) == "done"


def test_an_alarm_cannot_be_swallowed_by_mistake(world: Worlds) -> None:
    def slow() -> str:
        with contextlib.suppress(Exception):
            asleep()
        return "swallowed"

    here = world(of(slow, support="auto", inline=SOON))
    assert here.client.call("slow").result["resultType"] == "task"


@pytest.mark.parametrize("look", ["step", "progress", "log", "elicit"])
def test_where_nothing_rings_a_call_is_handed_over_where_it_looks(world: Worlds, look: str) -> None:
    """Hosts that stay run plain functions in threads, where no signal arrives."""
    did = Journal()

    def slow(ctx: Context) -> str:
        did("run")
        ctx.step("first", did, "first").result()
        if did.lines == ["run", "first"]:
            done.wait(0.05)  # longer than it may take
            match look:
                case "step":
                    ctx.step("never", did, "never").result()
                case "progress":
                    ctx.report_progress(1)
                case "log":
                    ctx.info("hello")
                case _:
                    ctx.elicit("ok?", Ok)
            did("went on")
        return ",".join(did.lines)

    done = threading.Event()
    here = world(of(slow, support="auto", inline=SOON))
    loop = CallerLoop()
    body, headers = _tool_call("slow")
    response = here.here.handler._endpoint.handle(Request("POST", "/", headers, body), Invocation(loop))
    loop.close()
    assert b'"resultType":"task"' in response.body
    here.run_all()
    (task_id,) = {sent.task_id for sent in here.queue.sent}
    assert final(here, task_id) == "run,first,run"


def _tool_call(name: str) -> tuple[bytes, dict[str, str]]:
    sent: list[tuple[bytes, dict[str, str]]] = []

    def catch(event: dict[str, Any], context: Any) -> dict[str, Any]:
        sent.append((event["body"].encode(), event["headers"]))
        return {"statusCode": 200, "headers": {}, "body": ""}

    Client(catch).call(name, capabilities=TASKS)
    return sent[0]


@pytest.mark.parametrize("is_async", [False, True])
def test_the_invocations_own_end_counts_where_it_comes_first(world: Worlds, is_async: bool) -> None:
    runs: list[int] = []

    def plain() -> str:
        runs.append(1)
        if len(runs) == 1:
            asleep()
        return "done"

    async def asynchronous() -> str:
        runs.append(1)
        if len(runs) == 1:
            await asyncio.sleep(60)
        return "done"

    tool = asynchronous if is_async else plain
    here = world(of(tool, support="auto"))  # inline for 20 seconds, if there were so many
    task_id = here.client.start(tool.__name__, context=Remaining(MARGIN + 0.03))
    here.deliver()
    assert final(here, task_id) == "done"


@pytest.mark.parametrize("is_async", [False, True])
def test_where_there_is_no_time_at_all_the_call_is_handed_over(world: Worlds, is_async: bool) -> None:
    def plain() -> None:
        asleep()

    async def asynchronous() -> None:
        await asyncio.sleep(60)

    tool = asynchronous if is_async else plain
    here = world(of(tool, support="auto"))
    reply = here.client.call(tool.__name__, context=Remaining(0.0))
    assert reply.result["resultType"] == "task"


@pytest.mark.parametrize("is_async", [False, True])
def test_a_client_without_tasks_is_told_why_a_slow_call_failed(world: Worlds, is_async: bool) -> None:
    def plain(ctx: Context) -> None:
        asleep()

    async def asynchronous(ctx: Context) -> None:
        await asyncio.sleep(60)

    tool = asynchronous if is_async else plain
    here = world(of(tool, support="auto", inline=SOON))
    result = here.client.call(tool.__name__, capabilities=EVERYTHING).result
    assert result["isError"] is True
    assert "takes longer than a request may" in text(result)
    assert EXTENSION in text(result)
    assert not here.queue.sent


def test_answers_of_earlier_rounds_go_with_the_task(world: Worlds) -> None:
    did = Journal()

    async def buy(ctx: Context) -> str:
        answer = await ctx.elicit("ok?", Ok)
        await ctx.step("reserve", did, "reserve")
        if did.lines.count("slow") == 0:
            did("slow")
            await asyncio.sleep(60)
        return f"{answer.action} {did.lines}"

    here = world(of(buy, support="auto", inline=SOON))
    first = here.client.call("buy")
    retry = {"requestState": first.state, "inputResponses": {"elicitation-1": accept(ok=True)}}
    task_id = here.client.start("buy", also=retry)
    here.deliver()
    assert final(here, task_id) == "accept ['reserve', 'slow']"


def test_a_question_after_the_handover_is_the_tasks(world: Worlds) -> None:
    runs: list[int] = []

    async def buy(ctx: Context) -> str:
        runs.append(1)
        if len(runs) == 1:
            await asyncio.sleep(60)
        return (await ctx.elicit("ok?", Ok)).action

    here = world(of(buy, support="auto", inline=SOON))
    task_id = here.client.start("buy")
    here.deliver()
    ((key, request),) = here.client.get(task_id).result["inputRequests"].items()
    assert request["method"] == "elicitation/create"
    here.client.update(task_id, {key: accept(ok=True)})
    here.deliver()
    assert final(here, task_id) == "accept"


@pytest.mark.parametrize("has_bucket", [True, False])
def test_steps_too_large_to_hand_over_fail_the_call_and_say_so(world: Worlds, has_bucket: bool) -> None:
    async def slow(ctx: Context) -> None:
        await ctx.step("large", lambda: "x" * 500_000)
        await asyncio.sleep(60)

    here = world(of(slow, support="auto", inline=SOON), has_bucket=has_bucket)
    reply = here.client.call("slow")
    assert "do not fit into an item" in str(reply.response)
    assert not here.queue.sent


def test_what_cannot_be_handed_over_fails(world: Worlds) -> None:
    async def slow() -> None:
        await asyncio.sleep(60)

    here = world(of(slow, support="auto", inline=SOON))

    def fail() -> None:
        raise ConnectionError("no queue")

    here.queue.before = fail
    assert here.client.call("slow").result["isError"] is True
    assert not here.store.kept._items


def test_steps_of_a_task_group_that_are_under_way_are_not_left_running(world: Worlds) -> None:
    """When the time is up nothing of the handler goes on behind the worker's back."""
    did = Journal()

    async def upload(name: str) -> str:
        did(f"begin {name}")
        await asyncio.sleep(60 if did.lines.count(f"begin {name}") == 1 and name == "slow" else 0)
        return did(f"end {name}")

    async def both(ctx: Context) -> str:
        async with asyncio.TaskGroup() as group:
            for name in ("quick", "slow"):
                group.create_task(_step(ctx, name))
        return "done"

    async def _step(ctx: Context, name: str) -> None:
        await ctx.step(name, upload, name)

    here = world(of(both, support="auto", inline=SOON))
    task_id = here.client.start("both", context=Deadline(time.monotonic, 2.5))
    assert set(here.record(task_id).state.steps) == {"quick"}
    assert not asyncio.all_tasks(here.here.handler._run._loop)
    here.deliver()
    assert final(here, task_id) == "done"
    assert did.lines.count("end quick") == did.lines.count("end slow") == 1


def test_steps_beside_one_that_fails_are_not_left_running(world: Worlds) -> None:
    did = Journal()

    async def upload() -> str:
        did("begin")
        await asyncio.sleep(0.01)
        return did("end")

    tries: list[int] = []

    async def fail() -> None:
        await asyncio.sleep(0)
        tries.append(1)
        if len(tries) == 1:
            raise ToolError("no")

    async def both(ctx: Context) -> str:
        await asyncio.gather(ctx.step("upload", upload), fail())
        return "done"

    here = world(of(both, retry_on=(ToolError,)))
    task_id = here.client.start("both")
    here.deliver()
    assert not asyncio.all_tasks(here.here.handler._run._loop)
    here.run_all()
    assert final(here, task_id) == "done"
    assert did.lines == ["begin", "end"]


def test_environments_do_not_share_their_time(world: Worlds) -> None:
    """A limit of one call is not a limit of the next one in the same environment."""
    runs: list[int] = []

    def once_slow(ctx: Context) -> str:
        runs.append(1)
        if len(runs) == 1:
            asleep()
        time.sleep(0.03)
        ctx.info("still here")
        return "done"

    mcp = of(once_slow, support="auto", inline=SOON)
    here = world(mcp)
    environment: Environment = here.here
    assert environment.client.call("once_slow").result["resultType"] == "task"
    here.deliver()
    assert {here.client.status(sent.task_id) for sent in here.queue.sent} == {"completed"}


def legacy(here: World) -> LegacyClient:
    """A client of the legacy era."""
    return LegacyClient(lambda: here.here.handler)


OLD = "version 2025-11-25 of the protocol has no such tasks, version 2026-07-28 has them"


def test_a_legacy_client_is_told_that_a_tool_needs_a_task(world: Worlds) -> None:
    def tool() -> str:
        return "never"

    reply = legacy(world(of(tool, support="required"))).call("tool")
    assert reply.result["isError"] is True
    assert reply.text == f"Error executing tool tool: Tool 'tool' runs as a task: {OLD}"


def test_a_legacy_client_gets_an_optional_task_inline(world: Worlds) -> None:
    def tool() -> str:
        return "inline"

    client = legacy(world(of(tool, support="optional")))
    assert client.call("tool").text == "inline"
    params = {"name": "tool", "arguments": {}, "task": {"ttl": 1000}}
    assert client.request("tools/call", **params).text == "inline"


def test_a_legacy_client_is_told_what_to_do_about_a_slow_call(world: Worlds) -> None:
    async def tool() -> str:
        await asyncio.sleep(60)
        return "never"

    reply = legacy(world(of(tool, support="auto", inline=SOON))).call("tool")
    assert reply.result["isError"] is True
    assert reply.text == (
        "Error executing tool tool: Tool 'tool' takes longer than a request may. "
        f"Ask for less at a time, or use a task: {OLD}."
    )
