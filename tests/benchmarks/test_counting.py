"""What requests to AWS are billed as, and the proxy that counts them."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from benchmarks.counting import CountingProxy, billed, item_size
from tests.chaos.cloud import Cloud, client_of, shared_cloud

DYNAMODB = "DynamoDB_20120810"
GET, PUT, DELETE = (f"{DYNAMODB}.{name}" for name in ("GetItem", "PutItem", "DeleteItem"))


def item(size: int) -> dict[str, Any]:
    """An item of so many bytes."""
    return {"pk": {"S": "é"}, "body": {"B": base64.b64encode(b"x" * (size - 8)).decode()}}


@pytest.mark.parametrize("size", [8, 9, 1024, 5000])
def test_the_size_of_an_item_is_that_of_names_and_values(size: int) -> None:
    assert item_size(item(size)) == size


@pytest.mark.parametrize(
    ("number", "size"), [("0", 1), ("7", 2), ("1700000001", 6), ("1700000000", 2), ("-12", 2)]
)
def test_two_digits_of_a_number_take_a_byte(number: str, size: int) -> None:
    assert item_size({"n": {"N": number}}) == 1 + size


@pytest.mark.parametrize(("size", "units"), [(100, 1), (1024, 1), (1025, 2), (4096, 4)])
def test_writes_are_billed_by_the_kilobyte(size: int, units: int) -> None:
    body = json.dumps({"Item": item(size)}).encode()
    assert billed("POST", PUT, body, b"{}") == {"dynamodb_write_unit": units}


@pytest.mark.parametrize(("size", "units"), [(100, 1), (4096, 1), (4097, 2)])
def test_reads_are_billed_by_four(size: int, units: int) -> None:
    answer = json.dumps({"Item": item(size)}).encode()
    assert billed("POST", GET, b"{}", answer) == {"dynamodb_read_unit": units}


def test_every_item_of_a_batch_is_a_read_whether_it_is_there_or_not() -> None:
    body = json.dumps({"RequestItems": {"t": {"Keys": [{}, {}, {}]}}}).encode()
    answer = json.dumps({"Responses": {"t": [item(100), item(5000)]}}).encode()
    assert billed("POST", f"{DYNAMODB}.BatchGetItem", body, answer) == {"dynamodb_read_unit": 4}


@pytest.mark.parametrize(("size", "units"), [(100, 1), (8192, 1), (8193, 2)])
def test_a_query_of_an_index_is_billed_by_eight_kilobytes(size: int, units: int) -> None:
    answer = json.dumps({"Items": [item(size - 50), item(50)]}).encode()
    assert billed("POST", f"{DYNAMODB}.Query", b"{}", answer) == {"dynamodb_read_unit": units}


def test_writes_of_a_transaction_are_billed_twice() -> None:
    puts = [{"Put": {"Item": item(100)}}, {"Put": {"Item": item(1025)}}]
    body = json.dumps({"TransactItems": puts}).encode()
    assert billed("POST", f"{DYNAMODB}.TransactWriteItems", body, b"{}") == {"dynamodb_write_unit": 6}


@pytest.mark.parametrize(
    ("method", "target", "body", "expected"),
    [
        ("POST", f"{DYNAMODB}.UpdateItem", b"{}", {"dynamodb_write_unit": 1}),
        ("POST", "AmazonSQS.SendMessageBatch", b"{}", {"sqs_request": 1}),
        ("POST", GET, b"{}", {"dynamodb_read_unit": 1}),  # nothing found costs as much as little
        ("POST", DELETE, b"{}", {"dynamodb_write_unit": 1}),
        ("POST", "AmazonSQS.SendMessage", b"{}", {"sqs_request": 1}),
        ("POST", "AmazonSQS.SendMessage", b"x" * 65537, {"sqs_request": 2}),
        ("GET", None, b"", {"s3_read": 1}),
        ("PUT", None, b"x", {"s3_write": 1}),
    ],
)
def test_others_are_billed_by_the_request(
    method: str, target: str | None, body: bytes, expected: dict[str, int]
) -> None:
    assert billed(method, target, body, b"{}") == expected


@pytest.mark.parametrize("target", ["DynamoDB_20120810.Scan", "secretsmanager.GetSecretValue"])
def test_what_nobody_has_thought_of_is_an_error(target: str) -> None:
    with pytest.raises(ValueError, match=target):
        billed("POST", target, b"{}", b"{}")


cloud = pytest.fixture(shared_cloud)


@pytest.fixture
def proxy(cloud: Cloud) -> Iterator[CountingProxy]:
    with CountingProxy(cloud.endpoint) as made:
        yield made


def test_the_proxy_passes_on_and_counts(cloud: Cloud, proxy: CountingProxy) -> None:
    dynamodb, sqs, s3 = (client_of(proxy.endpoint, name) for name in ("dynamodb", "sqs", "s3"))
    table, queue, bucket = cloud.table(), cloud.queue(), cloud.bucket()
    dynamodb.put_item(TableName=table, Item={"pk": {"S": "a"}, "body": {"B": b"x" * 2000}})
    assert dynamodb.get_item(TableName=table, Key={"pk": {"S": "a"}})["Item"]["pk"] == {"S": "a"}
    sqs.send_message(QueueUrl=queue, MessageBody="m")
    s3.put_object(Bucket=bucket, Key="k", Body=b"content")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"content"
    assert proxy.take() == {
        "dynamodb_read_unit": 1,
        "dynamodb_write_unit": 2,
        "s3_read": 1,
        "s3_write": 1,
        "sqs_request": 1,
    }
    assert proxy.take() == {}
    for client in (dynamodb, sqs, s3):
        client.close()
