"""Events on every host: what is offered, what is needed, and what gets to an endpoint of this machine."""

import asyncio
import dataclasses
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from tests.execution.events.test_subscriptions import secret
from tests.hooks import SECONDS, Hook, hooks
from tests.hosts.asgi.driving import call, exchange, on_loop
from tests.support import SECRET, Client, dumps, make_server, message

from lambent import ConfigurationError, Context, MCPServer, Principal, Settings
from lambent.execution.call import Call
from lambent.execution.events.service import Events
from lambent.execution.events.signing import decode_secret, signed_headers
from lambent.hosts.aws_lambda.events import UnknownEventError
from lambent.hosts.delivery_threads import DeliveryThreads
from lambent.hosts.entry_points import local_endpoint
from lambent.hosts.events_settings import EventSettings
from lambent.hosts.live import LiveInvocation
from lambent.stores.aws import SqsQueue, client
from lambent.testing import lambda_context, message_event
from lambent.wire.http import Request
from lambent.wire.jsonrpc import decode

hook = pytest.fixture(hooks)

LOCAL = EventSettings(local_callbacks=True)
IN_MEMORY = Settings(state_keys=(SECRET,), in_memory=True, events=LOCAL)
Delivery = tuple[str, ...]


@dataclasses.dataclass
class Order:
    number: str


def identify(call: Call, following: Any) -> Any:
    return following(call.as_principal(Principal("ann", "https://issuer.example")))


def shop(delivery: Delivery = ("poll", "webhook"), name: str = "order.sent") -> MCPServer:
    """A server with one event, which a tool emits."""
    mcp = make_server(middleware=[identify])

    @mcp.event(name, payload=Order, delivery=delivery)  # type: ignore[arg-type]
    def order_sent() -> None:
        """An order was sent."""

    @mcp.tool()
    def send(ctx: Context, number: str) -> str:
        return ctx.events.emit(name, Order(number), event_id=number).result()

    return mcp


def params(url: str, name: str = "order.sent", **more: Any) -> dict[str, Any]:
    return {"name": name, "delivery": {"mode": "webhook", "url": url, "secret": secret()}, **more}


def events_of(handler: Any) -> Events:
    found: Events = handler._endpoint.executor.services.events
    return found


def modes(client: Client) -> list[str]:
    (event,) = client.request("events/list").result["events"]
    found: list[str] = event["delivery"]
    return found


# A process that stays: threads deliver.


@pytest.fixture
def here() -> Iterator[Client]:
    handler = shop().lambda_handler(IN_MEMORY)
    yield Client(handler)
    queue = events_of(handler).queue
    assert isinstance(queue, DeliveryThreads)
    assert queue.close(SECONDS)


def test_an_occurrence_gets_to_an_endpoint(here: Client, hook: Hook) -> None:
    assert modes(here) == ["poll", "webhook"]
    sub_id = here.request("events/subscribe", params(hook.url)).result["id"]
    assert [one.json["type"] for one in hook.challenges] == ["verification"]
    assert here.call("send", {"number": "a"}).text == "a"
    (got,) = hook.wait(1)
    assert (got.path, got.json["eventId"], got.json["data"]) == ("/hook", "a", {"number": "a"})
    stamp = float(got.headers["webhook-timestamp"])
    signed = signed_headers([decode_secret(secret())], "a", stamp, got.body, sub_id)
    assert signed.items() <= got.headers.items()


def test_a_failed_delivery_is_tried_again(here: Client, hook: Hook) -> None:
    here.request("events/subscribe", params(hook.url))
    hook.statuses = [500]
    here.call("send", {"number": "a"})
    assert [one.json["eventId"] for one in hook.wait(2)] == ["a", "a"]


def test_an_endpoint_that_does_not_answer_delays_nobody(here: Client, hook: Hook) -> None:
    other = Hook()
    try:
        here.request("events/subscribe", params(hook.url))
        here.request("events/subscribe", params(other.url))
        hook.hold.clear()
        for number in "abcdefgh":
            here.call("send", {"number": number})
        assert sorted(one.json["eventId"] for one in other.wait(8)) == list("abcdefgh")
        hook.hold.set()
    finally:
        other.close()


def test_nothing_is_delivered_after_the_subscription_has_ended(here: Client, hook: Hook) -> None:
    here.request("events/subscribe", params(hook.url))
    delivery = {"url": hook.url}
    assert here.request("events/unsubscribe", {"name": "order.sent", "delivery": delivery}).status == 200
    here.call("send", {"number": "a"})
    queue = events_of(here.handler).queue
    assert isinstance(queue, DeliveryThreads)
    assert queue.wait(SECONDS)
    assert hook.deliveries == []


def test_endpoints_of_this_machine_are_for_development(hook: Hook) -> None:
    handler = shop().lambda_handler(Settings(state_keys=(SECRET,), in_memory=True))
    client = Client(handler)
    refused = client.request("events/subscribe", params(hook.url)).error
    assert refused["message"] == "Invalid params: delivery.url must be an https URL"
    secure = hook.url.replace("http:", "https:")
    refused = client.request("events/subscribe", params(secure)).error
    assert (refused["message"], refused["data"]) == (
        "CallbackEndpointError",
        {"reason": "connection_refused"},
    )
    assert hook.challenges == []


def test_what_is_granted_is_as_the_settings_say(hook: Hook) -> None:
    given = EventSettings(
        min_ttl=60,
        max_ttl=120,
        no_expiry=True,
        max_subscriptions=1,
        allowed_callbacks=("https://a.test/",),
        local_callbacks=True,
    )
    client = Client(shop().lambda_handler(Settings(state_keys=(SECRET,), in_memory=True, events=given)))
    assert (
        client.request("events/subscribe", params("https://a.test/x", ttlMs=None)).result["refreshBefore"]
        is None
    )
    refused = client.request("events/subscribe", params("https://a.test/y")).error
    assert refused["data"] == {"limit": "subscriptions", "max": 1}


@on_loop
async def test_a_process_that_keeps_nothing_promises_no_life_without_end() -> None:
    given = EventSettings(no_expiry=True, allowed_callbacks=("https://a.test/",))
    app = shop().asgi(Settings(state_keys=(SECRET,), events=given))
    await app.startup()
    sent = await exchange(app, message("events/subscribe", params("https://a.test/x", ttlMs=None)))
    assert json.loads(sent[1]["body"])["result"]["refreshBefore"] is not None
    await app.shutdown()


def test_mounted_servers_emit_for_the_endpoints_of_all(hook: Hook) -> None:
    outer = make_server(middleware=[identify])
    outer.mount(shop(), "shop")
    handler = outer.lambda_handler(IN_MEMORY)
    client = Client(handler)
    client.request("events/subscribe", params(hook.url, "shop_order.sent"))
    client.call("shop_send", {"number": "a"})
    (got,) = hook.wait(1)
    assert (got.json["name"], got.json["eventId"]) == ("shop_order.sent", "a")
    queue = events_of(handler).queue
    assert isinstance(queue, DeliveryThreads)
    assert queue.close(SECONDS)


@on_loop
async def test_asgi_delivers_until_its_end() -> None:
    hook, before = Hook(), set(threading.enumerate())
    app = shop().asgi(Settings(state_keys=(SECRET,), events=LOCAL))
    await app.startup()
    sent = await exchange(app, message("events/subscribe", params(hook.url)))
    assert sent[0]["status"] == 200
    await call(app, "send", {"number": "a"})
    assert (await asyncio.to_thread(hook.wait, 1))[0].json["eventId"] == "a"
    await app.shutdown()
    left = {one.name for one in set(threading.enumerate()) - before}
    assert not {name for name in left if name.startswith("lambent-deliver")}
    hook.close()


def stdio_answer(settings: Settings, method: str, given: dict[str, Any] | None = None) -> dict[str, Any]:
    """What a client of stdio gets."""
    loop = asyncio.new_event_loop()
    endpoint = local_endpoint(shop()._parts(), settings)
    rpc = decode(dumps(message(method, given)).encode())
    response = endpoint.answer(rpc, Request(), LiveInvocation(loop), None)
    loop.close()
    found: dict[str, Any] = json.loads(response.body)
    return found


def test_stdio_has_nobody_who_could_subscribe() -> None:
    settings = Settings(state_keys=(SECRET,), events=LOCAL)
    (event,) = stdio_answer(settings, "events/list")["result"]["events"]
    assert event["delivery"] == ["poll"]
    error = stdio_answer(settings, "events/subscribe", params("https://a.test/"))["error"]
    assert error["code"] == -32601


def test_functions_of_the_author_may_be_coroutine_functions(hook: Hook) -> None:
    mcp, loops = make_server(middleware=[identify]), list[Any]()

    async def may_have(caller: Principal) -> bool:
        loops.append(asyncio.get_running_loop())
        return caller.subject == "ann"

    @mcp.event("order.sent", payload=Order, delivery=["webhook"], allow=may_have)
    def order_sent() -> None:
        """An order was sent."""

    handler = mcp.lambda_handler(IN_MEMORY)
    here = Client(handler)
    here.request("events/subscribe", params(hook.url))
    events_of(handler).emit("order.sent", Order("a"), event_id="a")
    assert hook.wait(1)[0].json["eventId"] == "a"
    queue = events_of(handler).queue
    assert isinstance(queue, DeliveryThreads)
    assert queue.close(SECONDS)
    handler.close()
    assert len(loops) == 2
    assert all(loop.is_closed() for loop in loops)


def test_deliveries_are_counted(hook: Hook, capfd: pytest.CaptureFixture[str]) -> None:
    handler = shop().lambda_handler(msgspec.structs.replace(IN_MEMORY, metrics="Shop/MCP"))
    here = Client(handler)
    here.request("events/subscribe", params(hook.url))
    hook.statuses = [410]
    events_of(handler).emit("order.sent", Order("a"))
    events_of(handler).emit("order.sent", Order("b"))
    hook.wait(2)
    queue = events_of(handler).queue
    assert isinstance(queue, DeliveryThreads)
    assert queue.close(SECONDS)
    written = [json.loads(line) for line in capfd.readouterr().out.splitlines() if "EventsDelivered" in line]
    assert [line["EventsDelivered"] for line in written]
    (described,) = written[0]["_aws"]["CloudWatchMetrics"]
    assert described == {
        "Namespace": "Shop/MCP",
        "Dimensions": [["service"]],
        "Metrics": [{"Name": "EventsDelivered", "Unit": "Count"}],
    }
    assert written[0]["service"] == "shop"


# A table and a queue: a function delivers.


@pytest.fixture
def local(monkeypatch: pytest.MonkeyPatch, lambent_table: str, lambent_deliveries: str) -> str:
    """The queue of deliveries; endpoints may be on this machine."""
    monkeypatch.setenv("LAMBENT_EVENTS_LOCAL_CALLBACKS", "true")
    monkeypatch.setenv("LAMBENT_STATE_KEYS", SECRET)
    return lambent_deliveries


class Worker:
    """A function that takes the messages of the queue of deliveries, as Lambda would bring them."""

    def __init__(self, handler: Any, queue_url: str) -> None:
        self._handler = handler
        self._url = queue_url

    def receive(self) -> list[dict[str, Any]]:
        found = client("sqs").receive_message(QueueUrl=self._url, MaxNumberOfMessages=10)
        messages: list[dict[str, Any]] = found.get("Messages", [])
        return messages

    def work(self, until: Callable[[], object]) -> None:
        """Do what the queue brings until something is so."""
        deadline = time.monotonic() + SECONDS
        while not until():
            assert time.monotonic() < deadline
            for one in self.receive():
                event = message_event(one["Body"], queue_url=self._url)
                assert self._handler(event, lambda_context()) == {"batchItemFailures": []}
                client("sqs").delete_message(QueueUrl=self._url, ReceiptHandle=one["ReceiptHandle"])


def test_a_function_delivers_what_another_has_emitted(local: str, hook: Hook) -> None:
    tools, deliveries = shop().lambda_handler(), shop().lambda_handler()
    here = Client(tools)
    assert modes(here) == ["poll", "webhook"]
    here.request("events/subscribe", params(hook.url))
    here.call("send", {"number": "a"})
    shop().events().emit("order.sent", Order("b"), event_id="b")
    worker = Worker(deliveries, local)
    worker.work(lambda: len(hook.deliveries) >= 2)
    assert sorted(one.json["eventId"] for one in hook.deliveries) == ["a", "b"]


def test_a_sweep_finds_what_no_message_tells_of(local: str, hook: Hook) -> None:
    handler = shop().lambda_handler()
    here, worker = Client(handler), Worker(handler, local)
    here.request("events/subscribe", params(hook.url))
    here.call("send", {"number": "a"})
    client("sqs").purge_queue(QueueUrl=local)
    assert handler({"lambent": "sweep"}, lambda_context()) == {}
    worker.work(lambda: hook.deliveries)
    assert [one.json["eventId"] for one in hook.deliveries] == ["a"]


def test_hosts_that_stay_leave_it_to_the_function(local: str, hook: Hook) -> None:
    services = shop().asgi()._endpoint.executor.services
    assert services.events is not None
    assert services.events.modes == ("poll", "webhook")
    assert isinstance(services.events.queue, SqsQueue)


def test_what_is_emitted_on_stdio_is_delivered_too(local: str) -> None:
    services = local_endpoint(shop()._parts(), Settings.from_env()).executor.services
    assert services.events is not None
    assert services.events.modes == ("poll",)
    services.events.emit("order.sent", Order("a"))
    (waiting,) = Worker(None, local).receive()
    assert waiting["Body"] == "wake order.sent"


def test_a_table_without_a_queue_is_for_polls(lambent_table: str) -> None:
    for endpoint in (shop().asgi()._endpoint, shop().lambda_handler()._endpoint):
        services = endpoint.executor.services
        assert services.events is not None
        assert (services.events.modes, services.events.queue) == (("poll",), None)


def test_what_only_polls_sends_no_message(local: str) -> None:
    handler = shop(("poll",)).lambda_handler()
    here = Client(handler)
    assert here.call("send", {"number": "a"}).text == "a"
    assert here.request("events/subscribe", params("https://a.test/")).error["code"] == -32601
    assert Worker(None, local).receive() == []


# What is missing.

NO_QUEUE = (
    "A queue brings deliveries of 'order.sent', and there is no other way to get these events: set "
    "LAMBENT_EVENTS_QUEUE_URL"
)


@pytest.mark.parametrize(
    ("delivery", "settings", "problem"),
    [
        (("webhook",), {"table": "items"}, NO_QUEUE),
        (("webhook",), {}, "The table keeps occurrences of 'order.sent': set LAMBENT_TABLE"),
        (("poll",), {}, "The table keeps occurrences of 'order.sent': set LAMBENT_TABLE"),
    ],
)
def test_what_a_function_lacks_is_told_when_it_starts(
    delivery: Delivery, settings: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        shop(delivery).lambda_handler(Settings(state_keys=(SECRET,), in_lambda=True, **settings))
    assert str(caught.value) == problem


def test_elsewhere_a_module_that_makes_its_handler_can_be_imported() -> None:
    handler = shop(("webhook",)).lambda_handler(Settings(state_keys=(SECRET,)))
    assert Client(handler).request("events/list").result["events"] == []


def test_a_schedule_of_a_function_that_delivers_nothing() -> None:
    handler = make_server().lambda_handler(Settings(state_keys=(SECRET,)))
    with pytest.raises(ConfigurationError, match="LAMBENT_EVENTS_QUEUE_URL"):
        handler({"lambent": "sweep"}, None)
    with pytest.raises(UnknownEventError):
        handler({"lambent": "dance"}, None)
