"""Events of AWS within messages: what a topic or a queue passes on to the function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from lambent.features.source_events import AwsEvent, SnsMessage, SqsMessage
from lambent.features.sources import Kind, SourceFunction, is_any_of
from lambent.hosts.aws_lambda.source_records import (
    is_test_event,
    read_eventbridge,
    read_notification,
    read_object_record,
)


def opened(source: SourceFunction, event: AwsEvent) -> list[AwsEvent] | None:
    """The events for a source that an event is, or has in its envelopes; None where it is not for the source.

    Raises:
        ValidationError: of msgspec: an envelope does not have what the source says.
        DecodeError: of msgspec: it has no JSON at all.
    """
    events = [event]
    for number, envelope in enumerate(source.envelopes, 1):
        inner = source.envelopes[number].kind if number < len(source.envelopes) else source.kind
        texts = [text for one in events if (text := _text(envelope.kind, envelope.names, one)) is not None]
        if not texts:
            return None
        events = [found for text in texts for found in _read(text, inner)]
        if not events:
            return []  # it is there to see whether somebody listens
    return [one for one in events if source.takes(one)] or None


def _text(kind: Kind, names: Sequence[str], event: AwsEvent) -> str | None:
    """The text in an envelope; None where it is of another kind or name."""
    if kind == "sqs" and isinstance(event, SqsMessage):
        return str(event.body) if is_any_of(event.queue, names) else None
    if kind == "sns" and isinstance(event, SnsMessage):
        return str(event.message) if is_any_of(event.topic, names) else None
    return None


def _read(text: str, kind: Kind) -> list[AwsEvent]:
    document = msgspec.json.decode(text, type=dict[str, Any])
    match kind:
        case "sns":
            return [read_notification(document)]
        case "s3":
            return [] if is_test_event(document) else [read_object_record(one) for one in _records(document)]
    return [read_eventbridge(document)]


def _records(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    return msgspec.convert(document.get("Records"), list[dict[str, Any]])
