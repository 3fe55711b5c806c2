"""JSON-RPC messages as events: what ``lambda:InvokeFunction`` sends, without HTTP in between.

The event is the message and what the function returns is the answer. Lambda does not say which role or user
has invoked a function: ``context.identity`` has identities of Cognito identity pools, and nothing else about
the caller is the platform's word. ``context.client_context`` is what the caller has written.
https://docs.aws.amazon.com/lambda/latest/dg/python-context.html
https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from msgspec import UNSET, UnsetType

from lambent.errors import InvalidRequestError, ParseError, ProtocolError
from lambent.wire import jsonrpc
from lambent.wire.http import HttpResponse, Request, error_response
from lambent.wire.jsonrpc import MalformedMessage, RpcMessage

if TYPE_CHECKING:
    from lambent.execution.endpoint import Endpoint
    from lambent.execution.handshakes import Handshake
    from lambent.execution.invocation import Invocation

_NO_STREAM = "A subscription is a stream, and the answer to an invocation is one message"


def answer_message(
    event: Any, context: Any, endpoint: Endpoint, invocation: Invocation
) -> dict[str, Any] | None:
    """The answer to a message, as Lambda's runtime client takes it; None for a notification.

    Whatever is wrong is a JSON-RPC error: a function that raises would be run again where it was invoked
    asynchronously.
    """
    try:
        message = read_message(event)
    except MalformedMessage as malformed:
        return _decoded(error_response(malformed.error, malformed.request_id))
    if isinstance(message.id, UnsetType):
        return None
    request = request_of(event, context, headers_of(custom_of(context).get("headers")))
    try:
        principal = endpoint.authenticate(request)
        handshake = endpoint.handshake_of(message, request, principal)
        if handshake is None and message.method == "subscriptions/listen":
            raise InvalidRequestError(_NO_STREAM)
    except ProtocolError as refusal:
        return _decoded(error_response(refusal, message.id))
    reply = endpoint.answer(message, request, invocation, principal, handshake)
    return fitting(reply, message, endpoint, handshake)


def fitting(
    reply: HttpResponse, message: RpcMessage, endpoint: Endpoint, handshake: Handshake | None = None
) -> dict[str, Any]:
    """The message of a reply, or of the error that says that Lambda does not take so much."""
    answer, limit = _decoded(reply), endpoint.executor.services.response_limit
    if limit is None or len(reply.body) <= limit.size // 8:  # a character takes six bytes at most
        return answer
    size = len(json.dumps(answer, ensure_ascii=limit.is_ascii).encode())
    if size <= limit.size:
        return answer
    return _decoded(endpoint.render_too_large(message, handshake, size, limit.size))


def read_message(value: Any) -> RpcMessage:
    """Read a message that the runtime client has decoded already.

    Raises:
        MalformedMessage: it is none.
    """
    try:
        text = json.dumps(value)
    except RecursionError:
        raise MalformedMessage(ParseError("The body is nested too deeply"), UNSET) from None
    return jsonrpc.decode(text)


def custom_of(context: Any) -> Mapping[str, Any]:
    """The part of the client context that is the caller's own; empty where there is none."""
    custom = getattr(getattr(context, "client_context", None), "custom", None)
    return custom if isinstance(custom, Mapping) else {}


def headers_of(given: Any) -> dict[str, str]:
    """Headers that a caller has sent along, names in lower case."""
    if not isinstance(given, Mapping):
        return {}
    return {str(name).lower(): value for name, value in given.items() if type(value) is str}


def request_of(event: Any, context: Any, headers: dict[str, str]) -> Request:
    """The request of an event that no HTTP request is in: without a method, as on stdio."""
    return Request(headers=headers, event=event if isinstance(event, Mapping) else None, context=context)


def _decoded(reply: HttpResponse) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(reply.body)
    return answer
