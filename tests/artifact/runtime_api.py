"""Lambda without Lambda: its Runtime API on a loopback port, and a function that runs under its real client.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import contextlib
import http.client
import itertools
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

REGION = "eu-west-1"
ACCOUNT = "123456789012"
_RUNTIME = "/2018-06-01/runtime"
_NEXT = f"{_RUNTIME}/invocation/next"
_INIT_ERROR = f"{_RUNTIME}/init/error"
_RESTORE_NEXT = f"{_RUNTIME}/restore/next"


class FunctionError(Exception):
    """The function failed: when it was initialized, in an invocation, or because its process ended.

    Attributes:
        phase: ``init``, ``invocation`` or ``exit``.
        kind: the type of the error.
    """

    def __init__(self, phase: str, report: Mapping[str, Any], log: str) -> None:
        self.phase = phase
        self.kind = str(report.get("errorType"))
        trace = "".join(report.get("stackTrace") or [])
        super().__init__(f"{phase}: {self.kind}: {report.get('errorMessage')}\n{trace}\nlog:\n{log}")


class Answer(NamedTuple):
    """What came back for an invocation.

    Attributes:
        value: what the handler returned, decoded.
        seconds: from handing over the event to having the answer.
    """

    value: Any
    seconds: float


class Said(NamedTuple):
    """A request of the client.

    Attributes:
        path: what it asked for, or posted to.
        body: what it posted.
        at: when, on the clock of ``time.perf_counter``.
        headers: by their names in lower case.
        chunks: the parts of a body that came in chunks.
        trailers: what came behind them, by names in lower case.
    """

    path: str
    body: bytes
    at: float
    headers: Mapping[str, str] = {}
    chunks: tuple[bytes, ...] = ()
    trailers: Mapping[str, str] = {}


class RuntimeApi:
    """The Runtime API of one execution environment.

    ``restore/next``, which a function with SnapStart asks for, is answered at once: it is restored where its
    snapshot would have been taken.

    Attributes:
        address: host and port.
        said: what the client asks for and posts, in order.
        parts: the parts of responses in chunks, as they arrive.
        most_parts: after so many parts of a response, its connection is closed.
        stream_status: what responses in chunks are answered with.
        listener: is told of all of these too, on the threads that serve the client.
    """

    def __init__(self) -> None:
        self.said: queue.Queue[Said] = queue.Queue()
        self.parts: queue.Queue[bytes] = queue.Queue()
        self.most_parts = sys.maxsize
        self.stream_status = 202
        self.listener: Callable[[bytes | Said], object] = lambda _: None
        self._events: queue.Queue[tuple[dict[str, str], bytes] | None] = queue.Queue()
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Head and body in one segment: else the second waits 40 ms for the first to be acknowledged.
            wbufsize = -1

            def do_GET(self) -> None:
                api._say(self.path)
                if self.path == _NEXT:
                    event = api._events.get()
                    if event is None:  # it is over, and the process gone
                        self.close_connection = True
                    else:
                        self._reply(200, *event)
                else:
                    self._reply(200 if self.path == _RESTORE_NEXT else 404)

            def handle(self) -> None:
                with contextlib.suppress(ConnectionError):  # the process was ended
                    super().handle()

            def do_POST(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                if headers.get("transfer-encoding") != "chunked":
                    api._say(self.path, self.rfile.read(int(headers["content-length"])), headers)
                    self._reply(202)
                    return
                chunks: list[bytes] = []
                while size := int(self.rfile.readline(), 16):
                    chunks.append(self.rfile.read(size))
                    self.rfile.readline()
                    api.parts.put(chunks[-1])
                    api.listener(chunks[-1])
                    if len(chunks) >= api.most_parts:
                        api._say(self.path, b"".join(chunks), headers, tuple(chunks))
                        self.close_connection = True
                        return
                trailers = http.client.parse_headers(self.rfile)
                named = {name.lower(): value for name, value in trailers.items()}
                api._say(self.path, b"".join(chunks), headers, tuple(chunks), named)
                self._reply(api.stream_status)

            def _reply(
                self, status: int, headers: Mapping[str, str] | None = None, body: bytes = b""
            ) -> None:
                self.send_response(status)
                for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def _say(
        self,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        chunks: tuple[bytes, ...] = (),
        trailers: Mapping[str, str] | None = None,
    ) -> None:
        said = Said(path, body, time.perf_counter(), headers or {}, chunks, trailers or {})
        self.said.put(said)
        self.listener(said)

    def offer(
        self,
        request_id: str,
        event: Any,
        arn: str,
        timeout: float,
        more_headers: Mapping[str, str] | None = None,
    ) -> None:
        """Have an event for whoever asks next.

        Args:
            request_id: the invocation's.
            event: a value that JSON can express; bytes are sent as they are.
            arn: the function's.
            timeout: seconds that the invocation may take.
            more_headers: what else the Runtime API says of the invocation.
        """
        headers = {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": request_id,
            "Lambda-Runtime-Deadline-Ms": str(int((time.time() + timeout) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": arn,
            "Lambda-Runtime-Trace-Id": "Root=1-00000000-000000000000000000000000;Sampled=0",
            **(more_headers or {}),
        }
        self._events.put((headers, event if isinstance(event, bytes) else json.dumps(event).encode()))

    def close(self) -> None:
        """Stop serving; the client must have ended."""
        self._events.put(None)
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class ExecutionEnvironment:
    """A function in a process of its own, from entering to leaving.

    Args:
        python: the interpreter, whose environment has what Lambda's has and nothing else.
        task_root: the folder of the function's code.
        layers: folders that Lambda would lay over each other at ``/opt``.
        handler: what to call.
        variables: the function's own environment variables.
        memory: MB that the function is told it has.
        timeout: seconds that an invocation may take.
        client: the module that calls the Runtime API, and the handler.
        wrapper: what ``AWS_LAMBDA_EXEC_WRAPPER`` names: it is started with the command of a managed
            runtime, and starts a client of its own.

    Attributes:
        api: the Runtime API.
        pid: the id of the process.
        started: when it was started, on the clock of ``time.perf_counter``.
        ready: when it asked for its first event, which ends its initialization; 0 before.
    """

    def __init__(
        self,
        python: Path,
        task_root: Path,
        *,
        layers: Sequence[Path] = (),
        handler: str = "app.handler",
        variables: Mapping[str, str] | None = None,
        memory: int = 1024,
        timeout: float = 29,
        client: str = "awslambdaric",
        wrapper: Path | None = None,
    ) -> None:
        self._timeout = timeout
        self._ids = itertools.count(1)
        self._function = task_root.name
        self.api = RuntimeApi()
        self._folder = tempfile.TemporaryDirectory(prefix="lambda-")
        self._log = Path(self._folder.name, "log")
        environment = {
            **_own_variables(self._function, task_root, handler, memory),
            "AWS_LAMBDA_RUNTIME_API": self.api.address,
            "HOME": self._folder.name,
            # The function first, then its layers, then what Lambda brings along, as in Lambda.
            "PYTHONPATH": os.pathsep.join(map(str, (task_root, *(layer / "python" for layer in layers)))),
            # Code cannot be written to there, so that nobody leaves bytecode for the next start.
            "PYTHONDONTWRITEBYTECODE": "1",
            **(variables or {}),
        }
        command = [str(python), "-s", "-m", client, handler]
        if wrapper is not None:
            command = [str(wrapper), str(python), "-s", "/var/runtime/bootstrap.py"]
        self.ready = 0.0
        with self._log.open("wb") as log:
            self.started = time.perf_counter()
            self._process = subprocess.Popen(
                command,
                cwd=task_root,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.pid = self._process.pid

    @property
    def log(self) -> str:
        """What the function has printed."""
        return self._log.read_text(errors="replace")

    def wait_ready(self) -> None:
        """Wait for the end of the initialization.

        Raises:
            FunctionError: it failed.
            TimeoutError: it took longer than an invocation may.
        """
        if not self.ready:
            self.ready = self._wait_for(_NEXT).at

    def invoke(self, event: Any) -> Answer:
        """Hand over an event, and wait for what the handler makes of it.

        Args:
            event: a value that JSON can express.

        Raises:
            FunctionError: the initialization or the handler failed, or the process ended.
            TimeoutError: none of this happened in time.
        """
        self.wait_ready()
        begin = time.perf_counter()
        said = self.wait_for_response(self.begin(event))
        return Answer(json.loads(said.body), said.at - begin)

    def begin(self, event: Any, more_headers: Mapping[str, str] | None = None) -> str:
        """Hand over an event, and return the id of its invocation; see ``RuntimeApi.offer``."""
        request_id = f"00000000-0000-4000-8000-{next(self._ids):012}"
        arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{self._function}"
        self.api.offer(request_id, event, arn, self._timeout, more_headers)
        return request_id

    def wait_for_response(self, request_id: str) -> Said:
        """What comes as the response of an invocation, when it is whole; raises as ``invoke`` does."""
        return self._wait_for(f"{_RUNTIME}/invocation/{request_id}/response")

    def wait_for_error(self, request_id: str = "") -> Said:
        """What comes as the error of an invocation, or of the initialization where there is no id.

        Raises:
            TimeoutError: nothing came in time.
        """
        path = f"{_RUNTIME}/invocation/{request_id}/error" if request_id else _INIT_ERROR
        until = time.perf_counter() + self._timeout + 1
        while (left := until - time.perf_counter()) > 0:
            with contextlib.suppress(queue.Empty):
                if (said := self.api.said.get(timeout=left)).path == path:
                    return said
        raise TimeoutError(f"nothing at {path}\nlog:\n{self.log}")

    def wait_ended(self) -> int:
        """Wait until the process has ended, and return its exit code."""
        return self._process.wait(self._timeout)

    def _wait_for(self, path: str) -> Said:
        until = time.perf_counter() + self._timeout + 1
        while time.perf_counter() < until:
            ended = self._process.poll()  # before the look at what it said: nothing comes after
            try:
                said = self.api.said.get(timeout=0.1)
            except queue.Empty:
                if ended is not None:
                    report = {"errorType": "Runtime.ExitError", "errorMessage": f"exit status {ended}"}
                    raise FunctionError("exit", report, self.log) from None
                continue
            if said.path == path:
                return said
            if said.path.endswith("/error"):
                phase = "init" if said.path == _INIT_ERROR else "invocation"
                raise FunctionError(phase, json.loads(said.body), self.log)
        raise TimeoutError(f"nothing at {path} within {self._timeout} seconds\nlog:\n{self.log}")

    def close(self) -> None:
        """End the process, and what served it."""
        self._process.kill()
        self._process.wait()
        self.api.close()
        self._folder.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _own_variables(name: str, task_root: Path, handler: str, memory: int) -> dict[str, str]:
    """What Lambda sets for every function."""
    return {
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": "2026/01/01/[$LATEST]0",
        "LAMBDA_TASK_ROOT": str(task_root),
        "LANG": "en_US.UTF-8",
        "PATH": os.defpath,
        "TZ": ":UTC",
        "_HANDLER": handler,
    }
