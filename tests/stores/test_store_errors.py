"""The contract of every adapter when AWS cannot be used: ``StoreError``, from whatever boto3 raised."""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError, ReadTimeoutError
from tests.chaos.cloud import client_of

from lambent.errors import Cancelled, ConfigurationError, DeadlineReached, LambentError, StoreError, Suspend
from lambent.execution.ports import Item
from lambent.stores import aws
from lambent.stores.aws import S3Blobs, SqsQueue
from lambent.stores.cards import CardBucket
from lambent.stores.dynamodb import DynamoStore
from lambent.stores.secrets import SecretKeys
from lambent.wire.discovery_documents import Document

ITEM = Item("TASK#a", 2, b"{}", 2_000_000_000)
URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/tasks"
DOCUMENTS = {"/mcp/server-card": Document("application/json", b"{}")}


class Use(NamedTuple):
    """One method of an adapter, and what the error's message has to name."""

    service: str
    action: str
    resource: str
    call: Callable[[Any], Any]


USES = {
    "insert": Use("dynamodb", "PutItem", "items", lambda client: DynamoStore("items", client).insert(ITEM)),
    "read": Use("dynamodb", "GetItem", "items", lambda client: DynamoStore("items", client).read("TASK#a")),
    "replace": Use("dynamodb", "PutItem", "items", lambda client: DynamoStore("items", client).replace(ITEM)),
    "remove": Use(
        "dynamodb", "DeleteItem", "items", lambda client: DynamoStore("items", client).remove("TASK#a", 1)
    ),
    "advance": Use(
        "dynamodb",
        "UpdateItem",
        "items",
        lambda client: DynamoStore("items", client).advance("a", 1, 1, 1, 9),
    ),
    "send": Use("sqs", "SendMessage", URL, lambda client: SqsQueue(URL, client).send("a")),
    "put": Use("s3", "PutObject", "blobs", lambda client: S3Blobs("blobs", client).put("a", b"{}")),
    "get": Use("s3", "GetObject", "blobs", lambda client: S3Blobs("blobs", client).get("a")),
    "publish": Use("s3", "PutObject", "blobs", lambda client: CardBucket("blobs", client).publish(DOCUMENTS)),
    "clear": Use("s3", "ListObjectsV2", "blobs", lambda client: CardBucket("blobs", client).clear()),
    "ring": Use(
        "secretsmanager", "GetSecretValue", "state", lambda client: SecretKeys("state", client).ring()
    ),
}


@pytest.fixture(params=USES)
def use(request: pytest.FixtureRequest) -> Use:
    return USES[request.param]


@pytest.fixture(scope="module")
def silent() -> Iterator[str]:
    """An endpoint that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def make(service: str, endpoint: str) -> Any:
    return client_of(
        endpoint, service, read_timeout=0.05, connect_timeout=2, retries={"total_max_attempts": 1}
    )


@pytest.fixture(scope="module")
def clients(silent: str) -> Iterator[Callable[[str], Any]]:
    made = {service: make(service, silent) for service in sorted({use.service for use in USES.values()})}
    yield made.__getitem__
    for client in made.values():
        client.close()


@pytest.fixture
def instead(clients: Callable[[str], Any], use: Use) -> Iterator[Callable[[Callable[[], Any]], Any]]:
    """Has something happen in place of every request; gives the client."""
    client, registered = clients(use.service), []

    def register(happen: Callable[[], Any]) -> Any:
        registered.append(lambda **_: happen())
        client.meta.events.register_first("before-call", registered[-1])
        return client

    yield register
    for handler in registered:
        client.meta.events.unregister("before-call", handler)


def refused(code: str, status: int = 400) -> tuple[AWSResponse, dict[str, Any]]:
    """A response that refuses a request."""
    error = {"Code": code, "Message": "No."}
    return AWSResponse("", status, {}, None), {
        "Error": error,
        "ResponseMetadata": {"HTTPStatusCode": status},
    }


def check(use: Use, client: Any, cause: type[BaseException], said: str) -> None:
    with pytest.raises(StoreError) as caught:
        use.call(client)
    assert isinstance(caught.value.__cause__, cause)
    assert str(caught.value).startswith(f"{use.service}: {use.action} of {use.resource!r} failed: ")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "code",
    ["ThrottlingException", "ProvisionedThroughputExceededException", "SlowDown", "InternalServerError"],
)
def test_throttling_and_failures_of_the_service(use: Use, instead: Any, code: str) -> None:
    check(use, instead(lambda: refused(code)), ClientError, code)


def test_a_missing_permission(use: Use, instead: Any) -> None:
    """The only exception is a secret: its error says which permission to add."""
    client = instead(lambda: refused("AccessDeniedException", 403))
    if use.service == "secretsmanager":
        with pytest.raises(ConfigurationError, match="allow secretsmanager:GetSecretValue"):
            use.call(client)
    else:
        check(use, client, ClientError, "AccessDeniedException")


def test_a_missing_object_that_may_not_be_listed_is_an_error(clients: Callable[[str], Any]) -> None:
    """Without ``s3:ListBucket`` S3 says 403, and not 404, of an object that does not exist."""
    client = clients("s3")
    answer = lambda **_: refused("AccessDenied", 403)  # noqa: E731 - unregistered below
    client.meta.events.register_first("before-call", answer)
    try:
        check(USES["get"], client, ClientError, "AccessDenied")
    finally:
        client.meta.events.unregister("before-call", answer)


def test_an_endpoint_that_cannot_be_reached(use: Use) -> None:
    client = make(use.service, "http://127.0.0.1:1")
    try:
        if use.service == "sqs":  # its messages go to the queue's own address
            call = lambda client: SqsQueue("http://127.0.0.1:1/queue", client).send("a")  # noqa: E731
            use = use._replace(resource="http://127.0.0.1:1/queue", call=call)
        check(use, client, EndpointConnectionError, "Could not connect to the endpoint URL")
    finally:
        client.close()


def test_an_endpoint_that_does_not_answer_in_time(use: Use, clients: Callable[[str], Any]) -> None:
    check(use, clients(use.service), ReadTimeoutError, "Read timeout on endpoint URL")


def test_a_connection_that_ends_within_an_object() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")

        thread = threading.Thread(target=answer)
        thread.start()
        client = make("s3", f"http://127.0.0.1:{server.getsockname()[1]}")
        check(USES["get"], client, BotoCoreError, "")
        thread.join(30)
        client.close()


@pytest.mark.parametrize("error", [ConnectionResetError("reset"), TimeoutError("late"), OSError("broken")])
def test_errors_of_the_operating_system(use: Use, instead: Any, error: OSError) -> None:
    def fail() -> None:
        raise error

    check(use, instead(fail), OSError, str(error))


@pytest.mark.parametrize(
    "error",
    [
        *(KeyboardInterrupt(), DeadlineReached(), Suspend(), Cancelled(), GeneratorExit(), SystemExit()),
        *(KeyError("a bug"), LambentError("ours"), ConfigurationError("ours")),
    ],
    ids=repr,
)
def test_everything_else_passes_unchanged(use: Use, instead: Any, error: BaseException) -> None:
    def fail() -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        use.call(instead(fail))
    assert caught.value is error
    assert error.__cause__ is None


def test_a_client_that_cannot_be_made(use: Use, monkeypatch: pytest.MonkeyPatch) -> None:
    """As without a region, which boto3 says when it makes the client."""

    def fail(service: str) -> Any:
        raise BotoCoreError

    monkeypatch.setattr(aws, "client", fail)
    check(use, None, BotoCoreError, "")


def test_a_missing_region_says_which_variable_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    for name in ("AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    monkeypatch.setattr(aws, "_clients", {})
    said = r"You must specify a region\. Set AWS_DEFAULT_REGION: boto3 takes none from AWS_REGION\.$"
    with pytest.raises(StoreError, match=said):
        SqsQueue(URL).send("a")
