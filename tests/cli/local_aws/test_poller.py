import asyncio
import dataclasses
import io
import json
import queue
from concurrent.futures import ThreadPoolExecutor

from lambent.cli.gateway.environment import Failed, FailureReason, Returned
from lambent.cli.gateway.log import Log
from lambent.cli.gateway.pool import Pool
from lambent.cli.local_aws.poller import EventSource, Poller

SOURCE = EventSource(
    "tasks", "http://127.0.0.1/1/tasks", "arn:aws:sqs:eu-west-1:1:tasks", "eu-west-1", 25, True
)


def message(name):
    return {"MessageId": name, "ReceiptHandle": f"handle of {name}", "Body": name, "MD5OfBody": "md5"}


class FakeSqs:
    """Gives the batches, or raises the errors, that it was made with; then it waits until it is closed."""

    def __init__(self, *batches):
        self.asked = []
        self.deleted = []
        self.delete_error = None
        self._batches = queue.SimpleQueue()
        for batch in batches:
            self._batches.put(batch)

    def receive_message(self, **arguments):
        self.asked.append(arguments)
        batch = self._batches.get()
        if isinstance(batch, Exception):
            raise batch
        return {"Messages": batch} if batch else {}

    def delete_message_batch(self, **arguments):
        self.deleted.append(arguments)
        if self.delete_error:
            raise self.delete_error

    def close(self):
        self._batches.put(None)


class FakeWorker:
    """Returns what it was told to when it may."""

    def __init__(self, number, outcome):
        self.number = number
        self.events = []
        self.may_return = asyncio.Event()
        self.may_return.set()
        self._outcome = outcome

    async def invoke(self, event, arrival, on_part=None):
        self.events.append(json.loads(event))
        await self.may_return.wait()
        return self._outcome

    async def close(self):
        self.may_return.set()


class Stage:
    """A poller, what it reads from, and who it reads for."""

    def __init__(self, sqs, outcome, workers=1):
        self.sqs = sqs
        self.stream = io.StringIO()
        self.threads = ThreadPoolExecutor(4)
        self.pool = Pool(lambda number: FakeWorker(number, outcome), workers)
        self.poller = Poller(SOURCE, sqs, self.threads, self.pool, Log(self.stream))

    @property
    def workers(self):
        return self.pool.environments

    async def __aenter__(self):
        self.task = asyncio.create_task(self.poller.run())
        return self

    async def __aexit__(self, *error):
        self.task.cancel()
        await self.pool.close(0)
        await asyncio.wait([self.task])
        self.sqs.close()
        self.threads.shutdown()


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


def returned(value=None):
    return Returned(json.dumps(value).encode())


def play(sqs, outcome, condition, **options):
    """Let a poller run until something is so."""

    async def run():
        async with Stage(sqs, outcome, **options) as stage:
            await until(lambda: condition(stage))
        return stage

    return asyncio.run(run())


def line(stage):
    """The last line of the log, but for its time."""
    words = stage.stream.getvalue().strip().rpartition("\n")[2].split()
    del words[4:6]
    return " ".join(words)


def test_messages_become_an_event_and_are_deleted():
    stage = play(FakeSqs([message("a"), message("b")]), returned(), lambda stage: stage.stream.getvalue())
    (event,) = stage.workers[0].events
    assert [record["body"] for record in event["Records"]] == ["a", "b"]
    assert event["Records"][0]["eventSourceARN"] == SOURCE.arn
    assert stage.sqs.deleted == [
        {
            "QueueUrl": SOURCE.url,
            "Entries": [
                {"Id": "0", "ReceiptHandle": "handle of a"},
                {"Id": "1", "ReceiptHandle": "handle of b"},
            ],
        }
    ]
    assert line(stage) == "SQS tasks 2 messages worker 1"


def test_the_queue_is_asked_for_everything_about_ten_messages_at_most():
    stage = play(FakeSqs(), returned(), lambda stage: stage.sqs.asked)
    assert stage.sqs.asked[0] == {
        "QueueUrl": SOURCE.url,
        "MaxNumberOfMessages": 10,
        "WaitTimeSeconds": 20,
        "MessageAttributeNames": ["All"],
        "MessageSystemAttributeNames": ["All"],
    }


def test_what_failed_stays():
    failures = {"batchItemFailures": [{"itemIdentifier": "a"}]}
    sqs = FakeSqs([message("a"), message("b")])
    stage = play(sqs, returned(failures), lambda stage: stage.stream.getvalue())
    assert [entry["ReceiptHandle"] for entry in stage.sqs.deleted[0]["Entries"]] == ["handle of b"]
    assert line(stage) == "SQS tasks 2 messages worker 1 (1 message failed)"


def test_the_calls_of_messages_are_lines():
    outcome = dataclasses.replace(
        returned(), calls=("tools/call a as a task: ok", "tools/call b as a task: ok")
    )
    stage = play(
        FakeSqs([message("a"), message("b")]), outcome, lambda stage: "b as" in stage.stream.getvalue()
    )
    first, second = stage.stream.getvalue().splitlines()
    assert first.endswith(" ms worker 1 tools/call a as a task: ok")
    assert second.endswith(" ms worker 1 tools/call b as a task: ok")


def test_a_function_that_fails_keeps_all():
    outcome = Failed(FailureReason.TIMED_OUT, "after 1 s")
    stage = play(FakeSqs([message("a")]), outcome, lambda stage: stage.stream.getvalue())
    assert stage.sqs.deleted == []
    assert line(stage) == "SQS tasks 1 message worker 1 (timed out: after 1 s)"


def test_a_wait_without_messages_is_followed_by_another():
    stage = play(FakeSqs([], []), returned(), lambda stage: len(stage.sqs.asked) == 3)
    assert stage.workers[0].events == []


def test_no_more_messages_are_taken_than_workers_are_free():
    async def run():
        sqs = FakeSqs([message("a")], [message("b")], [message("c")])
        async with Stage(sqs, returned(), workers=2) as stage:
            for worker in stage.workers:
                worker.may_return.clear()
            await until(lambda: all(worker.events for worker in stage.workers))
            assert len(sqs.asked) == 2
            stage.workers[1].may_return.set()
            await until(lambda: len(stage.workers[1].events) == 2)
            await until(lambda: len(sqs.deleted) == 2)
            assert len(stage.workers[0].events) == 1

    asyncio.run(run())


def test_an_error_is_noted_once_and_reading_goes_on(monkeypatch):
    monkeypatch.setattr("lambent.cli.local_aws.poller._RETRY_SECONDS", 0)
    sqs = FakeSqs(OSError("gone"), OSError("gone"), [message("a")], OSError("again"))
    stage = play(sqs, returned(), lambda stage: "again" in stage.stream.getvalue())
    notes = [text for text in stage.stream.getvalue().splitlines() if text.startswith("queue")]
    assert notes == ["queue tasks: gone", "queue tasks: again"]
    assert len(stage.workers[0].events) == 1


def test_a_message_that_cannot_be_deleted_is_noted():
    sqs = FakeSqs([message("a")])
    sqs.delete_error = OSError("gone")
    stage = play(sqs, returned(), lambda stage: "SQS" in stage.stream.getvalue())
    assert stage.stream.getvalue().startswith("queue tasks: gone\n")


def test_the_end_waits_for_what_workers_have():
    async def run():
        async with Stage(FakeSqs([message("a")]), returned()) as stage:
            stage.workers[0].may_return.clear()
            await until(lambda: stage.workers[0].events)
            stage.task.cancel()
            await asyncio.sleep(0)
            assert not stage.task.done()
            stage.workers[0].may_return.set()
            await asyncio.wait([stage.task])
            assert len(stage.sqs.deleted) == 1

    asyncio.run(run())


def test_messages_that_come_with_the_end_stay():
    async def run():
        sqs = FakeSqs()
        async with Stage(sqs, returned()) as stage:
            await until(lambda: sqs.asked)
            await stage.pool.close(0)
            sqs._batches.put([message("a")])
            await until(lambda: len(sqs.asked) == 2)
            assert sqs.deleted == []

    asyncio.run(run())
