"""The decorators of ``@mcp.source``: what functions are for events of AWS."""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal, TypeVar

import msgspec

from lambent.errors import DeclarationError
from lambent.features import functions
from lambent.features.codecs import Codec, codec_of
from lambent.features.events import EventType
from lambent.features.hints import show
from lambent.features.source_events import EventBridgeEvent, SourceContext
from lambent.features.sources import TYPED, TYPES, Envelope, Kind, SourceFunction

F = TypeVar("F", bound=Callable[..., Any])

Names = str | Sequence[str]

_POSITIONAL = (functions.POSITIONAL_ONLY, functions.POSITIONAL_OR_KEYWORD)
_NAMED = (*_POSITIONAL, functions.KEYWORD_ONLY)


class Sources:
    """The decorators of ``mcp.source``: each registers a function for events of one kind.

    The function gets the event as the type of the decorator's docstring; where its parameter is a ``dict`` or
    ``Mapping``, it gets what AWS has sent. It may be a coroutine function. It returns a payload, an
    ``Occurrence``, several of them as a list or by ``yield``, or None for nothing.

    ``emits`` names the event types that it makes occurrences of. An ``Occurrence`` of a function with several
    names says which one it is of. Where it has no ``event_id``, it has the one of the event, so that an event
    that AWS delivers twice is one occurrence.

    All other arguments say which events the function is for: one value, or a list of them. The default is
    any. ``topic`` and ``queue`` name what passes the events on to the function, if they do not come straight
    from where they happen: S3 may notify a topic, and a queue may have subscribed to that.
    """

    def __init__(self, add: Callable[[SourceFunction], None]) -> None:
        self._add = add

    def eventbridge(
        self,
        *,
        emits: Names,
        source: Names | None = None,
        detail_type: Names | None = None,
        topic: Names | None = None,
        queue: Names | None = None,
    ) -> Callable[[F], F]:
        """Register a function for events that EventBridge rules send: ``EventBridgeEvent``.

        Args:
            emits: see ``Sources``.
            source: such as ``shop.orders``.
            detail_type: such as ``OrderRefunded``.
            topic: the name or ARN of the topic that passes them on.
            queue: the name or ARN of the queue that passes them on.

        Raises:
            DeclarationError: the function does not fit.
        """
        wanted = {"source": source, "detail_type": detail_type}
        return self._register("eventbridge", emits, wanted, topic=topic, queue=queue)

    def sns(
        self, *, emits: Names, topic: Names | None = None, queue: Names | None = None
    ) -> Callable[[F], F]:
        """Register a function for messages of SNS topics: ``SnsMessage``.

        Args:
            emits: see ``Sources``.
            topic: its name or ARN.
            queue: the name or ARN of the queue that passes them on, as notifications. With raw message
                delivery there is nothing of the topic in them: they are messages of a queue.

        Raises:
            DeclarationError: the function does not fit.
        """
        return self._register("sns", emits, {"topic": topic}, queue=queue)

    def s3(
        self,
        *,
        emits: Names,
        bucket: Names | None = None,
        prefix: str = "",
        suffix: str = "",
        topic: Names | None = None,
        queue: Names | None = None,
    ) -> Callable[[F], F]:
        """Register a function for notifications of S3 buckets: ``S3Notification``.

        Args:
            emits: see ``Sources``.
            bucket: its name.
            prefix: what keys begin with.
            suffix: what keys end with.
            topic: the name or ARN of the topic that passes them on.
            queue: the name or ARN of the queue that passes them on.

        Raises:
            DeclarationError: the function does not fit.
        """
        return self._register("s3", emits, {"bucket": bucket}, prefix, suffix, topic=topic, queue=queue)

    def dynamodb(self, *, emits: Names, table: Names | None = None) -> Callable[[F], F]:
        """Register a function for records of the streams of DynamoDB tables: ``TableChange``.

        The event source mapping needs ``ReportBatchItemFailures``: else Lambda takes failures for successes.

        Args:
            emits: see ``Sources``.
            table: its name.

        Raises:
            DeclarationError: the function does not fit.
        """
        return self._register("dynamodb", emits, {"table": table})

    def sqs(self, *, emits: Names, queue: Names) -> Callable[[F], F]:
        """Register a function for messages of queues: ``SqsMessage``.

        The event source mapping needs ``ReportBatchItemFailures``: else Lambda takes failures for successes.

        Args:
            emits: see ``Sources``.
            queue: its name or ARN; Lambent's own queues bring messages of their own.

        Raises:
            DeclarationError: the function does not fit.
        """
        return self._register("sqs", emits, {"queue": queue})

    def _register(
        self,
        kind: Kind,
        emits: Names,
        wanted: Mapping[str, Names | None],
        prefix: str = "",
        suffix: str = "",
        *,
        topic: Names | None = None,
        queue: Names | None = None,
    ) -> Callable[[F], F]:
        def register(function: F) -> F:
            name = functions.name_of(function)
            takes_context, is_native, codec = _read_function(name, function, kind)
            names = _names(name, "emits", emits)
            given = {key: _names(name, key, value) for key, value in wanted.items() if value is not None}
            source = SourceFunction(
                name=name,
                function=function,
                kind=kind,
                wanted=MappingProxyType(given),
                envelopes=(*_envelope(name, "sqs", queue), *_envelope(name, "sns", topic)),
                prefix=prefix,
                suffix=suffix,
                takes_context=takes_context,
                is_native=is_native,
                codec=codec,
                emits=MappingProxyType({one: one for one in names}),
            )
            self._add(source)
            return function

        return register


def check_sources(sources: Sequence[SourceFunction], events: Mapping[str, EventType]) -> None:
    """Refuse sources of what cannot be emitted.

    Raises:
        DeclarationError: an event type is not declared, or its occurrences come from its check function.
    """
    for source in sources:
        for name in source.emits.values():
            event = events.get(name)
            if event is None:
                raise DeclarationError(f"{source.name} emits {name!r}: declare it with @mcp.event")
            if not event.has_log:
                raise DeclarationError(
                    f"{source.name} emits {name!r}, whose occurrences come from its check function"
                )


def _read_function(name: str, function: Callable[..., Any], kind: Kind) -> tuple[bool, bool, Codec | None]:
    """Whether a function takes the context and the native event, and what reads the type that it names."""
    functions.check_callable(function, name, may_yield=True)
    hints = functions.hints_of(function)
    parameters = functions.parameters_of(function, hints)
    positional = [one for one in parameters if one.kind in _POSITIONAL]
    # A default that binds a value of the surrounding code is not the context.
    takes_context = any(
        one.default is msgspec.NODEFAULT or SourceContext in (one.hint, *typing.get_args(one.hint))
        for one in positional[1:2]
    )
    others = [one for one in parameters if one not in positional[: 1 + takes_context]]
    if not positional or any(one.default is msgspec.NODEFAULT for one in others if one.kind in _NAMED):
        raise DeclarationError(f"{name}: the function takes the event, and a SourceContext if it wants to")
    hint, wanted = positional[0].hint, TYPES[kind]
    origin = typing.get_origin(hint) or hint
    if hint is Any or hint is wanted:
        return takes_context, False, None
    if origin is wanted:
        (inner,) = typing.get_args(hint)
        if inner is Any or isinstance(inner, TypeVar) or (inner is str and wanted is not EventBridgeEvent):
            return takes_context, False, None
        try:
            return takes_context, False, codec_of(inner)
        except DeclarationError as error:
            raise DeclarationError(f"{name}, {TYPED[wanted]}: {error}") from None
    if isinstance(origin, type) and issubclass(dict, origin):
        return takes_context, True, None
    raise DeclarationError(f"{name}: it gets {wanted.__name__} or dict, so {show(hint)} cannot be its event")


def _envelope(function: str, kind: Literal["sns", "sqs"], names: Names | None) -> tuple[Envelope, ...]:
    what = "topic" if kind == "sns" else "queue"
    return () if names is None else (Envelope(kind, _names(function, what, names)),)


def _names(function: str, what: str, given: Names) -> tuple[str, ...]:
    names = (given,) if isinstance(given, str) else tuple(given)
    if not names or not all(isinstance(one, str) and one for one in names):
        raise DeclarationError(f"{function}: {what} is text or a list of text, not {given!r}")
    return names
