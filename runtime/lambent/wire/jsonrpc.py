"""JSON-RPC 2.0 messages: one body in, one response out (basic, "Messages"); and decoders of their parts."""

from __future__ import annotations

from typing import Any, Generic, Literal, TypeVar

import msgspec
from msgspec import UNSET, Raw, UnsetType

from lambent.errors import InvalidRequestError, ParseError, ProtocolError

RequestId = str | int
T = TypeVar("T")


class RpcMessage(msgspec.Struct, frozen=True):
    """A request, or a notification where ``id`` is unset; ``params`` is still undecoded JSON."""

    jsonrpc: Literal["2.0"]
    method: str
    id: RequestId | UnsetType = UNSET
    params: Raw = Raw(b"{}")


class _ErrorObject(msgspec.Struct, omit_defaults=True):
    code: int
    message: str
    data: Any = None


class _Sent(msgspec.Struct):
    """A response or a notification; what is unset is left out."""

    jsonrpc: str = "2.0"
    id: RequestId | UnsetType = UNSET
    method: str | UnsetType = UNSET
    params: Any = UNSET
    result: Any = UNSET
    error: _ErrorObject | UnsetType = UNSET


class MalformedMessage(Exception):  # noqa: N818 - carries the error to answer
    """A body that is not a message; with the id for its error response where the body has a valid one."""

    def __init__(self, error: ProtocolError, request_id: RequestId | UnsetType) -> None:
        super().__init__(str(error))
        self.error = error
        self.request_id = request_id


_SPARE_LEVELS = 200
"""Levels of nesting. A deeply nested body is first read inside this many arrays: if that works, code further
down the stack can read and write parts of the body without reaching Python's recursion limit."""

_BYTE_ORDER_MARK = "\ufeff"

_skip = msgspec.json.Decoder(Raw)
_decoder = msgspec.json.Decoder(RpcMessage)
_encoder = msgspec.json.Encoder()

encode = _encoder.encode


def decode(body: bytes | str) -> RpcMessage:
    """Read one message; a byte order mark in front of it is ignored (RFC 8259, section 8.1).

    Raises:
        MalformedMessage: with the ``ParseError`` or ``InvalidRequestError`` to answer.
    """
    text = ""
    try:
        # Decode all of it: msgspec does not check the UTF-8 of strings that it skips.
        text = body if isinstance(body, str) else body.decode()
        if text.count("[") + text.count("{") > _SPARE_LEVELS:
            _skip.decode("[" * _SPARE_LEVELS + text + "]" * _SPARE_LEVELS)
        return _decoder.decode(text)
    except RecursionError:
        raise MalformedMessage(ParseError("The body is nested too deeply"), UNSET) from None
    except (msgspec.DecodeError, UnicodeError):
        if text.startswith(_BYTE_ORDER_MARK) and text[1:2] != _BYTE_ORDER_MARK:
            return decode(text[1:])
        raise _diagnose(body) from None


def _diagnose(body: bytes | str) -> MalformedMessage:
    """Find out why a body is not a message; only bodies that could not be decoded are read again for this."""
    try:
        message = msgspec.json.decode(body if isinstance(body, str) else body.decode())
    except RecursionError:
        return MalformedMessage(ParseError("The body is nested too deeply"), UNSET)
    except (msgspec.DecodeError, UnicodeError) as error:
        return MalformedMessage(_not_json(body[:4], error), UNSET)
    if isinstance(message, list):
        return MalformedMessage(InvalidRequestError("Batches are not supported: send one message"), UNSET)
    if not isinstance(message, dict):
        return MalformedMessage(InvalidRequestError("The body must be a JSON object"), UNSET)
    request_id = message.get("id", UNSET)
    if isinstance(request_id, bool) or not isinstance(request_id, str | int | UnsetType):
        return MalformedMessage(InvalidRequestError("id must be a string or an integer"), UNSET)
    if message.get("jsonrpc") != "2.0":
        reason = 'jsonrpc must be "2.0"'
    elif "method" not in message and ("result" in message or "error" in message):
        reason = "Clients send no responses: answer an input request by retrying the call"
    else:
        reason = "method must be a string"
    return MalformedMessage(InvalidRequestError(reason), request_id)


_GZIP = (b"\x1f\x8b", "\x1f\ufffd".encode(), "\x1f\x8b".encode())
"""How a compressed body begins, also where a front end has read it as text."""


def _not_json(start: bytes | str, error: Exception) -> ParseError:
    """What is wrong with a body that begins like this, which a front end may have read as UTF-8."""
    data = start if isinstance(start, bytes) else start.encode(errors="replace")
    text = "The body is not valid JSON: {}"
    if data.startswith(_GZIP):  # a body may be inspected for this (RFC 9110, section 15.5.16)
        reason = text.format("it is compressed, send it uncompressed")
        return ParseError(reason, status=415, headers={"Accept-Encoding": "identity"})
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or (b"\0" in data and len(start) == 4):
        return ParseError(text.format("it is in UTF-16 or UTF-32, send UTF-8"))
    return ParseError(text.format(error))


def success(request_id: RequestId | UnsetType, result: Any) -> bytes:
    """Encode a result response."""
    return _encoder.encode(_Sent(id=request_id, result=result))


def failure(request_id: RequestId | UnsetType, code: int, message: str, data: Any = None) -> bytes:
    """Encode an error response; an unset id is left out."""
    return _encoder.encode(_Sent(id=request_id, error=_ErrorObject(code, message, data)))


def request(request_id: RequestId, method: str, params: Any) -> bytes:
    """Encode a request of the server, as the legacy era has them."""
    return _encoder.encode(_Sent(id=request_id, method=method, params=params))


def notification(method: str, params: Any) -> bytes:
    """Encode a notification."""
    return _encoder.encode(_Sent(method=method, params=params))


class LazyDecoder(Generic[T]):
    """A JSON decoder of a type that is made at first use: a request needs only two of about a dozen."""

    def __init__(self, target: type[T] | Any) -> None:
        self.target = target

    def decode(self, raw: bytes | str | Raw) -> T:
        """Read JSON; see ``msgspec.json.Decoder.decode``."""
        decoder: msgspec.json.Decoder[T] = msgspec.json.Decoder(self.target)
        self.decode = decoder.decode  # type: ignore[method-assign,assignment]  # the next call goes to msgspec directly
        return decoder.decode(raw)
