"""Stacks in the emulator's own CloudFormation."""

import contextlib
import os
import urllib.request
from pathlib import Path

import pytest

pytest.importorskip("ministack")

from lambent.cli.app_ref import parse_app
from lambent.cli.errors import CommandError
from lambent.cli.local_aws.clients import Clients
from lambent.cli.local_aws.deployment import deploy
from lambent.cli.local_aws.emulator import Emulator
from lambent.cli.local_aws.poller import EventSource
from lambent.cli.local_aws.stack import Stack, read_stack

ACCOUNT = "123456789012"
REGION = "eu-west-1"

HEAD = """
Parameters:
  Stage: {Type: String, Default: prod}
  Size: {Type: Number, Default: 4}
  Seconds: {Type: Number, Default: 9}
  Switch: {Type: String, Default: "false"}
Mappings: {Tables: {prod: {suffix: large}}}
Conditions:
  IsProd: !Equals [!Ref Stage, prod]
  IsTest: !Not [!Condition IsProd]
"""


@pytest.fixture(scope="module")
def emulator():
    with Emulator(REGION, os.environ) as emulator:
        yield emulator


@pytest.fixture
def clients(emulator):
    """Makes clients of an emulator that is empty."""
    reset = urllib.request.Request(f"{emulator.endpoint}/_ministack/reset", method="POST")
    urllib.request.urlopen(reset, timeout=30).close()
    return Clients(emulator.endpoint, REGION)


@pytest.fixture
def call(clients):
    def call(service: str, operation: str, **arguments):
        with contextlib.closing(clients.make(service)) as made:
            return getattr(made, operation)(**arguments)

    return call


@pytest.fixture
def create(clients, queue_app, template: Path):
    """Creates what the template has for the app, after something in it was replaced."""

    def create(*replacements):
        text = HEAD + template.read_text()
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        template.write_text(text)
        return deploy(read_stack(template, parse_app("app.py", queue_app.folder)), clients)

    return create


def attributes(call, queue: str):
    url = call("sqs", "get_queue_url", QueueName=queue)["QueueUrl"]
    return call("sqs", "get_queue_attributes", QueueUrl=url, AttributeNames=["All"])["Attributes"]


def test_what_was_created(create, emulator):
    created = create()
    assert created.names == ("dev-Table", "dev-DeadTasks", "dev-Tasks", "dev-bucket")
    assert created.variables == {
        "LAMBENT_TABLE": "dev-Table",
        "LAMBENT_TASK_QUEUE_URL": f"{emulator.endpoint}/{ACCOUNT}/dev-Tasks",
        "LAMBENT_BUCKET": "dev-bucket",
    }
    assert created.sources == tuple(
        EventSource(
            name=name,
            url=f"{emulator.endpoint}/{ACCOUNT}/{name}",
            arn=f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}",
            region=REGION,
            batch_size=size,
            reports_failures=True,
        )
        for name, size in (("dev-Tasks", 2), ("dev-DeadTasks", 10))
    )
    assert created.worker_timeout == 7


def test_a_table(create, call):
    create()
    table = call("dynamodb", "describe_table", TableName="dev-Table")["Table"]
    assert table["KeySchema"] == [{"AttributeName": "pk", "KeyType": "HASH"}]
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    ttl = call("dynamodb", "describe_time_to_live", TableName="dev-Table")["TimeToLiveDescription"]
    assert ttl == {"TimeToLiveStatus": "ENABLED", "AttributeName": "purge_at"}


@pytest.mark.parametrize("off", ["false", "!Ref Switch"])
def test_a_table_that_keeps_everything(create, call, off):
    create(("purge_at, Enabled: true", f"purge_at, Enabled: {off}"))
    ttl = call("dynamodb", "describe_time_to_live", TableName="dev-Table")["TimeToLiveDescription"]
    assert ttl["TimeToLiveStatus"] == "DISABLED"


def test_a_queue_and_its_dead_letter_queue(create, call):
    create()
    found = attributes(call, "dev-Tasks")
    assert found["VisibilityTimeout"] == "1"
    assert f'"arn:aws:sqs:{REGION}:{ACCOUNT}:dev-DeadTasks"' in found["RedrivePolicy"]


def test_a_fifo_queue(create, call):
    properties = "FifoQueue: true\n      ContentBasedDeduplication: false\n      SqsManagedSseEnabled: true"
    created = create(
        ("SqsManagedSseEnabled: true", properties),
        ("      RedrivePolicy: {deadLetterTargetArn: !GetAtt DeadTasks.Arn, maxReceiveCount: 2}\n", ""),
    )
    (name,) = [name for name in created.names if "Tasks" in name]
    assert name.endswith(".fifo")
    assert attributes(call, name)["FifoQueue"] == "true"


def test_a_secret(create, call):
    secret = """
  Secret:
    Type: AWS::SecretsManager::Secret
    Properties: {GenerateSecretString: {PasswordLength: 64}}
"""
    created = create(
        ("Resources:", f"Resources:{secret}"),
        ("LAMBENT_BUCKET: !Ref Bucket", "LAMBENT_STATE_SECRET: !Ref Secret"),
    )
    name = created.variables["LAMBENT_STATE_SECRET"]
    assert len(call("secretsmanager", "get_secret_value", SecretId=name)["SecretString"]) == 64


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("!Sub 's3://${Bucket}/${Stage}-${!literal}'", "s3://dev-bucket/prod-${literal}"),
        ("!Sub ['${a}/${Stage}', {a: !Ref Bucket}]", "dev-bucket/prod"),
        ("!Join ['-', [a, !Ref Bucket, !FindInMap [Tables, !Ref Stage, suffix]]]", "a-dev-bucket-large"),
        ("!Select [1, !Split ['-', !Ref Bucket]]", "bucket"),
        ("!If [IsProd, !Ref Bucket, other]", "dev-bucket"),
        ("!If [IsTest, !Ref Bucket, other]", "other"),
        ("!If [IsTest, !Ref Bucket, true]", "true"),
        ("!If [IsTest, !Ref Bucket, !Ref AWS::NoValue]", None),
    ],
)
def test_values_of_variables(create, expression, value):
    created = create(("LAMBENT_BUCKET: !Ref Bucket", f"LAMBENT_BUCKET: {expression}"))
    assert created.variables.get("LAMBENT_BUCKET") == value


def test_a_resource_whose_condition_is_false_is_not_created(create, call):
    created = create(
        ("  Table:\n", "  Table:\n    Condition: IsTest\n"),
        ("LAMBENT_TABLE: !Ref Table", "LAMBENT_TABLE: !If [IsTest, !Ref Table, !Ref AWS::NoValue]"),
    )
    assert created.names == ("dev-DeadTasks", "dev-Tasks", "dev-bucket")
    assert "LAMBENT_TABLE" not in created.variables
    assert call("dynamodb", "list_tables")["TableNames"] == []


def test_a_function_whose_condition_is_false_counts_for_nothing(create):
    created = create(("  Function:\n", "  Function:\n    Condition: IsTest\n"))
    assert (created.variables, created.sources, created.worker_timeout) == ({}, (), None)


@pytest.mark.parametrize("off", ["false", '"false"', "!Ref Switch"])
def test_a_source_may_be_off(create, off):
    created = create(("BatchSize: 2", f"Enabled: {off}"))
    assert [source.name for source in created.sources] == ["dev-DeadTasks"]


def test_numbers_may_be_parameters(create):
    created = create(("BatchSize: 2", "BatchSize: !Ref Size"), ("Timeout: 7", "Timeout: !Ref Seconds"))
    assert (created.sources[0].batch_size, created.worker_timeout) == (4, 9)


def test_what_lambda_does_where_nothing_is_said(create):
    created = create(("FunctionResponseTypes", "Types"), ("Timeout: 7", "MemorySize: 128"))
    assert (created.sources[1].batch_size, created.sources[1].reports_failures) == (10, False)
    assert created.worker_timeout == 3


def test_a_resource_that_is_refused(create):
    with pytest.raises(CommandError, match="Tasks failed: Invalid value for the parameter RedrivePolicy"):
        create(("maxReceiveCount: 2", "maxReceiveCount: 0"))


def test_a_template_that_is_refused(clients):
    document = {"Resources": {"Q": {"Type": "AWS::No::Such"}}}
    with pytest.raises(Exception, match="Unrecognized resource types"):
        deploy(Stack(Path("template.yaml"), document), clients)


def test_a_number_that_is_none(create):
    with pytest.raises(ValueError, match="many"):
        create(("BatchSize: 2", "BatchSize: many"))
