"""Sources: what they are declared with, and what is refused."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import pytest
from tests.support import MCPServer, make_server

from lambent import (
    Checked,
    DeclarationError,
    EventBridgeEvent,
    S3Notification,
    SnsMessage,
    SourceContext,
    SqsMessage,
    TableChange,
)
from lambent.features.sources import Envelope, SourceFunction

U = TypeVar("U")


@dataclasses.dataclass
class Refund:
    order: str


def server() -> MCPServer:
    mcp = make_server()
    for name in ("order.refunded", "order.audited"):
        mcp.event(name, payload=Refund)(nothing)
    return mcp


def nothing() -> None:
    """Everything."""


def take(event: Any) -> None:
    """Take an event."""


def declared(
    kind: str = "eventbridge", function: Callable[..., Any] = take, **options: Any
) -> SourceFunction:
    mcp = server()
    given = {"emits": "order.refunded", **({"queue": "q"} if kind == "sqs" else {}), **options}
    assert getattr(mcp.source, kind)(**given)(function) is function
    (source,) = mcp.freeze().sources
    return source


@pytest.mark.parametrize("kind", ["eventbridge", "sns", "s3", "dynamodb", "sqs"])
def test_what_is_known_of_a_source(kind: str) -> None:
    source = declared(kind)
    assert (source.name, source.kind, source.function) == ("take", kind, take)
    assert source.emits == {"order.refunded": "order.refunded"}
    assert source.wanted == ({"queue": ("q",)} if kind == "sqs" else {})
    assert (source.envelopes, source.takes_context, source.is_native, source.codec) == (
        (),
        False,
        False,
        None,
    )


@pytest.mark.parametrize(
    ("kind", "options", "wanted"),
    [
        (
            "eventbridge",
            {"source": "a", "detail_type": ["b", "c"]},
            {"source": ("a",), "detail_type": ("b", "c")},
        ),
        ("sns", {"topic": "a"}, {"topic": ("a",)}),
        ("s3", {"bucket": ("a", "b"), "prefix": "p", "suffix": "s"}, {"bucket": ("a", "b")}),
        ("dynamodb", {"table": "a"}, {"table": ("a",)}),
        ("sqs", {"queue": ["a"]}, {"queue": ("a",)}),
    ],
)
def test_which_events_it_is_for(kind: str, options: dict[str, Any], wanted: dict[str, Any]) -> None:
    source = declared(kind, **options)
    assert source.wanted == wanted
    assert (source.prefix, source.suffix) == (options.get("prefix", ""), options.get("suffix", ""))


def test_what_passes_events_on() -> None:
    source = declared("s3", topic="t", queue=["q", "p"])
    assert source.envelopes == (Envelope("sqs", ("q", "p")), Envelope("sns", ("t",)))
    assert source.queues == ("q", "p")


def bridge(event: EventBridgeEvent) -> None: ...
def any_bridge(event: EventBridgeEvent[Any]) -> None: ...
def variable_bridge(event: EventBridgeEvent[U]) -> U: ...
def refund(event: EventBridgeEvent[Refund]) -> None: ...
def text(message: SqsMessage[str]) -> None: ...
def message(message: SqsMessage[Refund]) -> None: ...
def topic(message: SnsMessage[list[int]]) -> None: ...
def notification(notification: S3Notification) -> None: ...
def change(change: TableChange) -> None: ...
def native(event: dict) -> None: ...  # type: ignore[type-arg]
def typed_native(event: dict[str, Any]) -> None: ...
def mapping(event: Mapping[str, Any]) -> None: ...
def unknown(event) -> None: ...  # type: ignore[no-untyped-def]


@pytest.mark.parametrize(
    ("kind", "function", "is_native", "has_codec"),
    [
        ("eventbridge", bridge, False, False),
        ("eventbridge", any_bridge, False, False),
        ("eventbridge", variable_bridge, False, False),
        ("eventbridge", refund, False, True),
        ("sqs", text, False, False),
        ("sqs", message, False, True),
        ("sns", topic, False, True),
        ("s3", notification, False, False),
        ("dynamodb", change, False, False),
        ("eventbridge", native, True, False),
        ("sns", typed_native, True, False),
        ("s3", mapping, True, False),
        ("sqs", unknown, False, False),
    ],
)
def test_what_the_function_gets(
    kind: str, function: Callable[..., Any], is_native: bool, has_codec: bool
) -> None:
    source = declared(kind, function)
    assert (source.is_native, source.codec is not None) == (is_native, has_codec)


def with_context(event: Any, context: SourceContext) -> None: ...
def untyped_context(event: Any, context: Any) -> None: ...
def optional_context(event: Any, context: SourceContext | None = None) -> None: ...
def bound(event: Any, name: str = "a", *, other: int = 1) -> None: ...
def variadic(event: Any, *rest: Any, **more: Any) -> None: ...


@pytest.mark.parametrize(
    ("function", "takes_context"),
    [
        (with_context, True),
        (untyped_context, True),
        (optional_context, True),
        (bound, False),
        (variadic, False),
    ],
)
def test_whether_it_gets_the_context(function: Callable[..., Any], takes_context: bool) -> None:
    assert declared(function=function).takes_context is takes_context


class Unbound:
    def take(self, event: Any) -> None: ...


def of_topic(message: SnsMessage) -> None: ...  # type: ignore[type-arg]
def of_text(event: str) -> None: ...
def of_set(event: EventBridgeEvent[set[frozenset[type]]]) -> None: ...
def three(event: Any, context: SourceContext, more: Any) -> None: ...
def named(*, event: Any) -> None: ...
def needs_name(event: Any, *, name: str) -> None: ...
def spread(*events: Any) -> None: ...


TAKES = "the function takes the event, and a SourceContext if it wants to"


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda: None, TAKES),
        (three, TAKES),
        (named, TAKES),
        (needs_name, TAKES),
        (spread, TAKES),
        (of_topic, "of_topic: it gets EventBridgeEvent or dict, so SnsMessage cannot be its event"),
        (of_text, "of_text: it gets EventBridgeEvent or dict, so str cannot be its event"),
        (of_set, "of_set, detail: "),
        (Unbound.take, "it is a method without its object"),
        (5, "write a function; this is 5"),
    ],
)
def test_functions_that_do_not_fit(function: Any, said: str) -> None:
    with pytest.raises(DeclarationError, match=said):
        declared(function=function)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"emits": ""}, "take: emits is text or a list of text, not ''"),
        ({"emits": []}, r"take: emits is text or a list of text, not \[\]"),
        ({"emits": [5]}, r"take: emits is text or a list of text, not \[5\]"),
        ({"source": ""}, "take: source is text or a list of text"),
        ({"detail_type": [""]}, "take: detail_type is text or a list of text"),
        ({"topic": ""}, "take: topic is text or a list of text"),
        ({"queue": []}, "take: queue is text or a list of text"),
        ({"emits": "order.lost"}, "take emits 'order.lost': declare it with @mcp.event"),
        ({"emits": ["order.refunded", "x"]}, "take emits 'x': declare it with @mcp.event"),
    ],
)
def test_options_that_do_not_fit(options: dict[str, Any], said: str) -> None:
    with pytest.raises(DeclarationError, match=said):
        declared(**options)


def test_an_event_may_be_declared_behind_its_source() -> None:
    mcp = make_server()
    mcp.source.eventbridge(emits="order.refunded")(take)
    mcp.event("order.refunded", payload=Refund)(nothing)
    assert [source.name for source in mcp.freeze().sources] == ["take"]


def test_events_that_are_asked_for_are_not_emitted() -> None:
    mcp = server()
    mcp.event("parcel.sent", payload=Refund, check=lambda cursor: Checked(cursor=None))(nothing)
    mcp.source.eventbridge(emits="parcel.sent")(take)
    with pytest.raises(DeclarationError, match="whose occurrences come from its check"):
        mcp.freeze()


def test_a_source_that_comes_too_late() -> None:
    mcp = server()
    mcp.freeze()
    with pytest.raises(DeclarationError, match="source 'take' comes too late"):
        mcp.source.eventbridge(emits="order.refunded")(take)


def test_sources_of_mounted_servers_emit_under_the_prefix() -> None:
    inner, outer = server(), make_server()
    inner.source.eventbridge(emits=["order.refunded", "order.audited"])(take)
    outer.mount(inner, "shop")
    (source,) = outer.freeze().sources
    assert source.emits == {"order.refunded": "shop_order.refunded", "order.audited": "shop_order.audited"}
    assert source.owner is inner.freeze()


def test_a_source_may_emit_events_of_a_mounted_server() -> None:
    inner, outer = server(), make_server()
    outer.mount(inner, "shop")
    outer.source.eventbridge(emits="shop_order.refunded")(take)
    assert len(outer.freeze().sources) == 1
