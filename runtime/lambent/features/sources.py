"""Sources: functions that make occurrences of events of AWS."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from lambent.features.codecs import Codec
from lambent.features.events import Occurrence
from lambent.features.source_events import (
    AwsEvent,
    EventBridgeEvent,
    S3Notification,
    SnsMessage,
    SqsMessage,
    TableChange,
)

if TYPE_CHECKING:
    from lambent.features.catalog import Catalog

Kind = Literal["eventbridge", "sns", "s3", "dynamodb", "sqs"]

TYPES: Mapping[Kind, type[Any]] = MappingProxyType(
    {
        "eventbridge": EventBridgeEvent,
        "sns": SnsMessage,
        "s3": S3Notification,
        "dynamodb": TableChange,
        "sqs": SqsMessage,
    }
)
"""What functions get, by the kind of event."""

TYPED: Mapping[type[Any], str] = MappingProxyType(
    {EventBridgeEvent: "detail", SnsMessage: "message", SqsMessage: "body"}
)
"""Which member has the type that a hint names."""


class Envelope(msgspec.Struct, frozen=True):
    """What passes events on to a function.

    Attributes:
        kind: a topic or a queue.
        names: of it, or ARNs.
    """

    kind: Literal["sns", "sqs"]
    names: tuple[str, ...]


class SourceFunction(msgspec.Struct, frozen=True, kw_only=True):
    """A function that makes occurrences of events of AWS.

    Attributes:
        name: of the function.
        function: gets the event, and a ``SourceContext`` where ``takes_context``.
        kind: of the events.
        wanted: which values members of an event have to have; members that are not here may have any.
        envelopes: what the events are in, outermost first.
        prefix: of the keys of objects.
        suffix: see ``prefix``.
        takes_context: see ``function``.
        is_native: the function gets the event as AWS has it.
        codec: reads the member that the function has named a type for; None: it is as it came.
        emits: the event types, by the names that the function has for them.
        owner: the declarations of the mounted server that has it; None: of the server itself.
    """

    name: str
    function: Callable[..., Any]
    kind: Kind
    wanted: Mapping[str, tuple[str, ...]]
    envelopes: tuple[Envelope, ...]
    prefix: str
    suffix: str
    takes_context: bool
    is_native: bool
    codec: Codec | None
    emits: Mapping[str, str]
    owner: Catalog | None = None

    @property
    def queues(self) -> tuple[str, ...]:
        """The queues whose messages it gets."""
        outer = [name for one in self.envelopes if one.kind == "sqs" for name in one.names]
        return (*outer, *self.wanted.get("queue", ()))

    def takes(self, event: AwsEvent) -> bool:
        """Whether the function is for an event."""
        if type(event) is not TYPES[self.kind]:
            return False
        if isinstance(event, S3Notification) and not (
            event.key.startswith(self.prefix) and event.key.endswith(self.suffix)
        ):
            return False
        return all(is_any_of(getattr(event, member), names) for member, names in self.wanted.items())

    def given(self, event: AwsEvent) -> Any:
        """An event as the function gets it.

        Raises:
            ValidationError: it is not of the type that the function has named.
        """
        if self.is_native:
            return event.raw
        if self.codec is None:
            return event
        member = TYPED[type(event)]
        value = getattr(event, member)
        is_text = not isinstance(event, EventBridgeEvent)
        typed = self.codec.decode(value.encode()) if is_text else self.codec.convert(value)
        return msgspec.structs.replace(event, **{member: typed})

    def occurrences(self, event: AwsEvent, answers: Sequence[Any]) -> list[tuple[str, Occurrence]]:
        """What the function has answered, with the names of the event types, ids and times.

        The first occurrence has the id of the event, the others have numbers behind it: a function that is
        called again for the same event gives the same ids.

        Raises:
            TypeError: it is not said which event type an answer is of, or the function does not emit that.
        """
        found: list[tuple[str, Occurrence]] = []
        for number, answer in enumerate(answers, 1):
            one = answer if isinstance(answer, Occurrence) else Occurrence(answer)
            name = one.name or (next(iter(self.emits)) if len(self.emits) == 1 else None)
            if name is None or name not in self.emits:
                said = "without a name" if name is None else f"of {name!r}"
                raise TypeError(f"{self.name} gave an occurrence {said}: it emits {', '.join(self.emits)}")
            whole = Occurrence(
                one.payload,
                one.event_id or (event.id if number == 1 else f"{event.id}-{number}"),
                one.timestamp or event.time,
            )
            found.append((self.emits[name], whole))
        return found


def is_any_of(value: str, names: Collection[str]) -> bool:
    """Whether a value is one of these, or an ARN whose last part is."""
    return value in names or (value.startswith("arn:") and value.rpartition(":")[2] in names)
