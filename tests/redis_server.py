"""A Redis or Valkey of Debian's packages for tests: on a free port of this machine, ended with them."""

import contextlib
import itertools
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

SECONDS = 30.0
"""How long a server may take to start or to end."""

_KEY: pytest.StashKey["RedisProcess"] = pytest.StashKey()


def binary() -> str:
    """The server's program; tests are skipped where there is none, or no redis-py."""
    if find_spec("redis") is None:
        pytest.skip("redis-py is not installed: the extra lambent[redis]")
    found = shutil.which("valkey-server") or shutil.which("redis-server")
    if found is None:
        pytest.skip("there is no valkey-server and no redis-server: apt-get install redis-server")
    return found


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


class RedisProcess:
    """A server in a child process, with its data in a folder of its own.

    Args:
        options: such as ``"--appendonly", "yes"``; nothing is kept on disk without any.
    """

    def __init__(self, *options: str) -> None:
        self._program = binary()
        self._folder = Path(tempfile.mkdtemp(prefix="lambent-redis-"))
        self._options = options
        self._numbers = itertools.count()
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self.start()

    def start(self) -> None:
        """Start it, at the same port as before."""
        command = [self._program, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder)]
        command += ["--save", "", "--databases", "10000", "--logfile", str(self._folder / "log")]
        # A primary sends what it has at once, and does not wait five seconds for further replicas.
        command += ["--repl-diskless-sync-delay", "0"]
        self._process = subprocess.Popen([*command, *self._options])
        deadline = time.monotonic() + SECONDS
        while not self.ask(b"PING\r\n").startswith((b"+PONG", b"-NOAUTH")):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self._folder / "log").read_text())
            time.sleep(0.02)

    def url(self) -> str:
        """The address of a database that nobody has used."""
        return f"redis://127.0.0.1:{self.port}/{next(self._numbers)}"

    def ask(self, command: bytes) -> bytes:
        """The beginning of the answer to an inline command; nothing where nobody answers."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                connection.sendall(command)
                return connection.recv(65536)
        except OSError:
            return b""

    def kill(self) -> None:
        """Have it end at once, as with its machine."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Have it end in order."""
        self._end(signal.SIGTERM)

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self._folder)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(SECONDS)
            self._process = None


def client_of(url: str) -> Any:
    """A client as the library makes it."""
    from lambent.stores.redis import make_client

    return make_client(url)


def shared_redis(request: pytest.FixtureRequest) -> RedisProcess:
    """A fixture: the server of this pytest process, started when it is first wanted."""
    config = request.config
    if _KEY not in config.stash:
        config.stash[_KEY] = RedisProcess()
        config.add_cleanup(config.stash[_KEY].close)
    return config.stash[_KEY]


class Proxy:
    """Passes connections on to a server, until it is told to lose something.

    Attributes:
        target: the port of the server, for connections that are made from now on.
        lost: how many answers do not arrive: each time the connection is closed instead.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.lost = 0
        self._open: list[socket.socket] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def cut(self) -> None:
        """Close all connections."""
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._threads[0].join(SECONDS)
        self.cut()
        for thread in self._threads[1:]:
            thread.join(SECONDS)
        for one in self._open:
            one.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            self._open.append(client)
            try:
                server = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                client.shutdown(socket.SHUT_RDWR)
                continue
            self._open.append(server)
            for pair in ((client, server, False), (server, client, True)):
                self._threads.append(threading.Thread(target=self._pass_on, args=pair))
                self._threads[-1].start()

    def _pass_on(self, source: socket.socket, to: socket.socket, is_answer: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if is_answer and self.lost:
                    self.lost -= 1
                    break
                to.sendall(data)
        for one in (source, to):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
