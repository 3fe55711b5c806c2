"""Every statement of every role is needed: without it, something that works does not."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError
from tests.e2e.client import ASKING, LARGE, SECONDS, TASKS, TERMINAL, Client
from tests.e2e.cloud import ROOT
from tests.e2e.rotation import rotate_secret
from tests.e2e.stacks import Stack
from tests.legacy import LegacyClient, read_stream

from lambent.cli.local_aws.template import read_template
from lambent.execution.rounds.digests import digest

MONTH = {"month": "2026-03"}
UNATTENDED: dict[str, Any] = {"extensions": TASKS["extensions"]}
"""Capabilities of a client that takes tasks and cannot be asked."""


class DeniedError(AssertionError):
    """AWS refused something; the function's log says what."""


@dataclass(frozen=True)
class Check:
    """What a statement is needed for.

    Attributes:
        run: does something that needs it, and raises where that fails.
        function: whose log says so.
        renewed: whether a new environment is needed, because an old one remembers.
    """

    run: Callable[[Stack], None]
    function: str
    renewed: bool = False


def orders(stack: Stack) -> Client:
    return Client(stack.cloud, stack.url("OrdersUrl"))


def reports(stack: Stack) -> Client:
    return Client(stack.cloud, stack.url("ReportsUrl"))


def office(stack: Stack) -> Client:
    return Client(stack.cloud, stack.url("BackofficeUrl"))


def run_task(stack: Stack, start: Callable[[Client], str], status: str) -> str:
    """Start a task, and wait for a status, or until its worker was denied something; its id."""
    client, begun = reports(stack), time.time()
    task_id = start(client)
    while (shown := client.show(task_id))["status"] != status:
        if "AccessDenied" in stack.logs(begun, "ReportsWorker"):
            raise DeniedError
        assert shown["status"] not in TERMINAL, shown
        assert time.time() < begun + SECONDS, shown
        time.sleep(0.2)
    return task_id


# What functions of requests do


def ask_for_a_refund(stack: Stack) -> None:
    asked = orders(stack).call("refund_order", {"order_id": "ORD-1005"}, capabilities=ASKING)
    assert asked["resultType"] == "input_required"


def answer_as_a_legacy_client(stack: Stack) -> None:
    """A client of 2025-11-25 answers with a request of its own, and resumes the stream of its call."""

    def make() -> Callable[[dict[str, Any], Any], dict[str, Any]]:
        def send(event: dict[str, Any], _: Any) -> dict[str, Any]:
            method = event["requestContext"]["http"]["method"]
            body = event.get("body", "").encode() or None
            reply = stack.cloud.send(stack.url("OrdersUrl"), body, event["headers"], method)
            return {"statusCode": reply.status, "headers": dict(reply.headers), "body": reply.body.decode()}

        return send

    client = LegacyClient(make)
    stream = read_stream(client.call("refund_order", {"order_id": "ORD-1005"}).body)
    assert client.answer(stream.questions[0], {"action": "decline"}).status == 202
    result = client.resume(stream.event_id).response["result"]
    assert result["structuredContent"]["refunded"] is False


def ask_in_a_report(stack: Stack) -> None:
    asked = reports(stack).call("build_report", MONTH, capabilities=ASKING)
    assert asked["resultType"] == "input_required"


def ask_at_the_office(stack: Stack) -> None:
    parcel = {"carrier": "dhl", "tracking": "JD0146000099"}
    arguments = {"order_id": "B-3003", "parcel": parcel}
    asked = office(stack).call("mark_as_shipped", arguments, capabilities=ASKING)
    assert asked["resultType"] == "input_required"


def create_a_task(stack: Stack) -> None:
    reports(stack).task("build_report", MONTH)


def create_a_large_task(stack: Stack) -> None:
    reports(stack).padded_task("build_report", MONTH, LARGE)


def read_a_large_result(stack: Stack) -> None:
    assert reports(stack).show(stack.memory["large result"])["result"]


# What workers do


def begin_a_task(stack: Stack) -> None:
    run_task(stack, lambda client: client.task("build_report", MONTH), "input_required")


def begin_a_large_task(stack: Stack) -> None:
    run_task(stack, lambda client: client.padded_task("build_report", MONTH, LARGE), "input_required")


def try_again(stack: Stack) -> None:
    arguments = {**MONTH, "stumble": True}
    run_task(stack, lambda client: client.task("build_report", arguments, UNATTENDED), "completed")


def keep_a_large_result(stack: Stack) -> None:
    def start(client: Client) -> str:
        return client.padded_task("build_report", MONTH, LARGE - 300, UNATTENDED)

    stack.memory["large result"] = run_task(stack, start, "completed")


def may_use(role: str, actions: Sequence[str], *queues: str) -> Callable[[Stack], None]:
    """Ask what a role allows: what Lambda does with it, MiniStack's does without."""

    def run(stack: Stack) -> None:
        client = stack.cloud.client("iam")
        source = client.get_role(RoleName=stack.resources[role])["Role"]["Arn"]
        for queue in queues:
            decisions = client.simulate_principal_policy(
                PolicySourceArn=source, ActionNames=actions, ResourceArns=[arn_of_queue(stack, queue)]
            )["EvaluationResults"]
            assert len(decisions) == len(actions)
            if any(decision["EvalDecision"] != "allowed" for decision in decisions):
                raise DeniedError

    return run


def arn_of_queue(stack: Stack, queue: str) -> str:
    attributes = stack.cloud.client("sqs").get_queue_attributes(
        QueueUrl=stack.resources[queue], AttributeNames=["QueueArn"]
    )["Attributes"]
    arn: str = attributes["QueueArn"]
    return arn


TAKE = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]


# What happens, and who waits for it


def tell_of_a_refund(stack: Stack) -> None:
    """What the rule of the bus does with an event."""
    refund = {"id": uuid4().hex, "order_id": "ORD-1", "amount_cents": 1, "currency": "EUR", "reason": ""}
    event = {
        "version": "0",
        "id": str(uuid4()),
        "detail-type": "OrderRefunded",
        "source": "shop.payments",
        "time": "2026-11-27T06:00:00Z",
        "detail": {**refund, "refunded_at": "2026-11-27T06:00:00Z"},
    }
    stack.cloud.invoke(stack.resources["OrdersFunctionAliaslive"], event)


def deliver(message: str) -> Callable[[Stack], None]:
    """Do as a message of the deliveries' queue says."""

    def run(stack: Stack) -> None:
        arn = arn_of_queue(stack, "DeliveriesQueue")
        record = {"messageId": "1", "body": message, "eventSource": "aws:sqs", "eventSourceARN": arn}
        answer = stack.cloud.invoke(stack.resources["DeliveryFunctionAliaslive"], {"Records": [record]})
        assert answer == {"batchItemFailures": []}

    return run


def wake_a_subscriber(stack: Stack) -> None:
    """One who has only just subscribed: the index knows it, and nothing else does."""
    dynamodb = stack.cloud.client("dynamodb")
    log = f"EVENTS#{digest(['orders', 'order.refunded'])}"
    item = {"pk": {"S": f"EVENTSUB#{uuid4().hex}"}, "topic": {"S": log}}
    dynamodb.put_item(TableName=stack.outputs["TableName"], Item=item)
    try:
        deliver("wake order.refunded")(stack)
    finally:
        dynamodb.delete_item(TableName=stack.outputs["TableName"], Key={"pk": item["pk"]})


# What a deploy does


def publish_cards(stack: Stack) -> None:
    bucket, s3 = stack.outputs["BucketName"], stack.cloud.client("s3")
    old = {"Bucket": bucket, "Key": "cards/old"}
    s3.put_object(**old, Body=b"of a deploy before")
    answers = {"Bucket": stack.cloud.managed_bucket, "Key": f"answer-{uuid4().hex}"}
    event = {
        "RequestType": "Update",
        "ResourceType": "Custom::ServerCards",
        "ResponseURL": s3.generate_presigned_url("put_object", Params=answers, HttpMethod="PUT"),
        "StackId": stack.name,
        "RequestId": uuid4().hex,
        "LogicalResourceId": "ServerCards",
        "PhysicalResourceId": f"{bucket}/cards",
        "ResourceProperties": {"Bucket": bucket, "Url": stack.outputs["Url"], "EmptyOnDelete": "true"},
    }
    stack.cloud.invoke(stack.resources["CardsFunction"], event)
    told = json.loads(s3.get_object(**answers)["Body"].read())
    left = s3.list_objects_v2(Bucket=bucket, Prefix=old["Key"])["KeyCount"]
    for each in (answers, old):
        s3.delete_object(**each)
    assert (told["Status"], left) == ("SUCCESS", 0), told


def rotate(stack: Stack) -> None:
    rotate_secret(stack.cloud, stack.resources["StateSecret"], stack.resources["RotationFunction"])


CHECKS = {
    ("OrdersRole", "StateSecret"): Check(ask_for_a_refund, "Orders", renewed=True),
    ("OrdersRole", "Items"): Check(answer_as_a_legacy_client, "Orders"),
    ("OrdersRole", "Events"): Check(tell_of_a_refund, "Orders"),
    # Without it an occurrence is kept, and delivered at the next sweep: the call does not fail.
    ("OrdersRole", "Deliveries"): Check(may_use("OrdersRole", ["sqs:SendMessage"], "DeliveriesQueue"), ""),
    ("OrdersRole", "MissedEvents"): Check(
        may_use("OrdersRole", ["sqs:SendMessage"], "MissedEventsQueue"), ""
    ),
    ("DeliveryRole", "Events"): Check(deliver("advance EVENTSUB#nobody"), "Delivery"),
    ("DeliveryRole", "Topics"): Check(deliver("wake order.refunded"), "Delivery"),
    ("DeliveryRole", "TakeMessages"): Check(
        may_use("DeliveryRole", TAKE, "DeliveriesQueue", "DeadDeliveriesQueue"), ""
    ),
    ("DeliveryRole", "QueueAgain"): Check(wake_a_subscriber, "Delivery"),
    ("ReportsRole", "StateSecret"): Check(ask_in_a_report, "Reports", renewed=True),
    ("ReportsRole", "Tasks"): Check(create_a_task, "Reports"),
    ("ReportsRole", "Queue"): Check(create_a_task, "Reports"),
    ("ReportsRole", "LargeArguments"): Check(create_a_large_task, "Reports"),
    ("ReportsRole", "LargeResults"): Check(read_a_large_result, "Reports"),
    ("ReportsWorkerRole", "Tasks"): Check(begin_a_task, "ReportsWorker"),
    ("ReportsWorkerRole", "TakeMessages"): Check(
        may_use("ReportsWorkerRole", TAKE, "TaskQueue", "DeadTaskQueue"), ""
    ),
    ("ReportsWorkerRole", "QueueAgain"): Check(try_again, "ReportsWorker"),
    ("ReportsWorkerRole", "LargeArguments"): Check(begin_a_large_task, "ReportsWorker"),
    ("ReportsWorkerRole", "LargeResults"): Check(keep_a_large_result, "ReportsWorker"),
    ("BackofficeRole", "StateSecret"): Check(ask_at_the_office, "Backoffice", renewed=True),
    ("CardsRole", "Publish"): Check(publish_cards, "Cards"),
    ("CardsRole", "Remove"): Check(publish_cards, "Cards"),
    ("CardsRole", "List"): Check(publish_cards, "Cards"),
    ("RotationRole", "Rotation"): Check(rotate, "Rotation"),
}

OPERATIONS = {"ListBucket": "ListObjectsV2", "DeleteObject": "DeleteObjects"}
"""Operations that are not called like the action that allows them."""

UNCHECKED = {"Logs"}
"""MiniStack writes the logs of functions itself, and needs nobody's leave."""


@contextmanager
def without(stack: Stack, role: str, sid: str) -> Iterator[list[str]]:
    """Take a statement away from a role for a while; the actions that it allows."""
    client, name = stack.cloud.client("iam"), stack.resources[role]
    (policy,) = client.list_role_policies(RoleName=name)["PolicyNames"]
    document = client.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
    (taken,) = [statement for statement in document["Statement"] if statement["Sid"] == sid]
    actions = [taken["Action"]] if isinstance(taken["Action"], str) else taken["Action"]

    def put(statements: list[Any]) -> None:
        changed = json.dumps({**document, "Statement": statements})
        client.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=changed)

    put([statement for statement in document["Statement"] if statement is not taken])
    try:
        yield actions
    finally:
        put(document["Statement"])


def test_every_statement_has_its_check() -> None:
    resources = read_template(ROOT / "template.yaml").document["Resources"]
    found = [
        (name, statement["Sid"])
        for name, resource in resources.items()
        if resource["Type"] == "AWS::IAM::Role"
        for policy in resource["Properties"]["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
    ]
    assert set(found) == {*CHECKS, *((role, sid) for role, sid in found if sid in UNCHECKED)}
    # There are no other ways to a permission than the roles above.
    functions = [
        resource["Properties"] for resource in resources.values() if resource["Type"].endswith("::Function")
    ]
    assert all("Role" in function and "Policies" not in function for function in functions)
    assert not any("ManagedPolicyArns" in resource.get("Properties", {}) for resource in resources.values())


@pytest.mark.parametrize(("role", "sid"), CHECKS)
def test_without_a_statement_what_needs_it_fails(shop: Stack, role: str, sid: str) -> None:
    check = CHECKS[role, sid]
    if check.run is read_a_large_result and "large result" not in shop.memory:
        keep_a_large_result(shop)
    if check.renewed:
        shop.renew(f"{check.function}Function")
    check.run(shop)
    begun = time.time()
    with without(shop, role, sid) as actions:
        if check.renewed:
            shop.renew(f"{check.function}Function")
        with pytest.raises(AssertionError) as failed:
            check.run(shop)
    if check.function:
        log = shop.logs(begun, check.function)
        denied = [line for line in log.splitlines() if "AccessDenied" in line]
        assert denied, f"{failed.value}\n{log}"
        operations = [OPERATIONS.get(name := action.partition(":")[2], name) for action in actions]
        assert any(f"the {operation} operation" in denied[0] for operation in operations), denied[0]
    else:
        assert failed.type is DeniedError


@pytest.fixture
def reader(shop: Stack) -> Iterator[dict[str, str]]:
    """Credentials of a user who may read every bucket. The account's root may whatever a policy says."""
    client = shop.cloud.client("iam")
    name = f"reader-{uuid4().hex}"
    client.create_user(UserName=name)
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    client.put_user_policy(UserName=name, PolicyName="read", PolicyDocument=document)
    key = client.create_access_key(UserName=name)["AccessKey"]
    yield {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
    client.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
    client.delete_user_policy(UserName=name, PolicyName="read")
    client.delete_user(UserName=name)


def test_the_bucket_is_read_over_encrypted_connections_only(shop: Stack, reader: dict[str, str]) -> None:
    where = {"Bucket": shop.outputs["BucketName"], "Key": "cards/.well-known/mcp.json"}
    cloud = shop.cloud
    with closing(cloud.make_client("s3", **reader)) as encrypted:
        encrypted.get_object(**where)["Body"].read()
    plain_endpoint = {"endpoint_url": cloud.in_the_clear(cloud.endpoint)}
    with (
        closing(cloud.make_client("s3", **reader, **plain_endpoint)) as plain,
        pytest.raises(ClientError, match="AccessDenied"),
    ):
        plain.get_object(**where)
