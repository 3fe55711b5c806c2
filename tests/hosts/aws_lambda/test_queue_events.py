"""SQS events through the same handler that answers requests."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.execution.durable.tasks.harness import (
    DEAD_ARN,
    QUEUE_ARN,
    Deadline,
    Died,
    World,
    queue_event,
    task_server,
    worlds,
)
from tests.support import Client, make_handler, make_server

from lambent import RetryableError, TaskPolicy
from lambent.errors import ConfigurationError
from lambent.hosts.aws_lambda.queue_events import is_queue_event

world = pytest.fixture(worlds)
Worlds = Callable[..., World]

ALL_WELL: dict[str, Any] = {"batchItemFailures": []}


class Tools:
    """A server whose one tool does as its argument says."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.server = task_server()
        self.server.tool("do", task=TaskPolicy(max_attempts=5))(self.do)

    def do(self, what: str) -> str:
        self.ran.append(what)
        if what == "retry":
            raise RetryableError("later")
        if what == "die":
            raise Died
        return f"did {what}"


@pytest.fixture
def tools() -> Tools:
    return Tools()


@pytest.fixture
def here(world: Worlds, tools: Tools) -> World:
    return world(tools.server)


def send(here: World, event: dict[str, Any], context: Any = None) -> Any:
    return here.here.handler(event, context)


def starts(here: World, *what: str) -> list[str]:
    return [here.client.start("do", {"what": each}) for each in what]


def test_a_task_is_run(here: World, tools: Tools) -> None:
    (task_id,) = starts(here, "a")
    assert send(here, queue_event([("m", task_id)])) == ALL_WELL
    assert tools.ran == ["a"]
    assert here.client.status(task_id) == "completed"


def test_a_batch_is_run_in_its_order(here: World, tools: Tools) -> None:
    tasks = starts(here, "a", "b", "c")
    event = queue_event([(f"m{number}", task_id) for number, task_id in enumerate(reversed(tasks))])
    assert send(here, event) == ALL_WELL
    assert tools.ran == ["c", "b", "a"]


def failing(here: World, *task_ids: str) -> None:
    """Make the store fail whenever one of these tasks is read."""
    read = here.store.read

    def fail(key: str) -> Any:
        if key.rpartition("#")[2] in task_ids:
            raise ConnectionError(key)
        return read(key)

    here.store.read = fail  # type: ignore[method-assign]


def test_only_what_failed_is_delivered_again(here: World, tools: Tools) -> None:
    tasks = starts(here, "a", "b", "c", "d")
    failing(here, tasks[1], tasks[3])
    event = queue_event([(f"m{number}", task_id) for number, task_id in enumerate(tasks)])
    failures = [{"itemIdentifier": "m1"}, {"itemIdentifier": "m3"}]
    assert send(here, event) == {"batchItemFailures": failures}
    assert tools.ran == ["a", "c"]


def test_a_batch_in_which_everything_failed_is_no_error_of_the_function(here: World, tools: Tools) -> None:
    tasks = starts(here, "a", "b")
    failing(here, *tasks)
    event = queue_event([("m1", tasks[0]), ("m2", tasks[1])])
    assert send(here, event) == {"batchItemFailures": [{"itemIdentifier": "m1"}, {"itemIdentifier": "m2"}]}
    assert tools.ran == []


def test_the_log_says_what_failed_and_why(
    here: World, tools: Tools, caplog: pytest.LogCaptureFixture
) -> None:
    good, bad = starts(here, "a", "b")
    failing(here, bad)
    send(here, queue_event([("m1", good), ("m2", bad)]))
    (record,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert record.getMessage() == "Message m2 failed: the queue delivers it again"
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], ConnectionError)


def test_failures_of_one_event_are_not_those_of_the_next(here: World, tools: Tools) -> None:
    bad, good = starts(here, "bad", "good")
    read = here.store.read
    failing(here, bad)
    assert send(here, queue_event([("m1", bad)]))["batchItemFailures"]
    assert send(here, queue_event([("m2", good)])) == ALL_WELL
    here.store.read = read  # type: ignore[method-assign]
    assert send(here, queue_event([("m3", bad)])) == ALL_WELL
    assert tools.ran == ["good", "bad"]


def test_tools_that_fail_are_no_failures_of_the_queue(here: World, tools: Tools) -> None:
    tasks = starts(here, "retry", "b")
    assert send(here, queue_event([("m1", tasks[0]), ("m2", tasks[1])])) == ALL_WELL
    assert len(here.queue.sent) == 3  # the attempt that failed has queued the next one itself


@pytest.mark.parametrize("body", ["", "unknown", "{}", '{"Records":[]}', "\u0000", "é" * 3000, "x" * 200_000])
def test_poison_is_swallowed(here: World, tools: Tools, body: str) -> None:
    (task_id,) = starts(here, "a")
    assert send(here, queue_event([("m1", body), ("m2", task_id), ("m3", body)])) == ALL_WELL
    assert tools.ran == ["a"]


def test_a_process_that_dies_reports_nothing(here: World, tools: Tools) -> None:
    tasks = starts(here, "die", "b")
    with pytest.raises(Died):
        send(here, queue_event([("m1", tasks[0]), ("m2", tasks[1])]))
    assert here.client.status(tasks[1]) == "working"


def test_the_same_task_twice_in_a_batch_runs_once(here: World, tools: Tools) -> None:
    (task_id,) = starts(here, "a")
    assert send(here, queue_event([("m1", task_id), ("m2", task_id)])) == ALL_WELL
    assert tools.ran == ["a"]


# Dead letters.


def test_dead_letters_fail_their_tasks(here: World, tools: Tools) -> None:
    tasks = starts(here, "a", "b")
    event = queue_event([("m1", tasks[0]), ("m2", "unknown"), ("m3", tasks[1])], DEAD_ARN)
    assert send(here, event) == ALL_WELL
    assert tools.ran == []
    assert [here.client.get(task_id).result["error"]["message"] for task_id in tasks] == [
        "The task could not be run",
        "The task could not be run",
    ]


def test_dead_letters_that_cannot_be_handled_are_delivered_again(here: World) -> None:
    tasks = starts(here, "a", "b")
    read = here.store.read
    failing(here, tasks[0])
    event = queue_event([("m1", tasks[0]), ("m2", tasks[1])], DEAD_ARN)
    assert send(here, event) == {"batchItemFailures": [{"itemIdentifier": "m1"}]}
    here.store.read = read  # type: ignore[method-assign]
    assert [here.client.status(task_id) for task_id in tasks] == ["working", "failed"]


@pytest.mark.parametrize(
    ("arn", "is_dead"),
    [
        (QUEUE_ARN, False),
        ("arn:aws:sqs:us-east-1:999999999999:tasks", False),
        (DEAD_ARN, True),
        ("arn:aws:sqs:eu-west-1:123456789012:other-tasks", True),
        ("arn:aws:sqs:eu-west-1:123456789012:tasks-dlq", True),
    ],
)
def test_the_name_tells_the_queues_apart(here: World, tools: Tools, arn: str, is_dead: bool) -> None:
    (task_id,) = starts(here, "a")
    assert send(here, queue_event([("m1", task_id)], arn)) == ALL_WELL
    assert tools.ran == ([] if is_dead else ["a"])
    assert here.client.status(task_id) == ("failed" if is_dead else "completed")


# HTTP and SQS on one handler.


def test_one_handler_takes_both(here: World, tools: Tools) -> None:
    for number in range(3):
        task_id = here.client.start("do", {"what": str(number)})
        assert here.client.request("server/discover").status == 200
        assert send(here, queue_event([("m", task_id)]), Deadline(here.clock, 60)) == ALL_WELL
        assert here.client.status(task_id) == "completed"
    assert tools.ran == ["0", "1", "2"]


def test_a_request_whose_event_has_records_of_something_else_is_no_queue_event(here: World) -> None:
    event = {"Records": [{"eventSource": "aws:s3"}]}
    assert not is_queue_event(event)
    with pytest.raises(Exception, match="event"):
        send(here, event)


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"Records": []},
        {"Records": None},
        {"Records": "x"},
        {"Records": [{}]},
        {"Records": [None]},
        {"Records": [{"eventSource": "aws:sqs"}]},
        {"Records": [*queue_event([("m", "x")])["Records"], {"eventSource": "aws:sqs"}]},
    ],
)
def test_what_is_no_queue_event(event: dict[str, Any]) -> None:
    assert not is_queue_event(event)


def test_a_function_without_tasks_says_what_to_set() -> None:
    client = Client(make_handler(make_server()))
    with pytest.raises(ConfigurationError, match="set LAMBENT_TABLE and LAMBENT_TASK_QUEUE_URL"):
        client.handler(queue_event([("m", "x")]), None)


def test_coroutines_of_tasks_and_of_requests_share_a_loop(world: Worlds) -> None:
    import asyncio

    loops: set[int] = set()
    mcp = task_server()

    @mcp.tool(task=True)
    async def as_task() -> None:
        loops.add(id(asyncio.get_running_loop()))

    @mcp.tool()
    async def as_call() -> None:
        loops.add(id(asyncio.get_running_loop()))

    here = world(mcp)
    task_id = here.client.start("as_task")
    here.client.call("as_call")
    send(here, queue_event([("m", task_id)]))
    assert len(loops) == 1


@pytest.mark.parametrize("body", ["wake order.sent", "advance key", "deliver key 7", "notify key", "sweep"])
def test_deliveries_of_a_queue_that_the_function_does_not_know(here: World, body: str) -> None:
    """They must not be taken for tasks that the queue has given up."""
    plain = make_handler(make_server())
    for handler in (here.here.handler, plain):
        with pytest.raises(ConfigurationError) as caught:
            handler(queue_event([("m", body)]), None)
        assert str(caught.value) == (
            "The queue tasks brings deliveries of events, and this function does not know of it: set "
            "LAMBENT_TABLE, and LAMBENT_EVENTS_QUEUE_URL to the URL of that queue"
        )
