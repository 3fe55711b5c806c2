"""``events/poll`` of what was emitted, over both eras."""

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import msgspec
import pytest
from moto import mock_aws
from tests.chaos.cloud import CREDENTIALS, REGION, create_table
from tests.legacy import LegacyClient
from tests.support import SECRET, Client, MCPServer, dumps, failure, make_server, success

from lambent import ConfigurationError, Context, ItemTooLargeError, Principal, Settings, ValidationError
from lambent.execution.events import polling
from lambent.execution.events.emitting import Emitter
from lambent.execution.events.ports import LogEntry
from lambent.stores import aws
from lambent.stores.event_logs import MemoryLog

IN_MEMORY = Settings(state_keys=(SECRET,), in_memory=True)


@dataclasses.dataclass
class Refund:
    order: str
    cents: int


@dataclasses.dataclass
class Wanted:
    least: int = 0


def declare(mcp: MCPServer, **options: Any) -> MCPServer:
    @mcp.event("order.refunded", payload=Refund, arguments=Wanted, **options)
    def order_refunded(refund: Refund, wanted: Wanted) -> bool:
        """A refund was paid out."""
        return refund.cents >= wanted.least

    return mcp


class Shop:
    """A server with events in memory, and a clock."""

    def __init__(self, mcp: MCPServer) -> None:
        self.handler = mcp.lambda_handler(IN_MEMORY)
        self.client = Client(self.handler)
        self.events = self.handler._endpoint.executor.services.events
        assert self.events is not None
        self.now = 1_700_000_000.0
        self.events.clock = lambda: self.now
        self.log = self.events.log = MemoryLog(lambda: self.now)
        self.emitter = Emitter(self.events)

    def emit(self, *cents: int, **options: Any) -> None:
        for one in cents:
            self.emitter.emit("order.refunded", Refund(f"o{one}", one), **{"event_id": f"e{one}", **options})

    def poll(self, cursor: str | None = None, **params: Any) -> dict[str, Any]:
        body = {"name": "order.refunded", "cursor": cursor, **params}
        result = self.client.request("events/poll", body).result
        assert list(result) == [
            "resultType",
            "_meta",
            "events",
            "cursor",
            "truncated",
            "hasMore",
            "nextPollMs",
        ]
        return result

    def begin(self) -> str:
        """The cursor for now."""
        cursor: str = self.poll()["cursor"]
        return cursor


@pytest.fixture
def shop() -> Shop:
    return Shop(declare(make_server()))


def ids(result: dict[str, Any]) -> list[str]:
    return [event["eventId"] for event in result["events"]]


def test_a_first_poll_gives_a_cursor_and_nothing_else(shop: Shop) -> None:
    shop.emit(1, 2)
    epoch = shop.log.head(shop.events.key(shop.events.types["order.refunded"])).epoch
    for params in ({"name": "order.refunded"}, {"name": "order.refunded", "cursor": None}):
        reply = shop.client.request("events/poll", params)
        rest = f'"cursor":"{epoch}.2","truncated":false,"hasMore":false,"nextPollMs":30000'
        assert (reply.status, reply.body) == (200, success(f'"events":[],{rest}'))


def test_what_happened_since(shop: Shop) -> None:
    cursor = shop.begin()
    shop.emit(1)
    shop.now += 60
    shop.emitter.emit(
        "order.refunded",
        Refund("o2", 2),
        event_id="e2",
        timestamp=datetime(2023, 11, 14, 12, tzinfo=UTC),
    )
    result = shop.poll(cursor)
    assert result["events"] == [
        {
            "eventId": "e1",
            "name": "order.refunded",
            "timestamp": "2023-11-14T22:13:20.000Z",
            "data": {"order": "o1", "cents": 1},
        },
        {
            "eventId": "e2",
            "name": "order.refunded",
            "timestamp": "2023-11-14T12:00:00.000Z",
            "data": {"order": "o2", "cents": 2},
        },
    ]
    assert (result["truncated"], result["hasMore"]) == (False, False)
    assert ids(shop.poll(result["cursor"])) == []
    assert ids(shop.poll(cursor)) == ["e1", "e2"]  # the client has lost what it got


def test_the_cursor_moves_on_also_where_nothing_is_wanted(shop: Shop) -> None:
    cursor = shop.begin()
    shop.emit(1, 2)
    result = shop.poll(cursor, arguments={"least": 5})
    assert (ids(result), result["hasMore"]) == ([], False)
    assert result["cursor"] != cursor
    shop.emit(9)
    assert ids(shop.poll(result["cursor"], arguments={"least": 5})) == ["e9"]


def test_part_of_many(shop: Shop) -> None:
    cursor, seen = shop.begin(), []
    shop.emit(*range(1, 6))
    more = []
    for _ in range(3):
        result = shop.poll(cursor, maxEvents=2)
        cursor = result["cursor"]
        seen.append(ids(result))
        more.append(result["hasMore"])
    assert seen == [["e1", "e2"], ["e3", "e4"], ["e5"]]
    assert more == [True, True, False]


def test_all_that_fit_exactly_are_all(shop: Shop) -> None:
    cursor = shop.begin()
    shop.emit(1, 2)
    assert shop.poll(cursor, maxEvents=2)["hasMore"] is False


def test_without_a_number_there_are_fifty(shop: Shop) -> None:
    cursor = shop.begin()
    shop.emit(*range(1, 60))
    result = shop.poll(cursor)
    assert (len(result["events"]), result["hasMore"]) == (50, True)


def test_a_result_has_a_bound_in_bytes(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling, "_MOST_BYTES", 60)
    cursor = shop.begin()
    shop.emit(*range(1, 6))
    result = shop.poll(cursor)
    assert (ids(result), result["hasMore"]) == (["e1", "e2", "e3"], True)


def test_a_poll_looks_at_a_bounded_number(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling, "_MOST_LOOKED_AT", 100)
    cursor = shop.begin()
    shop.emit(*range(1, 151))
    result = shop.poll(cursor, arguments={"least": 150})
    assert (ids(result), result["hasMore"]) == ([], True)
    result = shop.poll(result["cursor"], arguments={"least": 150})
    assert (ids(result), result["hasMore"]) == (["e150"], False)


def test_what_has_expired_is_a_gap(shop: Shop) -> None:
    cursor = shop.begin()
    shop.emit(1, 2, 3)
    shop.now += 86_400
    shop.emit(4, 5)
    result = shop.poll(cursor)
    assert (ids(result), result["truncated"]) == (["e4", "e5"], True)
    assert shop.poll(result["cursor"])["truncated"] is False


@pytest.mark.parametrize("purged", [1, 2, 5, 6, 7, 130])
def test_the_begin_of_what_is_kept_is_found(shop: Shop, purged: int) -> None:
    cursor = shop.begin()
    shop.emit(*range(1, purged + 1))
    shop.now += 86_400
    shop.emit(*range(purged + 1, purged + 8))
    result = shop.poll(cursor)
    assert (ids(result), result["truncated"]) == ([f"e{n}" for n in range(purged + 1, purged + 8)], True)


def test_where_all_has_expired_the_cursor_is_now(shop: Shop) -> None:
    cursor = shop.begin()
    shop.emit(1, 2)
    shop.log.purge(shop.now + 86_400)
    result = shop.poll(cursor)
    assert (ids(result), result["truncated"], result["hasMore"]) == ([], True, False)
    assert result["cursor"] == shop.begin()


def test_what_is_purged_between_two_reads_is_a_gap(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    cursor = shop.begin()
    shop.emit(1, 2, 3)
    read, answers = shop.log.read, [[LogEntry(1, b"")], []]
    monkeypatch.setattr(shop.log, "read", lambda *_: answers.pop(0) if answers else read(*_))
    result = shop.poll(cursor)
    assert (ids(result), result["truncated"], result["cursor"]) == ([], True, shop.begin())


def test_a_cursor_of_another_log_is_a_gap(shop: Shop) -> None:
    """Such as after a restart of a process that has everything in memory."""
    cursor = shop.begin()
    shop.emit(1)
    shop.log = shop.events.log = MemoryLog()
    shop.emit(2)
    result = shop.poll(cursor)
    assert (ids(result), result["truncated"], result["hasMore"]) == ([], True, False)
    assert result["cursor"] == shop.begin()


def test_a_cursor_beyond_the_end_is_a_gap(shop: Shop) -> None:
    cursor = shop.begin()
    result = shop.poll(cursor.removesuffix("0") + "9")
    assert (result["cursor"], result["truncated"]) == (cursor, True)


@pytest.mark.parametrize("cursor", ["", "x", ".1", "a.", "a.-1", "a.1.b", "a.²", "a." + "1" * 21])
def test_what_is_no_cursor_is_refused(shop: Shop, cursor: str) -> None:
    reply = shop.client.request("events/poll", {"name": "order.refunded", "cursor": cursor})
    text = "Invalid cursor: it is none that this server has given"
    assert (reply.status, reply.body) == (400, failure(-32602, text))


@pytest.mark.parametrize(
    ("age", "found", "truncated"),
    [
        (None, ["e1", "e2", "e3", "e4"], False),
        (90_000, ["e1", "e2", "e3", "e4"], False),
        (30_000, ["e2", "e3", "e4"], True),
        (29_000, ["e3", "e4"], True),
        (0, ["e4"], True),
    ],
)
def test_what_is_too_old_is_skipped(shop: Shop, age: int | None, found: list[str], truncated: bool) -> None:
    cursor = shop.begin()
    for seconds, number in ((0, 1), (60, 2), (1, 3), (29, 4)):
        shop.now += seconds
        shop.emit(number)
    result = shop.poll(cursor, maxAgeMs=age)
    assert (ids(result), result["truncated"]) == (found, truncated)


def test_nothing_is_skipped_where_there_is_nothing(shop: Shop) -> None:
    shop.emit(1)
    cursor = shop.begin()
    shop.now += 60
    assert shop.poll(cursor, maxAgeMs=0)["truncated"] is False
    assert shop.poll(None, maxAgeMs=0)["truncated"] is False
    shop.emit(2)
    shop.now += 60
    result = shop.poll(cursor, maxAgeMs=0)
    assert (ids(result), result["truncated"], result["hasMore"]) == ([], True, False)


def test_an_event_id_occurs_once(shop: Shop) -> None:
    cursor = shop.begin()
    shop.emit(1)
    shop.emitter.emit("order.refunded", Refund("other", 7), event_id="e1")
    shop.emit(2)
    assert ids(shop.poll(cursor)) == ["e1", "e2"]


def test_event_ids_that_are_made_differ(shop: Shop) -> None:
    cursor = shop.begin()
    made = [shop.emitter.emit("order.refunded", Refund("a", 1)).result() for _ in range(2)]
    assert ids(shop.poll(cursor)) == made
    assert len(set(made)) == 2
    assert all(one.startswith("evt_") for one in made)


def test_payloads_may_be_changed_for_a_subscription() -> None:
    mcp = make_server()

    @mcp.event("order.refunded", payload=Refund, arguments=Wanted)
    def order_refunded(refund: Refund, wanted: Wanted, caller: Principal | None) -> Refund | bool:
        if refund.cents < wanted.least:
            return False
        return Refund(f"of {caller}", refund.cents)

    shop = Shop(mcp)
    cursor = shop.begin()
    shop.emit(1, 5)
    (event,) = shop.poll(cursor, arguments={"least": 2})["events"]
    assert event["data"] == {"order": "of None", "cents": 5}


@pytest.mark.parametrize("answer", [None, 7, RuntimeError("no")])
def test_an_occurrence_whose_function_fails_is_a_gap(answer: Any, caplog: pytest.LogCaptureFixture) -> None:
    mcp = make_server()

    @mcp.event("order.refunded", payload=Refund)
    def order_refunded(refund: Refund) -> Refund | bool:
        if refund.cents != 2:
            return True
        if isinstance(answer, Exception):
            raise answer
        return answer  # type: ignore[no-any-return]

    shop = Shop(mcp)
    cursor = shop.begin()
    shop.emit(1, 2, 3)
    result = shop.poll(cursor)
    assert (ids(result), result["truncated"]) == (["e1", "e3"], True)
    assert len([one for one in caplog.records if one.levelname == "ERROR"]) == 1


def test_functions_that_say_nothing_deliver_to_all() -> None:
    mcp = make_server()

    @mcp.event("order.refunded", payload=Refund)
    def order_refunded() -> None:
        """A refund."""

    shop = Shop(mcp)
    cursor = shop.begin()
    shop.emit(1)
    assert ids(shop.poll(cursor)) == ["e1"]


@pytest.mark.parametrize(
    ("name", "payload", "options", "error", "text"),
    [
        ("nothing", Refund("a", 1), {}, ConfigurationError, "The server declares no event 'nothing'"),
        ("order.refunded", Refund("a", "x"), {}, ValidationError, "Expected `int`, got `str`"),  # type: ignore[arg-type]
        ("order.refunded", {"order": "a"}, {}, ValidationError, "missing required field `cents`"),
        ("order.refunded", Refund("x" * 262_144, 1), {}, ItemTooLargeError, "the limit is 262144"),
        (
            "order.refunded",
            Refund("a", 1),
            {"timestamp": datetime(2026, 1, 1)},
            ValidationError,
            "A timestamp needs a zone",
        ),
        *(
            (
                "order.refunded",
                Refund("a", 1),
                {"event_id": event_id},
                ValidationError,
                "event_id is a header",
            )
            for event_id in ("", "a b", "ü", "a\nb", "a\x7f", "x" * 257)
        ),
    ],
)
def test_what_cannot_be_emitted(
    shop: Shop, name: str, payload: Any, options: Any, error: type[Exception], text: str
) -> None:
    cursor = shop.begin()
    with pytest.raises(error, match=text):
        shop.emitter.emit(name, payload, **options)
    assert shop.poll(cursor)["cursor"] == cursor


def test_handlers_emit() -> None:
    mcp = declare(make_server())

    @mcp.tool()
    def refund(ctx: Context, cents: int) -> str:
        return ctx.events.emit("order.refunded", Refund("a", cents), event_id="x").result()

    @mcp.tool()
    async def refund_later(ctx: Context, cents: int) -> str:
        return await ctx.events.emit("order.refunded", Refund("b", cents))

    shop = Shop(mcp)
    cursor = shop.begin()
    assert shop.client.call("refund", {"cents": 3}).value == "x"
    made = shop.client.call("refund_later", {"cents": 4}).value
    assert ids(shop.poll(cursor)) == ["x", made]


def test_without_events_nothing_can_be_emitted(caplog: pytest.LogCaptureFixture) -> None:
    mcp = make_server()

    @mcp.tool()
    def refund(ctx: Context) -> str:
        return ctx.events.emit("order.refunded", Refund("a", 1)).result()

    reply = Client(mcp.lambda_handler(IN_MEMORY)).call("refund")
    assert reply.error["code"] == -32603
    assert "The server declares no events: write @mcp.event" in caplog.text


# Refusals.


@pytest.mark.parametrize(
    ("params", "status", "modern", "legacy"),
    [
        ({"name": "nothing"}, 200, (-32023, "NotFound", {"kind": "event"}), -32011),
        (
            {"name": "order.deleted"},
            200,
            (-32023, "NotFound", {"kind": "event"}),
            -32011,
        ),
        (
            {"name": "order.both"},
            200,
            (-32026, "Unsupported", {"feature": "deliveryMode", "value": "poll"}),
            -32014,
        ),
        (
            {"name": "order.secret", "arguments": {}},
            200,
            (
                -32024,
                "Forbidden",
                {"reason": "Not allowed to have order.secret with these arguments"},
            ),
            -32012,
        ),
        ({}, 400, (-32602, "Invalid params: Object missing required field `name`", None), -32602),
        (
            {"name": "order.refunded", "maxEvents": 0},
            400,
            (-32602, "Invalid params: Expected `int` >= 1 - at `$.params.maxEvents`", None),
            -32602,
        ),
        (
            {"name": "order.refunded", "maxAgeMs": -1},
            400,
            (-32602, "Invalid params: Expected `int` >= 0 - at `$.params.maxAgeMs`", None),
            -32602,
        ),
        (
            {"name": "order.refunded", "arguments": {"least": "many"}},
            400,
            (-32602, "Invalid params: arguments: Expected `int`, got `str` - at `$.least`", None),
            -32602,
        ),
        (
            {"name": "order.refunded", "arguments": {"leest": 1}},
            400,
            (-32602, "Invalid params: arguments that order.refunded does not have: leest", None),
            -32602,
        ),
        (
            {"name": "order.refunded", "arguments": [1]},
            400,
            (-32602, "Invalid params: arguments: Expected `object`, got `array`", None),
            -32602,
        ),
        (
            {"name": "order.plain", "arguments": {"a": 1}},
            400,
            (-32602, "Invalid params: arguments that order.plain does not have: a", None),
            -32602,
        ),
    ],
)
def test_polls_that_are_refused(
    params: dict[str, Any],
    status: int,
    modern: tuple[int, str, Any],
    legacy: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mcp = declare(make_server())
    mcp.event("order.plain", payload=Refund)(nothing)
    mcp.event("order.deleted", payload=Refund, delivery=["push"])(nothing)
    mcp.event("order.both", payload=Refund, delivery=["push"])(nothing)
    mcp.event("order.secret", payload=Refund, allow=lambda caller: False)(nothing)
    shop = Shop(mcp)
    assert shop.events is not None
    if params.get("name") == "order.both":
        shop.events.modes = ("push",)
    reply = shop.client.request("events/poll", params)
    assert (reply.status, reply.body) == (status, failure(*modern))
    old = LegacyClient(lambda: shop.handler).request("events/poll", **params)
    assert (old.status, old.error["code"], old.error["message"]) == (200, legacy, modern[1])


def nothing() -> None:
    """Everything."""


@pytest.mark.parametrize(("caller", "allowed"), [("ann", True), ("bob", False)])
def test_who_may_have_what_is_asked_with_arguments(caller: str, allowed: bool) -> None:
    def may_have(wanted: Wanted, principal: Principal | None) -> bool:
        assert wanted == Wanted(3)
        return principal is not None and principal.subject == "ann"

    mcp = declare(
        make_server(middleware=[lambda call, following: following(call.as_principal(Principal(caller)))]),
        allow=may_have,
    )
    reply = Shop(mcp).client.request("events/poll", {"name": "order.refunded", "arguments": {"least": 3}})
    assert ("result" in reply.response) is allowed


@pytest.mark.parametrize("answer", [None, 1, "yes"])
def test_only_true_allows(answer: Any) -> None:
    mcp = make_server()
    mcp.event("order.refunded", payload=Refund, allow=lambda caller: answer)(nothing)
    reply = Shop(mcp).client.request("events/poll", {"name": "order.refunded"})
    assert reply.error["code"] == -32024


def test_scopes_are_asked_for() -> None:
    mcp = declare(make_server(), scopes=["orders:read"])
    reply = Shop(mcp).client.request("events/poll", {"name": "order.refunded"})
    assert reply.status == 401
    assert 'scope="orders:read"' in reply.headers["www-authenticate"]


def test_a_table_is_demanded_where_there_is_no_other_memory() -> None:
    mcp = declare(make_server())
    text = "The table keeps occurrences of 'order.refunded': set LAMBENT_TABLE"
    with pytest.raises(ConfigurationError, match=text):
        mcp.lambda_handler(Settings(in_lambda=True))
    with pytest.raises(ConfigurationError, match="set LAMBENT_TABLE"):
        mcp.events(Settings())


def test_who_emits_elsewhere_uses_the_table_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    with mock_aws():
        dynamodb = boto3.session.Session(region_name=REGION, **CREDENTIALS).client("dynamodb")
        create_table(dynamodb, "events-elsewhere")
        monkeypatch.setattr(aws, "_clients", {"dynamodb": dynamodb})
        check_emitting_elsewhere()
        dynamodb.close()


def check_emitting_elsewhere() -> None:
    settings = Settings(table="events-elsewhere", state_keys=(SECRET,))
    mcp = declare(make_server())
    client = Client(mcp.lambda_handler(settings))
    cursor = client.request("events/poll", {"name": "order.refunded"}).result["cursor"]
    assert mcp.events(settings).emit("order.refunded", Refund("a", 1), event_id="x").result() == "x"
    found = client.request("events/poll", {"name": "order.refunded", "cursor": cursor}).result
    assert ids(found) == ["x"]


# Upstreams that can only be asked: see test_checking.py. Eras.


def test_clients_of_the_legacy_era_poll(shop: Shop) -> None:
    client = LegacyClient(lambda: shop.handler)
    cursor = client.request("events/poll", name="order.refunded").result["cursor"]
    shop.emit(1)
    result = client.request("events/poll", name="order.refunded", cursor=cursor).result
    assert list(result) == ["events", "cursor", "truncated", "hasMore", "nextPollMs"]
    assert ids(result) == ["e1"]


def test_names_need_not_be_repeated_in_headers(shop: Shop) -> None:
    """The extension does not say that ``Mcp-Name`` is the name of an event."""
    reply = shop.client.request("events/poll", {"name": "order.refunded"}, headers={"mcp-name": "other"})
    assert reply.status == 200


def test_options_of_times() -> None:
    mcp = declare(make_server(), poll_interval=timedelta(milliseconds=1500), retention=timedelta(minutes=1))
    shop = Shop(mcp)
    cursor = shop.begin()
    shop.emit(1)
    shop.now += 60
    shop.emit(2)
    result = shop.poll(cursor)
    assert (result["nextPollMs"], ids(result), result["truncated"]) == (1500, ["e2"], True)


def test_the_log_has_what_is_needed_and_no_more(shop: Shop) -> None:
    shop.emit(1)
    (entry,) = shop.log.read(shop.events.key(shop.events.types["order.refunded"]), 0, 1)
    assert msgspec.json.decode(entry.body) == {
        "id": "e1",
        "at": 1_700_000_000_000,
        "time": "2023-11-14T22:13:20.000Z",
        "data": {"order": "o1", "cents": 1},
    }
    assert dumps({"order": "o1", "cents": 1}).encode() in entry.body
