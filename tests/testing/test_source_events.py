"""Events for sources: a handler reads back what was asked for."""

import contextlib
import dataclasses
from decimal import Decimal
from typing import Any

import pytest

from lambent import MCPServer, Settings
from lambent.testing import eventbridge_event, message_event, s3_event, sns_event, stream_event


@dataclasses.dataclass
class Order:
    item: str


def taken(event: dict[str, Any]) -> Any:
    """What a function gets of an event."""
    mcp, found = MCPServer("shop"), list[Any]()

    @mcp.event("seen", payload=Order)
    def seen() -> None:
        """Something came."""

    for add in (mcp.source.eventbridge, mcp.source.sns, mcp.source.s3, mcp.source.dynamodb):
        add(emits="seen")(found.append)
    mcp.source.sqs(emits="seen", queue="orders")(found.append)
    with contextlib.closing(mcp.lambda_handler(Settings(in_memory=True))) as handler:
        handler(event, None)
    (one,) = found
    return one


def test_an_event_of_eventbridge() -> None:
    event = taken(eventbridge_event("OrderPlaced", Order("tea"), source="shop", event_id="e1"))
    assert (event.id, event.source, event.detail_type) == ("e1", "shop", "OrderPlaced")
    assert event.detail == {"item": "tea"}
    assert taken(eventbridge_event("A", {}, source="shop")).id != event.id


@pytest.mark.parametrize(("given", "text"), [("text", "text"), (Order("tea"), '{"item":"tea"}')])
def test_a_message_of_a_topic(given: Any, text: str) -> None:
    message = taken(sns_event(given, topic="orders"))
    assert (message.message, message.subject) == (text, None)
    assert message.topic == "arn:aws:sns:eu-west-1:123456789012:orders"


@pytest.mark.parametrize("key", ["a/b c.json", "ü+1"])
def test_a_notification_of_a_bucket(key: str) -> None:
    first, second = (
        taken(s3_event(key, bucket="uploads")),
        taken(s3_event(key, bucket="uploads", name="ObjectRemoved:Delete", size=None)),
    )
    assert (first.key, first.bucket, first.name, first.size) == (key, "uploads", "ObjectCreated:Put", 1024)
    assert (second.name, second.size) == ("ObjectRemoved:Delete", None)
    assert first.id != second.id


def test_a_record_of_a_stream() -> None:
    item = {
        "s": "a",
        "n": Decimal("1.5"),
        "none": None,
        "yes": True,
        "b": b"\x00",
        "list": ["a", {"inner": {1, 2}}],
        "words": {"a", "b"},
    }
    change = taken(stream_event({"id": "1"}, table="orders", new=item))
    assert (change.name, change.table, change.keys, change.new, change.old) == (
        "INSERT",
        "orders",
        {"id": "1"},
        item,
        None,
    )
    assert taken(stream_event({"id": "1"}, table="orders", new={}, old={"a": 1})).name == "MODIFY"
    removed = taken(stream_event({"id": "1"}, table="orders", old={"a": 1}))
    assert (removed.name, removed.new, removed.old) == ("REMOVE", None, {"a": 1})


@pytest.mark.parametrize("value", [object(), set()])
def test_what_an_item_cannot_have(value: Any) -> None:
    with pytest.raises(TypeError, match="DynamoDB has no value for"):
        stream_event({"id": value}, table="orders")


def test_a_message_of_a_queue() -> None:
    url = "https://sqs.eu-west-1.amazonaws.com/123456789012/orders"
    message = taken(message_event("text", queue_url=url))
    assert (message.body, message.queue) == ("text", "arn:aws:sqs:eu-west-1:123456789012:orders")
