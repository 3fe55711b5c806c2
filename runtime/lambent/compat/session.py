"""``ctx.session``, as far as a server has it that keeps nothing between requests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec

from lambent.compat.errors import NotHereError
from lambent.compat.mapped import Mapped
from lambent.compat.members import Members
from lambent.execution.rounds.pending import DONE, Pending

if TYPE_CHECKING:
    from lambent.compat.context import Context
    from lambent.wire.values import LogLevel

_INSTEAD = {
    "send_ping": "a server cannot reach its client between requests",
    "send_request": "write ctx.elicit, ctx.sample or ctx.list_roots",
    "send_message": "write ctx.info or ctx.report_progress",
    "incoming_messages": "messages of the client reach the server as calls of its features",
    "experimental": "mark the tool with task=True, and see docs/tasks.md",
    "_write_stream": "the host writes",
    "_read_stream": "the host reads",
}


class ServerSession:
    """Asks the client of a call, and tells it things. What it asks ends the round, as ``ctx.elicit`` does."""

    def __init__(self, context: Context[Any, Any, Any]) -> None:
        self._context = context

    def __getattr__(self, name: str) -> NoReturn:
        """Say what replaces something that only a session has."""
        raise NotHereError(f"ctx.session.{name}", _INSTEAD.get(name, "see what ctx has"))

    @property
    def protocol_version(self) -> str:
        """``ctx.protocol_version``."""
        return self._context.protocol_version

    @property
    def client_capabilities(self) -> Any:
        """``ctx.client_capabilities``."""
        return self._context.client_capabilities

    @property
    def client_params(self) -> Any:
        """What the client said of itself: ``clientInfo``, ``capabilities``, ``protocolVersion``."""
        info = self._context.client_info
        if info is None:
            return None
        return Members(
            clientInfo=Members({"name": "", "version": "", "title": None, **info}),
            capabilities=self.client_capabilities,
            protocolVersion=self.protocol_version,
        )

    @property
    def can_send_request(self) -> bool:
        """Whether the client can be asked."""
        client = self.client_capabilities
        return any(one is not None for one in (client.elicitation, client.sampling, client.roots))

    def check_client_capability(self, capability: Any) -> bool:
        """Whether the client has declared what this says it has."""
        wanted = msgspec.to_builtins(capability, enc_hook=_members)
        return _has(msgspec.to_builtins(self.client_capabilities), wanted)

    def create_message(
        self,
        messages: Sequence[Any],
        *,
        max_tokens: int,
        related_request_id: Any = None,
        **options: Any,
    ) -> Pending[Any]:
        """Ask the client's model; see ``Context.sample``, whose options are these."""
        from lambent.features.codecs import to_plain

        plain = {name: None if value is None else to_plain(value) for name, value in options.items()}
        return self._context.sample(messages, max_tokens=max_tokens, **plain)

    def list_roots(self) -> Pending[Any]:
        """Ask which folders the server may work on; the result has them as ``roots``."""
        asked: Pending[Any] = self._context.list_roots()
        return asked

    def elicit(
        self,
        message: str,
        requestedSchema: dict[str, Any],  # noqa: N803 - its name in the official SDK
        related_request_id: Any = None,
    ) -> Pending[Any]:
        """Ask the user to fill in a form that is a JSON Schema; the result has ``action`` and ``content``."""
        return self.elicit_form(message, requestedSchema, related_request_id)

    def elicit_form(
        self, message: str, requested_schema: dict[str, Any], related_request_id: Any = None
    ) -> Pending[Any]:
        """Ask the user to fill in a form that is a JSON Schema; the result has ``action`` and ``content``."""
        from lambent.compat.answers import elicit_result

        return Mapped(self._context.elicit(message, requested_schema), elicit_result)

    def elicit_url(
        self, message: str, url: str, elicitation_id: str | None = None, related_request_id: Any = None
    ) -> Pending[Any]:
        """Ask the user to visit a page; the result has ``action``."""
        from lambent.compat.answers import elicit_result

        return Mapped(self._context.elicit_url(message, url), elicit_result)

    def send_elicit_complete(self, elicitation_id: str, related_request_id: Any = None) -> Pending[None]:
        """Nothing: no client of the modern era waits for it, and the ones before ask by calling again."""
        return DONE

    def report_progress(
        self, progress: float, total: float | None = None, message: str | None = None
    ) -> Pending[None]:
        """See ``Context.report_progress``."""
        return self._context.report_progress(progress, total, message)

    def send_progress_notification(
        self,
        progress_token: str | int,
        progress: float,
        total: float | None = None,
        message: str | None = None,
        related_request_id: Any = None,
    ) -> Pending[None]:
        """Report progress of this call; there is no other call that progress could be of.

        Raises:
            ValueError: the token is that of another call, or of none.
        """
        if progress_token != self._context._call.rpc.meta.progress_token:
            raise ValueError("Progress can be reported for the call that runs, by its own token")
        return self._context.report_progress(progress, total, message)

    def send_log_message(
        self, level: LogLevel, data: Any, logger: str | None = None, related_request_id: Any = None
    ) -> Pending[None]:
        """See ``Context.log``."""
        return self._context.log(level, data, logger_name=logger)

    def send_resource_updated(self, uri: Any) -> Pending[None]:
        """See ``Context.notify_resource_updated``."""
        return self._context.notify_resource_updated(uri)

    def send_resource_list_changed(self) -> Pending[None]:
        """See ``Context.notify_resources_changed``."""
        return self._context.notify_resources_changed()

    def send_tool_list_changed(self) -> Pending[None]:
        """See ``Context.notify_tools_changed``."""
        return self._context.notify_tools_changed()

    def send_prompt_list_changed(self) -> Pending[None]:
        """See ``Context.notify_prompts_changed``."""
        return self._context.notify_prompts_changed()

    def send_notification(self, notification: Any, related_request_id: Any = None) -> Pending[None]:
        """Send a notification with the response of this call; it has ``method`` and ``params``."""
        from lambent.features.codecs import to_plain

        notification = getattr(notification, "root", notification)  # as version 1.x wraps them
        plain = to_plain(notification)
        params = {key: value for key, value in (plain.get("params") or {}).items() if value is not None}
        return self._context._call.notify(plain["method"], params)


def _has(declared: Any, wanted: Any) -> bool:
    if not isinstance(wanted, dict):
        return wanted is None or declared is not None
    return isinstance(declared, dict) and all(
        _has(declared.get(name), value) for name, value in wanted.items() if value is not None
    )


def _members(value: Any) -> Any:
    """The members of an object of another library, as pydantic writes them."""
    return value.model_dump(by_alias=True, exclude_none=True)
