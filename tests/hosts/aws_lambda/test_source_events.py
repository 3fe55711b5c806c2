"""Events of AWS through the same handler that answers requests: what functions get, and what comes of it."""

import contextlib
import dataclasses
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import boto3
import pytest
from moto import mock_aws
from tests.chaos.cloud import CREDENTIALS, REGION, create_table
from tests.events import source_events as aws
from tests.events.front_ends import uuid_of
from tests.support import SECRET, Client, MCPServer, make_server

from lambent import (
    ConfigurationError,
    EventBridgeEvent,
    Occurrence,
    S3Notification,
    Settings,
    SnsMessage,
    SourceContext,
    SqsMessage,
    TableChange,
)
from lambent.hosts.aws_lambda.events import UnknownEventError
from lambent.hosts.aws_lambda.handler import LambdaHandler
from lambent.hosts.aws_lambda.source_events import SourceFailedError, UnclaimedEventError
from lambent.stores import aws as stores

IN_MEMORY = Settings(state_keys=(SECRET,), in_memory=True)
REFUNDED = "order.refunded"
TEXT = json.dumps(aws.REFUND)


@dataclasses.dataclass
class Refund:
    order_id: str
    cents: int


WHOLE = Refund("ORD-1005", 4999)
DATA = dataclasses.asdict(WHOLE)


def server(**options: Any) -> MCPServer:
    mcp = make_server(**options)

    @mcp.event(REFUNDED, payload=Refund)
    def refunded() -> None:
        """A refund was paid out."""

    return mcp


class Shop:
    """A handler, and what clients see of its events."""

    def __init__(self, mcp: MCPServer, event: str = REFUNDED) -> None:
        self.handler: LambdaHandler = mcp.lambda_handler(IN_MEMORY)
        self.name = event
        self.client = Client(self.handler)
        self.cursor = self.client.request("events/poll", {"name": event}).result["cursor"]

    def send(self, event: dict[str, Any], context: Any = None) -> Any:
        try:
            return self.handler(event, context)
        finally:
            self.handler.close()

    @property
    def found(self) -> list[dict[str, Any]]:
        params = {"name": self.name, "cursor": self.cursor, "maxEvents": 500}
        events: list[dict[str, Any]] = self.client.request("events/poll", params).result["events"]
        return events

    @property
    def ids(self) -> list[str]:
        return [one["eventId"] for one in self.found]


def shop(declare: Callable[[MCPServer], Any], **options: Any) -> Shop:
    mcp = server(**options)
    declare(mcp)
    return Shop(mcp)


def told(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """What the log says of sources."""
    return [record for record in caplog.records if record.name == "lambent.sources"]


# What functions get of each kind of event, and what clients get of that.


def of_eventbridge(mcp: MCPServer) -> None:
    @mcp.source.eventbridge(emits=REFUNDED, source="shop.orders", detail_type="OrderRefunded")
    def take(event: EventBridgeEvent[Refund]) -> Refund:
        assert (event.source, event.detail_type) == ("shop.orders", "OrderRefunded")
        return event.detail


def of_sns(mcp: MCPServer) -> None:
    @mcp.source.sns(emits=REFUNDED, topic="lambent-refunds")
    def take(message: SnsMessage[Refund]) -> Refund:
        assert (message.topic, message.subject) == (aws.TOPIC, None)
        return message.message


def of_s3(mcp: MCPServer) -> None:
    @mcp.source.s3(emits=REFUNDED, bucket=aws.BUCKET, prefix="refunds/", suffix=".json")
    def take(notification: S3Notification) -> Refund:
        assert (notification.bucket, notification.name) == (aws.BUCKET, "ObjectCreated:Put")
        assert (notification.size, notification.version) == (1024, None)
        return Refund(notification.key.removeprefix("refunds/").removesuffix(".json"), 4999)


def of_dynamodb(mcp: MCPServer) -> None:
    @mcp.source.dynamodb(emits=REFUNDED, table=aws.TABLE)
    def take(change: TableChange) -> Refund | None:
        assert (change.table, change.old) == (aws.TABLE, None)
        assert change.new is not None
        return Refund(change.keys["order_id"], int(change.new["cents"]))


def of_sqs(mcp: MCPServer) -> None:
    @mcp.source.sqs(emits=REFUNDED, queue="lambent-refunds")
    def take(message: SqsMessage[Refund]) -> Refund:
        assert message.queue == aws.QUEUE
        return message.body


def of_sns_behind_sqs(mcp: MCPServer) -> None:
    @mcp.source.sns(emits=REFUNDED, topic="lambent-refunds", queue="lambent-notified-refunds")
    def take(message: SnsMessage[Refund]) -> Refund:
        return message.message


DONE: dict[str, Any] = {"occurrences": 1}
ALL_WELL: dict[str, Any] = {"batchItemFailures": []}
KINDS: dict[str, tuple[Callable[[MCPServer], Any], Any, str | None]] = {
    "eventbridge": (of_eventbridge, DONE, uuid_of("an event")),
    "sns": (of_sns, DONE, uuid_of("a message")),
    "s3": (of_s3, DONE, "s3-E__QxFtoZ3BkxI1LL7OCROl1"),
    "dynamodb": (of_dynamodb, ALL_WELL, aws.inserted(1005)["eventID"]),
    "sqs-message": (of_sqs, ALL_WELL, uuid_of("message 0")),
    "sqs-sns": (of_sns_behind_sqs, ALL_WELL, uuid_of("a message")),
}


@pytest.mark.parametrize("kind", KINDS)
def test_an_event_of_each_kind(kind: str) -> None:
    declare, answer, event_id = KINDS[kind]
    here = shop(declare)
    assert here.send(aws.source_events()[kind]) == answer
    (found,) = here.found
    assert found == {
        "eventId": event_id,
        "name": REFUNDED,
        "timestamp": "2026-08-01T12:00:00.000Z",
        "data": DATA,
    }


@pytest.mark.parametrize("kind", KINDS)
def test_what_aws_delivers_twice_is_one_occurrence(kind: str) -> None:
    declare, answer, event_id = KINDS[kind]
    here = shop(declare)
    assert [here.send(aws.source_events()[kind]) for _ in range(3)] == [answer] * 3
    assert here.ids == [event_id]


@pytest.mark.parametrize("kind", KINDS)
def test_functions_may_get_events_as_they_came(kind: str) -> None:
    names = {"sqs-message": "sqs", "sqs-sns": "sns"}
    options: dict[str, Any] = {
        "sqs-message": {"queue": "lambent-refunds"},
        "sqs-sns": {"queue": aws.NOTIFIED_QUEUE},
    }
    taken: list[dict[str, Any]] = []

    def declare(mcp: MCPServer) -> None:
        def take(event: dict[str, Any]) -> None:
            taken.append(event)

        getattr(mcp.source, names.get(kind, kind))(emits=REFUNDED, **options.get(kind, {}))(take)

    here, event = shop(declare), aws.source_events()[kind]
    here.send(event)
    record = event if kind == "eventbridge" else event["Records"][0]
    record = {"sns": lambda: record["Sns"], "sqs-sns": lambda: json.loads(record["body"])}.get(
        kind, lambda: record
    )()
    assert taken == [record]
    assert here.found == []


def test_a_key_is_decoded() -> None:
    keys: list[str] = []

    def declare(mcp: MCPServer) -> None:
        @mcp.source.s3(emits=REFUNDED, prefix="my reports/ü")
        def take(notification: S3Notification) -> None:
            keys.append(notification.key)

    shop(declare).send(aws.s3_event(aws.s3_record("my+reports/%C3%BC%2B1.json")))
    assert keys == ["my reports/ü+1.json"]


def test_ids_of_objects_name_what_has_happened_to_them() -> None:
    """Neither the order of keys, nor a new address, makes another id; each change of an object does."""
    here = shop(of_s3)
    records = [aws.s3_record(), aws.s3_record(requestParameters={"sourceIPAddress": "203.0.113.8"})]
    for change in ({"sequencer": "0A1B2C3D4E5F678902"}, {"key": "refunds/ORD-1006.json"}, {"versionId": "2"}):
        record = aws.s3_record()
        record["s3"]["object"] |= change
        records.append(record)

    def take(mcp: MCPServer) -> None:
        @mcp.source.s3(emits=REFUNDED)
        def take(notification: S3Notification) -> Refund:
            return WHOLE

    here = shop(take)
    for record in records:
        assert here.send(aws.s3_event(record)) == DONE
    assert len(here.ids) == 4


def test_objects_without_a_sequencer() -> None:
    """Restores have none: the request that has caused the notification tells them apart."""
    records = [aws.s3_record(), aws.s3_record(), aws.s3_record(responseElements={"x-amz-request-id": "2"})]
    records.append(aws.s3_record(responseElements={}))
    for record in records:
        del record["s3"]["object"]["sequencer"]
    here = shop(of_s3)
    for record in records:
        here.send(aws.s3_event(record))
    assert len(here.ids) == 3


def test_all_values_of_an_item() -> None:
    from decimal import Decimal

    taken: list[TableChange] = []

    def declare(mcp: MCPServer) -> None:
        @mcp.source.dynamodb(emits=REFUNDED)
        def take(change: TableChange) -> None:
            taken.append(change)

    image = {
        "s": {"S": "text"},
        "n": {"N": "12345678901234567890.5"},
        "b": {"B": "AAE="},
        "bool": {"BOOL": False},
        "null": {"NULL": True},
        "m": {"M": {"inner": {"L": [{"S": "a"}, {"N": "1"}]}}},
        "ss": {"SS": ["a", "b"]},
        "ns": {"NS": ["1", "2.5"]},
        "bs": {"BS": ["AAE=", "Ag=="]},
        "empty": {"L": []},
    }
    record = aws.stream_record(7, "MODIFY", NewImage=image, OldImage={"s": {"S": "old"}})
    del record["dynamodb"]["ApproximateCreationDateTime"]  # not all have it
    shop(declare).send(aws.stream_event(record))
    (change,) = taken
    assert change.new == {
        "s": "text",
        "n": Decimal("12345678901234567890.5"),
        "b": b"\x00\x01",
        "bool": False,
        "null": None,
        "m": {"inner": ["a", Decimal(1)]},
        "ss": {"a", "b"},
        "ns": {Decimal(1), Decimal("2.5")},
        "bs": {b"\x00\x01", b"\x02"},
        "empty": [],
    }
    assert (change.name, change.old, change.keys, change.time) == (
        "MODIFY",
        {"s": "old"},
        {"order_id": "ORD-7"},
        None,
    )


# What functions answer.


def answering(answer: Any, **options: Any) -> Shop:
    """A shop whose function answers an event with this."""

    def declare(mcp: MCPServer) -> None:
        mcp.event("order.audited", payload=Refund)(nothing)

        @mcp.source.eventbridge(**{"emits": REFUNDED, **options})
        def take(event: EventBridgeEvent) -> Any:
            return answer

    return shop(declare)


def nothing() -> None:
    """Everything."""


ID = uuid_of("an event")


@pytest.mark.parametrize(
    ("answer", "ids"),
    [
        (None, []),
        ([], []),
        ([None], []),
        (WHOLE, [ID]),
        ([WHOLE, Refund("ORD-2", 2)], [ID, f"{ID}-2"]),
        ((WHOLE, None, WHOLE), [ID, f"{ID}-2"]),
        (Occurrence(WHOLE), [ID]),
        (Occurrence(WHOLE, "own"), ["own"]),
        ([Occurrence(WHOLE, "own"), WHOLE, Occurrence(WHOLE, "other")], ["own", f"{ID}-2", "other"]),
    ],
)
def test_answers(answer: Any, ids: list[str]) -> None:
    here = answering(answer)
    assert here.send(aws.eventbridge_event()) == {"occurrences": len(ids)}
    assert here.ids == ids
    here.send(aws.eventbridge_event())
    assert here.ids == ids


def test_several_event_types() -> None:
    answer = [Occurrence(WHOLE, name="order.audited"), Occurrence(WHOLE, name=REFUNDED)]
    here = answering(answer, emits=[REFUNDED, "order.audited"])
    assert here.send(aws.eventbridge_event()) == {"occurrences": 2}
    assert here.ids == [f"{ID}-2"]


@pytest.mark.parametrize(
    ("answer", "emits", "said"),
    [
        (WHOLE, [REFUNDED, "order.audited"], "without a name: it emits order.refunded, order.audited"),
        (Occurrence(WHOLE, name="order.audited"), REFUNDED, "of 'order.audited': it emits order.refunded"),
    ],
)
def test_answers_of_no_event_type(
    answer: Any, emits: Any, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    here = answering([Occurrence(WHOLE, name=REFUNDED), answer], emits=emits)
    with pytest.raises(SourceFailedError):
        here.send(aws.eventbridge_event())
    assert f"take gave an occurrence {said}" in caplog.text
    assert here.found == []


def test_a_timestamp_of_ones_own() -> None:
    from datetime import UTC, datetime

    here = answering(Occurrence(WHOLE, timestamp=datetime(2026, 1, 2, tzinfo=UTC)))
    here.send(aws.eventbridge_event())
    assert [one["timestamp"] for one in here.found] == ["2026-01-02T00:00:00.000Z"]


def test_a_payload_of_another_type_is_a_failure(caplog: pytest.LogCaptureFixture) -> None:
    here = answering([WHOLE, {"order_id": 5}])
    with pytest.raises(SourceFailedError, match=f"^take failed for event {ID} of EventBridge: shop.orders"):
        here.send(aws.eventbridge_event())
    assert here.found == []
    assert "ValidationError" in caplog.text


def test_a_detail_of_another_type_is_a_failure(caplog: pytest.LogCaptureFixture) -> None:
    here = shop(of_eventbridge)
    with pytest.raises(SourceFailedError):
        here.send(aws.eventbridge_event({"order_id": "ORD-1", "cents": "many"}))
    assert "cents" in caplog.text
    assert here.found == []


class Kinds:
    """Functions of every kind that may make occurrences."""

    @staticmethod
    def plain(event: EventBridgeEvent[Refund]) -> list[Refund]:
        return [event.detail, event.detail]

    @staticmethod
    def generator(event: EventBridgeEvent[Refund]) -> Iterator[Refund]:
        yield event.detail
        yield event.detail

    @staticmethod
    async def coroutine(event: EventBridgeEvent[Refund]) -> list[Refund]:
        return [event.detail, event.detail]

    @staticmethod
    async def async_generator(event: EventBridgeEvent[Refund]) -> AsyncIterator[Refund]:
        yield event.detail
        yield event.detail

    def method(self, event: EventBridgeEvent[Refund]) -> list[Refund]:
        return [event.detail, event.detail]


@pytest.mark.parametrize("kind", ["plain", "generator", "coroutine", "async_generator", "method"])
def test_kinds_of_functions(kind: str) -> None:
    here = shop(lambda mcp: mcp.source.eventbridge(emits=REFUNDED)(getattr(Kinds(), kind)))
    assert here.send(aws.eventbridge_event()) == {"occurrences": 2}
    assert here.ids == [ID, f"{ID}-2"]


# Which functions an event is for.


def test_every_function_that_is_for_an_event_gets_it() -> None:
    ran: list[str] = []

    def declare(mcp: MCPServer) -> None:
        def add(name: str, **options: Any) -> None:
            def take(event: EventBridgeEvent) -> None:
                ran.append(name)

            mcp.source.eventbridge(emits=REFUNDED, **options)(take)

        add("any")
        add("source", source="shop.orders")
        add("one of two", source=["shop.stock", "shop.orders"], detail_type=["OrderRefunded"])
        add("other source", source="shop")
        add("other type", source="shop.orders", detail_type="OrderPlaced")
        add("queue", queue="lambent-refunds")
        mcp.source.sns(emits=REFUNDED)(lambda message: ran.append("sns"))

    assert shop(declare).send(aws.eventbridge_event()) == {"occurrences": 0}
    assert ran == ["any", "source", "one of two"]


@pytest.mark.parametrize("names", ["lambent-refunds", aws.TOPIC, ["other", aws.TOPIC]])
def test_topics_by_name_and_by_arn(names: Any) -> None:
    here = shop(lambda mcp: mcp.source.sns(emits=REFUNDED, topic=names)(lambda message: WHOLE))
    assert here.send(aws.sns_event(TEXT)) == DONE


UNCLAIMED = [
    (
        of_eventbridge,
        aws.eventbridge_event(source="shop.stock"),
        "event {} of EventBridge: shop.stock, Order",
    ),
    (of_eventbridge, aws.sns_event(TEXT), "message {} of the topic arn:aws:sns:us-east-1:123456789012:lamb"),
    (of_sns, aws.sns_event(TEXT, f"{aws.TOPIC}2"), "message {} of the topic"),
    (of_s3, aws.s3_event(aws.s3_record(bucket="other")), "notification {} of the bucket other: ObjectCreate"),
    (of_s3, aws.s3_event(aws.s3_record("x/refunds/1.json")), "notification {} of the bucket lambent-uploads"),
    (of_s3, aws.s3_event(aws.s3_record("refunds/1.JSON")), "notification {} of the bucket lambent-uploads"),
    (of_dynamodb, aws.stream_event(aws.inserted(1, table="other")), "change {} of the table other: INSERT"),
    (of_dynamodb, aws.stream_event(*(aws.inserted(n, table="other") for n in (1, 2))), "change {} of the ta"),
]


@pytest.mark.parametrize(("declare", "event", "shown"), UNCLAIMED)
def test_an_event_that_no_function_is_for(
    declare: Any, event: Any, shown: str, caplog: pytest.LogCaptureFixture
) -> None:
    before, _, behind = shown.partition(" {} ")
    here = shop(declare)
    with pytest.raises(UnclaimedEventError) as caught:
        here.send(event)
    assert str(caught.value).startswith(f"No source is for {before} ")
    assert f" {behind}" in str(caught.value)
    (record,) = told(caplog)
    assert (record.levelname, record.getMessage()) == ("ERROR", str(caught.value))


def test_the_test_event_of_s3_is_noted(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "lambent.sources")
    assert shop(of_eventbridge).send(aws.s3_test_event()) == {"occurrences": 0}
    assert [record.getMessage() for record in told(caplog)] == [
        "S3 can send notifications of the bucket lambent-uploads"
    ]


def test_requests_are_answered_beside_sources() -> None:
    here = shop(of_sqs)
    assert here.client.request("events/list").status == 200
    assert here.send({"warmer": True})["body"] == '{"warm":true}'


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"Records": []},
        {"Records": None},
        {"Records": {"a": 1}},
        {"Records": [None]},
        {"Records": ["a"]},
        {"Records": [{}]},
        {"Records": [{"eventSource": "aws:kinesis"}]},
        {"Records": [{"eventSource": {"a": 1}}]},
        {"detail-type": "a"},
        {"detail": {}},
        [],
        "text",
        None,
    ],
)
def test_what_is_no_event_of_a_source_is_unknown(event: Any) -> None:
    with pytest.raises(UnknownEventError, match="This handler takes HTTP events"):
        shop(of_s3).send(event)


def without(event: dict[str, Any], *path: Any) -> dict[str, Any]:
    """An event that lacks a member."""
    copy: dict[str, Any] = json.loads(json.dumps(event))
    inner: Any = copy
    for step in path[:-1]:
        inner = inner[step]
    del inner[path[-1]]
    return copy


def instead(event: dict[str, Any], value: Any, *path: Any) -> dict[str, Any]:
    """An event with another value somewhere."""
    copy: dict[str, Any] = json.loads(json.dumps(event))
    inner: Any = copy
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return copy


FIRST = ("Records", 0)
BRIDGE, SNS, S3 = aws.eventbridge_event(), aws.sns_event(TEXT), aws.s3_event()
STREAM, BATCH = aws.stream_event(aws.inserted(1)), aws.message_batch(TEXT)


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (without(BRIDGE, "id"), "required field `id`"),
        (without(BRIDGE, "time"), "required field `time`"),
        (without(BRIDGE, "source"), "required field `source`"),
        (instead(BRIDGE, "text", "detail"), r"Expected `object`, got `str` - at `\$.detail`"),
        (instead(BRIDGE, 5, "detail-type"), "Expected `str`, got `int`"),
        (instead(BRIDGE, "yesterday", "time"), "Invalid RFC3339 encoded datetime"),
        (without(SNS, *FIRST, "Sns"), "required field `Sns`"),
        (without(SNS, *FIRST, "Sns", "MessageId"), "required field `MessageId`"),
        (instead(SNS, None, *FIRST, "Sns", "Message"), "Expected `str`, got `null`"),
        (without(S3, *FIRST, "s3"), "required field `s3`"),
        (without(S3, *FIRST, "s3", "object"), "required field `object`"),
        (without(S3, *FIRST, "s3", "bucket", "name"), "required field `name`"),
        (without(STREAM, *FIRST, "dynamodb"), "required field `dynamodb`"),
        (without(STREAM, *FIRST, "dynamodb", "SequenceNumber"), "required field `SequenceNumber`"),
        (instead(STREAM, "UPSERT", *FIRST, "eventName"), "Invalid enum value 'UPSERT'"),
        (instead(STREAM, "arn:aws", *FIRST, "eventSourceARN"), "not enough values to unpack"),
        (instead(STREAM, {"a": {"X": 1}}, *FIRST, "dynamodb", "Keys"), "no values of the type 'X'"),
        (instead(STREAM, {"a": "text"}, *FIRST, "dynamodb", "Keys"), "no attribute 'items'"),
        (instead(STREAM, {"a": {}}, *FIRST, "dynamodb", "Keys"), "not enough values to unpack"),
        (instead(STREAM, {"a": {"N": "x"}}, *FIRST, "dynamodb", "Keys"), "ConversionSyntax"),
        (instead(STREAM, {"a": {"B": "x"}}, *FIRST, "dynamodb", "Keys"), "base64"),
        (instead(STREAM, 1e300, *FIRST, "dynamodb", "ApproximateCreationDateTime"), "out of range"),
        (without(BATCH, *FIRST, "messageId"), "required field `messageId`"),
        (without(BATCH, *FIRST, "body"), "required field `body`"),
        (instead(BATCH, "soon", *FIRST, "attributes", "SentTimestamp"), "invalid literal for int"),
        ({"Records": [*SNS["Records"], *S3["Records"]]}, "of several services: aws:s3, aws:sns"),
        ({"Records": [*SNS["Records"], {"eventSource": "aws:ses"}]}, "of several services: aws:ses, aws:sns"),
        ({"Records": [*SNS["Records"], {}]}, "of several services: None, aws:sns"),
    ],
)
def test_an_event_that_aws_does_not_send_is_refused_as_a_whole(event: dict[str, Any], said: str) -> None:
    ran: list[Any] = []

    def declare(mcp: MCPServer) -> None:
        for add in (mcp.source.eventbridge, mcp.source.sns, mcp.source.s3, mcp.source.dynamodb):
            add(emits=REFUNDED)(ran.append)
        mcp.source.sqs(emits=REFUNDED, queue=aws.QUEUE)(ran.append)

    with pytest.raises(UnknownEventError, match=said):
        shop(declare).send(event)
    assert ran == []


# Failures.


class Failing:
    """A function that fails for some orders, and what it was run for."""

    def __init__(self, *fails: str) -> None:
        self.fails = list(fails)
        self.ran: list[str] = []

    def take(self, name: str) -> Refund:
        self.ran.append(name)
        if name in self.fails:
            raise RuntimeError(f"no {name}")
        return Refund(name, 1)


def failing_queue(failing: Failing, queue: str = aws.QUEUE) -> Shop:
    def declare(mcp: MCPServer) -> None:
        @mcp.source.sqs(emits=REFUNDED, queue=queue)
        def take(message: SqsMessage) -> Refund:
            return failing.take(message.body)

    return shop(declare)


def failures(*messages: int) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": uuid_of(f"message {one}")} for one in messages]}


def test_messages_that_fail_come_again(caplog: pytest.LogCaptureFixture) -> None:
    failing = Failing("b", "d")
    here = failing_queue(failing)
    assert here.send(aws.message_batch("a", "b", "c", "d")) == failures(1, 3)
    assert failing.ran == ["a", "b", "c", "d"]
    assert [one["data"]["order_id"] for one in here.found] == ["a", "c"]
    first, second = told(caplog)
    assert first.getMessage() == (
        f"The source take failed for message {uuid_of('message 1')} of the queue {aws.QUEUE}"
    )
    assert first.exc_info is not None
    assert str(first.exc_info[1]) == "no b"
    assert first.exc_info[1].__context__ is None  # nor that the event is none of HTTP
    assert second.exc_info is not None
    assert str(second.exc_info[1]) == "no d"


def test_a_batch_in_which_everything_fails() -> None:
    assert failing_queue(Failing("a", "b")).send(aws.message_batch("a", "b")) == failures(0, 1)


def test_behind_a_failure_a_fifo_queue_waits() -> None:
    failing, queue = Failing("b"), f"{aws.QUEUE}.fifo"
    here = failing_queue(failing, queue)
    assert here.send(aws.message_batch("a", "b", "c", "d", queue=queue)) == failures(1, 2, 3)
    assert failing.ran == ["a", "b"]
    assert [one["data"]["order_id"] for one in here.found] == ["a"]


def test_a_message_of_a_queue_that_no_function_names_is_no_sources() -> None:
    """It brings tasks, if the function has some."""
    failing = Failing()
    with pytest.raises(Exception, match="This function has no tasks to run"):
        failing_queue(failing).send(aws.message_batch("a", queue=f"{aws.QUEUE}-2"))
    assert failing.ran == []


@pytest.mark.parametrize("body", [TEXT, "two words", "", "ü=1"])
def test_a_message_that_is_neither_a_task_nor_a_sources_is_not_lost(
    body: str, caplog: pytest.LogCaptureFixture
) -> None:
    """As where the name of a queue is not that of its source: a worker would take it for a dead task."""
    event = aws.message_batch("dGFzay1pZA", body, queue=f"{aws.QUEUE}-2")
    said = f"No source is for message {uuid_of('message 1')} of the queue {aws.QUEUE}-2"
    with pytest.raises(UnclaimedEventError, match=f"^{said}$"):
        failing_queue(Failing()).send(event)
    assert [record.getMessage() for record in told(caplog)] == [said]


@pytest.mark.parametrize("body", ["wake order.refunded", "deliver KEY 5"])
def test_deliveries_of_an_unknown_queue_are_told_of_as_such(body: str) -> None:
    with pytest.raises(ConfigurationError, match="brings deliveries of events"):
        failing_queue(Failing()).send(aws.message_batch(body, queue=f"{aws.QUEUE}-2"))


def test_messages_of_several_queues(caplog: pytest.LogCaptureFixture) -> None:
    failing = Failing()
    event = aws.message_batch("a", "b", "c")
    event["Records"][1]["eventSourceARN"] += "-2"
    assert failing_queue(failing).send(event) == failures(1)
    assert failing.ran == ["a", "c"]
    assert [record.getMessage() for record in told(caplog)] == [
        f"No source is for message {uuid_of('message 1')} of the queue {aws.QUEUE}-2"
    ]


def failing_stream(failing: Failing) -> Shop:
    def declare(mcp: MCPServer) -> None:
        @mcp.source.dynamodb(emits=REFUNDED, table=aws.TABLE)
        def take(change: TableChange) -> Refund:
            return failing.take(change.keys["order_id"])

    return shop(declare)


def test_a_stream_comes_again_from_the_first_failure_on() -> None:
    failing = Failing("ORD-2")
    here = failing_stream(failing)
    event = aws.stream_event(*map(aws.inserted, range(1, 5)))
    failed = event["Records"][1]["dynamodb"]["SequenceNumber"]
    assert here.send(event) == {"batchItemFailures": [{"itemIdentifier": failed}]}
    assert failing.ran == ["ORD-1", "ORD-2"]
    failing.fails.clear()
    assert here.send({"Records": event["Records"][1:]}) == ALL_WELL
    assert failing.ran == ["ORD-1", "ORD-2", "ORD-2", "ORD-3", "ORD-4"]
    assert here.ids == [record["eventID"] for record in event["Records"]]


def test_a_record_of_another_table_stops_a_stream() -> None:
    failing = Failing()
    here = failing_stream(failing)
    event = aws.stream_event(aws.inserted(1), aws.inserted(2, table="other"), aws.inserted(3))
    failed = event["Records"][1]["dynamodb"]["SequenceNumber"]
    assert here.send(event) == {"batchItemFailures": [{"itemIdentifier": failed}]}
    assert failing.ran == ["ORD-1"]


def test_the_other_records_of_an_event_are_taken_before_it_fails() -> None:
    failing = Failing("2")

    def declare(mcp: MCPServer) -> None:
        @mcp.source.s3(emits=REFUNDED)
        def take(notification: S3Notification) -> Refund:
            return failing.take(notification.key)

    here = shop(declare)
    event = aws.s3_event(*(aws.s3_record(key) for key in "123"))
    with pytest.raises(SourceFailedError, match=r"^take failed for notification s3-"):
        here.send(event)
    assert failing.ran == ["1", "2", "3"]
    assert [one["data"]["order_id"] for one in here.found] == ["1", "3"]
    failing.fails.clear()
    assert here.send(event) == {"occurrences": 3}
    assert [one["data"]["order_id"] for one in here.found] == ["1", "3", "2"]


def test_the_other_functions_run_before_an_event_fails() -> None:
    failing = Failing("first")

    def declare(mcp: MCPServer) -> None:
        for name in ("first", "second"):

            def take(event: EventBridgeEvent, name: str = name) -> Refund:
                return failing.take(name)

            mcp.source.eventbridge(emits=REFUNDED)(lambda event, take=take: take(event))

    here = shop(declare)
    with pytest.raises(SourceFailedError):
        here.send(aws.eventbridge_event())
    assert failing.ran == ["first", "second"]
    assert [one["data"]["order_id"] for one in here.found] == ["second"]


def test_exits_are_failures_of_their_own_record() -> None:
    def declare(mcp: MCPServer) -> None:
        @mcp.source.sqs(emits=REFUNDED, queue=aws.QUEUE)
        def take(message: SqsMessage) -> Refund:
            if message.body == "b":
                raise SystemExit(1)
            return Refund(message.body, 1)

    here = shop(declare)
    assert here.send(aws.message_batch("a", "b", "c")) == failures(1)
    assert [one["data"]["order_id"] for one in here.found] == ["a", "c"]


class Deadlined:
    """A context of Lambda with so many milliseconds in each of its answers."""

    def __init__(self, *left: int) -> None:
        self.left = list(left)

    def get_remaining_time_in_millis(self) -> int:
        return self.left.pop(0) if len(self.left) > 1 else self.left[0]


def test_messages_for_which_there_is_no_time_come_again() -> None:
    failing = Failing()
    here = failing_queue(failing)
    answer = here.send(aws.message_batch("a", "b", "c"), Deadlined(30_000, 30_000, 30_000, 30_000, 1_999))
    assert answer["batchItemFailures"][-1] == failures(2)["batchItemFailures"][0]
    assert "c" not in failing.ran
    assert len(failing.ran) + len(answer["batchItemFailures"]) == 3


def test_a_short_invocation_takes_at_least_one_message() -> None:
    failing = Failing()
    assert failing_queue(failing).send(aws.message_batch("a", "b"), Deadlined(900)) == failures(1)
    assert failing.ran == ["a"]


@pytest.mark.parametrize("is_coroutine", [False, True])
def test_a_function_that_hangs_fails_and_the_rest_comes_again(is_coroutine: bool) -> None:
    import asyncio
    import time

    def declare(mcp: MCPServer) -> None:
        def hang(message: SqsMessage) -> None:
            if message.body == "hang":
                time.sleep(60)

        async def wait(message: SqsMessage) -> None:
            if message.body == "hang":
                await asyncio.sleep(60)

        mcp.source.sqs(emits=REFUNDED, queue=aws.QUEUE)(wait if is_coroutine else hang)

    context = Deadlined(1000)  # of which a function gets a tenth of a second
    assert shop(declare).send(aws.message_batch("hang", "b"), context) == failures(0, 1)


# What is within messages.


def s3_text(*records: dict[str, Any]) -> str:
    return json.dumps(aws.s3_event(*records))


def notified(message: str, topic: str = aws.TOPIC) -> str:
    return json.dumps(aws.sns_notification(message, topic, url="URL"))


ENVELOPED: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "s3, sns": ("s3", {"topic": aws.TOPIC}, aws.sns_event(s3_text())),
    "s3, sqs": ("s3", {"queue": aws.QUEUE}, aws.message_batch(s3_text())),
    "s3, sns, sqs": (
        "s3",
        {"topic": "lambent-refunds", "queue": "lambent-refunds"},
        aws.message_batch(notified(s3_text())),
    ),
    "eventbridge, sns": ("eventbridge", {"topic": aws.TOPIC}, aws.sns_event(json.dumps(BRIDGE))),
    "eventbridge, sqs": ("eventbridge", {"queue": aws.QUEUE}, aws.message_batch(json.dumps(BRIDGE))),
    "sns, sqs": ("sns", {"queue": aws.QUEUE, "topic": aws.TOPIC}, aws.message_batch(notified(TEXT))),
}


@pytest.mark.parametrize("way", ENVELOPED)
def test_events_within_messages(way: str) -> None:
    kind, options, event = ENVELOPED[way]
    here = shop(lambda mcp: getattr(mcp.source, kind)(emits=REFUNDED, **options)(lambda event: WHOLE))
    assert here.send(event) == (ALL_WELL if "sqs" in way else DONE)
    assert here.ids == [KINDS[kind][2]]


@pytest.mark.parametrize("way", ENVELOPED)
def test_events_within_messages_of_others(way: str) -> None:
    kind, options, event = ENVELOPED[way]
    others = dict.fromkeys(options, "other")
    here = shop(lambda mcp: getattr(mcp.source, kind)(emits=REFUNDED, **others)(lambda event: WHOLE))
    with pytest.raises(UnclaimedEventError):
        here.send(event)


@pytest.mark.parametrize("body", ["", "text", "[]", "{}", "null", '{"Records": [{}]}', '{"Records": 5}'])
@pytest.mark.parametrize("kind", ["s3", "eventbridge", "sns"])
def test_a_message_that_is_no_envelope_comes_again(
    kind: str, body: str, caplog: pytest.LogCaptureFixture
) -> None:
    here = shop(lambda mcp: getattr(mcp.source, kind)(emits=REFUNDED, queue=aws.QUEUE)(lambda event: WHOLE))
    good = {"s3": s3_text(), "eventbridge": json.dumps(BRIDGE), "sns": notified(TEXT)}[kind]
    assert here.send(aws.message_batch(body, good)) == failures(0)
    assert len(here.found) == 1
    assert "failed for message" in caplog.text


def test_several_notifications_in_a_message() -> None:
    def declare(mcp: MCPServer) -> None:
        @mcp.source.s3(emits=REFUNDED, prefix="a", queue=aws.QUEUE)
        def take(notification: S3Notification) -> Refund:
            return Refund(notification.key, 1)

    here = shop(declare)
    text = s3_text(*(aws.s3_record(key) for key in ("a1", "b1", "a2")))
    others = s3_text(aws.s3_record("b2"))
    assert here.send(aws.message_batch(text, others)) == failures(1)
    assert [one["data"]["order_id"] for one in here.found] == ["a1", "a2"]


def test_the_other_notifications_of_a_message_are_taken_before_it_fails() -> None:
    failing = Failing("2")

    def declare(mcp: MCPServer) -> None:
        @mcp.source.s3(emits=REFUNDED, queue=aws.QUEUE)
        def take(notification: S3Notification) -> Refund:
            return failing.take(notification.key)

    here = shop(declare)
    assert here.send(aws.message_batch(s3_text(*map(aws.s3_record, "123")))) == failures(0)
    assert failing.ran == ["1", "2", "3"]
    assert [one["data"]["order_id"] for one in here.found] == ["1", "3"]


@pytest.mark.parametrize("way", ["s3, sns", "s3, sqs", "s3, sns, sqs"])
def test_test_events_of_s3_within_messages(way: str) -> None:
    kind, options, _ = ENVELOPED[way]
    text = json.dumps(aws.s3_test_event())
    event = aws.sns_event(text) if way == "s3, sns" else aws.message_batch(text)
    if way == "s3, sns, sqs":
        event = aws.message_batch(notified(text))
    here = shop(lambda mcp: getattr(mcp.source, kind)(emits=REFUNDED, **options)(lambda event: WHOLE))
    assert here.send(event) == (ALL_WELL if "sqs" in way else {"occurrences": 0})


# What surrounds a function.


def test_the_lifespan_is_entered_before() -> None:
    log: list[str] = []

    @asynccontextmanager
    async def lifespan(mcp: MCPServer) -> AsyncIterator[str]:
        log.append("enter")
        yield "pool"
        log.append("leave")

    def declare(mcp: MCPServer) -> None:
        @mcp.source.eventbridge(emits=REFUNDED)
        def take(event: EventBridgeEvent, context: SourceContext) -> None:
            log.append(context.lifespan_context)
            assert context.lambda_context == "context of Lambda"

    mcp = server(lifespan=lifespan)
    declare(mcp)
    handler = mcp.lambda_handler(IN_MEMORY)
    try:
        for _ in range(2):
            handler(aws.eventbridge_event(), "context of Lambda")
    finally:
        handler.close()
    assert log == ["enter", "pool", "pool", "leave"]


def test_a_lifespan_that_fails_fails_the_event() -> None:
    @asynccontextmanager
    async def lifespan(mcp: MCPServer) -> AsyncIterator[None]:
        raise RuntimeError("no database")
        yield

    mcp = server(lifespan=lifespan)
    of_eventbridge(mcp)
    handler = mcp.lambda_handler(IN_MEMORY)
    try:
        with pytest.raises(SourceFailedError):
            handler(aws.eventbridge_event(), None)
    finally:
        handler.close()


def test_without_a_lifespan_its_context_is_empty() -> None:
    found: list[SourceContext] = []

    def declare(mcp: MCPServer) -> None:
        @mcp.source.eventbridge(emits=REFUNDED)
        def take(event: Any, context: SourceContext) -> None:
            found.append(context)

    shop(declare).send(aws.eventbridge_event(), None)
    assert found == [SourceContext({}, None)]


def test_sources_of_mounted_servers() -> None:
    """They emit by their own names, and see their own lifespan."""
    seen: list[Any] = []

    def life(value: str) -> Any:
        @asynccontextmanager
        async def lifespan(mcp: MCPServer) -> AsyncIterator[str]:
            yield value

        return lifespan

    inner, middle, outer = server(lifespan=life("inner")), make_server(), server(lifespan=life("outer"))
    for mcp in (inner, outer):

        @mcp.source.eventbridge(emits=REFUNDED)
        def take(event: EventBridgeEvent, context: SourceContext) -> Occurrence:
            seen.append(context.lifespan_context)
            return Occurrence(WHOLE, name=REFUNDED)

    middle.mount(inner, "b")
    outer.mount(middle, "a")
    here, there = Shop(outer), None
    there = Shop.__new__(Shop)
    there.client, there.name = here.client, f"a_b_{REFUNDED}"
    there.cursor = here.client.request("events/poll", {"name": there.name}).result["cursor"]
    assert here.send(aws.eventbridge_event()) == {"occurrences": 2}
    assert seen == ["outer", "inner"]
    assert (here.ids, there.ids) == ([ID], [ID])


# In the table.


@pytest.fixture
def dynamodb() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        for name, value in {**CREDENTIALS, "AWS_DEFAULT_REGION": REGION}.items():
            patch.setenv(name, value)
        stores._clients.clear()
        client = boto3.client("dynamodb", region_name=REGION)
        create_table(client, "lambent")
        yield client
        client.close()
        stores._clients.clear()


@pytest.mark.parametrize("kind", KINDS)
def test_an_event_of_each_kind_in_environments_that_share_a_table(kind: str, dynamodb: Any) -> None:
    declare, answer, event_id = KINDS[kind]
    for _ in range(2):
        mcp = server()
        declare(mcp)
        handler = mcp.lambda_handler(Settings(state_keys=(SECRET,), table="lambent", in_lambda=True))
        client = Client(handler)
        cursor = client.request("events/poll", {"name": REFUNDED}).result["cursor"]
        with contextlib.closing(handler):
            assert handler(aws.source_events()[kind], None) == answer
    epoch = cursor.rpartition(".")[0]
    result = client.request("events/poll", {"name": REFUNDED, "cursor": f"{epoch}.0"}).result
    assert [one["eventId"] for one in result["events"]] == [event_id]


def test_a_table_that_cannot_be_written_fails_the_event(
    dynamodb: Any, caplog: pytest.LogCaptureFixture
) -> None:
    mcp = server()
    of_sqs(mcp)
    handler = mcp.lambda_handler(Settings(state_keys=(SECRET,), table="gone", in_lambda=True))
    assert handler(aws.message_batch(TEXT), None) == failures(0)
    assert "StoreError" in caplog.text


# Events that are damaged anywhere.


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all members of a document."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield (*path, key)
        yield from places(inner, (*path, key))


DAMAGES: list[Any] = [
    None,
    True,
    -1,
    1e308,
    float("nan"),
    "",
    "text",
    "\ud800",
    [],
    {},
    [{}],
    {"a": {"b": []}},
]
REFUSED = (UnknownEventError, SourceFailedError, ConfigurationError)


@pytest.mark.parametrize("kind", [*KINDS, "s3-test"])
def test_damaged_events_are_taken_or_refused(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    """Each member is left out, and replaced by values that AWS never sends: nothing else is raised."""
    mcp = server()
    for add in (mcp.source.eventbridge, mcp.source.sns, mcp.source.s3, mcp.source.dynamodb):
        add(emits=REFUNDED)(lambda event: WHOLE)
    mcp.source.sqs(emits=REFUNDED, queue="lambent-refunds")(lambda message: WHOLE)
    mcp.source.sns(emits=REFUNDED, queue="lambent-notified-refunds")(lambda message: WHOLE)
    handler = mcp.lambda_handler(IN_MEMORY)
    whole = aws.source_events()[kind]
    damaged = [without(whole, *path) for path in places(whole)]
    damaged += [instead(whole, damage, *path) for path in places(whole) for damage in DAMAGES]
    if kind == "sqs-sns":
        inner = json.loads(whole["Records"][0]["body"])
        texts = [json.dumps(without(inner, *path)) for path in places(inner)]
        texts += [json.dumps(instead(inner, damage, *path)) for path in places(inner) for damage in DAMAGES]
        damaged += [instead(whole, text, "Records", 0, "body") for text in texts]
    for event in damaged:
        with contextlib.suppress(*REFUSED):
            answer = handler(event, None)
            assert answer.keys() <= {"occurrences", "batchItemFailures"}, event
            json.dumps(answer, allow_nan=False)
        assert all("\ud800" not in record.getMessage() for record in told(caplog))
        caplog.clear()
