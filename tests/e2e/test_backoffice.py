"""The back office: REST, and MCP beside it, in one deployed function."""

import json

import pytest
from tests.e2e.client import Client
from tests.e2e.stacks import Stack
from tests.support import accept

PARCEL = {"carrier": "dhl", "tracking": "JD0146000099"}


@pytest.fixture
def office(shop: Stack) -> Client:
    return Client(shop.cloud, shop.url("BackofficeUrl"))


def test_rest_and_mcp_tell_the_same(shop: Stack, office: Client) -> None:
    reply = shop.cloud.send(f"{shop.url('BackofficeUrl').removesuffix('/mcp')}/shipments?limit=3")
    assert reply.status == 200, reply
    told = office.call("list_shipments", {"limit": 3})["structuredContent"]
    assert told == {"result": json.loads(reply.body)}


def test_a_question_over_two_rounds(office: Client) -> None:
    arguments = {"order_id": "B-3004", "parcel": PARCEL}
    marked = office.answered("mark_as_shipped", arguments, {"agree": accept(shipped=True)})
    assert (marked["structuredContent"]["status"], marked["structuredContent"]["parcel"]) == (
        "shipped",
        PARCEL,
    )
