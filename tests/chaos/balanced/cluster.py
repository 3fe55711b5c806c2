"""Three processes of uvicorn behind nginx, and workers: what a cluster of containers is."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import httpx
from tests.chaos.cloud import CREDENTIALS, REGION, Cloud
from tests.cli.servers import free_port
from tests.support import SECRET

ROOT = Path(__file__).parents[3]
NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
SECONDS = 40.0
"""How long anything is waited for."""

SHUTDOWN_DELAY = 1.0
_LOOK_SECONDS = 0.1

_CONFIGURATION = """
daemon off;
{user}
worker_processes 1;
pid {folder}/nginx.pid;
events {{ worker_connections 2048; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream mcp {{
        {servers}
        keepalive 16;
    }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://mcp;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            add_header X-Served-By $upstream_addr always;
        }}
    }}
}}
"""


class Cluster:
    """What runs; a load balancer that asks each process whether it is ready, as those of Kubernetes are told.

    Args:
        cloud: has the table and the queue.
        folder: for configuration, logs and the ledger.
        servers: how many processes answer requests.
        workers: how many run tasks.

    Attributes:
        url: the address behind which all are.
        ledger: where calls take effect.
    """

    def __init__(self, cloud: Cloud, folder: Path, *, servers: int = 3, workers: int = 1) -> None:
        self._client = httpx.AsyncClient(timeout=2.0, trust_env=False)
        self._folder = folder
        self.ledger = folder / "ledger"
        self.ledger.touch()
        self._environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "LEDGER": str(self.ledger),
            "LAMBENT_STATE_KEYS": SECRET,
            "LAMBENT_TABLE": cloud.table(),
            "LAMBENT_TASK_QUEUE_URL": cloud.queue(),
            "LAMBENT_SHUTDOWN_DELAY": str(SHUTDOWN_DELAY),
            "LAMBENT_DRAIN_SECONDS": "0.2",
            "AWS_ENDPOINT_URL": cloud.endpoint,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": CREDENTIALS["aws_access_key_id"],
            "AWS_SECRET_ACCESS_KEY": CREDENTIALS["aws_secret_access_key"],
        }
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}/mcp"
        self._ports = [free_port() for _ in range(servers)]
        self._log = (folder / "log").open("wb")
        self._servers = {port: self._serve(port) for port in self._ports}
        self._workers = [self._work() for _ in range(workers)]
        self._nginx: subprocess.Popen[bytes] | None = None
        self._ready: set[int] = set()

    async def start(self) -> None:
        """Start the load balancer once all are ready."""
        await self._until(lambda: len(self._ready) == len(self._ports))
        self._configure()
        options = ["-p", str(self._folder), "-c", "nginx.conf", "-e", str(self._folder / "nginx.log")]
        self._nginx = subprocess.Popen([str(NGINX), *options], stderr=self._log)
        while True:
            try:
                await self._client.get(self.url)
                return
            except httpx.TransportError:
                assert self._nginx.poll() is None, (self._folder / "nginx.log").read_text()
                await asyncio.sleep(0.05)

    async def balance(self) -> None:
        """Ask again and again who is ready, and tell the load balancer; until it is cancelled."""
        while True:
            before = self._ready
            await self._look()
            if self._ready and self._ready != before and self._nginx is not None:
                self._configure()
                self._nginx.send_signal(signal.SIGHUP)
            await asyncio.sleep(_LOOK_SECONDS)

    async def kill(self) -> None:
        """Kill a process in the middle of what it does, and start it again a moment later."""
        port = self._ports[0]
        self._servers[port].kill()
        self._servers[port].wait(SECONDS)
        await asyncio.sleep(0.5)
        self._servers[port] = self._serve(port)
        await self._seen(port)

    async def restart_all(self) -> None:
        """Restart the processes one after the other, in order."""
        for port in self._ports:
            self._servers[port].send_signal(signal.SIGTERM)
            await self._ended(self._servers[port])
            self._servers[port] = self._serve(port)
            await self._seen(port)
        for number, worker in enumerate(self._workers):
            worker.send_signal(signal.SIGTERM)
            await self._ended(worker)
            self._workers[number] = self._work()

    async def close(self) -> None:
        """End all."""
        await self._client.aclose()
        for process in (*self._servers.values(), *self._workers, self._nginx):
            if process is not None:
                process.terminate() if process is self._nginx else process.kill()
                process.wait(SECONDS)
        self._log.close()

    def _serve(self, port: int) -> subprocess.Popen[bytes]:
        options = ["--factory", "tests.chaos.balanced.app:mcp.asgi", "--port", str(port), "--no-access-log"]
        return self._python("uvicorn", *options, "--timeout-graceful-shutdown", "20")

    def _work(self) -> subprocess.Popen[bytes]:
        return self._python("lambent", "worker", "tests.chaos.balanced.app")

    def _python(self, module: str, *options: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", module, *options],
            cwd=ROOT,
            env=self._environment,
            stdout=self._log,
            stderr=self._log,
        )

    def _configure(self) -> None:
        servers = "\n        ".join(f"server 127.0.0.1:{port};" for port in sorted(self._ready))
        user = "user root;" if os.geteuid() == 0 else ""
        text = _CONFIGURATION.format(user=user, folder=self._folder, servers=servers, port=self._port)
        (self._folder / "nginx.conf").write_text(text)

    async def _look(self) -> None:
        answers = await asyncio.gather(*map(self._is_ready, self._ports))
        self._ready = {port for port, is_ready in zip(self._ports, answers, strict=True) if is_ready}

    async def _is_ready(self, port: int) -> bool:
        try:
            return (await self._client.get(f"http://127.0.0.1:{port}/ready")).status_code == 200
        except httpx.TransportError:
            return False

    async def _until(self, is_so) -> None:  # type: ignore[no-untyped-def]
        async with asyncio.timeout(SECONDS):
            while not is_so():
                await self._look()
                await asyncio.sleep(0.05)

    async def _seen(self, port: int) -> None:
        """Wait until the load balancer has a process."""
        async with asyncio.timeout(SECONDS):
            while port not in self._ready:
                await asyncio.sleep(0.05)
        await asyncio.sleep(2 * _LOOK_SECONDS)

    async def _ended(self, process: subprocess.Popen[bytes]) -> None:
        await asyncio.wait_for(asyncio.to_thread(process.wait), SECONDS)
        assert process.returncode in (0, -signal.SIGTERM), process.returncode
