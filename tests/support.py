"""What the tests share: Lambda events, a client that speaks the protocol, and expected bytes."""

import base64
import json
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from unittest import mock

import msgspec

from lambent.execution.endpoint import Endpoint
from lambent.execution.execute import Executor
from lambent.hosts.aws_lambda.handler import LambdaHandler
from lambent.hosts.settings import Settings
from lambent.server import MCPServer

VERSION = "2026-07-28"
PREFIX = "io.modelcontextprotocol/"
SECRET = "0123456789abcdef0123456789abcdef"
SETTINGS = Settings(state_keys=(SECRET,))
EVERYTHING: dict[str, Any] = {"elicitation": {"form": {}, "url": {}}, "sampling": {"tools": {}}, "roots": {}}
"""Client capabilities: all there are."""

SERVER_INFO = '{"name":"shop","version":"1.2.3"}'
"""What a server of ``make_server`` says it is."""

JSON_HEADERS = {"content-type": "application/json"}
SSE_HEADERS = {"content-type": "text/event-stream", "cache-control": "no-cache", "x-accel-buffering": "no"}

EXPOSED = (
    "WWW-Authenticate, MCP-Protocol-Version, Mcp-Session-Id, Retry-After, X-Amzn-Remapped-WWW-Authenticate"
)
"""The response headers that pages may read."""

_NAMED = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}


def dumps(value: Any) -> str:
    """JSON as compact as the wire has it; not made by the encoder under test."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def marshal(value: Any, *, is_ascii: bool = True) -> bytes:
    """What the client of Lambda's runtimes sends for what a function returns, before 3.12 as ASCII."""
    import pytest  # benchmarks use this module without it

    client = pytest.importorskip("awslambdaric.lambda_runtime_marshaller")  # for Linux only
    with mock.patch.dict(os.environ, {"AWS_EXECUTION_ENV": f"AWS_Lambda_python3.{11 if is_ascii else 13}"}):
        written: str = client.LambdaMarshaller().marshal_response(value)[0]
    return written.encode()


def meta(capabilities: Mapping[str, Any] | None = None, **extra: Any) -> dict[str, Any]:
    """A request's ``_meta``; extra keys whose names are reserved get their prefix."""
    reserved = {"clientInfo", "logLevel"}
    return {
        f"{PREFIX}protocolVersion": VERSION,
        f"{PREFIX}clientCapabilities": dict(capabilities or {}),
        **{f"{PREFIX}{key}" if key in reserved else key: value for key, value in extra.items()},
    }


def message(method: str, params: Any = None, *, request_id: Any = 1, **extra_meta: Any) -> dict[str, Any]:
    """A JSON-RPC request that keeps all the rules."""
    params = {"_meta": meta(**extra_meta), **(params or {})}
    return {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}


def sentinel(value: str) -> str:
    """A header value in the Base64 sentinel form."""
    return f"=?base64?{base64.b64encode(value.encode()).decode()}?="


def encode_value(value: str) -> str:
    """A value as a client writes it into a header: as it is, or in the Base64 sentinel form."""
    plain = value.isascii() and value.isprintable() and value == value.strip()
    is_sentinel = value.startswith("=?base64?") and value.endswith("?=")
    return value if plain and not is_sentinel else sentinel(value)


def headers_of(body: Any) -> dict[str, str]:
    """The headers that a well-behaved client sends along with a message."""
    headers = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
    headers["mcp-protocol-version"] = VERSION
    if isinstance(body, dict) and isinstance(body.get("method"), str):
        headers["mcp-method"] = body["method"]
        name = (body.get("params") or {}).get(_NAMED.get(body["method"], ""))
        if isinstance(name, str):
            headers["mcp-name"] = encode_value(name)
    return headers


def http_api(
    body: str | bytes | None,
    headers: Mapping[str, str] | None = None,
    *,
    method: str = "POST",
    path: str = "/mcp",
    query: str = "",
    domain: str = "abc123.execute-api.eu-west-1.amazonaws.com",
) -> dict[str, Any]:
    """An event of an HTTP API, payload format 2.0; bytes are sent as Base64."""
    event = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": dict(headers or {}),
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abc123",
            "domainName": domain,
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.7",
                "userAgent": "tests",
            },
            "requestId": "id=",
            "stage": "$default",
        },
        "isBase64Encoded": False,
    }
    if isinstance(body, bytes):
        event["body"] = base64.b64encode(body).decode()
        event["isBase64Encoded"] = True
    elif body is not None:
        event["body"] = body
    return event


class Reply:
    """A response, read back from what the handler returned for an event of an HTTP API."""

    def __init__(self, written: Mapping[str, Any]) -> None:
        self.written = written
        self.status: int = written["statusCode"]
        self.headers: dict[str, str] = written["headers"]
        self.body: bytes = written["body"].encode()

    @property
    def messages(self) -> list[dict[str, Any]]:
        """Every JSON-RPC message of the response, the response itself last."""
        if self.headers.get("content-type") != "text/event-stream":
            return [json.loads(self.body)]
        frames = self.body.decode().split("\n\n")
        assert frames.pop() == ""
        assert all(frame.startswith("event: message\ndata: ") for frame in frames)
        return [json.loads(frame.removeprefix("event: message\ndata: ")) for frame in frames]

    @property
    def notifications(self) -> list[dict[str, Any]]:
        return self.messages[:-1]

    @property
    def response(self) -> dict[str, Any]:
        return self.messages[-1]

    @property
    def result(self) -> dict[str, Any]:
        response = self.response
        assert "result" in response, response
        result: dict[str, Any] = response["result"]
        return result

    @property
    def error(self) -> dict[str, Any]:
        response = self.response
        assert "error" in response, response
        error: dict[str, Any] = response["error"]
        return error

    @property
    def text(self) -> str:
        """The text of a result that is one text block."""
        (block,) = self.result["content"]
        assert block["type"] == "text", block
        text: str = block["text"]
        return text

    @property
    def value(self) -> Any:
        """The structured content of a call that succeeded, out of the object that wraps it."""
        assert "isError" not in self.result, self.result
        structured = self.result["structuredContent"]
        is_wrapped = isinstance(structured, dict) and list(structured) == ["result"]
        return structured["result"] if is_wrapped else structured

    @property
    def state(self) -> str:
        """The request state of a result that asks for input."""
        assert self.result["resultType"] == "input_required", self.result
        state: str = self.result["requestState"]
        return state

    @property
    def questions(self) -> dict[str, Any]:
        """The input requests of a result that asks for input."""
        assert self.result["resultType"] == "input_required", self.result
        questions: dict[str, Any] = self.result["inputRequests"]
        return questions


class Client:
    """Calls a Lambda handler as a well-behaved client would, unless told otherwise."""

    def __init__(self, handler: Callable[[dict[str, Any], Any], dict[str, Any]]) -> None:
        self.handler = handler
        self.requests = 0

    def event(self, event: Mapping[str, Any], context: Any = None) -> Reply:
        """Send an event as it is."""
        return Reply(self.handler(dict(event), context))

    def post(
        self,
        body: Any,
        headers: Mapping[str, str | None] | None = None,
        *,
        context: Any = None,
        **event: Any,
    ) -> Reply:
        """Send a body, with the headers that belong to it; ``headers`` replaces some, None removes one."""
        merged: dict[str, str | None] = {**headers_of(body), **(headers or {})}
        if not isinstance(body, str | bytes | None):
            body = dumps(body)
        given = {name: value for name, value in merged.items() if value is not None}
        return self.event(http_api(body, given, **event), context)

    def request(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        headers: Mapping[str, str | None] | None = None,
        request_id: Any = 1,
        context: Any = None,
        **extra_meta: Any,
    ) -> Reply:
        """Send a request."""
        body = message(method, params, request_id=request_id, **extra_meta)
        return self.post(body, headers, context=context)

    def call(
        self, tool: str, arguments: Any = None, *, also: Mapping[str, Any] | None = None, **more: Any
    ) -> Reply:
        """Call a tool; ``also`` adds parameters."""
        params = {"name": tool, "arguments": {} if arguments is None else arguments, **(also or {})}
        return self.request("tools/call", params, **more)

    def read(self, uri: str, **more: Any) -> Reply:
        """Read a resource."""
        return self.request("resources/read", {"uri": uri}, **more)

    def prompt(self, name: str, arguments: Mapping[str, str] | None = None, **more: Any) -> Reply:
        """Get a prompt."""
        return self.request("prompts/get", {"name": name, "arguments": dict(arguments or {})}, **more)

    def tool(self, name: str) -> dict[str, Any]:
        """A tool's definition."""
        (found,) = [tool for tool in self.request("tools/list").result["tools"] if tool["name"] == name]
        definition: dict[str, Any] = found
        return definition

    def converse(
        self,
        method: str,
        params: Mapping[str, Any],
        answers: Mapping[str, Any],
        *,
        capabilities: Mapping[str, Any] | None = None,
        rounds: int = 10,
        **more: Any,
    ) -> Iterator[Reply]:
        """Send a request and answer what it asks, round after round, until the last reply."""
        retry: dict[str, Any] = {}
        for number in range(1, rounds + 1):
            reply = self.request(
                method,
                {**params, **retry},
                request_id=number,
                capabilities=capabilities or EVERYTHING,
                **more,
            )
            yield reply
            if reply.response.get("result", {}).get("resultType") != "input_required":
                return
            given = {key: answers[key] for key in reply.questions if key in answers}
            retry = {"inputResponses": given, "requestState": reply.state}
        raise AssertionError(f"still asking after {rounds} rounds")

    def answered(self, tool: str, answers: Mapping[str, Any], arguments: Any = None, **more: Any) -> Reply:
        """The last reply of a conversation with a tool."""
        *_, last = self.converse("tools/call", {"name": tool, "arguments": arguments or {}}, answers, **more)
        return last


def accept(**content: Any) -> dict[str, Any]:
    """The answer of a user who fills in a form."""
    return {"action": "accept", "content": content}


def success(
    members: str = "", *, request_id: Any = 1, server_info: str = SERVER_INFO, meta: str = ""
) -> bytes:
    """The bytes of a response with a complete result; ``members`` and ``meta`` are JSON."""
    also = f",{meta}" if meta else ""
    return (
        f'{{"jsonrpc":"2.0","id":{dumps(request_id)},"result":{{"resultType":"complete",'
        f'"_meta":{{"{PREFIX}serverInfo":{server_info}{also}}}{"," if members else ""}{members}}}}}'
    ).encode()


def failure(code: int, text: str, data: Any = None, *, request_id: Any = 1) -> bytes:
    """The bytes of an error response; ``...`` for an id leaves it out."""
    head = "" if request_id is ... else f'"id":{dumps(request_id)},'
    tail = "" if data is None else f',"data":{dumps(data)}'
    return (f'{{"jsonrpc":"2.0",{head}"error":{{"code":{code},"message":{dumps(text)}{tail}}}}}').encode()


def text_result(text: str) -> str:
    """The members of the result of a tool that returns text."""
    return (
        f'"content":[{{"type":"text","text":{dumps(text)}}}],"structuredContent":{{"result":{dumps(text)}}}'
    )


def tool_error(text: str, *, request_id: Any = 1) -> bytes:
    """The bytes of a tool's result that says what went wrong."""
    return success(
        f'"content":[{{"type":"text","text":{dumps(text)}}}],"isError":true', request_id=request_id
    )


def frames(*messages: bytes) -> bytes:
    """The bytes of an SSE stream."""
    return b"".join(b"event: message\ndata: " + one + b"\n\n" for one in messages)


def make_server(**options: Any) -> MCPServer:
    """A server without features."""
    return MCPServer("shop", **{"version": "1.2.3", **options})


def make_handler(
    server: MCPServer,
    settings: Settings = SETTINGS,
    *,
    clock: Callable[[], float] | None = None,
    changes: Any = None,
) -> LambdaHandler:
    """What ``MCPServer.lambda_handler`` makes, with a clock or a feed of changes of one's own."""
    handler = server.lambda_handler(settings)
    if clock is not None:
        handler._endpoint.executor.services.sealer._clock = clock
    if changes is not None:
        services = msgspec.structs.replace(handler._endpoint.executor.services, changes=changes)
        handler._endpoint = Endpoint(
            Executor(services, server._middleware, server._observers), settings.http_policy
        )
    return handler


def full_server(**options: Any) -> MCPServer:
    """A server that has one of every feature, so that it knows every method."""
    mcp = make_server(**options)

    @mcp.tool()
    def add(a: int, b: int = 0) -> int:
        """Add two numbers."""
        return a + b

    @mcp.resource("note://today")
    def today() -> str:
        return "Buy milk."

    @mcp.resource("note://{day}/text")
    def note(day: str) -> str:
        return f"Note of {day}"

    @mcp.prompt()
    def greet(name: str) -> str:
        """Say hello."""
        return f"Hello {name}"

    @mcp.completion()
    def complete(ref: Any, argument: Any, context: Any) -> list[str]:
        return [f"{argument.value}1"]

    return mcp


REQUESTS: dict[str, dict[str, Any]] = {
    "server/discover": {},
    "tools/list": {},
    "tools/call": {"name": "add", "arguments": {"a": 1, "b": 2}},
    "resources/list": {},
    "resources/templates/list": {},
    "resources/read": {"uri": "note://today"},
    "prompts/list": {},
    "prompts/get": {"name": "greet", "arguments": {"name": "Ada"}},
    "completion/complete": {
        "ref": {"type": "ref/prompt", "name": "greet"},
        "argument": {"name": "name", "value": "A"},
    },
    "subscriptions/listen": {"notifications": {}},
}
"""Parameters of a request of every method, for ``full_server``."""
