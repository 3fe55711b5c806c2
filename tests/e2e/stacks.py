"""Stacks: built and deployed by sam, completed where the stand-in for AWS has gaps, and deleted."""

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import ClientError
from tests.e2e.cloud import ROOT, Cloud

from lambent.cli.local_aws import sam
from lambent.cli.local_aws.template import Template

SECONDS: Final = 300
_LINES: Final = 100
"""Of a function's log, the last ones, are shown."""


def build(cloud: Cloud, template: Path, folder: Path) -> Path:
    """Build an application with sam; nothing is written outside of the folder.

    Returns:
        The template of what was built.
    """
    arguments = ["build", "--template", str(template), "--build-dir", str(folder / "build")]
    options = ["--cache-dir", str(folder / "cache"), "--no-cached", "--build-in-source"]
    try:
        sam.run_sam([*arguments, *options], ROOT, cloud.environment)
    except sam.SamError as error:
        raise AssertionError(str(error)) from None
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
        self.built = built
        try:
            deployed = sam.deploy(
                built,
                self.name,
                environment=self.cloud.environment,
                make_client=self.cloud.client,
                options=self._options,
                parameters=self._parameters,
                encrypted=True,
            )
        except sam.SamError as error:
            raise AssertionError(f"{error}\n{self.failures()}") from None
        self.template: Template = deployed.template
        self.resources, self.outputs = deployed.resources, deployed.outputs

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
        found = sam.local_url(self.cloud.endpoint, url)
        assert found is not None, url
        return found

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
        return "\n".join([*sam.failures(self.name, self.cloud.client), *self.cloud.complaints()])

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
