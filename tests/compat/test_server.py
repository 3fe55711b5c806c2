"""``MCPServer`` and ``FastMCP`` with the arguments of the official SDK."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.support import SETTINGS

from lambent import Icon
from lambent.compat import Context, FastMCP, MCPServer, RequestStateSecurity, TextResource, Tool
from lambent.testing import TestClient


def test_a_server_needs_no_name() -> None:
    assert (MCPServer().name, FastMCP().name) == ("mcp-server", "FastMCP")


def test_arguments_come_in_the_order_of_version_2() -> None:
    icons = [Icon(src="https://example.com/i.png")]
    mcp = MCPServer("shop", "Shop", "Sells", "Ask first", "https://example.com", icons, "1.2")
    said = (mcp.title, mcp.description, mcp.instructions, mcp.website_url, mcp.icons, mcp.version)
    assert said == ("Shop", "Sells", "Ask first", "https://example.com", icons, "1.2")
    info = TestClient(mcp).discover()
    assert (info.name, info.title, info.instructions) == ("shop", "Shop", "Ask first")


def test_arguments_come_in_the_order_of_version_1() -> None:
    mcp = FastMCP("shop", "Ask first", "https://example.com")
    assert (mcp.name, mcp.instructions, mcp.website_url, mcp.title) == (
        "shop",
        "Ask first",
        "https://example.com",
        None,
    )


def test_arguments_of_deployments_are_kept_in_the_settings() -> None:
    mcp = FastMCP(
        "shop",
        dependencies=["requests"],
        host="0.0.0.0",
        port=9000,
        log_level="DEBUG",
        debug=True,
        stateless_http=True,
        json_response=True,
        streamable_http_path="/",
        mount_path="/x",
        sse_path="/s",
        message_path="/m/",
        warn_on_duplicate_tools=False,
    )
    kept = mcp.settings
    assert (kept.host, kept.port, kept.log_level, kept.debug) == ("0.0.0.0", 9000, "DEBUG", True)
    assert (kept.stateless_http, kept.json_response, kept.streamable_http_path) == (True, True, "/")
    assert (kept.mount_path, kept.sse_path, kept.message_path) == ("/x", "/s", "/m/")
    assert (mcp.dependencies, kept.dependencies) == (["requests"], ["requests"])
    kept.port = 9001
    assert mcp.settings.port == 9001


def test_dependencies_of_two_servers_are_two_lists() -> None:
    first, second = MCPServer(), MCPServer()
    first.dependencies.append("requests")
    assert second.dependencies == []


def test_an_argument_that_nobody_knows_is_refused() -> None:
    with pytest.raises(TypeError, match="colour"):
        MCPServer("shop", colour="red")


def test_arguments_of_lambent_are_taken_too() -> None:
    mcp = MCPServer("shop", page_size=1, instructions="Ask")

    @mcp.tool()
    def one() -> str:
        return "1"

    @mcp.tool(scopes=["x"])
    def two() -> str:
        return "2"

    assert [tool.name for tool in TestClient(mcp).list_tools()] == ["one", "two"]


def test_a_server_can_be_subscripted() -> None:
    mcp: MCPServer[dict[str, str]] = MCPServer[dict[str, str]]("shop")
    assert mcp.name == "shop"


def test_features_are_given_to_the_constructor() -> None:
    def add(a: int, b: int) -> int:
        """Add."""
        return a + b

    mcp = MCPServer(
        "shop",
        tools=[Tool.from_function(add, name="plus")],
        resources=[TextResource(uri="note://a", text="A note")],
    )
    client = TestClient(mcp)
    assert client.call("plus", a=1, b=2).text == "3"
    assert client.read("note://a").text == "A note"


def test_a_lifespan_is_given_to_its_handlers() -> None:
    @contextlib.asynccontextmanager
    async def lifespan(server: MCPServer[dict[str, str]]) -> AsyncIterator[dict[str, str]]:
        yield {"opened for": server.name}

    mcp = MCPServer("shop", lifespan=lifespan)

    @mcp.tool()
    def opened(ctx: Context[Any, dict[str, str]]) -> str:
        assert ctx.lifespan_context is ctx.request_context.lifespan_context
        return str(ctx.request_context.lifespan_context)

    assert TestClient(mcp).call("opened").text == "{'opened for': 'shop'}"


@pytest.mark.parametrize("name", ["_resource_manager", "_prompt_manager", "_session_manager"])
def test_private_parts_name_what_replaces_them(name: str) -> None:
    with pytest.raises(AttributeError, match=rf"There is no mcp\.{name} here: .*docs/porting\.md"):
        getattr(MCPServer("shop"), name)


def test_other_attributes_are_not_there() -> None:
    with pytest.raises(AttributeError, match="'MCPServer' object has no attribute 'colour'"):
        _ = MCPServer("shop").colour


def test_version_1_takes_every_argument(caplog: pytest.LogCaptureFixture) -> None:
    mcp = FastMCP("shop", timeout=30, version="1.2", capabilities={}, extensions=None, page_size=3)
    assert mcp.version == "1.2"
    assert caplog.messages == [
        "FastMCP(capabilities=...) has no effect",
        "FastMCP(timeout=...) has no effect",
    ]


# States


def asking(**options: Any) -> MCPServer[Any]:
    mcp = MCPServer("shop", **options)

    @mcp.tool()
    async def ask(ctx: Context) -> str:
        return str((await ctx.elicit("Sure?", {"type": "object", "properties": {}})).action)

    return mcp


def test_states_have_the_keys_and_the_lifetime_of_the_constructor() -> None:
    security = RequestStateSecurity(keys=["k" * 32, b"\1" * 32], ttl=60, audience="shops")
    adjusted = asking(request_state_security=security)._adjusted(SETTINGS)
    assert (adjusted.state_keys, adjusted.state_ttl, adjusted.audience) == (
        ("k" * 32, "01" * 32),
        60,
        "shops",
    )


def test_states_have_the_keys_of_the_deployment_where_the_constructor_says_nothing_of_them() -> None:
    assert asking()._adjusted(SETTINGS) is SETTINGS
    ephemeral = asking(request_state_security=RequestStateSecurity.ephemeral(ttl=7.5))._adjusted(SETTINGS)
    assert (ephemeral.state_keys, ephemeral.state_ttl) == (SETTINGS.state_keys, 8)


def test_keys_that_several_servers_may_share_need_a_name() -> None:
    with pytest.raises(ValueError, match="needs a name for the server, or an audience"):
        MCPServer(request_state_security=RequestStateSecurity(keys=["k" * 32]))
    MCPServer(request_state_security=RequestStateSecurity(keys=["k" * 32], audience="shops"))


def test_a_store_of_events_is_not_used_and_the_log_says_so(caplog: pytest.LogCaptureFixture) -> None:
    FastMCP("shop", event_store=object())
    assert caplog.messages == ["event_store has no effect: what a client has missed is not kept"]
