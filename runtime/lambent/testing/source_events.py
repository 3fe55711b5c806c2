"""Events of AWS for the sources of a server, as Lambda gets them."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote_plus

from lambent.features.codecs import to_json, to_plain
from lambent.testing.events import REGION

_ACCOUNT = "123456789012"


def eventbridge_event(
    detail_type: str, detail: Any, *, source: str, event_id: str | None = None
) -> dict[str, Any]:
    """An event that a rule of EventBridge sends.

    Args:
        detail_type: such as ``OrderRefunded``.
        detail: a record, or any other value that is an object in JSON.
        source: such as ``shop.orders``.
        event_id: default: a new one.
    """
    return {
        "version": "0",
        "id": event_id or str(uuid.uuid4()),
        "detail-type": detail_type,
        "source": source,
        "account": _ACCOUNT,
        "time": _now("seconds"),
        "region": REGION,
        "resources": [],
        "detail": to_plain(detail),
    }


def sns_event(message: Any, *, topic: str) -> dict[str, Any]:
    """An event with a message of a topic.

    Args:
        message: text, or any other value, which is published as JSON.
        topic: its name.
    """
    arn = f"arn:aws:sns:{REGION}:{_ACCOUNT}:{topic}"
    notification: dict[str, Any] = {
        "Type": "Notification",
        "MessageId": str(uuid.uuid4()),
        "TopicArn": arn,
        "Subject": None,
        "Message": message if isinstance(message, str) else to_json(message).decode(),
        "Timestamp": _now(),
        "MessageAttributes": {},
    }
    record = {
        "EventSource": "aws:sns",
        "EventVersion": "1.0",
        "EventSubscriptionArn": f"{arn}:{uuid.uuid4()}",
    }
    return {"Records": [{**record, "Sns": notification}]}


def s3_event(
    key: str, *, bucket: str, name: str = "ObjectCreated:Put", size: int | None = 1024
) -> dict[str, Any]:
    """An event with a notification of a bucket.

    Args:
        key: of the object.
        bucket: its name.
        name: what has happened.
        size: of the object in bytes; None where the notification does not say it.
    """
    item: dict[str, Any] = {
        "key": quote_plus(key, safe="/"),
        "sequencer": f"{uuid.uuid4().int % 16**18:018X}",
    }
    if size is not None:
        item |= {"size": size, "eTag": "d41d8cd98f00b204e9800998ecf8427e"}
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": REGION,
        "eventTime": _now(),
        "eventName": name,
        "s3": {
            "s3SchemaVersion": "1.0",
            "bucket": {"name": bucket, "arn": f"arn:aws:s3:::{bucket}"},
            "object": item,
        },
    }
    return {"Records": [record]}


def stream_event(
    keys: Mapping[str, Any],
    *,
    table: str,
    new: Mapping[str, Any] | None = None,
    old: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """An event with a record of the stream of a DynamoDB table; values are as boto3's tables have them.

    Args:
        keys: of the item.
        table: its name.
        new: the item now; None: it was removed.
        old: the item before; None: it is new.
    """
    now = datetime.now(UTC)
    change: dict[str, Any] = {
        "ApproximateCreationDateTime": float(int(now.timestamp())),
        "Keys": _attributes(keys),
        "SequenceNumber": str(uuid.uuid4().int),
        "StreamViewType": "NEW_AND_OLD_IMAGES",
    }
    if new is not None:
        change["NewImage"] = _attributes(new)
    if old is not None:
        change["OldImage"] = _attributes(old)
    arn = f"arn:aws:dynamodb:{REGION}:{_ACCOUNT}:table/{table}"
    record = {
        "eventID": uuid.uuid4().hex,
        "eventName": "REMOVE" if new is None else "INSERT" if old is None else "MODIFY",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": REGION,
        "dynamodb": change,
        "eventSourceARN": f"{arn}/stream/2026-01-01T00:00:00.000",
    }
    return {"Records": [record]}


def _now(timespec: str = "milliseconds") -> str:
    return datetime.now(UTC).isoformat(timespec=timespec).replace("+00:00", "Z")


def _attributes(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _attribute(value) for name, value in item.items()}


def _attribute(value: Any) -> dict[str, Any]:
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case str():
            return {"S": value}
        case int() | float() | Decimal():
            return {"N": str(value)}
        case bytes():
            return {"B": base64.b64encode(value).decode()}
        case Mapping():
            return {"M": _attributes(value)}
        case list() | tuple():
            return {"L": [_attribute(one) for one in value]}
        case set() | frozenset() if value:
            found = [_attribute(one) for one in value]
            (kind,) = {kind for one in found for kind in one}
            return {f"{kind}S": [one[kind] for one in found]}
    raise TypeError(f"DynamoDB has no value for {value!r}")
