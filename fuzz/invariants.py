"""What holds for every single response, whatever the request was.

``check`` is the one place that says so; the fuzzer and the property tests both call it.
"""

import http
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fuzz.sent import ASKING, PREFIX, TOO_DEEP, Sent, read_event, strict_json, why_not
from fuzz.target import Exchange

STATUSES = frozenset({200, 202, 204, 400, 403, 404, 405, 406, 413, 415})
"""No 5xx among them: an internal error is a JSON-RPC error at 200, and only features that fail cause one."""

STATUS_OF = {
    -32700: {400},
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

_UNREAD = frozenset({403, 405, 406, 413, 415})
"""Statuses of requests that are refused before their bodies are read."""

SLACK = 8 * 1024
"""Characters by which what is said about a mistake may exceed the mistake, quoted twice."""

_LEAK = re.compile(
    r"Traceback|File \\?\"|\.py\b"
    r"|\b(?:lambent|msgspec|pydantic|site-packages|asyncio)\b"
    r"|object at 0x|NoneType|recursion depth"
    r"|\b_*[A-Z]\w*(?:Error|Exception|Interrupt|Refusal|Suspend|Cancelled|Rejected)\b"
)
_HINTS = (
    "Error", "Exception", "Traceback", "File ", ".py", "lambent", "msgspec", "pydantic", "packages",
    "asyncio", "0x", "NoneType", "recursion", "Refusal", "Suspend", "Cancelled", "Rejected",
)  # fmt: skip
_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9a-z]+")
_HEADER_VALUE = re.compile(r"[\x20-\x7e\t]*")
_FRAME = "event: message\ndata: "


class Violation(AssertionError):  # noqa: N818 - says what it is
    """A response breaks a rule.

    Args:
        rule: the rule's short name: findings with the same one are the same.
        detail: what was found.
    """

    def __init__(self, rule: str, detail: str) -> None:
        super().__init__(f"{rule}: {detail}")
        self.rule = rule
        self.kind = f"{rule}: {detail.partition(':')[0]}" if rule in ("failure", "raised") else rule


@dataclass(frozen=True)
class Answer:
    """A response that keeps the rules.

    Attributes:
        sent: what it answers.
        status: the HTTP status.
        response: the JSON-RPC response; None where there is no body.
        notifications: the messages before it.
    """

    sent: Sent
    status: int
    response: dict[str, Any] | None
    notifications: tuple[dict[str, Any], ...] = ()

    @property
    def error(self) -> dict[str, Any]:
        """The error; empty where there is none."""
        found: dict[str, Any] = (self.response or {}).get("error", {})
        return found

    @property
    def result(self) -> dict[str, Any] | None:
        """The result, if it is one."""
        return (self.response or {}).get("result")

    @property
    def outcome(self) -> str:
        """A word for it: an error's code, a result's type, or nothing."""
        if self.response is None:
            return "empty"
        if self.result is None:
            return str(self.error["code"])
        return "isError" if self.result.get("isError") else str(self.result["resultType"])


def require(condition: object, rule: str, detail: Callable[[], str] | str = "") -> None:
    """Raise ``Violation`` unless a condition holds."""
    if not condition:
        raise Violation(rule, detail if isinstance(detail, str) else detail())


def check(exchange: Exchange) -> Answer:
    """Check everything that is known to hold for every exchange.

    Raises:
        Violation: something does not.
    """
    if exchange.ledger.is_late:
        raise Violation("time", f"still running after {exchange.seconds:.1f} seconds of processor time")
    if exchange.raised is not None:
        raise Violation("raised", f"{type(exchange.raised).__name__}: {str(exchange.raised)[:300]}")
    sent = read_event(exchange.event)
    deep = sent.message is TOO_DEEP
    status, headers, body = _lambda_response(exchange.event, exchange.response)
    require(status in STATUSES, "status", f"{status} is not documented")
    if not exchange.ledger.on_purpose:
        require(not exchange.ledger.failures, "failure", lambda: "; ".join(exchange.ledger.failures))
    if not body:
        require(status in (202, 204), "empty body", f"status {status}")
        _check_empty(sent, status)
        return Answer(sent, status, None)
    require(status not in (202, 204), "body", f"status {status} has a body")
    require((status == 405) <= (headers.get("allow") == "POST"), "allow", "405 must say Allow: POST")
    *notifications, response = _messages(headers, body)
    answer = Answer(sent, status, response, tuple(notifications))
    _check_response(answer)
    if deep:
        return answer
    _check_id(answer)
    _check_leaks(answer, body, exchange.event)
    for notification in notifications:
        _check_notification(notification, sent)
    if answer.result is None:
        _check_error(answer, exchange, body)
    else:
        _check_result(answer, answer.result, body)
    return answer


def _lambda_response(event: Mapping[str, Any], response: Any) -> tuple[int, dict[str, str], str]:
    """Whether the platform that sent the event can make an HTTP response of what was returned."""
    require(isinstance(response, dict), "lambda response", f"a {type(response).__name__}")
    context = event.get("requestContext") or {}
    multiple = "http" not in context and "multiValueHeaders" in event
    expected = {"statusCode", "body", "isBase64Encoded", "multiValueHeaders" if multiple else "headers"}
    if "elb" in context:
        expected.add("statusDescription")
    require(response.keys() == expected, "lambda response", f"its members are {sorted(response)}")
    status, body, headers = response["statusCode"], response["body"], response.get("headers")
    require(type(status) is int and type(body) is str, "lambda response", "types of statusCode and body")
    require(response["isBase64Encoded"] is False, "lambda response", "isBase64Encoded")
    if "elb" in context:
        described = f"{status} {http.HTTPStatus(status).phrase}"
        require(response["statusDescription"] == described, "lambda response", "statusDescription")
    if multiple:
        lists = response["multiValueHeaders"]
        require(
            all(type(values) is list and len(values) == 1 for values in lists.values()),
            "lambda response",
            "multiValueHeaders holds lists of one value",
        )
        headers = {name: values[0] for name, values in lists.items()}
    require(type(headers) is dict, "lambda response", "headers")
    for name, value in headers.items():
        require(type(name) is str and type(value) is str, "header", "names and values are strings")
        require(_HEADER_NAME.fullmatch(name), "header", f"name {name[:100]!r}")
        require(_HEADER_VALUE.fullmatch(value), "header", f"value {value[:100]!r} of {name}")
    try:
        body.encode()
    except UnicodeEncodeError:
        raise Violation("lambda response", "the body has lone surrogates") from None
    return status, headers, body


def _check_empty(sent: Sent, status: int) -> None:
    if status == 204:
        require(sent.method == "OPTIONS", "empty body", "204 is for OPTIONS")
        return
    is_notification = (
        isinstance(sent.message, dict) and "id" not in sent.message and sent.rpc_method is not None
    )
    require(is_notification, "empty body", "202 is for notifications")


def _messages(headers: dict[str, str], body: str) -> list[dict[str, Any]]:
    kind = headers.get("content-type")
    texts = [body]
    if kind == "text/event-stream":
        texts = body.split("\n\n")
        require(texts.pop() == "", "stream", "the last frame is not closed")
        require(all(text.startswith(_FRAME) for text in texts), "stream", "a frame is no message")
        texts = [text.removeprefix(_FRAME) for text in texts]
        require(texts and not any("\n" in text or "\r" in text for text in texts), "stream", "line breaks")
    else:
        require(kind == "application/json", "content type", str(kind))
    try:
        messages = [strict_json(text) for text in texts]
    except (ValueError, RecursionError) as error:
        raise Violation("no json", f"{error}: {body[:200]}") from None
    require(all(isinstance(message, dict) for message in messages), "no object", body[:200])
    return messages


def _check_response(answer: Answer) -> None:
    response = answer.response or {}
    require(response.get("jsonrpc") == "2.0", "jsonrpc", str(response)[:200])
    require(("result" in response) != ("error" in response), "result or error", str(response)[:200])
    require(response.keys() <= {"jsonrpc", "id", "result", "error"}, "members", str(sorted(response)))
    require(isinstance(response.get("result", {}), dict), "result", "is no object")


def _check_id(answer: Answer) -> None:
    """The id is echoed exactly, where one could be read (basic, "Error Responses")."""
    sent, response = answer.sent, answer.response or {}
    if "id" in response:
        echoed, given = response["id"], sent.request_id
        require(type(echoed) is type(given) and echoed == given, "id", f"{echoed!r} for {given!r}")
        return
    require("error" in response, "id", "a result without an id")
    unread = answer.status in _UNREAD or answer.error["code"] == -32700
    require(unread or sent.request_id is None, "id", lambda: f"{sent.request_id!r} is not echoed")


def _check_leaks(answer: Answer, body: str, event: Mapping[str, Any]) -> None:
    """Nothing of the inside shows, but what the client said itself."""
    if not any(hint in body for hint in _HINTS):
        return
    given: str | None = None
    for found in _LEAK.findall(body):
        if given is None:
            given = "\n".join(_texts(answer.sent.message)) + str(event) + str(dict(answer.sent.headers))
        require(found in given, "leak", lambda leak=found: f"{leak!r} in {body[:600]}")


def _texts(value: Any) -> Iterator[str]:
    todo = [value]
    while todo:
        current = todo.pop()
        if isinstance(current, str):
            yield current
        elif isinstance(current, dict):
            todo.extend(current)
            todo.extend(current.values())
        elif isinstance(current, list):
            todo.extend(current)


def _check_notification(message: dict[str, Any], sent: Sent) -> None:
    """A stream carries only what belongs to the request and was asked for."""
    method, params = message.get("method"), message.get("params")
    require(message.keys() == {"jsonrpc", "method", "params"}, "notification", str(sorted(message)))
    require(message["jsonrpc"] == "2.0" and isinstance(params, dict), "notification", str(message)[:200])
    if method == "notifications/progress":
        require(params["progressToken"] == sent.meta.get("progressToken"), "progress", "without its token")
    elif method == "notifications/message":
        require(isinstance(sent.meta.get(f"{PREFIX}logLevel"), str), "log", "without a level")
    else:
        require(method == "notifications/subscriptions/acknowledged", "notification", str(method))
        require(
            params["_meta"] == {f"{PREFIX}subscriptionId": sent.request_id}, "subscription id", str(params)
        )


def _check_error(answer: Answer, exchange: Exchange, body: str) -> None:
    error = answer.error
    require(
        isinstance(error, dict) and error.keys() <= {"code", "message", "data"}, "error", str(error)[:200]
    )
    code, message, data = error.get("code"), error.get("message"), error.get("data")
    require(type(code) is int and type(message) is str and message, "error", str(error)[:200])
    require(code in STATUS_OF, "code", f"{code} is not of the specification")
    require(answer.status in STATUS_OF[code], "code", f"{code} with status {answer.status}")
    require(code != -32603 or exchange.ledger.on_purpose, "internal error", lambda: f"{error}")
    if code == -32021:
        missing = isinstance(data, dict) and data.get("requiredCapabilities")
        require(isinstance(missing, dict) and missing, "capability error", str(data))
    if code == -32022:
        require(
            isinstance(data, dict) and data.get("supported") and type(data.get("requested")) is str,
            "version error",
            str(data)[:200],
        )
    _check_length(answer, body)


def _check_length(answer: Answer, body: str) -> None:
    """What is said about a mistake is not much longer than the mistake: Lambda limits responses too."""
    said = answer.sent.size + sum(map(len, answer.sent.headers.values()))
    require(
        len(body) <= 2 * said + SLACK, "amplification", f"{len(body)} characters for {said}: {body[:300]}"
    )


def _check_result(answer: Answer, result: dict[str, Any], body: str) -> None:
    sent, kind, method = answer.sent, result.get("resultType"), answer.sent.rpc_method
    require(answer.status == 200, "status", f"{answer.status} with a result")
    reason = why_not(sent)
    require(reason is None, "not refused", lambda: f"{reason}, but the answer is {str(result)[:200]}")
    info = result.get("_meta", {}).get(f"{PREFIX}serverInfo")
    require(isinstance(info, dict) and info.keys() >= {"name", "version"}, "server info", str(result)[:200])
    allowed = ("complete", "input_required", "task") if _takes_tasks(sent) else ("complete", "input_required")
    require(kind in allowed, "result type", str(kind))
    if kind == "input_required":
        _check_questions(sent, result)
        return
    if method in CACHED:
        ttl, scope = result.get("ttlMs"), result.get("cacheScope")
        require(
            type(ttl) is int and ttl >= 0 and scope in ("public", "private"), "caching", str(result)[:200]
        )
        is_retry = "requestState" in sent.params or "inputResponses" in sent.params
        require(not (is_retry and method == "resources/read" and ttl), "caching", "an answer to a retry")
    if kind == "complete" and method in REQUIRED:
        member, of = REQUIRED[method]
        require(isinstance(result.get(member), of), "result", f"{method} without {member}")
    if result.get("isError"):
        _check_length(answer, body)


def _takes_tasks(sent: Sent) -> bool:
    """A task may only go to a client that declares the extension (SEP-2663)."""
    extensions = sent.capabilities.get("extensions")
    return (
        sent.rpc_method == "tools/call"
        and isinstance(extensions, dict)
        and "io.modelcontextprotocol/tasks" in extensions
    )


def _check_questions(sent: Sent, result: dict[str, Any]) -> None:
    require(sent.rpc_method in ASKING, "questions", f"{sent.rpc_method} must not ask")
    questions, state = result.get("inputRequests"), result.get("requestState")
    require(type(state) is str or questions, "questions", "neither questions nor state")
    require("ttlMs" not in result, "questions", "a caching hint")
    for key, question in (questions or {}).items():
        capability = CAPABILITY.get(question["method"])
        require(capability is not None, "questions", f"{key} is a {question['method']}")
        declared = sent.capabilities.get(capability or "")
        require(isinstance(declared, dict), "questions", f"{capability} is not declared")
        mode = question["params"].get("mode")
        parts = [part for part in ("form", "url") if isinstance((declared or {}).get(part), dict)]
        require(
            mode is None or mode in (parts or ["form"]), "questions", f"{capability}.{mode} is not declared"
        )
