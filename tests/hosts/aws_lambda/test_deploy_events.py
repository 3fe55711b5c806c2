"""CloudFormation's custom resource: what ends up in the bucket, and what CloudFormation is told."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import boto3
import pytest
from moto import mock_aws
from tests.chaos.cloud import CREDENTIALS, REGION

from lambent import MCPServer, Settings
from lambent.hosts.aws_lambda import deploy_events
from lambent.stores import aws

URL = "https://mcp.example.com"


class Listener(HTTPServer):
    """Takes what CloudFormation would be told; ``refusals`` requests are refused first."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.told: list[tuple[str, str | None, dict[str, Any]]] = []
        self.refusals = 0
        self.longest = 0


class Answering(BaseHTTPRequestHandler):
    server: Listener

    def do_PUT(self) -> None:
        length = int(self.headers["Content-Length"])
        self.server.longest = max(self.server.longest, length)
        body = json.loads(self.rfile.read(length))
        refused = self.server.refusals > 0
        self.server.refusals -= 1
        if not refused:
            self.server.told.append((self.path, self.headers["Content-Type"], body))
        self.send_response(503 if refused else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def cloudformation() -> Iterator[Listener]:
    with Listener() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with mock_aws():
        client = boto3.session.Session(region_name=REGION, **CREDENTIALS).client("s3")
        client.create_bucket(Bucket="here", CreateBucketConfiguration={"LocationConstraint": REGION})
        monkeypatch.setattr(aws, "client", lambda service: client)
        yield client
        client.close()


class World:
    """A function, and CloudFormation calling it."""

    def __init__(self, cloudformation: Listener) -> None:
        self.cloudformation = cloudformation
        self.handler = MCPServer("shop", version="1.2.3").lambda_handler(Settings(mcp_path="/shop/mcp"))

    def send(self, request_type: str, context: Any = None, **event: Any) -> dict[str, Any]:
        """Send an event; what CloudFormation was told, and only once."""
        before = len(self.cloudformation.told)
        properties = {"ServiceToken": "arn", "Bucket": "here", "Url": URL, "EmptyOnDelete": "true"}
        self.handler(
            {
                "RequestType": request_type,
                "ResourceType": "Custom::ServerCards",
                "ResponseURL": f"http://127.0.0.1:{self.cloudformation.server_port}/answer?signature=x%2F",
                "StackId": "arn:stack",
                "RequestId": "r-1",
                "LogicalResourceId": "Cards",
                "ResourceProperties": {**properties, **event.pop("properties", {})},
                **event,
            },
            context,
        )
        ((path, content_type, told),) = self.cloudformation.told[before:]
        assert path == "/answer?signature=x%2F"
        assert not content_type
        assert {name: told[name] for name in ("StackId", "RequestId", "LogicalResourceId")} == {
            "StackId": "arn:stack",
            "RequestId": "r-1",
            "LogicalResourceId": "Cards",
        }
        return told


@pytest.fixture
def world(cloudformation: Listener, s3: Any) -> World:
    return World(cloudformation)


def keys(s3: Any, bucket: str = "here") -> list[str]:
    return [item["Key"] for item in s3.list_objects_v2(Bucket=bucket).get("Contents", ())]


@pytest.mark.parametrize("request_type", ["Create", "Update"])
def test_a_deploy_publishes(world: World, s3: Any, request_type: str) -> None:
    told = world.send(request_type)
    assert told["Status"] == "SUCCESS"
    assert told["PhysicalResourceId"] == "here/cards"
    assert keys(s3) == [
        "cards/.well-known/agent-skills/index.json",
        "cards/.well-known/agent-skills/shop/SKILL.md",
        "cards/.well-known/ai-catalog.json",
        "cards/.well-known/api-catalog",
        "cards/.well-known/mcp.json",
        "cards/.well-known/mcp/server-card.json",
        "cards/shop/mcp/server-card",
        "cards/shop/mcp/server.json",
    ]
    card = json.loads(s3.get_object(Bucket="here", Key="cards/shop/mcp/server-card")["Body"].read())
    assert card["remotes"][0]["url"] == f"{URL}/shop/mcp"


def test_what_the_function_answers_is_what_is_published(world: World, s3: Any) -> None:
    world.send("Create")
    context = {"domainName": "mcp.example.com", "http": {"method": "GET"}}
    for key in keys(s3):
        event = {"version": "2.0", "rawPath": key.removeprefix("cards"), "requestContext": context}
        answered = world.handler(event, None)
        published = s3.get_object(Bucket="here", Key=key)
        assert answered["body"].encode() == published["Body"].read()
        assert answered["headers"]["etag"] == published["ETag"]
        assert answered["headers"]["content-type"] == published["ContentType"]
        assert answered["headers"]["cache-control"] == published["CacheControl"]


@pytest.mark.parametrize(("empty", "left"), [("true", []), ("false", ["results/1"]), ("", ["results/1"])])
def test_a_stack_that_goes_takes_its_documents_along(
    world: World, s3: Any, empty: str, left: list[str]
) -> None:
    world.send("Create")
    s3.put_object(Bucket="here", Key="results/1", Body=b"")
    told = world.send("Delete", PhysicalResourceId="here/cards", properties={"EmptyOnDelete": empty})
    assert (told["Status"], told["PhysicalResourceId"]) == ("SUCCESS", "here/cards")
    assert keys(s3) == left


@pytest.mark.parametrize("properties", [{"Bucket": "gone"}, {"Bucket": ""}])
def test_what_was_never_made_is_deleted_all_the_same(world: World, properties: dict[str, str]) -> None:
    """CloudFormation deletes a resource whose creation failed."""
    assert world.send("Delete", PhysicalResourceId="x", properties=properties)["Status"] == "SUCCESS"


def test_what_is_of_another_type_is_left_alone(world: World, s3: Any) -> None:
    """Its creation has failed, and a rollback must not."""
    s3.put_object(Bucket="here", Key="cards/of/another/resource", Body=b"")
    told = world.send("Delete", ResourceType="Custom::Other", properties={"EmptyOnDelete": "true"})
    assert told["Status"] == "SUCCESS"
    assert keys(s3) == ["cards/of/another/resource"]


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (
            {"properties": {"Bucket": "gone"}},
            "StoreError: s3: PutObject of 'gone' failed: An error occurred (NoSuchBucket)",
        ),
        ({"properties": {"Bucket": ""}}, "ConfigurationError: Custom::ServerCards needs the property Bucket"),
        ({"properties": {"Url": ""}}, "ConfigurationError: shop: nobody can reach the server without a URL"),
        (
            {"properties": {"Url": "https://10.0.0.1"}},
            "ConfigurationError: shop: the public URL is 'https://10.0.0.1'",
        ),
        (
            {"ResourceType": "Custom::Other"},
            "ConfigurationError: This function handles Custom::ServerCards, not",
        ),
    ],
)
def test_a_deploy_that_cannot_be_done_fails_at_once(
    world: World, s3: Any, event: dict[str, Any], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    told = world.send("Create", **event)
    assert told["Status"] == "FAILED"
    assert told["Reason"].startswith(reason)
    assert "Create of Cards failed" in caplog.text
    assert keys(s3) == []


class Deadline:
    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1000)


def test_cloudformation_is_told_before_the_time_is_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = threading.Event()
    monkeypatch.setattr(deploy_events.CardBucket, "publish", lambda *_: waiting.wait(60))
    told = world.send("Create", Deadline(3.05))
    assert (told["Status"], told["Reason"]) == ("FAILED", "the time limit was reached")


@pytest.mark.parametrize("letter", ["x", "ü", "名", "🂡"])
def test_a_long_reason_fits_into_an_answer(
    world: World, monkeypatch: pytest.MonkeyPatch, letter: str
) -> None:
    def fail(*_: Any) -> None:
        raise ValueError(letter * 5000)

    monkeypatch.setattr(deploy_events.CardBucket, "publish", fail)
    assert letter * 500 in world.send("Create")["Reason"]
    assert world.cloudformation.longest < 4096


def test_an_answer_that_is_not_taken_is_given_again(world: World) -> None:
    world.cloudformation.refusals = 2
    assert world.send("Create")["Status"] == "SUCCESS"


def test_an_answer_that_is_never_taken_is_an_error(world: World) -> None:
    """Lambda then invokes again."""
    world.cloudformation.refusals = 3
    with pytest.raises(OSError, match="503"):
        world.send("Create")


def test_no_client_is_made_for_plain_requests() -> None:
    aws._clients.clear()
    MCPServer("shop").lambda_handler(Settings())
    assert not aws._clients
