"""The variant without API Gateway: the same server behind its own URL."""

from collections.abc import Callable

import pytest
from tests.e2e.client import Client
from tests.e2e.cloud import ROOT
from tests.e2e.conftest import ANONYMOUS
from tests.e2e.stacks import Stack
from tests.support import accept


@pytest.fixture(scope="module")
def stack(deploy: Callable[..., Stack]) -> Stack:
    return deploy("function-urls", ROOT / "deploy" / "function-urls" / "template.yaml", parameters=ANONYMOUS)


@pytest.fixture
def client(stack: Stack) -> Client:
    return Client(stack.cloud, stack.url("OrdersUrl"))


def test_a_plain_tool(client: Client) -> None:
    result = client.call("lookup_order", {"order_id": "ORD-1005"})
    assert result["structuredContent"]["id"] == "ORD-1005"


def test_a_question_is_answered_and_what_happened_can_be_polled_for(client: Client) -> None:
    begin = client.request("events/poll", {"name": "order.refunded"})["cursor"]
    answers = {"confirmation": accept(confirm=True, reason="It came late.")}
    refunded = client.answered("refund_order", {"order_id": "ORD-1005"}, answers)
    assert refunded["structuredContent"]["refunded"] is True
    found = client.request("events/poll", {"name": "order.refunded", "cursor": begin})
    assert [one["data"]["order_id"] for one in found["events"]] == ["ORD-1005"]


def test_there_is_nothing_between_the_client_and_the_function(stack: Stack, client: Client) -> None:
    assert not any("Api" in name or "Distribution" in name for name in stack.resources)
    card = stack.cloud.send(f"{client.url}/server-card")
    assert card.status == 200, card
