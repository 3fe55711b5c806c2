"""Events in the tests of servers: polls, subscriptions, and deliveries without a network."""

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lambent import (
    Call,
    Checked,
    ConfigurationError,
    Context,
    EventBridgeEvent,
    MCPServer,
    Occurrence,
    Principal,
    Settings,
)
from lambent.execution.events.signing import decode_secret, signed_headers
from lambent.hosts.aws_lambda.events import UnknownEventError
from lambent.hosts.aws_lambda.source_events import SourceFailedError
from lambent.hosts.events_settings import EventSettings
from lambent.testing import (
    CallError,
    Clock,
    LambdaClient,
    TestClient,
    eventbridge_event,
    fake_context,
    message_event,
)
from lambent.testing.event_calls import ENDPOINT, SECRET

ANN = Principal("ann", scopes=frozenset({"orders"}))
START = 1_700_000_000.0


@dataclasses.dataclass
class Refunded:
    order: str
    cents: int


@dataclasses.dataclass
class Least:
    least: int = 0


def make_shop() -> MCPServer:
    mcp = MCPServer("shop")

    @mcp.event("refunded", payload=Refunded, arguments=Least, delivery=["poll", "webhook"], scopes=["orders"])
    def refunded(refund: Refunded, wanted: Least) -> bool:
        """A refund was paid out."""
        return refund.cents >= wanted.least

    @mcp.tool()
    async def refund(ctx: Context, order: str, cents: int) -> str:
        return await ctx.events.emit("refunded", Refunded(order, cents), event_id=f"refund-{order}")

    return mcp


@pytest.fixture
def client() -> TestClient:
    return TestClient(make_shop(), principal=ANN, clock=Clock(START))


def test_event_types_are_listed(client: TestClient) -> None:
    (event,) = client.list_events()
    assert (event.name, event.description) == ("refunded", "A refund was paid out.")
    assert event.delivery == ["poll", "webhook"]
    assert set(event.payload_schema["properties"]) == {"order", "cents"}
    assert set(event.input_schema["properties"]) == {"least"}


@pytest.mark.parametrize("version", ["2026-07-28", "2025-11-25", "2025-03-26"])
def test_polls(version: str) -> None:
    client = TestClient(make_shop(), principal=ANN, version=version, clock=Clock(START))
    first = client.events.poll("refunded")
    assert (first.events, first.truncated, first.has_more, first.next_poll_ms) == ([], False, False, 30_000)
    client.call("refund", order="a", cents=5)
    client.events.emit("refunded", Refunded("b", 7), event_id="b", timestamp=datetime(2023, 1, 1, tzinfo=UTC))
    client.clock.advance(60)
    client.events.emit("refunded", Refunded("c", 9))
    found = client.events.poll("refunded", first.cursor, arguments=Least(6))
    assert [one.into(Refunded) for one in found.events] == [Refunded("b", 7), Refunded("c", 9)]
    assert [one.timestamp for one in found.events] == ["2023-01-01T00:00:00.000Z", "2023-11-14T22:14:20.000Z"]
    assert found.events[0].event_id == "b"
    one = client.events.poll("refunded", first.cursor, max_events=1)
    assert ([each.data["order"] for each in one.events], one.has_more) == (["a"], True)
    late = client.events.poll("refunded", first.cursor, max_age=timedelta(seconds=30))
    assert ([each.data["order"] for each in late.events], late.truncated) == (["c"], True)


def test_what_is_older_than_the_retention_is_gone(client: TestClient) -> None:
    first = client.events.poll("refunded")
    client.events.emit("refunded", Refunded("a", 5))
    client.clock.advance(2 * 86_400)
    assert client.events.poll("refunded", first.cursor).truncated


def test_deliveries(client: TestClient) -> None:
    subscription = client.events.subscribe("refunded", arguments={"least": 6})
    assert subscription.refresh_before == "2023-11-15T22:13:20.000Z"
    assert (subscription.truncated, subscription.delivery_status) == (False, {})
    client.call("refund", order="a", cents=5)
    client.call("refund", order="b", cents=7)
    assert client.events.deliveries == []
    (delivery,) = client.events.deliver()
    assert client.events.deliveries == [delivery]
    assert (delivery.url, delivery.kind, delivery.subscription_id) == (ENDPOINT, "event", subscription.id)
    assert delivery.event.event_id == "refund-b"
    assert delivery.event.into(Refunded) == Refunded("b", 7)
    secret, stamp = decode_secret(SECRET), float(delivery.headers["webhook-timestamp"])
    signed = signed_headers([secret], "refund-b", stamp, delivery.body, subscription.id)
    assert delivery.headers == signed
    assert client.events.deliver() == []


def test_failures_are_tried_again_when_they_are_due(client: TestClient) -> None:
    client.events.subscribe("refunded")
    client.events.deliver()
    answers: list[Any] = [503, "timeout", None]
    client.events.on_delivery = lambda delivery: answers.pop(0)
    assert client.as_(None).events.on_delivery is not None  # endpoints are those of all clients
    client.call("refund", order="a", cents=5)
    now = client.clock()
    assert len(client.events.deliver(timedelta(0))) == 1
    assert client.clock() == now
    status = client.events.subscribe("refunded").delivery_status
    assert (status["active"], status["lastError"]) == (True, "http_5xx")
    assert len(client.events.deliver()) == 2
    assert client.clock() > now + 15
    status = client.events.subscribe("refunded").delivery_status
    assert (status["lastError"], answers) == (None, [])


def test_an_answer_that_is_none(client: TestClient) -> None:
    client.events.subscribe("refunded")
    client.events.on_delivery = lambda delivery: "tired"
    client.call("refund", order="a", cents=5)
    with pytest.raises(ValueError, match="on_delivery gave 'tired': give a status, or one of connection_ref"):
        client.events.deliver()


def test_the_end_of_a_subscription(client: TestClient) -> None:
    client.events.subscribe("refunded", arguments=Least(1), url="https://other.example/x")
    client.events.unsubscribe("refunded", arguments={"least": 1}, url="https://other.example/x")
    client.call("refund", order="a", cents=5)
    assert client.events.deliver() == []
    with pytest.raises(CallError) as caught:
        client.events.unsubscribe("refunded")
    assert caught.value.data == {"kind": "subscription"}


def test_settings_and_principals_count(client: TestClient) -> None:
    settings = Settings(events=EventSettings(no_expiry=True, max_subscriptions=1))
    own = TestClient(make_shop(), principal=ANN, settings=settings)
    assert own.events.subscribe("refunded", ttl=None).refresh_before is None
    with pytest.raises(CallError) as caught:
        own.events.subscribe("refunded", url="https://other.example/x", ttl=timedelta(hours=1))
    assert caught.value.data == {"limit": "subscriptions", "max": 1}
    with pytest.raises(CallError) as caught:
        client.as_(Principal("bob")).events.subscribe("refunded")
    assert caught.value.status == 403


def test_replay_from_a_cursor(client: TestClient) -> None:
    cursor = client.events.poll("refunded").cursor
    client.call("refund", order="a", cents=5)
    client.clock.advance(60)
    client.call("refund", order="b", cents=5)
    found = client.events.subscribe("refunded", cursor=cursor, max_age=timedelta(seconds=30))
    assert found.truncated
    assert [one.event.event_id for one in client.events.deliver()] == ["refund-b"]


def test_a_server_without_events() -> None:
    client = TestClient(MCPServer("none"))
    assert client.events.deliver() == []
    with pytest.raises(CallError, match="Method not found"):
        client.list_events()
    with pytest.raises(Exception, match="declares no events"):
        client.events.emit("refunded", None)


def test_servers_that_only_poll_offer_no_endpoints() -> None:
    mcp = MCPServer("polls")

    @mcp.event("sent", payload=Refunded)
    def sent() -> None:
        """Something was sent."""

    client = TestClient(mcp, principal=ANN)
    client.events.emit("sent", Refunded("a", 1))
    assert client.events.deliver() == []
    with pytest.raises(CallError, match="Method not found"):
        client.events.subscribe("sent")


def test_a_function_by_itself_emits_to_the_test() -> None:
    ctx = fake_context()
    at = datetime(2023, 1, 1, tzinfo=UTC)
    assert ctx.events.emit("refunded", Refunded("a", 5), event_id="a", timestamp=at).result() == "a"
    assert ctx.events.emit("refunded", {"any": 1}).result() == "evt_2"
    first, second = ctx.emitted
    assert (first.name, first.payload, first.event_id, first.timestamp) == (
        "refunded",
        Refunded("a", 5),
        "a",
        at,
    )
    assert (second.payload, second.event_id) == ({"any": 1}, None)


def identify(call: Call, following: Any) -> Any:
    return following(call.as_principal(Principal("ann")))


def make_sender(**options: Any) -> MCPServer:
    mcp = MCPServer("shop", **options)

    @mcp.event("sent", payload=Refunded, delivery=["poll", "webhook"])
    def sent() -> None:
        """Something was sent."""

    return mcp


def test_polls_of_a_function_in_lambda(lambent_table: str, lambent_deliveries: str) -> None:
    mcp = make_sender()
    client = LambdaClient(mcp.lambda_handler())
    assert client.list_events()[0].delivery == ["poll"]  # nobody is identified
    cursor = client.events.poll("sent").cursor
    mcp.events().emit("sent", Refunded("a", 1))
    (found,) = client.events.poll("sent", cursor).events
    assert found.into(Refunded) == Refunded("a", 1)
    with pytest.raises(CallError) as caught:
        client.events.subscribe("sent")
    assert caught.value.message == "Forbidden"
    assert client.events.deliveries == []
    with pytest.raises(ValueError, match="deliveries_url"):
        client.events.deliver()


def test_deliveries_of_a_function_in_lambda(lambent_table: str, lambent_deliveries: str) -> None:
    mcp = make_sender(middleware=[identify])
    handler, worker = mcp.lambda_handler(), mcp.lambda_handler()
    client = LambdaClient(handler, worker=worker, deliveries_url=lambent_deliveries, queue_wait=0)
    client.events.subscribe("sent")
    mcp.events().emit("sent", Refunded("a", 1), event_id="a")
    mcp.events().emit("sent", Refunded("b", 2), event_id="b")
    found = client.replace(version="2025-11-25").events.deliver()
    assert sorted(one.event.event_id for one in found) == ["a", "b"]
    assert client.events.deliveries == found
    client.events.on_delivery = lambda delivery: 410
    mcp.events().emit("sent", Refunded("c", 3), event_id="c")
    assert [one.event.event_id for one in client.events.deliver()] == ["c"]
    assert client.events.deliver() == []


def test_a_handler_that_delivers_nothing() -> None:
    handlers = [MCPServer("none").lambda_handler(Settings()), lambda event, context: None]
    for handler in handlers:
        with pytest.raises(ValueError, match="delivers nothing to endpoints"):
            LambdaClient(handler, deliveries_url="https://sqs/deliveries")


def test_functions_of_the_author_may_be_coroutine_functions() -> None:
    mcp, permitted = MCPServer("shop"), [True]

    async def may_have(caller: Principal) -> bool:
        return permitted[0]

    @mcp.event("sent", payload=Refunded, delivery=["webhook"], allow=may_have)
    def sent() -> None:
        """Something was sent."""

    with TestClient(mcp, principal=ANN) as client:
        client.events.subscribe("sent")
        client.events.emit("sent", Refunded("a", 1))
        assert [one.kind for one in client.events.deliver()] == ["event"]
        permitted[0] = False
        client.events.emit("sent", Refunded("b", 1))
        (told,) = client.events.deliver()
        assert (told.kind, told.json["error"]["message"]) == ("terminated", "Forbidden")


def test_sources_take_events_of_aws() -> None:
    mcp = make_shop()

    @mcp.source.eventbridge(emits="refunded", source="shop")
    async def take(event: EventBridgeEvent[Refunded]) -> Refunded:
        return event.detail

    client = TestClient(mcp, principal=ANN, clock=Clock(START))
    client.events.subscribe("refunded")
    made = eventbridge_event("Refunded", Refunded("a", 500), source="shop", event_id="e1")
    assert [client.events.take(made) for _ in range(2)] == [{"occurrences": 1}] * 2
    (delivery,) = client.events.deliver()
    assert delivery.event is not None
    assert (delivery.event.event_id, delivery.event.into(Refunded)) == ("e1", Refunded("a", 500))
    with pytest.raises(SourceFailedError, match="No source is for event"):
        client.events.take(eventbridge_event("Refunded", {}, source="shop.other"))
    with pytest.raises(UnknownEventError, match="No source of the server is for"):
        client.events.take(message_event("a", queue_url="https://sqs.eu-west-1.amazonaws.com/1/q"))


def test_upstreams_are_asked_as_by_a_schedule() -> None:
    mcp, refunds = MCPServer("shop"), list[Refunded]()

    async def check(cursor: str | None) -> Checked:
        start = len(refunds) if cursor is None else int(cursor)
        found = [Occurrence(one, one.order) for one in refunds[start:]]
        return Checked(occurrences=found, cursor=str(len(refunds)))

    @mcp.event("refunded", payload=Refunded, delivery=["webhook"], check=check)
    def refunded() -> None:
        """A refund was paid out."""

    client = TestClient(mcp, principal=ANN, clock=Clock(START))
    client.events.subscribe("refunded")
    assert client.events.check() == {"refunded": 0}
    refunds.append(Refunded("a", 500))
    assert client.events.check("refunded") == {"refunded": 1}
    assert [one.event.event_id for one in client.events.deliver() if one.event] == ["a"]
    with pytest.raises(ConfigurationError, match="No schedule checks 'paid'"):
        client.events.check("paid")
