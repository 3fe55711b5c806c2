"""From an event of EventBridge, or a call of a tool, to the endpoint of a subscriber, through the stack."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.e2e.client import SECONDS, Client, ServerError
from tests.e2e.receivers import Receiver, receiver
from tests.e2e.stacks import Stack
from tests.issuer.issuer import Issuer
from tests.support import accept

EVENT = "order.refunded"
FILTER = {"least_cents": 1000}
ORDER = "ORD-1034"
"""Refunded by no other test of the stack."""


@pytest.fixture(scope="module")
def stack(shop_with_issuer: tuple[Stack, Issuer]) -> Stack:
    return shop_with_issuer[0]


@pytest.fixture(scope="module")
def client(shop_with_issuer: tuple[Stack, Issuer]) -> Client:
    """A client with a token for everything."""
    stack, issuer = shop_with_issuer
    metadata = stack.cloud.send(
        f"{stack.url('ApiUrl')}/.well-known/oauth-protected-resource/orders/mcp", method="GET"
    )
    audience = json.loads(metadata.body)["resource"]
    token = issuer.token("ada", audience, ["orders:read", "orders:refund"])
    return Client(stack.cloud, stack.url("OrdersUrl"), {"authorization": f"Bearer {token}"})


@pytest.fixture
def endpoint() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


def subscription(endpoint: Receiver, **more: Any) -> dict[str, Any]:
    delivery = {"mode": "webhook", "url": endpoint.url, "secret": endpoint.secret}
    return {"name": EVENT, "arguments": FILTER, "delivery": delivery, **more}


def tell(stack: Stack, number: int, cents: int = 5000, source: str = "shop.payments") -> str:
    """Put an event of a refund on the bus; the id of its occurrence."""
    event_id = f"RF-{number}"
    refund = {
        "id": event_id,
        "order_id": f"ORD-{number}",
        "amount_cents": cents,
        "currency": "EUR",
        "reason": "It came late.",
        "refunded_at": "2026-11-27T06:00:00Z",
    }
    entry = {"Source": source, "DetailType": "OrderRefunded", "Detail": json.dumps(refund)}
    put = stack.cloud.client("events").put_events(
        Entries=[{**entry, "EventBusName": stack.outputs["EventBusName"]}]
    )
    assert put["FailedEntryCount"] == 0, put
    return event_id


def wait_until_nothing_is_left(stack: Stack) -> None:
    """Wait until the deliveries' queue is empty, whatever a message in it waits for."""
    kinds = ["", "NotVisible", "Delayed"]
    names = [f"ApproximateNumberOfMessages{kind}" for kind in kinds]
    deadline = time.monotonic() + SECONDS
    while True:
        found = stack.cloud.client("sqs").get_queue_attributes(
            QueueUrl=stack.outputs["DeliveriesQueueUrl"], AttributeNames=names
        )["Attributes"]
        if not any(int(found[name]) for name in names):
            return
        assert time.monotonic() < deadline, found
        time.sleep(0.2)


def wait_for_occurrence(client: Client, cursor: str, event_id: str) -> list[str]:
    """Poll until an occurrence is there; the ids of all since the cursor."""
    deadline = time.monotonic() + SECONDS
    while True:
        found = client.request("events/poll", {"name": EVENT, "cursor": cursor})
        ids = [one["eventId"] for one in found["events"]]
        if event_id in ids:
            return ids
        assert time.monotonic() < deadline, found
        time.sleep(0.2)


def test_the_event_type_is_listed_with_what_the_stack_can_deliver(client: Client) -> None:
    capabilities = client.request("server/discover")["capabilities"]
    assert "io.modelcontextprotocol/events" in capabilities["extensions"]
    (listed,) = client.request("events/list")["events"]
    assert (listed["name"], listed["delivery"]) == (EVENT, ["poll", "webhook"])
    assert set(listed["inputSchema"]["properties"]) == {"least_cents", "currency"}


def test_nobody_subscribes_without_a_token(stack: Stack, endpoint: Receiver) -> None:
    stranger = Client(stack.cloud, stack.url("OrdersUrl"))
    assert stranger.post("events/subscribe", subscription(endpoint)).status == 401
    assert endpoint.challenges == []


def test_an_event_of_the_bus_reaches_the_subscriber(stack: Stack, client: Client, endpoint: Receiver) -> None:
    begin = client.request("events/poll", {"name": EVENT})["cursor"]
    made = client.request("events/subscribe", subscription(endpoint, ttlMs=600_000))
    (challenge,) = endpoint.challenges
    assert challenge.headers["x-mcp-subscription-id"] == made["id"]

    small, large = tell(stack, 7001, cents=999), tell(stack, 7002)
    delivery = endpoint.wait_for(large)
    assert delivery.headers["x-mcp-subscription-id"] == made["id"]
    assert delivery.headers["webhook-id"] == large
    assert delivery.headers["content-type"] == "application/json"
    assert delivery.body["name"] == EVENT
    assert delivery.body["timestamp"] == "2026-11-27T06:00:00.000Z"
    assert delivery.body["data"]["order_id"] == "ORD-7002"
    assert sorted(wait_for_occurrence(client, begin, small)) == [small, large]

    # The bus brings an event at least once, and what the tool has told of comes over it too.
    tell(stack, 7002)
    refunded = client.answered(
        "refund_order", {"order_id": ORDER}, {"confirmation": accept(confirm=True, reason="Late.")}
    )
    receipt = refunded["structuredContent"]["receipt"]
    assert endpoint.wait_for(receipt["id"]).body["data"] == receipt
    tell(stack, int(ORDER.removeprefix("ORD-")))
    last = tell(stack, 7003)
    endpoint.wait_for(last)
    wait_until_nothing_is_left(stack)
    assert sorted(endpoint.told) == sorted([large, receipt["id"], last])

    refreshed = client.request("events/subscribe", subscription(endpoint, ttlMs=600_000))
    assert refreshed["id"] == made["id"]
    assert refreshed["deliveryStatus"]["active"] is True
    assert refreshed["deliveryStatus"]["lastError"] is None
    assert len(endpoint.challenges) == 1

    client.request(
        "events/unsubscribe", {"name": EVENT, "arguments": FILTER, "delivery": {"url": endpoint.url}}
    )
    after = tell(stack, 7004)
    wait_for_occurrence(client, refreshed["cursor"], after)
    wait_until_nothing_is_left(stack)
    assert after not in endpoint.told


def test_other_events_of_the_bus_are_none_of_its_business(stack: Stack, client: Client) -> None:
    begin = client.request("events/poll", {"name": EVENT})["cursor"]
    other = tell(stack, 7005, source="shop.rumours")
    known = tell(stack, 7006)
    assert wait_for_occurrence(client, begin, known) == [known]
    assert other != known


def test_an_endpoint_that_does_not_answer_the_challenge_gets_nothing(
    client: Client, endpoint: Receiver
) -> None:
    wrong = subscription(endpoint)
    wrong["delivery"]["secret"] = f"whsec_{'A' * 32}"  # so the endpoint refuses
    with pytest.raises(ServerError, match="CallbackEndpointError"):
        client.request("events/subscribe", wrong)
    assert endpoint.told == []


def test_the_sweep_of_the_schedule_is_taken(stack: Stack) -> None:
    (rule,) = [name for logical, name in stack.resources.items() if logical == "DeliveryFunctionSweep"]
    events = stack.cloud.client("events")
    assert events.describe_rule(Name=rule)["ScheduleExpression"] == "rate(5 minutes)"
    (target,) = events.list_targets_by_rule(Rule=rule)["Targets"]
    stack.cloud.invoke(target["Arn"], json.loads(target["Input"]))
