"""HTTP requests that only clients of the legacy era send: batches, responses, GET and DELETE."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import msgspec
from msgspec import Raw, UnsetType

from lambent.auth.principal import Principal, key_of
from lambent.errors import HttpRefusal, InvalidRequestError, StoreError
from lambent.execution.call import Services
from lambent.execution.failures import report
from lambent.execution.handshakes import SESSION_HEADER, VERSION_HEADER
from lambent.execution.invocation import Invocation
from lambent.execution.rounds.live_calls import CallKey, CancelledParams, Stoppable
from lambent.wire import jsonrpc
from lambent.wire.eras import LEGACY_VERSIONS, UNNEGOTIATED, era_of_version, is_modern
from lambent.wire.eras.legacy import ClientResponse, LegacyEra
from lambent.wire.http import (
    JSON_TYPE,
    SSE_HEADERS,
    SSE_TYPE,
    Accepts,
    HttpResponse,
    Request,
    error_response,
    not_allowed,
    sse_frame,
)
from lambent.wire.jsonrpc import RequestId, RpcMessage

if TYPE_CHECKING:
    from lambent.execution.endpoint import Endpoint

MAX_BATCH = 100
"""Messages in an array."""

_arrays = msgspec.json.Decoder(list[Raw])
_responses = msgspec.json.Decoder(ClientResponse)


def post_unusual(
    endpoint: Endpoint,
    request: Request,
    invocation: Invocation,
    principal: Principal | None,
    accepts: Accepts,
) -> HttpResponse | None:
    """Answer a body that is a batch or a response; None where it is neither.

    Raises:
        HttpRefusal: 404, its session is not one of this server's.
    """
    body = request.body if isinstance(request.body, str) else request.body.decode(errors="replace")
    if (response := read_response(body)) is not None:
        take_answer(endpoint.executor.services, response, principal)
        return HttpResponse(202, {})
    members = read_batch(body)
    if members is None or not _has_batches(endpoint, request, principal):
        return None
    invocation.may_stream = accepts.sse

    def answer(message: RpcMessage) -> bytes:
        handshake = endpoint.handshake_of(message, request, principal)
        return endpoint.answer(message, request, invocation, principal, handshake).body

    try:
        replies = answer_batch(members, answer)
    except InvalidRequestError as error:
        return error_response(error)
    if not replies:
        return HttpResponse(202, {})
    if invocation.streamed or invocation.notifications or not accepts.json:
        body_of_stream = b"".join(map(sse_frame, [*invocation.notifications, *replies]))
        return HttpResponse(200, {**SSE_HEADERS, "content-type": SSE_TYPE}, body_of_stream)
    return HttpResponse(200, {"content-type": JSON_TYPE}, join_batch(replies))


def take_answer(services: Services, response: ClientResponse, principal: Principal | None) -> None:
    """Take what a client answers to a question; late answers, and those to nobody's question, are ignored.

    An error would end the connections of some clients.

    Raises:
        HttpRefusal: 503, the table cannot be reached.
    """
    from lambent.execution.durable.answers import Answers, is_question_id

    name = response.id
    if not isinstance(name, str) or not is_question_id(services, name, principal):
        return
    raw = Raw(msgspec.json.encode(response))
    if services.live is not None and services.live.answer(name, key_of(principal), raw):
        return
    if services.store is not None and (services.live is None or services.live.shared):
        try:
            Answers(services, principal).keep(name, raw)
        except StoreError as error:
            text = f"The answer could not be stored, send it again (reference {report(error)})"
            raise HttpRefusal(503, text, {"Retry-After": "1"}) from error


def read_response(body: str | bytes | Raw) -> ClientResponse | None:
    """Read what a client answers to a request of the server; None where it is something else."""
    try:
        response = _responses.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    is_response = not (isinstance(response.result, UnsetType) and isinstance(response.error, UnsetType))
    return response if is_response else None


def read_batch(body: str | bytes) -> list[Raw] | None:
    """Read an array of messages; None where it is something else."""
    try:
        return _arrays.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def _has_batches(endpoint: Endpoint, request: Request, principal: Principal | None) -> bool:
    header = request.headers.get(VERSION_HEADER)
    if header is None:
        token = request.headers.get(SESSION_HEADER)
        known = endpoint.executor.services.handshakes.open(token, principal) if token else None
        header = UNNEGOTIATED if known is None else known.version
    return has_batches(header.strip())


def has_batches(version: str) -> bool:
    """Whether a version lets messages come in an array."""
    era = era_of_version(version) if version in LEGACY_VERSIONS else None
    return isinstance(era, LegacyEra) and era.has_batches


def answer_batch(members: list[Raw], answer: Callable[[RpcMessage], bytes]) -> list[bytes]:
    """Answer the requests of a batch, one after the other ("Batching" in the version that has it).

    Raises:
        InvalidRequestError: there are none, or too many.
    """
    if not 0 < len(members) <= MAX_BATCH:
        raise InvalidRequestError(f"A batch has 1 to {MAX_BATCH} messages, not {len(members)}")
    replies = (_answer_member(member, answer) for member in members)
    return [reply for reply in replies if reply is not None]


def join_batch(replies: list[bytes]) -> bytes:
    """The replies of a batch as the array that answers it."""
    return b"[" + b",".join(replies) + b"]"


def _answer_member(member: Raw, answer: Callable[[RpcMessage], bytes]) -> bytes | None:
    try:
        message = jsonrpc.decode(bytes(member))
    except jsonrpc.MalformedMessage as malformed:
        if read_response(member) is not None:
            return None
        return error_response(malformed.error, malformed.request_id).body
    if isinstance(message.id, UnsetType):
        return None
    if message.method == "initialize" or is_modern(message, None):
        error = InvalidRequestError(f"{message.method} cannot be part of a batch")
        return error_response(error, message.id).body
    return answer(message)


def cancel(services: Services, message: RpcMessage, request: Request, principal: Principal | None) -> None:
    """Stop a call of this process whose client does not want its result (basic/utilities/cancellation)."""
    assert services.live is not None  # noqa: S101 - asked for before
    with contextlib.suppress(msgspec.DecodeError, UnicodeError):
        params = msgspec.json.decode(message.params, type=CancelledParams)
        key = _call_key(params.request_id, request, principal)
        if any(key[:2]):  # else the id could be that of another client's call
            services.live.cancel(key)


@contextlib.contextmanager
def running(
    services: Services,
    request_id: RequestId,
    request: Request,
    invocation: Invocation,
    principal: Principal | None,
) -> Iterator[None]:
    """While a call runs: its client can cancel it by a message of its own, and by that alone.

    In the legacy era a connection that ends does not mean that the result is not wanted.
    """
    if services.live is None or not isinstance(invocation, Stoppable):
        yield
        return
    key = _call_key(request_id, request, principal)
    invocation.detached = True
    services.live.begin(key, invocation)
    try:
        yield
    finally:
        services.live.end(key, invocation)


def _call_key(request_id: RequestId, request: Request, principal: Principal | None) -> CallKey:
    return key_of(principal), request.headers.get(SESSION_HEADER, ""), request_id


def get(endpoint: Endpoint, request: Request, invocation: Invocation) -> HttpResponse:
    """Resume a stream that has ended before its response.

    Raises:
        HttpRefusal: 405, there is no other stream: nothing holds an invocation open.
    """
    if (event_id := request.headers.get("last-event-id")) is not None:
        from lambent.execution.durable.resumption import resume

        return resume(endpoint, request, invocation, endpoint.authenticate(request), event_id)
    if SSE_TYPE in request.headers.get("accept", ""):
        raise not_allowed(
            "There is no stream to listen to, and the HTTP+SSE transport is not served: use Streamable HTTP, "
            "with POST to this URL"
        )
    raise not_allowed("Method GET is not allowed; use POST")


def delete(endpoint: Endpoint, request: Request, invocation: Invocation) -> HttpResponse:
    """End a session (streamable HTTP of the legacy era, "Session Management").

    Raises:
        HttpRefusal: 404, it is not one of this server's; 405, it names none.
    """
    token = request.headers.get(SESSION_HEADER)
    if token is None:
        raise not_allowed("Method DELETE is not allowed; use POST")
    principal = endpoint.authenticate(request)
    endpoint.executor.services.handshakes.end(token, principal)
    return HttpResponse(200, {})
