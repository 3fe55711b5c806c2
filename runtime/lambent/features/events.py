"""Event types: what clients can wait for, as ``@mcp.event`` declares them (SEP-3415)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec import Raw

from lambent.auth.principal import Principal
from lambent.errors import DeclarationError, InvalidParamsError
from lambent.features import functions
from lambent.features.codecs import Codec, ValidationError, codec_of
from lambent.features.codecs.schemas import admit_results, admits, alternatives, inline_root
from lambent.features.hints import show
from lambent.wire.events import MODES, Mode
from lambent.wire.values import Value

_NAME = re.compile(r"[A-Za-z0-9_.:/-]{1,128}")

_TEXT_MEMBER = re.compile(rb'[:,\[]\s*"')
"""What is in front of a value that is text; names of members are found too."""

_NO_ARGUMENTS: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}


class Occurrence(msgspec.Struct, frozen=True):
    """Something that happened, as a ``check`` function or a source tells of it.

    Attributes:
        payload: of the payload type of the event.
        event_id: by which clients recognize what they get twice: the id that the upstream has for it. A
            ``check`` function has to give it; default for a source: the id of the event that it got.
        timestamp: when it happened; default: when the event of a source happened, else now.
        name: of the event type, where a source emits several.
    """

    payload: Any
    event_id: str | None = None
    timestamp: datetime | None = None
    name: str | None = None


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What a ``check`` function has found.

    Attributes:
        occurrences: what happened since the cursor that it was given, in order.
        cursor: the position behind them; None where the upstream has no history.
        has_more: there is more, for which the client should ask at once.
        truncated: something between the two cursors is not to be had any more.
        next_poll: when the client should ask again; default: as the event type says.
    """

    occurrences: Sequence[Occurrence] = ()
    cursor: str | None
    has_more: bool = False
    truncated: bool = False
    next_poll: timedelta | None = None


class EventDefinition(Value, frozen=True, kw_only=True):
    """An event type as ``events/list`` shows it."""

    name: str
    description: str
    delivery: tuple[Mode, ...]
    input_schema: dict[str, Any]
    payload_schema: dict[str, Any]
    meta: dict[str, Any] | None = msgspec.field(default=None, name="_meta")


class EventType(msgspec.Struct, frozen=True, kw_only=True):
    """A registered event type.

    Attributes:
        definition: as it is listed.
        payload: writes payloads.
        read: reads payloads for ``select``; None where nothing reads them.
        arguments: reads the arguments of subscriptions; None where there are none.
        select: says what a subscription gets of an occurrence; None: everything as it is.
        taken: how many of payload, arguments and caller ``select`` takes.
        allow: says whether a caller may have the event with these arguments.
        check: asks the upstream; None: occurrences are emitted.
        has_limit: ``check`` takes how many occurrences there may be.
        scopes: what the caller needs.
        poll_ms: how long clients should wait before they ask again.
        retention: for how many seconds occurrences are kept.
    """

    definition: EventDefinition
    payload: Codec
    read: Codec | None
    arguments: Codec | None
    select: Callable[..., Any] | None
    taken: int
    allow: Callable[..., Any] | None
    check: Callable[..., Any] | None
    has_limit: bool
    scopes: tuple[str, ...]
    poll_ms: int
    retention: float

    @property
    def name(self) -> str:
        """As requests have it."""
        return self.definition.name

    @property
    def is_scheduled(self) -> bool:
        """A schedule asks the upstream, for all subscriptions: endpoints cannot ask for themselves."""
        return self.check is not None and "webhook" in self.definition.delivery

    @property
    def has_log(self) -> bool:
        """Occurrences may be in a log; else each client has the upstream asked."""
        return self.check is None or self.is_scheduled

    def read_arguments(self, raw: Raw) -> Any:
        """The arguments of a subscription; None where the event type has none.

        Raises:
            InvalidParamsError: they do not fit the input schema.
        """
        try:
            members = msgspec.json.decode(raw, type=dict[str, Raw])
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise InvalidParamsError(f"Invalid params: arguments: {error}") from None
        schema = self.definition.input_schema
        unknown = sorted(set(members) - set(schema.get("properties", {})))
        if unknown and schema.get("additionalProperties") is False:
            # One that is ignored would make the subscription wider than its client believes.
            text = ", ".join(unknown)
            raise InvalidParamsError(f"Invalid params: arguments that {self.name} does not have: {text}")
        if self.arguments is None:
            return None
        try:
            arguments = self.arguments.decode(raw)
        except ValidationError as error:
            raise InvalidParamsError(f"Invalid params: arguments: {error}") from None
        self._check_texts(raw)
        return arguments

    def _check_texts(self, raw: Raw) -> None:
        """Refuse text for a number and the like: it would make another subscription to the same."""
        if _TEXT_MEMBER.search(raw) is None:
            return
        from lambent.features.codecs.json_text import parse_texts  # loaded where texts are sent

        given = msgspec.json.decode(raw)
        if parse_texts(given, self.definition.input_schema, scalars=True) != given:
            raise InvalidParamsError("Invalid params: arguments: text in place of another type")

    def select_payload(self, raw: Raw, arguments: Any, caller: Principal | None) -> Raw | None:
        """What a subscription gets of an occurrence; None where it gets nothing.

        Raises:
            TypeError: the function has answered neither yes, no nor a payload.
            Exception: what it has raised.
        """
        if self.select is None:
            return raw
        payload = raw if self.read is None else self.read.decode(raw)
        given = (payload, caller) if self.arguments is None else (payload, arguments, caller)
        answer = self.select(*given[: self.taken])
        if isinstance(answer, bool):
            return raw if answer else None
        if answer is None:
            raise TypeError(f"The function of {self.name} returned None: return True, False or a payload")
        return Raw(self.payload.encode(answer))


def make_event(
    name: str,
    function: Callable[..., Any],
    payload: Any,
    *,
    arguments: Any,
    delivery: Sequence[Mode],
    description: str | None,
    meta: dict[str, Any] | None,
    allow: Callable[..., Any] | None,
    check: Callable[..., Any] | None,
    scopes: tuple[str, ...],
    poll_interval: timedelta,
    retention: timedelta,
) -> EventType:
    """Make an event type; see ``Declarations.event``.

    Raises:
        DeclarationError: something of it cannot work.
    """
    if _NAME.fullmatch(name) is None:
        raise DeclarationError(f"{name!r} is no name of an event: write letters, digits and _ . : / -")
    modes = tuple(mode for mode in MODES if mode in delivery)
    if isinstance(delivery, str) or not modes or set(delivery) - set(MODES):
        raise DeclarationError(f"{name}: delivery is a list of {', '.join(map(repr, MODES))}")
    for what, duration in (("poll_interval", poll_interval), ("retention", retention)):
        if duration <= timedelta(0):
            raise DeclarationError(f"{name}: {what} must be longer than zero")
    functions.check_callable(function, name)
    selects, taken = _read_select(name, function, has_arguments=arguments is not None)
    written = _object_codec(name, payload, "payload", "write")
    read = _object_codec(name, arguments, "arguments", "read") if arguments is not None else None
    definition = EventDefinition(
        name=name,
        description=description or functions.doc_of(function) or "",
        delivery=modes,
        input_schema=_NO_ARGUMENTS if read is None else _closed(read.schema()),
        payload_schema=admit_results(inline_root(written.schema())),
        meta=meta,
    )
    try:
        msgspec.json.encode(definition)
    except (msgspec.MsgspecError, TypeError, ValueError) as error:
        raise DeclarationError(f"{name}: meta has to be JSON: {error}") from None
    return EventType(
        definition=definition,
        payload=written,
        read=codec_of(payload, "read") if selects and taken else None,
        arguments=read,
        select=function if selects else None,
        taken=taken,
        allow=allow,
        check=check,
        has_limit=check is not None and _takes_limit(name, check, arguments, is_scheduled="webhook" in modes),
        scopes=scopes,
        poll_ms=max(1, int(poll_interval.total_seconds() * 1000)),
        retention=retention.total_seconds(),
    )


def _read_select(name: str, function: Callable[..., Any], *, has_arguments: bool) -> tuple[bool, int]:
    """Whether a function selects, which it says by what it returns, and how many arguments it takes."""
    hints = functions.hints_of(function)
    parameters = functions.parameters_of(function, hints)
    most = 3 if has_arguments else 2
    kinds = (functions.POSITIONAL_ONLY, functions.POSITIONAL_OR_KEYWORD)
    taken = [one for one in parameters if one.kind in kinds]
    others = [one for one in parameters if one.kind not in kinds and one.default is msgspec.NODEFAULT]
    if functions.wraps_coroutine_function(function):
        raise DeclarationError(f"{name}: write a plain function: it is asked for each occurrence")
    if len(taken) > most or others:
        of = "payload, arguments and caller" if has_arguments else "payload and caller"
        raise DeclarationError(f"{name}: the function takes {of}, in this order, and no more")
    if "return" not in hints:
        raise DeclarationError(
            f"{name}: say what the function returns: bool, or the payload that a subscription gets; None "
            "where every subscription gets everything"
        )
    return hints["return"] not in (None, type(None)), len(taken)


def _takes_limit(name: str, check: Callable[..., Any], arguments: Any, *, is_scheduled: bool) -> bool:
    """Whether a ``check`` function takes how many occurrences there may be, behind what it takes anyway."""
    functions.check_callable(check, name)
    parameters = functions.parameters_of(check, functions.hints_of(check))
    if is_scheduled:
        is_for_arguments = arguments is not None and parameters and parameters[0].hint == arguments
        if is_for_arguments or len(parameters) not in (1, 2):
            raise DeclarationError(
                f"{name}: what endpoints get is asked for by a schedule, once for all subscriptions: check "
                "takes the cursor, and the limit if it wants to; let the function below select by arguments"
            )
        return len(parameters) == 2
    least = 1 if arguments is None else 2
    if len(parameters) not in (least, least + 1):
        of = "the cursor" if arguments is None else "arguments and cursor"
        raise DeclarationError(f"{name}: check takes {of}, and the limit if it wants to")
    return len(parameters) > least


def _object_codec(name: str, hint: Any, what: str, use: Any) -> Codec:
    """The codec of a type whose values are objects."""
    try:
        codec = codec_of(hint, use)
    except DeclarationError as error:
        raise DeclarationError(f"{name}, {what}: {error}") from None
    schema = codec.schema()
    if not all(admits(node, "object") for node in alternatives(schema, schema.get("$defs", {}))):
        raise DeclarationError(
            f"{name}: {what} are records, so {show(hint)} cannot be one: write a dataclass"
        )
    return codec


def _closed(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a record that says that there are no other members."""
    root = inline_root(schema)
    return {**root, "additionalProperties": False} if "properties" in root else root
