"""Deploys a stack to the emulator's CloudFormation, and reads what it has created."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final

from lambent.cli.errors import CommandError
from lambent.cli.local_aws.clients import Clients
from lambent.cli.local_aws.poller import EventSource
from lambent.cli.local_aws.stack import OUTPUT, STACK_NAME, Stack

_POLL_SECONDS: Final = 0.02
# Lambda's own values where a template has none.
_BATCH_SIZE: Final = 10
_TIMEOUT_SECONDS: Final = 3


@dataclass(frozen=True, slots=True)
class Deployment:
    """A stack that was created.

    Attributes:
        names: The physical names of its resources.
        variables: Environment variables of the app's functions.
        sources: The queues whose messages go to workers.
        worker_timeout: How long the template lets the functions of these queues run, in seconds; None where
            there are no queues.
    """

    names: tuple[str, ...]
    variables: Mapping[str, str]
    sources: tuple[EventSource, ...]
    worker_timeout: float | None


def deploy(stack: Stack, clients: Clients) -> Deployment:
    """Create a stack.

    Args:
        stack: The stack.
        clients: Makes clients of the emulator.

    Returns:
        What was created.

    Raises:
        CommandError: A resource cannot be created.
        botocore.exceptions.BotoCoreError: There is no answer from the emulator.
        botocore.exceptions.ClientError: The template is refused.
        KeyError: An event source is not a queue of the stack.
        ValueError: A value of an event source is not a number.
    """
    with closing(clients.make("cloudformation")) as cloudformation:
        cloudformation.create_stack(
            StackName=STACK_NAME,
            # YAML has dates.
            TemplateBody=json.dumps(stack.document, default=str),
            Capabilities=["CAPABILITY_AUTO_EXPAND"],
            OnFailure="DO_NOTHING",
        )
        created = _wait(cloudformation)
        ids = _physical_ids(cloudformation)
    outputs = {output["OutputKey"]: output["OutputValue"] for output in created["Outputs"]}
    result = json.loads(outputs[OUTPUT])
    # MiniStack's CloudFormation ignores this property of tables.
    with closing(clients.make("dynamodb")) as dynamodb:
        for name, ttl in result["ttl"]:
            if _is_true(ttl["Enabled"]):
                dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification={**ttl, "Enabled": True})
    sources = [source for source in result["sources"] if _is_true(source.get("Enabled", True))]
    # The physical id of a queue is its URL.
    urls = {_name(physical): physical for physical in ids.values()}
    timeouts = [float(source.get("Timeout", _TIMEOUT_SECONDS)) for source in sources]
    return Deployment(
        names=tuple(_name(ids[name]) for name in stack.document["Resources"] if name in ids),
        variables={name: _text(value) for name, value in result["variables"].items()},
        sources=tuple(_event_source(source, urls) for source in sources),
        worker_timeout=max(timeouts, default=None),
    )


def _wait(cloudformation: Any) -> Mapping[str, Any]:
    while True:
        stack: Mapping[str, Any] = cloudformation.describe_stacks(StackName=STACK_NAME)["Stacks"][0]
        if stack["StackStatus"] == "CREATE_COMPLETE":
            return stack
        if stack["StackStatus"] != "CREATE_IN_PROGRESS":
            raise CommandError(str(stack.get("StackStatusReason") or stack["StackStatus"]))
        time.sleep(_POLL_SECONDS)


def _physical_ids(cloudformation: Any) -> dict[str, str]:
    resources = cloudformation.describe_stack_resources(StackName=STACK_NAME)["StackResources"]
    return {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in resources}


def _name(physical_id: str) -> str:
    return physical_id.rpartition("/")[2]


def _event_source(source: Mapping[str, Any], urls: Mapping[str, str]) -> EventSource:
    arn = source["Queue"]
    region, _, name = arn.split(":")[3:]
    return EventSource(
        name=name,
        url=urls[name],
        arn=arn,
        region=region,
        batch_size=int(source.get("BatchSize", _BATCH_SIZE)),
        reports_failures="ReportBatchItemFailures" in source.get("FunctionResponseTypes", ()),
    )


def _is_true(value: Any) -> bool:
    # The value of a parameter is always a string.
    return _text(value) == "true"


def _text(value: Any) -> str:
    # As CloudFormation writes booleans.
    return value if isinstance(value, str) else json.dumps(value)
