"""Which requests are for the MCP endpoint, and that none of them gets past what is in front of it."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from tests.hosts.adapt.apps import Recorder, adapted
from tests.hosts.adapt.servers import Environments, in_turn, make, refuse
from tests.support import Client, http_api, message

import lambent
from lambent import DeclarationError


def application(*mounted: str, **options: Any) -> Starlette:
    """An application with servers below paths, whose lifespans it enters."""
    apps = {path: make().streamable_http_app(**options) for path in mounted}

    @contextlib.asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            for one in apps.values():
                await stack.enter_async_context(one.router.lifespan_context(one))
            yield

    return Starlette(routes=[Mount(path, app=one) for path, one in apps.items()], lifespan=lifespan)


def test_the_endpoint_of_an_application_is_found(environments: Environments) -> None:
    client = in_turn(environments(lambda: application("/api"), middleware=[refuse]))
    body = message("tools/call", {"name": "add", "arguments": {"a": 1}})
    assert client.post(body, path="/api/mcp").status == 403
    client = in_turn(environments(lambda: application("/api")))
    assert client.post(body, path="/api/mcp").text == "1"
    assert client.event(http_api(None, method="GET", path="/api/about")).body == b"a shop"


def test_of_several_endpoints_one_has_to_be_named() -> None:
    with pytest.raises(DeclarationError) as refused:
        lambent.adapt(application("/a", "/b"))
    wanted = "The application has several MCP endpoints: say path= which one of /a/mcp, /b/mcp"
    assert str(refused.value) == wanted
    body = message("tools/call", {"name": "add", "arguments": {"a": 1}})
    with adapted(application("/a", "/b"), path="/b/mcp") as handler:
        assert Client(handler).post(body, path="/b/mcp").text == "1"
        # A request for another path: what the server has in front of it by itself stays.
        assert Client(handler).post(body, path="/a/mcp").status == 421


def test_hosts_that_the_author_has_named_stay() -> None:
    body = message("tools/call", {"name": "add", "arguments": {"a": 1}})
    security = TransportSecuritySettings(allowed_hosts=["shop.test"])
    with adapted(application("/api", transport_security=security)) as handler:
        client = Client(handler)
        assert client.post(body, {"host": "shop.test"}, path="/api/mcp").text == "1"
        assert client.post(body, {"host": "other.test"}, path="/api/mcp").status == 421


@pytest.mark.parametrize(
    ("path", "status"),
    [
        *[(path, 403) for path in ("/mcp", "/mcp/", "/v1/mcp", "//mcp", "/")],
        ("/.well-known/mcp", 403),
        *[(path, 404) for path in ("/%6dcp", "/mcp/below", "/other", "/.well-known/x", "/mcp/.well-known/x")],
    ],
)
@pytest.mark.parametrize("level", ["high", "low"])
def test_no_message_gets_past_what_is_in_front(path: str, status: int, level: str) -> None:
    server = make()
    body = message("tools/call", {"name": "add", "arguments": {"a": 1}})
    given = server if level == "high" else server._lowlevel_server
    with adapted(given, middleware=[refuse]) as handler:
        assert Client(handler).post(body, path=path).status == status


@pytest.mark.parametrize("path", ["/", "/api/mcp"])
def test_the_endpoint_is_at_another_path(path: str) -> None:
    body = message("tools/call", {"name": "add", "arguments": {"a": 1}})
    with adapted(make(), path=path) as handler:
        reply = Client(handler).post(body, path=path)
        assert reply.text == "1"


def test_other_routes_are_the_servers_own() -> None:
    with adapted(make()) as handler:
        reply = Client(handler).event(http_api(None, method="GET", path="/about"))
    assert (reply.status, reply.body) == (200, b"a shop")


@pytest.mark.parametrize(("mounted", "path"), [("/mcp", "/mcp"), ("/", "/")])
@pytest.mark.parametrize("below", ["", "/below", "/.well-known/x", "//", "/%61"])
def test_no_message_gets_past_by_a_path_below_a_mounted_endpoint(mounted: str, path: str, below: str) -> None:
    endpoint = Recorder(b"reached")
    app = Starlette(routes=[Route("/own", answer_plainly, methods=["POST"]), Mount(mounted, app=endpoint)])
    body = message("tools/call", {"name": "add", "arguments": {"a": 1}})
    with adapted(app, path=path, middleware=[refuse]) as handler:
        client = Client(handler)
        assert client.post(body, path=f"{path.rstrip('/')}{below or '/'}").status in (403, 404)
        assert client.event(http_api("{}", path="/own")).body == b"own"
    assert endpoint.scopes == []


def test_an_application_mounted_around_no_endpoint_gets_its_messages() -> None:
    with adapted(Starlette(routes=[Mount("/", app=Recorder(b"its own"))])) as handler:
        assert Client(handler).event(http_api("{}", path="/login")).body == b"its own"


async def answer_plainly(_: Request) -> Response:
    return PlainTextResponse("own")
