"""From a message to a typed request: every rule of a modern request, checked once and in one order.

Basic, "_meta"; basic/versioning; streamable HTTP, "Request Metadata".
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from lambent.errors import (
    HeaderMismatchError,
    InvalidParamsError,
    MethodNotFoundError,
    ProtocolError,
    UnsupportedVersionError,
)
from lambent.wire.eras import ERAS, LATEST_VERSION, SUPPORTED_VERSIONS
from lambent.wire.headers import require_match
from lambent.wire.jsonrpc import RequestId, RpcMessage
from lambent.wire.lazy import LazyDecoder
from lambent.wire.methods import ANY_METHOD, METHODS, Params
from lambent.wire.values import ClientCapabilities, RequestMeta

_INITIALIZE = "initialize"
_VERSION_HEADER = "MCP-Protocol-Version"


class Request(msgspec.Struct, frozen=True):
    """A request that keeps all the rules, typed.

    Attributes:
        id: the JSON-RPC id.
        method: a method of the table.
        params: its typed parameters.
        meta: the reserved keys of ``_meta``.
        client: the capabilities declared for this request.
        headers: the HTTP headers, names in lower case; None on stdio.
        raw: the undecoded parameters.
    """

    id: RequestId
    method: str
    params: Any
    meta: RequestMeta
    client: ClientCapabilities
    headers: dict[str, str] | None
    raw: Raw


def judge(message: RpcMessage, headers: dict[str, str] | None) -> Request:
    """Judge a request message.

    Whatever is wrong with an ``initialize``, its error names the versions that are spoken: it may be all that
    a client of an earlier era can show (basic/versioning).

    Args:
        message: a message with an id.
        headers: the HTTP headers, names in lower case; None where there are none to check (stdio).

    Raises:
        HeaderMismatchError: a header is missing or does not match the body.
        UnsupportedVersionError: the version is not in the table of eras.
        InvalidParamsError: ``_meta`` lacks a required key, or the parameters are wrong.
    """
    try:
        return _judge(message, headers)
    except ProtocolError as error:
        if message.method == _INITIALIZE and error.data is None:
            error.data = {"supported": list(SUPPORTED_VERSIONS)}
        raise


def method_not_found(method: str) -> MethodNotFoundError:
    """What a method is answered with that a server does not offer."""
    data = {"supported": list(SUPPORTED_VERSIONS)} if method == _INITIALIZE else None
    return MethodNotFoundError("Method not found", data)


def _judge(message: RpcMessage, headers: dict[str, str] | None) -> Request:
    name = message.method
    method = METHODS.get(name, ANY_METHOD)
    params, problem = _read(method.decoder, message.params)
    meta = params.meta
    version = UNSET if isinstance(meta, UnsetType) else meta.protocol_version
    if headers is not None:
        _check_version_header(headers, message, version)
    if isinstance(meta, UnsetType) or isinstance(version, UnsetType):
        raise InvalidParamsError(
            problem or "params._meta must carry io.modelcontextprotocol/protocolVersion",
            {"supported": list(SUPPORTED_VERSIONS)},
        )
    if version not in ERAS:
        raise UnsupportedVersionError(version, SUPPORTED_VERSIONS)
    if headers is not None:
        require_match(headers, "Mcp-Method", name, encoded=False)
    client = meta.client_capabilities
    if isinstance(client, UnsetType):
        raise InvalidParamsError("params._meta must carry io.modelcontextprotocol/clientCapabilities")
    if problem:
        raise InvalidParamsError(problem)
    if method.mirrored is not None and headers is not None:
        require_match(headers, "Mcp-Name", getattr(params, method.mirrored))
    assert not isinstance(message.id, UnsetType)  # noqa: S101 - notifications are never judged
    return Request(message.id, name, params, meta, client, headers, message.params)


class _WholeMeta(msgspec.Struct):
    meta: dict[str, Any] = msgspec.field(name="_meta")


_whole_meta: LazyDecoder[_WholeMeta] = LazyDecoder(_WholeMeta)


def meta_of(request: Request) -> dict[str, Any]:
    """The whole ``_meta`` of a request, with the keys that are not the protocol's.

    Raises:
        InvalidParamsError: there is something in it that cannot be read, such as a number out of range.
    """
    try:
        return _whole_meta.decode(request.raw).meta
    except (msgspec.DecodeError, UnicodeError, RecursionError, ValueError) as error:
        raise InvalidParamsError(f"Invalid params: {error}") from None


def _read(decoder: LazyDecoder[Any], raw: Raw) -> tuple[Any, str | None]:
    """Decode parameters; where they are wrong, at least their ``_meta``, and say what is wrong."""
    try:
        return decoder.decode(raw), None
    except RecursionError:
        return Params(), "Invalid params: nested too deeply"
    except (msgspec.DecodeError, UnicodeError) as error:
        problem = f"Invalid params: {error}".replace("`$.", "`$.params.")
    try:
        return ANY_METHOD.decoder.decode(raw), problem
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return Params(), problem


def _check_version_header(headers: dict[str, str], message: RpcMessage, version: str | UnsetType) -> None:
    header = headers.get("mcp-protocol-version")
    if header is not None and header == version:
        return
    if isinstance(version, UnsetType):
        _refuse_legacy(header, message)
    if header is None:
        raise HeaderMismatchError(f"Header mismatch: {_VERSION_HEADER} header is missing")
    if not isinstance(version, UnsetType):
        require_match(headers, _VERSION_HEADER, version, encoded=False)


def _refuse_legacy(header: str | None, message: RpcMessage) -> None:
    """Tell a client of an era before ``_meta`` which versions it would need (basic/versioning)."""
    if header is not None and header.strip() != LATEST_VERSION:
        raise UnsupportedVersionError(header.strip(), SUPPORTED_VERSIONS)
    if header is None and message.method == _INITIALIZE:
        try:
            requested = msgspec.json.decode(message.params)["protocolVersion"]
        except (msgspec.DecodeError, UnicodeError, KeyError, TypeError):
            requested = ""
        raise UnsupportedVersionError(str(requested), SUPPORTED_VERSIONS)
