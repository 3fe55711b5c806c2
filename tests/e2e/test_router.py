"""The variant with a router: one endpoint, and each tool in a function of its own."""

import time
from collections.abc import Callable

import pytest
from tests.e2e.client import Client
from tests.e2e.cloud import ROOT
from tests.e2e.conftest import ANONYMOUS
from tests.e2e.stacks import Stack
from tests.support import accept


@pytest.fixture(scope="module")
def stack(deploy: Callable[..., Stack]) -> Stack:
    return deploy("router", ROOT / "deploy" / "router" / "template.yaml", parameters=ANONYMOUS)


@pytest.fixture
def client(stack: Stack) -> Client:
    return Client(stack.cloud, stack.url("Url"))


def test_one_list_has_the_tools_of_all(client: Client) -> None:
    listed = {tool["name"] for tool in client.request("tools/list")["tools"]}
    assert {"hello", "lookup_order", "search_orders", "refund_order"} <= listed


def test_each_tool_is_called_in_its_function(stack: Stack, client: Client) -> None:
    client.call("hello")
    begun = time.time()
    assert client.call("hello", {"name": "Mia"})["content"][0]["text"] == "Hello, Mia!"
    assert stack.invocations("Greetings", begun) == 1
    assert stack.invocations("Router", begun) == 1
    assert stack.invocations("Orders", begun) == 0
    assert client.call("lookup_order", {"order_id": "ORD-1005"})["structuredContent"]["id"] == "ORD-1005"


def test_a_question_is_answered(client: Client) -> None:
    answers = {"confirmation": accept(confirm=True, reason="It came late.")}
    refunded = client.answered("refund_order", {"order_id": "ORD-1005"}, answers)
    assert refunded["structuredContent"]["refunded"] is True
