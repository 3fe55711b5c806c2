"""Cards through CloudFront: they come from the bucket, and no function is called."""

import time
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from tests.e2e.cloud import Reply
from tests.e2e.conftest import ANONYMOUS
from tests.e2e.stacks import Stack
from tests.e2e.test_cards import DOCUMENTS, kept


@pytest.fixture(scope="module")
def edge(deploy_shop: Callable[..., Stack]) -> Stack:
    parameters = {**ANONYMOUS, "CardsThroughCloudFront": "true", "PointInTimeRecovery": "true"}
    return deploy_shop("edge", parameters=parameters)


def read(stack: Stack, path: str, method: str = "GET", **headers: str) -> Reply:
    # Distributions are told apart by the name under which they are called.
    host = {"host": str(urlsplit(stack.outputs["Url"]).hostname)}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return stack.cloud.send(stack.cloud.endpoint + path, None, {**host, **named}, method)


def test_cards_come_from_the_bucket(edge: Stack) -> None:
    begun = time.time()
    for path in DOCUMENTS:
        served, published = read(edge, path), kept(edge, path)
        assert served.status == 200, (path, served)
        assert served.body == published["Body"].read()
        assert served.headers["etag"] == published["ETag"]
        assert served.headers["content-type"] == published["ContentType"]
        assert served.headers["cache-control"] == published["CacheControl"]
        assert read(edge, path, if_none_match=published["ETag"]).status == 304
        assert read(edge, path, "HEAD").headers["etag"] == published["ETag"]
    assert all(
        edge.invocations(function, begun) == 0 for function in ("Orders", "Reports", "Backoffice", "Cards")
    )


def test_nothing_else_of_the_bucket_is_there(edge: Stack) -> None:
    bucket = edge.outputs["BucketName"]
    edge.cloud.client("s3").put_object(Bucket=bucket, Key="results/1", Body=b"for whoever has the task")
    for path in ("/results/1", "/../results/1", "/.well-known/mcp/../../../results/1"):
        # What is no card's is the API's, which has another address on this machine.
        assert read(edge, path).status in (403, 404, 502)
