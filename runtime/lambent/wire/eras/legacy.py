"""The legacy era: ``initialize`` negotiates the version, and the client's answers are messages of their own.

This module has what all its versions share. Each version is a module that derives from the next newer one and
takes away what that one has added; see ``LegacyEra``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from lambent.errors import HttpRefusal, InternalError, InvalidParamsError, ProtocolError
from lambent.wire import jsonrpc
from lambent.wire.eras.modern import RpcRequest, read_params
from lambent.wire.http import JSON_TYPE, SSE_HEADERS, HttpResponse, sse_frame, sse_priming
from lambent.wire.jsonrpc import LazyDecoder, RequestId, RpcMessage
from lambent.wire.methods import ANY_METHOD, METHODS, AskingParams, Method, Params
from lambent.wire.results import (
    CallToolResult,
    GetPromptResult,
    InitializeResult,
    InputRequiredResult,
    Outcome,
    PageResult,
    ReadResourceResult,
    Result,
    SessionResult,
)
from lambent.wire.values import (
    BlobResourceContents,
    ClientCapabilities,
    Content,
    LogLevel,
    PromptMessage,
    RequestMeta,
    TextResourceContents,
)

Contents = TextResourceContents | BlobResourceContents


class InitializeParams(Params, frozen=True, kw_only=True):
    """Parameters of ``initialize`` (basic/lifecycle, "Initialization")."""

    protocol_version: str
    capabilities: ClientCapabilities = ClientCapabilities()
    client_info: dict[str, Any] | None = None


class SetLevelParams(Params, frozen=True, kw_only=True):
    """Parameters of ``logging/setLevel`` (server/utilities/logging)."""

    level: LogLevel


class SubscribeParams(Params, frozen=True, kw_only=True):
    """Parameters of ``resources/subscribe`` and ``resources/unsubscribe`` (server/resources)."""

    uri: str


class ClientResponse(Struct, frozen=True):
    """What a client answers to a request of the server (basic, "Responses").

    ``id`` is None where the client could not read that of the request; it sends an error then. A member that
    is null counts as absent where the other one is there.
    """

    id: RequestId | None = None
    result: Raw | UnsetType = UNSET
    error: dict[str, Any] | UnsetType | None = UNSET

    @property
    def is_error(self) -> bool:
        """It says why there is no result."""
        has_result = not isinstance(self.result, UnsetType) and bytes(self.result) != b"null"
        return isinstance(self.error, dict) and not has_result


_SHARED = (
    "tools/list",
    "tools/call",
    "resources/list",
    "resources/templates/list",
    "resources/read",
    "prompts/list",
    "prompts/get",
    "completion/complete",
)

_ROWS: tuple[tuple[str, type[Params]], ...] = (
    ("initialize", InitializeParams),
    ("ping", Params),
    ("logging/setLevel", SetLevelParams),
    ("resources/subscribe", SubscribeParams),
    ("resources/unsubscribe", SubscribeParams),
)

FIRST_RETRY_MS = 500
"""After how many milliseconds a client resumes a stream that has ended with a question."""

_TASKS = "io.modelcontextprotocol/tasks"

_CODES = {
    "ResourceNotFoundError": -32002,
    # The draft of events that preceded the extension.
    "NotFoundError": -32011,
    "ForbiddenError": -32012,
    "ResourceExhaustedError": -32013,
    "UnsupportedError": -32014,
    "CallbackEndpointError": -32015,
}
"""Codes of errors that are others than those of the modern era, by the class of the error."""

_FIRST_MODERN_CODE, _LAST_MODERN_CODE = -32029, -32020


class LegacyEra:
    """What the versions of the legacy era have in common.

    Attributes:
        has_batches: several messages may come in an array.
        changes_blocks: ``block`` may give another block than it gets.
        can_resume: a stream may end before its response, and the client resumes it (SEP-1699).
    """

    version: str
    methods: Mapping[str, Method] = {
        **{name: METHODS[name] for name in _SHARED},
        **{name: Method(name, LazyDecoder(params)) for name, params in _ROWS},
    }
    has_batches = False
    can_resume = False
    changes_blocks = False

    def decode(self, message: RpcMessage, headers: dict[str, str] | None) -> RpcRequest:
        """Read a message; what the client can do is not in it: see ``Call.client``.

        Raises:
            InvalidParamsError: the parameters are wrong.
        """
        method = self.methods.get(message.method, ANY_METHOD)
        params, raw, problem = read_params(method.decoder, message.params)
        if problem is not None:
            raise InvalidParamsError(problem)
        if isinstance(params, AskingParams) and params.has_retry:  # answers are messages of their own here
            params = msgspec.structs.replace(params, input_responses=UNSET, request_state=UNSET)
        assert not isinstance(message.id, UnsetType)  # noqa: S101 - notifications end before
        meta = params.meta if isinstance(params.meta, RequestMeta) else RequestMeta()
        return RpcRequest(message.id, message.method, params, meta, ClientCapabilities(), raw, self)

    def render(self, request_id: RequestId, outcome: Outcome, meta: Mapping[str, Any]) -> HttpResponse:
        """See ``Era.render``. Results say nothing of the server here: ``initialize`` has done so.

        Errors have HTTP status 200, because clients of the era give up a connection at any other, except
        where the request was refused for its HTTP.
        """
        error = outcome.error
        if error is not None:
            return self._error(request_id, error)
        result = outcome.result
        assert result is not None  # noqa: S101 - one of the two is set
        if isinstance(result, InputRequiredResult):
            return _asked(result)
        headers = {"content-type": JSON_TYPE}
        if isinstance(result, SessionResult) and not isinstance(result.session_id, UnsetType):
            headers["mcp-session-id"] = result.session_id
            result.session_id = UNSET
        result.result_type = UNSET
        self.shorten(result)
        return HttpResponse(200, headers, jsonrpc.success(request_id, result))

    def _error(self, request_id: RequestId, error: ProtocolError) -> HttpResponse:
        code = _CODES.get(type(error).__name__, error.code)
        if _FIRST_MODERN_CODE <= code <= _LAST_MODERN_CODE:
            code = InternalError.code
        status = error.status if isinstance(error, HttpRefusal) else 200
        body = jsonrpc.failure(request_id, code, error.message, error.data)
        return HttpResponse(status, {"content-type": JSON_TYPE, **error.headers}, body)

    def notification(self, method: str, params: dict[str, Any]) -> bytes:
        """See ``Era.notification``."""
        return jsonrpc.notification(method, params)

    def question(self, method: str, params: Mapping[str, Any], elicitation_id: str) -> dict[str, Any]:
        """The parameters of a request to the client, as the version has them.

        ``elicitation_id`` names the question in this version of the protocol, where it is about a URL.

        Raises:
            ToolError: the version cannot ask this.
        """
        if params.get("mode") == "url":
            return {**params, "elicitationId": elicitation_id}
        return dict(params)

    def shorten(self, result: Result) -> None:
        """Take from a result what the version does not know."""
        if isinstance(result, CallToolResult):
            if self.changes_blocks:
                result.content = [self.block(_read_block(block)) for block in result.content]
        elif isinstance(result, PageResult):
            result.ttl_ms = result.cache_scope = UNSET
            for kind in ("tools", "resources", "resource_templates", "prompts"):
                items = getattr(result, kind)
                if items is not UNSET:
                    setattr(result, kind, [self._definition(kind, item) for item in items])
        elif isinstance(result, ReadResourceResult):
            result.ttl_ms = result.cache_scope = UNSET
            result.contents = [self.contents(item) for item in result.contents]
        elif isinstance(result, GetPromptResult):
            result.messages = [
                PromptMessage(role=message.role, content=self.block(message.content))
                for message in result.messages
                if isinstance(message.content, Content)
            ]
        elif isinstance(result, InitializeResult):
            result.server_info = self.implementation(_members(result.server_info))
            result.capabilities = self.capabilities(dict(result.capabilities))

    def _definition(self, kind: str, item: Any) -> dict[str, Any]:
        members = _members(item)
        if kind == "tools":
            wrap_output_schema(members)
        self.definition(kind, members)
        return members

    def capabilities(self, offered: dict[str, Any]) -> dict[str, Any]:
        """The server's capabilities, as the version knows them.

        Its extensions stay, as clients of this era look for them too; but tasks of theirs are other ones.
        """
        extensions = {**offered.pop("extensions", {})}
        extensions.pop(_TASKS, None)
        return {**offered, "extensions": extensions} if extensions else offered

    def implementation(self, members: dict[str, Any]) -> dict[str, Any]:
        """The server's name and version, as the version knows them."""
        return members

    def definition(self, kind: str, members: dict[str, Any]) -> None:
        """Take from the definition of a feature what the version does not know."""

    def block(self, block: Content) -> Content:
        """A content block as the version knows it."""
        return block

    def contents(self, contents: Contents) -> Contents:
        """A resource's contents as the version knows them."""
        return contents


def _asked(result: InputRequiredResult) -> HttpResponse:
    """A stream that asks and ends before the response; its event ids let the client resume it (SEP-1699)."""
    assert not isinstance(result.request_state, UnsetType)  # noqa: S101 - it is what the event id is
    requests = {} if isinstance(result.input_requests, UnsetType) else result.input_requests
    body = sse_priming(result.request_state, FIRST_RETRY_MS)
    for request_id, request in requests.items():
        body += sse_frame(jsonrpc.request(request_id, request["method"], request["params"]))
    return HttpResponse(200, {**SSE_HEADERS}, body)


def _read_block(block: Any) -> Content:
    """A content block; those of results that were kept are still JSON."""
    if not isinstance(block, Raw):
        content: Content = block
        return content
    from lambent.wire.content import read_block  # loaded where results were kept

    return read_block(msgspec.json.decode(block))


def _members(value: Any) -> dict[str, Any]:
    """What a definition is on the wire, as a dict that may be changed."""
    members: dict[str, Any] = msgspec.json.decode(
        value if isinstance(value, Raw) else msgspec.json.encode(value)
    )
    return members


def is_wrapped(output_schema: Mapping[str, Any]) -> bool:
    """Whether structured results are wrapped in an object: in the legacy era they are objects."""
    schema = output_schema
    while "type" not in schema and "$ref" in schema:  # such as to a record that contains itself
        schema = output_schema["$defs"][schema["$ref"].removeprefix("#/$defs/")]
    return schema.get("type") != "object"


def wrap_output_schema(members: dict[str, Any]) -> None:
    """Describe a result that is no object as the member ``result`` of one, in place."""
    schema = members.get("outputSchema")
    if schema is None:
        return
    if not is_wrapped(schema):
        schema.setdefault("type", "object")
        return
    shared = {name: schema.pop(name) for name in ("$schema", "$defs") if name in schema}
    members["outputSchema"] = {
        **shared,
        "type": "object",
        "properties": {"result": schema},
        "required": ["result"],
    }
