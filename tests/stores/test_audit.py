"""Audit records in EventBridge, Firehose and DynamoDB."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import boto3
import msgspec
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from moto import mock_aws
from tests.chaos.cloud import CREDENTIALS, REGION

from lambent import AuditRecord, StoreError
from lambent.execution.audit.record import AuditPrincipal
from lambent.stores.audit import DynamoDbSink, EventBridgeSink, FirehoseSink

BUS = "arn:aws:events:eu-west-1:123456789012:event-bus/audit"


def record(arguments: Any = None, **more: Any) -> AuditRecord:
    members = {
        "time": "2026-11-26T10:00:00.500Z",
        "server": "shop",
        "call_id": "c",
        "method": "tools/call",
        "name": "pay",
        "outcome": "ok",
        "status": 200,
        "duration_ms": 1.5,
        "principal": AuditPrincipal("ada", "https://id"),
        **more,
    }
    if arguments is not None:
        members["arguments"] = msgspec.Raw(msgspec.json.encode(arguments))
    return AuditRecord(**members)


@pytest.fixture
def stubbed() -> Iterator[Any]:
    """Makes real clients, which check what they are given, and answers them."""
    made: list[tuple[Any, Stubber]] = []

    def make(service: str) -> tuple[Any, Stubber]:
        client = boto3.session.Session(region_name=REGION, **CREDENTIALS).client(service)
        stubber = Stubber(client)
        stubber.activate()
        made.append((client, stubber))
        return client, stubber

    yield make
    for client, stubber in made:
        stubber.assert_no_pending_responses()
        client.close()


# EventBridge.


def test_an_event_has_the_record_as_its_detail(stubbed: Any) -> None:
    client, stubber = stubbed("events")
    entry = {
        "Source": "lambent",
        "DetailType": "MCP call",
        "Detail": record({"a": 1}).to_json(),
        "EventBusName": BUS,
    }
    stubber.add_response("put_events", {"FailedEntryCount": 0, "Entries": []}, {"Entries": [entry]})
    EventBridgeSink(BUS, client).write(record({"a": 1}))


def test_an_event_that_the_bus_does_not_take_is_an_error(stubbed: Any) -> None:
    client, stubber = stubbed("events")
    failed = {"ErrorCode": "ThrottlingException", "ErrorMessage": "slow down"}
    stubber.add_response("put_events", {"FailedEntryCount": 1, "Entries": [failed]})
    with pytest.raises(StoreError) as caught:
        EventBridgeSink("audit", client).write(record())
    assert str(caught.value) == "events: PutEvents of 'audit' failed: ThrottlingException: slow down"


# Firehose.


def test_a_record_of_firehose_is_a_line(stubbed: Any) -> None:
    client, stubber = stubbed("firehose")
    data = record({"a": 1}).to_json().encode() + b"\n"
    expected = {"DeliveryStreamName": "audit", "Record": {"Data": data}}
    stubber.add_response("put_record", {"RecordId": "1"}, expected)
    FirehoseSink("audit", client).write(record({"a": 1}))


# DynamoDB.


@pytest.fixture
def dynamodb() -> Iterator[Any]:
    with mock_aws():
        client = boto3.session.Session(region_name=REGION, **CREDENTIALS).client("dynamodb")
        client.create_table(
            TableName="audit",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        yield client
        client.close()


def test_an_item_has_attributes_for_indexes_and_goes_by_itself(dynamodb: Any) -> None:
    written = record({"a": 1})
    DynamoDbSink("audit", dynamodb).write(written)
    DynamoDbSink("audit", dynamodb, retention=timedelta(days=1)).write(record(method=None, name=None))
    rows = sorted(dynamodb.scan(TableName="audit")["Items"], key=lambda row: -int(row["purge_at"]["N"]))
    keys = [row.pop("pk")["S"] for row in rows]
    assert len(set(keys)) == 2
    assert all(key.startswith("AUDIT#c#2026-11-26T10:00:00.500Z#") for key in keys)
    began = 1_795_687_200  # date -u -d 2026-11-26T10:00:00Z +%s
    assert rows[0] == {
        "server": {"S": "shop"},
        "time": {"S": "2026-11-26T10:00:00.500Z"},
        "method": {"S": "tools/call"},
        "name": {"S": "pay"},
        "subject": {"S": "ada"},
        "outcome": {"S": "ok"},
        "record": {"S": written.to_json()},
        "purge_at": {"N": str(began + 90 * 24 * 3600)},
    }
    assert set(rows[1]) == {"server", "time", "subject", "outcome", "record", "purge_at"}
    assert rows[1]["purge_at"] == {"N": str(began + 24 * 3600)}


def test_the_largest_arguments_fit_into_an_item(dynamodb: Any) -> None:
    DynamoDbSink("audit", dynamodb).write(record({"a": "é" * 1_000_000}))
    (row,) = dynamodb.scan(TableName="audit")["Items"]
    assert "[cut, 6000008 bytes]" in json.loads(row["record"]["S"])["arguments"]


# All of them.


def leaves(value: Any) -> Iterator[str | bytes]:
    """Every text in a value, names included."""
    if isinstance(value, dict | list):
        for inner in [*value, *value.values()] if isinstance(value, dict) else value:
            yield from leaves(inner)
    else:
        yield value


@pytest.mark.parametrize(
    ("sink", "service", "action", "limit"),
    [
        (EventBridgeSink, "events", "put_events", 256 * 1024),
        (FirehoseSink, "firehose", "put_record", 1000 * 1024),
        (DynamoDbSink, "dynamodb", "put_item", 400 * 1024),
    ],
)
def test_records_are_as_large_as_the_service_takes(sink: Any, service: str, action: str, limit: int) -> None:
    sent: list[Any] = []

    class Client:
        def __getattr__(self, name: str) -> Any:
            assert name == action

            def call(**arguments: Any) -> dict[str, Any]:
                sent.append(arguments)
                return {"FailedEntryCount": 0}

            return call

    sink("audit", Client()).write(record({"a": '"' * 3_000_000}))
    assert limit / 4 < sum(map(len, leaves(sent[0]))) < limit


@pytest.mark.parametrize(
    ("sink", "service", "action"),
    [
        (EventBridgeSink, "events", "PutEvents"),
        (FirehoseSink, "firehose", "PutRecord"),
        (DynamoDbSink, "dynamodb", "PutItem"),
    ],
)
def test_an_error_names_service_action_and_resource(
    stubbed: Any, sink: Any, service: str, action: str
) -> None:
    client, stubber = stubbed(service)
    method = {"PutEvents": "put_events", "PutRecord": "put_record", "PutItem": "put_item"}[action]
    stubber.add_client_error(method, "AccessDeniedException", "not you")
    with pytest.raises(StoreError) as caught:
        sink("audit", client).write(record())
    assert str(caught.value).startswith(f"{service}: {action} of 'audit' failed: ")
    assert isinstance(caught.value.__cause__, ClientError)
