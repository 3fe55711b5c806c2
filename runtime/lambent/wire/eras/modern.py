"""The modern era: version, identity and capabilities travel in every request's ``_meta``.

Basic, "_meta"; basic/versioning; streamable HTTP, "Request Metadata".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from lambent.errors import HeaderMismatchError, InvalidParamsError, ProtocolError, UnsupportedVersionError
from lambent.wire import jsonrpc
from lambent.wire.headers import require_match
from lambent.wire.http import JSON_TYPE, HttpResponse, error_response
from lambent.wire.jsonrpc import LazyDecoder, RequestId, RpcMessage
from lambent.wire.methods import ANY_METHOD, METHODS, Method, Params, without_nulls
from lambent.wire.results import Outcome
from lambent.wire.values import ClientCapabilities, RequestMeta

if TYPE_CHECKING:
    from lambent.wire.eras.era import Era

VERSION = "2026-07-28"

VERSION_KEY = "io.modelcontextprotocol/protocolVersion"
"""The key of ``_meta`` that names the version of a request."""

_VERSION_HEADER = "MCP-Protocol-Version"


class RpcRequest(msgspec.Struct, frozen=True):
    """A JSON-RPC request that keeps the rules of its era, typed; ``raw`` are its parameters as JSON."""

    id: RequestId
    method: str
    params: Any
    meta: RequestMeta
    client: ClientCapabilities
    raw: Raw
    era: Era


class ModernEra:
    """The era's rules; errors name the versions that are ``supported``, newest first."""

    version: str = VERSION
    methods: Mapping[str, Method] = METHODS

    def __init__(self, supported: tuple[str, ...] = (VERSION,)) -> None:
        self._supported = supported

    def decode(self, message: RpcMessage, headers: dict[str, str] | None) -> RpcRequest:
        """Check every rule of a message with an id, once and in one order, and read it.

        ``headers`` are the HTTP headers, names in lower case; None where there are none to check (stdio).
        Whatever is wrong with an ``initialize``, its error names the supported versions: it may be all
        that a client of an earlier era can show (basic/versioning).

        Raises:
            ProtocolError: the first rule that is broken.
        """
        try:
            return self._decode(message, headers)
        except ProtocolError as error:
            if message.method == "initialize" and error.data is None:
                error.data = {"supported": list(self._supported)}
            raise

    def render(self, request_id: RequestId, outcome: Outcome, meta: Mapping[str, Any]) -> HttpResponse:
        """Write the response of a call; ``meta`` is what every result says of the server.

        Raises:
            TypeError: the outcome has no JSON form; also ``ValueError`` and ``RecursionError``.
        """
        if outcome.error is not None:
            return error_response(outcome.error, request_id)
        result = outcome.result
        assert result is not None  # noqa: S101 - one of the two is set
        result.meta = meta if result.meta is UNSET else {**meta, **result.meta}
        return HttpResponse(200, {"content-type": JSON_TYPE}, jsonrpc.success(request_id, result))

    def notification(self, method: str, params: dict[str, Any]) -> bytes:
        """See ``Era.notification``."""
        return jsonrpc.notification(method, params)

    def _decode(self, message: RpcMessage, headers: dict[str, str] | None) -> RpcRequest:
        name = message.method
        method = self.methods.get(name, ANY_METHOD)
        params, raw, problem = read_params(method.decoder, message.params)
        meta = params.meta
        version = UNSET if isinstance(meta, UnsetType) else meta.protocol_version
        if headers is not None and headers.get("mcp-protocol-version") != version:
            self._check_version_header(headers, version)
        if isinstance(meta, UnsetType) or isinstance(version, UnsetType):
            raise InvalidParamsError(
                problem or "params._meta must carry io.modelcontextprotocol/protocolVersion",
                {"supported": list(self._supported)},
            )
        if version != VERSION:
            raise UnsupportedVersionError(version, self._supported)
        # The name of a known method has only characters that a header can carry.
        if headers is not None and (method is ANY_METHOD or headers.get("mcp-method") != name):
            require_match(headers, "Mcp-Method", name, encoded=False)
        client = meta.client_capabilities
        if isinstance(client, UnsetType):
            raise InvalidParamsError("params._meta must carry io.modelcontextprotocol/clientCapabilities")
        if problem:
            raise InvalidParamsError(problem)
        if method.mirrored is not None and headers is not None:
            require_match(headers, "Mcp-Name", getattr(params, method.mirrored))
        assert not isinstance(message.id, UnsetType)  # noqa: S101 - notifications end before
        return RpcRequest(message.id, name, params, meta, client, raw, self)

    def _check_version_header(self, headers: dict[str, str], version: str | UnsetType) -> None:
        header = headers.get("mcp-protocol-version")
        if isinstance(version, UnsetType):
            if header is not None and header.strip() != VERSION:
                raise UnsupportedVersionError(header.strip(), self._supported)
            if header is None:
                raise HeaderMismatchError(f"Header mismatch: {_VERSION_HEADER} header is missing")
        else:
            require_match(headers, _VERSION_HEADER, version, encoded=False)


def read_params(decoder: LazyDecoder[Any], raw: Raw) -> tuple[Any, Raw, str | None]:
    """Decode parameters; where they are wrong, at least their ``_meta``, and say what is wrong.

    A member that is null counts as absent; the second value are the parameters as they were read.
    """
    try:
        return decoder.decode(raw), raw, None
    except RecursionError:
        return Params(), raw, "Invalid params: nested too deeply"
    except (msgspec.DecodeError, UnicodeError) as error:
        problem = str(error)
    try:
        raw = without_nulls(raw, decoder.target.verbatim)
        return decoder.decode(raw), raw, None
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        if "missing required" not in str(error):  # else it was null, as the first error says
            problem = str(error)
    problem = f"Invalid params: {problem}".replace("`$.", "`$.params.")
    try:
        return ANY_METHOD.decoder.decode(raw), raw, problem
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return Params(), raw, problem
