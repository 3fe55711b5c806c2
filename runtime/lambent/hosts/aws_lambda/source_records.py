"""Reading the events of AWS that sources are for.

Each kind is recognized by members that only it has. An event of a known kind that lacks a member which AWS
documents is refused as a whole, before a function has seen anything of it.

* https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html
* https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html
* https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
* https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
* https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
"""

from __future__ import annotations

import binascii
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Literal
from urllib.parse import unquote_plus

import msgspec
from msgspec import field

from lambent.execution.rounds.digests import digest
from lambent.features.source_events import (
    AwsEvent,
    EventBridgeEvent,
    S3Notification,
    SnsMessage,
    SqsMessage,
    TableChange,
)
from lambent.hosts.aws_lambda.events import UnknownEventError

_UNREADABLE = (ValueError, TypeError, AttributeError, ArithmeticError)
"""What reading raises where a member has a value that AWS never sends; msgspec's errors are of these."""


class _EventBridgeDocument(msgspec.Struct, frozen=True):
    id: str
    time: datetime
    source: str
    detail: dict[str, Any]
    detail_type: str = field(name="detail-type")


class _SnsNotification(msgspec.Struct, frozen=True):
    id: str = field(name="MessageId")
    topic: str = field(name="TopicArn")
    message: str = field(name="Message")
    time: datetime = field(name="Timestamp")
    subject: str | None = field(name="Subject", default=None)


class _SnsRecord(msgspec.Struct, frozen=True):
    notification: dict[str, Any] = field(name="Sns")


class _SqsAttributes(msgspec.Struct, frozen=True):
    sent: str = field(name="SentTimestamp")


class _SqsRecord(msgspec.Struct, frozen=True):
    body: str
    attributes: _SqsAttributes
    id: str = field(name="messageId")
    queue: str = field(name="eventSourceARN")


class _S3Bucket(msgspec.Struct, frozen=True):
    name: str


class _S3Object(msgspec.Struct, frozen=True):
    key: str
    size: int | None = None
    version: str | None = field(name="versionId", default=None)
    sequencer: str | None = None


class _S3Entity(msgspec.Struct, frozen=True):
    bucket: _S3Bucket
    object: _S3Object


class _S3Record(msgspec.Struct, frozen=True):
    s3: _S3Entity
    name: str = field(name="eventName")
    time: datetime = field(name="eventTime")
    response: dict[str, str] = field(name="responseElements", default_factory=dict)


class _Change(msgspec.Struct, frozen=True):
    keys: dict[str, Any] = field(name="Keys")
    number: str = field(name="SequenceNumber")
    time: float | None = field(name="ApproximateCreationDateTime", default=None)
    new: dict[str, Any] | None = field(name="NewImage", default=None)
    old: dict[str, Any] | None = field(name="OldImage", default=None)


class _StreamDocument(msgspec.Struct, frozen=True):
    dynamodb: _Change
    id: str = field(name="eventID")
    name: Literal["INSERT", "MODIFY", "REMOVE"] = field(name="eventName")
    stream: str = field(name="eventSourceARN")


def read_events(event: Mapping[str, Any]) -> list[AwsEvent] | None:
    """What an event of Lambda brings; None where it is of no kind that sources are for.

    Raises:
        UnknownEventError: it is of one of them, and cannot be read, or its records are of several kinds.
    """
    try:
        if "detail-type" in event and "detail" in event:
            return [read_eventbridge(event)]
        records = event.get("Records")
        if not records or not isinstance(records, list) or not all(isinstance(one, dict) for one in records):
            return None
        services = {str(one.get("eventSource") or one.get("EventSource")) for one in records}
        readers = [_READERS[service] for service in services if service in _READERS]
        if len(services) > 1 and readers:
            raise UnknownEventError(
                f"The records of one event are of several services: {', '.join(sorted(services))}"
            )
        return [readers[0](one) for one in records] if readers else None
    except _UNREADABLE as error:
        raise UnknownEventError(f"An event of AWS cannot be read: {error}") from None


def is_test_event(event: Mapping[str, Any]) -> bool:
    """Whether it is what S3 sends when the notifications of a bucket are set."""
    return event.get("Event") == "s3:TestEvent" and event.get("Service") == "Amazon S3"


def read_eventbridge(event: Mapping[str, Any]) -> EventBridgeEvent[Any]:
    """Read an event of EventBridge; raises ``ValidationError`` of msgspec."""
    read = msgspec.convert(event, _EventBridgeDocument)
    return EventBridgeEvent(
        id=read.id,
        time=read.time,
        source=read.source,
        detail_type=read.detail_type,
        detail=read.detail,
        raw=event,
    )


def read_notification(notification: Mapping[str, Any]) -> SnsMessage[Any]:
    """Read a notification of SNS; raises ``ValidationError`` of msgspec."""
    read = msgspec.convert(notification, _SnsNotification)
    return SnsMessage(
        id=read.id,
        time=read.time,
        topic=read.topic,
        subject=read.subject,
        message=read.message,
        raw=notification,
    )


def read_object_record(record: Mapping[str, Any]) -> S3Notification:
    """Read a record of a notification of S3; raises ``ValidationError`` of msgspec."""
    read = msgspec.convert(record, _S3Record)
    bucket, item = read.s3.bucket.name, read.s3.object
    # Not every notification has a sequencer; those without have the id of the request that caused them.
    once = item.sequencer or read.response.get("x-amz-request-id") or read.time.isoformat()
    return S3Notification(
        id=f"s3-{digest([bucket, item.key, item.version, read.name, once])}",
        time=read.time,
        name=read.name,
        bucket=bucket,
        key=unquote_plus(item.key),
        size=item.size,
        version=item.version,
        raw=record,
    )


def _sns(record: Mapping[str, Any]) -> AwsEvent:
    return read_notification(msgspec.convert(record, _SnsRecord).notification)


def _sqs(record: Mapping[str, Any]) -> AwsEvent:
    read = msgspec.convert(record, _SqsRecord)
    sent = datetime.fromtimestamp(int(read.attributes.sent) / 1000, UTC)
    return SqsMessage(id=read.id, time=sent, queue=read.queue, body=read.body, raw=record)


def _dynamodb(record: Mapping[str, Any]) -> AwsEvent:
    read = msgspec.convert(record, _StreamDocument)
    change, (_, table, *_) = read.dynamodb, read.stream.split("/")
    return TableChange(
        id=read.id,
        time=None if change.time is None else datetime.fromtimestamp(change.time, UTC),
        name=read.name,
        table=table,
        keys=_item(change.keys),
        new=None if change.new is None else _item(change.new),
        old=None if change.old is None else _item(change.old),
        sequence_number=change.number,
        raw=record,
    )


_READERS: Mapping[str, Callable[[Mapping[str, Any]], AwsEvent]] = MappingProxyType(
    {"aws:sns": _sns, "aws:sqs": _sqs, "aws:s3": read_object_record, "aws:dynamodb": _dynamodb}
)


def _item(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _value(attribute) for name, attribute in attributes.items()}


def _value(attribute: Mapping[str, Any]) -> Any:
    """A value of an item: as boto3's tables have it, but for binary values, which are bytes."""
    ((kind, value),) = attribute.items()
    match kind:
        case "S" | "BOOL":
            return value
        case "N":
            return Decimal(value)
        case "NULL":
            return None
        case "B":
            return binascii.a2b_base64(value)
        case "M":
            return _item(value)
        case "L":
            return [_value(one) for one in value]
        case "SS":
            return set(value)
        case "NS":
            return set(map(Decimal, value))
        case "BS":
            return set(map(binascii.a2b_base64, value))
    raise ValueError(f"DynamoDB has no values of the type {kind!r}")
