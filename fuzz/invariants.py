"""What holds for every response, whatever the request was; ``check`` is called by the fuzzer and by tests."""

from typing import Any

from fuzz.checked_response import CheckedResponse, check_id, check_length, check_response
from fuzz.http_invariants import lambda_response, messages_of
from fuzz.leaks import check_leaks
from fuzz.legacy_invariants import check_legacy
from fuzz.request_model import (
    ASKING,
    PREFIX,
    TOO_DEEP,
    ParsedRequest,
    parse_event,
    rejection_reason,
)
from fuzz.target import Exchange
from fuzz.violations import Violation, require

STATUSES = frozenset({200, 202, 204, 400, 403, 404, 405, 406, 413, 415})
"""No 5xx: an internal error is a JSON-RPC error with status 200, and only failing features cause one."""

STATUS_OF = {
    -32700: {400, 415},
    -32600: {400, 403, 405, 406, 413, 415},
    -32601: {404},
    -32602: {400},
    -32603: {200},
    -32020: {400},
    -32021: {400},
    -32022: {400},
}
"""The error codes of the specification, and the statuses that go with each."""

CACHED = frozenset(
    {
        "server/discover",
        "tools/list",
        "resources/list",
        "resources/templates/list",
        "resources/read",
        "prompts/list",
    }
)
REQUIRED = {
    "server/discover": ("supportedVersions", list),
    "tools/list": ("tools", list),
    "resources/list": ("resources", list),
    "resources/templates/list": ("resourceTemplates", list),
    "resources/read": ("contents", list),
    "prompts/list": ("prompts", list),
    "prompts/get": ("messages", list),
    "tools/call": ("content", list),
    "completion/complete": ("completion", dict),
}
CAPABILITY = {
    "elicitation/create": "elicitation",
    "sampling/createMessage": "sampling",
    "roots/list": "roots",
}
"""The kinds of input requests, and what a client must have declared to get one."""


def check(exchange: Exchange) -> CheckedResponse:
    """Check every rule that holds for every exchange.

    Raises:
        Violation: a rule is broken.
    """
    if exchange.record.timed_out:
        raise Violation("time", f"still running after {exchange.seconds:.1f} seconds of processor time")
    if exchange.raised is not None:
        raise Violation("raised", f"{type(exchange.raised).__name__}: {str(exchange.raised)[:300]}")
    request = parse_event(exchange.event)
    deep = request.message is TOO_DEEP
    status, headers, body = lambda_response(exchange.event, exchange.response)
    require(status in STATUSES, "status", f"{status} is not documented")
    if not exchange.record.is_intended_failure:
        require(not exchange.record.failures, "failure", lambda: "; ".join(exchange.record.failures))
    if request.is_legacy:
        return check_legacy(request, status, headers, body, exchange)
    if not body:
        if request.method != "HEAD":
            require(status in (202, 204), "empty body", f"status {status}")
            _check_empty(request, status)
        return CheckedResponse(request, status, None)
    require(status not in (202, 204), "body", f"status {status} has a body")
    require((status == 405) <= (headers.get("allow") == "POST"), "allow", "405 must say Allow: POST")
    *notifications, response = messages_of(headers, body)
    answer = CheckedResponse(request, status, response, tuple(notifications))
    check_response(answer)
    if deep:
        return answer
    check_id(answer)
    check_leaks(request, body, exchange.event)
    for notification in notifications:
        _check_notification(notification, request)
    if answer.result is None:
        _check_error(answer, exchange, body)
    else:
        _check_result(answer, answer.result, body)
    return answer


def _check_empty(request: ParsedRequest, status: int) -> None:
    if status == 204:
        require(request.method == "OPTIONS", "empty body", "204 is for OPTIONS")
        return
    is_notification = (
        isinstance(request.message, dict) and "id" not in request.message and request.rpc_method is not None
    )
    require(is_notification, "empty body", "202 is for notifications")


def _check_notification(message: dict[str, Any], request: ParsedRequest) -> None:
    """A stream holds only notifications that belong to the request and that it asked for."""
    method: Any = message.get("method")
    params: Any = message.get("params")
    require(message.keys() == {"jsonrpc", "method", "params"}, "notification", str(sorted(message)))
    require(message["jsonrpc"] == "2.0" and isinstance(params, dict), "notification", str(message)[:200])
    if method == "notifications/progress":
        require(params["progressToken"] == request.meta.get("progressToken"), "progress", "without its token")
    elif method == "notifications/message":
        require(isinstance(request.meta.get(f"{PREFIX}logLevel"), str), "log", "without a level")
    else:
        require(method == "notifications/subscriptions/acknowledged", "notification", str(method))
        require(
            params["_meta"] == {f"{PREFIX}subscriptionId": request.request_id}, "subscription id", str(params)
        )


def _check_error(answer: CheckedResponse, exchange: Exchange, body: str) -> None:
    error = answer.error
    require(
        isinstance(error, dict) and error.keys() <= {"code", "message", "data"}, "error", str(error)[:200]
    )
    code: Any = error.get("code")
    message, data = error.get("message"), error.get("data")
    require(type(code) is int and type(message) is str and message, "error", str(error)[:200])
    require(code in STATUS_OF, "code", f"{code} is not of the specification")
    require(answer.status in STATUS_OF[code], "code", f"{code} with status {answer.status}")
    require(code != -32603 or exchange.record.is_intended_failure, "internal error", lambda: f"{error}")
    if code == -32021:
        missing = isinstance(data, dict) and data.get("requiredCapabilities")
        require(isinstance(missing, dict) and missing, "capability error", str(data))
    if code == -32022:
        require(
            isinstance(data, dict) and data.get("supported") and type(data.get("requested")) is str,
            "version error",
            str(data)[:200],
        )
    check_length(answer, body)


def _check_result(answer: CheckedResponse, result: dict[str, Any], body: str) -> None:
    request, kind, method = answer.request, result.get("resultType"), answer.request.rpc_method
    require(answer.status == 200, "status", f"{answer.status} with a result")
    reason = rejection_reason(request)
    require(reason is None, "not refused", lambda: f"{reason}, but the answer is {str(result)[:200]}")
    info = result.get("_meta", {}).get(f"{PREFIX}serverInfo")
    require(isinstance(info, dict) and info.keys() >= {"name", "version"}, "server info", str(result)[:200])
    allowed = (
        ("complete", "input_required", "task") if _takes_tasks(request) else ("complete", "input_required")
    )
    require(kind in allowed, "result type", str(kind))
    if kind == "input_required":
        _check_questions(request, result)
        return
    if method in CACHED:
        ttl, scope = result.get("ttlMs"), result.get("cacheScope")
        require(
            type(ttl) is int and ttl >= 0 and scope in ("public", "private"), "caching", str(result)[:200]
        )
        is_retry = "requestState" in request.params or "inputResponses" in request.params
        require(not (is_retry and method == "resources/read" and ttl), "caching", "an answer to a retry")
    if kind == "complete" and method in REQUIRED:
        member, of = REQUIRED[method]
        require(isinstance(result.get(member), of), "result", f"{method} without {member}")
    if result.get("isError"):
        check_length(answer, body)


def _takes_tasks(request: ParsedRequest) -> bool:
    """A task may only go to a client that declares the extension (SEP-2663)."""
    extensions = request.capabilities.get("extensions")
    return (
        request.rpc_method == "tools/call"
        and isinstance(extensions, dict)
        and "io.modelcontextprotocol/tasks" in extensions
    )


def _check_questions(request: ParsedRequest, result: dict[str, Any]) -> None:
    require(request.rpc_method in ASKING, "questions", f"{request.rpc_method} must not ask")
    questions, state = result.get("inputRequests"), result.get("requestState")
    require(type(state) is str or questions, "questions", "neither questions nor state")
    require("ttlMs" not in result, "questions", "a caching hint")
    for key, question in (questions or {}).items():
        capability = CAPABILITY.get(question["method"])
        require(capability is not None, "questions", f"{key} is a {question['method']}")
        declared = request.capabilities.get(capability or "")
        require(isinstance(declared, dict), "questions", f"{capability} is not declared")
        mode = question["params"].get("mode")
        parts = [part for part in ("form", "url") if isinstance((declared or {}).get(part), dict)]
        require(
            mode is None or mode in (parts or ["form"]), "questions", f"{capability}.{mode} is not declared"
        )
