"""What a gateway serves, and how."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lambent.cli.app_ref import AppRef
from lambent.cli.errors import UsageError
from lambent.cli.gateway.kinds import Kind
from lambent.cli.gateway.log import Log
from lambent.cli.gateway.messages import Api

if TYPE_CHECKING:
    from lambent.cli.local_aws.stack import Stack


OWN_AWS: Final = (
    "LAMBENT_TABLE",
    "LAMBENT_STORE",
    "LAMBENT_TASK_QUEUE_URL",
    "LAMBENT_BUCKET",
    "LAMBENT_EVENTS_QUEUE_URL",
    "AWS_ENDPOINT_URL",
)
"""Where one of these variables is set, the app has an AWS, or a store, already."""


def keeps_in_memory(variables: Mapping[str, str]) -> bool:
    """Whether an app keeps tasks and sessions in memory, because its variables name no AWS.

    Args:
        variables: Of the function, those of the shell included.
    """
    return not any(variables.get(name) for name in OWN_AWS)


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayOptions:
    """What a gateway serves, and how.

    Attributes:
        app: The handler.
        kind: The front end.
        api: The configuration of the front end.
        environments: How many environments there are.
        timeout: How long an invocation may run, in seconds.
        variables: Environment variables of the function, besides those of this process.
        reload: Whether changed files replace the environments.
        memory: Whether the function keeps tasks and sessions in memory, where it has no table.
        show_errors: Whether clients read what every exception says.
        grace: How long to wait for running invocations when the gateway stops, in seconds.
        stack: The resources of a local AWS; None for no local AWS.
        workers: How many environments take messages of queues, besides those that take requests.
        worker_timeout: How long their invocations may run, in seconds; None for the template's value.
    """

    app: AppRef
    kind: Kind
    api: Api = field(default_factory=Api)
    environments: int = 1
    timeout: float = 30.0
    variables: Mapping[str, str] = field(default_factory=dict)
    reload: bool = False
    memory: bool = False
    show_errors: bool = False
    grace: float = 2.0
    stack: Stack | None = None
    workers: int = 2
    worker_timeout: float | None = None

    def __post_init__(self) -> None:
        if self.environments < 1:
            raise UsageError("there has to be at least one environment")
        if self.workers < 1:
            raise UsageError("there has to be at least one worker")
        if self.timeout <= 0 or (self.worker_timeout is not None and self.worker_timeout <= 0):
            raise UsageError("the timeout has to be positive")

    def url(self, host: str, port: int) -> str:
        """The URL of the MCP endpoint.

        Args:
            host: The host that the gateway listens on.
            port: The port that it listens on.

        Returns:
            The URL, without a stage: the gateway's root is the stage's.
        """
        name = f"[{host}]" if ":" in host else host
        return f"http://{name}:{port}{self.api.path}"


def find_stack(
    app: AppRef, asked: bool | None, template: Path | None, variables: Mapping[str, str], log: Log
) -> Stack | None:
    """Decide whether there is a local AWS, and which resources it has.

    Args:
        app: The app.
        asked: Whether there is to be one; None where the template decides.
        template: The template; None looks for one beside and above the app.
        variables: Environment variables of the function, besides those of this process.
        log: Where it is noted that there is no local AWS although the template needs one.

    Returns:
        The resources; None for no local AWS.

    Raises:
        CommandError: It was asked for and is not available.
    """
    if asked is False:
        return None
    from lambent.cli.local_aws.choice import choose_stack

    all_variables = {**os.environ, **variables}
    return choose_stack(app, asked, template, all_variables, log)
