"""Errors that say what a server without sessions does not have, and what to write in its place."""

from __future__ import annotations

from lambent.errors import DeclarationError, LambentError, ToolError

MCPServerError = FastMCPError = LambentError
"""The base of the errors, of version 2 and of version 1."""

PAGE = "docs/porting.md"


class TooLateError(DeclarationError, ToolError):
    """A feature is declared or removed while requests are answered; the model reads why."""

    def __init__(self, what: str, page: str = PAGE) -> None:
        super().__init__(
            f"{what} comes too late: the next request may be answered by another execution environment, so "
            f"what a server offers is fixed when its handler is made ({page})"
        )


class ResourceError(ToolError):
    """A resource cannot be read; the client reads why."""


class ResourceNotFoundError(ResourceError):
    """There is no such resource; the client reads why."""


class UnexpectedToolError(ToolError):
    """Never raised here: a failure that nobody anticipated is a result with a reference to the log."""


class UnexpectedResourceError(ResourceError):
    """As above."""


InvalidSignature = DeclarationError
"""A function cannot be what it is declared as."""


class NotHereError(AttributeError, ToolError):
    """Something that only a server with sessions has; the model reads what replaces it."""

    def __init__(self, what: str, instead: str, page: str = PAGE) -> None:
        super().__init__(f"There is no {what} here: {instead} ({page})")
