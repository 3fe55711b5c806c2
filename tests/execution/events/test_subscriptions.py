"""``events/subscribe`` and ``events/unsubscribe``: who gets what, for how long, and where."""

import base64
import dataclasses
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from tests.legacy import LegacyClient
from tests.support import SECRET, Client, failure, make_server, success

from lambent import ConfigurationError, Principal, Settings, ValidationError
from lambent.execution.call import Call
from lambent.execution.durable.records import changed
from lambent.execution.endpoint import Endpoint
from lambent.execution.events.callback_urls import is_within
from lambent.execution.events.emitting import Emitter
from lambent.execution.events.ports import CallbackFailed, CallbackResponse
from lambent.execution.events.signing import signed_headers
from lambent.execution.events.subscription_records import SubscriptionRecord
from lambent.execution.events.subscriptions import Grants, Subscriptions
from lambent.execution.events.verification import Verification
from lambent.execution.execute import Executor
from lambent.execution.rounds.digests import mark_of
from lambent.stores.event_logs import MemoryLog
from lambent.stores.memory import MemoryQueue, MemoryStore

IN_MEMORY = Settings(state_keys=(SECRET,), in_memory=True)
NOW = 1_700_000_000.0
URL = "https://hook.example/hooks/1"


def secret(byte: int = 1) -> str:
    return "whsec_" + base64.b64encode(bytes([byte]) * 32).decode()


@dataclasses.dataclass
class Refund:
    order: str


@dataclasses.dataclass
class Wanted:
    least: int = 0
    most: int = 9


def echo(body: bytes) -> CallbackResponse:
    return CallbackResponse(200, json.dumps({"challenge": json.loads(body)["challenge"]}).encode())


class Endpoints:
    """Endpoints that answer as a test says, and keep what they got."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.answer: Callable[[bytes], CallbackResponse] = echo
        self.document: CallbackResponse | Exception = CallbackResponse(404)

    def send(
        self, method: str, url: str, headers: Any, body: bytes, *, seconds: float, most: int = 0
    ) -> CallbackResponse:
        self.requests.append((method, url, dict(headers), body))
        if method == "POST":
            return self.answer(body)
        if isinstance(self.document, Exception):
            raise self.document
        return self.document


class Shop:
    """A server with an event that is delivered, a caller, and a clock."""

    def __init__(
        self, *, allowed: tuple[str, ...] = (), allow: Any = None, callbacks: Any = None, **grants: Any
    ) -> None:
        self.now = NOW
        self.caller: Principal | None = Principal("ann", "https://issuer.example", claims={"secret": 1})
        mcp = make_server(middleware=[self.identify])

        @mcp.event(
            "order.refunded",
            payload=Refund,
            arguments=Wanted,
            delivery=["webhook", "poll"],
            allow=allow,
        )
        def order_refunded() -> None:
            """A refund."""

        mcp.event("order.polled", payload=Refund)(order_refunded)
        self.handler = mcp.lambda_handler(IN_MEMORY)
        services = self.handler._endpoint.executor.services
        assert services.events is not None
        self.events = services.events
        self.events.log, self.events.clock = MemoryLog(self.clock), self.clock
        self.events.modes = ("poll", "webhook")
        self.store, self.endpoints, self.queue = MemoryStore(), Endpoints(), MemoryQueue()
        verification = Verification(self.store, self.clock, "shop", callbacks or self.endpoints, allowed)
        self.subscriptions = self.events.subscriptions = Subscriptions(
            self.store, self.clock, "shop", self.events, verification, Grants(**grants), self.queue
        )
        self.handler._endpoint = Endpoint(Executor(services, mcp._middleware), IN_MEMORY.http_policy)
        self.client = Client(self.handler)

    def identify(self, call: Call, following: Any) -> Any:
        return following(call.as_principal(self.caller))

    def clock(self) -> float:
        return self.now

    def params(self, delivery: Any = None, **params: Any) -> dict[str, Any]:
        given = {"mode": "webhook", "url": URL, "secret": secret(), **(delivery or {})}
        return {"name": "order.refunded", "arguments": {}, "delivery": given, **params}

    def subscribe(self, delivery: Any = None, **params: Any) -> dict[str, Any]:
        result = self.client.request("events/subscribe", self.params(delivery, **params)).result
        del result["_meta"], result["resultType"]
        return result

    def refused(self, delivery: Any = None, **params: Any) -> dict[str, Any]:
        return self.client.request("events/subscribe", self.params(delivery, **params)).error

    def unsubscribe(self, **params: Any) -> Any:
        given = {"name": "order.refunded", "arguments": {}, "delivery": {"url": URL}, **params}
        return self.client.request("events/unsubscribe", given)

    def emit(self, *ids: str) -> None:
        for one in ids:
            Emitter(self.events).emit("order.refunded", Refund("a"), event_id=one)

    def record(self, sub_id: str) -> SubscriptionRecord | None:
        key = self.subscriptions.records.key(sub_id, mark_of(self.caller))
        held = self.subscriptions.records.read(key)
        return None if held is None else held.record

    @property
    def epoch(self) -> str:
        return self.events.log.head(self.events.key(self.events.types["order.refunded"])).epoch


@pytest.fixture
def shop() -> Shop:
    return Shop()


# What is made.


def test_a_subscription(shop: Shop) -> None:
    reply = shop.client.request("events/subscribe", shop.params())
    sub_id = reply.result["id"]
    members = f'"id":"{sub_id}","refreshBefore":"2023-11-15T22:13:20.000Z","cursor":"{shop.epoch}.0"'
    assert (reply.status, reply.body) == (200, success(f'{members},"truncated":false'))
    assert sub_id.startswith("sub_")
    assert shop.record(sub_id) == SubscriptionRecord(
        id=sub_id,
        principal=Principal("ann", "https://issuer.example"),
        name="order.refunded",
        arguments=shop.record(sub_id).arguments,  # type: ignore[union-attr]
        url=URL,
        secret=bytes([1]) * 32,
        expires=NOW + 86_400,
        schema=shop.record(sub_id).schema,  # type: ignore[union-attr]
        log=shop.events.key(shop.events.types["order.refunded"]),
        epoch=shop.epoch,
        number=0,
    )
    assert shop.queue.messages == [(f"advance {shop.subscriptions._key(sub_id, shop.caller)}", 5.0)]  # type: ignore[arg-type]


def test_the_endpoint_is_asked_first(shop: Shop) -> None:
    found = shop.subscribe()
    ((method, url, headers, body),) = shop.endpoints.requests
    assert (method, url) == ("POST", URL)
    envelope = json.loads(body)
    assert list(envelope) == ["type", "challenge"]
    assert envelope["type"] == "verification"
    assert len(envelope["challenge"]) >= 32
    assert headers["webhook-id"].startswith("msg_verification_")
    assert headers == signed_headers([bytes([1]) * 32], headers["webhook-id"], NOW, body, found["id"])


def test_the_list_shows_the_mode(shop: Shop) -> None:
    events = shop.client.request("events/list").result["events"]
    assert [event["delivery"] for event in events] == [["poll", "webhook"], ["poll"]]


def test_the_list_shows_it_to_callers_alone_that_are_identified(shop: Shop) -> None:
    """A server without authentication may offer polls, but no webhooks ("Subscription identity")."""
    shop.caller = None
    events = shop.client.request("events/list").result["events"]
    assert [event["delivery"] for event in events] == [["poll"], ["poll"]]


def test_who_asks_for_what_and_where_makes_the_subscription(shop: Shop) -> None:
    first = shop.subscribe(arguments={"least": 1, "most": 5})["id"]
    assert shop.subscribe(arguments={"most": 5, "least": 1})["id"] == first
    others = {
        shop.subscribe(arguments={"least": 1})["id"],
        shop.subscribe({"url": URL + "0"}, arguments={"least": 1, "most": 5})["id"],
    }
    shop.caller = Principal("bob", "https://issuer.example")
    others.add(shop.subscribe(arguments={"least": 1, "most": 5})["id"])
    assert len(others | {first}) == 4


def test_what_happened_before_is_not_asked_for(shop: Shop) -> None:
    shop.emit("a", "b")
    assert shop.subscribe()["cursor"] == f"{shop.epoch}.2"


def test_what_happened_since_a_cursor_is(shop: Shop) -> None:
    cursor = f"{shop.epoch}.0"
    shop.emit("a")
    shop.now += 60
    shop.emit("b")
    found = shop.subscribe(cursor=cursor)
    assert (found["cursor"], found["truncated"]) == (cursor, False)
    late = shop.subscribe({"url": URL + "0"}, cursor=cursor, maxAgeMs=30_000)
    assert (late["cursor"], late["truncated"]) == (f"{shop.epoch}.1", True)
    other = shop.subscribe({"url": URL + "1"}, cursor="other.0")
    assert (other["cursor"], other["truncated"]) == (f"{shop.epoch}.2", True)


# How long.


@pytest.mark.parametrize(
    ("ttl", "grants", "seconds"),
    [
        ({}, {}, 86_400),
        ({}, {"no_expiry": True}, 86_400),
        ({"ttlMs": 3_600_000}, {}, 3600),
        ({"ttlMs": 1}, {}, 300),
        ({"ttlMs": 10**12}, {}, 86_400),
        ({"ttlMs": None}, {}, 86_400),
        ({"ttlMs": None}, {"no_expiry": True}, None),
    ],
)
def test_what_is_granted(ttl: dict[str, Any], grants: dict[str, Any], seconds: float | None) -> None:
    shop = Shop(**grants)
    found = shop.subscribe(**ttl)
    record = shop.record(found["id"])
    assert record is not None
    assert record.expires == (None if seconds is None else NOW + seconds)
    assert (found["refreshBefore"] is None) is (seconds is None)


def test_a_refresh_goes_on(shop: Shop) -> None:
    first = shop.subscribe()
    shop.emit("a")
    shop.now += 80_000
    found = shop.subscribe(cursor=f"{shop.epoch}.1", ttlMs=3_600_000)
    assert found == {
        "id": first["id"],
        "refreshBefore": "2023-11-15T21:26:40.000Z",
        "cursor": f"{shop.epoch}.0",  # nothing was delivered so far
        "truncated": False,
        "deliveryStatus": {"active": True, "lastDeliveryAt": None, "lastError": None},
    }
    assert len(shop.endpoints.requests) == 1


def test_a_refresh_tells_of_failures_and_ends_a_suspension(shop: Shop) -> None:
    first = shop.subscribe()
    key = shop.subscriptions.records.key(first["id"], mark_of(shop.caller))
    held = shop.subscriptions.records.read(key)
    assert held is not None
    failed = {"active": False, "last_delivery": NOW - 60, "last_error": "timeout", "failed_since": NOW - 30}
    held.change(lambda record: changed(record, **failed))
    assert shop.subscribe()["deliveryStatus"] == {
        "active": False,
        "lastDeliveryAt": "2023-11-14T22:12:20.000Z",
        "lastError": "timeout",
        "failedSince": "2023-11-14T22:12:50.000Z",
    }
    assert shop.subscribe()["deliveryStatus"]["active"] is True


def test_another_secret_replaces_the_first(shop: Shop) -> None:
    sub_id = shop.subscribe()["id"]
    shop.subscribe({"secret": secret(2)})
    record = shop.record(sub_id)
    assert record is not None
    assert record.secrets(NOW) == [bytes([2]) * 32, bytes([1]) * 32]
    assert record.secrets(NOW + 86_400) == [bytes([2]) * 32]
    shop.subscribe({"secret": secret(2)})
    assert shop.record(sub_id) == record


def test_what_has_expired_begins_again(shop: Shop) -> None:
    first = shop.subscribe()
    shop.emit("a")
    shop.now += 86_400
    found = shop.subscribe()
    assert (found["id"], found["cursor"]) == (first["id"], f"{shop.epoch}.1")
    assert "deliveryStatus" not in found
    assert len(shop.endpoints.requests) == 2  # the verification has expired too


def test_a_log_that_was_lost_is_a_gap(shop: Shop) -> None:
    shop.subscribe()
    shop.events.log = MemoryLog()
    shop.emit("a")
    found = shop.subscribe()
    assert (found["cursor"], found["truncated"]) == (f"{shop.epoch}.1", True)
    assert shop.subscribe()["truncated"] is False


# How it ends.


def test_unsubscribe(shop: Shop) -> None:
    sub_id = shop.subscribe()["id"]
    reply = shop.unsubscribe(delivery={"mode": "webhook", "url": URL})
    assert (reply.status, reply.body) == (200, success())
    assert shop.record(sub_id) is None
    again = shop.unsubscribe()
    assert (again.status, again.body) == (200, failure(-32023, "NotFound", {"kind": "subscription"}))


@pytest.mark.parametrize(
    "params", [{"name": "other"}, {"arguments": {"least": 1}}, {"delivery": {"url": URL + "0"}}]
)
def test_only_the_key_ends_a_subscription(shop: Shop, params: dict[str, Any]) -> None:
    sub_id = shop.subscribe()["id"]
    assert shop.unsubscribe(**params).error["code"] == -32023
    shop.caller = Principal("bob", "https://issuer.example")
    assert shop.unsubscribe().error["code"] == -32023
    shop.caller = Principal("ann", "https://issuer.example", scopes=frozenset({"other"}))
    assert shop.record(sub_id) is not None
    assert shop.unsubscribe().status == 200
    assert shop.record(sub_id) is None


def test_what_has_expired_cannot_be_ended(shop: Shop) -> None:
    shop.subscribe()
    shop.now += 86_400
    assert shop.unsubscribe().error["data"] == {"kind": "subscription"}


# How many.


def test_a_caller_has_so_many(shop: Shop) -> None:
    shop = Shop(most=2)
    for number in range(2):
        shop.subscribe(arguments={"least": number})
    asked = len(shop.endpoints.requests)
    error = shop.refused({"url": "https://other.example/"}, arguments={"least": 2})
    assert error == {
        "code": -32025,
        "message": "ResourceExhausted",
        "data": {"limit": "subscriptions", "max": 2},
    }
    assert len(shop.endpoints.requests) == asked  # nobody was asked for it
    shop.subscribe(arguments={"least": 1})  # which is there already
    ann, shop.caller = shop.caller, Principal("bob")
    shop.subscribe(arguments={"least": 2})
    shop.caller = ann
    shop.unsubscribe(arguments={"least": 0})
    shop.subscribe(arguments={"least": 2})
    shop.now += 86_400
    for number in (5, 6):
        shop.subscribe(arguments={"least": number})


# Endpoints.


def refuse(reason: Any) -> Callable[[bytes], CallbackResponse]:
    def answer(body: bytes) -> CallbackResponse:
        raise CallbackFailed(reason)

    return answer


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda body: CallbackResponse(200, b""), "challenge_failed"),
        (lambda body: CallbackResponse(200, b'{"challenge":"x"}'), "challenge_failed"),
        (lambda body: CallbackResponse(200, b'{"challenge":1}'), "challenge_failed"),
        (lambda body: CallbackResponse(200, b"[" * 5000), "challenge_failed"),
        (lambda body: CallbackResponse(200, b"\xff"), "challenge_failed"),
        (lambda body: CallbackResponse(302, echo(body).body), "challenge_failed"),
        (lambda body: CallbackResponse(500, echo(body).body), "challenge_failed"),
        (refuse("timeout"), "timeout"),
        (refuse("tls_error"), "tls_error"),
        (refuse("connection_refused"), "connection_refused"),
    ],
)
def test_who_does_not_repeat_the_challenge_gets_nothing(shop: Shop, answer: Any, reason: str) -> None:
    shop.endpoints.answer = answer
    reply = shop.client.request("events/subscribe", shop.params())
    assert reply.body == failure(-32027, "CallbackEndpointError", {"reason": reason})
    assert reply.status == 200
    shop.endpoints.answer = echo
    found = shop.subscribe()
    assert "deliveryStatus" not in found  # nothing was there


def test_a_refresh_whose_verification_fails_changes_nothing(shop: Shop) -> None:
    sub_id = shop.subscribe(ttlMs=86_400_000)["id"]
    shop.now += 50_000
    shop.subscribe({"secret": secret(2)})
    before = shop.record(sub_id)
    shop.now += 40_000
    shop.endpoints.answer = refuse("timeout")
    assert shop.refused({"secret": secret(3)})["code"] == -32027
    assert shop.record(sub_id) == before


def test_verifications_are_of_one_caller_and_one_url(shop: Shop) -> None:
    shop.subscribe()
    shop.subscribe(arguments={"least": 1})
    assert len(shop.endpoints.requests) == 1
    shop.subscribe({"url": URL + "0"})
    shop.caller = Principal("bob")
    shop.subscribe()
    assert len(shop.endpoints.requests) == 3


def test_challenges_differ(shop: Shop) -> None:
    shop.subscribe()
    shop.subscribe({"url": URL + "0"})
    first, second = (json.loads(body)["challenge"] for _, _, _, body in shop.endpoints.requests)
    assert first != second


@pytest.mark.parametrize(
    ("document", "verified"),
    [
        (CallbackResponse(200, b'{"receivers":["/hooks/"]}'), True),
        (CallbackResponse(200, b'{"receivers":["/other/","/hooks"]}'), True),
        (CallbackResponse(200, b'{"receivers":["/"]}'), True),
        (CallbackResponse(200, b'{"receivers":["/hook"]}'), False),
        (CallbackResponse(200, b'{"receivers":["hooks/"]}'), False),
        (CallbackResponse(200, b'{"receivers":[]}'), False),
        (CallbackResponse(200, b'{"receivers":"/hooks/"}'), False),
        (CallbackResponse(200, b"no"), False),
        (CallbackResponse(302, b'{"receivers":["/hooks/"]}'), False),
        (CallbackFailed("timeout"), False),
    ],
)
def test_an_origin_may_say_that_it_takes_deliveries(shop: Shop, document: Any, verified: bool) -> None:
    shop.endpoints.answer = lambda body: CallbackResponse(204)
    shop.endpoints.document = document
    reply = shop.client.request("events/subscribe", shop.params())
    assert ("result" in reply.response) is verified
    assert shop.endpoints.requests[-1][:2] == (
        "GET",
        "https://hook.example/.well-known/mcp-webhook-receiver.json",
    )


def test_what_an_origin_says_is_asked_for_once(shop: Shop) -> None:
    shop.endpoints.answer = lambda body: CallbackResponse(204)
    shop.endpoints.document = CallbackResponse(200, b'{"receivers":["/hooks/"]}')
    shop.subscribe()
    shop.caller = Principal("bob")
    for number in range(20):
        shop.subscribe({"url": f"{URL}{number}"})
    assert len(shop.endpoints.requests) == 2
    assert shop.refused({"url": "https://hook.example/other"})["data"] == {"reason": "challenge_failed"}
    shop.now += 3600
    shop.endpoints.document = CallbackResponse(404)
    shop.subscribe({"url": f"{URL}0"})  # what was verified for somebody holds longer
    assert shop.refused({"url": f"{URL}x"})["data"] == {"reason": "challenge_failed"}


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 3600),
        ({"cache-control": "public, max-age=60"}, 60),
        ({"cache-control": 'max-age="60"'}, 60),
        ({"cache-control": "s-maxage=5, max-age=60", "age": "20"}, 40),
        ({"cache-control": "max-age=999999999"}, 86_400),
        ({"cache-control": "max-age=99999999999"}, 3600),
        ({"cache-control": "max-age=60", "age": "x"}, 60),
        ({"cache-control": "max-age=60", "age": "70"}, 0),
        ({"cache-control": "No-Cache"}, 0),
        ({"cache-control": "no-store, max-age=60"}, 0),
        ({"age": "600"}, 3000),
    ],
)
def test_how_long_a_document_holds(shop: Shop, headers: dict[str, str], seconds: int) -> None:
    shop.endpoints.answer = lambda body: CallbackResponse(204)
    shop.endpoints.document = CallbackResponse(200, b'{"receivers":["/hooks/"]}', headers)
    shop.subscribe()
    asked = len(shop.endpoints.requests)
    if seconds:
        shop.now += seconds - 1
        shop.subscribe({"url": f"{URL}0"})
        assert len(shop.endpoints.requests) == asked
        shop.now += 1
    shop.subscribe({"url": f"{URL}1"})
    assert len(shop.endpoints.requests) == asked + 2


def test_endpoints_may_be_confirmed_in_another_way(shop: Shop) -> None:
    ann = Principal("ann", "https://issuer.example", scopes=frozenset({"more"}))
    emitter = Emitter(shop.events)
    emitter.confirm_endpoint(URL, ann, lasts=timedelta(days=2))
    emitter.confirm_endpoint(URL, ann, lasts=timedelta(days=1))  # which takes nothing back
    shop.subscribe()
    assert shop.endpoints.requests == []
    shop.subscribe({"url": f"{URL}0"})
    shop.caller = Principal("bob", "https://issuer.example")
    shop.subscribe()
    assert len(shop.endpoints.requests) == 2
    shop.caller = ann
    shop.now += 2 * 86_400
    shop.subscribe()
    assert len(shop.endpoints.requests) == 3


def test_only_endpoints_can_be_confirmed(shop: Shop) -> None:
    with pytest.raises(ValidationError, match=r"^delivery\.url must be an https URL$"):
        Emitter(shop.events).confirm_endpoint("http://hook.example/", Principal("ann"))
    shop.events.subscriptions = None
    with pytest.raises(ConfigurationError, match="set LAMBENT_EVENTS_QUEUE_URL"):
        Emitter(shop.events).confirm_endpoint(URL, Principal("ann"))


@pytest.mark.parametrize(
    ("url", "prefix", "within"),
    [
        ("https://a/hooks/1", "/hooks/", True),
        ("https://a/hooks", "/hooks", True),
        ("https://a/hooks?x=/other", "/hooks", True),
        ("https://a", "/", True),
        ("https://a/hooks2", "/hooks", False),
        ("https://a/hooks", "/hooks/", False),
        ("https://a/hooks/../admin", "/hooks/", False),
        ("https://a/hooks/%2e%2E/admin", "/hooks/", False),
        ("https://a/hooks/..;a=b/admin", "/hooks/", False),
        ("https://a/hooks/..%5cadmin", "/hooks/", False),
        ("https://a/hooks/...", "/hooks/", True),
        ("https://a/hooks", "", False),
    ],
)
def test_prefixes_of_paths(url: str, prefix: str, within: bool) -> None:
    assert is_within(url, prefix) is within


def test_urls_may_be_allowed_beforehand() -> None:
    shop = Shop(allowed=("https://hook.example/hooks/",))
    shop.subscribe()
    shop.subscribe({"url": "https://HOOK.example/hooks/?a=b"})
    assert shop.endpoints.requests == []
    others = ["https://hook.example.evil/hooks/", "https://hook.example/hooks/../x", "https://hook.example/"]
    others += ["https://hook.example:8443/hooks/"]
    for url in others:
        shop.subscribe({"url": url})
    assert len(shop.endpoints.requests) == len(others)


def test_a_host_is_asked_so_often() -> None:
    shop = Shop()
    for number in range(20):
        shop.caller = Principal(f"user{number % 4}")
        shop.subscribe({"url": f"https://hook.example:{8000 + number}/"})
    shop.caller = Principal("other")
    error = shop.refused({"url": "https://HOOK.example/x"})
    assert (error["code"], error["data"]) == (-32025, {"limit": "verifications", "max": 20})
    shop.subscribe({"url": "https://other.example/"})
    shop.now += 0.2
    shop.subscribe({"url": f"{URL}x"})


def test_nobody_uses_up_what_others_need_of_a_host() -> None:
    shop = Shop()
    shop.endpoints.answer = refuse("timeout")
    for second in range(40):
        shop.refused({"url": f"https://host{second}.example/"})
    assert len(shop.endpoints.requests) == 30
    assert shop.refused()["data"] == {"limit": "verifications", "max": 30}
    shop.endpoints.answer = echo
    shop.caller = Principal("bob")
    shop.subscribe()
    shop.caller = Principal("ann", "https://issuer.example")
    shop.now += 2
    shop.subscribe()


def test_a_subscription_that_lives_goes_on_where_too_many_are_asked() -> None:
    shop = Shop()
    first = shop.subscribe(ttlMs=86_400_000)["id"]
    shop.now += 80_000
    shop.subscribe()
    shop.now += 10_000  # the verification has expired, the subscription has not
    for number in range(30):
        shop.subscribe({"url": f"https://host{number}.example/"})
    asked = len(shop.endpoints.requests)
    assert shop.subscribe()["id"] == first
    assert len(shop.endpoints.requests) == asked
    assert shop.refused({"url": f"{URL}0"})["code"] == -32025


# Refusals.


@pytest.mark.parametrize(
    "url",
    [
        "http://hook.example/",
        "HTTPS://hook.example/",
        "ftp://hook.example/",
        "hook.example",
        "",
        "https://",
        "https:///path",
        "https://ann:secret@hook.example/",
        "https://ann@hook.example/",
        "https://hook.example/#fragment",
        "https://hook.example/#",
        "https://hook.example:0/",
        "https://hook.example:99999/",
        "https://hook.example:x/",
        "https://[::1/",
        "https://hook.example/a b",
        "https://hook.example/\r\nx-a: 1",
        "https://hook.example\\@evil.example/",
        "https://höök.example/",
        "https://hook.example/" + "a" * 2048,
    ],
)
def test_urls_that_are_refused(shop: Shop, url: str) -> None:
    reply = shop.client.request("events/subscribe", shop.params({"url": url}))
    assert (reply.status, reply.error["code"]) == (400, -32602)
    assert reply.error["message"].startswith("Invalid params: delivery.url must be ")
    assert shop.endpoints.requests == []


@pytest.mark.parametrize(
    ("params", "delivery", "code", "message"),
    [
        ({"name": "nothing"}, {}, -32023, "NotFound"),
        ({"name": "order.polled"}, {}, -32026, "Unsupported"),
        ({}, {"mode": "push"}, -32026, "Unsupported"),
        ({}, {"secret": "x"}, -32602, "Invalid params: delivery.secret must be whsec_"),
        ({"arguments": {"least": "x"}}, {}, -32602, "Invalid params: arguments: Expected `int`"),
        ({"arguments": {"a": 1}}, {}, -32602, "Invalid params: arguments that order.refunded"),
        ({"cursor": "x"}, {}, -32602, "Invalid cursor"),
        ({"ttlMs": -1}, {}, -32602, "Invalid params: Expected `int` >= 0"),
        ({"ttlMs": True}, {}, -32602, "Invalid params: Expected `int"),
        ({"delivery": None}, {}, -32602, "Invalid params: Expected `object`, got `null`"),
        ({"delivery": {"mode": "webhook"}}, {}, -32602, "Invalid params: Object missing required field"),
    ],
)
def test_what_is_refused_before_anybody_is_asked(
    shop: Shop, params: dict[str, Any], delivery: dict[str, Any], code: int, message: str
) -> None:
    given = {**shop.params(delivery), **params}
    error = shop.client.request("events/subscribe", given).error
    assert error["code"] == code
    assert error["message"].startswith(message)
    assert shop.endpoints.requests == []


def test_arguments_have_a_bound(shop: Shop) -> None:
    params = json.dumps({"least": 1}).replace("1", "1" + " " * 9000)
    body = json.dumps(
        {"jsonrpc": "2.0", "id": 1, "method": "events/subscribe", "params": shop.params(arguments={})}
    )
    assert '"arguments": {}' in body
    client = LegacyClient(lambda: shop.handler)
    reply = client.send(body.replace('"arguments": {}', f'"arguments": {params}'))
    assert reply.error["message"] == "Invalid params: arguments have more than 8192 bytes"


def test_nobody_is_refused(shop: Shop) -> None:
    shop.caller = None
    expected = failure(-32024, "Forbidden", {"reason": "Authentication required"})
    assert shop.client.request("events/subscribe", shop.params()).body == expected
    assert shop.unsubscribe().body == expected
    assert shop.endpoints.requests == []


def test_who_may_not_have_this_is_refused() -> None:
    shop = Shop(allow=lambda wanted, caller: wanted.least == 0)
    shop.subscribe()
    assert shop.refused(arguments={"least": 1})["code"] == -32024


@pytest.mark.parametrize(
    ("params", "code"),
    [({}, -32015), ({"name": "nothing"}, -32011)],
)
def test_the_legacy_era_has_the_codes_of_the_draft(shop: Shop, params: dict[str, Any], code: int) -> None:
    shop.endpoints.answer = refuse("timeout")
    client = LegacyClient(lambda: shop.handler)
    assert client.request("events/subscribe", **shop.params(**params)).error["code"] == code
    shop.endpoints.answer = echo
    result = client.request("events/subscribe", **shop.params()).result
    assert list(result) == ["id", "refreshBefore", "cursor", "truncated"]


def test_a_host_without_deliveries_has_no_such_methods() -> None:
    mcp = make_server()
    mcp.event("a", payload=Refund)(nothing)
    for method in ("events/subscribe", "events/unsubscribe"):
        reply = Client(mcp.lambda_handler(IN_MEMORY)).request(method)
        assert (reply.status, reply.body) == (404, failure(-32601, "Method not found"))


def nothing() -> None:
    """Nothing."""
