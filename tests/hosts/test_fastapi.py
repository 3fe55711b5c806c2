"""The MCP endpoint as a FastAPI router."""

import asyncio
import contextvars
import threading
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, Any
from unittest import mock

import httpx
import pytest
from fastapi import BackgroundTasks, Depends, FastAPI, Header, HTTPException, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from pydantic import BaseModel
from tests import support
from tests.hosts.asgi.driving import (
    Exchange,
    http,
    make,
    on_loop,
    post,
    progress,
    settings,
    start,
    streamed,
    subscription,
    text_result,
    tool_call,
    uvicorn_of,
)

from lambent import Context, MCPServer, OAuth, Registration
from lambent.execution.handlers import subscriptions
from lambent.hosts.registration import RegistrationFacade


def server() -> MCPServer:
    mcp = make(title="The shop")

    @mcp.tool()
    def where() -> str:
        return "here"

    return mcp


def application(mcp: MCPServer | None = None, **options: Any) -> FastAPI:
    app = FastAPI()
    app.include_router((mcp or server()).fastapi_router("/mcp", settings()), **options)

    @app.get("/hello")
    def hello() -> str:
        return "hello"

    return app


def client_of(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://testserver")


def answer(text: str) -> bytes:
    """The response of a server with a title."""
    return text_result(text).replace(b'"version":"1.2.3"', b'"version":"1.2.3","title":"The shop"')


# The endpoint.


@on_loop
async def test_it_answers_beside_the_routes_of_the_application() -> None:
    async with client_of(application()) as client:
        response = await post(client, "/mcp", tool_call("where"))
        assert (response.status_code, response.content) == (200, answer("here"))
        assert response.headers["content-type"] == "application/json"
        assert (await client.get("/hello")).json() == "hello"


@on_loop
async def test_it_does_so_below_a_prefix_and_twice() -> None:
    app = FastAPI()
    app.include_router(server().fastapi_router("/mcp", settings()), prefix="/v1")
    app.include_router(server().fastapi_router("/other/mcp", settings()))
    async with client_of(app) as client:
        for path in ("/v1/mcp", "/other/mcp"):
            assert (await post(client, path, tool_call("where"))).content == answer("here")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            operations = (await client.get("/openapi.json")).json()["paths"]
    ids = [operations[path]["post"]["operationId"] for path in ("/v1/mcp", "/other/mcp")]
    assert len(set(ids)) == 2


@on_loop
async def test_a_mounted_asgi_application_does_as_well() -> None:
    app = FastAPI()
    app.mount("/mcp", server().asgi(settings()))
    async with client_of(app) as client:
        assert (await post(client, "/mcp/", tool_call("where"))).content == answer("here")


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "PUT", "PATCH"])
@on_loop
async def test_other_methods_are_refused(method: str) -> None:
    async with client_of(application()) as client:
        response = await client.request(method, "/mcp")
    assert (response.status_code, response.headers["allow"]) == (405, "POST")


@on_loop
async def test_a_preflight_is_answered_by_the_server() -> None:
    async with client_of(application()) as client:
        response = await client.options("/mcp", headers={"origin": "http://localhost:5173"})
        assert response.status_code == 204
        assert response.headers["access-control-allow-origin"] == "http://localhost:5173"
        assert (await client.options("/mcp", headers={"origin": "https://evil.example"})).status_code == 403


@on_loop
async def test_errors_keep_their_status() -> None:
    async with client_of(application()) as client:
        unknown = await post(client, "/mcp", support.message("nothing/known"))
        garbage = await client.post(
            "/mcp", content=b"{", headers=support.headers_of(support.message("tools/list"))
        )
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, -32601)
    assert (garbage.status_code, garbage.json()["error"]["code"]) == (400, -32700)


@on_loop
async def test_the_openapi_page_shows_it() -> None:
    async with client_of(application()) as client:
        described = (await client.get("/openapi.json")).json()
        page = await client.get("/docs")
    assert sorted(described["paths"]) == ["/hello", "/mcp"]
    assert list(described["paths"]["/mcp"]) == ["post"]
    operation = described["paths"]["/mcp"]["post"]
    assert operation["summary"] == "MCP endpoint of The shop"
    assert operation["tags"] == ["MCP"]
    assert list(operation["requestBody"]["content"]) == ["application/json"]
    assert sorted(operation["responses"]["200"]["content"]) == ["application/json", "text/event-stream"]
    assert {"200", "202", "400"} <= set(operation["responses"])
    assert "422" not in operation["responses"]
    assert page.status_code == 200


# FastAPI's own around it.


@on_loop
async def test_a_dependency_guards_it() -> None:
    def guard(x_api_key: Annotated[str | None, Header()] = None) -> None:
        if x_api_key != "s3cret":
            raise HTTPException(401, "no key")

    app = application(dependencies=[Depends(guard)])
    async with client_of(app) as client:
        refused = await post(client, "/mcp", tool_call("where"))
        assert (refused.status_code, refused.json()) == (401, {"detail": "no key"})
        allowed = await post(client, "/mcp", tool_call("where"), **{"x-api-key": "s3cret"})
        assert allowed.content == answer("here")


@on_loop
async def test_a_dependency_that_yields_is_open_while_the_tool_runs() -> None:
    seen: list[str] = []

    async def session() -> AsyncIterator[None]:
        seen.append("open")
        yield
        seen.append("closed")

    mcp = make()

    @mcp.tool()
    def work() -> None:
        seen.append("work")

    app = application(mcp, dependencies=[Depends(session)])
    async with client_of(app) as client:
        await post(client, "/mcp", tool_call("work"))
    assert seen == ["open", "work", "closed"]


@pytest.mark.parametrize("name", ["plain", "asynchronous"])
@on_loop
async def test_what_a_dependency_finds_out_reaches_the_tools(name: str) -> None:
    user: contextvars.ContextVar[str] = contextvars.ContextVar("user")

    async def who(x_user: Annotated[str, Header()]) -> None:
        user.set(x_user)

    mcp = make(title="The shop")

    @mcp.tool()
    def plain() -> str:
        return user.get()

    @mcp.tool()
    async def asynchronous() -> str:
        return user.get()

    app = application(mcp, dependencies=[Depends(who)])
    async with client_of(app) as client:
        responses = await asyncio.gather(
            *(post(client, "/mcp", tool_call(name), **{"x-user": f"user-{n}"}) for n in range(10))
        )
    assert [response.content for response in responses] == [answer(f"user-{n}") for n in range(10)]


@pytest.mark.parametrize("read", ["body", "json", "stream"])
@on_loop
async def test_a_dependency_may_read_the_body(read: str) -> None:
    async def signed(request: Request) -> None:
        if read == "stream":
            assert b"".join([chunk async for chunk in request.stream()])
        else:
            assert await getattr(request, read)()

    app = application(dependencies=[Depends(signed)])
    async with client_of(app) as client, asyncio.timeout(5):
        response = await post(client, "/mcp", tool_call("where"))
    # What was streamed away is gone, as it is for any endpoint; what FastAPI keeps is there.
    if read == "stream":
        assert response.status_code == 400
    else:
        assert response.content == answer("here")


@on_loop
async def test_background_tasks_of_a_dependency_run() -> None:
    seen: list[str] = []

    def audit(tasks: BackgroundTasks) -> None:
        tasks.add_task(seen.append, "audited")

    app = application(dependencies=[Depends(audit)])
    async with client_of(app) as client:
        assert (await post(client, "/mcp", tool_call("where"))).content == answer("here")
    assert seen == ["audited"]


@on_loop
async def test_middleware_sees_request_and_response() -> None:
    app = application()

    @app.middleware("http")
    async def stamp(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        size = len(await request.body())
        response = await call_next(request)
        response.headers["x-size"] = str(size)
        return response

    async with client_of(app) as client:
        response = await post(client, "/mcp", tool_call("where"))
    assert response.content == answer("here")
    assert response.headers["x-size"] == str(len(support.dumps(tool_call("where"))))


@on_loop
async def test_cors_of_the_application_answers_preflights() -> None:
    app = application()
    app.add_middleware(
        CORSMiddleware, allow_origins=["https://app.example.com"], allow_methods=["POST"], allow_headers=["*"]
    )
    headers = {"origin": "https://app.example.com", "access-control-request-method": "POST"}
    async with client_of(app) as client:
        response = await client.options("/mcp", headers=headers)
    assert (response.status_code, response.headers["access-control-allow-origin"]) == (
        200,
        "https://app.example.com",
    )


# Live.


@on_loop
async def test_streams_are_live() -> None:
    mcp = make(title="The shop")
    go = threading.Event()
    left = asyncio.Event()

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
            left.set()
        return "never"

    app = application(mcp)

    @app.middleware("http")
    async def pass_on(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        return await call_next(request)

    async with uvicorn_of(app) as url, http() as client:
        async with streamed(client, f"{url}/mcp", tool_call("work", progressToken="p")) as (_, frames):
            assert await anext(frames) == support.frames(progress(1))
            go.set()
            assert [frame async for frame in frames] == [support.frames(answer("worked"))]
        async with streamed(client, f"{url}/mcp", tool_call("linger", progressToken="p")) as (_, frames):
            await anext(frames)
        await left.wait()


@on_loop
async def test_a_subscription_hears_of_other_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriptions, "_POLL_SECONDS", 0.005)
    mcp = make()

    @mcp.resource("desk://lamp")
    def lamp() -> str:
        return "on"

    @mcp.tool()
    def switch(ctx: Context) -> str:
        ctx.notify_resource_updated("desk://lamp")
        return "switched"

    app = application(mcp)
    async with (
        Exchange(app, subscription(resourceSubscriptions=["desk://lamp"])) as one,
        client_of(app) as client,
    ):
        assert await one.next() == start(200, support.SSE_HEADERS)
        await one.heard()
        await post(client, "/mcp", tool_call("switch"))
        assert (await one.heard())["params"]["uri"] == "desk://lamp"
        one.leave()


@on_loop
async def test_a_tool_and_an_endpoint_share_a_model_and_the_loop() -> None:
    class Item(BaseModel):
        sku: str
        stock: int

    loops: list[asyncio.AbstractEventLoop] = []

    async def find(sku: str) -> Item:
        loops.append(asyncio.get_running_loop())
        return Item(sku=sku, stock=3)

    mcp = make()
    mcp.tool()(find)
    app = application(mcp)
    app.get("/items/{sku}")(find)
    async with uvicorn_of(app) as url, http() as client:
        rest = (await client.get(f"{url}/items/A1")).json()
        called = (await post(client, f"{url}/mcp", tool_call("find", {"sku": "A1"}))).json()
    assert rest == called["result"]["structuredContent"] == {"sku": "A1", "stock": 3}
    assert loops == [asyncio.get_running_loop()] * 2


@pytest.mark.parametrize(
    ("name", "media_type"),
    [("server-card", "application/mcp-server-card+json"), ("server.json", "application/json")],
)
def test_the_card_is_served_wherever_the_router_is(name: str, media_type: str) -> None:
    async def run() -> None:
        path = f"/api/mcp/{name}"
        async with client_of(application(prefix="/api")) as client:
            found = await client.get(path)
            assert (found.status_code, found.headers["content-type"]) == (200, media_type)
            known = {"if-none-match": found.headers["etag"]}
            assert (await client.get(path, headers=known)).status_code == 304
            assert (await client.head(path)).status_code == 200
            assert (await client.post(path)).status_code == 405
            assert path not in (await client.get("/openapi.json")).json()["paths"]

    asyncio.run(run())


@pytest.mark.parametrize("prefix", ["", "/api"])
def test_a_challenge_leads_to_metadata_that_the_router_has(prefix: str) -> None:
    async def run() -> None:
        host, path = "https://shop.test", f"{prefix}/mcp"
        mcp = make(auth=OAuth(issuer="https://issuer.test"))
        app = FastAPI()
        app.include_router(mcp.fastapi_router("/mcp", settings(public_url=host)), prefix=prefix)
        async with client_of(app) as client:
            refused = await client.post(path, json=support.message("tools/list"))
            where = f"{prefix}/.well-known/oauth-protected-resource/mcp"
            assert refused.status_code == 401
            assert refused.headers["www-authenticate"] == f'Bearer resource_metadata="{host}{where}"'
            found = await client.get(where)
            assert (found.status_code, found.json()["resource"]) == (200, host + path)
            assert (await client.options(where)).status_code == 204
            assert (await client.head(where)).status_code == 200
            assert where not in (await client.get("/openapi.json")).json()["paths"]

    asyncio.run(run())


@pytest.mark.parametrize("prefix", ["", "/v1"])
def test_clients_can_register_at_a_router(prefix: str) -> None:
    callback, url = "http://localhost:8765/callback", f"https://shop.test{prefix}/mcp"
    registration = Registration(
        client_id="client-1",
        redirect_uris=[callback],
        authorization_endpoint="https://issuer.test/authorize",
        token_endpoint="https://issuer.test/token",
    )

    async def run() -> None:
        mcp = make(auth=OAuth(issuer="https://issuer.test", registration=registration))
        app = FastAPI()
        app.include_router(
            mcp.fastapi_router("/mcp", settings(public_url="https://shop.test")), prefix=prefix
        )
        with mock.patch.object(RegistrationFacade, "_read_own", return_value=None):
            async with client_of(app) as client:
                for path in ("oauth-authorization-server/mcp", "openid-configuration/mcp"):
                    found = await client.get(f"{prefix}/.well-known/{path}")
                    assert (found.status_code, found.json()["issuer"]) == (200, url)
                found = await client.get(f"{prefix}/mcp/.well-known/openid-configuration")
                assert (found.status_code, found.json()["issuer"]) == (200, url)
                assert found.json()["registration_endpoint"] == f"{url}/register"
                made = await client.post(f"{prefix}/mcp/register", json={"redirect_uris": [callback]})
                assert (made.status_code, made.json()["client_id"]) == (201, "client-1")
                assert (await client.options(f"{prefix}/mcp/register")).status_code == 204
                assert (await client.post(f"{prefix}/mcp", json={})).status_code == 401
        app = application()
        async with client_of(app) as client:
            assert (await client.post("/mcp/register", json={})).status_code == 404

    asyncio.run(run())


def test_a_router_without_authorization_has_no_metadata() -> None:
    async def run() -> None:
        async with client_of(application()) as client:
            assert (await client.get("/.well-known/oauth-protected-resource/mcp")).status_code == 404

    asyncio.run(run())
