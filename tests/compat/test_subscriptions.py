"""The subscription bus by its names in the official SDK."""

import asyncio
from collections.abc import Callable

from tests.support import Client

from lambent.compat import (
    SUBSCRIPTION_ID_META_KEY,
    Context,
    InMemorySubscriptionBus,
    MCPServer,
    ResourceUpdated,
    ServerEvent,
    SubscriptionBus,
)
from lambent.testing import TestClient

Serve = Callable[..., Client]


def test_a_server_takes_a_bus() -> None:
    seen: list[ServerEvent] = []
    bus: SubscriptionBus = InMemorySubscriptionBus()
    bus.subscribe(seen.append)
    mcp = MCPServer("board", subscriptions=bus)

    @mcp.tool()
    async def complete(ctx: Context) -> str:
        await ctx.notify_resource_updated("board://sprint")
        return "done"

    with TestClient(mcp) as client:
        client.call("complete")
        asyncio.run(bus.publish(ResourceUpdated(uri="board://other")))
        assert client.changes == ["board://sprint", "board://other"]
    assert seen == [ResourceUpdated(uri="board://sprint"), ResourceUpdated(uri="board://other")]


def test_a_server_may_take_no_subscriptions(serve: Serve) -> None:
    reply = serve(MCPServer("board", subscriptions=False)).request(
        "subscriptions/listen", {"notifications": {}}
    )
    assert reply.error["code"] == -32601


def test_frames_name_their_subscription(serve: Serve) -> None:
    reply = serve(MCPServer("board")).request("subscriptions/listen", {"notifications": {}}, request_id="s")
    assert reply.notifications[0]["params"]["_meta"] == {SUBSCRIPTION_ID_META_KEY: "s"}
