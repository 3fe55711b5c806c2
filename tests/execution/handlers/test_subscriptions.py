"""Subscriptions: acknowledged first, tagged, filtered, bounded, ended with a result."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.support import (
    PREFIX,
    SECRET,
    SSE_HEADERS,
    Client,
    MCPServer,
    dumps,
    failure,
    frames,
    full_server,
    make_server,
    success,
)

from lambent import Context, Settings
from lambent.execution.handlers import subscriptions
from lambent.stores.memory import MemoryChanges

Serve = Callable[..., Client]
TOOLS = "notifications/tools/list_changed"
PROMPTS = "notifications/prompts/list_changed"
RESOURCES = "notifications/resources/list_changed"
ALL = {"toolsListChanged": True, "promptsListChanged": True, "resourcesListChanged": True}


class Feed:
    """A feed of changes that passes the time by itself: each wait brings what was planned for it."""

    def __init__(self, clock: "Time", *batches: list[str]) -> None:
        self.clock = clock
        self.batches = list(batches)
        self.published: list[str] = []
        self.waits: list[tuple[int, float]] = []
        self.at = 100

    def publish(self, topic: str) -> None:
        self.published.append(topic)

    def receive(self) -> None: ...

    def position(self) -> int:
        return self.at

    def wait(self, position: int, seconds: float) -> tuple[list[str], int]:
        self.waits.append((position, seconds))
        if self.batches:
            topics = self.batches.pop(0)
            self.clock.now += seconds / 10
            return topics, position + len(topics)
        self.clock.now += seconds
        return [], position


class Time:
    """Stands in for the module ``time``."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    clock = Time()
    monkeypatch.setattr(subscriptions, "time", clock)
    return clock


def tag(request_id: Any = 1) -> str:
    return f'"{PREFIX}subscriptionId":{dumps(request_id)}'


def acknowledged(agreed: dict[str, Any], request_id: Any = 1) -> bytes:
    return (
        '{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":'
        f'{{"notifications":{dumps(agreed)},"_meta":{{{tag(request_id)}}}}}}}'
    ).encode()


def changed(method: str, request_id: Any = 1) -> bytes:
    return f'{{"jsonrpc":"2.0","method":"{method}","params":{{"_meta":{{{tag(request_id)}}}}}}}'.encode()


def updated(uri: str, request_id: Any = 1) -> bytes:
    return (
        '{"jsonrpc":"2.0","method":"notifications/resources/updated","params":'
        f'{{"uri":"{uri}","_meta":{{{tag(request_id)}}}}}}}'
    ).encode()


def listen(client: Client, wanted: dict[str, Any], request_id: Any = 1, **more: Any) -> Any:
    return client.request("subscriptions/listen", {"notifications": wanted}, request_id=request_id, **more)


def seconds(value: float) -> Settings:
    return Settings(state_keys=(SECRET,), listen_seconds=value)


# Where nothing can be delivered, as in Lambda


@pytest.mark.parametrize(
    "wanted", [{}, ALL, {"resourceSubscriptions": ["note://today"]}, {**ALL, "other": True}]
)
@pytest.mark.parametrize("request_id", [1, "listen-1", 0, ""])
def test_where_nothing_can_be_delivered_nothing_is_held_open(
    serve: Serve, time: Time, wanted: dict[str, Any], request_id: Any
) -> None:
    reply = listen(serve(full_server(), seconds(1_000)), wanted, request_id)
    assert reply.status == 200
    assert reply.headers == SSE_HEADERS
    assert reply.body == frames(
        acknowledged({}, request_id), success(request_id=request_id, meta=tag(request_id))
    )
    assert (time.now, time.slept) == (0.0, [])


def test_where_nothing_can_be_delivered_nothing_is_advertised(serve: Serve) -> None:
    capabilities = serve(full_server()).request("server/discover").result["capabilities"]
    assert "listChanged" not in str(capabilities)
    assert "subscribe" not in str(capabilities)


@pytest.mark.parametrize("accept", ["application/json", "application/json, text/event-stream;q=0"])
def test_a_subscription_is_a_stream(serve: Serve, accept: str) -> None:
    reply = listen(serve(full_server()), ALL, headers={"accept": accept})
    assert reply.status == 406
    assert reply.headers == {"content-type": "application/json"}
    assert reply.body == failure(
        -32600, "A subscription is a stream: Accept must allow text/event-stream", request_id=...
    )


@pytest.mark.parametrize("wanted", [None, [], "x", {"toolsListChanged": 1}, {"resourceSubscriptions": "a:b"}])
def test_a_filter_of_the_wrong_shape_is_invalid(serve: Serve, wanted: Any) -> None:
    reply = listen(serve(full_server()), wanted)
    assert (reply.status, reply.error["code"]) == (400, -32602)


# Where there is a feed


def test_with_a_feed_changes_are_advertised(serve: Serve, time: Time) -> None:
    client = serve(full_server(), changes=Feed(time))
    assert client.request("server/discover").result["capabilities"] == {
        "logging": {},
        "tools": {"listChanged": True},
        "resources": {"subscribe": True, "listChanged": True},
        "prompts": {"listChanged": True},
        "completions": {},
    }


def test_changes_byte_for_byte(serve: Serve, time: Time) -> None:
    feed = Feed(time, [TOOLS], [], ["note://today", PROMPTS])
    wanted = {"toolsListChanged": True, "promptsListChanged": True, "resourceSubscriptions": ["note://today"]}
    reply = listen(serve(full_server(), seconds(2), changes=feed), wanted, "sub")
    assert reply.headers == SSE_HEADERS
    assert reply.body == frames(
        acknowledged(wanted, "sub"),
        changed(TOOLS, "sub"),
        updated("note://today", "sub"),
        changed(PROMPTS, "sub"),
        success(request_id="sub", meta=tag("sub")),
    )


@pytest.mark.parametrize(
    ("wanted", "heard"),
    [
        ({"toolsListChanged": True}, [changed(TOOLS)]),
        ({"promptsListChanged": True}, [changed(PROMPTS)]),
        ({"resourcesListChanged": True}, [changed(RESOURCES)]),
        ({"resourceSubscriptions": ["a://1"]}, [updated("a://1")]),
        ({"resourceSubscriptions": ["a://2", "a://1"]}, [updated("a://1"), updated("a://2")]),
        ({"toolsListChanged": False, "resourceSubscriptions": []}, []),
        ({}, []),
    ],
)
def test_only_what_was_asked_for_is_delivered(
    serve: Serve, time: Time, wanted: dict[str, Any], heard: list[bytes]
) -> None:
    feed = Feed(time, [TOOLS, PROMPTS, RESOURCES, "a://1", "a://2", "a://3", "notifications/other"])
    reply = listen(serve(full_server(), changes=feed), wanted)
    agreed = {name: value for name, value in wanted.items() if value}
    assert reply.body == frames(acknowledged(agreed), *heard, success(meta=tag()))


def test_only_what_the_server_has_is_agreed_to(serve: Serve, time: Time) -> None:
    mcp = make_server()
    mcp.tool("t")(lambda: "")
    feed = Feed(time, [TOOLS, PROMPTS, RESOURCES, "a://1"])
    wanted = {**ALL, "resourceSubscriptions": ["a://1"]}
    reply = listen(serve(mcp, changes=feed), wanted)
    assert reply.body == frames(acknowledged({"toolsListChanged": True}), changed(TOOLS), success(meta=tag()))


def test_nothing_is_waited_for_that_nobody_wants(serve: Serve, time: Time) -> None:
    feed = Feed(time, [TOOLS])
    reply = listen(serve(full_server(), seconds(1_000), changes=feed), {})
    assert reply.body == frames(acknowledged({}), success(meta=tag()))
    assert feed.waits == []


@pytest.mark.parametrize("limit", [0.0, 0.25, 2.5, 30.0])
def test_a_subscription_ends_when_its_time_is_up(serve: Serve, time: Time, limit: float) -> None:
    feed = Feed(time)
    reply = listen(serve(full_server(), seconds(limit), changes=feed), {"toolsListChanged": True})
    assert reply.body == frames(acknowledged({"toolsListChanged": True}), success(meta=tag()))
    assert time.now == pytest.approx(limit)
    assert all(waited <= max(1.0, limit) for _, waited in feed.waits)


@pytest.mark.parametrize(("left", "waited"), [(5.0, 4.0), (0.5, 0.0), (600.0, 30.0)])
def test_a_subscription_ends_before_its_invocation_does(
    serve: Serve, time: Time, left: float, waited: float
) -> None:
    class Deadline:
        def get_remaining_time_in_millis(self) -> int:
            return int((left - time.now) * 1000)

    client = serve(full_server(), seconds(30), changes=Feed(time))
    reply = listen(client, {"toolsListChanged": True}, context=Deadline())
    assert reply.messages[-1]["result"]["resultType"] == "complete"
    assert time.now == pytest.approx(waited)


def test_a_steady_stream_of_changes_ends_as_well(serve: Serve, time: Time) -> None:
    feed = Feed(time, *([[TOOLS]] * 1_000))
    reply = listen(serve(full_server(), seconds(1), changes=feed), {"toolsListChanged": True})
    assert time.now <= 1.01
    assert reply.messages[-1]["result"]["resultType"] == "complete"
    assert len(feed.batches) < 1_000


def test_nothing_is_heard_twice_and_nothing_before_the_start(serve: Serve, time: Time) -> None:
    feed = Feed(time, [TOOLS, TOOLS], [TOOLS])
    listen(serve(full_server(), seconds(1), changes=feed), {"toolsListChanged": True})
    positions = [position for position, _ in feed.waits]
    assert positions[:3] == [100, 102, 103]


def test_handlers_tell_what_changed(serve: Serve, time: Time) -> None:
    feed = Feed(time)
    mcp = full_server()

    @mcp.tool()
    async def change(ctx: Context) -> str:
        await ctx.notify_tools_changed()
        ctx.notify_prompts_changed()
        ctx.notify_resources_changed()
        ctx.notify_resource_updated("note://today")
        return "done"

    assert serve(mcp, changes=feed).call("change").text == "done"
    assert feed.published == [TOOLS, PROMPTS, RESOURCES, "note://today"]


def test_the_feed_in_memory_does_as_well(serve: Serve) -> None:
    changes = MemoryChanges()
    position = changes.position

    def publish_then_position() -> int:
        before = position()
        changes.publish(TOOLS)
        changes.publish(PROMPTS)
        return before

    changes.position = publish_then_position  # type: ignore[method-assign]
    client: Client = serve(full_server(), seconds(0.01), changes=changes)
    reply = listen(client, {"toolsListChanged": True})
    assert reply.body == frames(acknowledged({"toolsListChanged": True}), changed(TOOLS), success(meta=tag()))


def test_log_messages_and_progress_do_not_travel_here(serve: Serve, time: Time) -> None:
    client = serve(full_server(), changes=Feed(time, [TOOLS]))
    reply = listen(client, {"toolsListChanged": True}, logLevel="debug", progressToken=1)
    assert [one["method"] for one in reply.notifications] == [
        "notifications/subscriptions/acknowledged",
        TOOLS,
    ]


def test_a_server_without_features_answers_too(serve: Serve) -> None:
    server: MCPServer = make_server()
    assert listen(serve(server), ALL).body == frames(acknowledged({}), success(meta=tag()))
