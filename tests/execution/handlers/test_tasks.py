"""``tasks/*`` and tasks in ``tools/call`` and ``subscriptions/listen``, to the byte (SEP-2663)."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from tests.execution.durable.tasks.harness import EXTENSION, TASKS, World, task_server, worlds
from tests.support import (
    EVERYTHING,
    JSON_HEADERS,
    PREFIX,
    SERVER_INFO,
    SSE_HEADERS,
    Reply,
    accept,
    dumps,
    failure,
    frames,
    headers_of,
    message,
    success,
    text_result,
)

from lambent import Context, InvalidParamsError, TaskPolicy, ToolError
from lambent.execution.endpoint import Endpoint
from lambent.execution.event_loop import CallerLoop
from lambent.execution.execute import Executor
from lambent.execution.invocation import Invocation
from lambent.stores.memory import MemoryChanges
from lambent.wire.http import HttpPolicy, Request

world = pytest.fixture(worlds)
Worlds = Callable[..., World]

CREATED = "2023-11-14T22:13:20.000Z"
LATER = "2023-11-14T22:13:25.250Z"
ELICITATION = {
    "method": "elicitation/create",
    "params": {
        "mode": "form",
        "message": "Sure?",
        "requestedSchema": {
            "title": "Sure",
            "type": "object",
            "properties": {"ok": {"type": "boolean", "title": "Ok"}},
            "required": ["ok"],
        },
    },
}
MISSING = {
    "jsonrpc": "2.0",
    "id": 1,
    "error": {
        "code": -32021,
        "message": "The client did not declare a capability that this request needs: extensions",
        "data": {"requiredCapabilities": {"extensions": {EXTENSION: {}}}},
    },
}


@dataclass
class Sure:
    ok: bool


def of(*functions: Callable[..., Any], **policy: Any) -> Any:
    mcp = task_server()
    for function in functions:
        mcp.tool(task=TaskPolicy(**policy))(function)
    return mcp


def task(task_id: str, status: str, updated: str = CREATED, also: str = "", said: str = "") -> str:
    """The members of a task, as the wire has them."""
    message = f'"statusMessage":{dumps(said)},' if said else ""
    return (
        f'"taskId":"{task_id}","status":"{status}",{message}"createdAt":"{CREATED}","lastUpdatedAt":"{updated}",'
        f'"ttlMs":3600000,"pollIntervalMs":1000{also}'
    )


def created(members: str, request_id: Any = 1) -> bytes:
    return (
        f'{{"jsonrpc":"2.0","id":{dumps(request_id)},"result":{{"resultType":"task",'
        f'"_meta":{{"{PREFIX}serverInfo":{SERVER_INFO}}},{members}}}}}'
    ).encode()


def same(reply: Reply, body: bytes, status: int = 200) -> None:
    assert (reply.status, reply.headers, reply.body) == (status, JSON_HEADERS, body)


def after(here: World) -> None:
    """Some seconds later."""
    here.clock.advance(5.25)


# Every status.


def test_a_new_task(world: Worlds) -> None:
    def work() -> str:
        return "done"

    here = world(of(work))
    reply = here.client.call("work", request_id="a")
    task_id = reply.result["taskId"]
    same(reply, created(task(task_id, "working"), "a"))
    same(here.client.get(task_id, request_id="b"), success(task(task_id, "working"), request_id="b"))


def test_ttl_and_poll_interval_are_whole_milliseconds(world: Worlds) -> None:
    def work() -> None: ...

    policy = {"ttl": timedelta(seconds=90.5), "poll_interval": timedelta(microseconds=1)}
    here = world(of(work, **policy))
    result = here.client.call("work").result
    assert (result["ttlMs"], result["pollIntervalMs"]) == (90500, 1)


def test_a_task_at_work(world: Worlds) -> None:
    replies: list[Reply] = []

    def work(ctx: Context) -> None:
        here.clock.advance(5.25)
        ctx.report_progress(1, 4, "counting")
        replies.append(here.client.get(task_id))

    here = world(of(work))
    task_id = here.client.start("work")
    here.deliver()
    same(replies[0], success(task(task_id, "working", LATER, said="counting")))


def test_a_task_that_asks(world: Worlds) -> None:
    def work(ctx: Context) -> str:
        return ctx.elicit("Sure?", Sure, key="sure").result().action

    here = world(of(work))
    task_id = here.client.start("work")
    after(here)
    here.deliver()
    requests = f',"inputRequests":{dumps({"sure": ELICITATION})}'
    for _ in range(2):  # the same, as often as it is asked for
        same(here.client.get(task_id), success(task(task_id, "input_required", LATER, requests)))


def test_a_completed_task(world: Worlds) -> None:
    def work() -> str:
        return "dönë"

    here = world(of(work))
    task_id = here.client.start("work")
    after(here)
    here.deliver()
    result = ',"result":{"resultType":"complete",' + text_result("dönë") + "}"
    same(here.client.get(task_id), success(task(task_id, "completed", LATER, result)))


def test_a_completed_task_whose_tool_failed(world: Worlds) -> None:
    def work() -> str:
        raise ToolError("No such month")

    here = world(of(work))
    task_id = here.client.start("work")
    after(here)
    here.deliver()
    content = '[{"type":"text","text":"Error executing tool work: No such month"}]'
    result = f',"result":{{"resultType":"complete","content":{content},"isError":true}}'
    same(here.client.get(task_id), success(task(task_id, "completed", LATER, result)))


def test_a_failed_task(world: Worlds) -> None:
    def work() -> str:
        raise InvalidParamsError("No such order", {"order": 7})

    here = world(of(work))
    task_id = here.client.start("work")
    after(here)
    here.deliver()
    error = ',"error":{"code":-32602,"message":"No such order","data":{"order":7}}'
    same(here.client.get(task_id), success(task(task_id, "failed", LATER, error, "No such order")))


def test_a_cancelled_task(world: Worlds) -> None:
    def work() -> None: ...

    here = world(of(work))
    task_id = here.client.start("work")
    after(here)
    here.client.cancel(task_id)
    same(here.client.get(task_id), success(task(task_id, "cancelled", LATER)))


# Acknowledgements and refusals.


def test_acknowledgements_are_empty(world: Worlds) -> None:
    def work(ctx: Context) -> str:
        return ctx.elicit("Sure?", Sure, key="sure").result().action

    here = world(of(work))
    task_id = here.client.start("work")
    here.deliver()
    same(here.client.update(task_id, {"other": 1}), success())
    same(here.client.update(task_id, {"sure": accept(ok=True)}), success())
    same(here.client.cancel(task_id), success())
    same(here.client.cancel(task_id), success())


def test_a_wrong_answer(world: Worlds) -> None:
    def work(ctx: Context) -> str:
        return ctx.elicit("Sure?", Sure, key="sure").result().action

    here = world(of(work))
    task_id = here.client.start("work")
    here.deliver()
    reply = here.client.update(task_id, {"sure": accept(ok="perhaps")})
    assert (reply.status, reply.error["code"]) == (400, -32602)
    assert reply.error["message"].startswith("Invalid input response for 'sure': ")


@pytest.mark.parametrize("method", ["tasks/get", "tasks/update", "tasks/cancel"])
class TestRefusals:
    @pytest.fixture
    def here(self, world: Worlds) -> World:
        def work() -> None: ...

        return world(of(work))

    def params(self, task_id: str) -> dict[str, Any]:
        return {"taskId": task_id, "inputResponses": {}}

    def test_unknown(self, here: World, method: str) -> None:
        same(here.client.request(method, self.params("x")), failure(-32602, "Task not found"), 400)

    def test_expired(self, here: World, method: str) -> None:
        task_id = here.client.start("work")
        here.clock.advance(3600)
        same(here.client.request(method, self.params(task_id)), failure(-32602, "Task has expired"), 400)

    @pytest.mark.parametrize("capabilities", [{}, {"extensions": {}}, EVERYTHING])
    def test_clients_that_do_not_declare_the_extension(
        self, here: World, method: str, capabilities: Any
    ) -> None:
        task_id = here.client.start("work")
        reply = here.client.request(method, self.params(task_id), capabilities=capabilities)
        same(reply, dumps(MISSING).encode(), 400)
        assert here.client.status(task_id) == "working"

    @pytest.mark.parametrize("header", [None, "other", "work"])
    def test_the_header_repeats_the_id(self, here: World, method: str, header: str | None) -> None:
        task_id = here.client.start("work")
        reply = here.client.request(method, self.params(task_id), headers={"mcp-name": header})
        assert (reply.status, reply.error["code"]) == (400, -32020)

    @pytest.mark.parametrize("params", [{}, {"taskId": 7}, {"taskId": None}])
    def test_malformed(self, here: World, method: str, params: Any) -> None:
        reply = here.client.request(method, {"inputResponses": {}, **params}, headers={"mcp-name": "x"})
        assert (reply.status, reply.error["code"]) == (400, -32602)

    def test_ids_that_no_key_can_hold(self, here: World, method: str) -> None:
        same(here.client.request(method, self.params("x" * 5000)), failure(-32602, "Task not found"), 400)


@pytest.mark.parametrize("responses", [None, [], "x", {"a": 1, "b": [{}]}])
def test_input_responses_are_an_object(world: Worlds, responses: Any) -> None:
    def work() -> None: ...

    here = world(of(work))
    task_id = here.client.start("work")
    params = {"taskId": task_id} | ({} if responses is None else {"inputResponses": responses})
    reply = here.client.request("tasks/update", params)
    assert reply.status == (200 if isinstance(responses, dict) else 400)


def test_a_task_without_the_extension_is_never_returned(world: Worlds) -> None:
    def optional() -> str:
        return "done"

    mcp = of(optional)
    mcp.tool("required", task=TaskPolicy(support="required"))(optional)
    here = world(mcp)
    assert here.client.call("optional", capabilities={}).result["resultType"] == "complete"
    same(here.client.call("required", capabilities={}), dumps(MISSING).encode(), 400)


def test_tools_do_not_say_that_they_are_tasks(world: Worlds) -> None:
    """The extension leaves it to the server: nothing to list (SEP-2663, "Capability Negotiation")."""

    def work() -> str:
        return "done"

    here = world(of(work))
    assert set(here.client.tool("work")) == {"name", "description", "inputSchema", "outputSchema"}


# Notifications.


def listen(here: World, task_ids: list[str], *, seconds: float = 0.0, **more: Any) -> Reply:
    """Subscribe, for as long as the host may wait."""
    services = msgspec.structs.replace(here.here.services, listen_seconds=seconds)
    here.here.handler._endpoint = Endpoint(Executor(services, here.server._middleware), HttpPolicy())
    return here.client.request("subscriptions/listen", {"notifications": {"taskIds": task_ids}}, **more)


def acknowledged(task_ids: list[str], request_id: Any = 1) -> bytes:
    agreed = {"taskIds": task_ids} if task_ids else {}
    tag = {f"{PREFIX}subscriptionId": request_id}
    params = {"notifications": agreed, "_meta": tag}
    return dumps(
        {"jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged", "params": params}
    ).encode()


def told(members: str, request_id: Any = 1) -> bytes:
    return (
        f'{{"jsonrpc":"2.0","method":"notifications/tasks","params":{{{members},'
        f'"_meta":{{"{PREFIX}subscriptionId":{dumps(request_id)}}}}}}}'
    ).encode()


def ended(request_id: Any = 1) -> bytes:
    return success(request_id=request_id, meta=f'"{PREFIX}subscriptionId":{dumps(request_id)}')


def test_subscribers_are_told_where_their_tasks_stand(world: Worlds) -> None:
    def work() -> str:
        return "done"

    def ask(ctx: Context) -> str:
        return ctx.elicit("Sure?", Sure, key="sure").result().action

    here = world(of(work, ask))
    tasks = [here.client.start("work"), here.client.start("ask"), here.client.start("work")]
    after(here)
    here.deliver()
    here.deliver()
    reply = listen(here, [*tasks, "unknown", "x" * 5000], request_id="s")
    assert (reply.status, reply.headers) == (200, SSE_HEADERS)
    done = ',"result":{"resultType":"complete",' + text_result("done") + "}"
    requests = f',"inputRequests":{dumps({"sure": ELICITATION})}'
    assert reply.body == frames(
        acknowledged(tasks, "s"),
        told(task(tasks[0], "completed", LATER, done), "s"),
        told(task(tasks[1], "input_required", LATER, requests), "s"),
        told(task(tasks[2], "working"), "s"),
        ended("s"),
    )


def test_a_notification_says_what_get_would(world: Worlds) -> None:
    def work() -> str:
        return "done"

    here = world(of(work))
    task_id = here.client.start("work")
    here.deliver()
    _, notification, _ = listen(here, [task_id]).messages
    shown = here.client.get(task_id).result
    assert {**notification["params"], "_meta": None} == {
        key: value for key, value in {**shown, "_meta": None}.items() if key != "resultType"
    }


def test_subscribers_are_told_of_their_own_tasks_only(world: Worlds) -> None:
    def work() -> None: ...

    here = world(of(work))
    task_id = here.here.client_of("ada").start("work")
    assert listen(here, [task_id]).body == frames(acknowledged([]), ended())
    here.client.user = "ada"
    assert len(listen(here, [task_id]).notifications) == 2


def test_an_expired_task_is_not_agreed_on(world: Worlds) -> None:
    def work() -> None: ...

    here = world(of(work))
    task_id = here.client.start("work")
    here.clock.advance(3600)
    assert listen(here, [task_id]).body == frames(acknowledged([]), ended())


@pytest.mark.parametrize("capabilities", [{}, EVERYTHING])
def test_subscribers_must_declare_the_extension(world: Worlds, capabilities: Any) -> None:
    def work() -> None: ...

    here = world(of(work))
    task_id = here.client.start("work")
    reply = listen(here, [task_id], capabilities=capabilities)
    assert (reply.status, reply.response) == (400, MISSING)
    assert listen(here, [], capabilities=capabilities).status == 200


def test_a_subscription_has_a_limit(world: Worlds) -> None:
    def work() -> None: ...

    here = world(of(work))
    task_id = here.client.start("work")
    unknown = [str(number) for number in range(100)]
    del here.store.calls[:]
    reply = listen(here, [*unknown, task_id])
    assert here.store.calls.count("read TASK") <= 100
    assert reply.notifications[0]["params"]["notifications"] == {}


def test_a_live_subscriber_is_told_of_each_change_once(world: Worlds) -> None:
    """A host that streams: changes are told when they happen, and what did not change is not told again."""
    changes = MemoryChanges()
    go_on = threading.Event()

    def work(ctx: Context) -> str:
        assert go_on.wait(30)
        ctx.step("unseen", str, 1).result()
        return ctx.elicit("Sure?", Sure, key="sure").result().action

    here = world(of(work), changes=changes)
    task_id = here.client.start("work")
    other = here.environment()
    heard: list[tuple[str, ...]] = []
    arrived = threading.Condition()

    def heard_of(notification: bytes) -> None:
        said = msgspec.json.decode(notification)
        with arrived:
            heard.append((said["method"], said["params"].get("status", "")))
            arrived.notify_all()

    def wait_for(count: int) -> None:
        with arrived:
            assert arrived.wait_for(lambda: len(heard) >= count, 30), heard

    invocation = Live(heard_of)
    services = msgspec.structs.replace(here.here.services, listen_seconds=600.0)
    endpoint = Endpoint(Executor(services, here.server._middleware), HttpPolicy())
    params = {"notifications": {"taskIds": [task_id]}}
    thread = threading.Thread(target=endpoint.handle, args=(_request(params), invocation))
    thread.start()
    try:
        wait_for(2)
        worker = threading.Thread(target=other.invoke, args=(task_id,))
        worker.start()
        go_on.set()
        worker.join(30)
        wait_for(3)
        other.client.update(task_id, {"sure": accept(ok=True)})
        wait_for(4)
        other.invoke(task_id)
        wait_for(5)
    finally:
        invocation.cancelled = True
        changes.publish("wake up")
        thread.join(30)
    statuses = ("working", "input_required", "working", "completed")
    assert heard == [
        ("notifications/subscriptions/acknowledged", ""),
        *(("notifications/tasks", status) for status in statuses),
    ]


def _request(params: dict[str, Any]) -> Request:
    body = message("subscriptions/listen", params, capabilities=TASKS)
    return Request("POST", "/", headers_of(body), dumps(body).encode())


class Live(Invocation):
    """An invocation that sends notifications as they come."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        super().__init__(CallerLoop())
        self.send = send

    def emit(self, notification: bytes) -> None:
        self.send(notification)
