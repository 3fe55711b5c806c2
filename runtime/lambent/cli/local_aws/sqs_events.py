"""The event of a batch of messages, and which messages of it failed.

https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html and
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
"""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

SqsMessage = Mapping[str, Any]


def sqs_event(messages: Sequence[SqsMessage], queue_arn: str, region: str) -> dict[str, Any]:
    """The event of a batch of messages.

    Args:
        messages: The messages, as `ReceiveMessage` gives them with all attributes.
        queue_arn: The queue that they come from.
        region: Its region.

    Returns:
        The event.
    """
    return {"Records": [_record(message, queue_arn, region) for message in messages]}


def _record(message: SqsMessage, queue_arn: str, region: str) -> dict[str, Any]:
    record = {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": dict(message.get("Attributes", {})),
        "messageAttributes": {
            name: _attribute(value) for name, value in message.get("MessageAttributes", {}).items()
        },
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": region,
    }
    if "MD5OfMessageAttributes" in message:
        record["md5OfMessageAttributes"] = message["MD5OfMessageAttributes"]
    return record


def _attribute(value: Mapping[str, Any]) -> dict[str, Any]:
    attribute: dict[str, Any] = {
        "stringListValues": [],
        "binaryListValues": [],
        "dataType": value["DataType"],
    }
    if "StringValue" in value:
        attribute["stringValue"] = value["StringValue"]
    if "BinaryValue" in value:
        attribute["binaryValue"] = base64.b64encode(value["BinaryValue"]).decode("ascii")
    return attribute


def failed_ids(result: bytes, sent: Collection[str], *, reports_failures: bool) -> frozenset[str]:
    """Which messages of a batch stay in the queue.

    Args:
        result: What the function returned, as JSON.
        sent: The ids of the batch.
        reports_failures: Whether the event source mapping has `ReportBatchItemFailures`.

    Returns:
        The ids; all of the batch where the result cannot be a batch response, none where the mapping does not
        ask for one.
    """
    if not reports_failures:
        return frozenset()
    everything = frozenset(sent)
    response = json.loads(result)
    if response is None:
        return frozenset()
    if not isinstance(response, dict):
        return everything
    failures = response.get("batchItemFailures")
    if failures is None:
        return frozenset()
    if not isinstance(failures, list):
        return everything
    named = [str(item.get("itemIdentifier")) if isinstance(item, dict) else "" for item in failures]
    return frozenset(named) if everything.issuperset(named) else everything
