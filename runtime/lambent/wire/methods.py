"""The methods of the protocol, as a table: parameters, mirrored name, and whether they may ask back."""

from typing import Any, ClassVar

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType, field
from msgspec.structs import force_setattr

from lambent.wire.jsonrpc import LazyDecoder
from lambent.wire.values import (
    CompletionArgument,
    CompletionContext,
    PromptReference,
    RequestMeta,
    ResourceTemplateReference,
)

_NULL = Raw(b"null")
_NO_ARGUMENTS = Raw(b"{}")


class Params(Struct, frozen=True, kw_only=True, rename="camel"):
    """What every request carries; a missing ``_meta`` is reported when the request is checked.

    ``verbatim`` are the members, by their names on the wire, that stay JSON: see ``without_nulls``.
    """

    verbatim: ClassVar[frozenset[str]] = frozenset()
    meta: RequestMeta | UnsetType = field(default=UNSET, name="_meta")


class PageParams(Params, frozen=True, kw_only=True):
    """Parameters of the list methods (server/utilities/pagination)."""

    cursor: str | UnsetType = UNSET


class AskingParams(Params, frozen=True, kw_only=True):
    """Parameters of methods that may be answered with questions (basic/patterns/mrtr)."""

    verbatim = frozenset({"inputResponses"})
    input_responses: dict[str, Raw] | UnsetType = UNSET
    request_state: str | UnsetType = UNSET

    @property
    def has_retry(self) -> bool:
        """Whether it has members of a retry."""
        return self.input_responses is not UNSET or self.request_state is not UNSET


class CallToolParams(AskingParams, frozen=True, kw_only=True):
    """Parameters of ``tools/call``; the arguments stay JSON until the tool's own types read them."""

    verbatim = frozenset({"inputResponses", "arguments"})
    name: str
    arguments: Raw = _NO_ARGUMENTS

    def __post_init__(self) -> None:
        if self.arguments == _NULL:
            force_setattr(self, "arguments", _NO_ARGUMENTS)


class ReadResourceParams(AskingParams, frozen=True, kw_only=True):
    """Parameters of ``resources/read``."""

    uri: str


class GetPromptParams(AskingParams, frozen=True, kw_only=True):
    """Parameters of ``prompts/get``."""

    name: str
    arguments: dict[str, str] = field(default_factory=dict)


class CompleteParams(Params, frozen=True, kw_only=True):
    """Parameters of ``completion/complete``."""

    ref: PromptReference | ResourceTemplateReference
    argument: CompletionArgument
    context: CompletionContext | None = None


class TaskParams(Params, frozen=True, kw_only=True):
    """Parameters of ``tasks/get`` and ``tasks/cancel`` (SEP-2663)."""

    task_id: str


class UpdateTaskParams(TaskParams, frozen=True, kw_only=True):
    """Parameters of ``tasks/update`` (SEP-2663)."""

    verbatim = frozenset({"inputResponses"})
    input_responses: dict[str, Raw]


class SubscriptionFilter(Struct, frozen=True, omit_defaults=True, rename="camel"):
    """Which notifications a subscription wants, or got (basic/patterns/subscriptions)."""

    tools_list_changed: bool = False
    prompts_list_changed: bool = False
    resources_list_changed: bool = False
    resource_subscriptions: list[str] = field(default_factory=list)
    task_ids: list[str] = field(default_factory=list)


class ListenParams(Params, frozen=True, kw_only=True):
    """Parameters of ``subscriptions/listen``."""

    notifications: SubscriptionFilter


class Method(Struct, frozen=True):
    """One method; ``mirrored`` is the attribute of its parameters that ``Mcp-Name`` repeats, if any."""

    name: str
    decoder: LazyDecoder[Any]
    mirrored: str | None = None


_ROWS: tuple[tuple[str, type[Params], str | None], ...] = (
    ("server/discover", Params, None),
    ("tools/list", PageParams, None),
    ("tools/call", CallToolParams, "name"),
    ("resources/list", PageParams, None),
    ("resources/templates/list", PageParams, None),
    ("resources/read", ReadResourceParams, "uri"),
    ("prompts/list", PageParams, None),
    ("prompts/get", GetPromptParams, "name"),
    ("completion/complete", CompleteParams, None),
    ("subscriptions/listen", ListenParams, None),
    ("tasks/get", TaskParams, "task_id"),
    ("tasks/update", UpdateTaskParams, "task_id"),
    ("tasks/cancel", TaskParams, "task_id"),
)
METHODS = {name: Method(name, LazyDecoder(params), mirrored) for name, params, mirrored in _ROWS}

ANY_METHOD = Method("", LazyDecoder(Params))
"""Used for a method that is not in the table: the other rules are checked before it is refused."""


def without_nulls(raw: Raw, verbatim: frozenset[str]) -> Raw:
    """Parameters without the members that are null.

    Clients write null for an optional member that they leave out, though the schema has no such member.
    Members of ``verbatim`` are kept as they are, unless they are null themselves.

    Raises:
        msgspec.DecodeError: they are no object, or cannot be read; also ``UnicodeError``.
    """
    members = {} if raw == _NULL else msgspec.json.decode(raw, type=dict[str, Raw])
    kept = {
        name: value if name in verbatim else _without_nulls(msgspec.json.decode(value))
        for name, value in members.items()
        if value != _NULL or name == "_meta"  # which is required, so that its error says what it is
    }
    return Raw(msgspec.json.encode(kept))


def _without_nulls(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {name: _without_nulls(member) for name, member in value.items() if member is not None}
