"""``LambdaClient``: a handler behind each front end of AWS."""

import inspect
from typing import Any, get_args

import pytest
from tests.testing.servers import make_shop

from lambent import PlatformClaims, Principal
from lambent.testing import (
    CallError,
    LambdaClient,
    TestClient,
    ToolFailed,
    UnansweredError,
    lambda_context,
)
from lambent.testing.aws import LambentAws
from lambent.testing.events import FrontEnd

FRONT_ENDS = get_args(FrontEnd)
ADDRESS = {"street": "Main", "number": 3}
RESUMABLE = ["2026-07-28", "2025-11-25"]


def test_it_has_what_the_other_client_has() -> None:
    def public(kind: type) -> set[str]:
        return {name for name, _ in inspect.getmembers(kind) if not name.startswith("_")}

    assert public(TestClient) - public(LambdaClient) == {"as_", "changes", "close"}
    assert public(LambdaClient) - public(TestClient) == {"event"}


@pytest.mark.parametrize("front_end", FRONT_ENDS)
@pytest.mark.parametrize("version", RESUMABLE)
def test_a_call_with_questions(front_end: FrontEnd, version: str, lambent_aws: LambentAws) -> None:
    handler = make_shop().lambda_handler()
    client = LambdaClient(handler, front_end=front_end, version=version, answers=[ADDRESS, "Hello"])
    assert client.call("add", a=1, b=2).value == 3
    assert client.call("ask").value == "Main: Hello"
    assert client.read("shop://logo").data == b"\x89PNG"
    (progress,) = client.call("report").progress
    assert progress.message == "half"
    with pytest.raises(UnansweredError, match="form 'Where to"):
        client.call("ask")


@pytest.mark.parametrize("front_end", FRONT_ENDS)
def test_a_refusal_as_the_front_end_shows_it(front_end: FrontEnd, lambent_aws: LambentAws) -> None:
    client = LambdaClient(make_shop().lambda_handler(), front_end=front_end)
    with pytest.raises(CallError) as caught:
        client.call("whoami")
    assert caught.value.status == 401
    renamed = "www-authenticate" if front_end == "alb" else "x-amzn-remapped-www-authenticate"
    assert caught.value.headers[renamed] == 'Bearer scope="admin"'


def test_a_client_that_cannot_be_asked_behind_lambda(lambent_aws: LambentAws) -> None:
    client = LambdaClient(make_shop().lambda_handler(), version="2025-06-18", answers=[ADDRESS])
    with pytest.raises(ToolFailed, match="needs a host that keeps streams open"):
        client.call("ask")


def test_tasks_run_from_the_queue(lambent_aws: LambentAws) -> None:
    mcp = make_shop()
    handler = mcp.lambda_handler()
    events: list[Any] = []

    def worker(event: Any, context: Any) -> Any:
        events.append(event)
        return handler(event, context)

    client = LambdaClient(handler, queue_url=lambent_aws.queue, worker=worker, answers=[ADDRESS])
    with pytest.raises(ToolFailed, match="broken"):
        client.call("break_down")
    (record,) = events[0]["Records"]
    assert record["eventSourceARN"].endswith(":lambent-tasks")
    assert not client.run_next_task()


def test_tasks_need_to_know_the_queue(lambent_aws: LambentAws) -> None:
    with pytest.raises(ValueError, match="queue_url"):
        LambdaClient(make_shop().lambda_handler()).call("break_down")


def test_a_message_that_fails_stays_in_the_queue(lambent_aws: LambentAws) -> None:
    handler = make_shop().lambda_handler()

    def failing(event: Any, context: Any) -> Any:
        return {"batchItemFailures": [{"itemIdentifier": event["Records"][0]["messageId"]}]}

    client = LambdaClient(handler, queue_url=lambent_aws.queue, worker=failing)
    task = client.start("break_down")
    assert client.run_next_task()
    assert client.run_next_task()
    assert task.status == "working"


@pytest.mark.parametrize("front_end", ["http-api", "rest"])
def test_callers_of_an_authorizer(front_end: FrontEnd, lambent_aws: LambentAws) -> None:
    handler = make_shop(auth=PlatformClaims("lambda")).lambda_handler()
    claims = {"principalId": "ada", "scope": "admin", "lambda": {"sub": "ada", "scope": "admin"}}
    client = LambdaClient(handler, front_end=front_end, authorizer=claims)
    assert client.call("whoami").value == "ada"
    with pytest.raises(CallError) as caught:
        LambdaClient(handler, front_end=front_end).call("whoami")
    assert caught.value.status == 401


def test_any_handler_will_do_and_gets_a_context() -> None:
    seen: list[tuple[str, Any]] = []

    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        seen.append((event["rawPath"], context))
        return {"statusCode": 503, "body": "Down"}

    client = LambdaClient(
        handler, path="/other", context=lambda: lambda_context(seconds=3, function_name="mine")
    )
    with pytest.raises(CallError, match="Down") as caught:
        client.call("add", a=1)
    assert (caught.value.code, caught.value.status) == (0, 503)
    ((path, context),) = seen
    assert (path, context.function_name) == ("/other", "mine")
    assert 0 < context.get_remaining_time_in_millis() <= 3000


def test_other_events(lambent_aws: LambentAws) -> None:
    client = LambdaClient(make_shop().lambda_handler())
    assert client.event({"warmer": True})["body"] == '{"warm":true}'


def test_principals_are_found_out_by_the_server() -> None:
    assert not hasattr(LambdaClient, "as_")
    with pytest.raises(TypeError):
        LambdaClient(make_shop().lambda_handler(), principal=Principal("ada"))  # type: ignore[call-arg]


@pytest.mark.parametrize("front_end", ["rest", "function-url"])
@pytest.mark.parametrize("version", [*RESUMABLE, "2025-06-18"])
def test_a_handler_that_streams(
    front_end: FrontEnd, version: str, lambent_aws: LambentAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAMBENT_RESPONSE_MODE", "stream")
    handler = make_shop().lambda_handler()
    contexts: list[Any] = []

    def context() -> Any:
        contexts.append(lambda_context())
        return contexts[-1]

    client = LambdaClient(
        handler, front_end=front_end, version=version, answers=[ADDRESS, "Hello"], context=context
    )
    assert client.call("add", a=1, b=2).value == 3
    assert client.call("ask").value == "Main: Hello"
    assert client.read("shop://logo").data == b"\x89PNG"
    (progress,) = client.call("report").progress
    assert progress.message == "half"
    assert all(one.response_stream is not None and one.response_stream.sent for one in contexts)
    with pytest.raises(UnansweredError, match="form 'Where to"):
        client.call("ask")


@pytest.mark.parametrize("front_end", ["http-api", "alb"])
def test_front_ends_that_take_no_streams(
    front_end: FrontEnd, lambent_aws: LambentAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAMBENT_RESPONSE_MODE", "stream")
    made = lambda_context()
    client = LambdaClient(make_shop().lambda_handler(), front_end=front_end, context=lambda: made)
    assert client.call("report").progress[0].message == "half"
    assert made.response_stream is None
