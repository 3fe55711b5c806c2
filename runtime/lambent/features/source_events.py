"""What functions of ``@mcp.source`` get: events of AWS, read and named."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

import msgspec

T = TypeVar("T")


class EventBridgeEvent(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """An event of EventBridge; ``EventBridgeEvent[OrderRefunded]`` has its detail as that type.

    Attributes:
        id: of the event.
        time: when it happened.
        source: such as ``shop.orders``.
        detail_type: such as ``OrderRefunded``.
        detail: what happened.
        raw: the event as it came.
    """

    id: str
    time: datetime
    source: str
    detail_type: str
    detail: T
    raw: Mapping[str, Any]


class SnsMessage(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """A message of an SNS topic; ``SnsMessage[OrderRefunded]`` has its JSON as that type.

    Attributes:
        id: of the message.
        time: when it was published.
        topic: the ARN of the topic.
        subject: None where it has none.
        message: its text.
        raw: the record's member ``Sns``; behind a queue, the notification.
    """

    id: str
    time: datetime
    topic: str
    subject: str | None
    message: T
    raw: Mapping[str, Any]


class SqsMessage(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """A message of a queue; ``SqsMessage[OrderRefunded]`` has its JSON as that type.

    Attributes:
        id: of the message.
        time: when it was sent.
        queue: the ARN of the queue.
        body: its text.
        raw: the record as it came.
    """

    id: str
    time: datetime
    queue: str
    body: T
    raw: Mapping[str, Any]


class S3Notification(msgspec.Struct, frozen=True, kw_only=True):
    """Something that has happened to an object.

    Attributes:
        id: the same for every delivery of the notification.
        time: when it happened.
        name: such as ``ObjectCreated:Put``.
        bucket: its name.
        key: of the object, decoded.
        size: in bytes; None where the notification does not say it.
        version: of the object; None where the bucket has none.
        raw: the record as it came.
    """

    id: str
    time: datetime
    name: str
    bucket: str
    key: str
    size: int | None
    version: str | None
    raw: Mapping[str, Any]


class TableChange(msgspec.Struct, frozen=True, kw_only=True):
    """A record of a DynamoDB stream. Its items are as boto3's tables have them, numbers are ``Decimal``.

    Attributes:
        id: of the record.
        time: when the table was written to, to the second; None where the record does not say it.
        name: what was done.
        table: its name.
        keys: of the item.
        new: the item now; None where it was removed, or the stream does not have it.
        old: the item before; None where it is new, or the stream does not have it.
        sequence_number: of the record in its shard.
        raw: the record as it came.
    """

    id: str
    time: datetime | None
    name: Literal["INSERT", "MODIFY", "REMOVE"]
    table: str
    keys: Mapping[str, Any]
    new: Mapping[str, Any] | None
    old: Mapping[str, Any] | None
    sequence_number: str
    raw: Mapping[str, Any]


AwsEvent = EventBridgeEvent[Any] | SnsMessage[Any] | SqsMessage[Any] | S3Notification | TableChange


class SourceContext(msgspec.Struct, frozen=True):
    """What surrounds an event; functions that want it take it as their second argument.

    Attributes:
        lifespan_context: what the server's ``lifespan`` gave; an empty dict where the server has none.
        lambda_context: Lambda's context object.
    """

    lifespan_context: Any
    lambda_context: Any
