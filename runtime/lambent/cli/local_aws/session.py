"""MiniStack for applications that sam builds, from entering to leaving."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Final, Self

from lambent.cli.local_aws import emulator_main, sam_main
from lambent.cli.local_aws.clients import Clients
from lambent.cli.local_aws.emulator import Emulator
from lambent.cli.local_aws.interpreter import Interpreter, machine_architecture
from lambent.cli.local_aws.sam import Deployed, SamError, deploy, failures, run_sam

_REGION: Final = "us-east-1"
ROOT_CREDENTIALS: Final[Mapping[str, str]] = MappingProxyType(
    {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
)
"""Those of the root of MiniStack's account: sam may do everything, functions what their roles say."""

_DIRECT: Final = "127.0.0.1,localhost"
_SHOWN: Final = 5
"""Of MiniStack's errors, the last ones are shown."""


class LocalSession(AbstractContextManager["LocalSession"]):
    """A local AWS to which applications are deployed.

    Args:
        interpreter: What functions run on.
        log: The file for what MiniStack prints.

    Attributes:
        endpoint: The URL of the local AWS.
    """

    def __init__(self, interpreter: Interpreter, log: Path) -> None:
        script = [str(interpreter.python), "-P", sam_main.__file__]
        # Neither functions nor make may find what the developer's shell adds to Python's path.
        base = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        base.pop("VIRTUAL_ENV", None)
        with log.open("wb") as output:
            self._emulator = Emulator(
                _REGION,
                base,
                output.fileno(),
                command=[*script, str(interpreter.translator), emulator_main.__file__],
                settings={"AUTH": "true", "LOG_LEVEL": "WARNING"},
            )
        self.endpoint = self._emulator.endpoint
        self._log = log
        self._clients = Clients(self.endpoint, _REGION, ROOT_CREDENTIALS)
        self._made: dict[str, Any] = {}
        self._environment = self._variables(interpreter)

    def _variables(self, interpreter: Interpreter) -> dict[str, str]:
        shell = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SAM_"))}
        # The commands of this environment, `lambent` for one, also where it is not activated.
        path = os.pathsep.join(
            [str(interpreter.commands), str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
        )
        return {
            **shell,
            **ROOT_CREDENTIALS,
            # Functions run here: what a Makefile builds for Lambda's processors by default might not.
            "ARCHITECTURE": machine_architecture(),
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_DEFAULT_REGION": _REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "NO_PROXY": _DIRECT,
            "PATH": path,
            "SAM_CLI_TELEMETRY": "0",
            "no_proxy": _DIRECT,
        }

    def client(self, service: str) -> Any:
        """A boto3 client.

        Args:
            service: The name of the service.
        """
        if service not in self._made:
            self._made[service] = self._clients.make(service)
        return self._made[service]

    def build(self, template: Path, folder: Path) -> Path:
        """Build an application with the settings of its own samconfig.toml.

        Args:
            template: Its template.
            folder: Where to.

        Returns:
            The template of what was built.

        Raises:
            SamError: It cannot be built.
        """
        run_sam(
            ["build", "--template-file", template, "--build-dir", folder], template.parent, self._environment
        )
        return folder / "template.yaml"

    def deploy(self, built: Path, name: str, parameters: Mapping[str, str]) -> Deployed:
        """Deploy what was built.

        Args:
            built: Its template.
            name: The name of the stack.
            parameters: Of the template.

        Raises:
            SamError: It cannot be deployed; the message has what CloudFormation and MiniStack say of it.
        """
        try:
            return deploy(
                built, name, environment=self._environment, make_client=self.client, parameters=parameters
            )
        except SamError as error:
            told = [*failures(name, self.client), *_complaints(self._log)]
            raise SamError("\n".join([str(error), *told])) from error

    async def ended(self) -> str:
        """Wait until MiniStack ends by itself; its exit status or signal in words."""
        return await self._emulator.ended()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in self._made.values():
            client.close()
        self._emulator.close()

    def __enter__(self) -> Self:
        return self


def _complaints(log: Path) -> list[str]:
    """The last errors that MiniStack has noted."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return [line for line in lines if re.match(r"\S+ \S+ ERROR ", line)][-_SHOWN:]
