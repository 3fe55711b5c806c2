"""Checks that a schedule runs: what gets into the log, whoever is killed where."""

import contextlib
import dataclasses
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws
from tests.chaos.cloud import CREDENTIALS, REGION, create_table
from tests.execution.events.test_delivery import Post
from tests.support import SECRET, Client, MCPServer, make_server

from lambent import Checked, ConfigurationError, Occurrence, Settings, StoreError
from lambent.errors import DeadlineReached
from lambent.execution.durable.records import SKEW_SECONDS
from lambent.execution.events.scheduled_checks import CheckTakenOver, ScheduledChecks
from lambent.execution.invocation import Invocation
from lambent.hosts.aws_lambda.check_events import CheckFailedError
from lambent.hosts.aws_lambda.handler import LambdaHandler
from lambent.stores import aws
from lambent.stores.event_logs import DynamoLog, MemoryLog

IN_MEMORY = Settings(state_keys=(SECRET,), in_memory=True)
SCHEDULED = {"delivery": ["poll", "webhook"]}
CHECK = {"lambent": "check"}


@dataclasses.dataclass
class Parcel:
    number: int


@dataclasses.dataclass
class Wanted:
    least: int = 0


class Killed(BaseException):
    """The environment of a run has ended."""


class Upstream:
    """Has parcels, and tells of them behind a cursor, some at a time."""

    def __init__(self, *parcels: int) -> None:
        self.parcels = list(parcels)
        self.asked: list[str | None] = []
        self.at_a_time = 100
        self.truncated = False
        self.before: Callable[[], None] = lambda: None

    def check(self, cursor: str | None, limit: int) -> Checked:
        self.asked.append(cursor)
        self.before()
        if cursor is None:
            return Checked(cursor=str(len(self.parcels)))
        start, size = int(cursor), min(limit, self.at_a_time)
        found = self.parcels[start : start + size]
        return Checked(
            occurrences=[Occurrence(Parcel(one), f"p{one}") for one in found],
            cursor=str(start + len(found)),
            has_more=start + len(found) < len(self.parcels),
            truncated=self.truncated,
        )

    async def check_later(self, cursor: str | None) -> Checked:
        return self.check(cursor, 100)


class Deadline(Invocation):
    """An invocation that ends, by the clock of the post office."""

    def __init__(self, seconds: float) -> None:
        super().__init__(None)  # type: ignore[arg-type]
        self.seconds = seconds

    def remaining_ms(self) -> int:
        return int(self.seconds * 1000)


class Messages:
    """A queue that keeps its messages."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    def send(self, task_id: str, delay: float = 0.0) -> None:
        self.sent.append(task_id)


def declare(mcp: MCPServer, check: Any, name: str = "parcel.sent", **options: Any) -> None:
    @mcp.event(name, payload=Parcel, arguments=Wanted, check=check, **{**SCHEDULED, **options})
    def sent(parcel: Parcel, wanted: Wanted) -> bool:
        """A parcel has left the house."""
        return parcel.number >= wanted.least


class PostOffice:
    """A server that has parcels checked, and a clock."""

    def __init__(self, *parcels: int, check: str = "check", **options: Any) -> None:
        self.upstream = Upstream(*parcels)
        mcp = make_server(**options)
        declare(mcp, getattr(self.upstream, check))
        self.handler = mcp.lambda_handler(IN_MEMORY)
        self.client = Client(self.handler)
        self.services = self.handler._endpoint.executor.services
        self.now = 1_700_000_000.0
        assert self.services.events is not None
        self.events = self.services.events
        self.events.has_schedule = True
        self.queue = self.events.queue = Messages()
        self.events.log = MemoryLog(lambda: self.now)
        self.events.clock = lambda: self.now
        self.cursor = self.poll()["cursor"]

    def checks(self) -> ScheduledChecks:
        """What one environment of Lambda has."""
        assert self.services.store is not None
        return ScheduledChecks(self.services.store, lambda: self.now, "shop", self.events, None)

    def run(self, host: Invocation | None = None) -> int | None:
        return self.checks().run("parcel.sent", host or Deadline(60))

    def poll(self, cursor: str | None = None, **arguments: int) -> dict[str, Any]:
        params = {"name": "parcel.sent", "cursor": cursor, "arguments": arguments, "maxEvents": 500}
        result: dict[str, Any] = self.client.request("events/poll", params).result
        return result

    def found(self, **arguments: int) -> list[int]:
        return [one["data"]["number"] for one in self.poll(self.cursor, **arguments)["events"]]


@pytest.fixture
def office() -> PostOffice:
    return PostOffice(1, 2)


def test_the_first_run_begins_now(office: PostOffice) -> None:
    assert office.run() == 0
    assert (office.upstream.asked, office.found()) == ([None], [])
    office.upstream.parcels += [3, 4]
    assert office.run() == 2
    assert (office.upstream.asked, office.found()) == ([None, "2"], [3, 4])
    assert office.run() == 0
    assert (office.upstream.asked, office.found()) == ([None, "2", "4"], [3, 4])


def test_polls_read_the_log_and_ask_nobody(office: PostOffice) -> None:
    office.upstream.parcels.append(3)
    assert office.found() == []
    assert office.upstream.asked == []


def test_the_function_selects_by_the_arguments_of_each_subscription(office: PostOffice) -> None:
    office.run()
    office.upstream.parcels += [3, 40]
    office.run()
    assert (office.found(), office.found(least=10), office.found(least=100)) == ([3, 40], [40], [])


def test_subscriptions_are_told_once_for_each_answer(office: PostOffice) -> None:
    office.run()
    assert office.queue.sent == []
    office.upstream.parcels += range(3, 10)
    office.run()
    assert office.queue.sent == ["wake parcel.sent"]
    office.run()
    assert office.queue.sent == ["wake parcel.sent"]


def test_it_is_asked_until_there_is_nothing_more(office: PostOffice) -> None:
    office.run()
    office.upstream.at_a_time = 2
    office.upstream.parcels += [3, 4, 5, 6, 7]
    assert office.run() == 5
    assert office.upstream.asked == [None, "2", "4", "6"]
    assert office.found() == [3, 4, 5, 6, 7]


def test_an_invocation_that_is_nearly_over_leaves_the_rest_to_the_next_one(office: PostOffice) -> None:
    office.run()
    office.upstream.at_a_time = 1
    office.upstream.parcels += [3, 4]
    assert office.run(Deadline(3.9)) == 1
    assert office.run(Deadline(3.9)) == 1
    assert office.found() == [3, 4]


def test_an_upstream_that_stands_still_is_not_asked_for_ever() -> None:
    asked: list[str | None] = []

    def check(cursor: str | None) -> Checked:
        asked.append(cursor)
        return Checked(occurrences=[Occurrence(Parcel(1), "p1")], cursor="same", has_more=True)

    assert checks_of(make(check)).run("parcel.sent", Deadline(60)) == 2
    assert asked == [None, "same"]


def make(check: Any) -> Any:
    mcp = make_server()
    declare(mcp, check)
    return scheduled(mcp)


def scheduled(mcp: MCPServer) -> LambdaHandler:
    """A handler whose memory is taken for a table that others see."""
    handler = mcp.lambda_handler(IN_MEMORY)
    events = handler._endpoint.executor.services.events
    if events is not None:
        events.has_schedule, events.queue = True, Messages()
    return handler


def checks_of(handler: Any) -> ScheduledChecks:
    services = handler._endpoint.executor.services
    return ScheduledChecks(services.store, services.clock, "shop", services.events, None)


def test_a_run_has_an_end_though_the_upstream_has_none() -> None:
    numbers = iter(range(10_000))

    def check(cursor: str | None) -> Checked:
        number = next(numbers)
        return Checked(
            occurrences=[Occurrence(Parcel(number), f"p{number}")], cursor=str(number), has_more=True
        )

    handler = make(check)
    assert checks_of(handler).run("parcel.sent", Invocation(None)) == 100  # type: ignore[arg-type]
    assert checks_of(handler).run("parcel.sent", Invocation(None)) == 100  # type: ignore[arg-type]


def test_an_upstream_without_cursors() -> None:
    """It tells everything each time; ids say what is known."""
    parcels = [1, 2]

    def check(cursor: str | None) -> Checked:
        return Checked(occurrences=[Occurrence(Parcel(one), f"p{one}") for one in parcels], cursor=None)

    handler = make(check)
    client = Client(handler)
    cursor = client.request("events/poll", {"name": "parcel.sent"}).result["cursor"]
    for _ in range(2):
        checks_of(handler).run("parcel.sent", Deadline(60))
    parcels.append(3)
    checks_of(handler).run("parcel.sent", Deadline(60))
    found = client.request("events/poll", {"name": "parcel.sent", "cursor": cursor}).result["events"]
    assert [one["data"]["number"] for one in found] == [1, 2, 3]


# One at a time, and whoever is killed.


def test_one_run_asks_at_a_time(office: PostOffice) -> None:
    inner: list[Any] = []
    office.upstream.before = lambda: inner.append(office.run())
    assert office.run() == 0
    assert inner == [None]
    assert office.upstream.asked == [None]


def kill(office: PostOffice) -> None:
    """Let the environment die while it asks: it gives nothing back."""

    def die() -> None:
        raise Killed

    store = office.services.store
    assert store is not None
    replace, office.upstream.before = store.replace, die
    store.replace = _refuse  # type: ignore[method-assign]
    with pytest.raises(Killed):
        office.run()
    store.replace, office.upstream.before = replace, lambda: None  # type: ignore[method-assign]


def _refuse(item: Any) -> bool:
    raise StoreError("killed")


def test_a_run_that_was_killed_is_followed_when_its_invocation_is_over(office: PostOffice) -> None:
    kill(office)  # it has begun the record
    assert office.run() is None
    office.now += 60 + SKEW_SECONDS - 1
    assert office.run() is None
    office.now += 2
    assert office.run() == 0
    assert office.upstream.asked == [None, None]


@pytest.mark.parametrize("survivors", range(6))
def test_a_run_that_ends_between_writes_repeats_nothing(survivors: int) -> None:
    """The log fails behind any entry: all of it is there in the end, each once."""
    office = PostOffice()
    office.run()
    office.upstream.at_a_time = 3
    office.upstream.parcels += [1, 2, 3, 4, 5]
    append, written = office.events.log.append, [0]

    def fail(*arguments: Any) -> int:
        if written[0] == survivors:
            raise StoreError("gone")
        written[0] += 1
        return append(*arguments)

    office.events.log.append = fail  # type: ignore[method-assign]
    with pytest.raises(StoreError) if survivors < 5 else contextlib.nullcontext():
        office.run()
    assert office.found() == [1, 2, 3, 4, 5][:survivors]
    assert ("wake parcel.sent" in office.queue.sent) is (survivors > 0)
    office.events.log.append = append  # type: ignore[method-assign]
    assert office.run() is not None  # the lease was given back
    assert office.found() == [1, 2, 3, 4, 5]


class Fuse:
    """Ends the environment at one of its effects, before it or behind it; nothing works from there on."""

    def __init__(self, number: int, *, is_before: bool) -> None:
        self.left = number
        self.is_before = is_before

    def around(self, effect: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any) -> Any:
            self.left -= 1
            if self.left < 0 or (self.left == 0 and self.is_before):
                raise Killed
            result = effect(*arguments)
            if self.left == 0:
                raise Killed
            return result

        return run

    @property
    def has_blown(self) -> bool:
        return self.left <= 0


@pytest.mark.parametrize("is_before", [True, False])
def test_a_run_that_is_killed_anywhere_loses_and_repeats_nothing(is_before: bool) -> None:
    for number in range(1, 100):
        office = PostOffice()
        office.run()
        office.upstream.at_a_time = 2
        office.upstream.parcels += [1, 2, 3, 4, 5]
        fuse, store, log = Fuse(number, is_before=is_before), office.services.store, office.events.log
        assert store is not None
        with pytest.MonkeyPatch.context() as patch, contextlib.suppress(Killed):
            for owner, names in (
                (store, ("read", "insert", "replace")),
                (log, ("append",)),
                (office.queue, ("send",)),
            ):
                for name in names:
                    patch.setattr(owner, name, fuse.around(getattr(owner, name)))
            office.run()
        assert office.found() == [1, 2, 3, 4, 5][: len(office.found())]
        if not fuse.has_blown:
            assert number > 10
            return
        office.now += 60 + SKEW_SECONDS + 1
        assert office.run() is not None
        assert office.found() == [1, 2, 3, 4, 5]
        assert office.poll(office.cursor)["truncated"] is False
        assert "wake parcel.sent" in office.queue.sent
    raise AssertionError("The run has no end")


def test_a_run_whose_cursor_was_not_kept_repeats_nothing(office: PostOffice) -> None:
    office.run()
    office.upstream.parcels.append(3)
    store = office.services.store
    assert store is not None
    replace = store.replace

    def fail(item: Any) -> bool:
        if b'"cursor":"3"' in item.body:
            raise StoreError("gone")
        return replace(item)

    store.replace = fail  # type: ignore[method-assign]
    with pytest.raises(StoreError):
        office.run()
    store.replace = replace  # type: ignore[method-assign]
    assert office.run() == 1
    assert office.upstream.asked == [None, "2", "2"]
    assert office.found() == [3]


def test_a_run_that_was_taken_over_stops(office: PostOffice) -> None:
    office.run()
    office.upstream.parcels += [3, 4]
    office.upstream.at_a_time = 1
    taken: list[Any] = []

    def take_over() -> None:
        office.upstream.before = lambda: None
        office.now += 1000
        taken.append(office.run())

    office.upstream.before = take_over
    with pytest.raises(CheckTakenOver, match=r"^The check of parcel\.sent has taken longer than"):
        office.run()
    assert taken == [2]
    assert office.found() == [3, 4]
    assert office.run() == 0  # and its lease does not stand in the way of others


def test_failures_of_the_function_give_the_lease_back(office: PostOffice) -> None:
    def fail() -> None:
        raise RuntimeError("no upstream")

    office.upstream.before = fail
    for _ in range(2):
        with pytest.raises(RuntimeError, match="no upstream"):
            office.run()
    office.upstream.before = lambda: None
    assert office.run() == 0


def test_a_function_that_returns_something_else() -> None:
    handler = make(lambda cursor: [1])
    with pytest.raises(TypeError, match=r"The check function of parcel\.sent returned list: return lambent"):
        checks_of(handler).run("parcel.sent", Deadline(60))


def test_a_cursor_that_is_no_text_is_not_kept() -> None:
    """It could not be read back."""
    handler = make(lambda cursor: Checked(cursor=5))  # type: ignore[arg-type]
    for _ in range(2):
        with pytest.raises(TypeError, match=r"The check function of parcel\.sent gave a cursor of int"):
            checks_of(handler).run("parcel.sent", Deadline(60))


def test_occurrences_may_be_made_one_by_one() -> None:
    def check(cursor: str | None) -> Checked:
        made: Any = (Occurrence(Parcel(number), f"p{number}") for number in range(3))
        return Checked(occurrences=made, cursor="3")

    assert checks_of(make(check)).run("parcel.sent", Deadline(60)) == 3


@pytest.mark.parametrize("name", ["parcel.lost", "parcel.polled"])
def test_event_types_that_no_schedule_is_for(name: str) -> None:
    mcp = make_server()
    declare(mcp, lambda cursor: Checked(cursor=None))
    declare(mcp, lambda wanted, cursor: Checked(cursor=None), "parcel.polled", delivery=["poll", "push"])
    checks = checks_of(scheduled(mcp))
    assert checks.names == ["parcel.sent"]
    with pytest.raises(ConfigurationError, match=f"No schedule checks '{name}'"):
        checks.run(name, Deadline(60))


# What is missing.


def test_what_the_upstream_does_not_have_any_more_is_a_gap(office: PostOffice) -> None:
    office.run()
    office.upstream.truncated = True
    office.upstream.parcels.append(3)
    office.run()
    result = office.poll(office.cursor)
    assert [one["data"]["number"] for one in result["events"]] == [3]
    assert (result["truncated"], result["hasMore"]) == (True, False)
    assert office.poll(result["cursor"])["truncated"] is False


def test_a_gap_that_is_found_again_is_the_same_one(office: PostOffice) -> None:
    office.run()
    head = office.events.log.head(office.events.key_of("parcel.sent")).number
    office.upstream.truncated = True

    def fail() -> None:
        raise StoreError("gone")

    office.upstream.parcels.append(3)
    store = office.services.store
    assert store is not None
    replace = store.replace
    store.replace = lambda item: replace(item) if b'"cursor":"3"' not in item.body else fail()  # type: ignore
    with pytest.raises(StoreError):
        office.run()
    store.replace = replace  # type: ignore[method-assign]
    office.run()
    assert office.events.log.head(office.events.key_of("parcel.sent")).number == head + 2


@pytest.mark.parametrize(
    "bad", [Occurrence(Parcel(2)), Occurrence({"number": "many"}, "p2"), Occurrence(Parcel(2), "")]
)
def test_an_occurrence_that_cannot_be_kept_is_a_gap(
    bad: Occurrence, caplog: pytest.LogCaptureFixture
) -> None:
    def check(cursor: str | None) -> Checked:
        return Checked(
            occurrences=[Occurrence(Parcel(1), "p1"), bad, Occurrence(Parcel(3), "p3")], cursor="1"
        )

    handler = make(check)
    client = Client(handler)
    cursor = client.request("events/poll", {"name": "parcel.sent"}).result["cursor"]
    assert checks_of(handler).run("parcel.sent", Deadline(60)) == 2
    result = client.request("events/poll", {"name": "parcel.sent", "cursor": cursor}).result
    assert [one["data"]["number"] for one in result["events"]] == [1, 3]
    assert result["truncated"] is True
    assert "A request failed, reference" in caplog.text


def test_endpoints_are_told_of_gaps() -> None:
    post = Post()
    post.begin()
    post.shop.emit("a")
    post.run(60)
    event = post.shop.events.types["order.refunded"]
    post.shop.events.keep_all([post.shop.events.gap(event, None)])
    post.shop.emit("b")
    post.run(60)
    assert [one["type"] for one in post.controls] == ["gap"]
    assert post.ids == ["a", "b"]


# The event of the schedule.


def test_the_schedule_has_all_event_types_checked() -> None:
    mcp, first, second = make_server(), Upstream(1), Upstream(1)
    declare(mcp, first.check)
    declare(mcp, second.check_later, "parcel.lost")
    handler = scheduled(mcp)
    with contextlib.closing(handler):
        assert handler(CHECK, None) == {"found": {"parcel.sent": 0, "parcel.lost": 0}}
        first.parcels += [2, 3]
        second.parcels += [2]
        assert handler({**CHECK, "event": "parcel.lost"}, None) == {"found": {"parcel.lost": 1}}
        assert handler(CHECK, None) == {"found": {"parcel.sent": 2, "parcel.lost": 0}}


def test_another_run_is_asking(office: PostOffice) -> None:
    inner: list[Any] = []
    office.upstream.before = lambda: inner.append(office.handler(CHECK, None))
    office.handler(CHECK, None)
    assert inner == [{"found": {"parcel.sent": None}}]


def test_a_check_that_fails_does_not_keep_others_from_being_run(caplog: pytest.LogCaptureFixture) -> None:
    mcp, good = make_server(), Upstream(1)

    def bad(cursor: str | None) -> Checked:
        raise RuntimeError("no upstream")

    declare(mcp, bad)
    declare(mcp, good.check, "parcel.lost")
    with pytest.raises(CheckFailedError, match=r"^The check of parcel\.sent failed: the log says why$"):
        scheduled(mcp)(CHECK, None)
    assert good.asked == [None]
    (record,) = [record for record in caplog.records if record.name == "lambent.events"]
    assert record.getMessage() == "The check of parcel.sent failed"
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "no upstream"
    assert record.exc_info[1].__context__ is None


@pytest.mark.parametrize("event", [CHECK, {**CHECK, "event": "parcel.sent"}])
def test_a_server_without_anything_to_check(event: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="There is nothing for a schedule to check"):
        make_server().lambda_handler(IN_MEMORY)(event, None)


@pytest.mark.parametrize("name", ["parcel.lost", 5, {"a": 1}])
def test_a_schedule_for_an_event_type_that_is_not_there(office: PostOffice, name: Any) -> None:
    with pytest.raises(ConfigurationError, match="No schedule checks"):
        office.handler({**CHECK, "event": name}, None)


class HungryContext:
    """A context of Lambda, of whose second functions get a tenth."""

    def get_remaining_time_in_millis(self) -> int:
        return 1000


@pytest.mark.parametrize("check", ["plain", "later"])
def test_a_check_that_hangs_is_interrupted(check: str, caplog: pytest.LogCaptureFixture) -> None:
    import asyncio
    import time

    def plain(cursor: str | None) -> Checked:
        time.sleep(60)
        raise AssertionError

    async def later(cursor: str | None) -> Checked:
        await asyncio.sleep(60)
        raise AssertionError

    handler = make(plain if check == "plain" else later)
    with contextlib.closing(handler), pytest.raises(CheckFailedError):
        handler(CHECK, HungryContext())
    (record,) = [record for record in caplog.records if record.name == "lambent.events"]
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], DeadlineReached)


def test_the_lifespan_is_entered_before_a_check() -> None:
    log: list[str] = []

    @contextlib.asynccontextmanager
    async def lifespan(mcp: MCPServer) -> AsyncIterator[None]:
        log.append("enter")
        yield
        log.append("leave")

    def check(cursor: str | None) -> Checked:
        log.append("check")
        return Checked(cursor=None)

    mcp = make_server(lifespan=lifespan)
    declare(mcp, check)
    with contextlib.closing(scheduled(mcp)) as handler:
        handler(CHECK, None)
    assert log == ["enter", "check", "leave"]


def test_checks_of_mounted_servers() -> None:
    inner, outer, upstream = make_server(), make_server(), Upstream()
    declare(inner, upstream.check)
    outer.mount(inner, "shop")
    handler = scheduled(outer)
    assert handler(CHECK, None) == {"found": {"shop_parcel.sent": 0}}
    upstream.parcels.append(1)
    assert handler(CHECK, None) == {"found": {"shop_parcel.sent": 1}}


# In the table.


@pytest.fixture
def table() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        for name, value in {**CREDENTIALS, "AWS_DEFAULT_REGION": REGION}.items():
            patch.setenv(name, value)
        aws._clients.clear()
        dynamodb = boto3.client("dynamodb", region_name=REGION)
        create_table(dynamodb, "lambent")
        yield dynamodb
        dynamodb.close()
        aws._clients.clear()


def test_environments_share_the_table(table: Any) -> None:
    upstream = Upstream()
    found: list[Any] = []
    for step in range(3):
        mcp = make_server()
        declare(mcp, upstream.check)
        handler = mcp.lambda_handler(Settings(state_keys=(SECRET,), table="lambent"))
        assert isinstance(handler._endpoint.executor.services.events.log, DynamoLog)  # type: ignore[union-attr]
        found.append(handler(CHECK, None)["found"]["parcel.sent"])
        upstream.parcels += [2 * step, 2 * step + 1]
    assert found == [0, 2, 2]
    items = table.scan(TableName="lambent")["Items"]
    keys = {item["pk"]["S"].partition("#")[0] for item in items}
    assert keys == {"EVENTS", "EVENTCHECK"}


def test_environments_of_lambda_need_a_table() -> None:
    mcp = make_server()
    declare(mcp, lambda cursor: Checked(cursor=None))
    with pytest.raises(ConfigurationError, match=r"The table keeps occurrences of 'parcel\.sent'"):
        mcp.lambda_handler(Settings(in_lambda=True, state_keys=(SECRET,)))


# Where no schedule reaches.


def test_a_process_with_a_memory_of_its_own_asks_with_each_poll() -> None:
    """Nobody asks for endpoints there, so it offers none."""
    mcp, upstream = make_server(), Upstream(1, 2)
    declare(mcp, upstream.check)
    handler = mcp.lambda_handler(IN_MEMORY)
    client = Client(handler)
    (listed,) = client.request("events/list").result["events"]
    assert listed["delivery"] == ["poll"]
    params = {"name": "parcel.sent", "cursor": "0", "arguments": {"least": 2}}
    result = client.request("events/poll", params).result
    assert [one["data"] for one in result["events"]] == [{"number": 2}]
    assert (result["cursor"], upstream.asked) == ("2", ["0"])
    with pytest.raises(ConfigurationError, match="needs LAMBENT_TABLE"):
        handler(CHECK, None)
    assert handler._endpoint.executor.services.events is not None
    with pytest.raises(
        ConfigurationError, match=r"Occurrences of 'parcel\.sent' come from its check function"
    ):
        handler._endpoint.executor.services.events.emit("parcel.sent", Parcel(1))


def test_what_is_checked_may_be_emitted_too(office: PostOffice) -> None:
    """As by a webhook of the upstream: the same id is one occurrence."""
    office.run()
    office.events.emit("parcel.sent", Parcel(3), event_id="p3")
    office.upstream.parcels += [3, 4]
    office.run()
    assert office.found() == [3, 4]
