"""Every way in which a call can end, inline and as a task, over every host: one outcome."""

import asyncio
import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NoReturn

import httpx
import pytest
from tests.execution.durable.tasks.harness import TASKS, Died, World, worlds
from tests.hosts.test_stdio import Wire
from tests.support import EVERYTHING, headers_of, make_server, message

from lambent import (
    Call,
    ConfigurationError,
    Handler,
    HttpRefusal,
    InvalidParamsError,
    MCPServer,
    Middleware,
    ProtocolError,
    RetryableError,
    Settings,
    StoreError,
    TaskPolicy,
    ToolError,
    ToolResult,
)
from lambent.errors import Cancelled, DeadlineReached, ItemTooLargeError, Suspend

world = pytest.fixture(worlds)
Worlds = Callable[..., World]
Outcome = Mapping[str, Any]


class MuteError(ToolError):
    """An error that cannot say what it is."""

    def __str__(self) -> str:
        raise ValueError("the secret")


class BareError(ProtocolError):
    """An error that is not made as such errors are."""

    def __init__(self) -> None: ...


INTERNAL = {"error": {"code": -32603, "message": "Internal error (reference …)"}}
UNEXPECTED = "Error executing tool end (reference …)"
CHALLENGE = {"WWW-Authenticate": 'Bearer scope="pay"'}


def is_error(text: str) -> Outcome:
    return {"result": {"content": [{"type": "text", "text": text}], "isError": True}}


def error(code: int, text: str, data: Any = None) -> Outcome:
    told = {"code": code, "message": text}
    return {"error": told if data is None else {**told, "data": data}}


@dataclass(frozen=True)
class Way:
    """A way to end.

    Attributes:
        outcome: the result without what every result has, or the error.
        run: what the tool does.
        returns: its return type.
        middleware: what is around it.
        status: the HTTP status of an inline call.
        headers: further HTTP headers of an inline call.
    """

    outcome: Outcome
    run: Callable[[], Any]
    returns: Any = str
    middleware: Middleware | None = None
    status: int = 200
    headers: Mapping[str, str] | None = None


def raising(what: BaseException | type[BaseException]) -> Callable[[], NoReturn]:
    def run() -> NoReturn:
        raise what

    return run


def done() -> str:
    return "done"


def recurse() -> str:
    return recurse()


def around(what: BaseException | type[BaseException]) -> Middleware:
    def fail(call: Call, following: Handler) -> Any:
        following(call)
        raise what

    return fail


def returns_nothing(call: Call, following: Handler) -> Any:
    following(call)


def returns_no_json(call: Call, following: Handler) -> Any:
    result = following(call)
    result.meta = {"x": object()}
    return result


REFUSED = error(-32600, "Sign in first")
TOO_MANY = HttpRefusal(429, "Slow down", {"Retry-After": "3"}, {"seconds": 3})

WAYS: dict[str, Way] = {
    "returns": Way({"result": {"content": [{"type": "text", "text": "done"}]}}, done),
    "returns an error": Way(is_error("no"), lambda: ToolResult(content=["no"], is_error=True), ToolResult),
    "ToolError": Way(is_error("Error executing tool end: no"), raising(ToolError("no"))),
    "RetryableError": Way(is_error("Error executing tool end: later"), raising(RetryableError("later"))),
    "ProtocolError": Way(error(-32603, "no", [1]), raising(ProtocolError("no", [1]))),
    "InvalidParamsError": Way(error(-32602, "no"), raising(InvalidParamsError("no")), status=400),
    "HttpRefusal": Way(
        error(-32600, "no"),
        raising(HttpRefusal(403, "no", {"X-Why": "x"})),
        status=403,
        headers={"x-why": "x"},
    ),
    "an error without a JSON form": Way(INTERNAL, raising(ProtocolError("no", object()))),
    "ConfigurationError": Way(INTERNAL, raising(ConfigurationError("set LAMBENT_X"))),
    "ItemTooLargeError": Way(error(-32603, "500 KB"), raising(ItemTooLargeError("500 KB"))),
    "another exception": Way(is_error(UNEXPECTED), raising(ValueError("the secret"))),
    "an exception group": Way(is_error(UNEXPECTED), raising(ExceptionGroup("g", [ValueError("secret")]))),
    "SystemExit": Way(is_error(UNEXPECTED), raising(SystemExit(3))),
    "GeneratorExit": Way(is_error(UNEXPECTED), raising(GeneratorExit)),
    "asyncio.CancelledError": Way(is_error(UNEXPECTED), raising(asyncio.CancelledError)),
    "another BaseException": Way(is_error(UNEXPECTED), raising(BaseException("secret"))),
    "StopIteration": Way(is_error(UNEXPECTED), raising(StopIteration("secret"))),
    "StopAsyncIteration": Way(is_error(UNEXPECTED), raising(StopAsyncIteration("secret"))),
    "MemoryError": Way(is_error(UNEXPECTED), raising(MemoryError)),
    "RecursionError": Way(is_error(UNEXPECTED), recurse),
    "a group of exits": Way(is_error(UNEXPECTED), raising(BaseExceptionGroup("g", [SystemExit()]))),
    "an error that says nothing": Way(is_error("Error executing tool end: MuteError"), raising(MuteError())),
    "an error made without a message": Way(error(-32603, "Internal error"), raising(BareError())),
    "Suspend": Way(is_error(UNEXPECTED), raising(Suspend)),
    "Cancelled": Way(is_error(UNEXPECTED), raising(Cancelled)),
    "DeadlineReached": Way(is_error(UNEXPECTED), raising(DeadlineReached)),
    "a result unlike its schema": Way(is_error(UNEXPECTED), lambda: "seven", int),
    "a result without a JSON form": Way(is_error(UNEXPECTED), lambda: {"x": object()}, dict),
    "a lone surrogate": Way(is_error(UNEXPECTED), lambda: "\ud800"),
    "a result that is too large": Way(
        is_error("The result would take … bytes, the limit is 6291556: return less, or a ResourceLink"),
        lambda: "x" * 6_300_000,
    ),
    "failing middleware": Way(INTERNAL, done, middleware=around(ValueError("secret"))),
    "middleware that exits": Way(INTERNAL, done, middleware=around(SystemExit)),
    "middleware that raises ToolError": Way(is_error("no"), done, middleware=around(ToolError("no"))),
    "middleware that raises Suspend": Way(INTERNAL, done, middleware=around(Suspend)),
    "middleware that raises Cancelled": Way(INTERNAL, done, middleware=around(Cancelled)),
    "middleware that returns nothing": Way(INTERNAL, done, middleware=returns_nothing),
    "middleware that returns no JSON": Way(INTERNAL, done, middleware=returns_no_json),
    "middleware that refuses": Way(
        REFUSED,
        done,
        middleware=around(HttpRefusal(401, "Sign in first", CHALLENGE)),
        status=401,
        headers={"www-authenticate": 'Bearer scope="pay"'},
    ),
    "middleware that limits": Way(
        error(-32600, "Slow down", {"seconds": 3}),
        done,
        middleware=around(TOO_MANY),
        status=429,
        headers={"retry-after": "3"},
    ),
}


def server(way: Way, *, is_async: bool = False) -> MCPServer:
    mcp = make_server(middleware=[way.middleware] if way.middleware is not None else [])

    def end() -> Any:
        return way.run()

    async def end_async() -> Any:
        await asyncio.sleep(0)
        return way.run()

    function = end_async if is_async else end
    function.__annotations__["return"] = way.returns
    mcp.tool("end", task=TaskPolicy(max_attempts=1))(function)
    return mcp


def plain(outcome: Mapping[str, Any]) -> Outcome:
    """An outcome without what every result has, and without what differs from call to call."""
    text = re.sub(r"reference [0-9a-f]{12}", "reference …", json.dumps(outcome))
    found: dict[str, Any] = json.loads(re.sub(r"would take \d+ bytes", "would take … bytes", text))
    if "result" in found:
        for name in ("resultType", "_meta", "structuredContent"):
            found["result"].pop(name, None)
    return found


def of_response(response: Mapping[str, Any]) -> Outcome:
    return plain({name: response[name] for name in ("result", "error") if name in response})


def of_task(shown: Mapping[str, Any]) -> Outcome:
    """The outcome of a task, from ``tasks/get``."""
    assert shown["status"] == ("completed" if "result" in shown else "failed"), shown
    return of_response(shown)


def calling(capabilities: Any) -> dict[str, Any]:
    return message("tools/call", {"name": "end", "arguments": {}}, capabilities=capabilities)


def getting(task_id: str) -> dict[str, Any]:
    return message("tasks/get", {"taskId": task_id}, capabilities=TASKS)


every_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
both = pytest.mark.parametrize("is_async", [False, True], ids=["def", "async def"])


@every_way
@both
def test_on_lambda(world: Worlds, way: Way, is_async: bool) -> None:
    here = world(server(way, is_async=is_async))
    reply = here.client.call("end", capabilities=EVERYTHING)
    assert (of_response(reply.response), reply.status) == (way.outcome, way.status)
    assert (way.headers or {}).items() <= reply.headers.items()
    if way.middleware is not None:
        return  # it lets nobody make a task either: see the test below
    task_id = here.client.start("end")
    here.run_all()
    assert of_task(here.client.get(task_id).result) == way.outcome


WRAPPED = {name: way for name, way in WAYS.items() if way.middleware is not None}


@pytest.mark.parametrize("way", WRAPPED.values(), ids=WRAPPED.keys())
def test_a_task_of_middleware_that_fails_later(world: Worlds, way: Way) -> None:
    """Middleware that lets the task be made, and then does with its attempts what it would do inline."""
    wrapped = way.middleware
    assert wrapped is not None

    def in_tasks(call: Call, following: Handler) -> Any:
        return wrapped(call, following) if call.journal is not None else following(call)

    here = world(server(Way(way.outcome, way.run, way.returns, in_tasks)))
    task_id = here.client.start("end")
    here.run_all()
    assert of_task(here.client.get(task_id).result) == way.outcome


LIVE = {
    **WAYS,
    "KeyboardInterrupt": Way(is_error(UNEXPECTED), raising(KeyboardInterrupt)),
    "middleware that interrupts": Way(INTERNAL, done, middleware=around(KeyboardInterrupt)),
}
"""There no tool runs on the main thread, which is the only one that can be interrupted."""

every_live_way = pytest.mark.parametrize("way", LIVE.values(), ids=LIVE.keys())


@every_live_way
@both
def test_over_asgi(way: Way, is_async: bool) -> None:
    app = server(way, is_async=is_async).asgi(Settings(response_limit=6_291_556))

    async def talk() -> None:
        transport = httpx.ASGITransport(app)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:

            async def post(body: dict[str, Any]) -> httpx.Response:
                name = body["params"].get("taskId") or body["params"]["name"]
                return await client.post("/mcp", json=body, headers={**headers_of(body), "mcp-name": name})

            reply = await post(calling(EVERYTHING))
            assert (of_response(reply.json()), reply.status_code) == (way.outcome, way.status)
            assert (way.headers or {}).items() <= reply.headers.items()
            if way.middleware is not None:
                return
            made = (await post(calling(TASKS))).json()["result"]
            for _ in range(2000):
                shown = (await post(getting(made["taskId"]))).json()["result"]
                if shown["status"] != "working":
                    break
                await asyncio.sleep(0.005)
            assert of_task(shown) == way.outcome

    asyncio.run(talk())


@pytest.mark.parametrize("name", sorted(LIVE.keys() - {"a result that is too large"}))
@both
def test_on_stdio(name: str, is_async: bool) -> None:
    way = LIVE[name]
    with Wire(server(way, is_async=is_async)) as wire:
        assert of_response(wire.ask(calling(EVERYTHING))) == way.outcome
        if way.middleware is not None:
            return
        made = wire.ask(calling(TASKS))["result"]
        for _ in range(2000):
            shown = wire.ask(getting(made["taskId"]))["result"]
            if shown["status"] != "working":
                break
            time.sleep(0.005)
        assert of_task(shown) == way.outcome


# What only the main thread can be sent.


def test_an_interrupt_of_the_main_thread_ends_the_process(world: Worlds) -> None:
    here = world(server(Way({}, raising(Died))))
    with pytest.raises(KeyboardInterrupt):
        here.client.call("end", capabilities=EVERYTHING)
    here.client.start("end")
    with pytest.raises(KeyboardInterrupt):
        here.deliver()


def test_an_interrupt_that_a_tool_raises_on_another_thread_is_a_failure(world: Worlds) -> None:
    here = world(server(Way({}, raising(KeyboardInterrupt))))

    def play() -> None:
        assert threading.current_thread() is not threading.main_thread()
        assert of_response(here.client.call("end", capabilities=EVERYTHING).response) == is_error(UNEXPECTED)
        task_id = here.client.start("end")
        here.run_all()
        assert of_task(here.client.get(task_id).result) == is_error(UNEXPECTED)

    with ThreadPoolExecutor(1) as threads:
        threads.submit(play).result()


def test_a_store_that_fails_is_an_internal_error_inline_and_tried_again_as_a_task(world: Worlds) -> None:
    tries: list[int] = []

    def run() -> str:
        tries.append(1)
        if len(tries) in (1, 2):
            raise StoreError("no table")
        return "done"

    here = world(server(Way({}, run)))
    assert of_response(here.client.call("end", capabilities=EVERYTHING).response) == INTERNAL
    here = world(server(Way({}, run)))
    task_id = here.client.start("end")
    here.run_all()
    # It was the last attempt of the policy: what the store does is no failure of the tool, and is bounded.
    shown = here.client.get(task_id).result
    assert shown["error"]["message"] == "The task was interrupted 1 times"
