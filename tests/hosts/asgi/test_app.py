"""The ASGI application, message by message."""

import asyncio
import contextvars
import gc
import threading
from typing import Any

import msgspec
import pytest
from tests import support
from tests.hosts.asgi.driving import (
    Exchange,
    body,
    call,
    exchange,
    make,
    on_loop,
    progress,
    settings,
    start,
    text_result,
    tool_call,
    unframe,
    until,
)

from lambent import Call, Context, Handler, InvalidParamsError, MCPServer, Middleware, ToolError

REFUSED = {"content-type": "application/json"}


def echo_server() -> MCPServer:
    mcp = make()

    @mcp.tool()
    def echo(text: str = "") -> str:
        return text

    @mcp.tool()
    async def echo_async(text: str = "") -> str:
        await asyncio.sleep(0)
        return text

    return mcp


# A response that is one JSON message.


@pytest.mark.parametrize("tool", ["echo", "echo_async"])
@on_loop
async def test_a_call_that_emits_nothing_is_answered_with_json(tool: str) -> None:
    sent = await exchange(echo_server().asgi(settings()), tool_call(tool, {"text": "wörld"}))
    assert sent == [start(200), body(text_result("wörld"))]


@on_loop
async def test_an_error_is_answered_with_its_status() -> None:
    unknown = support.message("nothing/known")
    assert await exchange(echo_server().asgi(settings()), unknown) == [
        start(404),
        body(support.failure(-32601, "Method not found")),
    ]


@on_loop
async def test_a_notification_is_taken() -> None:
    note = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}
    assert await exchange(echo_server().asgi(settings()), note) == [start(202, {}), body(b"")]


@pytest.mark.parametrize("path", ["/", "/mcp", "/deep/er/mcp/", "/with%20space", ""])
@on_loop
async def test_any_path_is_the_endpoint(path: str) -> None:
    sent = await exchange(echo_server().asgi(settings()), tool_call("echo"), path=path)
    assert sent == [start(200), body(text_result(""))]


# A response that streams.


@on_loop
async def test_progress_of_a_plain_tool_leaves_while_it_runs() -> None:
    mcp = make()
    go, done = threading.Event(), threading.Event()

    @mcp.tool()
    def work(ctx: Context) -> str:
        ctx.report_progress(1)
        assert go.wait(20)
        ctx.report_progress(2)
        done.set()
        return "worked"

    async with Exchange(mcp.asgi(settings()), tool_call("work", progressToken="p")) as one:
        assert await one.next() == start(200, support.SSE_HEADERS)
        assert await one.next() == body(support.frames(progress(1)), more=True)
        assert not done.is_set()
        assert not one.task.done()
        go.set()
        assert await one.next() == body(support.frames(progress(2)), more=True)
        assert await one.next() == body(support.frames(text_result("worked")))
    assert len(one.sent) == 4


@on_loop
async def test_progress_of_an_async_tool_leaves_while_it_runs() -> None:
    mcp = make()
    go, done = asyncio.Event(), asyncio.Event()

    @mcp.tool()
    async def work(ctx: Context) -> str:
        await ctx.report_progress(1)
        await go.wait()
        await ctx.report_progress(2)
        done.set()
        return "worked"

    async with Exchange(mcp.asgi(settings()), tool_call("work", progressToken="p")) as one:
        assert await one.next() == start(200, support.SSE_HEADERS)
        assert await one.next() == body(support.frames(progress(1)), more=True)
        assert not done.is_set()
        go.set()
        assert await one.next() == body(support.frames(progress(2)), more=True)
        assert await one.next() == body(support.frames(text_result("worked")))
    assert len(one.sent) == 4


@on_loop
async def test_a_thousand_notifications_keep_their_order() -> None:
    mcp = make()

    @mcp.tool()
    def work(ctx: Context) -> str:
        for number in range(1, 501):
            ctx.report_progress(number)
            ctx.info(number)
        return "worked"

    message = tool_call("work", progressToken="p", logLevel="debug")
    first, *rest = await exchange(mcp.asgi(settings()), message)
    assert first == start(200, support.SSE_HEADERS)
    heard = [unframe(part["body"]) for part in rest]
    numbers = [note["params"].get("progress", note["params"].get("data")) for note in heard[:-1]]
    assert numbers == [number for pair in zip(range(1, 501), range(1, 501), strict=True) for number in pair]
    assert [part["more_body"] for part in rest] == [True] * 1000 + [False]
    assert heard[-1]["result"]["content"][0]["text"] == "worked"


@on_loop
async def test_what_was_not_asked_for_does_not_make_a_stream() -> None:
    mcp = make()

    @mcp.tool()
    def work(ctx: Context) -> str:
        ctx.report_progress(1)
        ctx.info("working")
        return "worked"

    assert await exchange(mcp.asgi(settings()), tool_call("work")) == [
        start(200),
        body(text_result("worked")),
    ]


@pytest.mark.parametrize(
    ("error", "last"),
    [
        (ToolError("too late"), support.tool_error("Error executing tool work: too late")),
        (InvalidParamsError("no good"), support.failure(-32602, "no good")),
    ],
)
@on_loop
async def test_a_failure_after_the_stream_began_ends_it(error: Exception, last: bytes) -> None:
    mcp = make()

    @mcp.tool()
    def work(ctx: Context) -> str:
        ctx.report_progress(1)
        raise error

    assert await exchange(mcp.asgi(settings()), tool_call("work", progressToken="p")) == [
        start(200, support.SSE_HEADERS),
        body(support.frames(progress(1)), more=True),
        body(support.frames(last)),
    ]


@on_loop
async def test_a_question_after_the_stream_began_ends_it() -> None:
    mcp = make()

    @mcp.tool()
    def work(ctx: Context) -> str:
        ctx.report_progress(1)
        return str(len(ctx.list_roots(key="where").result()))

    message = tool_call("work", progressToken="p", capabilities={"roots": {}})
    first, _, last = await exchange(mcp.asgi(settings()), message)
    assert first == start(200, support.SSE_HEADERS)
    assert unframe(last["body"])["result"]["inputRequests"] == {
        "where": {"method": "roots/list", "params": {}}
    }


# Accept.


def chatty() -> MCPServer:
    mcp = make()

    @mcp.tool()
    def work(ctx: Context) -> str:
        ctx.report_progress(1)
        return "worked"

    return mcp


@pytest.mark.parametrize(
    "accept", ["application/json", "application/json, text/event-stream;q=0", "application/*"]
)
@on_loop
async def test_a_client_that_reads_no_streams_gets_json(accept: str) -> None:
    app = chatty().asgi(settings())
    sent = await exchange(app, tool_call("work", progressToken="p"), {"accept": accept})
    assert sent == [start(200), body(text_result("worked"))]


@pytest.mark.parametrize("accept", ["text/event-stream", "text/*"])
@on_loop
async def test_a_client_that_reads_only_streams_gets_one(accept: str) -> None:
    app = chatty().asgi(settings())
    sent = await exchange(app, tool_call("work"), {"accept": accept})
    assert sent == [start(200, support.SSE_HEADERS), body(support.frames(text_result("worked")))]


@on_loop
async def test_a_client_that_reads_neither_is_refused() -> None:
    sent = await exchange(chatty().asgi(settings()), tool_call("work"), {"accept": "text/html"})
    expected = support.failure(
        -32600, "Accept must allow application/json and text/event-stream", request_id=...
    )
    assert sent == [start(406), body(expected)]


@on_loop
async def test_a_subscription_needs_a_stream() -> None:
    message = support.message("subscriptions/listen", {"notifications": {}})
    begin, _ = await exchange(chatty().asgi(settings()), message, {"accept": "application/json"})
    assert begin["status"] == 406


# The request.


@on_loop
async def test_a_body_arrives_in_any_chunks() -> None:
    app = echo_server().asgi(settings())
    whole = support.dumps(tool_call("echo", {"text": "ein Gruß"})).encode()
    cut = whole.index("ß".encode()) + 1
    for chunks in ([whole, b""], [b"", whole[:cut], b"", whole[cut:]], [bytes([byte]) for byte in whole]):
        sent = await exchange(app, tool_call("echo", {"text": "ein Gruß"}), chunks=chunks)
        assert sent == [start(200), body(text_result("ein Gruß"))]


@on_loop
async def test_a_message_without_a_body_is_an_empty_chunk() -> None:
    app = echo_server().asgi(settings())
    sent: list[Any] = []
    incoming = iter([{"type": "http.request"}, {"type": "http.disconnect"}])

    async def receive() -> Any:
        return next(incoming)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = Exchange(app, tool_call("echo")).scope
    del scope["query_string"]  # optional in ASGI
    await app(scope, receive, send)
    # The client may or may not have been seen leaving before the refusal was written.
    assert [message.get("status") for message in sent[:1]] in ([400], [])


@on_loop
async def test_a_body_over_the_limit_is_refused_before_it_has_ended() -> None:
    app = echo_server().asgi(settings(body_limit=1000))
    async with Exchange(app, tool_call("echo"), chunks=[b"x" * 600, b"x" * 600], open_end=True) as one:
        assert await one.next() == start(413)
        refusal = support.failure(-32600, "The request body is larger than 1000 bytes", request_id=...)
        assert await one.next() == body(refusal)


@on_loop
async def test_a_body_of_exactly_the_limit_is_read() -> None:
    message = tool_call("echo", {"text": "x" * 500})
    app = echo_server().asgi(settings(body_limit=len(support.dumps(message))))
    begin, _ = await exchange(app, message)
    assert begin == start(200)


@pytest.mark.parametrize("chunks", [[], [b'{"jsonrpc"']])
@on_loop
async def test_a_client_that_leaves_before_it_has_asked_gets_nothing(chunks: list[bytes]) -> None:
    async with Exchange(
        echo_server().asgi(settings()), tool_call("echo"), chunks=chunks, open_end=True
    ) as one:
        one.leave()
        await one.task
    assert one.sent == []


@on_loop
async def test_repeated_headers_are_joined_and_names_are_in_lower_case() -> None:
    mcp = make()

    @mcp.tool()
    def seen(ctx: Context) -> list[str]:
        return [ctx.headers["x-list"], ctx.headers["x-latin"], ctx.headers["cookie"]]

    one = Exchange(mcp.asgi(settings()), tool_call("seen"))
    one.scope["headers"] += [(b"X-List", b"a"), (b"x-list", b"b"), (b"x-latin", "é".encode("latin-1"))]
    one.scope["headers"] += [(b"cookie", b"a=1"), (b"cookie", b"b=2")]  # as HTTP/2 splits them
    async with one:
        await one.task
    assert msgspec.json.decode(one.sent[1]["body"])["result"]["structuredContent"] == {
        "result": ["a, b", "é", "a=1; b=2"]
    }


@pytest.mark.parametrize("method", ["HEAD", "PUT", "PATCH", "TRACE"])
@on_loop
async def test_other_methods_are_not_allowed(method: str) -> None:
    begin, last = await exchange(echo_server().asgi(settings()), method=method)
    assert begin == start(405, {**REFUSED, "allow": "POST"})
    refusal = f"Method {method} is not allowed; use POST"
    refused = b"" if method == "HEAD" else support.failure(-32600, refusal, request_id=...)
    assert last == body(refused)


# Origins.

PAGE = "https://app.example.com"
READABLE = {
    "access-control-allow-origin": PAGE,
    "access-control-expose-headers": support.EXPOSED,
    "vary": "Origin",
}


@on_loop
async def test_a_page_that_is_allowed_can_read_json_and_streams() -> None:
    app = chatty().asgi(settings(allowed_origins=frozenset({PAGE})))
    origin = {"origin": PAGE}
    begin, _ = await exchange(app, tool_call("work"), origin)
    assert begin == start(200, {**support.JSON_HEADERS, **READABLE})
    begin, *_ = await exchange(app, tool_call("work", progressToken="p"), origin)
    assert begin == start(200, {**support.SSE_HEADERS, **READABLE})
    begin, *_ = await exchange(app, tool_call("unknown"), origin)
    assert begin == start(400, {**support.JSON_HEADERS, **READABLE})


@pytest.mark.parametrize("method", ["POST", "OPTIONS"])
@pytest.mark.parametrize("origin", ["https://evil.example.com", "null", "http://192.0.2.2"])
@on_loop
async def test_any_other_page_is_refused(origin: str, method: str) -> None:
    ran: list[str] = []
    mcp = make()

    @mcp.tool()
    def work() -> None:
        ran.append("work")

    headers = {"origin": origin, "host": "evil.example.com"}  # what a page that rebinds its name can choose
    sent = await exchange(mcp.asgi(settings()), tool_call("work"), headers, method=method)
    assert sent == [
        start(403, REFUSED),
        body(support.failure(-32600, "Origin is not allowed", request_id=...)),
    ]
    assert ran == []


@on_loop
async def test_a_preflight_is_answered() -> None:
    headers = {
        "origin": "http://localhost:3000",
        "access-control-request-headers": "mcp-param-region, x-other",
    }
    begin, last = await exchange(echo_server().asgi(settings()), headers=headers, method="OPTIONS")
    answer = {name.decode(): value.decode() for name, value in begin["headers"]}
    assert (begin["status"], last) == (204, body(b""))
    assert answer["access-control-allow-origin"] == "http://localhost:3000"
    assert answer["access-control-allow-methods"] == "GET, POST, DELETE, OPTIONS"
    allowed = answer["access-control-allow-headers"].split(", ")
    assert {"mcp-method", "mcp-name", "mcp-protocol-version", "mcp-param-region"} <= set(allowed)
    assert "x-other" not in allowed


# A client that goes away.


def keep(calls: list[Call]) -> Middleware:
    """Middleware that keeps the calls, so that a test can see when one was cancelled."""

    def remember(call: Call, following: Handler) -> Any:
        calls.append(call)
        return following(call)

    return remember


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
            await asyncio.sleep(0)
            seen.append("cleaned up")
        return "never"

    async with Exchange(mcp.asgi(settings()), tool_call("work", progressToken="p")) as one:
        await one.next()
        await one.next()
        one.leave()
        await one.task
        await until(lambda: len(seen) == 2)
    assert seen == ["cancelled", "cleaned up"]
    assert len(one.sent) == 2


@pytest.mark.parametrize("look", ["report_progress", "log", "elicit", "sample", "list_roots", "step"])
@on_loop
async def test_a_client_that_leaves_stops_a_plain_tool_at_its_next_look(look: str) -> None:
    calls: list[Call] = []
    mcp = make(middleware=[keep(calls)])
    left = threading.Event()
    seen: list[str] = []

    @mcp.tool()
    def work(ctx: Context) -> str:
        looks: dict[str, Any] = {
            "report_progress": lambda: ctx.report_progress(2),
            "log": lambda: ctx.info("still there"),
            "elicit": lambda: ctx.elicit("Go on?", {"type": "object", "properties": {}}),
            "sample": lambda: ctx.sample("Go on?"),
            "list_roots": ctx.list_roots,
            "step": lambda: ctx.step("next", seen.append, "stepped"),
        }
        ctx.report_progress(1)
        assert left.wait(20)
        try:
            looks[look]()
            seen.append("went on")
        except Exception:
            seen.append("swallowed")
        finally:
            seen.append("cleaned up")
        return "never"

    message = tool_call("work", progressToken="p", logLevel="debug", capabilities=support.EVERYTHING)
    async with Exchange(mcp.asgi(settings()), message) as one:
        await one.next()
        await one.next()
        one.leave()
        await until(lambda: calls[0].invocation.cancelled)
        left.set()
        await one.task
    assert seen == ["cleaned up"]
    assert len(one.sent) == 2


@on_loop
async def test_a_client_that_leaves_before_anything_was_sent_gets_nothing() -> None:
    calls: list[Call] = []
    mcp = make(middleware=[keep(calls)])
    left = threading.Event()

    @mcp.tool()
    def work() -> str:
        assert left.wait(20)
        return "for nobody"

    async with Exchange(mcp.asgi(settings()), tool_call("work")) as one:
        await until(lambda: calls)
        one.leave()
        await until(lambda: calls[0].invocation.cancelled)
        left.set()
        await one.task
    assert one.sent == []


@on_loop
async def test_a_client_that_leaves_cancels_an_async_resolver_step_and_resource() -> None:
    mcp = make()
    seen: list[str] = []
    started = asyncio.Event()

    async def forever(what: str) -> str:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            seen.append(what)
        return "never"

    @mcp.tool()
    def stepping(ctx: Context) -> str:
        return ctx.step("wait", forever, "step").result()

    @mcp.resource("wait://there")
    async def waiting() -> str:
        return await forever("resource")

    app = mcp.asgi(settings())
    for message in (tool_call("stepping"), support.message("resources/read", {"uri": "wait://there"})):
        started.clear()
        async with Exchange(app, message) as one:
            await started.wait()
            one.leave()
            await one.task
        assert one.sent == []
    await until(lambda: len(seen) == 2)
    assert seen == ["step", "resource"]


@on_loop
async def test_a_server_that_shuts_down_cancels_the_call() -> None:
    mcp = make()
    started = asyncio.Event()
    seen: list[str] = []

    @mcp.tool()
    async def work() -> str:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            seen.append("cleaned up")
        return "never"

    async with Exchange(mcp.asgi(settings()), tool_call("work")) as one:
        await started.wait()
        one.task.cancel()
        await asyncio.wait([one.task])
        assert one.task.cancelled()
        await until(lambda: seen)
    assert one.sent == []


@on_loop
async def test_a_connection_that_breaks_while_sending_cancels_the_call() -> None:
    mcp = make()
    seen: list[str] = []

    @mcp.tool()
    async def work(ctx: Context) -> str:
        await ctx.report_progress(1)
        try:
            await asyncio.Event().wait()
        finally:
            seen.append("cleaned up")
        return "never"

    async def send(message: Any) -> None:
        raise OSError("the connection is gone")

    one = Exchange(mcp.asgi(settings()), tool_call("work", progressToken="p"))
    one._send = send  # type: ignore[method-assign]
    with pytest.raises(OSError, match="gone"):
        async with one:
            await one.task
    await until(lambda: seen)


@on_loop
async def test_a_connection_that_breaks_while_the_tool_runs_cancels_the_call() -> None:
    mcp = make()
    started = asyncio.Event()
    seen: list[str] = []

    @mcp.tool()
    async def work() -> str:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            seen.append("cleaned up")
        return "never"

    one = Exchange(mcp.asgi(settings()), tool_call("work"))
    take = one._inbox.get

    async def receive() -> Any:
        if one._inbox.empty():
            await started.wait()
            raise ConnectionResetError("the connection is gone")
        return await take()

    one._inbox.get = receive  # type: ignore[method-assign]
    async with one:
        await one.task
    await until(lambda: seen)
    assert one.sent == []


@on_loop
async def test_a_client_that_leaves_does_not_disturb_the_others() -> None:
    mcp = make()
    go = asyncio.Event()

    @mcp.tool()
    async def work(ctx: Context) -> str:
        await ctx.report_progress(1)
        await go.wait()
        return "worked"

    app = mcp.asgi(settings())
    async with (
        Exchange(app, tool_call("work", progressToken="p")) as leaving,
        Exchange(app, tool_call("work", progressToken="p", request_id="stays")) as staying,
    ):
        for one in (leaving, staying):
            await one.next()
            await one.next()
        leaving.leave()
        await leaving.task
        go.set()
        assert await staying.next() == body(support.frames(text_result("worked", "stays")))
    assert len(leaving.sent) == 2


# Loops and threads.


@on_loop
async def test_async_features_run_on_the_servers_own_loop() -> None:
    mcp = make()
    seen: dict[str, Any] = {}

    async def tell(name: str) -> str:
        seen[name] = asyncio.get_running_loop(), threading.current_thread()
        return name

    @mcp.tool()
    async def tool() -> str:
        return await tell("tool")

    @mcp.tool()
    def plain(ctx: Context) -> str:
        return ctx.step("in a plain tool", tell, "step").result()

    @mcp.resource("loop://resource")
    async def resource() -> str:
        return await tell("resource")

    @mcp.prompt()
    async def prompt() -> str:
        return await tell("prompt")

    @mcp.completion()
    async def complete(ref: Any, argument: Any, context: Any) -> list[str]:
        return [await tell("completion")]

    app = mcp.asgi(settings())
    ref = {"type": "ref/resource", "uri": "loop://{x}"}
    for message in (
        tool_call("tool"),
        tool_call("plain"),
        support.message("resources/read", {"uri": "loop://resource"}),
        support.message("prompts/get", {"name": "prompt"}),
    ):
        begin, _ = await exchange(app, message)
        assert begin["status"] == 200
    await exchange(
        app, support.message("completion/complete", {"ref": ref, "argument": {"name": "x", "value": ""}})
    )
    here = asyncio.get_running_loop(), threading.current_thread()
    assert {name: seen[name] == here for name in seen} == dict.fromkeys(
        ("tool", "step", "resource", "prompt"), True
    )


@on_loop
async def test_plain_features_leave_the_loop_free() -> None:
    mcp = make()
    go = threading.Event()

    @mcp.tool()
    def block() -> str:
        assert go.wait(20)
        return "released"

    app = mcp.asgi(settings())
    async with Exchange(app, tool_call("block")) as blocked:
        assert (await exchange(app, support.message("server/discover")))[0]["status"] == 200
        assert not blocked.task.done()
        go.set()
    assert blocked.sent == [start(200), body(text_result("released"))]


@on_loop
async def test_sixty_four_plain_calls_run_at_once() -> None:
    mcp = make()
    together = threading.Barrier(64)

    @mcp.tool()
    def meet(number: int) -> int:
        together.wait(20)
        return number

    app = mcp.asgi(settings())
    responses = await asyncio.gather(*(call(app, "meet", {"number": n}, request_id=n) for n in range(64)))
    assert [(one["id"], one["result"]["structuredContent"]) for one in responses] == [
        (n, {"result": n}) for n in range(64)
    ]


@on_loop
async def test_sixty_four_async_calls_run_at_once() -> None:
    mcp = make()
    together = asyncio.Barrier(64)

    @mcp.tool()
    async def meet(number: int) -> int:
        await together.wait()
        return number

    app = mcp.asgi(settings())
    responses = await asyncio.gather(*(call(app, "meet", {"number": n}, request_id=n) for n in range(64)))
    assert [(one["id"], one["result"]["structuredContent"]) for one in responses] == [
        (n, {"result": n}) for n in range(64)
    ]


@on_loop
async def test_more_calls_than_threads_are_all_answered() -> None:
    app = echo_server().asgi(settings())
    names = ["echo", "echo_async"] * 150
    responses = await asyncio.gather(
        *(call(app, name, {"text": str(n)}, request_id=n) for n, name in enumerate(names))
    )
    assert [one["result"]["content"][0]["text"] for one in responses] == [str(n) for n in range(300)]


@pytest.mark.parametrize("name", ["plain", "asynchronous"])
@on_loop
async def test_context_variables_of_the_application_reach_the_tools(name: str) -> None:
    mcp = make()
    user: contextvars.ContextVar[str] = contextvars.ContextVar("user", default="nobody")

    @mcp.tool()
    def plain() -> str:
        return user.get()

    @mcp.tool()
    async def asynchronous() -> str:
        return user.get()

    app = mcp.asgi(settings())

    async def around(scope: Any, receive: Any, send: Any) -> None:
        token = user.set("ada")
        try:
            await app(scope, receive, send)
        finally:
            user.reset(token)

    assert await exchange(around, tool_call(name)) == [start(200), body(text_result("ada"))]


@pytest.mark.parametrize("emit", [False, True])
@on_loop
async def test_a_tool_whose_own_task_was_cancelled_has_failed(emit: bool) -> None:
    mcp = make()

    @mcp.tool()
    async def work(ctx: Context) -> str:
        if emit:
            await ctx.report_progress(1)
        task = asyncio.ensure_future(asyncio.Event().wait())
        task.cancel()
        await task
        return "never"

    *_, last = await exchange(mcp.asgi(settings()), tool_call("work", progressToken="p"))
    data = last["body"]
    result = (unframe(data) if emit else msgspec.json.decode(data))["result"]
    assert result["isError"] is True
    assert "Error executing tool " in result["content"][0]["text"]


def test_one_application_serves_one_loop_after_another() -> None:
    app = echo_server().asgi(settings())

    @on_loop
    async def once() -> None:
        assert await exchange(app, tool_call("echo_async", {"text": "hi"})) == [
            start(200),
            body(text_result("hi")),
        ]

    for _ in range(3):
        once()


@on_loop
async def test_an_application_that_is_dropped_takes_its_threads_along() -> None:
    before = set(threading.enumerate())
    app = echo_server().asgi(settings())
    await call(app, "echo")
    mine = set(threading.enumerate()) - before
    assert mine
    del app
    await asyncio.sleep(0)

    def gone() -> bool:
        gc.collect()
        return not any(thread.is_alive() for thread in mine)

    await until(gone)


# Middleware on a live host.


@on_loop
async def test_middleware_is_around_streams_too() -> None:
    seen: list[str] = []

    def watch(call: Call, following: Handler) -> Any:
        seen.append(f"{call.method} {call.name}")
        try:
            return following(call)
        finally:
            seen.append("over")

    mcp = make(middleware=[watch])

    @mcp.tool()
    async def work(ctx: Context) -> str:
        await ctx.report_progress(1)
        await asyncio.Event().wait()
        return "never"

    async with Exchange(mcp.asgi(settings()), tool_call("work", progressToken="p")) as one:
        await one.next()
        one.leave()
        await one.task
    assert seen == ["tools/call work", "over"]


# Other scopes.


@on_loop
async def test_the_lifespan_is_answered() -> None:
    app = echo_server().asgi(settings())
    incoming: asyncio.Queue[Any] = asyncio.Queue()
    outgoing: asyncio.Queue[Any] = asyncio.Queue()
    task = asyncio.ensure_future(app({"type": "lifespan"}, incoming.get, outgoing.put))
    incoming.put_nowait({"type": "lifespan.startup"})
    assert await outgoing.get() == {"type": "lifespan.startup.complete"}
    assert await exchange(app, tool_call("echo")) == [start(200), body(text_result(""))]
    incoming.put_nowait({"type": "lifespan.shutdown"})
    assert await outgoing.get() == {"type": "lifespan.shutdown.complete"}
    await task


@on_loop
async def test_a_websocket_is_closed() -> None:
    sent: list[Any] = []
    incoming: asyncio.Queue[Any] = asyncio.Queue()
    incoming.put_nowait({"type": "websocket.connect"})

    async def send(message: Any) -> None:
        sent.append(message)

    await echo_server().asgi(settings())({"type": "websocket"}, incoming.get, send)
    assert sent == [{"type": "websocket.close", "code": 1003}]


# The size of a response.


@pytest.mark.parametrize("limit", [None, 6_291_556])
@on_loop
async def test_only_lambda_has_a_limit_for_the_response(limit: int | None) -> None:
    mcp = make()

    @mcp.tool()
    def export(ctx: Context) -> str:
        ctx.info("x" * 7_000_000)
        return "y" * 7_000_000

    app = mcp.asgi(settings(response_limit=limit))
    _, told, last = await exchange(app, tool_call("export", logLevel="info"))
    assert unframe(told["body"])["params"]["data"] == "x" * 7_000_000  # sent when it was told
    result = unframe(last["body"])["result"]
    if limit is None:
        assert result["content"][0]["text"] == "y" * 7_000_000
    else:
        assert result["isError"] is True
        assert result["content"][0]["text"].endswith("the limit is 6291556: return less, or a ResourceLink")
