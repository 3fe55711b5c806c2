"""Rotations, step by step, as Secrets Manager takes them."""

from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws
from tests.support import SECRET

from lambent import InvalidParamsError
from lambent.execution.rounds.sealing import Binding, Sealer, State
from lambent.hosts.aws_lambda.rotation import RotationError, handler
from lambent.stores import aws
from lambent.stores.secrets import SecretKeys

NAME = "state"
STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
TOKENS = [f"{number:08}-0000-4000-8000-000000000000" for number in range(1, 4)]
BINDING = Binding("tools/call", "refund", "", "", "shop")


class Manager:
    """Secrets Manager with one secret, doing by hand what a rotation does around the function."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.arn = client.create_secret(Name=NAME, SecretString=SECRET)["ARN"]

    @property
    def versions(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = self.client.describe_secret(SecretId=NAME)["VersionIdsToStages"]
        return found

    def value(self, stage: str) -> str:
        value: str = self.client.get_secret_value(SecretId=NAME, VersionStage=stage)["SecretString"]
        return value

    def step(self, step: str, token: str) -> None:
        handler({"Step": step, "SecretId": self.arn, "ClientRequestToken": token}, None)

    def rotate(self, token: str, *, twice: bool = False) -> None:
        self.announce(token)
        for step in STEPS:
            for _ in range(2 if twice else 1):
                self.step(step, token)

    def announce(self, token: str) -> None:
        """Secrets Manager labels the new version before there is a value in it; moto knows none without."""
        real = self.client.describe_secret

        def describe(**kwargs: Any) -> dict[str, Any]:
            found: dict[str, Any] = real(**kwargs)
            found["VersionIdsToStages"].setdefault(token, ["AWSPENDING"])
            return found

        self.client.describe_secret = describe


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    aws._clients.clear()
    with mock_aws():
        yield Manager(aws.client("secretsmanager"))
    aws._clients.clear()


def sealer() -> Sealer:
    return Sealer(SecretKeys(NAME), lambda: 1_000.0, 900, "shop")


@pytest.mark.parametrize("twice", [False, True])
def test_a_rotation_makes_a_new_secret_current(manager: Manager, twice: bool) -> None:
    manager.rotate(TOKENS[0], twice=twice)
    assert manager.value("AWSPREVIOUS") == SECRET
    assert manager.value("AWSCURRENT") != SECRET
    assert len(manager.value("AWSCURRENT")) == 64
    assert "AWSCURRENT" in manager.versions[TOKENS[0]]


def test_each_rotation_makes_another_secret(manager: Manager) -> None:
    values = []
    for token in TOKENS:
        manager.rotate(token)
        values.append(manager.value("AWSCURRENT"))
    assert len(set(values)) == len(TOKENS)


def test_a_state_survives_one_rotation_and_not_two(manager: Manager) -> None:
    token = sealer().seal(BINDING, State())
    manager.rotate(TOKENS[0])
    sealer().open(token, BINDING)
    manager.rotate(TOKENS[1])
    with pytest.raises(InvalidParamsError):
        sealer().open(token, BINDING)


def test_nothing_is_current_before_the_last_step(manager: Manager) -> None:
    manager.announce(TOKENS[0])
    for step in STEPS[:-1]:
        manager.step(step, TOKENS[0])
        assert manager.value("AWSCURRENT") == SECRET


def test_a_version_that_is_there_already_stays(manager: Manager) -> None:
    manager.announce(TOKENS[0])
    manager.step("createSecret", TOKENS[0])
    made = manager.value("AWSPENDING")
    manager.step("createSecret", TOKENS[0])
    assert manager.value("AWSPENDING") == made


def test_of_two_first_steps_at_once_the_slower_one_is_no_failure(manager: Manager) -> None:
    """Secrets Manager refuses another value for the same version, which moto takes."""
    manager.announce(TOKENS[0])

    def put_secret_value(**_: Any) -> None:
        raise manager.client.exceptions.ResourceExistsException({}, "PutSecretValue")

    manager.client.put_secret_value = put_secret_value
    manager.step("createSecret", TOKENS[0])


def test_a_secret_that_cannot_seal_is_not_made_current(manager: Manager) -> None:
    short = {"SecretString": "x" * 31, "VersionStages": ["AWSPENDING"]}
    manager.client.put_secret_value(SecretId=NAME, ClientRequestToken=TOKENS[0], **short)
    with pytest.raises(RotationError, match="plain string of at least 32 characters"):
        manager.step("testSecret", TOKENS[0])


def test_a_schedule_that_begins_later_is_tried_with_what_there_is(manager: Manager) -> None:
    manager.announce(TOKENS[0])
    manager.step("testSecret", TOKENS[0])
    assert manager.value("AWSCURRENT") == SECRET


@pytest.mark.parametrize("step", STEPS)
def test_a_version_that_nobody_announced_is_refused(manager: Manager, step: str) -> None:
    with pytest.raises(RotationError, match="is not about to become the current one"):
        manager.step(step, TOKENS[0])
    assert manager.value("AWSCURRENT") == SECRET


@pytest.mark.parametrize("step", STEPS)
def test_a_step_that_comes_late_does_nothing(manager: Manager, step: str) -> None:
    manager.rotate(TOKENS[0])
    before = manager.versions
    manager.step(step, TOKENS[0])
    assert manager.versions == before


@pytest.mark.parametrize(
    "event", [{}, {"Step": "createSecret"}, {"Step": "x", "SecretId": "", "ClientRequestToken": ""}, []]
)
def test_other_events_are_refused(event: Any) -> None:
    with pytest.raises(RotationError, match="one of createSecret, setSecret, testSecret, finishSecret"):
        handler(event, None)
