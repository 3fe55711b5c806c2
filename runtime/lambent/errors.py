"""Exceptions, named by what they make happen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any


class LambentError(Exception):
    """The base of every exception of this library but the signals."""


class DeclarationError(LambentError, TypeError):
    """A tool, resource, prompt or setting is declared in a way that cannot work: raised during the import."""


class DeclarationWarning(UserWarning):
    """A tool is declared in a way that works and is seldom meant: warned of during the import, once."""


class ConfigurationError(LambentError):
    """Something that the deployment must provide is missing or unusable; the message is meant for the log."""


class ItemTooLargeError(LambentError):
    """Something does not fit into an item of the store."""


class StoreError(LambentError):
    """A table, queue, bucket or secret could not be reached, or refused what it was asked for.

    A call fails with -32603, a task is tried again. The message is meant for the operator's log.
    ``__cause__`` is the error of the library underneath.
    """


class ToolError(LambentError):
    """The tool fails, and the model is shown why: ``isError`` (server/tools, "Error Handling")."""


class RetryableError(ToolError):
    """The tool fails for now: a task runs again, a plain call fails as with ``ToolError``."""


class StepInterrupted(ToolError):  # noqa: N818 - says what happened
    """A step with ``at_most_once=True`` was begun in an earlier run that did not get to its result.

    The step may have taken effect or not. The tool can look, and then act.
    """

    def __init__(self, step: str) -> None:
        super().__init__(f"The step {step!r} was interrupted: it may or may not have taken effect")
        self.step = step


class Signal(BaseException):
    """Ends the run of a handler without being a failure of it.

    A ``BaseException``, so that ``except Exception`` of a handler does not catch it. Raised by this library
    only: a handler's own ``raise`` of it is a failure like any other.
    """


class Suspend(Signal):
    """The handler has waited for an answer that is not there yet."""


class Cancelled(Signal):
    """The client does not want the result any more."""


class DeadlineReached(Signal):
    """The time that a run of a handler has is up."""


class ProtocolError(LambentError):
    """A request that is answered with a JSON-RPC error.

    Args:
        message: one sentence for whoever wrote the client.
        data: the error's ``data`` member, any JSON value, or nothing.
        status: HTTP status code of the response; default: that of the class.
        headers: further HTTP headers of the response, such as ``Retry-After``.
    """

    code: int = -32603
    # The specification gives -32603 no status. Clients read a response's error at 200; some read none at 500.
    status: int = 200
    # For a subclass whose ``__init__`` does not call this one's.
    message: str = "Internal error"
    data: Any = None
    headers: Mapping[str, str] = MappingProxyType({})

    def __init__(
        self,
        message: str,
        data: Any = None,
        *,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.data = data
        if status is not None:
            self.status = status
        self.headers = {name.lower(): _checked(name, value) for name, value in (headers or {}).items()}


def _checked(name: str, value: str) -> str:
    is_name = isinstance(name, str) and name.isascii() and name.replace("-", "").isalnum()
    if not is_name or not isinstance(value, str) or not (value.isascii() and value.isprintable()):
        raise ValueError(f"{name!r}: {value!r} cannot be sent as an HTTP header")
    if name.lower() in ("content-length", "content-type", "transfer-encoding"):
        raise ValueError(f"{name} is set by the host")
    return value


class HttpRefusal(ProtocolError):  # noqa: N818 - says what happens
    """A request that is refused with an HTTP status: by middleware, by an authenticator or by the HTTP rules.

    Args:
        status: HTTP status code of the response, such as 401, 403 or 429.
        message: the reason, sent in a JSON-RPC error response.
        headers: further response headers, such as ``WWW-Authenticate`` or ``Retry-After``.
        data: see ``ProtocolError``.
    """

    code = -32600

    def __init__(
        self, status: int, message: str, headers: Mapping[str, str] | None = None, data: Any = None
    ) -> None:
        if not 400 <= status <= 599:
            raise ValueError(f"A refusal has a status from 400 to 599, not {status}")
        super().__init__(message, data, status=status, headers=headers)


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
    """No resource has this URI (server/resources, "Error Handling")."""

    def __init__(self, uri: str) -> None:
        super().__init__("Resource not found", {"uri": uri})


class InternalError(ProtocolError):
    """The server failed; the log says why."""


class OverloadedError(InternalError):
    """The process has as many waiting calls as it can have: the client should try again later."""

    status = 503

    def __init__(self) -> None:
        super().__init__("Too many calls are waiting: try again later", headers={"Retry-After": "5"})


class HeaderMismatchError(ProtocolError):
    """A header is missing, malformed, or says something else than the body ("Server Validation")."""

    code = -32020
    status = 400


class MissingCapabilityError(ProtocolError):
    """The request needs a capability, such as ``{"sampling": {}}``, that the client did not declare."""

    code = -32021
    status = 400

    def __init__(self, required: Mapping[str, Any]) -> None:
        names = ", ".join(required)
        super().__init__(
            f"The client did not declare a capability that this request needs: {names}",
            {"requiredCapabilities": dict(required)},
        )


class UnsupportedVersionError(ProtocolError):
    """The requested protocol version is not one of those that this server supports (basic/versioning)."""

    code = -32022
    status = 400

    def __init__(self, requested: str, supported: Sequence[str]) -> None:
        super().__init__(
            f"Unsupported protocol version; this server speaks {', '.join(supported)}",
            {"supported": list(supported), "requested": requested},
        )
