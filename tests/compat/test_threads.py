"""Plain functions of servers that use anyio run on its worker threads."""

import contextvars
import functools
import json
import sys
import threading
from typing import Any

import anyio
import anyio.to_thread
import pytest
from tests.support import SETTINGS, headers_of, http_api, message

from lambent.compat import Context, MCPServer
from lambent.compat.threads import on_worker_thread
from lambent.testing import TestClient

tenant: contextvars.ContextVar[str] = contextvars.ContextVar("tenant", default="none")


def test_a_plain_tool_can_call_the_loop() -> None:
    mcp = MCPServer("shop")

    @mcp.tool()
    def work(ctx: Context) -> str:
        for done in (1, 2):
            anyio.from_thread.run(ctx.report_progress, done, 2)
        anyio.from_thread.run(anyio.sleep, 0)
        return "done"

    result = TestClient(mcp).call("work")
    assert ([one.progress for one in result.progress], result.text) == ([1, 2], "done")


def test_a_plain_resource_and_a_plain_prompt_can_too() -> None:
    mcp = MCPServer("shop")

    @mcp.prompt()
    @mcp.resource("news://{topic}")
    def news(topic: str) -> str:
        anyio.from_thread.run(anyio.sleep, 0)
        return f"{topic} on {threading.current_thread() is threading.main_thread()}"

    client = TestClient(mcp)
    assert client.read("news://tea").text == "tea on False"
    assert client.get("news", topic="tea").messages[0].content.text == "tea on False"


def test_what_a_plain_function_asks_and_raises_is_as_elsewhere() -> None:
    mcp = MCPServer("shop")

    @mcp.tool()
    def ask(ctx: Context) -> str:
        answer = ctx.elicit("Sure?", {"type": "object", "properties": {}}).result()
        anyio.from_thread.run(anyio.sleep, 0)
        raise ValueError(answer.action)

    client = TestClient(mcp, answers=[{}])
    assert client.attempt("ask").text.startswith("Error executing tool ask (reference")
    assert len(client.questions) == 1


def test_it_has_the_context_variables_of_its_call() -> None:
    mcp = MCPServer("shop", middleware=[lambda call, following: (tenant.set("acme"), following(call))[1]])

    @mcp.tool()
    def whose() -> str:
        return tenant.get()

    assert TestClient(mcp).call("whose").text == "acme"


def test_a_function_that_returns_a_coroutine_is_awaited() -> None:
    async def later() -> str:
        return "later"

    mcp = MCPServer("shop")
    mcp.tool("later")(functools.partial(lambda make: make(), later))
    assert TestClient(mcp).call("later").text == "later"


def test_a_feature_that_is_registered_in_two_steps_has_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """As one with annotations of another library, which are read in between."""
    begun: list[str] = []
    run_sync = anyio.to_thread.run_sync

    async def count(work: Any) -> Any:
        begun.append("thread")
        return await run_sync(work)

    monkeypatch.setattr(anyio.to_thread, "run_sync", count)

    def add(a: int) -> int:
        return a + 1

    assert on_worker_thread(on_worker_thread(add)) is not add
    mcp = MCPServer("shop")
    mcp.add_tool(on_worker_thread(add), "add")
    assert TestClient(mcp).call("add", a=1).text == "2"
    assert begun == ["thread"]


def test_a_method_is_a_tool() -> None:
    class Shop:
        def open(self) -> str:
            return "open"

    mcp = MCPServer("shop")
    mcp.add_tool(Shop().open)
    assert TestClient(mcp).call("open").text == "open"


def test_it_needs_no_thread_where_nobody_has_imported_anyio(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mcp = MCPServer("shop")

    @mcp.tool()
    def where() -> bool:
        return threading.current_thread() is threading.main_thread()

    handler = mcp.lambda_handler(SETTINGS)
    body = message("tools/call", {"name": "where", "arguments": {}})
    event = http_api(json.dumps(body), headers_of(body))
    monkeypatch.delitem(sys.modules, "anyio")
    assert '"text":"true"' in handler(event, None)["body"]
