"""The AI SDK waits for events, and gets them at an endpoint that is its own handler of deliveries."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from tests.interop.events.application import Application

Start = Callable[[], Application]

on_every_host = pytest.mark.parametrize("host", ["asgi", "gateway"])
in_both_eras = pytest.mark.parametrize("era", ["modern", "legacy"])

CODES = {
    "modern": {"Forbidden": -32024, "CallbackEndpointError": -32027},
    "legacy": {"Forbidden": -32012, "CallbackEndpointError": -32015},
}


@pytest.fixture
def connected(start_application: Start, shop_on: Callable[[str], str], host: str, era: str) -> Application:
    application = start_application()
    application.connect(shop_on(host), era)
    return application


@on_every_host
@in_both_eras
def test_what_the_client_looks_for(
    start_application: Start, shop_on: Callable[[str], str], host: str, era: str
) -> None:
    application = start_application()
    agreed = application.connect(shop_on(host), era)
    assert agreed["protocolVersion"] == {"modern": "2026-07-28", "legacy": "2025-11-25"}[era]
    assert agreed["capabilities"]["events"] == {}
    found = application.does("list")["events"]
    assert [(one["name"], one["delivery"]) for one in found] == [
        ("order.refunded", ["poll", "webhook"]),
        ("order.counted", ["poll"]),
    ]
    assert list(found[0]["inputSchema"]["properties"]) == ["least"]
    assert list(found[0]["payloadSchema"]["properties"]) == ["order", "cents"]


@on_every_host
@in_both_eras
def test_a_subscription_from_its_beginning_to_its_end(connected: Application, host: str, era: str) -> None:
    granted = connected.does("subscribe", name="order.refunded", arguments={"least": 100}, ttlMs=600_000)
    left = datetime.fromisoformat(granted["refreshBefore"]) - datetime.now(UTC)
    assert timedelta(minutes=9) < left <= timedelta(minutes=10)
    assert (granted["truncated"], "deliveryStatus" in granted) == (False, False)
    assert connected.answers() == [("verification", 200, 1)]

    order = f"{host}-{era}"
    connected.refund(f"{order}-small", 99)
    connected.refund(f"{order}-1", 100)
    [told] = connected.events(1)
    assert told["subscription"]["id"] == granted["id"]
    assert told["event"]["eventId"] == f"refund-{order}-1"
    assert told["event"]["data"] == {"order": f"{order}-1", "cents": 100}
    assert connected.answers()[1:] == [("event", 204, 1)]
    [stored] = connected.does("stored")
    assert (stored["status"], stored["cursor"]) == ("active", told["event"]["cursor"])

    refreshed = connected.does("refresh", id=granted["id"])
    while refreshed["deliveryStatus"]["lastDeliveryAt"] is None:  # the worker has not noted the answer yet
        refreshed = connected.does("refresh", id=granted["id"])
    assert (refreshed["id"], refreshed["truncated"]) == (granted["id"], False)
    status = refreshed["deliveryStatus"]
    assert (status["active"], status["lastError"]) == (True, None)
    assert datetime.fromisoformat(status["lastDeliveryAt"]) <= datetime.now(UTC)

    connected.does("rotate", id=granted["id"])
    connected.refund(f"{order}-2", 100)
    assert connected.events(2)[1]["event"]["data"] == {"order": f"{order}-2", "cents": 100}
    assert connected.answers()[2:] == [("event", 204, 2)]  # also signed with the secret before

    other = connected.does("subscribe", name="order.refunded", arguments={"least": 200})
    connected.does("unsubscribe", id=granted["id"])
    assert [one["id"] for one in connected.does("stored")] == [other["id"]]
    connected.refund(f"{order}-3", 200)
    [last] = connected.events(3)[2:]
    assert (last["subscription"]["id"], last["event"]["data"]["order"]) == (other["id"], f"{order}-3")


@on_every_host
@in_both_eras
def test_an_application_that_is_busy_gets_it_again(connected: Application, host: str, era: str) -> None:
    connected.does("subscribe", name="order.refunded", arguments={})
    connected.does("refuse", count=1)
    connected.refund(f"{host}-{era}-busy", 1)
    [told] = connected.events(1)
    assert told["event"]["eventId"] == f"refund-{host}-{era}-busy"
    assert connected.answers()[1:] == [("event", 503, 1), ("event", 204, 1)]


@on_every_host
@in_both_eras
def test_an_application_that_was_away_gets_what_it_missed(
    connected: Application, host: str, era: str
) -> None:
    granted = connected.does("subscribe", name="order.refunded", arguments={"least": 300})
    connected.does("unsubscribe", id=granted["id"])
    connected.refund(f"{host}-{era}-missed", 300)
    again = connected.does(
        "subscribe", name="order.refunded", arguments={"least": 300}, cursor=granted["cursor"]
    )
    assert again["truncated"] is False
    [told] = connected.events(1)
    assert told["event"]["eventId"] == f"refund-{host}-{era}-missed"


@on_every_host
@in_both_eras
def test_what_is_refused(connected: Application, host: str, era: str) -> None:
    wrong = connected.fails("subscribe", name="order.refunded", arguments={"leest": 1})
    assert (wrong["code"], "leest" in wrong["message"]) == (-32602, True)
    forbidden = connected.fails("subscribe", name="order.refunded", arguments={"least": 1_000_000})
    assert (forbidden["code"], forbidden["message"]) == (CODES[era]["Forbidden"], "Forbidden")
    nobody = connected.fails("subscribe", name="order.refunded", arguments={}, port=1)
    assert (nobody["code"], nobody["data"]) == (
        CODES[era]["CallbackEndpointError"],
        {"reason": "connection_refused"},
    )
    # What the library refuses by the list of the server.
    polled = connected.fails("subscribe", name="order.counted", arguments={})
    assert polled["message"] == "MCP event order.counted does not support webhook delivery"
    unknown = connected.fails("subscribe", name="order.lost", arguments={})
    assert unknown["message"] == "Unknown MCP event: order.lost"


@in_both_eras
def test_a_server_that_identifies_nobody_delivers_to_nobody(
    start_application: Start, shop_on: Callable[[str], str], era: str
) -> None:
    application = start_application()
    application.connect(shop_on("open"), era, headers={})
    [found, _] = application.does("list")["events"]
    assert (found["name"], found["delivery"]) == ("order.refunded", ["poll"])
    refused = application.fails("subscribe", name="order.refunded", arguments={})
    assert refused["message"] == "MCP event order.refunded does not support webhook delivery"


@pytest.mark.parametrize("host", ["asgi"])
@in_both_eras
def test_a_subscription_that_is_not_allowed_any_more_ends(
    connected: Application, host: str, era: str
) -> None:
    least = {"modern": 401, "legacy": 402}[era]
    connected.does("subscribe", name="order.refunded", arguments={"least": least})
    connected.does("call", name="close", arguments={"least": least})
    connected.refund(f"{era}-closed", least)
    [told] = connected.events(1)
    assert told["termination"]["error"] == {
        "code": -32024,
        "message": "Forbidden",
        "data": {"reason": "Access revoked"},
    }
    assert connected.answers()[1:] == [("terminated", 204, 1)]
    assert connected.does("stored") == []
