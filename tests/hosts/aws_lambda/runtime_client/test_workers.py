"""Several processes for one environment, as Lambda Managed Instances have them."""

import json
import os
import signal
import sys
from pathlib import Path

import pytest
from tests.hosts.aws_lambda.runtime_client.functions import CLIENTS, running

from lambent.hosts.aws_lambda.runtime_client.workers import run_workers

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it forks")

TWO = """
    import os
    import pathlib
    import time

    def handler(event, context):
        here, other = event
        pathlib.Path(here).touch()
        while not pathlib.Path(other).exists():
            time.sleep(0.01)
        return os.getpid()
"""


@pytest.mark.parametrize("client", CLIENTS)
def test_two_invocations_at_a_time(tmp_path: Path, client: str) -> None:
    """Each waits for the other one."""
    variables = {"AWS_LAMBDA_MAX_CONCURRENCY": "2", "AWS_LAMBDA_LOG_FORMAT": "JSON"}
    one, two = str(tmp_path / "one"), str(tmp_path / "two")
    with running(tmp_path, TWO, client, variables=variables) as environment:
        environment.wait_ready()
        environment.begin([one, two])
        environment.begin([two, one])
        answers: list[int] = []
        while len(answers) < 2:
            said = environment.api.said.get(timeout=30)
            if said.path.endswith("/response"):
                answers.append(json.loads(said.body))
        assert len(set(answers)) == 2
        for pid in answers:  # they outlive their parent, whose end is the environment's
            os.kill(pid, signal.SIGTERM)


@pytest.mark.parametrize(("codes", "highest"), [((0, 0), 0), ((0, 3), 3), ((5, 0), 5)])
def test_the_highest_exit_code(tmp_path: Path, codes: tuple[int, int], highest: int) -> None:
    def work() -> None:
        first = tmp_path / "first"
        try:
            first.touch(exist_ok=False)
        except FileExistsError:
            sys.exit(codes[1])
        sys.exit(codes[0])

    assert run_workers(2, work) == highest


def test_processes_that_a_signal_ends(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One that is killed says nothing itself, and is no success."""

    def work() -> None:
        try:
            (tmp_path / "first").touch(exist_ok=False)
        except FileExistsError:
            sys.exit(0)
        os.kill(os.getpid(), signal.SIGKILL)

    assert run_workers(2, work) == 128 + signal.SIGKILL
    said = capsys.readouterr().err
    assert "A process of the function has ended with -9, " in said
    assert said.endswith("0 of 2 are left\n")
