"""What an application has answered, as the result of a call: what audit, limits and telemetry see of it."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from lambent.errors import ProtocolError
from lambent.hosts.adapt.messages import AppMessage
from lambent.wire.http import JSON_TYPE, HttpResponse
from lambent.wire.results import CallToolResult, InputRequiredResult, Outcome, Result

_NOT_PASSED_ON = frozenset(
    {
        *("connection", "content-length", "content-type", "keep-alive", "mcp-session-id"),
        *("transfer-encoding", "x-accel-buffering", "cache-control"),
    }
)
"""Headers of an application's stream, or of its session, that another response takes the place of."""


class Replied(Result, kw_only=True):
    """A result of an application; see ``reply_of``."""

    reply: Any = None


class ToolReplied(CallToolResult, kw_only=True):
    """A result of a tool that has failed."""

    reply: Any = None


class QuestionReplied(InputRequiredResult, kw_only=True):
    """Questions of an application in the modern era."""

    reply: Any = None


class ErrorReplied(ProtocolError):  # noqa: N818 - says what happened
    """An error of an application, with its own code and status."""

    def __init__(self, code: int, status: int, reply: HttpResponse) -> None:
        super().__init__("The application has answered with an error", status=status)
        self.code = code  # of this one error
        self.reply = reply


class _Judged(msgspec.Struct, rename="camel"):
    is_error: bool | UnsetType | None = UNSET
    result_type: str | UnsetType | None = UNSET


def reply_of(outcome: Outcome) -> HttpResponse | None:
    """What the application has answered; None where the outcome is not its own."""
    found: HttpResponse | None = getattr(outcome.result or outcome.error, "reply", None)
    return found


def judged(final: AppMessage, status: int, headers: list[tuple[str, str]]) -> Result:
    """The result of a call that an application has answered with a message.

    Args:
        final: the response.
        status: the HTTP status that it came with.
        headers: that came with it.

    Raises:
        ErrorReplied: it is an error.
    """
    kept = {name: value for name, value in headers if name not in _NOT_PASSED_ON}
    reply = HttpResponse(status, {"content-type": JSON_TYPE, **kept}, final.raw)
    if not isinstance(final.error, UnsetType):
        raise ErrorReplied(final.error.code, status, reply)
    try:
        seen = msgspec.json.decode(final.result or b"{}", type=_Judged)
    except msgspec.DecodeError:
        seen = _Judged()
    if seen.is_error is True:
        return ToolReplied(content=[], is_error=True, reply=reply)
    if seen.result_type == "input_required":
        return QuestionReplied(reply=reply)
    return Replied(reply=reply)


def refused(status: int, headers: list[tuple[str, str]], body: bytes) -> ErrorReplied:
    """The error of a call that an application has answered with something that is no message."""
    kept = {name: value for name, value in headers if name not in _NOT_PASSED_ON or name == "content-type"}
    return ErrorReplied(ProtocolError.code, status, HttpResponse(status, kept, body))
