"""What a handler tells its client while it runs: progress, log messages and changes."""

from __future__ import annotations

import math
from typing import Any

from msgspec import Raw

from lambent.execution.call import Call
from lambent.execution.rounds.pending import DONE, Pending
from lambent.features.codecs import to_json
from lambent.wire.values import LOG_LEVELS, LogLevel


class Notifications:
    """The part of ``Context`` that sends notifications."""

    __slots__ = ("_call", "_progress")

    _call: Call
    _progress: float | None

    def report_progress(
        self, progress: float, total: float | None = None, message: str | None = None
    ) -> Pending[None]:
        """Tell a client that asked for it how far the call is (basic/patterns/progress).

        Args:
            progress: how much is done; a value that does not exceed the last one is not sent.
            total: how much there is to do, if known.
            message: what is going on, for people.
        """
        self._call.invocation.check()
        self._call.invocation.progressed(progress, total, message)
        token = self._call.rpc.meta.progress_token
        if not math.isfinite(progress) or (total is not None and not math.isfinite(total)):
            raise ValueError("progress and total are finite numbers")
        if token is None or (self._progress is not None and progress <= self._progress):
            return DONE
        self._progress = progress
        params: dict[str, Any] = {"progressToken": token, "progress": progress}
        if total is not None:
            params["total"] = total
        if message is not None:
            params["message"] = message
        return self._call.notify("notifications/progress", params)

    def log(self, level: LogLevel, data: Any, *, logger_name: str | None = None) -> Pending[None]:
        """Send a log message to a client that asked for this level (server/utilities/logging).

        Args:
            level: the severity.
            data: any JSON value; no secrets.
            logger_name: names the part of the server that the message is from.
        """
        self._call.invocation.check()
        wanted = self._call.log_level
        if wanted is None or LOG_LEVELS[level] < LOG_LEVELS[wanted]:
            return DONE
        params: dict[str, Any] = {"level": level, "data": Raw(to_json(data))}
        if logger_name is not None:
            params["logger"] = logger_name
        return self._call.notify("notifications/message", params)

    # Not self.log: subclasses with the names of other libraries have another order of its arguments.

    def debug(self, data: Any, *, logger_name: str | None = None) -> Pending[None]:
        """Send a log message of level debug; see ``log``."""
        return Notifications.log(self, "debug", data, logger_name=logger_name)

    def info(self, data: Any, *, logger_name: str | None = None) -> Pending[None]:
        """Send a log message of level info; see ``log``."""
        return Notifications.log(self, "info", data, logger_name=logger_name)

    def notice(self, data: Any, *, logger_name: str | None = None) -> Pending[None]:
        """Send a log message of level notice; see ``log``."""
        return Notifications.log(self, "notice", data, logger_name=logger_name)

    def warning(self, data: Any, *, logger_name: str | None = None) -> Pending[None]:
        """Send a log message of level warning; see ``log``."""
        return Notifications.log(self, "warning", data, logger_name=logger_name)

    def error(self, data: Any, *, logger_name: str | None = None) -> Pending[None]:
        """Send a log message of level error; see ``log``."""
        return Notifications.log(self, "error", data, logger_name=logger_name)

    def critical(self, data: Any, *, logger_name: str | None = None) -> Pending[None]:
        """Send a log message of level critical; see ``log``."""
        return Notifications.log(self, "critical", data, logger_name=logger_name)

    def alert(self, data: Any, *, logger_name: str | None = None) -> Pending[None]:
        """Send a log message of level alert; see ``log``."""
        return Notifications.log(self, "alert", data, logger_name=logger_name)

    def emergency(self, data: Any, *, logger_name: str | None = None) -> Pending[None]:
        """Send a log message of level emergency; see ``log``."""
        return Notifications.log(self, "emergency", data, logger_name=logger_name)

    def notify_tools_changed(self) -> Pending[None]:
        """Tell subscribers that the list of tools changed, where the host can deliver that."""
        return self._publish("notifications/tools/list_changed")

    def notify_prompts_changed(self) -> Pending[None]:
        """Tell subscribers that the list of prompts changed, where the host can deliver that."""
        return self._publish("notifications/prompts/list_changed")

    def notify_resources_changed(self) -> Pending[None]:
        """Tell subscribers that the list of resources changed, where the host can deliver that."""
        return self._publish("notifications/resources/list_changed")

    def notify_resource_updated(self, uri: str) -> Pending[None]:
        """Tell subscribers of a resource that it changed, where the host can deliver that."""
        return self._publish(uri)

    def _publish(self, topic: str) -> Pending[None]:
        changes = self._call.services.changes
        publishing = None if changes is None else changes.publish(topic)
        if publishing is None:
            return DONE
        from lambent.execution.subscription_bus import send  # loaded where there is a bus

        return send(publishing, self._call.invocation)
