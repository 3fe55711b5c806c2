import http.client
import json
import os
import select
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

# A handler that does what the query parameter `do` says. It knows nothing of MCP.
APP = """
import json, logging, os, sys, time
from pathlib import Path

FOLDER = Path(__file__).parent
VERSION = 1
if os.environ.get("TEST_FIFO"):
    # Never closed: whoever reads the other end learns when the last process is gone.
    FIFO = os.open(os.environ["TEST_FIFO"], os.O_WRONLY)


def write(line):
    with (FOLDER / "log.txt").open("a") as log:
        log.write(line + "\\n")


def wait_for_go(name):
    write("start " + name)
    while not (FOLDER / "go").exists():
        time.sleep(0.005)
    write("end " + name)


def answer(value):
    return {"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": json.dumps(value)}


def handler(event, context):
    query = event.get("queryStringParameters") or {}
    action = query.get("do", "pid")
    if action == "pid":
        write("pid")
        return answer({"pid": os.getpid(), "version": VERSION})
    if action == "event":
        return answer(event)
    if action == "context":
        return answer({
            "function_name": context.function_name,
            "function_version": context.function_version,
            "invoked_function_arn": context.invoked_function_arn,
            "memory_limit_in_mb": context.memory_limit_in_mb,
            "aws_request_id": context.aws_request_id,
            "log_group_name": context.log_group_name,
            "log_stream_name": context.log_stream_name,
            "remaining": context.get_remaining_time_in_millis(),
        })
    if action == "environment":
        return answer({
            "variables": dict(os.environ),
            "path": sys.path[0],
            "cwd": os.getcwd(),
            "argv": sys.argv,
        })
    if action == "wait":
        wait_for_go(query.get("name", ""))
        return answer({"pid": os.getpid(), "version": VERSION})
    if action == "stream":
        stream = context.open_response_stream("application/vnd.awslambda.http-integration-response")
        headers = {"content-type": "text/event-stream", "www-authenticate": "Bearer"}
        stream.write(json.dumps({"statusCode": 201, "headers": headers}).encode() + bytes(8) + b"first")
        wait_for_go("stream")
        stream.write("s\u00e9cond".encode())
        if query.get("then") == "exit":
            os._exit(3)
        return {}
    if action == "hang":
        write("hang")
        time.sleep(600)
    if action == "exit":
        os._exit(3)
    if action == "fork":
        if not os.fork():
            time.sleep(600)
        os._exit(4)
    if action == "raise":
        raise ValueError("no such order")
    if action == "log":
        print("printed by the app")
        logging.getLogger().setLevel(logging.INFO)
        logging.getLogger("orders").info("logged by the app")
        return answer(context.aws_request_id)
    if action == "big":
        return "x" * int(query["size"])
    if action == "return":
        return json.loads(query["value"])
    if action == "unserializable":
        return {"statusCode": 200, "body": object()}
"""


@dataclass(frozen=True)
class Reply:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)

    def header(self, name):
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


def request(
    url: str, method: str = "POST", body: bytes = b"{}", headers: dict[str, str] | None = None
) -> Reply:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
    try:
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request(method, target, body, headers or {"Content-Type": "application/json"})
        response = connection.getresponse()
        return Reply(response.status, response.getheaders(), response.read())
    finally:
        connection.close()


def until(condition: Callable[[], object], seconds: float = 20.0) -> object:
    """Wait until something is so; how long it takes is no part of any test."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, "the condition did not become true"
        time.sleep(0.01)
    return result


@dataclass(frozen=True)
class App:
    folder: Path

    @property
    def file(self) -> Path:
        return self.folder / "app.py"

    def log(self) -> list[str]:
        log = self.folder / "log.txt"
        return log.read_text().splitlines() if log.exists() else []

    def go(self) -> None:
        (self.folder / "go").touch()


class Lives:
    """Tells when all processes that imported the app are gone, whoever has to reap them."""

    def __init__(self, fifo: Path) -> None:
        self.path = fifo
        os.mkfifo(fifo)
        self._descriptor = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)

    def ended(self, seconds: float = 20.0) -> bool:
        readable, _, _ = select.select([self._descriptor], [], [], seconds)
        return bool(readable) and os.read(self._descriptor, 1) == b""

    def close(self) -> None:
        os.close(self._descriptor)


@pytest.fixture
def app(tmp_path: Path) -> App:
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "app.py").write_text(APP)
    return App(folder)


@pytest.fixture
def lives(tmp_path: Path):
    lives = Lives(tmp_path / "fifo")
    yield lives
    lives.close()


@pytest.fixture
def call():
    return request


@pytest.fixture
def eventually():
    return until
