"""Stacks: built and deployed by sam, completed where the stand-in for AWS has gaps, and deleted."""

import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from botocore.exceptions import ClientError
from tests.e2e import bridges
from tests.e2e.cloud import ROOT, Cloud

from lambent.cli.local_aws.template import Template, read_template

SECONDS: Final = 300
_SHOWN: Final = 2000
"""Of what sam prints, the last characters are shown."""
_LINES: Final = 100
"""Of a function's log, the last ones, are shown."""


def build(cloud: Cloud, template: Path, folder: Path) -> Path:
    """Build an application with sam; nothing is written outside of the folder.

    Returns:
        The template of what was built.
    """
    arguments = ["build", "--template", str(template), "--build-dir", str(folder / "build")]
    _sam(cloud, ROOT, *arguments, "--cache-dir", str(folder / "cache"), "--no-cached", "--build-in-source")
    return folder / "build" / "template.yaml"


class Stack:
    """A stack that was deployed.

    Args:
        cloud: where.
        name: its name.
        built: the template that `build` made.
        options: of `sam deploy`, besides those that a machine without a terminal needs.
        parameters: of the template.

    Attributes:
        resources: physical ids by logical ids.
        outputs: values by names.
        built: the file of the template that was deployed.
        template: the template, not evaluated.
        memory: what tests leave for one another.
    """

    def __init__(
        self, cloud: Cloud, name: str, built: Path, *options: str, parameters: Mapping[str, str] | None = None
    ) -> None:
        self.cloud = cloud
        self.name = name
        self._parameters = dict(parameters or {})
        self._options = options
        self.memory: dict[str, str] = {}
        self.deploy(built)

    def deploy(self, built: Path, parameters: Mapping[str, str] | None = None) -> None:
        """Deploy, or deploy anew, with other values for some parameters."""
        self._parameters |= parameters or {}
        overrides = [f"{parameter}={value}" for parameter, value in self._parameters.items()]
        self.built = built
        self.template: Template = read_template(built)
        try:
            _sam(
                self.cloud,
                built.parent,
                "deploy",
                *("--template-file", str(bridges.rewrite(self.template, built)), "--stack-name", self.name),
                *("--capabilities", "CAPABILITY_IAM", "--resolve-s3"),
                *("--no-confirm-changeset", "--no-progressbar"),
                *self._options,
                *(("--parameter-overrides", *overrides) if overrides else ()),
            )
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.failures()}") from None
        cloudformation = self.cloud.client("cloudformation")
        pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=self.name)
        self.resources: dict[str, str] = {
            item["LogicalResourceId"]: item["PhysicalResourceId"]
            for page in pages
            for item in page["StackResourceSummaries"]
            if item["ResourceStatus"] != "DELETE_COMPLETE"
        }
        (described,) = cloudformation.describe_stacks(StackName=self.name)["Stacks"]
        self.outputs: dict[str, str] = {
            item["OutputKey"]: item["OutputValue"] for item in described.get("Outputs", ())
        }
        bridges.complete(self.template, self.resources, self.cloud)

    def delete(self) -> None:
        """Delete it. Not with sam, which asks how that went every half minute."""
        client = self.cloud.client("cloudformation")
        arn = client.describe_stacks(StackName=self.name)["Stacks"][0]["StackId"]
        client.delete_stack(StackName=self.name)
        deadline = time.monotonic() + SECONDS
        while (status := _status(client, arn)) != "DELETE_COMPLETE":
            assert status == "DELETE_IN_PROGRESS", f"{status}\n{self.failures()}"
            assert time.monotonic() < deadline, self.failures()
            time.sleep(0.1)

    def renew(self, function: str, **others: str) -> None:
        """Let the next request to a function meet a new environment, with other values of some variables."""
        client, name = self.cloud.client("lambda"), self.resources[function]
        configuration = client.get_function_configuration(FunctionName=name)
        renewed = {**others, "RENEWED": str(time.time_ns())}
        variables = {**configuration["Environment"]["Variables"], **renewed}
        client.update_function_configuration(FunctionName=name, Environment={"Variables": variables})
        version = client.publish_version(FunctionName=name)["Version"]
        alias = self.template.properties(function)["AutoPublishAlias"]
        client.update_alias(FunctionName=name, Name=alias, FunctionVersion=version)

    def url(self, output: str) -> str:
        """The address that an output has, as it is reached on this machine.

        A domain of one's own is API Gateway's alias: here it is its address.
        """
        url, public = self.outputs[output], self._parameters.get("PublicUrl")
        if public and url.startswith(public):
            url = self.outputs["ApiUrl"] + url.removeprefix(public)
        return self.local(url)

    def local(self, url: str) -> str:
        """Where an address of API Gateway or of a function URL is to be found on this machine."""
        parts = urlsplit(url)
        host = str(parts.hostname)
        label, _, rest = host.partition(".")
        kind = rest.partition(".")[0]
        assert kind in ("execute-api", "lambda-url"), url
        query = f"?{parts.query}" if parts.query else ""
        return f"{self.cloud.endpoint}/_aws/{kind}/{label}{parts.path}{query}"

    @contextmanager
    def paused(self, mapping: str) -> Iterator[None]:
        """Let a queue's messages lie."""
        client, uuid = self.cloud.client("lambda"), self.resources[mapping]
        client.update_event_source_mapping(UUID=uuid, Enabled=False)
        try:
            yield
        finally:
            client.update_event_source_mapping(UUID=uuid, Enabled=True)

    # What went on

    def failures(self) -> str:
        """What CloudFormation says of resources that it could not make."""
        try:
            client = self.cloud.client("cloudformation")
            events = client.describe_stack_events(StackName=self.name)["StackEvents"]
        except ClientError:
            return ""  # it did not come so far
        lines = [
            f"{event['LogicalResourceId']} {event['ResourceStatus']}: {event.get('ResourceStatusReason')}"
            for event in reversed(events)
            if event.get("ResourceStatusReason") or event["ResourceStatus"].endswith("FAILED")
        ]
        return "\n".join([*lines, *self.cloud.complaints()])

    def logs(self, since: float, function: str = "") -> str:
        """What its functions logged.

        Args:
            since: seconds since the epoch.
            function: only this one, whose log group has its name and "Logs" at the end.
        """
        client = self.cloud.client("logs")
        lines = []
        for group in client.describe_log_groups()["logGroups"]:
            name = group["logGroupName"]
            if not re.search(rf"/{self.name}[/-]", name) or (
                function and not name.endswith(f"/{function}Logs")
            ):
                continue
            events = client.filter_log_events(logGroupName=name, startTime=int(since * 1000))
            messages = [event["message"].rstrip() for event in events["events"]]
            # Every invocation has three more lines, of Lambda's own.
            told = [message for message in messages if not message.startswith(("START ", "END ", "REPORT "))]
            invocations = sum(message.startswith("START ") for message in messages)
            lines += [f"--- {name}: {invocations} invocations", *told[-_LINES:]]
        return "\n".join(lines)

    def invocations(self, function: str, since: float) -> int:
        """How often a function was called, told as for `logs`."""
        return int(re.findall(r"^--- \S+: (\d+) invocations$", self.logs(since, function), re.MULTILINE)[0])


def _status(client: Any, arn: str) -> str:
    try:
        status: str = client.describe_stacks(StackName=arn)["Stacks"][0]["StackStatus"]
    except ClientError as error:
        if "does not exist" in str(error):
            return "DELETE_COMPLETE"
        raise
    return status


def _sam(cloud: Cloud, folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["sam", *arguments],
        cwd=folder,
        env={**cloud.environment, "SAM_CLI_POLL_DELAY": "0.3"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    assert done.returncode == 0, f"sam {' '.join(arguments)}\n…\n{done.stdout[-_SHOWN:]}"
    return done.stdout
