"""Every file goes through the function that it is for, and gives the status and the result that it should."""

import base64
import contextlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from tests.events.conftest import Read
from tests.events.functions import (
    BUCKET,
    DELIVERIES_QUEUE,
    TABLE,
    WITH_DELIVERIES,
    WITH_TASKS,
    Cloud,
    cloud,
    function,
    url_of,
)
from tests.events.generate import STALE_STATE, TASK_ID
from tests.events.test_files import NAMES

from lambent import Checked, MCPServer, Settings
from lambent.execution.durable.records import Records, changed
from lambent.execution.durable.tasks.record import TaskRecord
from lambent.hosts.aws_lambda import rotation
from lambent.stores.dynamodb import DynamoStore


class Context:
    """What a function is told of its invocation."""

    aws_request_id = "00000000-0000-4000-8000-000000000001"
    function_name = "events"

    def get_remaining_time_in_millis(self) -> int:
        return 30_000


CONTEXT = Context()


@dataclass(frozen=True)
class Expected:
    """What comes of a request.

    Attributes:
        status: the HTTP status.
        shown: of the body, by path.
        media_type: of the body.
    """

    status: int
    shown: dict[str, Any] = field(default_factory=dict)
    media_type: str = "application/json"


URL = "https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com"

DISCOVERED = Expected(200, {"result.supportedVersions.0": "2026-07-28", "result.instructions": str})
LISTED = Expected(200, {"result.tools.0.name": "lookup_order", "result.tools.2.name": "refund_order"})
CALLED = Expected(200, {"result.resultType": "complete", "result.structuredContent.customer": "Luis Herrera"})
LEGACY = Expected(200, {"result.protocolVersion": "2025-11-25", "result.serverInfo.name": "orders"})
NO_STREAM = (
    "There is no stream to listen to, and the HTTP+SSE transport is not served: use Streamable HTTP, with "
    "POST to this URL"
)
NO_GET = Expected(405, {"error.message": NO_STREAM})

ORDERS: dict[str, Expected] = {
    "http-api-discover": DISCOVERED,
    "http-api-tools-list": LISTED,
    "http-api-tools-call": CALLED,
    "http-api-tools-call-header": Expected(
        200, {"result.structuredContent.orders.0.region": "eu", "result.structuredContent.next_cursor": str}
    ),
    "http-api-tools-call-question": Expected(
        200,
        {
            "result.resultType": "input_required",
            "result.requestState": str,
            "result.inputRequests.confirmation.method": "elicitation/create",
        },
    ),
    "http-api-tools-call-answer": Expected(
        200,
        {
            "result.resultType": "complete",
            "result.structuredContent.refunded": True,
            "result.structuredContent.receipt.reason": "broken on arrival",
        },
    ),
    "http-api-tools-call-stale-state": Expected(
        400,
        {"error.code": -32602, "error.message": "Invalid or expired requestState: start the request over"},
    ),
    "http-api-resources-read": Expected(200, {"result.contents.0.uri": "orders://policy"}),
    "http-api-notification": Expected(202),
    "http-api-legacy-initialize": LEGACY,
    "http-api-legacy-initialized": Expected(202),
    "http-api-legacy-tools-call": Expected(
        200, {"result.structuredContent.customer": "Luis Herrera", "result.content.0.type": "text"}
    ),
    "http-api-get": NO_GET,
    "http-api-get-server-card": Expected(
        200,
        {"title": "Shop orders", "remotes.0.url": f"{URL}/orders/mcp"},
        "application/mcp-server-card+json",
    ),
    "http-api-get-ai-catalog": Expected(
        200, {"entries.0.url": f"{URL}/orders/mcp/server-card"}, "application/ai-catalog+json"
    ),
    **{
        f"{front_end}-{request}": expected
        for front_end in ("rest-api", "function-url", "alb", "alb-multi-value")
        for request, expected in {
            "tools-call": CALLED,
            "tools-list": LISTED,
            "legacy-initialize": LEGACY,
            "get": NO_GET,
        }.items()
    },
}
REPORTS = {"http-api-tools-call-task", "http-api-tasks-get", "http-api-tasks-cancel", "sqs-task"}
REPORTS |= {"sqs-dead-letter"}
DEPLOYS = {f"custom-resource-{step}" for step in ("create", "update", "delete")}
ROTATIONS = {f"secret-rotation-{step}" for step in ("create", "set", "test", "finish")}
REFUNDS = {"eventbridge-order-refunded", "sqs-delivery", "sqs-dead-delivery", "schedule-sweep"}
SOURCES: dict[str, Any] = {
    "eventbridge": {"occurrences": 1},
    "sns": {"occurrences": 1},
    "s3": {"occurrences": 1},
    "s3-test": {"occurrences": 0},
    "dynamodb": {"batchItemFailures": []},
    "schedule-check": {"found": {"asked": 0}},
    "sqs-message": {"batchItemFailures": []},
    "sqs-sns": {"batchItemFailures": []},
}
DIRECT: dict[str, Any] = {
    "direct-tools-list": {"result.tools.0.name": "lookup_order"},
    "direct-tools-call": {"id": 1, "result.structuredContent.customer": "Luis Herrera"},
    "direct-notification": None,
    "direct-legacy-initialize": {"result.protocolVersion": "2025-11-25"},
    "direct-legacy-tools-call": {"id": 1, "result.structuredContent.customer": "Luis Herrera"},
}
AGENTCORE = {"agentcore-call": {"customer": "Luis Herrera"}}
TOLD_BESIDE = {"direct-legacy-client-context", "agentcore-client-context"}
"""Client contexts."""


def test_every_file_has_its_test() -> None:
    tested = [*DIRECT, *AGENTCORE, *TOLD_BESIDE, *ORDERS, *REPORTS, *DEPLOYS, *ROTATIONS, *REFUNDS, *SOURCES]
    assert sorted(f"{name}.json" for name in tested) == NAMES


def message_of(response: dict[str, Any], media_type: str = "application/json") -> dict[str, Any]:
    """What is in the body of a response of any front end."""
    assert response["isBase64Encoded"] is False
    headers = response.get("multiValueHeaders") or response["headers"]
    if not response["body"]:
        return {}
    assert headers["content-type"] in (media_type, [media_type])
    message: dict[str, Any] = json.loads(response["body"])
    return message


def look(message: Any, path: str) -> Any:
    for part in path.split("."):
        message = message[int(part) if isinstance(message, list) else part]
    return message


def request_of(event: dict[str, Any]) -> dict[str, Any]:
    body = event["body"]
    request: dict[str, Any] = json.loads(base64.b64decode(body) if event["isBase64Encoded"] else body)
    return request


@pytest.mark.parametrize("name", ORDERS)
def test_orders(name: str, read: Read) -> None:
    event, expected = read(name), ORDERS[name]
    with function("orders", {"LAMBENT_MCP_PATH": "/orders/mcp"}) as handler:
        response = handler(event, CONTEXT)
    assert response["statusCode"] == expected.status, response
    message = message_of(response, expected.media_type)
    for path, value in expected.shown.items():
        found = look(message, path)
        assert isinstance(found, str) if value is str else found == value
    if expected.status == 200 and "body" in event:
        assert message["id"] == request_of(event)["id"]


@dataclass
class ToldContext(Context):
    """What a function is told of an invocation that has a client context.

    Attributes:
        client_context: it.
    """

    client_context: Any


def context_with(members: dict[str, Any]) -> ToldContext:
    """As Lambda's runtime client makes it of JSON."""
    lambda_context = pytest.importorskip("awslambdaric.lambda_context")  # for Linux only
    return ToldContext(lambda_context.LambdaContext("id", members, None, 0).client_context)


@pytest.mark.parametrize("name", DIRECT)
def test_messages(name: str, read: Read) -> None:
    context = context_with(read("direct-legacy-client-context")) if "legacy-tools" in name else CONTEXT
    with function("orders") as handler:
        answer = handler(read(name), context)
    if DIRECT[name] is None:
        assert answer is None
        return
    for path, value in DIRECT[name].items():
        assert look(answer, path) == value


@pytest.mark.parametrize("name", AGENTCORE)
def test_calls_of_a_gateway(name: str, read: Read) -> None:
    with function("orders", {"LAMBENT_AGENTCORE": "true"}) as handler:
        value = handler(read(name), context_with(read("agentcore-client-context")))
    for path, expected in AGENTCORE[name].items():
        assert look(value, path) == expected


def test_the_question_can_be_answered(read: Read) -> None:
    """The second round as a file would have it, if its state could be one that any key opens."""
    question, answer = read("http-api-tools-call-question"), read("http-api-tools-call-stale-state")
    with function("orders") as handler:
        state = message_of(handler(question, CONTEXT))["result"]["requestState"]
        assert STALE_STATE in answer["body"]
        answered = {**answer, "body": answer["body"].replace(STALE_STATE, state)}
        result = message_of(handler(answered, CONTEXT))["result"]
    assert result["structuredContent"]["refunded"] is True


# Reports: a task needs a table and a queue, and the files need the task that they are about.


@dataclass
class Desk:
    """The reports function and the AWS around it."""

    handler: Any
    cloud: Cloud
    read: Read

    def send(self, name: str) -> Any:
        return self.handler(self.read(name), CONTEXT)

    def result(self, name: str) -> dict[str, Any]:
        response = self.send(name)
        assert response["statusCode"] == 200, response
        result: dict[str, Any] = message_of(response)["result"]
        return result

    def take_task(self) -> None:
        """Make a task under the id that the files have."""
        made = self.result("http-api-tools-call-task")
        assert made["resultType"] == "task"
        store = DynamoStore(TABLE, self.cloud.dynamodb)
        records = Records(store, time.time, "TASK", "reports", TaskRecord)
        held = records.read(records.key(made["taskId"]))
        assert held is not None
        assert records.insert(records.key(TASK_ID), changed(held.record, id=TASK_ID)) is not None


@pytest.fixture
def desk(read: Read) -> Iterator[Desk]:
    with cloud() as aws, function("reports", WITH_TASKS) as handler:
        yield Desk(handler, aws, read)


def test_a_call_makes_a_task(desk: Desk) -> None:
    made = desk.result("http-api-tools-call-task")
    assert (made["resultType"], made["status"]) == ("task", "working")
    assert len(made["taskId"]) == len(TASK_ID)


def test_the_worker_runs_a_task(desk: Desk) -> None:
    desk.take_task()
    assert desk.result("http-api-tasks-get")["status"] == "working"
    assert desk.send("sqs-task") == {"batchItemFailures": []}
    shown = desk.result("http-api-tasks-get")
    assert shown["status"] == "completed"
    assert shown["result"]["structuredContent"]["month"] == "2026-03"


def test_a_task_is_cancelled(desk: Desk) -> None:
    desk.take_task()
    assert desk.result("http-api-tasks-cancel")["resultType"] == "complete"
    assert desk.result("http-api-tasks-get")["status"] == "cancelled"


def test_a_dead_letter_ends_its_task(desk: Desk) -> None:
    desk.take_task()
    assert desk.send("sqs-dead-letter") == {"batchItemFailures": []}
    assert desk.result("http-api-tasks-get")["status"] == "failed"


@pytest.mark.parametrize("name", ["http-api-tasks-get", "http-api-tasks-cancel"])
def test_a_task_that_nobody_made(name: str, desk: Desk) -> None:
    response = desk.send(name)
    assert response["statusCode"] == 400
    assert message_of(response)["error"] == {"code": -32602, "message": "Task not found"}


@pytest.mark.parametrize("name", ["sqs-task", "sqs-dead-letter"])
def test_a_message_about_a_task_that_nobody_made_is_dropped(name: str, desk: Desk) -> None:
    assert desk.send(name) == {"batchItemFailures": []}


# Refunds, and who waits for them.


@pytest.fixture
def orders_with_deliveries() -> Iterator[tuple[Cloud, Any]]:
    with cloud() as aws, function("orders", WITH_DELIVERIES) as handler:
        yield aws, handler


def queued(aws: Cloud) -> list[str]:
    """The messages of the queue of deliveries."""
    found = aws.sqs.receive_message(QueueUrl=url_of(DELIVERIES_QUEUE), MaxNumberOfMessages=10)
    return [message["Body"] for message in found.get("Messages", ())]


def keys_of_events(aws: Cloud) -> list[str]:
    items = aws.dynamodb.scan(TableName=TABLE, ConsistentRead=True)["Items"]
    return [item["pk"]["S"] for item in items if item["pk"]["S"].startswith("EVENTS#")]


def test_a_refund_of_the_bus_is_kept_and_told(read: Read, orders_with_deliveries: tuple[Cloud, Any]) -> None:
    aws, handler = orders_with_deliveries
    for _ in range(2):  # the bus delivers at least once
        assert handler(read("eventbridge-order-refunded"), CONTEXT) == {"occurrences": 1}
    # One occurrence, what makes it one, and the end of the log.
    assert len(keys_of_events(aws)) == 3
    assert set(queued(aws)) == {"wake order.refunded"}


def test_a_message_wakes_nobody_where_nobody_waits(
    read: Read, orders_with_deliveries: tuple[Cloud, Any]
) -> None:
    aws, handler = orders_with_deliveries
    assert handler(read("sqs-delivery"), CONTEXT) == {"batchItemFailures": []}
    assert queued(aws) == []


def test_a_dead_delivery_is_noted(
    read: Read, orders_with_deliveries: tuple[Cloud, Any], caplog: pytest.LogCaptureFixture
) -> None:
    aws, handler = orders_with_deliveries
    assert handler(read("sqs-dead-delivery"), CONTEXT) == {"batchItemFailures": []}
    assert "The queue has given up message" in caplog.text
    assert queued(aws) == []


def test_the_sweep_looks_for_what_is_overdue(read: Read, orders_with_deliveries: tuple[Cloud, Any]) -> None:
    aws, handler = orders_with_deliveries
    assert handler(read("schedule-sweep"), CONTEXT) == {}
    assert queued(aws) == ["sweep order.refunded"]  # one message for each event type


# The deploy.


@pytest.fixture
def told() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Where CloudFormation waits for answers, and those that have come."""
    answers: list[dict[str, Any]] = []

    class CloudFormation(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            answers.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), CloudFormation) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/response", answers
        finally:
            server.shutdown()
            thread.join()


def test_a_stack_publishes_its_cards_and_takes_them_away(
    read: Read, told: tuple[str, list[dict[str, Any]]]
) -> None:
    url, answers = told
    with cloud() as aws, function("orders", {"LAMBENT_MCP_PATH": "/orders/mcp"}) as handler:

        def send(name: str) -> dict[str, Any]:
            handler(read(name) | {"ResponseURL": url}, CONTEXT)
            return answers[-1]

        def keys() -> set[str]:
            return {item["Key"] for item in aws.s3.list_objects_v2(Bucket=BUCKET).get("Contents", ())}

        created = send("custom-resource-create")
        assert created["Status"] == "SUCCESS"
        published = keys()
        assert {"cards/orders/mcp/server-card", "cards/.well-known/ai-catalog.json"} <= published
        card = aws.s3.get_object(Bucket=BUCKET, Key="cards/orders/mcp/server-card")["Body"].read()
        assert card == handler(read("http-api-get-server-card"), CONTEXT)["body"].encode()

        for key in ("cards/gone/mcp/server-card", "results/a-task"):
            aws.s3.put_object(Bucket=BUCKET, Key=key, Body=b"{}")
        updated = send("custom-resource-update")
        assert updated["Status"] == "SUCCESS"
        assert keys() == published | {"results/a-task"}

        assert send("custom-resource-delete")["Status"] == "SUCCESS"
        assert keys() == set()
    # The files of an update and a delete name the resource as the create did.
    assert created["PhysicalResourceId"] == read("custom-resource-delete")["PhysicalResourceId"]
    assert {(one["StackId"], one["LogicalResourceId"]) for one in answers} == {
        (read("custom-resource-create")["StackId"], "ServerCards")
    }


def test_a_secret_is_replaced_in_four_steps(read: Read) -> None:
    event = read("secret-rotation-create")
    arn, version = event["SecretId"], event["ClientRequestToken"]
    with cloud() as aws:
        # moto makes up what ends an ARN. It takes this one for an ARN that lacks it.
        name = arn.rpartition(":")[2]
        before = aws.secrets.create_secret(Name=name, SecretString="s" * 64)["VersionId"]
        aws.secrets.put_secret_value(
            SecretId=name, ClientRequestToken=version, SecretString="p" * 64, VersionStages=["AWSPENDING"]
        )
        for step in ("create", "set", "test", "finish"):
            rotation.handler(read(f"secret-rotation-{step}"), CONTEXT)
        stages = aws.secrets.describe_secret(SecretId=name)["VersionIdsToStages"]
    assert "AWSCURRENT" in stages[version]
    assert stages[before] == ["AWSPREVIOUS"]


# Sources.


def every_source() -> MCPServer:
    """A server with a function for each kind of event."""
    mcp = MCPServer("sources")

    @mcp.event("seen", payload=dict[str, str])
    def seen() -> None:
        """Something came."""

    asked = mcp.event(
        "asked", payload=dict[str, str], check=lambda cursor: Checked(cursor="1"), delivery=["webhook"]
    )
    asked(seen)
    add = mcp.source
    messages = add.sqs(emits="seen", queue="lambent-refunds")
    notifications = add.sns(emits="seen", queue="lambent-notified-refunds")
    decorators = (add.eventbridge(emits="seen"), add.sns(emits="seen"), add.s3(emits="seen"), messages)
    for decorator in (*decorators, add.dynamodb(emits="seen"), notifications):
        decorator(lambda event: {"id": event.id})
    return mcp


@pytest.mark.parametrize("name", SOURCES)
def test_sources(name: str, read: Read) -> None:
    with contextlib.closing(every_source().lambda_handler(Settings(in_memory=True))) as handler:
        handler._endpoint.executor.services.events.has_schedule = True  # type: ignore[union-attr]
        assert handler(read(name), CONTEXT) == SOURCES[name]
