"""Events that no client sends over HTTP: of queues, CloudFormation, Secrets Manager, callers of functions.

Their fields are those that AWS documents:

* https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-requests.html
* https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html
* https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
* https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/gateway-add-target-lambda.html
"""

import base64
from collections.abc import Mapping
from typing import Any

from tests import support
from tests.events.front_ends import ACCOUNT, NOON, REGION, digest_of, uuid_of
from tests.events.functions import (
    BUCKET,
    DEAD_DELIVERIES_QUEUE,
    DEAD_QUEUE,
    DELIVERIES_QUEUE,
    TASK_QUEUE,
    Cloud,
    arn_of,
    url_of,
)
from tests.events.source_events import eventbridge_event, message_batch

from lambent.cli.local_aws.sqs_events import sqs_event

STACK = "lambent"


def queue_event(cloud: Cloud, queue: str, name: str) -> dict[str, Any]:
    """The event of the one message that a queue has, with the ids and times that a name gives it."""
    received = cloud.sqs.receive_message(
        QueueUrl=url_of(queue),
        VisibilityTimeout=0,
        AttributeNames=["All"],
        MessageAttributeNames=["All"],
    )
    (message,) = received["Messages"]
    attributes: dict[str, str] = message["Attributes"]
    steady = {
        "SenderId": f"AROAEXAMPLEEXAMPLE123:{STACK}-ReportsFunction",
        "SentTimestamp": str(NOON * 1000),
        "ApproximateFirstReceiveTimestamp": str(NOON * 1000 + 25),
    }
    assert steady.keys() <= attributes.keys()
    if queue == DEAD_QUEUE:
        # Not among what moto gives.
        attributes["DeadLetterQueueSourceArn"] = steady["DeadLetterQueueSourceArn"] = arn_of(TASK_QUEUE)
    message |= {
        "MessageId": uuid_of(name),
        "ReceiptHandle": base64.b64encode(digest_of(name) * 4).decode(),
        "Attributes": {key: steady.get(key, attributes[key]) for key in sorted(attributes)},
    }
    return sqs_event([message], arn_of(queue), REGION)


def delivery_events() -> Mapping[str, dict[str, Any]]:
    """What happens in the shop, and what brings it to subscribers."""
    refund = {
        "id": "RF-1005",
        "order_id": "ORD-1005",
        "amount_cents": 145230,
        "currency": "USD",
        "reason": "It leaks.",
        "refunded_at": "2026-08-01T12:00:00Z",
    }
    wake = "wake order.refunded"
    return {
        "eventbridge-order-refunded": eventbridge_event(refund, source="shop.payments"),
        "sqs-delivery": message_batch(wake, queue=arn_of(DELIVERIES_QUEUE)),
        "sqs-dead-delivery": message_batch(wake, queue=arn_of(DEAD_DELIVERIES_QUEUE)),
        "schedule-sweep": {"lambent": "sweep"},
    }


def cards_event(request_type: str, layer_version: int, **more: Any) -> dict[str, Any]:
    """What CloudFormation asks of the custom resource that publishes the server cards."""
    return {
        "RequestType": request_type,
        "ServiceToken": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{STACK}-CardsFunction",
        # CloudFormation's own is a signed URL of S3. Nobody waits behind this one.
        "ResponseURL": "https://cloudformation-custom-resource-response.invalid/response",
        "StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{STACK}/{uuid_of(STACK)}",
        "RequestId": uuid_of(f"{request_type} of cards"),
        "LogicalResourceId": "ServerCards",
        "ResourceType": "Custom::ServerCards",
        **more,
        "ResourceProperties": cards_properties(layer_version),
    }


def cards_properties(layer_version: int) -> dict[str, str]:
    """The properties as the template has them; CloudFormation makes text of every value."""
    return {
        "ServiceToken": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{STACK}-CardsFunction",
        "ServiceTimeout": "120",
        "Bucket": BUCKET,
        "Url": f"https://a1b2c3d4e5.execute-api.{REGION}.amazonaws.com",
        "Content": f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:CardsLayer:{layer_version}",
        "EmptyOnDelete": "true",
    }


def deploy_events() -> Mapping[str, dict[str, Any]]:
    """A stack's life: created, updated with changed cards, deleted."""
    made = {"PhysicalResourceId": f"{BUCKET}/cards"}
    return {
        "custom-resource-create": cards_event("Create", 1),
        "custom-resource-update": cards_event("Update", 2, **made)
        | {"OldResourceProperties": cards_properties(1)},
        "custom-resource-delete": cards_event("Delete", 2, **made),
    }


def direct_events(order: Mapping[str, str]) -> Mapping[str, dict[str, Any]]:
    """Messages of callers of the function itself, in both eras."""
    call = {"name": "lookup_order", "arguments": dict(order)}
    information = {"protocolVersion": "2025-11-25", "capabilities": {}}
    information["clientInfo"] = {"name": "a client", "version": "1.0.0"}
    return {
        "direct-tools-list": support.message("tools/list"),
        "direct-tools-call": support.message("tools/call", call),
        "direct-notification": {"jsonrpc": "2.0", "method": "notifications/roots/list_changed"},
        "direct-legacy-initialize": {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "initialize",
            "params": information,
        },
        "direct-legacy-tools-call": {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call},
        "direct-legacy-client-context": {"custom": {"headers": {"MCP-Protocol-Version": "2025-11-25"}}},
    }


def agentcore_events(order: Mapping[str, str]) -> Mapping[str, dict[str, Any]]:
    """A call of a gateway: the arguments, and what is told beside them."""
    custom = {
        "bedrockAgentCoreMessageVersion": "1.0",
        "bedrockAgentCoreAwsRequestId": uuid_of("a call of a gateway"),
        "bedrockAgentCoreMcpMessageId": "invoke-tool-request",
        "bedrockAgentCoreGatewayId": "shop-a1b2c3d4e5",
        "bedrockAgentCoreTargetId": "A1B2C3D4E5",
        "bedrockAgentCoreToolName": "orders___lookup_order",
    }
    return {"agentcore-call": dict(order), "agentcore-client-context": {"custom": custom}}


def rotation_events() -> Mapping[str, dict[str, Any]]:
    """The four steps in which Secrets Manager has a secret replaced."""
    steps = {
        "create": "createSecret",
        "set": "setSecret",
        "test": "testSecret",
        "finish": "finishSecret",
    }
    return {
        f"secret-rotation-{name}": {
            "Step": step,
            "SecretId": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{STACK}-state-a1B2c3",
            "ClientRequestToken": uuid_of("the new version"),
            "RotationToken": uuid_of("the rotation"),
        }
        for name, step in steps.items()
    }
