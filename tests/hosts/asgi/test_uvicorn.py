"""The ASGI application under uvicorn, over real connections."""

import asyncio
import threading
from typing import Any

import httpx
import pytest
from mcp.client.client import Client
from mcp.types import ElicitRequestParams, ElicitResult, ListRootsResult, TextContent
from mcp.types import Root as ClientRoot
from tests import support
from tests.hosts.asgi.driving import (
    http,
    make,
    on_loop,
    post,
    progress,
    settings,
    streamed,
    subscription,
    text_result,
    tool_call,
    unframe,
    until,
    uvicorn_of,
)

from lambent import Call, Context, Handler, MCPServer
from lambent.execution.handlers import subscriptions


def echo_server() -> MCPServer:
    mcp = make()

    @mcp.tool()
    async def echo(text: str = "") -> str:
        return text

    return mcp


@on_loop
async def test_json() -> None:
    async with uvicorn_of(echo_server().asgi(settings()), lifespan="on") as url, http() as client:
        response = await post(client, url, tool_call("echo", {"text": "hi"}))
    assert (response.status_code, response.content) == (200, text_result("hi"))
    assert response.headers["content-type"] == "application/json"
    # Whether it is framed by its length or in chunks is the server's affair.
    assert "content-encoding" not in response.headers


@pytest.mark.parametrize("tool", ["plain", "asynchronous"])
@on_loop
async def test_the_first_frame_arrives_before_the_tool_has_finished(tool: str) -> None:
    mcp = make()
    go, go_async, over = threading.Event(), asyncio.Event(), threading.Event()

    @mcp.tool()
    def plain(ctx: Context) -> str:
        ctx.report_progress(1)
        assert go.wait(20)
        ctx.report_progress(2)
        over.set()
        return "worked"

    @mcp.tool()
    async def asynchronous(ctx: Context) -> str:
        await ctx.report_progress(1)
        await go_async.wait()
        await ctx.report_progress(2)
        over.set()
        return "worked"

    message = tool_call(tool, progressToken="p")
    async with (
        uvicorn_of(mcp.asgi(settings())) as url,
        http() as client,
        streamed(client, url, message) as (response, frames),
    ):
        assert response.status_code == 200
        assert response.headers["content-type"] == "text/event-stream"
        assert response.headers["cache-control"] == "no-cache"
        assert await anext(frames) == support.frames(progress(1))
        assert not over.is_set()
        go.set()
        go_async.set()
        assert [frame async for frame in frames] == [
            support.frames(progress(2)),
            support.frames(text_result("worked")),
        ]


@on_loop
async def test_a_client_that_leaves_cancels_an_async_tool() -> None:
    mcp = make()
    seen: list[str] = []

    @mcp.tool()
    async def work(ctx: Context) -> str:
        await ctx.report_progress(1)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise
        finally:
            seen.append("cleaned up")
        return "never"

    @mcp.tool()
    def hello() -> str:
        return "hello"

    async with uvicorn_of(mcp.asgi(settings())) as url, http() as client:
        async with streamed(client, url, tool_call("work", progressToken="p")) as (_, frames):
            await anext(frames)
        await until(lambda: len(seen) == 2)
        assert seen == ["cancelled", "cleaned up"]
        assert (await post(client, url, tool_call("hello"))).content == text_result("hello")


@on_loop
async def test_a_client_that_leaves_stops_a_plain_tool_at_its_next_look() -> None:
    calls: list[Call] = []

    def keep(call: Call, following: Handler) -> Any:
        calls.append(call)
        return following(call)

    mcp = make(middleware=[keep])
    left, over = threading.Event(), threading.Event()
    seen: list[str] = []

    @mcp.tool()
    def work(ctx: Context) -> str:
        ctx.report_progress(1)
        assert left.wait(20)
        try:
            ctx.report_progress(2)
            seen.append("went on")
        finally:
            over.set()
        return "never"

    async with uvicorn_of(mcp.asgi(settings())) as url, http() as client:
        async with streamed(client, url, tool_call("work", progressToken="p")) as (_, frames):
            await anext(frames)
        await until(lambda: calls[0].invocation.cancelled)
        left.set()
        await until(over.is_set)
    assert seen == []


@on_loop
async def test_a_client_that_gives_up_waiting_for_json_cancels_the_tool() -> None:
    mcp = make()
    started, over = asyncio.Event(), asyncio.Event()

    @mcp.tool()
    async def work() -> str:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            over.set()
        return "never"

    async with uvicorn_of(mcp.asgi(settings())) as url, http() as client:
        asking = asyncio.ensure_future(post(client, url, tool_call("work")))
        await started.wait()
        asking.cancel()
        await over.wait()


@on_loop
async def test_sixty_four_clients_at_once() -> None:
    mcp = make()
    together = threading.Barrier(64)

    @mcp.tool()
    def meet(number: int, ctx: Context) -> int:
        ctx.report_progress(1)
        together.wait(20)
        return number

    async with uvicorn_of(mcp.asgi(settings())) as url, http() as client:
        responses = await asyncio.gather(
            *(
                post(client, url, tool_call("meet", {"number": n}, request_id=n, progressToken=n))
                for n in range(64)
            )
        )
    for number, response in enumerate(responses):
        note, last = (unframe(part + b"\n\n") for part in response.content.split(b"\n\n")[:-1])
        assert note["params"]["progressToken"] == number
        assert (last["id"], last["result"]["structuredContent"]) == (number, {"result": number})


@on_loop
async def test_a_chunked_body() -> None:
    message = tool_call("echo", {"text": "in pieces"})
    whole = support.dumps(message).encode()

    async def pieces() -> Any:
        for start in range(0, len(whole), 7):
            yield whole[start : start + 7]
            await asyncio.sleep(0)

    async with uvicorn_of(echo_server().asgi(settings())) as url, http() as client:
        response = await client.post(url, content=pieces(), headers=support.headers_of(message))
    assert response.content == text_result("in pieces")


@on_loop
async def test_a_body_over_the_limit() -> None:
    async with uvicorn_of(echo_server().asgi(settings(body_limit=1000))) as url, http() as client:
        response = await post(client, url, tool_call("echo", {"text": "x" * 1000}))
        assert response.status_code == 413
        assert (await post(client, url, tool_call("echo", {"text": "x"}))).status_code == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
@on_loop
async def test_other_methods(method: str) -> None:
    async with uvicorn_of(echo_server().asgi(settings())) as url, http() as client:
        response = await client.request(method, f"{url}/mcp")
        assert (response.status_code, response.headers["allow"]) == (405, "POST")
        assert bool(response.content) is (method != "HEAD")
        assert (await post(client, url, tool_call("echo"))).status_code == 200


@on_loop
async def test_async_tools_run_on_the_loop_of_uvicorn() -> None:
    mcp = make()
    loops: list[asyncio.AbstractEventLoop] = []

    @mcp.tool()
    async def tell() -> None:
        loops.append(asyncio.get_running_loop())

    async with uvicorn_of(mcp.asgi(settings())) as url, http() as client:
        for _ in range(3):
            await post(client, url, tool_call("tell"))
    assert loops == [asyncio.get_running_loop()] * 3


@on_loop
async def test_a_server_that_is_stopped_ends_its_subscriptions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriptions, "_POLL_SECONDS", 0.005)
    over: list[str] = []

    def watch(call: Call, following: Handler) -> Any:
        try:
            return following(call)
        finally:
            over.append(call.method)

    mcp = make(middleware=[watch])

    @mcp.tool()
    def only() -> None: ...

    async with http() as client:
        async with uvicorn_of(mcp.asgi(settings()), timeout_graceful_shutdown=0) as url:
            sent = client.build_request(
                "POST",
                url,
                content=support.dumps(subscription(toolsListChanged=True)),
                headers=support.headers_of(subscription()),
            )
            response = await client.send(sent, stream=True)
            await anext(response.aiter_raw())
        await until(lambda: over)
        await response.aclose()


@on_loop
async def test_the_official_client() -> None:
    mcp = make()

    @mcp.tool()
    async def add(left: int, right: int, ctx: Context) -> int:
        await ctx.report_progress(1, 2, "adding")
        await ctx.report_progress(2, 2)
        return left + right

    @mcp.tool()
    def choose(ctx: Context) -> str:
        color = ctx.elicit("Which colour?", {"type": "object", "properties": {"color": {"type": "string"}}})
        roots = ctx.list_roots()
        answer = color.result()
        chosen = answer.data["color"] if answer.action == "accept" else answer.action
        return f"{chosen} in {roots.result()[0].name}"

    @mcp.resource("note://today")
    def today() -> str:
        return "sunny"

    @mcp.tool()
    def change(ctx: Context) -> str:
        ctx.notify_resource_updated("note://today")
        return "changed"

    heard: list[tuple[float, float | None, str | None]] = []

    async def on_progress(done: float, total: float | None, text: str | None) -> None:
        heard.append((done, total, text))

    async def on_elicit(context: Any, params: ElicitRequestParams) -> ElicitResult:
        return ElicitResult(action="accept", content={"color": "teal"})

    async def on_roots(context: Any) -> ListRootsResult:
        return ListRootsResult(roots=[ClientRoot(uri="file:///home", name="home")])

    async with (
        uvicorn_of(mcp.asgi(settings())) as url,
        Client(f"{url}/mcp", elicitation_callback=on_elicit, list_roots_callback=on_roots) as client,
    ):
        assert client.protocol_version == support.VERSION
        total = await client.call_tool("add", {"left": 1, "right": 2}, progress_callback=on_progress)
        assert total.structured_content == {"result": 3}
        assert heard == [(1, 2, "adding"), (2, 2, None)]
        chosen = (await client.call_tool("choose", {})).content[0]
        assert isinstance(chosen, TextContent)
        assert chosen.text == "teal in home"
        async with client.listen(resource_subscriptions=["note://today"]) as updates:
            await client.call_tool("change", {})
            async for update in updates:
                assert str(getattr(update, "uri", "")) == "note://today"
                break


@on_loop
async def test_connections_are_kept_and_reused() -> None:
    async with uvicorn_of(echo_server().asgi(settings())) as url:
        # One connection, no other: what leaves it unusable is noticed.
        limits = httpx.Limits(max_connections=1)
        async with httpx.AsyncClient(limits=limits, trust_env=False) as client:
            for number in range(50):
                response = await post(client, url, tool_call("echo", {"text": str(number)}))
                assert response.content == text_result(str(number))
