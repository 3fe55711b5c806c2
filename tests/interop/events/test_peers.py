"""The same requests to Lambent and to two other libraries: what is answered alike, and why the rest is not.

``mcp-handler`` follows the draft that came before the extension, ``mcp-webhook-events`` what ChatGPT asks of
servers. Both use the numbers of that draft for errors; here, errors are compared by their names.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache

import pytest
from tests.interop import hosts
from tests.interop.events import peers
from tests.interop.events.peers import URL, Row, ask, ended, granted, subscribing, unsubscribing

INVALID = ("InvalidParams",)
NO_EVENT = ("NotFound", {"kind": "event"})
NO_SUBSCRIPTION = ("NotFound", {"kind": "subscription"})

TYPE = {
    "name": "order.refunded",
    "description": "A refund was paid out.",
    "delivery": ["webhook"],
    "inputSchema": ["least"],
    "payloadSchema": ["cents", "order"],
}
POLLED = {
    "name": "order.counted",
    "description": "Somebody has counted the orders.",
    "delivery": ["poll"],
    "inputSchema": [],
    "payloadSchema": ["cents", "order"],
}
LISTED = {"events": [TYPE]}

ROWS = {
    "list": Row(
        "events/list",
        {},
        {"events": [{**TYPE, "delivery": ["poll", "webhook"]}, POLLED]},
        handler=LISTED,
        webhook_events=LISTED,
        because="they deliver by webhooks alone",
    ),
    "list from a cursor that nobody has given": Row(
        "events/list",
        {"cursor": "x"},
        INVALID,
        webhook_events=LISTED,
        because="it has one page, and reads no cursor",
    ),
    "list for nobody": Row(
        "events/list",
        {},
        {"events": [{**TYPE, "delivery": ["poll"]}, POLLED]},
        handler=("Forbidden",),
        webhook_events=LISTED,
        because="servers without authentication may offer polls, but no webhooks; there are only webhooks",
        caller=None,
    ),
    "poll": Row(
        "events/poll",
        {"name": "order.refunded"},
        {"events": [], "cursor": "a cursor", "truncated": False, "hasMore": False, "nextPollMs": 30_000},
        handler=("MethodNotFound",),
        webhook_events=("MethodNotFound",),
        because="they deliver by webhooks alone",
    ),
    "subscribe": Row(
        "events/subscribe",
        subscribing(),
        granted(),
        webhook_events=granted(cursor=None),
        because="it keeps no history",
    ),
    "subscribe as nobody": Row(
        "events/subscribe",
        subscribing(),
        ("Forbidden", {"reason": "Authentication required"}),
        handler=("Forbidden",),
        webhook_events=granted(cursor=None),
        because="the reason is optional; the extension demands a principal",
        caller=None,
    ),
    "subscribe to what there is not": Row(
        "events/subscribe",
        subscribing(name="order.lost"),
        NO_EVENT,
        webhook_events=INVALID,
        because="the extension has an error for it",
    ),
    "subscribe to a stream": Row(
        "events/subscribe",
        subscribing(delivery={"mode": "push"}),
        ("Unsupported", {"feature": "deliveryMode", "value": "push"}),
        handler=("Unsupported", {"feature": "deliveryMode"}),
        webhook_events=INVALID,
        because="the value is optional; the extension has an error for it",
    ),
    "subscribe without https": Row(
        "events/subscribe",
        subscribing(delivery={"url": "http://hook.example/shop"}),
        INVALID,
        webhook_events=("CallbackEndpointError", {"reason": "insecure_url"}),
        because="the extension says which error it is",
    ),
    "subscribe with credentials in the URL": Row(
        "events/subscribe",
        subscribing(delivery={"url": "https://ann:pw@hook.example/shop"}),
        INVALID,
        webhook_events=("CallbackEndpointError", {"reason": "invalid_url"}),
        because="the extension says which error it is",
    ),
    "subscribe with a fragment in the URL": Row(
        "events/subscribe",
        subscribing(delivery={"url": f"{URL}#part"}),
        INVALID,
        webhook_events=granted(cursor=None),
        because="no fragment is ever sent",
    ),
    "subscribe with a short secret": Row(
        "events/subscribe", subscribing(delivery={"secret": "whsec_AAAA"}), INVALID
    ),
    "subscribe with a secret without its padding": Row(
        "events/subscribe",
        subscribing(delivery={"secret": peers.SECRET.rstrip("=")}),
        granted(),
        webhook_events=INVALID,
        because="the bytes are known without it",
    ),
    "subscribe with a secret in another alphabet": Row(
        "events/subscribe", subscribing(delivery={"secret": "whsec_" + "-_-_" * 8}), INVALID
    ),
    "subscribe with an argument that there is not": Row(
        "events/subscribe", subscribing(arguments={"leest": 1}), INVALID
    ),
    "subscribe with an argument of another type": Row(
        "events/subscribe", subscribing(arguments={"least": "many"}), INVALID
    ),
    "subscribe with a number as text": Row(
        "events/subscribe", subscribing(arguments={"least": "1"}), INVALID
    ),
    "subscribe without arguments": Row(
        "events/subscribe",
        {key: value for key, value in subscribing().items() if key != "arguments"},
        granted(),
        handler=INVALID,
        webhook_events=granted(cursor=None),
        because="there may be none; it keeps no history",
    ),
    "subscribe to what one may not have": Row(
        "events/subscribe",
        subscribing(arguments={"least": 1_000_000}),
        ("Forbidden", {"reason": "Not allowed to have order.refunded with these arguments"}),
        handler=("Forbidden",),
        webhook_events=granted(cursor=None),
        because="the reason is optional; it asks nobody",
    ),
    "subscribe an endpoint that refuses": Row(
        "events/subscribe",
        subscribing(delivery={"url": "https://127.0.0.1:9/refuses"}),
        ("CallbackEndpointError", {"reason": "connection_refused"}),
        handler=("CallbackEndpointError", {"reason": "challenge_failed"}),
        webhook_events=("CallbackEndpointError", {"reason": "challenge_failed"}),
        because="the endpoints of the others are made up here",
    ),
    "subscribe for ever": Row(
        "events/subscribe",
        subscribing(ttlMs=None),
        granted(),
        webhook_events=granted(cursor=None),
        because="it keeps no history",
    ),
    "subscribe for a moment": Row(
        "events/subscribe",
        subscribing(ttlMs=1),
        granted(300),
        webhook_events=granted(3600, cursor=None),
        because="its shortest time cannot be set",
    ),
    "subscribe for no time": Row(
        "events/subscribe",
        subscribing(ttlMs=0),
        granted(300),
        handler=INVALID,
        webhook_events=INVALID,
        because="the extension lets servers change a wish, and not refuse it",
    ),
    "subscribe for less than no time": Row("events/subscribe", subscribing(ttlMs=-1), INVALID),
    "subscribe for too long": Row(
        "events/subscribe",
        subscribing(ttlMs=10**10),
        granted(),
        webhook_events=granted(cursor=None),
        because="it keeps no history",
    ),
    "refresh": Row(
        "events/subscribe",
        subscribing(),
        granted(deliveryStatus={"active": True, "lastDeliveryAt": None, "lastError": None}),
        handler=granted(),
        webhook_events=granted(cursor=None),
        because="the status is optional; it keeps no history",
        before=[("events/subscribe", subscribing())],
    ),
    "subscribe with everything wrong": Row(
        "events/subscribe",
        subscribing(name="order.lost", delivery={"mode": "push", "secret": "x"}, arguments={"leest": 1}),
        ("Unsupported", {"feature": "deliveryMode", "value": "push"}),
        handler=("Unsupported", {"feature": "deliveryMode"}),
        webhook_events=INVALID,
        because="the extension has no order of checks; the value is optional",
    ),
    "subscribe with a wrong secret to what there is not": Row(
        "events/subscribe",
        subscribing(name="order.lost", delivery={"secret": "x"}),
        NO_EVENT,
        handler=INVALID,
        webhook_events=INVALID,
        because="the extension has no order of checks",
    ),
    "unsubscribe": Row(
        "events/unsubscribe",
        unsubscribing(),
        {},
        webhook_events=INVALID,
        because="it wants the mode, which the extension does not have there",
        before=[("events/subscribe", subscribing())],
    ),
    "unsubscribe with the mode": Row(
        "events/unsubscribe",
        unsubscribing(delivery={"mode": "webhook"}),
        {},
        before=[("events/subscribe", subscribing())],
    ),
    "unsubscribe what there is not": Row(
        "events/unsubscribe",
        unsubscribing(delivery={"mode": "webhook", "url": f"{URL}/other"}),
        NO_SUBSCRIPTION,
        webhook_events={},
        because="the extension says so; ChatGPT does without",
    ),
    "unsubscribe from what there never was": Row(
        "events/unsubscribe",
        unsubscribing(name="order.lost"),
        NO_SUBSCRIPTION,
        webhook_events=INVALID,
        because="an event type may be gone by then",
    ),
    "unsubscribe what is another one's": Row(
        "events/unsubscribe",
        unsubscribing(delivery={"mode": "webhook"}),
        NO_SUBSCRIPTION,
        webhook_events={},
        because="as above",
        caller="bob",
        before=[("events/subscribe", subscribing())],
    ),
}

VARIABLES = {"LAMBENT_EVENTS_ALLOWED_CALLBACKS": "https://hook.example/"}
"""None of the endpoints exists."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    """The address of a server, which starts when the first test needs it."""
    folder = tmp_path_factory.mktemp("peers")

    def start(name: str) -> str:
        if name in {"asgi", "open_asgi"}:
            app = f"tests.interop.events.shop:{name}"
            return stack.enter_context(
                hosts.asgi(folder / f"{name}.log", app, "--factory", variables=VARIABLES)
            )
        peer = peers.handler() if name == "handler" else peers.webhook_events(folder)
        return stack.enter_context(peer)

    with ExitStack() as stack:
        yield cache(start)


@pytest.mark.parametrize("era", ["modern", "legacy"])
@pytest.mark.parametrize("peer", ["ours", "handler", "webhook_events"])
def test_answers(served: Callable[[str], str], peer: str, era: str) -> None:
    answers = {}
    for name, row in ROWS.items():
        ours = "open_asgi" if row.caller is None else "asgi"
        url = served(ours if peer == "ours" else peer)
        for method, params in row.before:
            ask(url, era, method, params, "ann")
        answers[name] = ask(url, era, row.method, row.params, row.caller)
        for _, params in [*row.before, (row.method, row.params)]:
            if "delivery" in params:  # the next era begins as this one has
                ask(url, era, "events/unsubscribe", ended(params), "ann")
    assert answers == {name: row.of(peer) for name, row in ROWS.items()}


def test_differences_have_reasons() -> None:
    for name, row in ROWS.items():
        others = [row.handler, row.webhook_events]
        assert bool(row.because) == any(one is not None for one in others), name
        assert row.ours not in others, name


@pytest.mark.parametrize("peer", ["handler", "webhook_events"])
@pytest.mark.parametrize("era", ["modern", "legacy"])
def test_capabilities(served: Callable[[str], str], peer: str, era: str) -> None:
    opening = (
        ("server/discover", {})
        if era == "modern"
        else (
            "initialize",
            {
                "protocolVersion": "2025-11-25",
                "capabilities": {},
                "clientInfo": {"name": "interop", "version": "1"},
            },
        )
    )
    found = [ask(served(name), era, *opening, "ann")["capabilities"] for name in ("asgi", peer)]
    assert [one["events"] for one in found] == [{}, {}]
