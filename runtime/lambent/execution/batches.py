"""Batches: several messages in an array, as one version of the legacy era has them ("Batching")."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec
from msgspec import Raw, UnsetType

from lambent.auth.principal import Principal
from lambent.errors import InvalidRequestError
from lambent.execution.client_answers import read_response, take_answer
from lambent.execution.endpoint import era_of
from lambent.execution.execute import too_large
from lambent.execution.invocation import Invocation
from lambent.wire import jsonrpc
from lambent.wire.eras import LEGACY_VERSIONS, era_of_version, is_modern
from lambent.wire.eras.legacy import ClientResponse, LegacyEra
from lambent.wire.http import (
    JSON_TYPE,
    SSE_HEADERS,
    SSE_TYPE,
    STREAM,
    Accepts,
    HttpResponse,
    Request,
    error_response,
    sse_frame,
)
from lambent.wire.jsonrpc import RpcMessage

if TYPE_CHECKING:
    from lambent.execution.endpoint import Endpoint
    from lambent.execution.handshakes import Handshake

MAX_BATCH = 100
"""Messages in an array."""

_arrays = msgspec.json.Decoder(list[Raw])


class Batch:
    """A batch that came as one HTTP request: its replies are one response, which the platform must take."""

    def __init__(
        self, endpoint: Endpoint, request: Request, invocation: Invocation, principal: Principal | None
    ) -> None:
        self._endpoint = endpoint
        self._request = request
        self._invocation = invocation
        self._principal = principal
        self._limit = endpoint.executor.services.response_limit
        self._most = sys.maxsize if self._limit is None else self._limit.of(request)
        self._handshake: Handshake | None = None

    def answer(self, members: list[Raw], accepts: Accepts) -> HttpResponse:
        """Answer the members, one after the other.

        Raises:
            InvalidRequestError: there are none, or too many.
            HttpRefusal: 404, their session is not one of this server's.
        """
        answered: list[tuple[RpcMessage | None, bytes]] = []
        size = 0
        take = functools.partial(take_answer, self._endpoint.executor.services, self._principal)
        for one in _answered(members, self._answer_one, take):
            answered.append(one)
            size += len(one[1])
            if size > 2 * self._most:
                size = self._drop_largest(answered, size)
        if not answered:
            return HttpResponse(202, {})
        if self._invocation.streamed:
            accepts = STREAM
        frame = functools.partial(_framed, accepts=accepts)
        replies, notifications = [reply for _, reply in answered], self._invocation.notifications
        if self._limit is None:
            return frame(replies, notifications)
        from lambent.execution.fitting import fit_batch

        def refuse(number: int) -> bytes:
            message, reply = answered[number]
            return reply if message is None else self._refused(message, len(reply))

        return fit_batch(replies, notifications, frame, self._request, self._limit, refuse)

    def _answer_one(self, message: RpcMessage) -> bytes:
        endpoint, request, invocation = self._endpoint, self._request, self._invocation
        if self._handshake is None:  # once: a session may end meanwhile, and the response may have begun
            self._handshake = endpoint.handshake_of(message, request, self._principal)
        return endpoint.answer(message, request, invocation, self._principal, self._handshake).body

    def _drop_largest(self, answered: list[tuple[RpcMessage | None, bytes]], size: int) -> int:
        """Do not keep what cannot be sent anyway; the size of what is left."""
        for number in sorted(range(len(answered)), key=lambda number: -len(answered[number][1])):
            message, reply = answered[number]
            if size > self._most and message is not None:
                answered[number] = None, self._refused(message, len(reply))
                size += len(answered[number][1]) - len(reply)
        return size

    def _refused(self, message: RpcMessage, size: int) -> bytes:
        assert not isinstance(message.id, UnsetType)  # noqa: S101 - a notification has no answer
        outcome = too_large(message.method, size, self._most, is_in_batch=size <= self._most)
        return era_of(self._handshake).render(message.id, outcome, {}).body


def _framed(replies: Sequence[bytes], notifications: Sequence[bytes], accepts: Accepts) -> HttpResponse:
    """The response of a batch: an array, or a stream if there is more to send or the client wants one."""
    if accepts.json and not (accepts.sse and notifications):
        return HttpResponse(200, {"content-type": JSON_TYPE}, join_batch(replies))
    body = b"".join(map(sse_frame, [*notifications, *replies]))
    return HttpResponse(200, {**SSE_HEADERS, "content-type": SSE_TYPE}, body)


def read_batch(body: str | bytes) -> list[Raw] | None:
    """Read an array of messages; None where it is something else."""
    try:
        return _arrays.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def has_batches(version: str) -> bool:
    """Whether a version lets messages come in an array."""
    era = era_of_version(version) if version in LEGACY_VERSIONS else None
    return isinstance(era, LegacyEra) and era.has_batches


def answer_batch(
    members: list[Raw], answer: Callable[[RpcMessage], bytes], take: Callable[[ClientResponse], None]
) -> list[bytes]:
    """Answer the requests of a batch, one after the other ("Batching" in the version that has it).

    ``take`` takes the responses among them.

    Raises:
        InvalidRequestError: there are none, or too many.
    """
    return [reply for _, reply in _answered(members, answer, take)]


def _answered(
    members: list[Raw], answer: Callable[[RpcMessage], bytes], take: Callable[[ClientResponse], None]
) -> Iterator[tuple[RpcMessage | None, bytes]]:
    """The replies, each with the request that it answers; None where that could not be read."""
    if not 0 < len(members) <= MAX_BATCH:
        raise InvalidRequestError(f"A batch has 1 to {MAX_BATCH} messages, not {len(members)}")
    for member in members:
        answered = _answer_member(member, answer, take)
        if answered is not None:
            yield answered


def join_batch(replies: Sequence[bytes]) -> bytes:
    """The replies of a batch as the array that answers it."""
    return b"[" + b",".join(replies) + b"]"


def _answer_member(
    member: Raw, answer: Callable[[RpcMessage], bytes], take: Callable[[ClientResponse], None]
) -> tuple[RpcMessage | None, bytes] | None:
    try:
        message = jsonrpc.decode(bytes(member))
    except jsonrpc.MalformedMessage as malformed:
        if (response := read_response(member)) is not None:
            take(response)
            return None
        return None, error_response(malformed.error, malformed.request_id).body
    if isinstance(message.id, UnsetType):
        return None
    if message.method == "initialize" or is_modern(message, None):
        error = InvalidRequestError(f"{message.method} cannot be part of a batch")
        return None, error_response(error, message.id).body
    return message, answer(message)
