"""Events for sources. Their fields are those that AWS documents:

* https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html
* https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html
* https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
* https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-event-types-and-destinations.html
* https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
* https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
* https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from tests.events.front_ends import ACCOUNT, NOON, REGION, digest_of, uuid_of

from lambent.cli.local_aws.sqs_events import sqs_event

QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:lambent-refunds"
NOTIFIED_QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:lambent-notified-refunds"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:lambent-refunds"
TABLE, BUCKET = "lambent-refunds", "lambent-uploads"
REFUND = {"order_id": "ORD-1005", "cents": 4999}


def iso(milliseconds: bool = True) -> str:
    """Noon, as AWS writes times."""
    text = datetime.fromtimestamp(NOON, UTC).isoformat(timespec="milliseconds" if milliseconds else "seconds")
    return text.replace("+00:00", "Z")


def eventbridge_event(detail: Mapping[str, Any] = REFUND, **members: Any) -> dict[str, Any]:
    """What a rule of EventBridge sends."""
    return {
        "version": "0",
        "id": uuid_of("an event"),
        "detail-type": "OrderRefunded",
        "source": "shop.orders",
        "account": ACCOUNT,
        "time": iso(milliseconds=False),
        "region": REGION,
        "resources": [],
        "detail": dict(detail),
        **members,
    }


def sns_notification(message: str, topic: str = TOPIC, *, url: str = "Url", **members: Any) -> dict[str, Any]:
    """What SNS says of a message; to a queue it writes URL in capital letters."""
    host, subscription = f"https://sns.{REGION}.amazonaws.com", f"{topic}:{uuid_of('a subscription')}"
    return {
        "Type": "Notification",
        "MessageId": uuid_of("a message"),
        "TopicArn": topic,
        "Message": message,
        "Timestamp": iso(),
        "SignatureVersion": "1",
        "Signature": base64.b64encode(digest_of("a signature") * 8).decode(),
        f"SigningCert{url}": f"{host}/SimpleNotificationService-{digest_of('a certificate').hex()[:32]}.pem",
        f"Unsubscribe{url}": f"{host}/?Action=Unsubscribe&SubscriptionArn={subscription}",
        **members,
    }


def sns_event(message: str, topic: str = TOPIC, **members: Any) -> dict[str, Any]:
    """What SNS sends to a function."""
    record = {
        "EventVersion": "1.0",
        "EventSubscriptionArn": f"{topic}:{uuid_of('a subscription')}",
        "EventSource": "aws:sns",
        "Sns": sns_notification(message, topic, **{"Subject": None, "MessageAttributes": {}, **members}),
    }
    return {"Records": [record]}


def s3_record(key: str = "refunds/ORD-1005.json", bucket: str = BUCKET, **members: Any) -> dict[str, Any]:
    """One notification of S3; ``key`` as S3 writes it."""
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": REGION,
        "eventTime": iso(),
        "eventName": "ObjectCreated:Put",
        "userIdentity": {"principalId": "AWS:AROAEXAMPLEEXAMPLE123"},
        "requestParameters": {"sourceIPAddress": "203.0.113.7"},
        "responseElements": {
            "x-amz-request-id": "D82B88E5F771F645",
            "x-amz-id-2": base64.b64encode(digest_of("a request")).decode(),
        },
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "refunds",
            "bucket": {
                "name": bucket,
                "ownerIdentity": {"principalId": "A3I5XTEXAMAI3E"},
                "arn": f"arn:aws:s3:::{bucket}",
            },
            "object": {
                "key": key,
                "size": 1024,
                "eTag": "d41d8cd98f00b204e9800998ecf8427e",
                "sequencer": "0A1B2C3D4E5F678901",
            },
        },
        **members,
    }


def s3_event(*records: dict[str, Any]) -> dict[str, Any]:
    """What S3 sends."""
    return {"Records": list(records or [s3_record()])}


def s3_test_event() -> dict[str, Any]:
    """What S3 sends when the notifications of a bucket are set."""
    return {
        "Service": "Amazon S3",
        "Event": "s3:TestEvent",
        "Time": iso(),
        "Bucket": BUCKET,
        "RequestId": "5582815E1AEA5ADF",
        "HostId": base64.b64encode(digest_of("a host")).decode(),
    }


def stream_record(
    number: int, name: str = "INSERT", table: str = TABLE, **changes: dict[str, Any]
) -> dict[str, Any]:
    """One record of the stream of a table; ``NewImage`` and ``OldImage`` are the changes."""
    return {
        "eventID": hashlib.md5(f"change {number}".encode(), usedforsecurity=False).hexdigest(),
        "eventName": name,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": REGION,
        "dynamodb": {
            "ApproximateCreationDateTime": float(NOON),
            "Keys": {"order_id": {"S": f"ORD-{number}"}},
            **changes,
            "SequenceNumber": f"{number}00000000003197341400",
            "SizeBytes": 59,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
        "eventSourceARN": f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{table}/stream/2026-08-01T00:00:00.000",
    }


def inserted(number: int, cents: int = 4999, **members: Any) -> dict[str, Any]:
    """The record of a refund that was written into the table."""
    item = {"order_id": {"S": f"ORD-{number}"}, "cents": {"N": str(cents)}}
    return stream_record(number, NewImage=item, **members)


def stream_event(*records: dict[str, Any]) -> dict[str, Any]:
    """What the stream of a table brings."""
    return {"Records": list(records)}


def message_batch(*bodies: str, queue: str = QUEUE) -> dict[str, Any]:
    """What a queue brings: the messages have the ids of ``message 0`` and so on."""
    messages = [
        {
            "MessageId": uuid_of(f"message {number}"),
            "ReceiptHandle": base64.b64encode(digest_of(f"receipt {number}") * 4).decode(),
            "Body": body,
            "MD5OfBody": hashlib.md5(body.encode(), usedforsecurity=False).hexdigest(),
            "Attributes": {
                "ApproximateFirstReceiveTimestamp": str(NOON * 1000 + 25),
                "ApproximateReceiveCount": "1",
                "SenderId": "AROAEXAMPLEEXAMPLE123:shop",
                "SentTimestamp": str(NOON * 1000),
            },
        }
        for number, body in enumerate(bodies)
    ]
    return sqs_event(messages, queue, REGION)


def source_events() -> Mapping[str, dict[str, Any]]:
    """An event of each kind, by the name of its file."""
    refund = json.dumps(REFUND)
    notified = sns_notification(refund, url="URL")
    return {
        "eventbridge": eventbridge_event(),
        "sns": sns_event(refund),
        "s3": s3_event(),
        "s3-test": s3_test_event(),
        "dynamodb": stream_event(inserted(1005)),
        "schedule-check": {"lambent": "check"},
        "sqs-message": message_batch(refund),
        "sqs-sns": message_batch(json.dumps(notified), queue=NOTIFIED_QUEUE),
    }
