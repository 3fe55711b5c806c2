"""`lambent dev` with a local AWS, as a command."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager

import pytest

pytest.importorskip("ministack")
pytest.importorskip("uvicorn")

IMPORTED = """
import json, sys
from lambent.cli.gateway.background import Gateway
with Gateway("app.py", aws=None) as gateway:
    print(json.dumps(sorted(name for name in sys.modules if name.startswith(("boto", "yaml", "ministack")))))
"""


def environment(**more):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "LAMBENT_"))}
    return {**kept, "PYTHONPATH": os.pathsep.join(sys.path), **more}


@contextmanager
def dev(app, *arguments, **more):
    """The command in a process of its own, its first line, and the address of its AWS."""
    command = [sys.executable, "-m", "lambent.cli", "dev", "app.py", "--port", "0", "--no-reload", *arguments]
    with subprocess.Popen(
        command,
        cwd=app.folder,
        env=environment(**more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            line = process.stdout.readline()
            assert line.startswith("Serving http://127.0.0.1:"), process.communicate()
            yield process, line
        finally:
            if process.poll() is None:
                process.kill()


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def aws_port(process):
    """The port of the local AWS, from the line that names it."""
    return int(re.match(r"AWS at http://127\.0\.0\.1:(\d+) has ", process.stderr.readline())[1])


def test_the_first_line_counts_the_workers(queue_app, call):
    with dev(queue_app, "--environments", "2", "--workers", "1", "--worker-timeout", "9") as (process, line):
        url = line.split()[1]
        served = f"as http-api with 2 environments and 1 worker of {queue_app.file}:handler"
        assert line.strip() == f"Serving {url} {served}"
        assert call(url).json["variables"]["LAMBENT_TABLE"] == "dev-Table"
        process.terminate()
        process.communicate()
    assert process.returncode == 0


def test_it_can_be_declined(queue_app, call):
    with dev(queue_app, "--no-aws") as (process, line):
        assert "worker" not in line
        assert call(line.split()[1]).json["variables"]["LAMBENT_TABLE"] == "memory:"
        process.terminate()
        assert process.communicate()[1].startswith("POST /mcp 200")


def test_a_template_may_be_named(queue_app, template, call):
    template.rename(template.with_name("stack.yaml"))
    with dev(queue_app) as (_, line):
        assert "worker" not in line
    with dev(queue_app, "--template", "../stack.yaml") as (_, line):
        assert "2 workers" in line


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_nothing_outlives_it(queue_app, call, lives, eventually, number):
    with dev(queue_app, TEST_FIFO=str(lives.path)) as (process, line):
        port = aws_port(process)
        assert call(line.split()[1]).status == 200
        assert listens(port)
        process.send_signal(number)
        process.communicate()
    assert process.returncode == (-number if number is signal.SIGKILL else 0)
    assert lives.ended()
    eventually(lambda: not listens(port))


def test_what_stops_it_is_told_before_it_serves(queue_app, template):
    template.write_text(template.read_text().replace("maxReceiveCount: 2", "maxReceiveCount: 0"))
    done = subprocess.run(
        [sys.executable, "-m", "lambent.cli", "dev", "app.py", "--port", "0", "--no-reload"],
        cwd=queue_app.folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("lambent dev: local AWS cannot be set up: ")
    assert done.stderr.count("\n") == 1


def test_without_aws_nothing_of_it_is_imported(app):
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED],
        cwd=app.folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == []
