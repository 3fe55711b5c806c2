"""Exceptions of ``fastmcp.exceptions``."""

from __future__ import annotations

from lambent import errors


class FastMCPError(Exception):
    """The base of the exceptions here."""


class ToolError(FastMCPError, errors.ToolError):
    """The tool fails, and the model is shown why."""


class ResourceError(FastMCPError, errors.ProtocolError):
    """The resource cannot be read, and the client is told why: -32603."""


class PromptError(FastMCPError, errors.ProtocolError):
    """The prompt cannot be made, and the client is told why: -32603."""


class NotFoundError(FastMCPError, errors.InvalidParamsError):
    """There is no such feature: -32602."""


class DisabledError(NotFoundError):
    """The feature is switched off, so clients are told that there is none."""


class ValidationError(FastMCPError, ValueError):
    """A value does not fit."""


class AuthorizationError(FastMCPError, errors.HttpRefusal):
    """The caller may not do this: 403."""

    def __init__(self, message: str = "Forbidden", *, status: int = 403) -> None:
        super().__init__(status, message)
