"""The local AWS as `lambent dev` runs it: a table, queues, a bucket, and workers that take messages."""

import asyncio
import contextlib
import io
import json
import os
import re

import pytest

pytest.importorskip("ministack")
pytest.importorskip("uvicorn")

from lambent.cli.app_ref import parse_app
from lambent.cli.errors import CommandError, UsageError
from lambent.cli.gateway.background import Gateway
from lambent.cli.gateway.http_server import listen
from lambent.cli.gateway.kinds import KINDS
from lambent.cli.gateway.log import Log
from lambent.cli.gateway.options import GatewayOptions
from lambent.cli.gateway.server import serve
from lambent.cli.local_aws.clients import Clients
from lambent.cli.local_aws.stack import read_stack

ACCOUNT = "123456789012"


@pytest.fixture
def start(queue_app, tmp_path, monkeypatch):
    """Starts gateways of the app, whose output goes to a file."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "LAMBENT_"))]:
        monkeypatch.delenv(name)
    with contextlib.ExitStack() as stack:

        def start(**settings):
            options = {"aws": None, "log": tmp_path / "gateway.log", **settings}
            return stack.enter_context(Gateway(queue_app.file, **options))

        yield start


@pytest.fixture
def output(tmp_path):
    return (tmp_path / "gateway.log").read_text


@pytest.fixture
def events(queue_app):
    """The events that workers were given."""

    def read():
        log = queue_app.folder / "events.txt"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    return read


def queue_url(gateway, queue):
    return gateway.aws.sqs.get_queue_url(QueueName=queue)["QueueUrl"]


def send(gateway, body, **more):
    url = queue_url(gateway, "dev-Tasks")
    return gateway.aws.sqs.send_message(QueueUrl=url, MessageBody=body, **more)["MessageId"]


def waiting(gateway, queue="dev-Tasks"):
    """How many messages are in a queue, hidden ones included."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    url = queue_url(gateway, queue)
    found = gateway.aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(map(int, found.values()))


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_functions_meet_this_aws_and_no_other(start, call, monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "real")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://example.com")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("NO_PROXY", "example.com")
    gateway = start(aws=True, env={"LAMBENT_BUCKET": "mine"})
    variables = call(gateway.url).json["variables"]
    about_aws = {
        name: value
        for name, value in variables.items()
        if name.startswith("AWS_") and not name.startswith(("AWS_LAMBDA_", "AWS_EXECUTION_"))
    }
    assert about_aws == {
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL": gateway.aws.emulator.endpoint,
    }
    assert variables["NO_PROXY"] == "example.com,127.0.0.1"
    assert variables["LAMBENT_TABLE"] == "dev-Table"
    assert variables["LAMBENT_TASK_QUEUE_URL"] == f"{gateway.aws.emulator.endpoint}/{ACCOUNT}/dev-Tasks"
    assert variables["LAMBENT_BUCKET"] == "mine"


def test_what_the_template_describes_is_there(start, output):
    aws = start().aws
    clients = Clients(aws.emulator.endpoint, aws.region)
    with (
        contextlib.closing(clients.make("dynamodb")) as dynamodb,
        contextlib.closing(clients.make("s3")) as s3,
    ):
        ttl = dynamodb.describe_time_to_live(TableName="dev-Table")["TimeToLiveDescription"]
        assert ttl == {"TimeToLiveStatus": "ENABLED", "AttributeName": "purge_at"}
        s3.put_object(Bucket="dev-bucket", Key="results/1", Body=b"[]")
    assert re.match(
        r"AWS at http://127\.0\.0\.1:\d+ has dev-Table, dev-DeadTasks, dev-Tasks, dev-bucket of /", output()
    )


def test_a_message_reaches_a_worker_and_is_gone_then(start, events, eventually):
    gateway = start(workers=1)
    name = send(gateway, "Grüße", MessageAttributes={"by": {"DataType": "String", "StringValue": "test"}})
    eventually(events)
    (event,) = events()
    (record,) = event["records"]
    assert event["pid"] == gateway.worker_pids[0]
    assert event["pid"] not in gateway.pids
    assert 6000 < event["remaining"] <= 7000
    assert (record["messageId"], record["body"]) == (name, "Grüße")
    assert record["eventSource"] == "aws:sqs"
    assert record["eventSourceARN"] == f"arn:aws:sqs:us-east-1:{ACCOUNT}:dev-Tasks"
    assert record["awsRegion"] == "us-east-1"
    assert record["messageAttributes"]["by"]["stringValue"] == "test"
    assert set(record["attributes"]) >= {
        "ApproximateReceiveCount",
        "SentTimestamp",
        "SenderId",
        "ApproximateFirstReceiveTimestamp",
    }
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert len(record["md5OfBody"]) == 32
    eventually(lambda: waiting(gateway) == 0)


def test_batches_are_no_larger_than_the_template_has_them(start, events, eventually):
    gateway = start()
    for number in range(5):
        send(gateway, f"ok {number}")
    eventually(lambda: sum(len(event["records"]) for event in events()) == 5)
    assert max(len(event["records"]) for event in events()) <= 2
    eventually(lambda: waiting(gateway) == 0)


@pytest.mark.parametrize("how", ["fail", "raise", "exit", "hang"])
def test_what_a_worker_does_not_finish_comes_again(start, events, eventually, output, how):
    gateway = start(worker_timeout=0.5 if how == "hang" else None)
    send(gateway, f"{how} once")
    eventually(lambda: len(events()) == 2)
    counts = [event["records"][0]["attributes"]["ApproximateReceiveCount"] for event in events()]
    assert counts == ["1", "2"]
    eventually(lambda: waiting(gateway) == 0)
    assert {
        "fail": "(1 message failed)",
        "raise": "(raised: ValueError)",
        "exit": ": crashed: exit status 3",
        "hang": ": timed out: Task timed out after 0.50 seconds",
    }[how] in output()


def test_what_fails_too_often_becomes_a_dead_letter(start, events, eventually):
    gateway = start()
    send(gateway, "fail always")
    eventually(lambda: len(events()) == 3)
    sources = [event["records"][0]["eventSourceARN"].rpartition(":")[2] for event in events()]
    assert sources == ["dev-Tasks", "dev-Tasks", "dev-DeadTasks"]
    dead = events()[-1]["records"][0]["attributes"]
    assert dead["DeadLetterQueueSourceArn"].endswith(":dev-Tasks")
    eventually(lambda: waiting(gateway) + waiting(gateway, "dev-DeadTasks") == 0)


def test_no_process_is_left(start, lives, eventually, call, events):
    gateway = start(env={"TEST_FIFO": str(lives.path)}, workers=3)
    assert call(gateway.url).status == 200
    send(gateway, "hang once")
    eventually(events)
    assert len(gateway.worker_pids) == 3
    aws, pids = gateway.aws.emulator.pid, [*gateway.pids, *gateway.worker_pids]
    gateway.close()
    assert not any(map(is_alive, [aws, *pids]))
    assert lives.ended(0)


def test_the_end_of_the_local_aws_is_noted(start, call, eventually, output):
    gateway = start()
    os.kill(gateway.aws.emulator.pid, 9)
    eventually(lambda: "the local AWS has ended (SIGKILL)" in output())
    assert call(gateway.url).status == 200


def test_changed_code_reaches_the_workers(start, queue_app, eventually):
    pytest.importorskip("watchfiles")
    gateway = start(reload=True)
    before = gateway.worker_pids
    queue_app.file.write_text(queue_app.file.read_text() + "\n")
    eventually(lambda: not set(gateway.worker_pids) & set(before))


def test_an_app_without_a_queue_has_no_workers(start, template, call):
    template.write_text(template.read_text().replace("          LAMBENT_TASK_QUEUE_URL: !Ref Tasks\n", ""))
    gateway = start()
    assert gateway.worker_pids == []
    assert "LAMBENT_TASK_QUEUE_URL" not in call(gateway.url).json["variables"]


def test_a_resource_that_is_refused(start, template):
    template.write_text(template.read_text().replace("maxReceiveCount: 2", "maxReceiveCount: 0"))
    with pytest.raises(
        CommandError, match=r"local AWS cannot be set up: Resource Tasks failed: .*RedrivePolicy"
    ):
        start()


def test_it_can_be_stopped_before_it_serves(queue_app, template):
    app = parse_app("app.py", queue_app.folder)
    stack = read_stack(template, app)
    sock = listen("127.0.0.1", 0)

    async def run():
        stop = asyncio.Event()
        stop.set()
        options = GatewayOptions(app=app, kind=KINDS["http-api"], stack=stack)
        await serve(options, sock, stop, Log(io.StringIO()), on_start=lambda _: pytest.fail("it serves"))

    asyncio.run(run())
    assert sock.fileno() == -1


def test_without_aws_nothing_is_started(start):
    gateway = start(aws=False)
    assert gateway.aws is None
    assert gateway.worker_pids == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"workers": 0}, "at least one worker"), ({"worker_timeout": 0}, "has to be positive")],
)
def test_settings_that_make_no_sense(start, settings, message):
    with pytest.raises(UsageError, match=message):
        start(**settings)
