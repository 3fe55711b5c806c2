"""Every call to AWS that there is: what the adapters say on the wire, and how often requests make them."""

import functools
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Annotated, Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from moto import mock_aws
from tests.execution.durable.tasks.harness import Deadline, TaskClient, queue_event
from tests.support import SECRET, accept, make_server

from lambent import (
    Context,
    Elicit,
    Idempotency,
    MCPServer,
    Resolve,
    Session,
    StoreError,
    TaskPolicy,
    ToolError,
)
from lambent.execution.ports import Item
from lambent.hosts.settings import Settings
from lambent.stores import aws
from lambent.stores.aws import S3Blobs, SqsQueue
from lambent.stores.dynamodb import DynamoStore

REGION = "eu-west-1"
TABLE, BUCKET = "lambent", "lambent-blobs"
QUEUE_ARN = f"arn:aws:sqs:{REGION}:123456789012:tasks"
SERVICES = ("dynamodb", "sqs", "s3")
GET, PUT, DELETE, SEND = "GetItem", "PutItem", "DeleteItem", "SendMessage"
FULL_KEY = "TASK#abc"


@dataclass
class Wire:
    """What goes over the wire to AWS.

    Attributes:
        queue_url: the queue.
        asked: operations and their parameters.
        sent: operations, once for each attempt.
        refused: how many writes lost by their condition.
        fail: errors to give in place of an answer, by operation.
    """

    queue_url: str = ""
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    refused: int = 0
    fail: dict[str, str] = field(default_factory=dict)

    def watch(self, client: Any) -> None:
        events = client.meta.events
        events.register("before-parameter-build", self._ask)
        events.register("request-created", self._send)
        events.register("after-call", self._answer)
        events.register("before-call", self._refuse)

    def _ask(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        self.asked.append((model.name, params))

    def _send(self, operation_name: str, **_: Any) -> None:
        self.sent.append(operation_name)

    def _answer(self, parsed: dict[str, Any], **_: Any) -> None:
        if parsed.get("Error", {}).get("Code") == "ConditionalCheckFailedException":
            self.refused += 1

    def _refuse(self, model: Any, **_: Any) -> Any:
        code = self.fail.get(model.name)
        if code is None:
            return None
        parsed = {"Error": {"Code": code, "Message": "No."}, "ResponseMetadata": {"HTTPStatusCode": 400}}
        return AWSResponse("", 400, {}, None), parsed

    def take(self) -> list[str]:
        """The operations since the last time, each of which took one attempt."""
        names = [name for name, _ in self.asked]
        assert self.sent == names
        self.asked.clear()
        self.sent.clear()
        return names

    def one(self) -> tuple[str, dict[str, Any]]:
        """The one operation since the last time."""
        ((name, params),) = self.asked
        self.take()
        return name, params


@functools.cache
def session() -> Any:
    """One for all tests of a process: it reads what describes the services once."""
    return boto3.session.Session()


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    """An AWS with a table, a queue and a bucket; the library's own clients, watched."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", session())
    aws._clients.clear()
    with mock_aws():
        clients = {service: aws.client(service) for service in SERVICES}
        clients["dynamodb"].create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        )
        clients["s3"].create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        made = Wire(clients["sqs"].create_queue(QueueName="tasks")["QueueUrl"])
        for client in clients.values():
            made.watch(client)
        yield made
        for client in clients.values():
            client.close()
    aws._clients.clear()


def item(version: int = 1, body: bytes = b'{"a":1}') -> Item:
    return Item(FULL_KEY, version, body, 2_000_000_000)


# The adapters, one call each.


def test_an_insert_on_the_wire(wire: Wire) -> None:
    assert DynamoStore(TABLE).insert(item())
    name, params = wire.one()
    assert name == PUT
    assert params["TableName"] == TABLE
    assert params["ConditionExpression"] == "attribute_not_exists(pk)"
    kept = params["Item"]
    assert kept["pk"] == {"S": FULL_KEY}
    assert kept["version"] == {"N": "1"}
    assert kept["purge_at"] == {"N": "2000000000"}  # the TTL of a table looks at numbers only
    assert kept["body"]["B"].endswith(b'{"a":1}')


def test_a_read_on_the_wire(wire: Wire) -> None:
    assert DynamoStore(TABLE).read(FULL_KEY) is None
    assert wire.one() == (
        GET,
        {"TableName": TABLE, "Key": {"pk": {"S": FULL_KEY}}, "ConsistentRead": True},
    )


def test_a_replacement_names_the_version_before(wire: Wire) -> None:
    store = DynamoStore(TABLE)
    store.insert(item(6))
    wire.take()
    assert store.replace(item(7))
    name, params = wire.one()
    assert name == PUT
    assert params["ConditionExpression"] == "version = :version"
    assert params["ExpressionAttributeValues"] == {":version": {"N": "6"}}
    assert params["Item"]["version"] == {"N": "7"}


def test_a_removal_names_the_version(wire: Wire) -> None:
    store = DynamoStore(TABLE)
    store.insert(item(7))
    wire.take()
    assert store.remove(FULL_KEY, 7)
    name, params = wire.one()
    assert name == DELETE
    assert (params["TableName"], params["Key"]) == (TABLE, {"pk": {"S": FULL_KEY}})
    assert params["ConditionExpression"] == "version = :version"
    assert params["ExpressionAttributeValues"] == {":version": {"N": "7"}}


def test_who_loses_has_asked_once(wire: Wire) -> None:
    store = DynamoStore(TABLE)
    store.insert(item())
    wire.take()
    assert not store.insert(item())
    assert not store.replace(item(9))
    assert not store.remove(FULL_KEY, 9)
    assert wire.take() == [PUT, PUT, DELETE]
    assert wire.refused == 3


@pytest.mark.parametrize(
    "code",
    [
        "ThrottlingException",
        "ProvisionedThroughputExceededException",
        "AccessDeniedException",
        "ValidationException",
        "TransactionConflictException",
    ],
)
def test_only_a_failed_condition_is_a_lost_race(wire: Wire, code: str) -> None:
    store = DynamoStore(TABLE)
    store.insert(item())
    wire.fail = {GET: code, PUT: code, DELETE: code}
    work: list[Callable[[], Any]] = [
        lambda: store.insert(item()),
        lambda: store.read(FULL_KEY),
        lambda: store.replace(item(2)),
        lambda: store.remove(FULL_KEY, 1),
    ]
    for each in work:
        with pytest.raises(StoreError, match=code):
            each()
    wire.fail = {}
    assert store.read(FULL_KEY) == item()


def test_a_message_on_the_wire(wire: Wire) -> None:
    SqsQueue(wire.queue_url).send("abc", 1.2)
    assert wire.one() == (SEND, {"QueueUrl": wire.queue_url, "MessageBody": "abc", "DelaySeconds": 2})


def test_blobs_on_the_wire(wire: Wire) -> None:
    blobs = S3Blobs(BUCKET)
    blobs.put("results/abc", b"{}")
    name, params = wire.one()
    assert (name, params["Bucket"], params["Key"]) == ("PutObject", BUCKET, "results/abc")
    assert params["ContentType"] == "application/json"
    assert blobs.get("results/abc") == b"{}"
    assert blobs.get("results/none") is None
    assert wire.take() == ["GetObject", "GetObject"]


@pytest.mark.parametrize("code", ["SlowDown", "AccessDenied", "InvalidObjectState"])
def test_a_blob_that_cannot_be_had_is_not_a_missing_one(wire: Wire, code: str) -> None:
    wire.fail = {"GetObject": code, "PutObject": code}
    for work in (lambda: S3Blobs(BUCKET).get("a"), lambda: S3Blobs(BUCKET).put("a", b"")):
        with pytest.raises(StoreError, match=code):
            work()


def test_nothing_imports_boto3_before_the_first_use() -> None:
    code = (
        "import sys\n"
        "from lambent.stores.dynamodb import DynamoStore\n"
        "from lambent.stores.aws import S3Blobs\n"
        "from lambent.stores.aws import SqsQueue\n"
        "DynamoStore('t'), S3Blobs('b'), SqsQueue('u')\n"
        "print([name for name in ('lambent.stores.aws', 'boto3', 'botocore') if name in sys.modules])\n"
    )
    # S603: the interpreter that runs the tests, with code from this file.
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert ran.stdout.strip() == "['lambent.stores.aws']"


# Requests, through the handler that Lambda calls.


@dataclass
class Cart:
    items: list[str] = field(default_factory=list)


@dataclass
class Yes:
    yes: bool


def sure() -> Elicit[Yes]:
    return Elicit("Sure?", Yes)


def shop() -> MCPServer:
    mcp = make_server()

    @mcp.tool()
    def plain(a: int) -> int:
        return a + 1

    @mcp.tool()
    def new_cart(ctx: Context) -> str:
        return ctx.sessions.create(Cart)

    @mcp.tool()
    def put(cart: Session[Cart], thing: str) -> int:
        cart.items.append(thing)
        return len(cart.items)

    @mcp.tool()
    def count(cart: Session[Cart]) -> int:
        return len(cart.items)

    @mcp.tool()
    def spoil(cart: Session[Cart]) -> int:
        cart.items.append("never")
        raise ToolError("No.")

    @mcp.tool(idempotency=Idempotency(key="order"))
    def pay(order: str, fail: bool = False) -> str:
        if fail:
            raise ToolError("No.")
        return f"paid {order}"

    @mcp.tool(idempotency=Idempotency(key="order"))
    async def ship(order: str, ctx: Context) -> bool:
        answer = await ctx.elicit(f"Ship {order}?", Yes)
        return answer.action == "accept"

    @mcp.tool(single_use=True)
    def redeem(agreed: Annotated[Yes, Resolve(sure)]) -> bool:
        return agreed.yes

    @mcp.tool(task=True)
    def work() -> str:
        return "done"

    @mcp.tool(task=True)
    async def asking(ctx: Context) -> bool:
        answer = await ctx.elicit("Sure?", Yes)
        return answer.action == "accept"

    @mcp.tool(task=TaskPolicy(support="auto"))
    def quick() -> str:
        return "done"

    @mcp.tool(task=True)
    def bulky(size: int) -> str:
        return "x" * size

    @mcp.tool(task=True)
    def takes(text: str) -> int:
        return len(text)

    return mcp


@dataclass
class Shop:
    """A function with a table, a queue and a bucket, and a client that knows tasks."""

    wire: Wire
    handler: Any
    client: TaskClient

    def work_on(self, task_id: str) -> list[str]:
        """Bring a task to a worker; the calls that it made."""
        self.wire.take()
        event = queue_event([("m", task_id)], QUEUE_ARN)
        assert self.handler(event, Deadline(lambda: 0.0, 60.0)) == {"batchItemFailures": []}
        return self.wire.take()


@pytest.fixture
def here(wire: Wire) -> Iterator[Shop]:
    settings = Settings(
        state_keys=(SECRET,), table=TABLE, task_queue_url=wire.queue_url, bucket=BUCKET, in_lambda=True
    )
    handler = shop().lambda_handler(settings)
    yield Shop(wire, handler, TaskClient(handler))
    handler.close()


def cart_of(here: Shop) -> str:
    handle = here.client.call("new_cart").text
    assert here.wire.take() == [PUT]
    return handle


def test_what_needs_no_table_makes_no_call(here: Shop) -> None:
    assert here.client.call("plain", {"a": 1}).text == "2"
    assert here.client.call("quick").text == "done"
    here.client.request("tools/list")
    here.client.request("server/discover")
    assert here.wire.take() == []


def test_a_call_that_changes_a_session_is_a_read_and_a_write(here: Shop) -> None:
    cart = cart_of(here)
    assert here.client.call("put", {"cart": cart, "thing": "a"}).text == "1"
    assert here.wire.take() == [GET, PUT]
    assert here.client.call("put", {"cart": cart, "thing": "b"}).text == "2"
    assert here.wire.take() == [GET, PUT]


def test_a_call_that_only_looks_at_a_session_is_a_read(here: Shop) -> None:
    cart = cart_of(here)
    assert here.client.call("count", {"cart": cart}).text == "0"
    assert here.wire.take() == [GET]


def test_a_call_that_fails_writes_no_session(here: Shop) -> None:
    cart = cart_of(here)
    assert here.client.call("spoil", {"cart": cart}).result["isError"] is True
    assert here.wire.take() == [GET]
    assert here.client.call("count", {"cart": cart}).text == "0"


def test_an_unknown_session_is_a_read(here: Shop) -> None:
    assert here.client.call("put", {"cart": "none", "thing": "a"}).result["isError"] is True
    assert here.wire.take() == [GET]


def test_an_idempotent_call_is_two_writes_and_then_a_refused_one_and_a_read(here: Shop) -> None:
    assert here.client.call("pay", {"order": "1"}).text == "paid 1"
    assert here.wire.take() == [PUT, PUT]
    assert here.wire.refused == 0
    assert here.client.call("pay", {"order": "1"}).text == "paid 1"
    assert here.wire.take() == [PUT, GET]
    assert here.wire.refused == 1


def test_an_idempotent_call_that_fails_is_a_write_and_a_removal(here: Shop) -> None:
    assert here.client.call("pay", {"order": "1", "fail": True}).result["isError"] is True
    assert here.wire.take() == [PUT, DELETE]


def test_an_idempotent_call_that_asks_back_is_kept_only_once_it_is_answered(here: Shop) -> None:
    first = here.client.call("ship", {"order": "1"})
    assert here.wire.take() == [PUT, DELETE]
    (question,) = first.questions
    answers = {"inputResponses": {question: accept(yes=True)}, "requestState": first.state}
    assert here.client.call("ship", {"order": "1"}, also=answers).text == "true"
    assert here.wire.take() == [PUT, PUT]


def test_a_state_that_is_used_once_is_two_writes(here: Shop) -> None:
    first = here.client.call("redeem")
    assert here.wire.take() == []
    (question,) = first.questions
    answers = {"inputResponses": {question: accept(yes=True)}, "requestState": first.state}
    assert here.client.call("redeem", also=answers).text == "true"
    assert here.wire.take() == [PUT, PUT]
    assert here.client.call("redeem", also=answers).text == "true"
    assert here.wire.take() == [PUT, GET]
    assert here.wire.refused == 1


def test_a_state_that_is_no_state_makes_no_call(here: Shop) -> None:
    assert here.client.call("redeem", also={"requestState": "nonsense"}).error["code"] == -32602
    assert here.wire.take() == []


def test_a_task_is_created_with_one_write_and_one_message(here: Shop) -> None:
    task_id = here.client.start("work")
    (written, params), (sent, message) = here.wire.asked
    assert here.wire.take() == [written, sent] == [PUT, SEND]
    assert params["Item"]["pk"]["S"].startswith("TASK#")
    assert params["Item"]["pk"]["S"].endswith(f"#{task_id}")
    assert message == {"QueueUrl": here.wire.queue_url, "MessageBody": task_id, "DelaySeconds": 0}


def test_a_task_is_looked_at_with_one_read(here: Shop) -> None:
    task_id = here.client.start("work")
    here.wire.take()
    assert here.client.status(task_id) == "working"
    assert here.wire.take() == [GET]
    here.work_on(task_id)
    assert here.client.status(task_id) == "completed"
    assert here.wire.take() == [GET]


def test_a_task_is_run_with_one_read_and_two_writes(here: Shop) -> None:
    task_id = here.client.start("work")
    assert here.work_on(task_id) == [GET, PUT, PUT]  # the lease, the result


def test_a_message_that_comes_twice_writes_nothing(here: Shop) -> None:
    task_id = here.client.start("work")
    here.work_on(task_id)
    assert here.work_on(task_id) == [GET]


def test_a_task_is_cancelled_with_a_read_and_a_write(here: Shop) -> None:
    task_id = here.client.start("work")
    here.wire.take()
    assert here.client.cancel(task_id).result["resultType"] == "complete"
    assert here.wire.take() == [GET, PUT]
    assert here.client.cancel(task_id).result["resultType"] == "complete"
    assert here.wire.take() == [GET]


def test_an_answer_to_a_task_is_a_read_a_write_and_a_message(here: Shop) -> None:
    task_id = here.client.start("asking")
    assert here.work_on(task_id) == [GET, PUT, PUT]
    shown = here.client.get(task_id).result
    assert here.wire.take() == [GET]
    (question,) = shown["inputRequests"]
    here.client.update(task_id, {question: accept(yes=True)})
    assert here.wire.take() == [GET, PUT, SEND]
    assert here.work_on(task_id) == [GET, PUT, PUT]
    assert here.client.status(task_id) == "completed"


def test_a_large_result_is_one_object_more(here: Shop) -> None:
    task_id = here.client.start("bulky", {"size": 300_000})
    assert here.work_on(task_id) == [GET, PUT, "PutObject", PUT]
    assert len(here.client.get(task_id).result["result"]["content"][0]["text"]) == 300_000
    assert here.wire.take() == [GET, "GetObject"]


def test_large_arguments_are_one_object_more(here: Shop) -> None:
    task_id = here.client.start("takes", {"text": "x" * 300_000})
    assert here.wire.take() == ["PutObject", PUT, SEND]
    assert here.work_on(task_id) == [GET, PUT, "GetObject", PUT]
    assert here.client.status(task_id) == "completed"


def test_a_task_that_cannot_be_queued_is_removed(here: Shop) -> None:
    here.wire.fail = {SEND: "AccessDenied"}
    assert here.client.call("work").error["code"] == -32603
    assert [name for name, _ in here.wire.asked] == [PUT, SEND, DELETE]


def test_threads_that_come_first_at_once_share_one_client(wire: Wire) -> None:
    aws._clients.clear()
    ready = threading.Barrier(8)

    def make(_: int) -> Any:
        ready.wait(30)
        return aws.client("dynamodb")

    with ThreadPoolExecutor(8) as threads:
        assert len({id(made) for made in threads.map(make, range(8))}) == 1
