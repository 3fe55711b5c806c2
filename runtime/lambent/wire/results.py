"""How calls end: results (basic, "Result Responses"), where what is unset is left out, or errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import UNSET, Struct, UnsetType, field

from lambent.errors import ProtocolError
from lambent.wire.methods import SubscriptionFilter
from lambent.wire.values import (
    BlobResourceContents,
    Completion,
    Content,
    PromptMessage,
    TextResourceContents,
)

TASK = "task"


class Result(Struct, kw_only=True, rename="camel"):
    """The base of every result; ``meta`` is completed when the response is rendered."""

    result_type: str | UnsetType = "complete"
    meta: Any = field(default=UNSET, name="_meta")


class Outcome(Struct, frozen=True):
    """How a call ends; exactly one of ``result`` and ``error`` is set."""

    result: Result | None = None
    error: ProtocolError | None = None

    @property
    def status(self) -> int:
        """The HTTP status."""
        return 200 if self.error is None else self.error.status

    @property
    def headers(self) -> Mapping[str, str]:
        """Further HTTP headers, names in lower case."""
        return {} if self.error is None else self.error.headers


class CallToolResult(Result, kw_only=True):
    """The result of ``tools/call``."""

    content: Sequence[Content]
    structured_content: Any = UNSET
    is_error: bool | UnsetType = UNSET


class ReadResourceResult(Result, kw_only=True):
    """The result of ``resources/read``."""

    contents: Sequence[TextResourceContents | BlobResourceContents]
    ttl_ms: int | UnsetType = UNSET
    cache_scope: str | UnsetType = UNSET


class GetPromptResult(Result, kw_only=True):
    """The result of ``prompts/get``."""

    description: str | UnsetType = UNSET
    messages: Sequence[PromptMessage]


class CompleteResult(Result, kw_only=True):
    """The result of ``completion/complete``."""

    completion: Completion


class InputRequiredResult(Result, kw_only=True):
    """Questions instead of a result (basic/patterns/mrtr)."""

    result_type: str | UnsetType = "input_required"
    input_requests: dict[str, Any] | UnsetType = UNSET
    request_state: str | UnsetType = UNSET


class DiscoverResult(Result, kw_only=True):
    """The result of ``server/discover``."""

    supported_versions: Sequence[str]
    capabilities: dict[str, Any]
    instructions: str | UnsetType = UNSET
    ttl_ms: int
    cache_scope: str


class PageResult(Result, kw_only=True):
    """One page of a list; exactly one of the four lists is set (server/utilities/pagination)."""

    tools: Sequence[Any] | UnsetType = UNSET
    resources: Sequence[Any] | UnsetType = UNSET
    resource_templates: Sequence[Any] | UnsetType = UNSET
    prompts: Sequence[Any] | UnsetType = UNSET
    next_cursor: str | UnsetType = UNSET
    ttl_ms: int | UnsetType
    cache_scope: str | UnsetType


class TaskResult(Result, kw_only=True):
    """A task: the result of ``tasks/get``, and of a call that became one (SEP-2663)."""

    task_id: str
    status: str
    status_message: str | UnsetType = UNSET
    created_at: str
    last_updated_at: str
    ttl_ms: int
    poll_interval_ms: int
    input_requests: dict[str, Any] | UnsetType = UNSET
    result: Any = UNSET
    error: Any = UNSET


class EmptyResult(Result, kw_only=True):
    """An acknowledgement."""


class SessionResult(Result, kw_only=True):
    """A result whose HTTP response carries the id of a session, the token of what was negotiated."""

    session_id: str | UnsetType = UNSET


class InitializeResult(SessionResult, kw_only=True):
    """The result of ``initialize`` (basic/lifecycle, in versions that have it)."""

    protocol_version: str
    capabilities: dict[str, Any]
    server_info: Any
    instructions: str | UnsetType = UNSET


class ListenResult(Result, kw_only=True):
    """The graceful end of a subscription."""


class Acknowledged(Struct, rename="camel"):
    """Parameters of ``notifications/subscriptions/acknowledged``."""

    notifications: SubscriptionFilter
    meta: dict[str, Any] = field(name="_meta")
