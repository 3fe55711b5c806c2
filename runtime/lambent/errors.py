"""Exceptions, named by what they make happen.

===================  ==================================================================
``ProtocolError``    the request is answered with a JSON-RPC error (code and HTTP status)
``HttpRefusal``      the HTTP request is refused before any JSON-RPC message is read
``ToolError``        the tool fails, and the model is shown why (``isError``)
``RetryableError``   the tool fails for now; a task runs again, a plain call fails
``StoreError``       a store cannot be used; a call fails with -32603, a task is tried again
``Suspend``          the handler waits for the client's answers and is run again later
``Cancelled``        the client is gone or wants no answer any more: the handler stops
``DeadlineReached``  the time for this run is up: what is finished is kept, the rest runs elsewhere
``DeclarationError`` the server is declared wrongly: raised while a module is imported
===================  ==================================================================
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar


class LambentError(Exception):
    """The base of every exception of this library but ``Suspend``."""


class DeclarationError(LambentError, TypeError):
    """A tool, resource, prompt or setting is declared in a way that cannot work."""


class ConfigurationError(LambentError):
    """Something that the deployment must provide is missing or unusable.

    The message says what to set. It is meant for the operator's log; the client sees an internal error.
    """


class ItemTooLargeError(LambentError):
    """Something does not fit into an item of the store."""


class StoreError(LambentError):
    """A table, queue, bucket or secret could not be reached, or refused what it was asked for.

    An inline call ends with a JSON-RPC error, code -32603; a task is tried again. ``__cause__`` is the error
    of the library that the adapter uses. The message is meant for the operator's log.
    """


class ToolError(LambentError):
    """A failure that a tool's author anticipated.

    The message is shown to the model in an ``isError`` result (server/tools, "Error Handling").
    """


class RetryableError(ToolError):
    """A failure that may pass: a task tries again, a plain call fails like ``ToolError``."""


class Suspend(BaseException):
    """The handler has waited for an answer that is not there yet.

    A ``BaseException``, so that a tool's own ``except Exception`` cannot swallow it.
    """


class Cancelled(BaseException):
    """The client does not want the result any more.

    A ``BaseException`` for the same reason: cleaning up is for ``finally``.
    """


class DeadlineReached(BaseException):
    """The time that a run of a handler has is up."""


SIGNALS = (Suspend, Cancelled, DeadlineReached, KeyboardInterrupt, GeneratorExit)
"""What passes every boundary for failures: none of these is one."""


class HttpRefusal(LambentError):  # noqa: N818 - says what happens
    """An HTTP request that is refused as such.

    Args:
        status: HTTP status code of the response.
        message: the reason, sent in a JSON-RPC error response without an id.
        headers: further response headers, such as ``Allow``.
    """

    code: ClassVar[int] = -32600

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = dict(headers or {})


class ProtocolError(LambentError):
    """A request that is answered with a JSON-RPC error.

    Args:
        message: one sentence for whoever wrote the client.
        data: the error's ``data`` member, any JSON value, or nothing.
    """

    # The specification gives -32603 no status. Clients read a response's error at 200; some read none at 500.
    code: ClassVar[int] = -32603
    status: ClassVar[int] = 200

    def __init__(self, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.message = message
        self.data = data


class ParseError(ProtocolError):
    """The body is not JSON (JSON-RPC 2.0, section 5.1)."""

    code = -32700
    status = 400


class InvalidRequestError(ProtocolError):
    """The body is JSON, but no request (JSON-RPC 2.0, section 5.1)."""

    code = -32600
    status = 400


class MethodNotFoundError(ProtocolError):
    """The method is not one that this server offers (streamable HTTP, "Protocol Version Header")."""

    code = -32601
    status = 404


class InvalidParamsError(ProtocolError):
    """The method's parameters are wrong, or name something that does not exist."""

    code = -32602
    status = 400


class ResourceNotFoundError(InvalidParamsError):
    """No resource has this URI (server/resources, "Error Handling").

    Args:
        uri: the URI that was asked for.
    """

    def __init__(self, uri: str) -> None:
        super().__init__("Resource not found", {"uri": uri})


class InternalError(ProtocolError):
    """The server failed; the log says why."""


class HeaderMismatchError(ProtocolError):
    """A header is missing, malformed, or says something else than the body ("Server Validation")."""

    code = -32020
    status = 400


class MissingCapabilityError(ProtocolError):
    """The request needs a capability that the client did not declare (basic, "_meta").

    Args:
        required: the missing part of ``ClientCapabilities``, such as ``{"sampling": {}}``.
    """

    code = -32021
    status = 400

    def __init__(self, required: Mapping[str, Any]) -> None:
        names = ", ".join(required)
        super().__init__(
            f"The client did not declare a capability that this request needs: {names}",
            {"requiredCapabilities": dict(required)},
        )


class UnsupportedVersionError(ProtocolError):
    """The protocol version is not one that this server speaks (basic/versioning).

    Args:
        requested: the version that the client asked for.
        supported: the versions that it may ask for instead, newest first.
    """

    code = -32022
    status = 400

    def __init__(self, requested: str, supported: Sequence[str]) -> None:
        super().__init__(
            f"Unsupported protocol version; this server speaks {', '.join(supported)}",
            {"supported": list(supported), "requested": requested},
        )
