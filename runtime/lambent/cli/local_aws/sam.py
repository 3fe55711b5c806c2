"""Builds applications with sam and deploys them to MiniStack."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from lambent.cli.errors import CommandError
from lambent.cli.local_aws import bridges
from lambent.cli.local_aws.bridges import MakeClient
from lambent.cli.local_aws.template import Template, read_template

_SECONDS: Final = 300
_SHOWN: Final = 2000
"""Of what sam prints, the last characters are shown."""


class SamError(CommandError):
    """sam is missing, or has failed."""


@dataclass(frozen=True, slots=True)
class Deployed:
    """A stack that was deployed.

    Attributes:
        template: The template that was built, not evaluated.
        resources: Physical ids by logical ids.
        outputs: Values by names.
    """

    template: Template
    resources: Mapping[str, str]
    outputs: Mapping[str, str]


def require_sam() -> str:
    """The command of sam.

    Raises:
        SamError: It is not on PATH.
    """
    found = shutil.which("sam")
    if found is None:
        raise SamError(
            "sam is needed, and is not on PATH: https://docs.aws.amazon.com/serverless-application-model/latest/"
            "developerguide/install-sam-cli.html, or `uv tool install aws-sam-cli`"
        )
    return found


def run_sam(arguments: Sequence[str | Path], folder: Path, environment: Mapping[str, str]) -> None:
    """Run sam without a terminal.

    Args:
        arguments: Its arguments.
        folder: Where it runs.
        environment: All its variables; sam is looked up on their PATH.

    Raises:
        SamError: It failed, or took more than five minutes.
    """
    words = [str(word) for word in arguments]
    try:
        done = subprocess.run(  # noqa: S603 - the one that the developer uses
            ["sam", *words],  # noqa: S607
            cwd=folder,
            env={**environment, "SAM_CLI_POLL_DELAY": "0.3"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise SamError(f"sam {words[0]} took more than {_SECONDS} s") from error
    if done.returncode:
        raise SamError(f"sam {' '.join(words)} failed:\n…\n{done.stdout[-_SHOWN:]}")


def deploy(
    built: Path,
    name: str,
    *,
    environment: Mapping[str, str],
    make_client: MakeClient,
    options: Sequence[str] = (),
    parameters: Mapping[str, str],
    encrypted: bool = False,
) -> Deployed:
    """Deploy what sam has built, and complete what MiniStack does not make of it.

    Args:
        built: The template that `sam build` has written.
        name: The name of the stack.
        environment: The variables of sam, which lead it to MiniStack.
        make_client: Makes boto3 clients of MiniStack.
        options: Of `sam deploy`, besides those that a machine without a terminal needs.
        parameters: Of the template.
        encrypted: Whether MiniStack is reached over TLS.

    Returns:
        The stack.

    Raises:
        SamError: It cannot be deployed.
        TemplateError: What was built is no template.
    """
    template = read_template(built)
    overrides = [f"{parameter}={value}" for parameter, value in parameters.items()]
    run_sam(
        [
            *("deploy", "--template-file", bridges.rewrite(template, built, encrypted=encrypted)),
            *("--stack-name", name, "--capabilities", "CAPABILITY_IAM", "--resolve-s3"),
            *("--no-confirm-changeset", "--no-progressbar", *options),
            *(("--parameter-overrides", *overrides) if overrides else ()),
        ],
        built.parent,
        environment,
    )
    cloudformation = make_client("cloudformation")
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
    resources = {
        item["LogicalResourceId"]: item["PhysicalResourceId"]
        for page in pages
        for item in page["StackResourceSummaries"]
        if item["ResourceStatus"] != "DELETE_COMPLETE"
    }
    (described,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", ())}
    bridges.complete(template, resources, make_client)
    return Deployed(template, resources, outputs)


def failures(name: str, make_client: MakeClient) -> list[str]:
    """What CloudFormation says of resources that it could not make, one line each.

    Args:
        name: The name of the stack.
        make_client: Makes boto3 clients of MiniStack.
    """
    from botocore.exceptions import ClientError

    try:
        events = make_client("cloudformation").describe_stack_events(StackName=name)["StackEvents"]
    except ClientError:
        return []  # it did not come so far
    return [
        f"{event['LogicalResourceId']} {event['ResourceStatus']}: {event.get('ResourceStatusReason')}"
        for event in reversed(events)
        if event.get("ResourceStatusReason") or event["ResourceStatus"].endswith("FAILED")
    ]


def local_url(endpoint: str, url: str) -> str | None:
    """Where an address of API Gateway or of a function URL is to be found on this machine.

    Args:
        endpoint: The URL of MiniStack.
        url: The address.

    Returns:
        None if it is neither.
    """
    parts = urlsplit(url)
    label, _, rest = str(parts.hostname).partition(".")
    kind = rest.partition(".")[0]
    if kind not in {"execute-api", "lambda-url"}:
        return None
    query = f"?{parts.query}" if parts.query else ""
    return f"{endpoint}/_aws/{kind}/{label}{parts.path}{query}"
