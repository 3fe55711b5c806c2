"""``http_app``, ``run`` and custom routes."""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from tests.support import SETTINGS, headers_of, http_api, message

from lambent import ConfigurationError
from lambent.compat.fastmcp import Context, FastMCP, combine_lifespans
from lambent.compat.settings import RequestStateSecurity

LIST = message("tools/list")


@contextlib.asynccontextmanager
async def life(server: FastMCP) -> AsyncIterator[str]:
    yield f"life of {server.name}"


def shop(**options: Any) -> FastMCP:
    mcp = FastMCP("shop", lifespan=life, **options)

    @mcp.tool
    async def order(ctx: Context) -> str:
        return f"ordered in the {ctx.lifespan_context}"

    @mcp.custom_route("/health", methods=["GET"])
    async def health(request: Request) -> PlainTextResponse:
        return PlainTextResponse("OK")

    return mcp


def test_an_application_has_the_endpoint_and_the_routes() -> None:
    app = shop().http_app(path="/shop")
    assert app.state.fastmcp_server.name == "shop"
    with TestClient(app) as client:
        assert client.get("/health").text == "OK"
        body = message("tools/call", {"name": "order", "arguments": {}})
        response = client.post("/shop", json=body, headers=headers_of(body))
        assert response.json()["result"]["structuredContent"] == {"result": "ordered in the life of shop"}
        assert client.post("/mcp", json=body, headers=headers_of(body)).status_code == 404


def test_middleware_of_starlette() -> None:
    class Named:
        def __init__(self, app: Any, name: str) -> None:
            self.app, self.name = app, name

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            async def add(part: Any) -> None:
                if part["type"] == "http.response.start":
                    part["headers"] = [*part["headers"], (b"x-by", self.name.encode())]
                await send(part)

            await self.app(scope, receive, add)

    app = shop().http_app(middleware=[Middleware(Named, name="outer"), Middleware(Named, name="inner")])
    assert TestClient(app).get("/health").headers["x-by"] == "inner, outer"


def test_hosts_and_origins() -> None:
    app = shop().http_app(allowed_hosts=["mcp.example.com"])
    statuses = [
        TestClient(app, base_url=url).post("/mcp", json=LIST, headers=headers_of(LIST)).status_code
        for url in ("https://mcp.example.com", "http://127.0.0.1:8000", "https://other.example.com")
    ]
    assert statuses == [200, 200, 421]
    everybody = shop().http_app(host_origin_protection=False)
    assert (
        TestClient(everybody, base_url="https://x.example.com")
        .post("/mcp", json=LIST, headers={**headers_of(LIST), "origin": "https://y.example.com"})
        .status_code
        == 200
    )


def test_the_lifespan_is_that_of_an_application_around_it() -> None:
    app = shop().http_app()
    lifespan: Any = app.lifespan  # type: ignore[attr-defined]

    @contextlib.asynccontextmanager
    async def own(_: Any) -> AsyncIterator[dict[str, int]]:
        yield {"own": 1}

    async def enter() -> None:
        async with combine_lifespans(own, lifespan)(app) as state:
            assert state == {"own": 1}

    asyncio.run(enter())


def test_routes_are_served_from_lambda() -> None:
    handler = shop().lambda_handler(SETTINGS)
    assert handler(http_api(None, {}, method="GET", path="/health"), None)["body"] == "OK"
    assert json.loads(handler(http_api(json.dumps(LIST), headers_of(LIST)), None)["body"])["result"]["tools"]
    handler.close()


@pytest.mark.parametrize("transport", ["sse", "carrier pigeon"])
def test_other_transports_are_refused(transport: str) -> None:
    with pytest.raises(ConfigurationError, match=r"transport|SSE"):
        shop().http_app(transport=transport)
    with pytest.raises(ConfigurationError):
        shop().run(transport, show_banner=False)
    with pytest.raises(ConfigurationError, match="HTTP"):
        shop().sse_app()


@pytest.mark.parametrize("asynchronous", [False, True])
def test_stdio(asynchronous: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[Any] = []
    monkeypatch.setattr(
        "lambent.hosts.stdio.serve", lambda endpoint, settings: served.append(settings.state_ttl)
    )
    mcp = shop(request_state_security=RequestStateSecurity(keys=["k" * 32], ttl=7))
    if asynchronous:
        asyncio.run(mcp.run_async(log_level="warning"))
    else:
        mcp.run(log_level="warning")
    assert served == [7]
    assert mcp.settings.log_level == "WARNING"
    with pytest.raises(TypeError, match="no option port"):
        mcp.run("stdio", port=8000)


@pytest.mark.parametrize("asynchronous", [False, True])
def test_http_is_served_by_uvicorn(asynchronous: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    import uvicorn

    served: list[Any] = []

    async def serve(self: uvicorn.Server) -> None:
        served.append((self.config.host, self.config.port, self.config.log_level, self.config.workers))

    monkeypatch.setattr(uvicorn.Server, "serve", serve)
    options: dict[str, Any] = {
        "port": 9000,
        "uvicorn_config": {"workers": 1},
        "log_level": "error",
        "path": "/x",
    }
    if asynchronous:
        asyncio.run(shop().run_async("http", **options))
    else:
        shop().run(transport="streamable-http", **options)
    assert served == [("127.0.0.1", 9000, "error", 1)]


def test_without_uvicorn_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(ConfigurationError, match="needs uvicorn"):
        shop().run("http")
