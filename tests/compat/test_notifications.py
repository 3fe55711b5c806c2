"""Notifications as objects of ``mcp.types``."""

from typing import Any

import pytest

from lambent.compat import Context, MCPServer, types
from lambent.testing import TestClient
from lambent.testing.results import CallResult, LogMessage, Progress

LOG = types.LoggingMessageNotification(
    params=types.LoggingMessageNotificationParams(level="info", logger="shop", data={"sold": 1})
)


def sent(notification: Any) -> CallResult:
    mcp = MCPServer("shop")

    @mcp.tool()
    async def sell(ctx: Context) -> str:
        await ctx.session.send_notification(notification)
        return "sold"

    return TestClient(mcp).call("sell")


@pytest.mark.parametrize("notification", [LOG, types.ServerNotification(LOG)])
def test_log_messages(notification: Any) -> None:
    assert sent(notification).logs == [LogMessage("info", {"sold": 1}, "shop")]


def test_progress() -> None:
    params = types.ProgressNotificationParams(progress_token="a", progress=1, total=2, message="half")
    assert sent(types.ProgressNotification(params=params)).progress == [Progress(1.0, 2.0, "half")]
