"""HTTP requests that only clients of the legacy era send: answers, batches, GET and DELETE."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from lambent.auth.principal import Principal, key_of
from lambent.errors import InvalidRequestError
from lambent.execution.batches import Batch, has_batches, read_batch
from lambent.execution.call import Services
from lambent.execution.client_answers import read_response, take_answer
from lambent.execution.handshakes import SESSION_HEADER, VERSION_HEADER
from lambent.execution.invocation import Invocation
from lambent.execution.rounds.live_calls import CallKey, CancelledParams
from lambent.wire.eras import UNNEGOTIATED
from lambent.wire.http import (
    SSE_TYPE,
    Accepts,
    HttpResponse,
    Request,
    error_response,
    not_allowed,
)
from lambent.wire.jsonrpc import RequestId, RpcMessage

if TYPE_CHECKING:
    from lambent.execution.endpoint import Endpoint


def post_answer_or_batch(
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
    body = _text_of(request.body)
    if body is None:
        return None
    if (response := read_response(body)) is not None:
        take_answer(endpoint.executor.services, principal, response)
        return HttpResponse(202, {})
    members = read_batch(body)
    if members is None or not _has_batches(endpoint, request, principal):
        return None
    invocation.may_stream = accepts.sse
    try:
        batch = Batch(endpoint, request, invocation, principal)
        return batch.answer(members, accepts)
    except InvalidRequestError as error:
        return error_response(error)


def _text_of(body: bytes | str) -> str | None:
    """A body as text without a byte order mark, see ``jsonrpc.decode``; None where it is not UTF-8."""
    try:
        text = body if isinstance(body, str) else body.decode()
    except UnicodeError:
        return None
    return text.removeprefix("\ufeff")


def _has_batches(endpoint: Endpoint, request: Request, principal: Principal | None) -> bool:
    header = request.headers.get(VERSION_HEADER)
    if header is None:
        token = request.headers.get(SESSION_HEADER)
        known = endpoint.executor.services.handshakes.open(token, principal) if token else None
        header = UNNEGOTIATED if known is None else known.version
    return has_batches(header.strip())


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
    assert services.live is not None  # noqa: S101 - asked for before
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
    if not token:
        raise not_allowed("Method DELETE is not allowed; use POST")
    principal = endpoint.authenticate(request)
    endpoint.executor.services.handshakes.end(token, principal)
    return HttpResponse(200, {})
