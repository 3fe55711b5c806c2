"""One record of each call: what it says, which calls have one, and what failing sinks do."""

import logging
import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from tests.execution.audit.notes import BEGAN, Notes, recorder
from tests.support import (
    EVERYTHING,
    REQUESTS,
    SETTINGS,
    Client,
    accept,
    failure,
    full_server,
    headers_of,
    http_api,
    make_server,
    message,
)

from lambent import (
    Audit,
    Call,
    Context,
    Handler,
    HttpRefusal,
    MCPServer,
    Principal,
    ProtocolError,
    Request,
    RetryableError,
    ToolError,
)
from lambent.errors import DeadlineReached
from lambent.execution.durable.records import LeaseLost
from lambent.execution.durable.resumption import Resumed
from lambent.execution.endpoint import Endpoint
from lambent.execution.execute import AttemptFailed, Executor
from lambent.execution.invocation import Invocation
from lambent.execution.rounds.journal import Journal
from lambent.execution.rounds.sealing import State
from lambent.hosts.aws_lambda.handler import LambdaHandler
from lambent.wire.results import CallToolResult, Outcome

Serve = Callable[..., Client]

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
UNRECORDED = "The call could not be recorded for audit; it may have taken effect"


@pytest.fixture
def notes() -> Notes:
    return Notes()


def audited(notes: Notes, **options: Any) -> MCPServer:
    audit = Audit(sinks=[notes], **{name: options.pop(name) for name in ("required",) if name in options})
    return full_server(audit=audit, **options)


def by_header(call: Call, following: Handler) -> Any:
    user = call.headers.get("x-user")
    return following(
        call if user is None else call.as_principal(Principal(user, "https://id", client_id="cli"))
    )


# What a record says.


def test_a_record_says_who_called_what_and_how_it_ended(serve: Serve, notes: Notes) -> None:
    client = serve(audited(notes, middleware=[by_header]))
    context = SimpleNamespace(aws_request_id="aws-1", get_remaining_time_in_millis=lambda: 60_000)
    client.call(
        "add",
        {"a": 1},
        request_id="r-1",
        context=context,
        headers={"x-user": "ada", "x-amzn-trace-id": "Root=1-5759e988-bd862e3fe1be46a994272793"},
        clientInfo={"name": "desk", "version": "1.2", "other": "x"},
        traceparent=TRACE,
    )
    (record,) = notes.records
    assert re.fullmatch(r"[A-Za-z0-9_-]{24}", record.pop("call_id"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", record.pop("time"))
    assert record.pop("duration_ms") > 0
    assert re.fullmatch(r"hmac-sha256:[0-9a-f]{8}:[0-9a-f]{64}", record.pop("arguments"))
    assert record == {
        "server": "shop",
        "method": "tools/call",
        "name": "add",
        "outcome": "ok",
        "status": 200,
        "principal": {"subject": "ada", "issuer": "https://id"},
        "client": {"id": "cli", "name": "desk", "version": "1.2"},
        "client_address": "203.0.113.7",
        "request_id": "r-1",
        "aws_request_id": "aws-1",
        "traceparent": TRACE,
        "xray_trace": "Root=1-5759e988-bd862e3fe1be46a994272793",
        "round": 1,
    }


def test_the_bytes_of_a_record(notes: Notes) -> None:
    refused = HttpRefusal(401, "Sign in: token abc.def is no good", {"WWW-Authenticate": "Bearer"})
    recorder(notes).record_refusal(Request(client_address="203.0.113.7"), refused)
    (text,) = notes.texts
    assert re.sub(r'"call_id":"[^"]{24}"', '"call_id":"…"', text) == (
        '{"time":"2023-11-14T22:13:20.123Z","server":"shop","call_id":"…","outcome":"denied","code":-32600,'
        '"status":401,"duration_ms":0.0,"client_address":"203.0.113.7"}'
    )
    assert BEGAN == 1_700_000_000.123


def test_what_a_client_sends_in_place_of_a_trace_is_not_recorded(serve: Serve, notes: Notes) -> None:
    serve(audited(notes)).call("add", {"a": 1}, traceparent="Bearer secret-token")
    assert "traceparent" not in notes.last
    assert "secret" not in notes.texts[0]


def test_no_header_and_no_claim_reaches_a_record(serve: Serve, notes: Notes) -> None:
    def by_token(call: Call, following: Handler) -> Any:
        return following(call.as_principal(Principal("ada", claims={"jti": "claim-secret"})))

    client = serve(audited(notes, middleware=[by_token]))
    client.call("add", {"a": 1}, headers={"authorization": "Bearer token-secret", "cookie": "cookie-secret"})
    assert notes.last["outcome"] == "ok"
    assert "secret" not in notes.texts[0]


@pytest.mark.parametrize("text", ["a\nb", "a\rb", "a\x7fb", "a\u2028b", "a\u202eb", "a\x1b[31mb", "a\x85b"])
def test_a_record_is_one_line_whatever_its_client_is_called(serve: Serve, notes: Notes, text: str) -> None:
    serve(audited(notes)).call("add", {"a": 1}, clientInfo={"name": text, "version": text})
    serve(audited(notes)).call(text, {"a": 1}, request_id=text)
    for line in notes.texts:
        assert line.isascii()
        assert line.isprintable()
    escaped = text.encode("unicode_escape").decode()
    assert notes.records[0]["client"] == {"name": escaped, "version": escaped}
    assert (notes.last["name"], notes.last["request_id"]) == (escaped, escaped)


def test_long_texts_are_cut(serve: Serve, notes: Notes) -> None:
    client = serve(audited(notes))
    client.call("n" * 5000, {}, request_id="i" * 5000, clientInfo={"name": "c" * 5000, "version": "1"})
    record = notes.last
    assert record["name"] == "n" * 1023 + "…"
    assert record["request_id"] == record["client"]["name"].replace("c", "i") == "i" * 255 + "…"


# Whom it names.


def test_the_principal_that_middleware_found_is_recorded(serve: Serve, notes: Notes) -> None:
    client = serve(audited(notes, middleware=[by_header]))
    client.call("add", {"a": 1}, headers={"x-user": "ada"})
    client.call("add", {"a": 1})
    assert [record.get("principal", {}).get("subject") for record in notes.records] == ["ada", None]


def test_it_is_recorded_also_where_middleware_behind_refuses(serve: Serve, notes: Notes) -> None:
    def limit(call: Call, following: Handler) -> Any:
        raise HttpRefusal(429, "Too many calls")

    serve(audited(notes, middleware=[by_header, limit])).call("add", {"a": 1}, headers={"x-user": "ada"})
    assert notes.last["principal"]["subject"] == "ada"
    assert (notes.last["outcome"], notes.last["status"], notes.last["code"]) == ("limited", 429, -32600)


def test_nothing_of_a_call_stays_on_its_invocation(notes: Notes) -> None:
    handler = audited(notes, middleware=[by_header]).lambda_handler(SETTINGS)
    endpoint, invocation = handler._endpoint, Invocation(handler._run_coroutine)
    body = message("tools/call", REQUESTS["tools/call"])
    headers = {**headers_of(body), "x-user": "ada"}
    endpoint.answer(_rpc(body), Request("POST", headers=headers), invocation)
    assert notes.last["principal"]["subject"] == "ada"
    assert (invocation.latest, invocation.trail) == (None, None)


def _rpc(body: dict[str, Any]) -> Any:
    from lambent.wire import jsonrpc

    return jsonrpc.decode(jsonrpc.encode(body))


# How calls end.


def ending_server(notes: Notes) -> MCPServer:
    mcp = make_server(audit=Audit(sinks=[notes]))

    @mcp.tool()
    def end(how: str, ctx: Context) -> str:
        match how:
            case "tool_error":
                raise ToolError("no")
            case "bug":
                raise ValueError("the secret")
            case "input_required":
                ctx.elicit("Sure?", {"type": "object", "properties": {}}).result()
            case "refused":
                raise HttpRefusal(403, "not you")
            case "protocol":
                raise ProtocolError("no")
        return "ok"

    return mcp


@pytest.mark.parametrize(
    ("how", "outcome", "status", "code"),
    [
        ("ok", "ok", 200, None),
        ("tool_error", "tool_error", 200, None),
        ("bug", "tool_error", 200, None),
        ("input_required", "input_required", 200, None),
        ("refused", "denied", 403, -32600),
        ("protocol", "error", 200, -32603),
    ],
)
def test_the_outcome_of_a_call(
    serve: Serve, notes: Notes, how: str, outcome: str, status: int, code: int | None
) -> None:
    serve(ending_server(notes)).call("end", {"how": how}, capabilities=EVERYTHING)
    assert notes.each("outcome", "status", "code") == [(outcome, status, code)]
    assert "secret" not in notes.texts[0]


def test_arguments_that_do_not_fit_are_an_error_of_the_tool(serve: Serve, notes: Notes) -> None:
    serve(audited(notes)).call("add", {"a": "x"})
    assert notes.each("name", "outcome") == [("add", "tool_error")]


def a_call(serve: Serve, **changes: Any) -> Call:
    """A call as observers see it."""
    seen: list[Call] = []

    def watch(call: Call, following: Handler) -> Any:
        seen.append(call)
        return following(call)

    serve(full_server(middleware=[watch])).call("add", {"a": 1})
    return msgspec.structs.replace(seen[0], **changes)


def test_a_client_that_is_gone_is_recorded(serve: Serve, notes: Notes) -> None:
    call = a_call(serve)
    outcome = Outcome(error=ProtocolError("The client is gone", status=499))
    assert recorder(notes).record_call(call, lambda _: outcome) is outcome
    assert notes.each("outcome", "status", "code") == [("cancelled", 499, -32603)]


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (DeadlineReached(), "interrupted"),
        (LeaseLost(), "interrupted"),
        (KeyboardInterrupt(), "interrupted"),
        (AttemptFailed(RetryableError("later")), "retried"),
    ],
)
def test_an_attempt_that_is_not_the_last_is_recorded(
    serve: Serve, notes: Notes, error: BaseException, outcome: str
) -> None:
    call = a_call(serve, journal=Journal())

    def execute(_: Call) -> Outcome:
        raise error

    with pytest.raises(type(error)):
        recorder(notes).record_call(call, execute)
    assert notes.each("method", "outcome", "status", "code") == [("tools/call", outcome, None, None)]
    assert call.invocation.trail is None


def test_a_stream_that_is_resumed_too_early_is_not_ready(serve: Serve, notes: Notes) -> None:
    call = a_call(serve, resumed=Resumed("c", "", State(), {}, is_early=True))
    recorder(notes).record_call(call, lambda _: Outcome(CallToolResult(content=[], is_error=True)))
    assert notes.each("outcome") == [("not_ready",)]


# Which calls are recorded.


@pytest.mark.parametrize("method", REQUESTS)
def test_what_only_describes_the_server_is_not_recorded(serve: Serve, notes: Notes, method: str) -> None:
    assert serve(audited(notes)).request(method, REQUESTS[method]).status == 200
    recorded = {"tools/call", "resources/read", "prompts/get", "completion/complete"}
    assert notes.each("method") == ([(method,)] if method in recorded else [])


@pytest.mark.parametrize("method", REQUESTS)
@pytest.mark.parametrize(("status", "outcome"), [(401, "denied"), (403, "denied"), (429, "limited")])
def test_every_method_is_recorded_where_it_is_refused(
    serve: Serve, notes: Notes, method: str, status: int, outcome: str
) -> None:
    def refuse(call: Call, following: Handler) -> Any:
        raise HttpRefusal(status, "no")

    serve(audited(notes, middleware=[refuse])).request(method, REQUESTS[method])
    assert notes.each("method", "outcome", "status") == [(method, outcome, status)]


def test_methods_that_nobody_knows_are_recorded(serve: Serve, notes: Notes) -> None:
    serve(audited(notes)).request("com.example/unheard-of")
    assert notes.each("method", "name", "outcome", "code") == [
        ("com.example/unheard-of", None, "error", -32601)
    ]


def test_what_is_no_valid_request_is_no_call(serve: Serve, notes: Notes) -> None:
    client = serve(audited(notes))
    assert client.post("{").status == 400
    assert client.request("tools/call", {"name": 5}, headers={"mcp-name": "5"}).status == 400
    assert client.post({"jsonrpc": "2.0", "method": "notifications/x"}).status == 202
    assert notes.texts == []


class Closed:
    """An authenticator that lets nobody in."""

    def authenticate(self, request: Request) -> Principal | None:
        raise HttpRefusal(401, "Sign in first", {"WWW-Authenticate": "Bearer"})


def test_a_caller_that_is_refused_before_the_body_is_read_is_recorded(notes: Notes) -> None:
    services = full_server().lambda_handler(SETTINGS)._endpoint.executor.services
    recording = recorder(notes)
    endpoint = Endpoint(Executor(services), SETTINGS.http_policy, Closed(), recording.record_refusal)
    body = message("tools/call", REQUESTS["tools/call"])
    reply = Client(LambdaHandler(endpoint)).post(body, {"authorization": "Bearer token-secret"})
    assert (reply.status, reply.headers["www-authenticate"]) == (401, "Bearer")
    assert notes.each("method", "outcome", "status", "client_address") == [
        (None, "denied", 401, "203.0.113.7")
    ]
    assert "secret" not in notes.texts[0]


def test_a_sink_that_fails_changes_nothing_of_a_refusal(notes: Notes) -> None:
    notes.failure = OSError("no bus")
    services = full_server().lambda_handler(SETTINGS)._endpoint.executor.services
    endpoint = Endpoint(Executor(services), SETTINGS.http_policy, Closed(), recorder(notes).record_refusal)
    written = LambdaHandler(endpoint)(http_api("{}", headers_of({})), None)
    assert written["statusCode"] == 401


# Sinks that fail.


def test_a_sink_that_fails_fails_no_call(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    good, bad = Notes(), Notes(OSError("no\nbus"))
    mcp = full_server(audit=Audit(sinks=[bad, good]))
    assert serve(mcp).call("add", {"a": 1, "b": 2}).value == 3
    assert good.last["outcome"] == "ok"
    (line,) = caplog.records
    assert (line.levelno, line.exc_info) == (logging.ERROR, None)
    assert line.getMessage() == (
        f"Notes did not take the audit record of tools/call, call {good.last['call_id']} (ok): "
        "OSError: no\\nbus"
    )


def test_a_required_record_that_is_not_written_is_an_error(serve: Serve) -> None:
    ran: list[int] = []
    mcp = make_server(audit=Audit(sinks=[Notes(), Notes(OSError("no bus"))], required=True))
    mcp.tool("work")(lambda: ran.append(1))
    reply = serve(mcp).call("work")
    assert (reply.status, reply.body) == (500, failure(-32603, UNRECORDED))
    assert ran == [1]


def test_a_required_record_that_is_written_changes_nothing(serve: Serve, notes: Notes) -> None:
    assert serve(audited(notes, required=True)).call("add", {"a": 1, "b": 2}).value == 3


def test_calls_without_a_record_require_none(serve: Serve) -> None:
    client = serve(audited(Notes(OSError("no bus")), required=True))
    assert [tool["name"] for tool in client.request("tools/list").result["tools"]] == ["add"]


def test_questions_are_not_asked_where_their_record_is_required_and_lost(serve: Serve) -> None:
    mcp = make_server(audit=Audit(sinks=[Notes(OSError("no bus"))], required=True))

    @mcp.tool()
    def ask(ctx: Context) -> str:
        return ctx.elicit("Sure?", {"type": "object", "properties": {}}, key="sure").result().action

    assert serve(mcp).call("ask", capabilities=EVERYTHING).status == 500


def test_what_says_nothing_of_itself_fails_no_call(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    class SilentError(Exception):
        def __str__(self) -> str:
            raise ValueError("mute")

    assert serve(audited(Notes(SilentError()))).call("add", {"a": 1}).value == 1
    assert caplog.records[0].getMessage().endswith("(ok): SilentError: SilentError")


# Without audit.


def test_without_audit_calls_are_executed_by_the_executor_itself() -> None:
    executor = full_server().lambda_handler(SETTINGS)._endpoint.executor
    assert executor.execute == executor._execute
    assert executor._handle == executor._dispatch


def test_several_rounds_leave_nothing_in_states_without_audit(serve: Serve) -> None:
    seen: list[Any] = []
    mcp = make_server()

    @mcp.tool()
    def ask(ctx: Context) -> str:
        seen.append(ctx._journal.state.trail)
        return ctx.elicit("Sure?", {"type": "object", "properties": {}}, key="sure").result().action

    assert serve(mcp).answered("ask", {"sure": accept()}).text == "accept"
    assert seen == [None, None]
