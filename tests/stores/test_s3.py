"""Blobs in S3."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws
from tests.chaos.cloud import CREDENTIALS, REGION

from lambent.errors import StoreError
from lambent.stores import aws
from lambent.stores.aws import S3Blobs


@pytest.fixture
def s3() -> Iterator[Any]:
    with mock_aws():
        client = boto3.session.Session(region_name=REGION, **CREDENTIALS).client("s3")
        client.create_bucket(Bucket="here", CreateBucketConfiguration={"LocationConstraint": REGION})
        yield client
        client.close()


def test_the_name_is_the_key(s3: Any) -> None:
    S3Blobs("here", s3).put("results/an-id_0", b'{"a":1}')
    kept = s3.get_object(Bucket="here", Key="results/an-id_0")
    assert kept["Body"].read() == b'{"a":1}'
    assert kept["ContentType"] == "application/json"


def test_a_bucket_that_is_not_there_is_an_error_and_not_an_empty_one(s3: Any) -> None:
    with pytest.raises(StoreError, match="NoSuchBucket"):
        S3Blobs("nowhere", s3).get("results/a")
    with pytest.raises(StoreError, match="NoSuchBucket"):
        S3Blobs("nowhere", s3).put("results/a", b"")


def test_connections_are_given_back(s3: Any) -> None:
    """More reads, one after the other, than there are connections."""
    blobs = S3Blobs("here", s3)
    blobs.put("a", b"1")
    assert [blobs.get("a") for _ in range(30)] == [b"1"] * 30


def test_nothing_is_made_before_it_is_needed() -> None:
    aws._clients.clear()
    S3Blobs("any")
    assert not aws._clients
