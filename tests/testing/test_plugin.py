"""The plugin of pytest: what it costs, and what its fixtures are."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from lambent import ConfigurationError, Settings
from lambent.testing.aws import LambentAws, local_aws

ROOT = Path(__file__).parents[2]


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of somebody who has an account."""
    monkeypatch.setenv("AWS_PROFILE", "mine")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("LAMBENT_AUTH_ISSUER", "https://login.example.com")


def test_each_fixture_sets_its_variable(
    outside: None,
    lambent_table: str,
    lambent_queue: str,
    lambent_deliveries: str,
    lambent_bucket: str,
    lambent_secret: str,
) -> None:
    settings = Settings.from_env()
    assert settings.table == lambent_table == os.environ["LAMBENT_TABLE"]
    assert settings.task_queue_url == lambent_queue == os.environ["LAMBENT_TASK_QUEUE_URL"]
    assert settings.events is not None
    assert settings.events.queue_url == lambent_deliveries == os.environ["LAMBENT_EVENTS_QUEUE_URL"]
    assert settings.bucket == lambent_bucket == os.environ["LAMBENT_BUCKET"]
    assert settings.state_secret == lambent_secret == os.environ["LAMBENT_STATE_SECRET"]
    assert len(settings.keys.ring()[0]) == 64
    assert settings.in_lambda
    assert settings.auth is None
    assert "AWS_PROFILE" not in os.environ


def test_only_what_is_asked_for_is_made(lambent_table: str) -> None:
    assert {name for name in os.environ if name.startswith("LAMBENT_")} == {"LAMBENT_TABLE"}


def test_one_fixture_has_all(lambent_aws: LambentAws, lambent_table: str) -> None:
    assert lambent_aws.table == lambent_table
    assert lambent_aws.queue == os.environ["LAMBENT_TASK_QUEUE_URL"]
    assert lambent_aws.deliveries == os.environ["LAMBENT_EVENTS_QUEUE_URL"]
    assert (lambent_aws.bucket, lambent_aws.secret) == ("lambent-blobs", "lambent-state")
    assert lambent_aws.client("dynamodb").scan(TableName=lambent_table)["Count"] == 0


@pytest.mark.parametrize("number", [1, 2])
def test_every_test_has_its_own(lambent_table: str, lambent_aws: LambentAws, number: int) -> None:
    dynamodb = lambent_aws.client("dynamodb")
    assert dynamodb.scan(TableName=lambent_table)["Count"] == 0
    dynamodb.put_item(TableName=lambent_table, Item={"pk": {"S": f"{number}"}})


def test_nothing_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.MonkeyPatch.context() as inner, local_aws(inner) as aws:
        aws.make_table()
        client = aws.client("dynamodb")
    assert "LAMBENT_TABLE" not in os.environ
    with pytest.MonkeyPatch.context() as inner, local_aws(inner) as aws:
        assert aws.client("dynamodb") is not client
        with pytest.raises(ClientError, match="ResourceNotFound"):
            aws.client("dynamodb").scan(TableName="lambent")


def test_the_extra_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "moto", None)
    with pytest.raises(ConfigurationError, match=r"lambent\[testing\]"), local_aws(monkeypatch):
        pass


PROBE = """
import sys

def test_start():
    heavy = {"lambent", "msgspec", "boto3", "botocore", "moto"}
    assert not heavy & sys.modules.keys()
    assert "_lambent_pytest" in sys.modules
"""


def test_it_loads_nothing_before_a_fixture_is_used(tmp_path: Path) -> None:
    (tmp_path / "test_probe.py").write_text(PROBE)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "_lambent_pytest", "-p", "no:cacheprovider"]
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "runtime"), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(
        command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout


def test_it_is_an_entry_point() -> None:
    """By the name of its module, so that naming it as a plugin as well does not load it twice."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {"_lambent_pytest": "_lambent_pytest"}
