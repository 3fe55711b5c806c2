"""The AI SDK waits for refunds at the deployed application, and EventBridge brings them."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests import installed
from tests.e2e.stacks import Stack
from tests.e2e.test_events import EVENT, tell
from tests.interop import clients
from tests.interop.events.application import Application
from tests.issuer.issuer import Issuer

PACKAGES = Path(clients.__file__).parent / "events"


@pytest.fixture
def application(tmp_path: Path) -> Iterator[Application]:
    installed.npm(PACKAGES)
    command = [str(installed.NODE), str(PACKAGES / "ai_sdk.mjs")]
    with closing(clients.Driver(command, tmp_path / "ai_sdk.log")) as driver:
        yield Application(driver)


@pytest.mark.parametrize(("era", "number"), [("modern", 7100), ("legacy", 7200)])
def test_a_subscription(
    shop_with_issuer: tuple[Stack, Issuer], application: Application, era: str, number: int
) -> None:
    stack, issuer = shop_with_issuer
    metadata = f"{stack.url('ApiUrl')}/.well-known/oauth-protected-resource/orders/mcp"
    audience = json.loads(stack.cloud.send(metadata, method="GET").body)["resource"]
    token = issuer.token("eve", audience, ["orders:read", "orders:refund"])
    # Node trusts the certificates of its own list alone.
    url = stack.cloud.in_the_clear(stack.url("OrdersUrl"))
    agreed = application.connect(url, era, {"Authorization": f"Bearer {token}"})
    assert agreed["capabilities"]["events"] == {}

    granted = application.does("subscribe", name=EVENT, arguments={"least_cents": 1000})
    tell(stack, number, cents=999)
    event_id = tell(stack, number + 1)
    [told] = application.events(1)
    assert told["subscription"]["id"] == granted["id"]
    assert told["event"]["eventId"] == event_id
    assert told["event"]["data"]["order_id"] == f"ORD-{number + 1}"

    refreshed = application.does("refresh", id=granted["id"])
    assert (refreshed["id"], refreshed["deliveryStatus"]["lastError"]) == (granted["id"], None)
    application.does("rotate", id=granted["id"])
    tell(stack, number + 2)
    assert application.events(2)[1]["event"]["data"]["order_id"] == f"ORD-{number + 2}"
    # A delivery that comes before the application has kept what it was granted is answered by 503.
    accepted = [one for one in application.answers() if one[1] != 503]
    assert accepted == [("verification", 200, 1), ("event", 204, 1), ("event", 204, 2)]

    application.does("unsubscribe", id=granted["id"])
    assert application.does("stored") == []
