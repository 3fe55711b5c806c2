"""Notifications of ``mcp.types``, which ``ctx.session.send_notification`` takes."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, RootModel

from lambent.compat.models import MCPModel
from lambent.wire.values import LogLevel


class NotificationParams(MCPModel):
    """The parameters of a notification."""

    meta: dict[str, Any] | None = Field(alias="_meta", default=None)


class LoggingMessageNotificationParams(NotificationParams):
    """Those of ``notifications/message``."""

    level: LogLevel
    logger: str | None = None
    data: Any


class LoggingMessageNotification(MCPModel):
    """A log message."""

    method: Literal["notifications/message"] = "notifications/message"
    params: LoggingMessageNotificationParams


class ProgressNotificationParams(NotificationParams):
    """Those of ``notifications/progress``."""

    progress_token: str | int
    progress: float
    total: float | None = None
    message: str | None = None


class ProgressNotification(MCPModel):
    """How far a call has come."""

    method: Literal["notifications/progress"] = "notifications/progress"
    params: ProgressNotificationParams


class ServerNotification(RootModel[LoggingMessageNotification | ProgressNotification]):
    """What version 1.x wraps notifications in."""
