"""MiniStack in a child process: DynamoDB, SQS, S3 and more on one loopback port."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Final, Self

from lambent.cli.errors import MissingExtraError

_MAIN: Final = Path(__file__).with_name("emulator_main.py")
_HOST: Final = "127.0.0.1"
_EXIT_SECONDS: Final = 2.0
_STDERR: Final = 2

# Other variables of the developer's shell could configure MiniStack.
_INHERITED: Final = (
    "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "PYTHONHOME", "PYTHONPATH", "TMPDIR", "VIRTUAL_ENV",
)  # fmt: skip

_SETTINGS: Final = {
    "BIND_HOST": _HOST,
    # With a Docker daemon it would remove containers, also those of another MiniStack.
    "DOCKER_HOST": f"unix://{os.devnull}/none",
    "IOT_MTLS_ENABLED": "0",
    # The caller gets errors in the response.
    "LOG_LEVEL": "CRITICAL",
    "MINISTACK_ACCOUNT_ID": "123456789012",
    "MINISTACK_HOST": _HOST,
    "SFTP_ENABLED": "0",
}


def require_ministack() -> None:
    """Check that the libraries are installed.

    Raises:
        MissingExtraError: One is not installed.
    """
    for library, module in (("ministack", "ministack"), ("boto3", "botocore")):
        if importlib.util.find_spec(module) is None:
            raise MissingExtraError(library, "local AWS")


class Emulator:
    """MiniStack, from entering to leaving.

    Requests may be sent at once: they wait until it has started.

    Args:
        region: The region that it emulates.
        base: The environment variables of this process.
        output: The descriptor for what it prints; None for this process's own standard error.
        command: What serves it, with two numbers added as for `emulator_main.py`; its interpreter is the one
            that functions deployed to it run on.
        settings: Variables of MiniStack; they replace those set here.

    Attributes:
        endpoint: Its URL.
    """

    def __init__(
        self,
        region: str,
        base: Mapping[str, str],
        output: int | None = None,
        *,
        command: Sequence[str] = (sys.executable, "-P", str(_MAIN)),
        settings: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        variables = {name: base[name] for name in _INHERITED if name in base}
        self._pipe, inherited = socket.socketpair()
        with inherited, socket.create_server((_HOST, 0), backlog=128) as listener:
            port = listener.getsockname()[1]
            self.endpoint = f"http://{_HOST}:{port}"
            numbers = [listener.fileno(), inherited.fileno()]
            try:
                # A session of its own: Ctrl-C on the terminal reaches the gateway only.
                self._process = subprocess.Popen(  # noqa: S603 - the caller's own command
                    [*command, *map(str, numbers)],
                    stdin=subprocess.DEVNULL,
                    stdout=_STDERR if output is None else output,
                    stderr=output,
                    env={
                        **variables,
                        **_SETTINGS,
                        "GATEWAY_PORT": str(port),
                        "MINISTACK_REGION": region,
                        **settings,
                    },
                    pass_fds=numbers,
                    start_new_session=True,
                )
            except BaseException:
                self._pipe.close()
                raise

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    async def ended(self) -> str:
        """Wait until the process ends, which is an error.

        Returns:
            Its exit status or signal in words.
        """
        self._pipe.setblocking(False)
        with contextlib.suppress(ConnectionError):
            await asyncio.get_running_loop().sock_recv(self._pipe, 1)
        code = await asyncio.to_thread(self._process.wait)
        return f"exit status {code}" if code >= 0 else signal.Signals(-code).name

    def close(self) -> None:
        """End it, and wait until it has ended."""
        self._pipe.close()
        try:
            self._process.wait(_EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
