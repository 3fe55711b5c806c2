"""The ASGI application inside others."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware as Wrapped
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from tests import support
from tests.hosts.asgi.driving import (
    Exchange,
    exchange,
    http,
    make,
    on_loop,
    post,
    progress,
    settings,
    streamed,
    text_result,
    tool_call,
    until,
    uvicorn_of,
)

from lambent import Context, MCPServer, OAuth
from lambent.hosts import asgi


def server(name: str = "here") -> MCPServer:
    mcp = make()

    @mcp.tool()
    async def where() -> str:
        return name

    return mcp


async def hello(request: Request) -> Response:
    return PlainTextResponse("hello")


def client_of(app: Any) -> httpx.AsyncClient:
    """A client of an application without a server, and without a lifespan."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://testserver")


@pytest.mark.parametrize(
    ("path", "app"),
    [
        ("/api/mcp/", Starlette(routes=[Mount("/api/mcp", server().asgi(settings()))])),
        ("/api/mcp/deeper", Starlette(routes=[Mount("/api/mcp", server().asgi(settings()))])),
        (
            "/a/b/",
            Starlette(routes=[Mount("/a", Starlette(routes=[Mount("/b", server().asgi(settings()))]))]),
        ),
        ("/mcp", Starlette(routes=[Route("/mcp", server().asgi(settings()))])),
        ("/mcp", Starlette(routes=[Route("/hello", hello), Mount("/", server().asgi(settings()))])),
    ],
    ids=["mount", "below a mount", "mounts", "route", "beside a route"],
)
@on_loop
async def test_it_can_be_mounted_anywhere_without_a_lifespan(path: str, app: Starlette) -> None:
    async with client_of(app) as client:
        response = await post(client, path, tool_call("where"))
    assert (response.status_code, response.content) == (200, text_result("here"))


@on_loop
async def test_a_mount_without_its_slash_is_redirected_as_starlette_does() -> None:
    app = Starlette(routes=[Mount("/mcp", server().asgi(settings()))])
    async with client_of(app) as client:
        response = await post(client, "/mcp", tool_call("where"))
        assert (response.status_code, response.headers["location"]) == (307, "http://testserver/mcp/")
        followed = await client.send(response.next_request) if response.next_request else None
    assert followed is not None
    assert followed.content == text_result("here")


@on_loop
async def test_a_route_refuses_other_methods_in_the_servers_own_words() -> None:
    app = Starlette(routes=[Route("/mcp", server().asgi(settings()))])
    async with client_of(app) as client:
        for method in ("GET", "HEAD", "DELETE", "PUT"):
            response = await client.request(method, "/mcp")
            assert (response.status_code, response.headers["allow"]) == (405, "POST")


@on_loop
async def test_the_application_around_keeps_its_own_lifespan() -> None:
    seen: list[str] = []

    class Lifespan:
        def __init__(self, app: Starlette) -> None: ...

        async def __aenter__(self) -> None:
            seen.append("up")

        async def __aexit__(self, *args: Any) -> None:
            seen.append("down")

    routes = [Route("/hello", hello), Mount("/mcp", server().asgi(settings()))]
    app = Starlette(routes=routes, lifespan=Lifespan)
    async with uvicorn_of(app, lifespan="on") as url, http() as client:
        assert seen == []  # uvicorn has not had its turn yet
        assert (await client.get(f"{url}/hello")).text == "hello"
        assert (await post(client, f"{url}/mcp/", tool_call("where"))).content == text_result("here")
        assert seen == ["up"]
    assert seen == ["up", "down"]


@on_loop
async def test_two_servers_share_an_application_and_its_loop() -> None:
    app = Starlette(
        routes=[
            Mount("/one", server("one").asgi(settings())),
            Mount("/two", server("two").asgi(settings())),
        ]
    )
    async with client_of(app) as client:
        answers = await asyncio.gather(
            *(post(client, f"/{name}/", tool_call("where")) for name in ["one", "two"] * 20)
        )
    assert [answer.content for answer in answers] == [text_result("one"), text_result("two")] * 20


# Middleware of the application around.


async def stamp(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await call_next(request)
    response.headers["x-stamp"] = request.headers["mcp-method"]
    return response


async def read_first(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    size = len(await request.body())
    response = await call_next(request)
    response.headers["x-stamp"] = str(size)
    return response


@on_loop
async def test_middleware_sees_request_and_response() -> None:
    routes = [Mount("/mcp", server().asgi(settings()))]
    for dispatch in (stamp, read_first):
        app = Starlette(routes=routes, middleware=[Wrapped(BaseHTTPMiddleware, dispatch=dispatch)])
        async with client_of(app) as client:
            response = await post(client, "/mcp/", tool_call("where"))
        assert response.content == text_result("here")
        expected = {stamp: "tools/call", read_first: str(len(support.dumps(tool_call("where"))))}
        assert response.headers["x-stamp"] == expected[dispatch]


@pytest.mark.parametrize(
    "middleware",
    [
        Wrapped(BaseHTTPMiddleware, dispatch=stamp),
        Wrapped(BaseHTTPMiddleware, dispatch=read_first),
        Wrapped(GZipMiddleware, minimum_size=1),
        Wrapped(CORSMiddleware, allow_origins=["*"]),
        Wrapped(TrustedHostMiddleware, allowed_hosts=["127.0.0.1"]),
    ],
    ids=["dispatch", "dispatch that reads", "gzip", "cors", "trusted host"],
)
@on_loop
async def test_streams_stay_live_behind_middleware(middleware: Wrapped) -> None:
    mcp = make()
    go, cleaned = threading.Event(), threading.Event()

    @mcp.tool()
    def work(ctx: Context) -> str:
        ctx.report_progress(1)
        assert go.wait(20)
        return "worked"

    @mcp.tool()
    async def linger(ctx: Context) -> str:
        await ctx.report_progress(1)
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.set()
        return "never"

    app = Starlette(routes=[Mount("/mcp", mcp.asgi(settings()))], middleware=[middleware])
    async with uvicorn_of(app) as url, http() as client:
        async with streamed(client, f"{url}/mcp/", tool_call("work", progressToken="p")) as (_, frames):
            assert await anext(frames) == support.frames(progress(1))
            go.set()
            assert [frame async for frame in frames] == [support.frames(text_result("worked"))]
        async with streamed(client, f"{url}/mcp/", tool_call("linger", progressToken="p")) as (_, frames):
            assert await anext(frames) == support.frames(progress(1))
        await until(cleaned.is_set)


@on_loop
async def test_an_application_that_passes_lifespans_on_can_wrap_it() -> None:
    app = server().asgi(settings())
    passed: list[str] = []

    async def around(scope: Any, receive: Any, send: Any) -> None:
        passed.append(scope["type"])
        await app(scope, receive, send)

    async with uvicorn_of(around, lifespan="on") as url, http() as client:
        assert (await post(client, url, tool_call("where"))).content == text_result("here")
    assert passed == ["lifespan", "http"]


@on_loop
async def test_a_server_side_timeout_cancels_the_call() -> None:
    mcp = make()
    started, cleaned = asyncio.Event(), asyncio.Event()

    @mcp.tool()
    async def work() -> str:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.set()
        return "never"

    app = mcp.asgi(settings())
    given_up: list[bool] = []

    async def impatient(scope: Any, receive: Any, send: Any) -> None:
        inner = asyncio.ensure_future(app(scope, receive, send))
        await started.wait()
        inner.cancel()
        await asyncio.wait([inner])
        given_up.append(inner.cancelled())
        await send({"type": "http.response.start", "status": 504, "headers": []})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    sent = await exchange(impatient, tool_call("work"))
    await cleaned.wait()
    assert given_up == [True]
    assert [message.get("status") for message in sent] == [504, None]


@on_loop
async def test_a_mounted_websocket_is_refused() -> None:
    app = Starlette(routes=[Mount("/mcp", server().asgi(settings()))])
    one = Exchange(app, path="/mcp/")
    sent: list[Any] = []
    incoming: asyncio.Queue[Any] = asyncio.Queue()
    incoming.put_nowait({"type": "websocket.connect"})

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {**one.scope, "type": "websocket", "scheme": "ws", "subprotocols": []}
    await app(scope, incoming.get, send)
    assert [message["type"] for message in sent] == ["websocket.close"]


NOTHING = b'{"error":"not_found","error_description":"There is nothing at this path."}'
WELL = b'{"status":"ok"}'


@pytest.mark.parametrize(
    ("app", "root"),
    [
        (server().asgi(settings()), ""),
        (Starlette(routes=[Mount("/tools", server().asgi(settings()))]), "/tools"),
        (Starlette(routes=[Route("/hello", hello), Mount("/", server().asgi(settings()))]), ""),
        (Starlette(routes=[Mount("/a", Starlette(routes=[Mount("/b", server().asgi(settings()))]))]), "/a/b"),
    ],
    ids=["alone", "mount", "mount of everything", "mounts"],
)
@on_loop
async def test_paths_beside_the_endpoint(app: Any, root: str) -> None:
    async with client_of(app) as client:
        for path in (
            "/.well-known/oauth-protected-resource",
            "/mcp/.well-known/openid-configuration",
            "/token",
        ):
            for method, body in (("GET", NOTHING), ("HEAD", b"")):
                missing = await client.request(method, root + path)
                assert (missing.status_code, missing.content) == (404, body)
                assert missing.headers["content-type"] == "application/json"
                assert missing.headers["access-control-allow-origin"] == "*"
            preflight = await client.options(root + path, headers={"origin": "https://inspector.example"})
            assert (preflight.status_code, preflight.headers["access-control-allow-origin"]) == (204, "*")
        probe = await client.post(f"{root}/register", json={"client_name": "x"})
        assert (probe.status_code, probe.content) == (404, NOTHING)
        for method, body in (("GET", WELL), ("HEAD", b"")):
            healthy = await client.request(method, f"{root}/health")
            assert (healthy.status_code, healthy.content) == (200, body)
            assert healthy.headers["cache-control"] == "no-store"
        assert (await post(client, f"{root}/health", tool_call("where"))).content == text_result("here")


@on_loop
async def test_the_health_path_hides_nothing_of_the_application_around() -> None:
    routes = [
        Mount("/health", server().asgi(settings())),
        Route("/healthy", hello),
        Mount("/tools", server().asgi(settings(health_path="/"))),
    ]
    async with client_of(Starlette(routes=routes)) as client:
        assert (await client.get("/healthy")).text == "hello"
        assert (await client.get("/health/")).status_code == 405  # the endpoint
        assert (await client.get("/health/health")).content == WELL
        assert (await client.get("/tools/health")).status_code == 405
        assert (await client.get("/tools/")).content == WELL


@on_loop
async def test_health_does_not_wait_for_calls_that_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asgi, "_RUNNING", 1)
    mcp, go, begun = make(), asyncio.Event(), asyncio.Event()

    @mcp.tool()
    async def work() -> str:
        begun.set()
        await go.wait()
        return "worked"

    async with client_of(mcp.asgi(settings())) as client:
        working = asyncio.ensure_future(post(client, "/mcp", tool_call("work")))
        await begun.wait()
        assert (await client.get("/health")).content == WELL
        go.set()
        assert (await working).content == text_result("worked")


@on_loop
async def test_a_router_leaves_the_health_path_to_the_application() -> None:
    app = FastAPI()
    app.include_router(server().fastapi_router("/mcp", settings()))

    @app.get("/health")
    def health() -> str:
        return "its own"

    async with client_of(app) as client:
        assert (await client.get("/health")).json() == "its own"
        assert (await client.get("/mcp")).status_code == 405


@pytest.mark.parametrize(
    ("app", "path"),
    [
        (lambda mcp: mcp.asgi(settings()), "/mcp"),
        (lambda mcp: Starlette(routes=[Mount("/shop/mcp", mcp.asgi(settings()))]), "/shop/mcp"),
    ],
)
def test_the_card_lies_beside_the_endpoint(app: Callable[[MCPServer], Any], path: str) -> None:
    async def run() -> None:
        async with client_of(app(server())) as client:
            found = await client.get(f"{path}/server-card")
            assert found.status_code == 200
            assert found.headers["content-type"] == "application/mcp-server-card+json"
            # A Host header is the client's own word: no address is better than one of its choosing.
            assert "remotes" not in found.json()
            assert "testserver" not in found.text
            known = {"if-none-match": found.headers["etag"]}
            assert (await client.get(f"{path}/server-card", headers=known)).status_code == 304
            assert (await client.head(f"{path}/server-card")).content == b""

    asyncio.run(run())


def test_a_card_names_the_address_that_is_set() -> None:
    async def run() -> None:
        app = server().asgi(settings(public_url="https://mcp.example.com"))
        async with client_of(app) as client:
            (remote,) = (await client.get("/mcp/server-card")).json()["remotes"]
            assert remote["url"] == "https://mcp.example.com/mcp"

    asyncio.run(run())


@pytest.mark.parametrize(
    ("public_url", "audience"),
    [
        ("https://shop.test", ()),
        ("https://shop.test/tools", ()),  # that of the mount
        (None, "https://shop.test/tools{below}"),
    ],
)
@pytest.mark.parametrize("below", ["", "/mcp"])
def test_a_challenge_leads_to_metadata_below_the_mount(
    public_url: str | None, audience: Any, below: str
) -> None:
    async def run() -> None:
        known = audience.format(below=below) if audience else ()
        mcp = make(auth=OAuth(issuer="https://issuer.test", audience=known))
        app = FastAPI()
        app.mount("/tools", mcp.asgi(settings(public_url=public_url)))
        where = f"/tools/.well-known/oauth-protected-resource{below}"
        async with client_of(app) as client:
            refused = await client.post(f"/tools{below or '/'}", json=support.message("tools/list"))
            assert refused.status_code == 401
            challenge = f'Bearer resource_metadata="https://shop.test{where}"'
            assert refused.headers["www-authenticate"] == challenge
            found = await client.get(where)
            assert (found.status_code, found.json()["resource"]) == (200, f"https://shop.test/tools{below}")

    asyncio.run(run())


def test_with_a_path_in_the_settings_metadata_is_where_that_path_says() -> None:
    async def run() -> None:
        mcp = make(auth=OAuth(issuer="https://issuer.test"))
        known = settings(public_url="https://shop.test", mcp_path="/tools/mcp")
        app, inner = FastAPI(), FastAPI()
        inner.include_router(mcp.fastapi_router("/mcp", known))
        app.mount("/tools", inner)
        async with client_of(app) as client:
            refused = await client.post("/tools/mcp", json=support.message("tools/list"))
        where = "https://shop.test/.well-known/oauth-protected-resource/tools/mcp"
        assert refused.headers["www-authenticate"] == f'Bearer resource_metadata="{where}"'

    asyncio.run(run())
