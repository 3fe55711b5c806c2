import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest

pytest.importorskip("ministack")

from lambent.cli.local_aws.emulator import Emulator

START = """
import os, sys
from lambent.cli.local_aws.emulator import Emulator
emulator = Emulator("eu-west-1", os.environ)
print(emulator.pid, emulator.endpoint, flush=True)
sys.stdin.read()
"""


def health(endpoint):
    with urllib.request.urlopen(f"{endpoint}/_ministack/health", timeout=30) as response:
        return json.load(response)


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_it_serves_from_entering_to_leaving():
    variables = {**os.environ, "GATEWAY_PORT": "1", "SERVICES": "sqs", "PERSIST_STATE": "1"}
    with Emulator("eu-west-1", variables) as emulator:
        # Nobody has to wait first: the request does.
        assert {"dynamodb", "s3", "sqs"} <= set(health(emulator.endpoint)["services"])
        pid = emulator.pid
        assert is_alive(pid)
    assert not is_alive(pid)
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", int(emulator.endpoint.rpartition(":")[2])), timeout=5)


def test_it_is_heard_on_this_machine_only():
    with Emulator("eu-west-1", os.environ) as emulator:
        assert emulator.endpoint.startswith("http://127.0.0.1:")


def test_its_end_is_noticed():
    async def run():
        with Emulator("eu-west-1", os.environ) as emulator:
            ended = asyncio.create_task(emulator.ended())
            os.kill(emulator.pid, signal.SIGKILL)
            async with asyncio.timeout(20):
                return await ended

    assert asyncio.run(run()) == "SIGKILL"


def test_it_ends_when_its_maker_is_killed(eventually):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", START],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as maker:
        pid, endpoint = maker.stdout.readline().split()
        assert health(endpoint)
        maker.kill()
        eventually(lambda: not is_alive(int(pid)))
