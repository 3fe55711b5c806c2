"""The ways in which the server is served: behind the gateway, over ASGI under uvicorn, and over stdio."""

import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

HERE = Path(__file__).parent
SECONDS_TO_START = 60
SECONDS_TO_STOP = 10

Server = str | list[str]
"""An address, or the command that starts it."""


@contextmanager
def gateway(
    log: Path,
    *options: str,
    app: Path = HERE / "server.py",
    python: str = sys.executable,
    variables: Mapping[str, str] | None = None,
) -> Iterator[str]:
    """Every request becomes an event for one of three processes, in turn; the address."""
    arguments = ["--environments", "3", "--port", "0", "--no-reload", "--quiet", *options]
    command = [python, "-m", "lambent.cli", "dev", str(app), *arguments]
    with (
        log.open("wb") as output,
        _running(command, variables, stdout=subprocess.PIPE, stderr=output) as process,
    ):
        late = threading.Timer(SECONDS_TO_START, process.kill)
        late.start()
        try:
            assert process.stdout is not None
            line = process.stdout.readline().decode()
        finally:
            late.cancel()
        serving = re.match(r"Serving (http://\S+)", line)
        if serving is None:
            raise RuntimeError(f"The gateway did not start: {line}\n{log.read_text(errors='replace')}")
        # What the functions print follows, and a full pipe would stop them.
        rest = threading.Thread(target=shutil.copyfileobj, args=(process.stdout, output))
        rest.start()
        try:
            yield serving[1]
        finally:
            process.terminate()
            rest.join(SECONDS_TO_STOP)


@contextmanager
def asgi(
    log: Path,
    app: str = "tests.interop.server:asgi",
    *options: str,
    python: str = sys.executable,
    variables: Mapping[str, str] | None = None,
) -> Iterator[str]:
    """One process that streams as it goes; the address. ``options`` are uvicorn's."""
    # Connections are queued from here on, so nobody has to wait until the server is up.
    with socket.create_server(("127.0.0.1", 0)) as sock, log.open("wb") as output:
        # uvicorn takes it for a Unix socket, where asyncio does not set this: answers took 40 ms more.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        address = f"http://127.0.0.1:{sock.getsockname()[1]}/mcp"
        arguments = ["--app-dir", str(HERE.parents[1]), app, "--log-level", "warning", *options]
        command = [python, "-m", "uvicorn", *arguments, "--fd", str(sock.fileno())]
        with _running(command, variables, pass_fds=[sock.fileno()], stdout=output, stderr=output):
            sock.close()
            yield address


def gateway_with_table(log: Path) -> AbstractContextManager[str]:
    """The gateway with a table, which the answers of clients of the legacy era need."""
    return gateway(log, "--aws")


@contextmanager
def stdio(log: Path) -> Iterator[list[str]]:
    """A process for every connection, which the client starts; the command."""
    # The script, as it is written in the settings of clients; its arguments are no options, which some would
    # take for theirs.
    yield [str(Path(sys.executable).with_name("lambent")), "stdio", str(HERE / "server.py")]


HOSTS: dict[str, Callable[[Path], AbstractContextManager[str]]] = {"gateway": gateway, "asgi": asgi}
"""Every client is tested with all of these in every respect."""

ALL_HOSTS: dict[str, Callable[[Path], AbstractContextManager[Server]]] = {
    **HOSTS,
    "table": gateway_with_table,
    "stdio": stdio,
}


@contextmanager
def _running(
    command: list[str], variables: Mapping[str, str] | None = None, **options: object
) -> Iterator[subprocess.Popen[bytes]]:
    # What the developer has set for other servers is not for this one.
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "LAMBENT_"))
    }
    environment |= {"LAMBENT_STATE_KEYS": secrets.token_hex(32), **(variables or {})}
    process = subprocess.Popen(command, env=environment, **options)  # type: ignore[call-overload]
    with process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(SECONDS_TO_STOP)
            except subprocess.TimeoutExpired:
                process.kill()
