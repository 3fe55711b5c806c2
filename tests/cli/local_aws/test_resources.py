import os

import botocore.exceptions
import botocore.session
import pytest
from moto import mock_aws

from lambent.cli.app_ref import parse_app
from lambent.cli.local_aws.resources import Clients, create, make_clients
from lambent.cli.local_aws.stack import Resource, Stack, read_stack
from lambent.cli.local_aws.template import Reference, TemplateError

REGION = "eu-west-1"


@pytest.fixture
def clients(monkeypatch):
    """Clients of an AWS in this process."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        session = botocore.session.Session()
        made = [session.create_client(name, region_name=REGION) for name in ("dynamodb", "sqs", "s3")]
        clients = Clients(*made, REGION)
        yield clients
        clients.close()


@pytest.fixture
def stack(queue_app, template):
    return read_stack(template, parse_app("app.py", queue_app.folder), REGION)


def test_a_table(clients, stack):
    assert create(stack, clients).refs["Table"] == "dev-Table"
    table = clients.dynamodb.describe_table(TableName="dev-Table")["Table"]
    assert table["KeySchema"] == [{"AttributeName": "pk", "KeyType": "HASH"}]
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    ttl = clients.dynamodb.describe_time_to_live(TableName="dev-Table")["TimeToLiveDescription"]
    assert ttl == {"TimeToLiveStatus": "ENABLED", "AttributeName": "purge_at"}


def test_a_queue_and_its_dead_letter_queue(clients, stack):
    created = create(stack, clients)
    assert created.refs["Tasks"].endswith("/dev-Tasks")
    assert created.arns["DeadTasks"].startswith(f"arn:aws:sqs:{REGION}:")
    attributes = clients.sqs.get_queue_attributes(QueueUrl=created.refs["Tasks"], AttributeNames=["All"])
    found = attributes["Attributes"]
    assert found["VisibilityTimeout"] == "1"
    assert f'"{created.arns["DeadTasks"]}"' in found["RedrivePolicy"]
    assert '"maxReceiveCount": 2' in found["RedrivePolicy"]


def test_a_fifo_queue(clients, stack):
    queue = Resource(
        "Q", "AWS::SQS::Queue", "q.fifo", {"FifoQueue": True, "ContentBasedDeduplication": False}
    )
    created = create(Stack(stack.template, (queue,), {}), clients)
    found = clients.sqs.get_queue_attributes(QueueUrl=created.refs["Q"], AttributeNames=["All"])["Attributes"]
    assert (found["FifoQueue"], found["ContentBasedDeduplication"]) == ("true", "false")


@pytest.mark.parametrize("region", [REGION, "us-east-1"])
def test_a_bucket(clients, stack, region):
    s3 = botocore.session.Session().create_client("s3", region_name=region)
    bucket = Resource("B", "AWS::S3::Bucket", "dev-bucket")
    created = create(Stack(stack.template, (bucket,), {}), Clients(clients.dynamodb, clients.sqs, s3, region))
    assert created.refs == {"B": "dev-bucket"}
    assert s3.get_bucket_location(Bucket="dev-bucket")["LocationConstraint"] in (region, None)
    s3.close()


def test_variables(clients, stack):
    variables = create(stack, clients).variables(stack)
    assert variables["LAMBENT_TABLE"] == "dev-Table"
    assert variables["LAMBENT_TASK_QUEUE_URL"].startswith("https://")
    assert variables["LAMBENT_BUCKET"] == "dev-bucket"


def test_a_queue_that_needs_something_else(clients, stack):
    policy = {"deadLetterTargetArn": Reference("Elsewhere", "Arn"), "maxReceiveCount": 2}
    queue = Resource("Q", "AWS::SQS::Queue", "q", {"RedrivePolicy": policy})
    with pytest.raises(TemplateError, match="Elsewhere is not known on this machine"):
        create(Stack(stack.template, (queue,), {}), clients)


def test_clients_know_one_endpoint_and_no_real_credentials(monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:2")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:3")
    clients = make_clients("http://127.0.0.1:1", REGION)
    for client in (clients.dynamodb, clients.sqs, clients.s3):
        assert client.meta.endpoint_url == "http://127.0.0.1:1"
        assert client.meta.region_name == REGION
    with pytest.raises(botocore.exceptions.EndpointConnectionError, match=r"127\.0\.0\.1:1"):
        clients.sqs.list_queues()
    clients.close()
