"""Documents in a bucket."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws
from tests.chaos.cloud import CREDENTIALS, REGION

from lambent.errors import DeadlineReached, StoreError
from lambent.stores.cards import CardBucket
from lambent.wire.discovery_documents import Document

DOCUMENTS = {
    "/shop/mcp/server-card": Document("application/mcp-server-card+json", b'{"name":"shop"}'),
    "/.well-known/mcp.json": Document("application/json", b"{}"),
}


@pytest.fixture
def s3() -> Iterator[Any]:
    with mock_aws():
        client = boto3.session.Session(region_name=REGION, **CREDENTIALS).client("s3")
        client.create_bucket(Bucket="here", CreateBucketConfiguration={"LocationConstraint": REGION})
        yield client
        client.close()


def keys(s3: Any) -> list[str]:
    return [item["Key"] for item in s3.list_objects_v2(Bucket="here").get("Contents", ())]


def test_an_object_is_what_the_function_would_answer(s3: Any) -> None:
    CardBucket("here", s3).publish(DOCUMENTS)
    assert keys(s3) == ["cards/.well-known/mcp.json", "cards/shop/mcp/server-card"]
    for path, document in DOCUMENTS.items():
        found = s3.get_object(Bucket="here", Key=f"cards{path}")
        assert found["Body"].read() == document.body
        assert found["ETag"] == document.etag
        assert found["ContentType"] == document.media_type
        assert found["CacheControl"] == "public, max-age=300"


def test_documents_of_an_earlier_deploy_go_and_nothing_else(s3: Any) -> None:
    for key in ("cards/gone/mcp/server-card", "cards-of-others", "results/task"):
        s3.put_object(Bucket="here", Key=key, Body=b"")
    CardBucket("here", s3).publish(DOCUMENTS)
    assert keys(s3) == [
        "cards-of-others",
        "cards/.well-known/mcp.json",
        "cards/shop/mcp/server-card",
        "results/task",
    ]


@pytest.mark.parametrize(("everything", "left"), [(False, ["results/task"]), (True, [])])
def test_a_bucket_is_cleared(s3: Any, everything: bool, left: list[str]) -> None:
    s3.put_object(Bucket="here", Key="results/task", Body=b"")
    CardBucket("here", s3).publish(DOCUMENTS)
    CardBucket("here", s3).clear(everything=everything)
    CardBucket("here", s3).clear(everything=everything)
    assert keys(s3) == left


def test_more_than_one_page_is_cleared(s3: Any) -> None:
    for number in range(1001):
        s3.put_object(Bucket="here", Key=f"cards/{number}", Body=b"")
    CardBucket("here", s3).clear()
    assert keys(s3) == []


def test_what_is_removed_stays_removed_when_the_time_is_up(s3: Any) -> None:
    """A bucket of any size is empty after some attempts: none begins with a list of everything."""
    for number in range(1001):
        s3.put_object(Bucket="here", Key=f"results/{number:04}", Body=b"")
    listed = s3.meta.events

    def run_out_of_time(params: dict[str, Any], **_: Any) -> None:
        if "ContinuationToken" in params:
            raise DeadlineReached

    listed.register("before-parameter-build.s3.ListObjectsV2", run_out_of_time)
    with pytest.raises(DeadlineReached):
        CardBucket("here", s3).clear(everything=True)
    listed.unregister("before-parameter-build.s3.ListObjectsV2", run_out_of_time)
    assert keys(s3) == ["results/1000"]


def test_a_bucket_that_is_gone_is_clear(s3: Any) -> None:
    CardBucket("nowhere", s3).clear(everything=True)


def test_what_cannot_be_removed_is_named(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    denied = {"Errors": [{"Key": "cards/a", "Code": "AccessDenied", "Message": "Access Denied"}]}
    s3.put_object(Bucket="here", Key="cards/a", Body=b"")
    monkeypatch.setattr(s3, "delete_objects", lambda **_: denied)
    with pytest.raises(StoreError, match="'here' failed for 1 objects: cards/a: Access Denied"):
        CardBucket("here", s3).clear()
