"""What holds for every exchange of the legacy era, in which ``initialize`` negotiates the version."""

import base64
import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from fuzz.checked_response import CheckedResponse, check_id, check_length, check_response
from fuzz.http_invariants import texts_of
from fuzz.leaks import check_leaks
from fuzz.request_model import BATCHED, LEGACY_VERSIONS, PREFIX, TOO_DEEP, ParsedRequest, strict_json
from fuzz.target import Exchange
from fuzz.violations import Violation, require

NEWEST, TITLED, _, OLDEST = sorted(LEGACY_VERSIONS, reverse=True)

LEGACY_STATUS_OF = {
    -32700: {400, 415},
    -32600: {400, 403, 404, 405, 406, 413, 415},
    -32601: {200},
    -32602: {200},
    -32603: {200},
    -32002: {200},
}
"""The error codes, and the statuses that go with each: clients give up their connection at any but 200."""

EMPTY = frozenset({"ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe"})
REQUIRED = {
    "initialize": ("protocolVersion", str),
    "tools/list": ("tools", list),
    "tools/call": ("content", list),
    "resources/list": ("resources", list),
    "resources/templates/list": ("resourceTemplates", list),
    "resources/read": ("contents", list),
    "prompts/list": ("prompts", list),
    "prompts/get": ("messages", list),
    "completion/complete": ("completion", dict),
}
MODERN_MEMBERS = frozenset(
    {"resultType", "ttlMs", "cacheScope", "requestState", "inputRequests", "supportedVersions", "taskId"}
)
UNKNOWN_MEMBERS = {
    NEWEST: frozenset({"execution"}),
    TITLED: frozenset({"execution", "icons", "websiteUrl"}),
    BATCHED: frozenset({"execution", "icons", "websiteUrl", "title", "outputSchema", "_meta"}),
    OLDEST: frozenset({"execution", "icons", "websiteUrl", "title", "outputSchema", "_meta"}),
}
"""What definitions, blocks and contents have not, by version."""

UNKNOWN_BLOCKS = {BATCHED: {"resource_link"}, OLDEST: {"resource_link", "audio"}}
_NOT_FOUND = "Session not found: send initialize to start another one"
_SESSION_METHODS = ("initialize", "logging/setLevel")
_NESTED = (
    "contents",
    "content",
    "messages",
    "tools",
    "resources",
    "resourceTemplates",
    "prompts",
    "arguments",
)


def check_legacy(
    request: ParsedRequest, status: int, headers: Mapping[str, str], body: str, exchange: Exchange
) -> CheckedResponse:
    """Check an exchange.

    Raises:
        Violation: a rule is broken.
    """
    _check_session(request, status, headers)
    if not body:
        if request.method != "HEAD":
            require(_may_be_empty(request, status), "empty body", lambda: f"{status} for {request.message!r}")
        return CheckedResponse(request, status, None)
    require(status not in (202, 204), "body", f"status {status} has a body")
    require((status == 405) <= (headers.get("allow") == "POST"), "allow", "405 must say Allow: POST")
    messages = _messages(request, headers, body)
    notifications = tuple(one for one in messages if "method" in one)
    responses = messages[len(notifications) :]
    if request.message is TOO_DEEP:
        return CheckedResponse(request, status, responses[-1], notifications)
    check_leaks(request, body, exchange.event)
    for notification in notifications:
        _check_notification(notification, request)
    if isinstance(request.message, list) and status == 200:
        return _check_batch(request, responses, notifications, exchange)
    require(len(responses) == 1, "responses", f"{len(responses)} for one request")
    answer = CheckedResponse(request, status, responses[0], notifications)
    _check_answer(answer, exchange)
    check_length_of_error(answer, body)
    return answer


def version_of(request: ParsedRequest) -> str:
    """The version that a request is answered in, where it is answered at all."""
    if request.rpc_method == "initialize":
        asked = request.params.get("protocolVersion")
        return asked if isinstance(asked, str) and asked in LEGACY_VERSIONS else NEWEST
    header = request.headers.get("mcp-protocol-version")
    if header is not None:
        return header.strip()
    return session_version(request.headers.get("mcp-session-id")) or BATCHED


def session_version(token: str | None) -> str | None:
    """The version that a session was negotiated to have, if it says so."""
    try:
        payload = (token or "").split(".")[1]
        handshake = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))[0]
        version: str = handshake[0]
    except (ValueError, LookupError, TypeError):
        return None
    return version if version in LEGACY_VERSIONS else None


def _messages(request: ParsedRequest, headers: Mapping[str, str], body: str) -> list[dict[str, Any]]:
    """The messages of a body; only a batch is answered with arrays."""
    found: list[Any] = []
    for text in texts_of(headers, body):
        try:
            value = strict_json(text)
        except (ValueError, RecursionError) as error:
            raise Violation("no json", f"{error}: {text[:200]}") from None
        is_array = isinstance(value, list)
        require(not is_array or (value and isinstance(request.message, list)), "array", text[:200])
        found += value if is_array else [value]
    require(all(isinstance(message, dict) for message in found), "no object", body[:200])
    return found


def _check_session(request: ParsedRequest, status: int, headers: Mapping[str, str]) -> None:
    """An id is given with ``initialize`` and a new level; only who has one is told that it is gone."""
    given = headers.get("mcp-session-id")
    if given is not None:
        require(request.rpc_method in _SESSION_METHODS, "session", f"given for {request.rpc_method}")
        require(status == 200 and given.isascii() and given.isprintable(), "session", given[:200])
        require(" " not in given and len(given) < 4096, "session", f"{len(given)} characters")
    if status == 404:
        require(bool(request.headers.get("mcp-session-id") is not None), "status", "404 without a session")


def _may_be_empty(request: ParsedRequest, status: int) -> bool:
    if status == 204:
        return request.method == "OPTIONS"
    if status == 200:
        return request.method == "DELETE" and "mcp-session-id" in request.headers
    members = request.message if isinstance(request.message, list) else [request.message]
    return status == 202 and bool(members) and all(map(_has_no_answer, members))


def _has_no_answer(member: Any) -> bool:
    """It is a notification, or the client's own answer to something."""
    if not isinstance(member, dict):
        return False
    if isinstance(member.get("method"), str) and member.get("jsonrpc") == "2.0":
        return "id" not in member
    request_id = member.get("id")
    is_id = isinstance(request_id, str | int) and not isinstance(request_id, bool)
    is_error = isinstance(member.get("error"), dict) and (is_id or request_id is None)
    return is_error or ("result" in member and is_id)


def _check_notification(message: dict[str, Any], request: ParsedRequest) -> None:
    method, params = message["method"], message.get("params")
    require(message.keys() == {"jsonrpc", "method", "params"}, "notification", str(sorted(message)))
    require(message["jsonrpc"] == "2.0" and isinstance(params, dict), "notification", str(message)[:200])
    allowed = ("notifications/progress", "notifications/message")
    require(method in allowed, "notification", str(method))
    if method == "notifications/progress" and isinstance(params, dict):
        tokens = [_meta_of(member).get("progressToken") for member in _members(request)]
        require(params["progressToken"] in tokens, "progress", "without its token")
        is_oldest = version_of(request) == OLDEST
        require(not (is_oldest and "message" in params), "progress", "a message")


def _members(request: ParsedRequest) -> list[Any]:
    return request.message if isinstance(request.message, list) else [request.message]


def _meta_of(member: Any) -> dict[str, Any]:
    params = member.get("params") if isinstance(member, dict) else None
    meta = params.get("_meta") if isinstance(params, dict) else None
    return meta if isinstance(meta, dict) else {}


def _check_batch(
    request: ParsedRequest,
    responses: list[dict[str, Any]],
    notifications: tuple[dict[str, Any], ...],
    exchange: Exchange,
) -> CheckedResponse:
    """Every request of it is answered once, in its place."""
    require(version_of(request) == BATCHED, "batch", f"in {version_of(request)}")
    asked = [member for member in request.message if not _has_no_answer(member)]
    require(len(asked) == len(responses), "batch", f"{len(responses)} answers to {len(asked)} requests")
    members = []
    for member, response in zip(asked, responses, strict=True):
        answer = CheckedResponse(dataclasses.replace(request, message=member), 200, response)
        _check_answer(answer, exchange, in_batch=True)
        members.append(answer)
    return CheckedResponse(request, 200, None, notifications, tuple(members))


def _check_answer(answer: CheckedResponse, exchange: Exchange, *, in_batch: bool = False) -> None:
    check_response(answer)
    if answer.status != 404:  # its session is gone, so the message was not read
        check_id(answer)
    if answer.result is None:
        _check_error(answer, exchange, in_batch=in_batch)
    else:
        _check_result(answer, answer.result)


def _check_error(answer: CheckedResponse, exchange: Exchange, *, in_batch: bool) -> None:
    error, request = answer.error, answer.request
    code: Any = error.get("code")
    require(error.keys() <= {"code", "message", "data"}, "error", str(error)[:200])
    require(type(code) is int and type(error.get("message")) is str, "error", str(error)[:200])
    require(code in LEGACY_STATUS_OF, "code", f"{code} is not of the era")
    is_member = in_batch and code in (-32600, -32700)
    require(is_member or answer.status in LEGACY_STATUS_OF[code], "code", f"{code} with {answer.status}")
    if answer.status == 404:
        require(error["message"] == _NOT_FOUND, "code", str(error)[:200])
    if code == -32002:
        uri = request.params.get("uri")
        require(error.get("data") == {"uri": uri}, "resource error", str(error)[:200])
    if code == -32603:
        is_capability = "did not declare a capability" in error["message"]
        require(is_capability or exchange.record.is_intended_failure, "internal error", str(error)[:200])
    if answer.status == 400 and code == -32600 and not _has_twins(request):
        require(_problem(request) is not None, "refused", lambda: f"{error} for {request.message!r}"[:600])


def _has_twins(request: ParsedRequest) -> bool:
    """A member that the envelope needs may be there twice: the server looks at both."""
    return any((request.body or "").count(f'"{name}"') > 1 for name in ("id", "method", "jsonrpc"))


def check_length_of_error(answer: CheckedResponse, body: str) -> None:
    """An error is not much longer than the request."""
    if answer.result is None or answer.result.get("isError"):
        check_length(answer, body)


def _problem(request: ParsedRequest) -> str | None:
    """Why a body may be refused; None where it is a request of the era."""
    message = request.message
    if not isinstance(message, dict):
        return "no object"
    if message.get("jsonrpc") != "2.0" or request.rpc_method is None:
        return "no JSON-RPC message"
    return None if request.request_id is not None else "no id"


def _check_result(answer: CheckedResponse, result: dict[str, Any]) -> None:
    request, method = answer.request, answer.request.rpc_method
    version = version_of(request)
    require(answer.status == 200, "status", f"{answer.status} with a result")
    require(request.method == "POST" and _problem(request) is None, "not refused", str(request.message)[:200])
    strange = MODERN_MEMBERS & result.keys()
    require(not strange, "modern member", f"{sorted(strange)} in {str(result)[:200]}")
    meta = result.get("_meta", {})
    require(f"{PREFIX}serverInfo" not in meta, "modern member", "server info")
    if method in EMPTY:
        require(result == {}, "result", f"{method} with {sorted(result)}")
        return
    require(method in REQUIRED, "method", f"{method} is not of the era")
    member, of = REQUIRED[method or ""]
    require(isinstance(result.get(member), of), "result", f"{method} without {member}")
    if method == "initialize":
        require(
            result["protocolVersion"] == version, "version", f"{result['protocolVersion']}, not {version}"
        )
        require("extensions" not in result["capabilities"], "modern member", "extensions")
    _check_structured(result, version)
    _check_members({name: value for name, value in result.items() if name != "_meta"}, version)


def _check_structured(result: dict[str, Any], version: str) -> None:
    structured = result.get("structuredContent", {})
    require(isinstance(structured, dict), "structured content", str(structured)[:200])
    require(version >= TITLED or "structuredContent" not in result, "structured content", version)
    for tool in result.get("tools", ()):
        schema = tool.get("outputSchema", {"type": "object"})
        require(schema.get("type") == "object", "output schema", str(schema)[:200])
        require(version != OLDEST or "annotations" not in tool, "annotations", version)


def _check_members(value: dict[str, Any], version: str) -> None:
    """No definition, block or contents has what its version does not know."""
    unknown = UNKNOWN_MEMBERS[version] & value.keys()
    require(not unknown, "unknown member", f"{sorted(unknown)} in {version}: {str(value)[:200]}")
    kind = value.get("type")
    require(kind not in UNKNOWN_BLOCKS.get(version, ()), "unknown block", f"{kind} in {version}")
    for name in _NESTED:
        nested = value.get(name)
        for one in nested if isinstance(nested, list) else [nested]:
            if isinstance(one, dict):
                _check_members(one, version)
