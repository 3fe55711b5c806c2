"""What each operation asks of AWS, counted at the clients: every call is paid for and waited for."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws
from tests.chaos.cloud import CREDENTIALS, REGION, create_table
from tests.execution.tasks.harness import TaskClient, queue_event
from tests.support import EVERYTHING, SETTINGS, accept, make_handler, make_server

from lambent import Context, Idempotency, Session, Settings, TaskPolicy

ARN = f"arn:aws:sqs:{REGION}:123456789012:"
_names = itertools.count(1)


@dataclass
class Ok:
    ok: bool


@dataclass
class Cart:
    items: list[str] = field(default_factory=list)


class Aws:
    """moto's AWS, the handler of a server in it, and every call that this makes.

    Attributes:
        calls: the operations, in their order.
    """

    def __init__(self, clients: dict[str, Any], make: Callable[..., Any]) -> None:
        self.calls: list[str] = []
        number = next(_names)
        table, bucket, self.queue = f"table-{number}", f"bucket-{number}", f"tasks-{number}"
        create_table(clients["dynamodb"], table)
        place = {"LocationConstraint": REGION}
        clients["s3"].create_bucket(Bucket=bucket, CreateBucketConfiguration=place)
        url = clients["sqs"].create_queue(QueueName=self.queue)["QueueUrl"]
        settings = {name: getattr(SETTINGS, name) for name in Settings.__struct_fields__}
        settings |= {"table": table, "task_queue_url": url, "bucket": bucket}
        self.handler = make(Settings(**settings))
        self.client = TaskClient(self.handler)

    def note(self, model: Any, **_: Any) -> None:
        self.calls.append(model.name)

    def made_by(self, work: Callable[[], Any]) -> list[str]:
        """The calls that something makes."""
        del self.calls[:]
        work()
        return list(self.calls)

    def deliver(self, task_id: str) -> None:
        assert not self.handler(queue_event([("m", task_id)], ARN + self.queue), None)["batchItemFailures"]


@pytest.fixture(scope="module")
def clients() -> Iterator[dict[str, Any]]:
    with mock_aws():
        session = boto3.session.Session(region_name=REGION, **CREDENTIALS)
        made = {name: session.client(name) for name in ("dynamodb", "sqs", "s3")}
        yield made
        for client in made.values():
            client.close()


@pytest.fixture
def aws(clients: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    mcp = make_server()

    @mcp.tool()
    def plain(a: int) -> int:
        return a

    @mcp.tool()
    async def ask(ctx: Context) -> str:
        return (await ctx.elicit("ok?", Ok)).action

    @mcp.tool(task=True)
    def work(ctx: Context, steps: int = 0, size: int = 4) -> str:
        for number in range(steps):
            ctx.step(str(number), str, number).result()
        return "x" * size

    @mcp.tool(task=True)
    def talk(ctx: Context) -> str:
        return ctx.elicit("ok?", Ok, key="q").result().action

    @mcp.tool(task=TaskPolicy(support="auto", inline=timedelta(seconds=9)))
    def quick() -> str:
        return "done"

    @mcp.tool()
    def new(ctx: Context) -> str:
        return ctx.sessions.create(Cart)

    @mcp.tool()
    def look(cart: Session[Cart]) -> int:
        return len(cart.items)

    @mcp.tool()
    def add(cart: Session[Cart], item: str) -> int:
        cart.items.append(item)
        return len(cart.items)

    @mcp.tool(idempotency=Idempotency(key="order"))
    def pay(order: str) -> str:
        return f"paid {order}"

    monkeypatch.setattr("lambent.stores.aws.client", clients.__getitem__)
    made = Aws(clients, lambda settings: make_handler(mcp, settings))
    for client in clients.values():
        client.meta.events.register("before-call", made.note)
    yield made
    for client in clients.values():
        client.meta.events.unregister("before-call", made.note)
    made.handler.close()


PUT, GET, SEND = "PutItem", "GetItem", "SendMessage"


def test_requests_that_keep_nothing_make_no_calls(aws: Aws) -> None:
    client = aws.client
    for work in (
        lambda: client.call("plain", {"a": 1}),
        lambda: client.call("quick"),
        lambda: client.call("work", capabilities=EVERYTHING),
        lambda: client.request("server/discover"),
        lambda: client.request("tools/list"),
        lambda: client.answered("ask", {"elicitation-1": accept(ok=True)}),
    ):
        assert aws.made_by(work) == []


def test_a_task(aws: Aws) -> None:
    tasks: list[str] = []
    assert aws.made_by(lambda: tasks.append(aws.client.start("work"))) == [PUT, SEND]
    (task_id,) = tasks
    assert aws.made_by(lambda: aws.client.get(task_id)) == [GET]
    # The lease and the result.
    assert aws.made_by(lambda: aws.deliver(task_id)) == [GET, PUT, PUT]
    assert aws.made_by(lambda: aws.client.get(task_id)) == [GET]
    assert aws.made_by(lambda: aws.deliver(task_id))[:1] == [GET]
    assert aws.client.status(task_id) == "completed"


def test_every_step_of_a_task_is_one_write(aws: Aws) -> None:
    task_id = aws.client.start("work", {"steps": 3})
    assert aws.made_by(lambda: aws.deliver(task_id)) == [GET, PUT, PUT, PUT, PUT, PUT]


def test_a_task_that_asks(aws: Aws) -> None:
    task_id = aws.client.start("talk")
    assert aws.made_by(lambda: aws.deliver(task_id)) == [GET, PUT, PUT]
    assert aws.made_by(lambda: aws.client.get(task_id)) == [GET]
    assert aws.made_by(lambda: aws.client.update(task_id, {"q": accept(ok="?")})) == [GET]
    assert aws.made_by(lambda: aws.client.update(task_id, {"q": accept(ok=True)})) == [GET, PUT, SEND]
    assert aws.made_by(lambda: aws.deliver(task_id)) == [GET, PUT, PUT]
    assert aws.made_by(lambda: aws.client.cancel(task_id)) == [GET]


def test_a_cancellation(aws: Aws) -> None:
    task_id = aws.client.start("work")
    assert aws.made_by(lambda: aws.client.cancel(task_id)) == [GET, PUT]


def test_a_large_result_is_put_once_and_got_with_the_task(aws: Aws) -> None:
    task_id = aws.client.start("work", {"size": 500_000})
    assert aws.made_by(lambda: aws.deliver(task_id)) == [GET, PUT, "PutObject", PUT]
    assert aws.made_by(lambda: aws.client.get(task_id)) == [GET, "GetObject"]


def test_a_session(aws: Aws) -> None:
    handles: list[str] = []
    assert aws.made_by(lambda: handles.append(aws.client.call("new").text)) == [PUT]
    cart = {"cart": handles[0]}
    assert aws.made_by(lambda: aws.client.call("look", cart)) == [GET]
    assert aws.made_by(lambda: aws.client.call("add", {**cart, "item": "a"})) == [GET, PUT]
    assert aws.client.call("look", cart).value == 1


def test_an_idempotent_call(aws: Aws) -> None:
    order = {"order": "A1"}
    assert aws.made_by(lambda: aws.client.call("pay", order)) == [PUT, PUT]
    assert sorted(aws.made_by(lambda: aws.client.call("pay", order))) in ([GET], [GET, PUT])
