"""Runs the official conformance suite once a revision and host, for all tests and workers."""

import contextlib
import os
import re
import secrets
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from pathlib import Path

import msgspec
import pytest
from tests.artifact.function_url import FunctionUrl
from tests.artifact.runtime_api import ExecutionEnvironment
from tests.chaos.cloud import REGION, Cloud
from tests.conformance import suite
from tests.execution.durable.tasks.harness import queue_event
from tests.installed import alone
from tests.interop import hosts

import lambent


@pytest.fixture(scope="session")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], suite.Report]:
    """The report on `everything.py` for a revision and a host, from one run that all workers share."""
    mine = tmp_path_factory.getbasetemp()
    shared = mine.parent if "PYTEST_XDIST_WORKER" in os.environ else mine

    @cache
    def of(revision: str, host: str) -> suite.Report:
        folder = shared / f"conformance-{revision}-{host}"
        saved = folder.with_suffix(".json")
        with alone(folder.with_suffix(".lock")):
            if not saved.exists():
                saved.write_bytes(msgspec.json.encode(_run(revision, HOSTS[host], folder)))
            return msgspec.json.decode(saved.read_bytes(), type=suite.Report)

    return of


def _run(revision: str, serve: Callable[[Path], AbstractContextManager[str]], folder: Path) -> suite.Report:
    folder.mkdir()
    log = folder / "server.log"
    try:
        with serve(log) as url:
            report = suite.run(url, revision, folder / "suite")
    except (subprocess.SubprocessError, OSError, RuntimeError) as error:
        # Saved like any other outcome, so that the other workers do not try, and wait, again.
        return suite.Report({}, -1, str(error))
    server = log.read_text(errors="replace")[-10_000:]
    return msgspec.structs.replace(report, output=f"{report.output}\n--- server\n{server}")


@contextmanager
def _gateway(log: Path) -> Iterator[str]:
    """The server behind the development gateway, three environments in turn and two workers; its address."""
    command = [sys.executable, "-m", "lambent.cli", "dev", str(suite.EVERYTHING)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment["LAMBENT_STATE_KEYS"] = secrets.token_hex(32)
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            [*command, "--aws", "--environments", "3", "--workers", "2", "--port", "0", "--no-reload"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=errors,
        ) as gateway,
    ):
        late = threading.Timer(60, gateway.kill)
        late.start()
        try:
            assert gateway.stdout is not None
            line = gateway.stdout.readline().decode()
            late.cancel()
            serving = re.search(r"http://\S+", line)
            if serving is None:
                raise RuntimeError(f"The gateway did not start: {line}\n{log.read_text(errors='replace')}")
            yield serving[0]
        finally:
            late.cancel()
            gateway.terminate()
            try:
                gateway.wait(10)
            except subprocess.TimeoutExpired:
                gateway.kill()


@contextmanager
def _stream(log: Path) -> Iterator[str]:
    """Three environments behind a Function URL that streams, and a worker; the address."""
    cloud = Cloud()
    table, queue, bucket = cloud.table(), cloud.queue(), cloud.bucket()
    path = os.pathsep.join((str(suite.HERE), str(Path(lambent.__file__).parents[1])))
    variables = {
        "AWS_ENDPOINT_URL": cloud.endpoint,
        "LAMBENT_BUCKET": bucket,
        "LAMBENT_RESPONSE_MODE": "stream",
        "LAMBENT_STATE_KEYS": secrets.token_hex(32),
        "LAMBENT_TABLE": table,
        "LAMBENT_TASK_QUEUE_URL": queue,
        "PYTHONPATH": path,
    }
    over = threading.Event()
    with contextlib.ExitStack() as stack:
        stack.callback(cloud.close)
        environments = [
            stack.enter_context(
                ExecutionEnvironment(
                    Path(sys.executable),
                    suite.HERE,
                    handler="everything.handler",
                    variables=variables,
                    client="lambent.hosts.aws_lambda.runtime_client",
                )
            )
            for _ in range(4)
        ]
        worker = environments.pop()
        worker.wait_ready()
        bring = threading.Thread(target=_bring, args=(cloud, queue, worker, over))
        bring.start()
        stack.callback(bring.join)
        stack.callback(over.set)
        yield stack.enter_context(FunctionUrl(environments)).address + "/mcp"
        log.write_text("\n".join(environment.log for environment in (*environments, worker)))


def _bring(cloud: Cloud, queue: str, worker: ExecutionEnvironment, over: threading.Event) -> None:
    """Bring messages of a queue to a worker, as Lambda's event source does."""
    arn = f"arn:aws:sqs:{REGION}:000000000000:{queue.rpartition('/')[2]}"
    while not over.is_set():
        found = cloud.sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages", ())
        for one in found:
            answer = worker.invoke(queue_event([(one["MessageId"], one["Body"])], arn)).value
            if not answer["batchItemFailures"]:
                cloud.sqs.delete_message(QueueUrl=queue, ReceiptHandle=one["ReceiptHandle"])


def _asgi(log: Path) -> AbstractContextManager[str]:
    """The server in one live process; its address."""
    return hosts.asgi(log, "tests.conformance.everything:mcp.asgi", "--factory")


HOSTS: dict[str, Callable[[Path], AbstractContextManager[str]]] = {
    "gateway": _gateway,
    "asgi": _asgi,
    "stream": _stream,
}
