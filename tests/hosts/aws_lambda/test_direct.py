"""JSON-RPC messages as events, as ``lambda:InvokeFunction`` sends them."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from tests.support import (
    EVERYTHING,
    REQUESTS,
    SETTINGS,
    Client,
    accept,
    dumps,
    failure,
    full_server,
    make_handler,
    make_server,
    marshal,
    message,
    success,
    text_result,
)

from lambent import ApiKey, ApiKeys, ConfigurationError, Context, MCPServer, PlatformClaims, adapt
from lambent.hosts.aws_lambda.events import UnknownEventError
from lambent.hosts.settings import Settings

CALL = message("tools/call", REQUESTS["tools/call"])
POOL_IDENTITY = "eu-west-1:6f2c1c1e-0d2a-4d4b-9d0e-1f2a3b4c5d6e"


@dataclass
class Sure:
    """A form."""

    sure: bool


def lambda_context(
    custom: Any = None, *, identity: str | None = None, pool: str | None = "eu-west-1:pool"
) -> SimpleNamespace:
    """Lambda's context: there always is an identity, whose members are None where there is none."""
    return SimpleNamespace(
        client_context=None if custom is None else SimpleNamespace(custom=custom, env=None, client=None),
        identity=SimpleNamespace(cognito_identity_id=identity, cognito_identity_pool_id=identity and pool),
        get_remaining_time_in_millis=lambda: 30_000,
    )


def sent(answer: Any) -> bytes:
    """The answer as compact bytes; its members have the order of the wire."""
    return dumps(answer).encode()


@pytest.fixture
def handler(serve: Callable[..., Client]) -> Any:
    return serve(full_server()).handler


def whoami_server(**options: Any) -> MCPServer:
    mcp = make_server(**options)

    @mcp.tool()
    def whoami(ctx: Context) -> str:
        found = ctx.principal
        return "nobody" if found is None else f"{found.subject} of {found.issuer}"

    return mcp


def test_a_message_is_answered_with_a_message(handler: Any) -> None:
    answer = success('"content":[{"type":"text","text":"3"}],"structuredContent":{"result":3}')
    assert sent(handler(CALL, lambda_context())) == answer


@pytest.mark.parametrize("method", sorted(set(REQUESTS) - {"subscriptions/listen"}))
def test_every_method_answers_as_over_http(serve: Callable[..., Client], method: str) -> None:
    client = serve(full_server())
    event = message(method, REQUESTS[method])
    assert client.handler(event, None) == client.post(event).response


def test_a_notification_has_no_answer(handler: Any) -> None:
    assert handler({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {}}, None) is None


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ([CALL, CALL], failure(-32600, "Batches are not supported: send one message", request_id=...)),
        ({**CALL, "jsonrpc": "1.0"}, failure(-32600, 'jsonrpc must be "2.0"')),
        ({**CALL, "method": 3}, failure(-32600, "method must be a string")),
        ({**CALL, "id": None}, failure(-32600, "id must be a string or an integer", request_id=...)),
        ({**CALL, "method": "tools/fly"}, failure(-32601, "Method not found")),
        (
            {"jsonrpc": "2.0", "id": 1, "result": {}},
            failure(-32600, "Clients send no responses: answer an input request by retrying the call"),
        ),
        (
            message("subscriptions/listen", {"notifications": {}}),
            failure(-32600, "A subscription is a stream, and the answer to an invocation is one message"),
        ),
    ],
)
def test_what_is_refused(handler: Any, event: Any, expected: bytes) -> None:
    assert sent(handler(event, lambda_context())) == expected


@pytest.mark.parametrize("event", [[], [{"a": 1}], "jsonrpc", None, {"id": 1, "method": "ping"}])
def test_what_is_no_message_stays_an_unknown_event(handler: Any, event: Any) -> None:
    with pytest.raises(UnknownEventError):
        handler(event, None)


def test_a_message_that_is_nested_too_deeply(handler: Any) -> None:
    inner: Any = {}
    for _ in range(20_000):
        inner = {"a": inner}
    answer = handler({**CALL, "params": inner}, None)
    assert sent(answer) == failure(-32700, "The body is nested too deeply", request_id=...)


def test_a_failure_of_a_tool_has_no_other_exception_as_its_context(
    serve: Callable[..., Client], caplog: pytest.LogCaptureFixture
) -> None:
    mcp = make_server()

    @mcp.tool()
    def fail() -> str:
        raise LookupError("no shelf")

    answer = serve(mcp).handler(message("tools/call", {"name": "fail"}), None)
    assert answer["result"]["isError"] is True
    (record,) = caplog.records
    assert record.exc_info is not None
    assert record.exc_info[1] is not None
    assert record.exc_info[1].__context__ is None


def test_a_question_and_its_answer(serve: Callable[..., Client]) -> None:
    mcp = make_server()

    @mcp.tool()
    def book(ctx: Context) -> str:
        return f"booked: {ctx.elicit('Sure?', Sure).result().data.sure}"

    handler, params = serve(mcp).handler, {"name": "book", "arguments": {}}
    asked = handler(message("tools/call", params, capabilities=EVERYTHING), None)["result"]
    assert asked["resultType"] == "input_required"
    (key,) = asked["inputRequests"]
    retry = {"inputResponses": {key: accept(sure=True)}, "requestState": asked["requestState"]}
    answer = handler(message("tools/call", {**params, **retry}, capabilities=EVERYTHING), None)
    assert sent(answer) == success(text_result("booked: True"))


# The legacy era


def test_a_client_of_the_legacy_era_agrees_on_a_version(handler: Any) -> None:
    params = {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "a", "version": "1"},
    }
    event = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}
    assert handler(event, None)["result"]["protocolVersion"] == "2025-11-25"


def test_the_client_context_tells_the_version(handler: Any) -> None:
    event = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    said = lambda_context({"headers": {"MCP-Protocol-Version": "2025-11-25"}})
    assert handler(event, said)["result"]["tools"][0]["name"] == "add"
    unknown = lambda_context({"headers": {"MCP-Protocol-Version": "2030-01-01"}})
    assert handler(event, unknown)["error"]["data"]["supported"][0] == "2026-07-28"


def test_a_question_to_a_client_of_the_legacy_era_is_an_error(serve: Callable[..., Client]) -> None:
    mcp = make_server()

    @mcp.tool()
    def book(ctx: Context) -> str:
        return f"booked: {ctx.elicit('Sure?', Sure).result()}"

    event = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "book"}}
    answer = serve(mcp).handler(event, None)["result"]
    assert answer["isError"] is True
    assert "elicitation" in answer["content"][0]["text"]


# Who is calling


def test_nobody_is_identified_without_a_declaration(serve: Callable[..., Client]) -> None:
    handler = serve(whoami_server()).handler
    event = message("tools/call", {"name": "whoami"})
    assert sent(handler(event, lambda_context(identity=POOL_IDENTITY))) == success(text_result("nobody"))


def test_an_identity_of_a_pool_is_the_principal(serve: Callable[..., Client]) -> None:
    handler = serve(whoami_server(auth=PlatformClaims("iam"))).handler
    event = message("tools/call", {"name": "whoami"})
    answer = handler(event, lambda_context(identity=POOL_IDENTITY))
    assert sent(answer) == success(text_result(f"{POOL_IDENTITY} of cognito-identity.amazonaws.com"))


def test_a_user_or_a_role_is_not_known(serve: Callable[..., Client]) -> None:
    handler = serve(whoami_server(auth=PlatformClaims("iam"))).handler
    event = message("tools/call", {"name": "whoami"})
    assert sent(handler(event, lambda_context())) == failure(-32600, "This server needs credentials")


def test_what_the_caller_writes_is_not_the_word_of_the_platform(serve: Callable[..., Client]) -> None:
    handler = serve(whoami_server(auth=PlatformClaims("jwt", "lambda", "iam"))).handler
    claims = {"jwt": {"claims": {"sub": "root", "iss": "me"}}, "iam": {"userId": "root", "userArn": "x"}}
    event = {
        **message("tools/call", {"name": "whoami"}),
        "requestContext": {"authorizer": claims, "identity": {"userArn": "arn:aws:iam::1:root", "user": "1"}},
    }
    said = lambda_context({"identity": {"cognito_identity_id": "root"}, "authorizer": claims})
    assert sent(handler(event, said)) == failure(-32600, "This server needs credentials")


def test_credentials_come_in_the_client_context(serve: Callable[..., Client]) -> None:
    key_hash = hashlib.sha256(b"open-sesame-open-sesame").hexdigest()
    keys = ApiKeys({"nightly": ApiKey(subject="batch", hash=key_hash)})
    handler = serve(whoami_server(auth=keys)).handler
    event = message("tools/call", {"name": "whoami"})
    said = lambda_context({"headers": {"X-Api-Key": "open-sesame-open-sesame"}})
    assert handler(event, said)["result"]["content"][0]["text"].startswith("batch of ")
    wrong = handler(event, lambda_context({"headers": {"x-api-key": "sesame"}}))
    assert wrong["error"]["code"] == -32600
    for custom in ({}, {"headers": "x"}, {"headers": {"x-api-key": 3}}, "x"):
        assert "error" in handler(event, lambda_context(custom))


# Sizes


@pytest.mark.parametrize("is_escaped", [True, False])
def test_an_answer_is_as_large_as_lambda_takes(serve: Callable[..., Client], is_escaped: bool) -> None:
    mcp = make_server()

    @mcp.tool()
    def repeat(text: str, times: int) -> str:
        return text * times

    settings = Settings(
        state_keys=SETTINGS.state_keys, response_limit=50_000, is_escaped=is_escaped, in_lambda=True
    )
    handler = make_handler(mcp, settings)

    def size(times: int) -> tuple[bool, int]:
        answer = handler(
            message("tools/call", {"name": "repeat", "arguments": {"text": 'ä"', "times": times}}), None
        )
        return "isError" in answer["result"], len(marshal(answer, is_ascii=is_escaped))

    low, high = 1, 50_000
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if size(middle)[0] else (middle, high)
    refused, taken = size(low)
    assert not refused
    assert 49_970 <= taken <= 50_000
    assert size(high)[0] is True
    handler.close()


def test_what_is_too_large_is_said(serve: Callable[..., Client]) -> None:
    mcp = make_server()

    @mcp.tool()
    def much() -> str:
        return "x" * 60_000

    handler = serve(mcp, Settings(state_keys=SETTINGS.state_keys, response_limit=50_000)).handler
    (block,) = handler(message("tools/call", {"name": "much"}), None)["result"]["content"]
    assert block["text"] == (
        "The result would take 120232 bytes, the limit is 50000: return less, or a ResourceLink"
    )


def test_an_adapted_application_takes_no_messages() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("not called")

    with pytest.raises(UnknownEventError, match="is a JSON-RPC message, which belongs into the body"):
        adapt(app)(CALL, None)
    with pytest.raises(ConfigurationError, match=r"^LAMBENT_AGENTCORE is set"):
        adapt(app, settings=Settings(agentcore=True))
