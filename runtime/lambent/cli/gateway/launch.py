"""How an execution environment is started: command, folder, environment variables."""

from __future__ import annotations

import os
import secrets
import site
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from lambent.cli.app_ref import AppRef

STATE_KEYS: Final = "LAMBENT_STATE_KEYS"
TABLE: Final = "LAMBENT_TABLE"
STATE_SECRET: Final = "LAMBENT_STATE_SECRET"  # noqa: S105 - the variable's name
SHOW_ERRORS: Final = "--show-errors"
"""The runner's argument for `show_errors`."""

CALL_LOG: Final = "LAMBENT_CALL_LOG"
LOCAL_CALLBACKS: Final = "LAMBENT_EVENTS_LOCAL_CALLBACKS"
"""Events are delivered to endpoints of this machine too."""

_FUNCTION_VERSION: Final = "$LATEST"
_SOURCE_ROOT: Final = Path(__file__).parents[3]


@dataclass(frozen=True, slots=True)
class Launch:
    """The settings that all environments of a gateway share.

    Attributes:
        app: The handler to import.
        base: The environment variables of the gateway's own process.
        extra: The variables that the developer sets for the function.
        state_keys: The secret with which the function seals request state, unless `base` or `extra` has one
            or names one of Secrets Manager. One for all environments, so that each opens what another sealed.
        output: The descriptor that standard output and error go to; None for the gateway's own.
        show_errors: Whether clients read what every exception says, and not only what has to be set.
    """

    app: AppRef
    base: Mapping[str, str]
    extra: Mapping[str, str] = field(default_factory=dict)
    state_keys: str = field(default_factory=lambda: secrets.token_hex(32), repr=False)
    output: int | None = None
    show_errors: bool = False

    def command(self, descriptor: int) -> list[str]:
        """The command line of an environment.

        Args:
            descriptor: The number of the socket that the process inherits.

        Returns:
            The program and its arguments.
        """
        # -P: files in the app's folder must not shadow the modules that the runner imports.
        runner = [sys.executable, "-P", "-m", "lambent.cli.gateway.runner", str(descriptor), str(self.app)]
        return [*runner, SHOW_ERRORS] if self.show_errors else runner

    def variables(self, number: int) -> dict[str, str]:
        """The environment variables of an environment, those that Lambda sets included.

        https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html

        Args:
            number: The number of the environment, 1 for the first.

        Returns:
            All variables.
        """
        name = self.app.module.rpartition(".")[2]
        region = region_of(self.base)
        lambda_variables = {
            "_HANDLER": self.app.lambda_handler_name,
            "AWS_DEFAULT_REGION": region,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_python{sys.version_info.major}.{sys.version_info.minor}",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
            "AWS_LAMBDA_FUNCTION_NAME": name,
            "AWS_LAMBDA_FUNCTION_VERSION": _FUNCTION_VERSION,
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": _log_stream(number),
            "AWS_REGION": region,
            "LAMBDA_TASK_ROOT": str(self.app.folder),
            "PYTHONPATH": _python_path(self.base.get("PYTHONPATH", "")),
        }
        variables = {
            "TZ": ":UTC",
            "PYTHONUNBUFFERED": "1",
            CALL_LOG: "1",
            LOCAL_CALLBACKS: "1",
            **self.base,
            **lambda_variables,
            **self.extra,
        }
        if not variables.get(STATE_KEYS) and not variables.get(STATE_SECRET):
            variables[STATE_KEYS] = self.state_keys
        return variables


def region_of(variables: Mapping[str, str]) -> str:
    """The AWS region that environment variables name.

    Args:
        variables: The variables.

    Returns:
        The region, us-east-1 where they name none.
    """
    return variables.get("AWS_REGION") or variables.get("AWS_DEFAULT_REGION") or "us-east-1"


def _log_stream(number: int) -> str:
    return f"{datetime.now(UTC):%Y/%m/%d}/[{_FUNCTION_VERSION}]{number:04x}{secrets.token_hex(14)}"


def _python_path(inherited: str) -> str:
    # The environment's working folder is the app's, so relative entries are made absolute first. This package
    # is added where only the parent's sys.path leads to it.
    entries = [os.path.abspath(entry) for entry in inherited.split(os.pathsep) if entry]
    known = {*entries, *site.getsitepackages(), site.getusersitepackages()}
    if str(_SOURCE_ROOT) not in known:
        entries.append(str(_SOURCE_ROOT))
    return os.pathsep.join(entries)
