"""The processes that are killed: each takes messages and gives them to a Lambda handler, until it dies."""

import contextlib
import random
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec
from tests.chaos.cloud import REGION, client_of
from tests.chaos.events.plan import Plan, hurry, make_server
from tests.chaos.faults import Unruly, make_faulty
from tests.chaos.ledger import Ledger

from lambent import Settings
from lambent.cli.local_aws.sqs_events import sqs_event
from lambent.execution.events.ports import CallbackResponse
from lambent.execution.events.service import Events
from lambent.hosts.aws_lambda.handler import LambdaHandler
from lambent.hosts.events_settings import EventSettings
from lambent.stores import aws, callbacks

_KEYS = ("0123456789abcdef0123456789abcdef",)


class Environment(msgspec.Struct):
    """An execution environment of the server."""

    handler: LambdaHandler
    events: Events


def environment(plan: Plan) -> Environment:
    """An environment as a deployment has it."""
    settings = Settings(
        state_keys=_KEYS,
        table=plan.table,
        events=EventSettings(queue_url=plan.queue_url, min_ttl=1.0, local_callbacks=True),
    )
    handler = make_server().lambda_handler(settings)
    events = handler._endpoint.executor.services.events
    assert events is not None
    return Environment(handler, events)


def misbehaviors(plan: Plan, ledger: Ledger, dice: random.Random) -> list[tuple[Any, str, Any]]:
    """What has to be replaced so that everything goes wrong now and then: module, name and value."""

    def told(what: str) -> None:
        ledger.write("fault", name=what)

    clients = {
        name: make_faulty(
            client_of(plan.endpoint, name, retries={"total_max_attempts": 2}), plan.odds, dice, told
        )
        for name in ("dynamodb", "sqs")
    }
    queue, https = aws.SqsQueue, callbacks.HttpsCallbacks

    def unruly(url: str) -> Unruly:
        return Unruly(queue(url), plan.odds, dice, told)

    class NotedCallbacks(https):  # type: ignore[misc, valid-type]
        def send(
            self,
            method: Literal["GET", "POST"],
            url: str,
            headers: Mapping[str, str],
            body: bytes,
            *,
            seconds: float,
            most: int = 0,
        ) -> CallbackResponse:
            ledger.write("attempt", task=url, name=headers.get("webhook-id", ""))
            answer: CallbackResponse = super().send(method, url, headers, body, seconds=seconds, most=most)
            return answer

    return [
        (aws, "client", clients.__getitem__),
        (aws, "SqsQueue", unruly),
        (callbacks, "HttpsCallbacks", NotedCallbacks),
    ]


@contextlib.contextmanager
def misbehaving(plan: Plan, ledger: Ledger, dice: random.Random) -> Iterator[None]:
    """Let everything go wrong in this process now and then, for a while."""
    made = misbehaviors(plan, ledger, dice)
    kept = [(module, name, getattr(module, name)) for module, name, _ in made]
    for module, name, value in made:
        setattr(module, name, value)
    try:
        yield
    finally:
        for module, name, value in kept:
            setattr(module, name, value)


def work(plan: Plan, seed: int) -> None:
    """Be a process with some environments until somebody ends that.

    Args:
        plan: the run.
        seed: of everything random in this process.
    """
    import logging

    logging.disable(logging.CRITICAL)
    hurry()
    dice = random.Random(seed)
    random.seed(seed)
    with misbehaving(plan, Ledger(Path(plan.ledger)), dice):
        sqs = client_of(plan.endpoint, "sqs")
        threads = [
            threading.Thread(target=_serve, args=(plan, sqs, environment(plan).handler), daemon=True)
            for _ in range(plan.environments)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def _serve(plan: Plan, sqs: Any, handler: Callable[[Any, Any], dict[str, Any]]) -> None:
    """Take messages as Lambda does: what fails comes again when its visibility timeout is over."""
    while True:
        received = sqs.receive_message(
            QueueUrl=plan.queue_url,
            MaxNumberOfMessages=plan.batch,
            WaitTimeSeconds=1,
            MessageSystemAttributeNames=["All"],
        ).get("Messages", [])
        if not received:
            continue
        answer = handler(sqs_event(received, plan.queue_arn, REGION), None)
        failed = {each["itemIdentifier"] for each in answer["batchItemFailures"]}
        done = [each["ReceiptHandle"] for each in received if each["MessageId"] not in failed]
        entries = [{"Id": str(at), "ReceiptHandle": handle} for at, handle in enumerate(done)]
        if entries:
            sqs.delete_message_batch(QueueUrl=plan.queue_url, Entries=entries)
