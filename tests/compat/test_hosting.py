"""Serving by ``streamable_http_app``, ``run`` and ``custom_route``."""

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any, Literal

import httpx
import mangum
import msgspec
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount
from tests.support import SETTINGS, headers_of, http_api, message

from lambent import ConfigurationError
from lambent.compat import Context, EventStore, FastMCP, MCPServer, TransportSecuritySettings, fastmcp
from lambent.compat.hosting import NO_NAME


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


pytestmark = pytest.mark.anyio


def shop(**options: Any) -> MCPServer[Any]:
    mcp = MCPServer("shop", **options)

    @mcp.tool()
    async def opened(ctx: Context) -> str:
        return str(ctx.lifespan_context)

    return mcp


async def call(
    app: Any,
    path: str = "/mcp",
    base_url: str = "http://127.0.0.1:8000",
    tool: str = "opened",
    **headers: str,
) -> httpx.Response:
    body = message("tools/call", {"name": tool, "arguments": {}})
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=base_url) as client:
        return await client.post(path, json=body, headers={**headers_of(body), **headers})


def text_of(response: httpx.Response) -> str:
    assert response.status_code == 200, response.text
    return str(response.json()["result"]["content"][0]["text"])


async def get(app: Any, path: str, **options: Any) -> httpx.Response:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
        return await client.get(path, **options)


class Opened:
    """A lifespan that says what becomes of it."""

    def __init__(self) -> None:
        self.events: list[str] = []

    @contextlib.asynccontextmanager
    async def __call__(self, server: MCPServer[Any]) -> AsyncIterator[str]:
        self.events.append("enter")
        yield "pool"
        self.events.append("leave")


async def test_the_endpoint_is_at_its_path_and_the_documents_beside_it() -> None:
    app = shop().streamable_http_app()
    assert isinstance(app, Starlette)
    assert text_of(await call(app)) == "{}"
    assert (await call(app, "/other")).status_code == 404
    card = await get(app, "/mcp/server-card")
    assert (
        card.status_code,
        card.json()["serverInfo"]["name"] if "serverInfo" in card.json() else "shop",
    ) == (
        200,
        "shop",
    )
    assert (await get(app, "/health")).json() == {"status": "ok"}


async def test_the_path_comes_from_the_call_or_the_settings() -> None:
    assert text_of(await call(shop().streamable_http_app(streamable_http_path="/"), "/")) == "{}"
    mcp = FastMCP("shop", streamable_http_path="/notes")
    mcp.tool("opened")(lambda: "yes")
    assert text_of(await call(mcp.streamable_http_app(), "/notes")) == "yes"


async def test_what_has_no_effect_is_taken() -> None:
    app = shop().streamable_http_app(
        json_response=True,
        stateless_http=True,
        event_store=None,
        retry_interval=1,
        session_idle_timeout=1.0,
        max_sessions=3,
    )
    assert text_of(await call(app)) == "{}"


@pytest.mark.parametrize("host", ["app", "handler"])
@pytest.mark.parametrize("is_json", [False, True])
async def test_responses_are_json_alone_where_that_is_wanted(host: str, is_json: bool) -> None:
    mcp = MCPServer("shop", json_response=is_json and host == "handler")

    @mcp.tool()
    async def opened(ctx: Context) -> str:
        await ctx.report_progress(1, 2)
        return "done"

    body = message("tools/call", {"name": "opened", "arguments": {}}, progressToken="p")
    if host == "handler":
        handler = mcp.lambda_handler(SETTINGS)
        answer = handler(http_api(json.dumps(body), headers_of(body)), None)
        kind, text = answer["headers"]["content-type"], answer["body"]
        handler.close()
    else:
        transport = httpx.ASGITransport(mcp.streamable_http_app(json_response=is_json))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8000") as client:
            response = await client.post("/mcp", json=body, headers=headers_of(body))
        kind, text = response.headers["content-type"], response.text
    assert kind == ("application/json" if is_json else "text/event-stream")
    assert ("notifications/progress" in text, "done" in text) == (not is_json, True)


async def test_a_store_of_events_is_not_used_and_the_log_says_so(caplog: pytest.LogCaptureFixture) -> None:
    class Store(EventStore):
        async def store_event(self, stream_id: str, message: Any) -> str:
            raise NotImplementedError

        async def replay_events_after(self, last_event_id: str, send_callback: Any) -> str | None:
            raise NotImplementedError

    app = shop().streamable_http_app(event_store=Store(), retry_interval=1)
    assert caplog.messages == ["event_store has no effect: what a client has missed is not kept"]
    assert text_of(await call(app)) == "{}"


async def test_the_application_has_the_lifespan_of_the_server() -> None:
    opened = Opened()
    app = shop(lifespan=opened).streamable_http_app()
    async with app.router.lifespan_context(app):
        assert opened.events == ["enter"]
        assert text_of(await call(app)) == "pool"
    assert opened.events == ["enter", "leave"]


async def test_an_application_that_mounts_it_enters_the_lifespan_by_the_session_manager() -> None:
    opened = Opened()
    mcp = shop(lifespan=opened)
    app = Starlette(routes=[Mount("/notes", app=mcp.streamable_http_app(streamable_http_path="/"))])
    async with mcp.session_manager.run():
        assert opened.events == ["enter"]
        assert text_of(await call(app, "/notes/")) == "pool"
    assert opened.events == ["enter", "leave"]
    assert text_of(await call(mcp.session_manager.handle_request)) == "pool"


async def test_there_is_no_session_manager_before_the_application() -> None:
    with pytest.raises(RuntimeError, match=r"Call streamable_http_app\(\) first"):
        _ = shop().session_manager


# Who may call


async def test_a_server_on_this_machine_answers_this_machine() -> None:
    app = shop().streamable_http_app()
    refused = await call(app, base_url="http://evil.example")
    assert (refused.status_code, refused.text) == (421, "Invalid Host header")
    refused = await call(app, origin="https://evil.example")
    assert (refused.status_code, refused.text) == (403, "Invalid Origin header")
    assert text_of(await call(app, base_url="http://localhost:9", origin="http://127.0.0.1:3000")) == "{}"


async def test_a_server_for_everybody_answers_everybody() -> None:
    app = shop().streamable_http_app(host="0.0.0.0")
    assert text_of(await call(app, base_url="https://mcp.example.com")) == "{}"


async def test_in_lambda_it_is_for_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "shop")
    assert text_of(await call(shop().streamable_http_app(), base_url="https://mcp.example.com")) == "{}"


@pytest.mark.parametrize("is_of_the_server", [False, True])
async def test_hosts_and_origins_are_those_of_the_security_settings(is_of_the_server: bool) -> None:
    security = TransportSecuritySettings(
        allowed_hosts=["mcp.example.com", "mcp.example.com:*"], allowed_origins=["https://app.example.com"]
    )
    if is_of_the_server:
        app = shop(transport_security=security).streamable_http_app()
    else:
        app = shop().streamable_http_app(transport_security=security)
    for url in ("https://mcp.example.com", "https://mcp.example.com:8443"):
        assert text_of(await call(app, base_url=url, origin="https://app.example.com")) == "{}"
    assert (await call(app)).status_code == 421
    other = await call(app, base_url="https://mcp.example.com", origin="https://app.example.com.evil.example")
    assert other.status_code == 403


async def test_pages_of_these_origins_may_call_the_server_in_lambda() -> None:
    security = TransportSecuritySettings(allowed_origins=["https://app.example.com"])
    handler = shop(transport_security=security).lambda_handler(SETTINGS)
    body = message("tools/call", {"name": "opened", "arguments": {}})
    for origin, status in (("https://app.example.com", 200), ("https://evil.example", 403)):
        event = http_api(json.dumps(body), headers_of(body) | {"origin": origin})
        assert handler(event, None)["statusCode"] == status
    handler.close()


async def test_features_see_what_middleware_has_put_into_the_scope() -> None:
    mcp = MCPServer("shop")

    @mcp.tool()
    async def opened(ctx: Context) -> str:
        request = ctx.request_context.request
        return f"{request.state.tenant} {request.headers['Host']} {request.client.host}"

    @mcp.tool("plain")
    def plain(ctx: Context) -> str:
        return str(ctx.request_context.request.state.tenant)

    class Tenants:
        def __init__(self, app: Any) -> None:
            self._app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            scope.setdefault("state", {})["tenant"] = "acme"
            await self._app(scope, receive, send)

    app = mcp.streamable_http_app()
    app.add_middleware(Tenants)
    assert text_of(await call(app)) == "acme 127.0.0.1:8000 127.0.0.1"
    assert text_of(await call(app, tool="plain")) == "acme"


async def test_a_check_that_is_off_checks_nothing() -> None:
    security = TransportSecuritySettings(enable_dns_rebinding_protection=False)
    app = shop().streamable_http_app(transport_security=security)
    answer = await call(app, base_url="https://mcp.example.com", origin="https://app.example.com")
    assert text_of(answer) == "{}"


@pytest.mark.parametrize("is_of_the_server", [False, True])
async def test_a_body_has_a_limit(is_of_the_server: bool) -> None:
    if is_of_the_server:
        app = shop(max_request_body_size=10).streamable_http_app()
    else:
        app = shop().streamable_http_app(max_request_body_size=10)
    assert (await call(app)).status_code == 413


# Routes of its own


def with_routes(**options: Any) -> MCPServer[Any]:
    mcp = shop(**options)

    @mcp.custom_route("/health", methods=["GET"])
    async def health(request: Request) -> Response:
        return JSONResponse({"status": "fine", "asked": request.url.path})

    @mcp.custom_route("/echo/{name}", methods=["POST"], name="echo", include_in_schema=False)
    async def echo(request: Request) -> Response:
        body = (await request.body()).decode()
        response = Response(f"{request.path_params['name']} {request.query_params['q']} {body}", 201)
        response.set_cookie("a", "1")
        response.set_cookie("b", "2")
        return response

    @mcp.custom_route("/image", methods=["GET"])
    async def image(request: Request) -> Response:
        return Response(b"\x89PNG", media_type="image/png")

    @mcp.custom_route("/fails", methods=["GET"])
    async def fails(request: Request) -> Response:
        raise OSError("no database")

    return mcp


async def test_the_endpoint_alone_says_that_it_has_no_routes(caplog: pytest.LogCaptureFixture) -> None:
    with_routes().asgi()
    assert caplog.messages == [
        "asgi() is the endpoint alone: use streamable_http_app() to serve custom routes"
    ]


async def test_routes_are_in_the_application() -> None:
    app = with_routes().streamable_http_app()
    assert (await get(app, "/health")).json() == {"status": "fine", "asked": "/health"}
    assert text_of(await call(app)) == "{}"


def rest_api(path: str, method: str = "GET", body: str | None = None, **extra: Any) -> dict[str, Any]:
    event: dict[str, Any] = {"httpMethod": method, "path": path, "headers": {}, "multiValueHeaders": {}}
    return {**event, "body": body, "requestContext": {}, **extra}


async def test_routes_are_served_in_lambda() -> None:
    handler = with_routes().lambda_handler(SETTINGS)
    answer = handler(http_api(None, method="GET", path="/health"), None)
    assert (answer["statusCode"], json.loads(answer["body"])) == (200, {"status": "fine", "asked": "/health"})
    answer = handler(http_api("hi", method="POST", path="/echo/Ana%20B", query="q=1"), None)
    assert (answer["statusCode"], answer["body"]) == (201, "Ana B 1 hi")
    assert answer["cookies"] == ["a=1; Path=/; SameSite=lax", "b=2; Path=/; SameSite=lax"]
    assert "set-cookie" not in answer["headers"]
    answer = handler(http_api(None, method="GET", path="/image"), None)
    assert answer["isBase64Encoded"]
    assert base64.b64decode(answer["body"]) == b"\x89PNG"
    assert answer["headers"]["content-type"] == "image/png"
    handler.close()


async def test_a_call_of_a_gateway_gets_to_no_route() -> None:
    handler = with_routes().lambda_handler(msgspec.structs.replace(SETTINGS, agentcore=True))
    custom = {"bedrockAgentCoreToolName": "shop___fly"}
    context = SimpleNamespace(client_context=SimpleNamespace(custom=custom), identity=None)
    answer = handler(http_api(None, method="GET", path="/health"), context)
    assert answer == {"isError": True, "content": [{"type": "text", "text": "Unknown tool: fly"}]}
    assert handler(http_api(None, method="GET", path="/health"), None)["statusCode"] == 200
    handler.close()


async def test_cookies_of_a_rest_api_have_a_header_each() -> None:
    handler = with_routes().lambda_handler(SETTINGS)
    query = {"multiValueQueryStringParameters": {"q": ["1"]}}
    answer = handler(rest_api("/echo/Ana", "POST", "hi", **query), None)
    assert answer["multiValueHeaders"]["set-cookie"] == [
        "a=1; Path=/; SameSite=lax",
        "b=2; Path=/; SameSite=lax",
    ]
    handler.close()


async def test_everything_else_in_lambda_is_as_without_routes() -> None:
    handler = with_routes().lambda_handler(SETTINGS)
    body = message("tools/call", {"name": "opened", "arguments": {}})
    assert '"text":"{}"' in handler(http_api(json.dumps(body), headers_of(body)), None)["body"]
    assert handler(http_api(None, method="GET", path="/mcp/server-card"), None)["statusCode"] == 200
    assert handler(http_api(None, method="POST", path="/health"), None)["statusCode"] == 415
    with pytest.raises(Exception, match="This handler takes HTTP events"):
        handler({"detail-type": "x"}, None)
    handler.close()


@pytest.mark.parametrize(
    ("make", "changes", "warns"),
    [
        (MCPServer, {}, True),
        (FastMCP, {}, True),
        (fastmcp.FastMCP, {}, True),
        (lambda: MCPServer("shop"), {}, False),
        (MCPServer, {"audience": "shop"}, False),
        (MCPServer, {"state_keys": ()}, False),
    ],
)
async def test_a_server_without_a_name_and_with_shared_keys_says_so(
    make: Callable[[], Any], changes: dict[str, Any], warns: bool, caplog: pytest.LogCaptureFixture
) -> None:
    make().lambda_handler(msgspec.structs.replace(SETTINGS, in_lambda=True, **changes)).close()
    assert (NO_NAME in caplog.messages) is warns


async def test_a_route_answers_where_the_lifespan_fails(caplog: pytest.LogCaptureFixture) -> None:
    @contextlib.asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[dict[str, Any]]:
        raise OSError("no database")
        yield {}

    mcp = MCPServer("shop", lifespan=lifespan)

    @mcp.custom_route("/health", methods=["GET"])
    async def health(request: Request) -> Response:
        return Response("fine")

    handler = mcp.lambda_handler(SETTINGS)
    answer = handler(http_api(None, method="GET", path="/health"), None)
    assert answer["statusCode"] == 500
    assert answer["body"].startswith("Internal error (reference ")
    assert "no database" in caplog.text
    handler.close()


@pytest.mark.parametrize("path", [None, "/mcp"])
async def test_a_route_for_every_path_leaves_the_server_its_own(path: str | None) -> None:
    mcp = with_routes()

    @mcp.custom_route("/{rest:path}", methods=["GET", "POST"])
    async def everything(request: Request) -> Response:
        return Response(f"caught {request.url.path}")

    handler = mcp.lambda_handler(msgspec.structs.replace(SETTINGS, mcp_path=path))
    body = message("tools/call", {"name": "opened", "arguments": {}})
    event = http_api(json.dumps(body), headers_of(body), path="/mcp")
    assert '"text":"{}"' in handler(event, None)["body"]
    for one, caught in (("/mcp/server-card", False), ("/health", False), ("/other", True)):
        answer = handler(http_api(None, method="GET", path=one), None)
        assert (answer["statusCode"], answer["body"] == f"caught {one}") == (200, caught)
    handler.close()


async def test_a_route_that_fails_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    handler = with_routes().lambda_handler(SETTINGS)
    answer = handler(http_api(None, method="GET", path="/fails"), None)
    assert (answer["statusCode"], answer["body"]) == (500, "Internal Server Error")
    assert "no database" in caplog.text
    handler.close()


@pytest.mark.parametrize("lifespan", ["off", "auto"])
def test_warm_calls_work_behind_mangum(
    lifespan: Literal["off", "auto"], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "shop")
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    opened = Opened()
    handler: Any = mangum.Mangum(shop(lifespan=opened).streamable_http_app(), lifespan=lifespan)
    body = message("tools/call", {"name": "opened", "arguments": {}})
    for _ in range(3):
        answer = handler(http_api(json.dumps(body), headers_of(body)), None)
        assert '"text":"pool"' in answer["body"]
    # Mangum itself enters and leaves it around every call, unless it is off.
    assert opened.events == (["enter"] if lifespan == "off" else ["enter", "leave"] * 3)
    asyncio.set_event_loop(None)
    for task in asyncio.all_tasks(loop):
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            loop.run_until_complete(task)
    loop.close()


def test_a_route_in_lambda_finds_the_lifespan_entered() -> None:
    opened = Opened()
    handler = with_routes(lifespan=opened).lambda_handler(SETTINGS)
    handler(http_api(None, method="GET", path="/health"), None)
    assert opened.events == ["enter"]
    handler.close()
    assert opened.events == ["enter", "leave"]


# Running


async def test_http_sse_is_refused_with_what_to_use() -> None:
    mcp = shop()
    for serve in (mcp.sse_app, lambda: mcp.run("sse"), lambda: mcp.run(transport="sse", mount_path="/x")):
        with pytest.raises(ConfigurationError, match=r"HTTP\+SSE needs one process .*streamable_http_app"):
            serve()
    with pytest.raises(ConfigurationError, match=r"HTTP\+SSE"):
        await mcp.run_sse_async()


async def test_a_transport_that_nobody_knows() -> None:
    with pytest.raises(ValueError, match="Unknown transport: carrier-pigeon"):
        shop().run("carrier-pigeon")


def test_http_is_served_by_uvicorn(monkeypatch: pytest.MonkeyPatch) -> None:
    import uvicorn

    served: list[tuple[str, int, str, bool]] = []

    async def serve(self: uvicorn.Server) -> None:
        config = self.config
        served.append((config.host, config.port, str(config.log_level), isinstance(config.app, Starlette)))

    monkeypatch.setattr(uvicorn.Server, "serve", serve)
    shop(port=8001, log_level="WARNING").run("streamable-http")
    shop().run(transport="http", host="localhost", port=3001, streamable_http_path="/x")
    assert served == [("127.0.0.1", 8001, "warning", True), ("localhost", 3001, "info", True)]


def test_stdio_is_what_runs_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[str] = []
    monkeypatch.setattr("lambent.server.MCPServer.run_stdio", lambda self, settings: served.append(self.name))
    shop().run()
    shop().run("stdio", mount_path="/x")
    asyncio.run(shop().run_stdio_async())
    assert served == ["shop"] * 3
