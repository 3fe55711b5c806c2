import json

import pytest

from lambent.cli.local_aws.sqs_events import failed_ids, sqs_event

ARN = "arn:aws:sqs:us-east-2:123456789012:my-queue"
MESSAGE = {
    "MessageId": "059f36b4-87a3-44ab-83d2-661975830a7d",
    "ReceiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
    "MD5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
    "Body": "Test message.",
    "Attributes": {
        "ApproximateReceiveCount": "1",
        "SentTimestamp": "1545082649183",
        "SenderId": "AIDAIENQZJOLO23YVJ4VO",
        "ApproximateFirstReceiveTimestamp": "1545082649185",
    },
}


def test_a_message_is_a_record_as_aws_has_it():
    # The example of Lambda's own guide.
    assert sqs_event([MESSAGE], ARN, "us-east-2") == {
        "Records": [
            {
                "messageId": "059f36b4-87a3-44ab-83d2-661975830a7d",
                "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
                "body": "Test message.",
                "attributes": {
                    "ApproximateReceiveCount": "1",
                    "SentTimestamp": "1545082649183",
                    "SenderId": "AIDAIENQZJOLO23YVJ4VO",
                    "ApproximateFirstReceiveTimestamp": "1545082649185",
                },
                "messageAttributes": {},
                "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
                "eventSource": "aws:sqs",
                "eventSourceARN": ARN,
                "awsRegion": "us-east-2",
            }
        ]
    }


def test_message_attributes():
    message = {
        **MESSAGE,
        "MD5OfMessageAttributes": "00484c68",
        "MessageAttributes": {
            "name": {"DataType": "String", "StringValue": "Ada"},
            "key": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
        },
    }
    (record,) = sqs_event([message], ARN, "us-east-2")["Records"]
    assert record["md5OfMessageAttributes"] == "00484c68"
    assert record["messageAttributes"] == {
        "name": {
            "stringListValues": [],
            "binaryListValues": [],
            "dataType": "String",
            "stringValue": "Ada",
        },
        "key": {
            "stringListValues": [],
            "binaryListValues": [],
            "dataType": "Binary",
            "binaryValue": "AP8=",
        },
    }


@pytest.mark.parametrize(
    ("result", "failed"),
    [
        # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html, success conditions
        (None, ""),
        ({}, ""),
        ({"batchItemFailures": None}, ""),
        ({"batchItemFailures": []}, ""),
        ({"batchItemFailures": [{"itemIdentifier": "b"}]}, "b"),
        ({"batchItemFailures": [{"itemIdentifier": "a"}, {"itemIdentifier": "b"}]}, "ab"),
        # failure conditions: the whole batch comes again
        ("done", "ab"),
        ([], "ab"),
        ({"batchItemFailures": "b"}, "ab"),
        ({"batchItemFailures": ["b"]}, "ab"),
        ({"batchItemFailures": [{"itemIdentifier": ""}]}, "ab"),
        ({"batchItemFailures": [{"itemIdentifier": None}]}, "ab"),
        ({"batchItemFailures": [{"itemIdentifier": ["a"]}]}, "ab"),
        ({"batchItemFailures": [{"id": "a"}]}, "ab"),
        ({"batchItemFailures": [{"itemIdentifier": "c"}]}, "ab"),
    ],
)
def test_what_failed(result, failed):
    encoded = json.dumps(result).encode()
    assert failed_ids(encoded, ["a", "b"], reports_failures=True) == frozenset(failed)
    assert failed_ids(encoded, ["a", "b"], reports_failures=False) == frozenset()
