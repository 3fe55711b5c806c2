"""Events and contexts as Lambda gives them."""

import base64
import time
from typing import Any, get_args

import pytest

from lambent.hosts.aws_lambda.events import format_of
from lambent.testing import event, lambda_context, message_event
from lambent.testing.events import FrontEnd


@pytest.mark.parametrize("front_end", get_args(FrontEnd))
def test_lambent_reads_back_what_was_asked_for(front_end: FrontEnd) -> None:
    made = event(
        {"a": "ü"},
        front_end=front_end,
        path="/mcp",
        query="a=1&b=2",
        headers={"X-Trace": "7"},
        client_address="198.51.100.9",
    )
    read, _ = format_of(made)
    request = read(made, None)
    body = request.body if isinstance(request.body, str) else request.body.decode()
    assert (request.method, request.path, body) == ("POST", "/mcp", '{"a":"ü"}')
    assert (request.headers["x-trace"], request.headers["content-type"]) == ("7", "application/json")
    assert request.client_address == "198.51.100.9"
    assert request.query == "a=1&b=2"


def test_an_event_of_an_http_api() -> None:
    made = event("text", method="GET", path="/health")
    assert (made["version"], made["rawPath"], made["body"]) == ("2.0", "/health", "text")
    assert made["requestContext"]["http"]["method"] == "GET"
    assert "authorizer" not in made["requestContext"]


def test_bodies() -> None:
    assert "body" not in event()
    made = event(b"\x00\xff", headers={"content-type": "image/png"})
    assert (base64.b64decode(made["body"]), made["isBase64Encoded"]) == (b"\x00\xff", True)


def test_stages_and_authorizers() -> None:
    claims: dict[str, Any] = {"jwt": {"claims": {"sub": "ada"}}}
    made = event(front_end="http-api", stage="dev", authorizer=claims)
    assert made["rawPath"] == "/dev/mcp"
    assert made["requestContext"]["authorizer"] == claims
    assert event(front_end="rest")["requestContext"]["stage"] == "Prod"


def test_what_cannot_be() -> None:
    with pytest.raises(ValueError, match="no authorizer"):
        event(front_end="alb", authorizer={})
    with pytest.raises(ValueError, match="not 'edge'"):
        event(front_end="edge")  # type: ignore[arg-type]


def test_messages_of_a_queue() -> None:
    made = message_event("a", "b", queue_url="https://sqs.eu-west-1.amazonaws.com/123456789012/tasks")
    first, second = made["Records"]
    assert (first["body"], second["body"]) == ("a", "b")
    assert first["messageId"] != second["messageId"]
    assert first["eventSourceARN"] == "arn:aws:sqs:eu-west-1:123456789012:tasks"
    assert first["md5OfBody"] == "0cc175b9c0f1b6a831c399e269772661"


def test_a_context_counts_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1000.0)
    context = lambda_context(seconds=2, memory_mb=1024)
    assert context.get_remaining_time_in_millis() == 2000
    monkeypatch.setattr(time, "time", lambda: 1001.5)
    assert context.get_remaining_time_in_millis() == 500
    assert (context.function_name, context.memory_limit_in_mb) == ("test", "1024")
