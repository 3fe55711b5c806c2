"""The stack of an app without a template: a table, queues of tasks and of deliveries, a bucket."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from lambent.cli.local_aws.stack import OUTPUT, STACK_NAME, VARIABLES, Stack

_NAME: Final = Path("lambent dev")
# As in the template of this project: six times the timeout of the worker.
_WORKER_SECONDS: Final = 300
_VISIBILITY_SECONDS: Final = 6 * _WORKER_SECONDS
_BY_TOPIC: Final = {
    "IndexName": "by_topic",
    "KeySchema": [
        {"AttributeName": "topic", "KeyType": "HASH"},
        {"AttributeName": "pk", "KeyType": "RANGE"},
    ],
    "Projection": {"ProjectionType": "KEYS_ONLY"},
}
_TIME_TO_LIVE: Final = {"AttributeName": "purge_at", "Enabled": True}


def own_stack() -> Stack:
    """What Lambent itself needs, whatever the app declares."""
    resources = {
        "Table": {
            "Type": "AWS::DynamoDB::Table",
            "Properties": {
                "TableName": f"{STACK_NAME}-Table",
                "BillingMode": "PAY_PER_REQUEST",
                "AttributeDefinitions": [
                    {"AttributeName": name, "AttributeType": "S"} for name in ("pk", "topic")
                ],
                "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
                "GlobalSecondaryIndexes": [_BY_TOPIC],
            },
        },
        "DeadTaskQueue": _queue("DeadTaskQueue"),
        "TaskQueue": _queue("TaskQueue", RedrivePolicy=_redrive("DeadTaskQueue")),
        "DeadDeliveryQueue": _queue("DeadDeliveryQueue"),
        "DeliveryQueue": _queue("DeliveryQueue", RedrivePolicy=_redrive("DeadDeliveryQueue")),
        "Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": f"{STACK_NAME}-bucket"}},
    }
    result = {
        "variables": dict(
            zip(VARIABLES, map(_ref, ("Table", "TaskQueue", "Bucket", "DeliveryQueue")), strict=True)
        ),
        "sources": [_source("TaskQueue", 1), _source("DeadTaskQueue", 10), _source("DeliveryQueue", 10)],
        "ttl": [[_ref("Table"), _TIME_TO_LIVE]],
    }
    document = {
        "Transform": "AWS::LanguageExtensions",  # has Fn::ToJsonString
        "Resources": resources,
        "Outputs": {OUTPUT: {"Value": {"Fn::ToJsonString": result}}},
    }
    return Stack(_NAME, document, VARIABLES)


def _redrive(name: str) -> dict[str, Any]:
    return {"deadLetterTargetArn": _arn(name), "maxReceiveCount": 5}


def _ref(name: str) -> dict[str, Any]:
    return {"Ref": name}


def _arn(name: str) -> dict[str, Any]:
    return {"Fn::GetAtt": [name, "Arn"]}


def _queue(name: str, **properties: Any) -> dict[str, Any]:
    own = {"QueueName": f"{STACK_NAME}-{name}", "VisibilityTimeout": _VISIBILITY_SECONDS}
    return {"Type": "AWS::SQS::Queue", "Properties": {**own, **properties}}


def _source(name: str, batch_size: int) -> dict[str, Any]:
    return {
        "Queue": _arn(name),
        "BatchSize": batch_size,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "Timeout": _WORKER_SECONDS,
    }
