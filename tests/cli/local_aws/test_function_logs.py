"""What deployed functions print, as it comes; CloudWatch Logs is moto's."""

import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from lambent.cli.local_aws.function_logs import FunctionLogs


@pytest.fixture
def cloudwatch() -> Iterator[Any]:
    with mock_aws():
        yield boto3.client(
            "logs", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
        )


def put(cloudwatch: Any, group: str, stream: str, *messages: str) -> None:
    groups = cloudwatch.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    if not groups:
        cloudwatch.create_log_group(logGroupName=group)
    if not cloudwatch.describe_log_streams(logGroupName=group, logStreamNamePrefix=stream)["logStreams"]:
        cloudwatch.create_log_stream(logGroupName=group, logStreamName=stream)
    now = int(time.time() * 1000)
    events = [{"timestamp": now, "message": message} for message in messages]
    cloudwatch.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)


def test_each_line_is_taken_once(cloudwatch: Any) -> None:
    logs = FunctionLogs(cloudwatch)
    assert logs.take() == []
    put(cloudwatch, "/aws/lambda/shop", "one", "printed\n", "Traceback\n  File\nKeyError: 'x'\n")
    assert logs.take() == ["printed", "Traceback\n  File\nKeyError: 'x'"]
    assert logs.take() == []
    put(cloudwatch, "/aws/lambda/shop", "one", "more")
    put(cloudwatch, "/aws/lambda/shop", "two", "of another environment")
    put(cloudwatch, "/aws/lambda/worker", "one", "of another function")
    assert sorted(logs.take()) == ["more", "of another environment", "of another function"]
    assert logs.take() == []


def test_lines_of_lambda_and_of_others_are_left_out(cloudwatch: Any) -> None:
    logs = FunctionLogs(cloudwatch)
    own = [
        "START RequestId: 1 Version: $LATEST\n",
        "END RequestId: 1\n",
        "REPORT RequestId: 1\tDuration: 2 ms",
    ]
    put(cloudwatch, "/aws/lambda/shop", "one", own[0], "START of my day", *own[1:])
    put(cloudwatch, "/aws/api", "one", "an access log")
    assert logs.take() == ["START of my day"]
