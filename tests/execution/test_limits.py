"""Rates of calls: which are counted, for whom, and what a caller above its limit gets."""

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.chaos.cloud import shared_cloud
from tests.execution.durable.tasks.harness import START, World, task_server, worlds
from tests.legacy import LegacyClient, environments, read_stream
from tests.support import (
    JSON_HEADERS,
    SETTINGS,
    Client,
    Reply,
    accept,
    dumps,
    failure,
    headers_of,
    http_api,
    make_server,
    message,
)

from lambent import (
    Call,
    ConfigurationError,
    Context,
    Handler,
    InvalidParamsError,
    Limits,
    MCPServer,
    RateLimit,
    RetryableError,
    Settings,
    StoreError,
)
from lambent.execution.limits import RateLimiter
from lambent.hosts.aws_lambda.handler import LambdaHandler
from lambent.hosts.entry_points import local_endpoint
from lambent.stores.dynamodb import DynamoStore
from lambent.stores.memory import MemoryStore
from lambent.testing import Clock

world = pytest.fixture(worlds)
cloud = pytest.fixture(shared_cloud)
Worlds = Callable[..., World]

FORM: dict[str, Any] = {"type": "object", "properties": {}}
TWICE = Limits(rate=RateLimit(calls=2, per=60))


def shop(limits: Limits | None = TWICE, tool_limit: RateLimit | None = None, **options: Any) -> MCPServer:
    mcp = task_server(limits=limits, **options)

    @mcp.tool()
    def look() -> str:
        return "seen"

    @mcp.tool(limit=tool_limit)
    def buy() -> str:
        return "bought"

    @mcp.tool()
    def ask(ctx: Context) -> str:
        return ctx.elicit("Sure?", FORM, key="sure").result().action

    @mcp.resource("shop://today")
    def today() -> str:
        return "open"

    return mcp


def statuses(client: Any, tool: str, count: int) -> list[int]:
    return [client.call(tool).status for _ in range(count)]


def from_address(client: Client, address: str | None) -> int:
    """The status of a call from an address; None: the platform does not say."""
    body = message("tools/call", {"name": "look", "arguments": {}})
    event = http_api(dumps(body), headers_of(body))
    event["requestContext"]["http"]["sourceIp"] = address
    return client.event(event).status


# What a caller above its limit gets.


def test_a_call_above_the_limit_is_refused_to_the_byte(world: Worlds) -> None:
    here = world(shop())
    assert [here.client.call("look").text for _ in range(2)] == ["seen", "seen"]
    refused = here.client.call("look")
    assert refused.status == 429
    assert refused.headers == {**JSON_HEADERS, "retry-after": "30"}
    assert refused.body == failure(-32600, "Too many requests: try again in 30 s", {"retryAfter": 30})


def test_the_refusal_names_the_tool_that_has_a_limit_of_its_own(world: Worlds) -> None:
    here = world(shop(None, RateLimit(calls=1, per=5)))
    assert statuses(here.client, "buy", 1) == [200]
    assert here.client.call("buy").error["message"] == "Too many calls of buy: try again in 5 s"


def test_after_the_time_it_says_the_call_passes_and_not_before(world: Worlds) -> None:
    here = world(shop(Limits(rate=RateLimit(calls=2, per=5))))
    assert statuses(here.client, "look", 3) == [200, 200, 429]
    assert here.client.call("look").headers["retry-after"] == "3"  # 2.5 s
    here.clock.advance(2.4375)
    refused = here.client.call("look")
    assert (refused.status, refused.headers["retry-after"]) == (429, "1")
    here.clock.advance(0.0625)
    assert statuses(here.client, "look", 2) == [200, 429]
    here.clock.advance(3)
    assert statuses(here.client, "look", 2) == [200, 429]


def test_the_bucket_is_full_again_after_a_pause_and_never_more_than_full(world: Worlds) -> None:
    here = world(shop(Limits(rate=RateLimit(calls=60, per=60, burst=3))))
    assert statuses(here.client, "look", 5) == [200, 200, 200, 429, 429]
    here.clock.advance(2)
    assert statuses(here.client, "look", 3) == [200, 200, 429]
    here.clock.advance(86_400)
    assert statuses(here.client, "look", 5) == [200, 200, 200, 429, 429]


def test_refused_calls_do_not_make_the_wait_longer(world: Worlds) -> None:
    here = world(shop())
    statuses(here.client, "look", 50)
    here.clock.advance(30)
    assert statuses(here.client, "look", 2) == [200, 429]


@pytest.mark.parametrize("version", ["2025-11-25", "2024-11-05"])
def test_clients_of_the_legacy_era_can_read_the_error(version: str) -> None:
    store = MemoryStore()
    mcp = make_server(middleware=[RateLimiter(store, "shop", RateLimit(calls=2, per=60))])
    mcp.tool()(look)
    made = environments(mcp, SETTINGS, store, Clock(START))()
    client = LegacyClient(lambda: made, version)  # initialize is a request as well
    assert client.call("look").text == "seen"
    refused = client.call("look", request_id=7)
    assert (refused.status, refused.headers["retry-after"]) == (200, "30")
    assert refused.error == {
        "code": -32600,
        "message": "Too many requests: try again in 30 s",
        "data": {"retryAfter": 30},
    }


def look() -> str:
    return "seen"


# Which calls are counted.


def test_every_method_counts_and_tools_with_a_limit_of_their_own_count_there(world: Worlds) -> None:
    here = world(shop(tool_limit=RateLimit(calls=1, per=60)))
    assert statuses(here.client, "buy", 2) == [200, 429]
    assert here.client.request("tools/list").status == 200
    assert here.client.read("shop://today").status == 200
    assert here.client.request("server/discover").status == 429
    assert here.client.call("unknown").status == 429
    here.clock.advance(60)
    assert statuses(here.client, "buy", 1) == [200]


def test_without_a_limit_of_the_server_only_the_tool_is_counted(world: Worlds) -> None:
    here = world(shop(None, RateLimit(calls=1, per=60)))
    assert statuses(here.client, "look", 5) == [200] * 5
    assert here.store.calls == []
    assert statuses(here.client, "buy", 2) == [200, 429]
    assert here.store.calls == ["advance RATE", "advance RATE"]


def test_what_user_middleware_refuses_is_not_counted(world: Worlds) -> None:
    def closed(call: Call, following: Handler) -> Any:
        raise InvalidParamsError("closed")

    mcp = make_server(middleware=[closed], limits=TWICE)
    mcp.tool()(look)
    here = world(mcp)
    assert statuses(here.client, "look", 3) == [400] * 3
    assert here.store.calls == []


def test_answers_do_not_count_as_calls(world: Worlds) -> None:
    here = world(shop(Limits(rate=RateLimit(calls=1, per=60))))
    state = here.client.call("ask").state
    assert here.client.call("look").status == 429
    assert answered(here, state).text == "accept"


def test_an_old_state_cannot_be_sent_again_without_end(world: Worlds) -> None:
    here = world(shop(Limits(rate=RateLimit(calls=1, per=60))))
    state = here.client.call("ask").state
    assert [answered(here, state).status for _ in range(12)] == [200] * 10 + [429] * 2


@pytest.mark.parametrize("state", ["", "made up"])
def test_a_state_that_is_made_up_runs_nothing(world: Worlds, state: str) -> None:
    here = world(shop(Limits(rate=RateLimit(calls=1, per=60))))
    assert statuses(here.client, "look", 2) == [200, 429]
    assert here.client.call("look", also={"requestState": state}).status == 400


def test_a_stream_that_is_resumed_with_the_answer_is_not_counted() -> None:
    store = MemoryStore()
    mcp = make_server(middleware=[RateLimiter(store, "shop", RateLimit(calls=2, per=60))])

    @mcp.tool()
    def ask(ctx: Context) -> str:
        return ctx.elicit("Sure?", FORM, key="sure").result().action

    made = environments(mcp, SETTINGS, store, Clock(START))()
    client = LegacyClient(lambda: made)  # initialize is a request as well
    stream = read_stream(client.call("ask").body)
    client.answer(stream.questions[0], {"action": "accept", "content": {}})
    assert client.resume(stream.event_id).text == "accept"
    assert client.request("ping").error["message"] == "Too many requests: try again in 30 s"


def answered(here: World, state: str) -> Reply:
    return here.client.call("ask", also={"requestState": state, "inputResponses": {"sure": accept()}})


def test_attempts_at_a_task_are_not_counted(world: Worlds) -> None:
    runs: list[int] = []
    mcp = task_server(limits=Limits(rate=RateLimit(calls=1, per=3600)))

    @mcp.tool(task=True)
    def work() -> str:
        runs.append(1)
        if len(runs) < 3:
            raise RetryableError("later")
        return "done"

    here = world(mcp)
    task_id = here.client.start("work")
    here.run_all()
    assert len(runs) == 3
    assert here.record(task_id).status == "completed"
    assert here.store.calls.count("advance RATE") == 1


# For whom.


def test_each_principal_has_a_bucket_of_its_own(world: Worlds) -> None:
    here = world(shop())
    ada, bob = here.here.client_of("ada"), here.here.client_of("bob")
    assert statuses(ada, "look", 3) == [200, 200, 429]
    assert statuses(bob, "look", 3) == [200, 200, 429]
    assert statuses(here.client, "look", 3) == [200, 200, 429]


def test_all_environments_count_together(world: Worlds) -> None:
    here = world(shop())
    assert [here.environment().client.call("look").status for _ in range(3)] == [200, 200, 429]


def test_servers_on_one_table_count_apart(world: Worlds) -> None:
    store = MemoryStore()
    for name in ("a", "b"):
        mcp = make_server(middleware=[RateLimiter(store, name, RateLimit(calls=1, per=60))])
        mcp.tool()(look)
        client = Client(environments(mcp, SETTINGS, store, Clock(START))())
        assert statuses(client, "look", 2) == [200, 429]


@pytest.mark.parametrize(
    ("first", "second", "is_same"),
    [
        ("203.0.113.7", "203.0.113.7", True),
        ("203.0.113.7", "203.0.113.8", False),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:203.0.113.7", "203.0.113.7", True),
        ("::ffff:203.0.113.7", "::ffff:203.0.113.8", False),
        ("no:address", "no:address", True),
        (None, None, True),
        (None, "203.0.113.7", False),
    ],
)
def test_callers_that_nobody_identifies_are_told_apart_by_their_network(
    world: Worlds, first: str | None, second: str | None, is_same: bool
) -> None:
    here = world(shop(Limits(rate=RateLimit(calls=1, per=60))))
    assert from_address(here.client, first) == 200
    assert from_address(here.client, second) == (429 if is_same else 200)


def test_keys_tell_nothing_of_the_caller(world: Worlds) -> None:
    here = world(shop(tool_limit=RateLimit(calls=1, per=60)))
    here.here.client_of("ada").call("look")
    here.here.client_of("ada").call("buy")
    from_address(here.client, "203.0.113.7")
    keys = list(here.store.kept._items)
    assert [key.partition("#")[0] for key in keys] == ["RATE"] * 3
    assert [key.split("#", 2)[2] for key in keys] == ["call#", "call#buy", "call#"]
    assert not any("ada" in key or "203" in key for key in keys)


def test_a_bucket_is_kept_until_it_is_full_again_and_a_minute(world: Worlds) -> None:
    here = world(shop(Limits(rate=RateLimit(calls=10, per=100, burst=5))))
    here.client.call("look")
    (item,) = here.store.kept._items.values()
    assert item.purge_at == START + 50 + 60


# When the store fails.


class Down(MemoryStore):
    """A store that fails as long as it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.is_down = True
        self.asked = 0

    def advance(self, key: str, now: int, step: int, most: int, purge_at: int) -> int:
        self.asked += 1
        if self.is_down:
            raise StoreError("dynamodb: UpdateItem of 'table' failed")
        return super().advance(key, now, step, most, purge_at)


def test_while_the_store_fails_calls_pass_and_one_line_says_so(caplog: pytest.LogCaptureFixture) -> None:
    store, clock = Down(), Clock(START)
    mcp = make_server(middleware=[RateLimiter(store, "shop", RateLimit(calls=1, per=60))])
    mcp.tool()(look)
    client = Client(environments(mcp, SETTINGS, store, clock)())
    with caplog.at_level(logging.INFO, "lambent"):
        assert statuses(client, "look", 5) == [200] * 5
    assert [record.getMessage() for record in caplog.records] == [
        "Calls are not limited for 10 s: dynamodb: UpdateItem of 'table' failed"
    ]
    assert store.asked == 1
    clock.advance(10)
    assert statuses(client, "look", 2) == [200, 200]
    assert store.asked == 2
    store.is_down = False
    clock.advance(10)
    assert statuses(client, "look", 2) == [200, 429]


# All at the same time.


@pytest.fixture(params=["memory", "ministack"])
def stores(request: pytest.FixtureRequest) -> Iterator[Callable[[], Any]]:
    """Makes stores of several environments on the same table."""
    if request.param == "memory":
        shared = MemoryStore()
        yield lambda: shared
    else:
        here = request.getfixturevalue("cloud")
        table = here.table()
        yield lambda: DynamoStore(table, here.dynamodb)


def test_many_calls_at_once_are_never_more_than_allowed(stores: Callable[[], Any]) -> None:
    clock, rate = Clock(START), RateLimit(calls=20, per=60)
    made = []
    for _ in range(4):
        store = stores()
        mcp = make_server(middleware=[RateLimiter(store, "shop", rate)])
        mcp.tool()(look)
        made.append(Client(environments(mcp, SETTINGS, store, clock)()))
    ready = threading.Barrier(32)

    def call(number: int) -> list[int]:
        ready.wait(60)
        return statuses(made[number % 4], "look", 3)

    for expected, pause in ((20, 3.0), (1, 6.0), (2, 3600.0), (20, 0.0)):
        with ThreadPoolExecutor(32) as threads:
            found = [status for three in threads.map(call, range(32)) for status in three]
        assert (found.count(200), found.count(429)) == (expected, 96 - expected)
        clock.advance(pause)


# Hosts.


def test_a_function_with_a_limit_needs_a_table() -> None:
    for mcp in (shop(), shop(None, RateLimit(calls=1, per=1))):
        with pytest.raises(ConfigurationError, match="set LAMBENT_TABLE"):
            mcp.lambda_handler(SETTINGS)
    with pytest.raises(ConfigurationError, match="set LAMBENT_TABLE"):
        shop(None).lambda_handler(Settings(limit_calls=RateLimit(calls=1, per=1)))
    shop(None).lambda_handler(SETTINGS).close()


@pytest.mark.parametrize(
    ("limits", "setting", "most"),
    [
        (None, None, 4),
        (TWICE, None, 2),
        (None, RateLimit(calls=1, per=60), 1),
        (TWICE, RateLimit(calls=3, per=60), 3),
        (Limits(tasks=1), None, 4),
    ],
)
def test_the_setting_stands_in_place_of_the_servers_limit(
    limits: Limits | None, setting: RateLimit | None, most: int
) -> None:
    endpoint = local_endpoint(shop(limits)._parts(), Settings(limit_calls=setting))
    client = Client(LambdaHandler(endpoint))
    assert statuses(client, "look", 4) == [200] * most + [429] * (4 - most)


def test_without_limits_the_executor_has_no_further_middleware() -> None:
    endpoint = local_endpoint(shop(None)._parts(), SETTINGS)
    handle: Any = endpoint.executor._handle
    assert handle.args[1] == endpoint.executor._dispatch  # behind the one of the server
