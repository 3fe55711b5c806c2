"""The processes that are killed: each takes messages and gives them to a Lambda handler, until it dies."""

import os
import random
import threading
import time
from pathlib import Path

import msgspec
from tests.chaos.cloud import REGION, client_of
from tests.chaos.faults import Odds, Unruly, make_faulty
from tests.chaos.ledger import Ledger
from tests.chaos.short_times import hurry
from tests.chaos.tools import make_tools

from lambent.cli.local_aws.sqs_events import sqs_event
from lambent.execution.call import Services
from lambent.execution.durable.tasks import service, worker
from lambent.execution.durable.tasks.record import TaskRecord
from lambent.execution.endpoint import Endpoint
from lambent.execution.execute import Executor
from lambent.execution.ports import Item
from lambent.hosts.aws_lambda.handler import LambdaHandler
from lambent.stores.aws import SqsQueue
from lambent.stores.dynamodb import DynamoStore
from lambent.stores.keys import StaticKeys
from lambent.wire.http import HttpPolicy


class Plan(msgspec.Struct, frozen=True):
    """What every process of a run has to know.

    Attributes:
        endpoint: where AWS is.
        table: the table.
        queue_url: the queue of tasks.
        queue_arn: its ARN.
        dead_url: the queue of dead letters.
        dead_arn: its ARN.
        ledger: the path of the ledger.
        odds: how often what goes wrong.
        invocation: seconds that an invocation lasts.
        allowance: seconds that two clocks may be apart, as the library is told.
        skew: seconds that a clock is wrong, at most, one way or the other.
        pickup: seconds after which a task that nobody picked up is queued again.
    """

    endpoint: str
    table: str
    queue_url: str
    queue_arn: str
    dead_url: str
    dead_arn: str
    ledger: str
    odds: Odds = Odds()
    invocation: float = 2.5
    allowance: float = 1.5
    skew: float = 0.7
    pickup: float = 2.0


class Context:
    """Lambda's context object."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self._end - time.monotonic()) * 1000))


class NotedStore:
    """A store that notes in the ledger what was acknowledged to it."""

    def __init__(self, store: DynamoStore, ledger: Ledger) -> None:
        self._store = store
        self._ledger = ledger
        self.insert, self.read, self.remove = store.insert, store.read, store.remove

    def replace(self, item: Item) -> bool:
        done = self._store.replace(item)
        if done and item.key.startswith("TASK#"):
            record = msgspec.json.decode(item.body, type=TaskRecord)
            owner = record.lease.owner if record.lease is not None else ""
            steps = tuple(record.state.steps)
            self._ledger.write("noted", task=record.id, name=record.status, owner=owner, steps=steps)
        return done


def environment(plan: Plan, ledger: Ledger, dice: random.Random, skew: float) -> LambdaHandler:
    """A server with everything that goes wrong, as a Lambda handler."""

    def told(what: str) -> None:
        ledger.write("fault", name=what)

    def clock() -> float:
        return time.time() + skew

    dynamodb, sqs = (
        make_faulty(client_of(plan.endpoint, name, retries={"total_max_attempts": 2}), plan.odds, dice, told)
        for name in ("dynamodb", "sqs")
    )
    mcp = make_tools(ledger, dice)
    store = NotedStore(DynamoStore(plan.table, dynamodb), ledger)
    queue = Unruly(SqsQueue(plan.queue_url, sqs), plan.odds, dice, told)
    tasks = service.Tasks(store, queue, None, clock, None, mcp.name)
    services = Services(
        catalog=mcp.freeze(),
        audience=mcp.name,
        keys=StaticKeys(("0123456789abcdef0123456789abcdef",)),
        state_ttl=900,
        changes=None,
        listen_seconds=0.0,
        clock=clock,
        store=store,
        tasks=tasks,
    )
    executor = Executor(services)
    return LambdaHandler(Endpoint(executor, HttpPolicy()), worker.Worker(executor, tasks), plan.queue_url)


def work(plan: Plan, seed: int, buries: bool) -> None:
    """Be a worker until somebody ends that.

    Args:
        plan: the run.
        seed: of everything random in this process.
        buries: take dead letters, not tasks.
    """
    import logging

    logging.disable(logging.CRITICAL)
    hurry(allowance=plan.allowance, pickup=plan.pickup)
    dice = random.Random(seed)
    random.seed(seed)
    ledger = Ledger(Path(plan.ledger))
    skew = dice.uniform(-plan.skew, plan.skew)
    handler = environment(plan, ledger, dice, skew)
    sqs = client_of(plan.endpoint, "sqs")
    url, arn = (plan.dead_url, plan.dead_arn) if buries else (plan.queue_url, plan.queue_arn)
    while True:
        batch = dice.choice((1, 1, 1, 2, 4))
        received = sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=batch, WaitTimeSeconds=1, MessageSystemAttributeNames=["All"]
        ).get("Messages", [])
        if not received:
            continue
        watchdog = threading.Timer(plan.invocation, time_is_up, (ledger,))
        watchdog.daemon = True
        watchdog.start()
        answer = handler(sqs_event(received, arn, REGION), Context(plan.invocation))
        watchdog.cancel()
        ledger.write("idle")
        failed = {each["itemIdentifier"] for each in answer["batchItemFailures"]}
        for message in received:
            if message["MessageId"] not in failed:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


def time_is_up(ledger: Ledger) -> None:
    """What Lambda does to an invocation that does not end."""
    ledger.write("died", name=str(os.getpid()))
    os._exit(137)
