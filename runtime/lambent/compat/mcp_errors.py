"""``MCPError`` of the official SDK, and the codes of JSON-RPC errors by their names there."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Any, TypeVar

import msgspec

from lambent.errors import ProtocolError

T = TypeVar("T")

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
CONNECTION_CLOSED = -32000
REQUEST_TIMEOUT = -32001
HEADER_MISMATCH = -32020
MISSING_REQUIRED_CLIENT_CAPABILITY = -32021
UNSUPPORTED_PROTOCOL_VERSION = -32022
URL_ELICITATION_REQUIRED = -32042

_STATUS = {
    **dict.fromkeys((PARSE_ERROR, INVALID_REQUEST, INVALID_PARAMS), 400),
    **dict.fromkeys((HEADER_MISMATCH, MISSING_REQUIRED_CLIENT_CAPABILITY, UNSUPPORTED_PROTOCOL_VERSION), 400),
    METHOD_NOT_FOUND: 404,
}
"""The HTTP status of an error, by its code; of all others it is 200 (streamable HTTP)."""


class ErrorData(msgspec.Struct):
    """A JSON-RPC error."""

    code: int
    message: str
    data: Any = None


class MCPError(ProtocolError):
    """A request that is answered with a JSON-RPC error: ``MCPError(code, message, data)``.

    Version 1.x writes ``McpError(ErrorData(code=…, message=…))``.
    """

    code: int

    def __init__(self, code: int | Any, message: str = "", data: Any = None) -> None:
        if not isinstance(code, int):
            code, message, data = code.code, code.message, code.data
        super().__init__(message, data, status=_STATUS.get(code, 200))
        self.code = code
        self.native: ProtocolError | None = None

    @classmethod
    def from_error_data(cls, error: Any) -> MCPError:
        """The exception of an ``ErrorData``."""
        return MCPError(error.code, error.message, error.data)

    @classmethod
    def of(cls, error: ProtocolError) -> MCPError:
        """An error of this library as one that ``except MCPError`` catches; it is its ``native``."""
        found = MCPError(error.code, error.message, error.data)
        found.native = error
        return found

    @property
    def error(self) -> ErrorData:
        """The JSON-RPC error."""
        return ErrorData(self.code, self.message, self.data)


async def outward(passed_on: Awaitable[T]) -> T:
    """Wait for what a call ends with; errors of this library are raised as ``MCPError``."""
    try:
        return await passed_on
    except MCPError:
        raise
    except ProtocolError as error:
        raise MCPError.of(error) from error


async def inward(answer: Awaitable[T]) -> T:
    """Wait for code of the official SDK; an error of ``outward`` that it lets pass is what it was before."""
    try:
        return await answer
    except MCPError as error:
        if error.native is None:
            raise
        raise error.native from None


McpError = MCPError
"""The name of version 1.x."""


class UrlElicitationRequiredError(MCPError):
    """The user has to visit pages first; each elicitation has ``message``, ``url`` and an id."""

    def __init__(self, elicitations: Sequence[Any], message: str | None = None) -> None:
        from lambent.compat.results import members_of

        self.elicitations = list(elicitations)
        data = {"elicitations": [members_of(one) for one in self.elicitations]}
        plural = "s" if len(self.elicitations) > 1 else ""
        super().__init__(URL_ELICITATION_REQUIRED, message or f"URL elicitation{plural} required", data)
