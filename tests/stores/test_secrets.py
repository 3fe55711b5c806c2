"""Rings in Secrets Manager: what is read when, and what happens around rotations."""

import logging
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from tests.support import EVERYTHING, SECRET, Client, accept, make_server

from lambent import ConfigurationError, Context, InvalidParamsError, Settings, StoreError
from lambent.execution.rounds.sealing import Binding, Sealer, State
from lambent.stores import aws
from lambent.stores.secrets import RENEWAL_SECONDS, SecretKeys

NAME = "state"
SECOND, THIRD = SECRET[::-1], "x" * 32
BINDING = Binding("tools/call", "refund", "", "", "shop")


class Clock:
    """Seconds, as many as it is told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Secrets Manager, with the secret."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    aws._clients.clear()
    with mock_aws():
        client = boto3.client("secretsmanager")
        client.create_secret(Name=NAME, SecretString=SECRET)
        yield client
    aws._clients.clear()


@pytest.fixture
def reads(manager: Any) -> list[str]:
    """The versions that were asked for, in order."""
    seen: list[str] = []
    manager.meta.events.register(
        "before-parameter-build.secrets-manager.GetSecretValue",
        lambda params, **_: seen.append(params["VersionStage"]),
    )
    return seen


def refuse(manager: Any, code: str) -> None:
    """Let every read fail from here on."""

    def fail(**_: Any) -> None:
        raise ClientError({"Error": {"Code": code, "Message": "No."}}, "GetSecretValue")

    manager.meta.events.register("before-call.secrets-manager.GetSecretValue", fail)


def replace(manager: Any, value: str) -> None:
    """What the end of a rotation does."""
    manager.put_secret_value(SecretId=NAME, SecretString=value)


def sealer(keys: SecretKeys) -> Sealer:
    return Sealer(keys, lambda: 1_000.0, 900, "shop")


def test_nothing_is_read_before_it_is_needed(manager: Any, reads: list[str]) -> None:
    SecretKeys(NAME, manager)
    assert reads == []


def test_a_secret_that_was_never_rotated_is_a_ring_of_one(manager: Any, reads: list[str]) -> None:
    keys = SecretKeys(NAME, manager)
    assert keys.ring() == (SECRET.encode(),)
    assert keys.ring() == (SECRET.encode(),)
    assert reads == ["AWSCURRENT", "AWSPREVIOUS"]  # once, whatever comes


def test_the_current_version_seals_and_the_previous_one_opens(manager: Any) -> None:
    replace(manager, SECOND)
    assert SecretKeys(NAME, manager).ring() == (SECOND.encode(), SECRET.encode())


def test_an_arn_names_a_secret_too(manager: Any) -> None:
    arn = manager.describe_secret(SecretId=NAME)["ARN"]
    assert SecretKeys(arn, manager).ring() == (SECRET.encode(),)


def test_a_rotation_between_the_two_reads_loses_nothing(manager: Any) -> None:
    """The version that was current a moment ago must be in the ring, whatever else is."""
    asked = []

    def rotate(params: dict[str, Any], **_: Any) -> None:
        asked.append(params["VersionStage"])
        if len(asked) == 2:
            replace(manager, SECOND)

    manager.meta.events.register("before-parameter-build.secrets-manager.GetSecretValue", rotate)
    assert SecretKeys(NAME, manager).ring() == (SECRET.encode(),)


def test_a_state_of_a_newer_secret_has_the_ring_read_again(manager: Any, reads: list[str]) -> None:
    clock = Clock()
    old = SecretKeys(NAME, manager, clock)
    old.ring()
    replace(manager, SECOND)
    token = sealer(SecretKeys(NAME, manager)).seal(BINDING, State())
    reads.clear()
    clock.now = RENEWAL_SECONDS
    sealer(old).open(token, BINDING)
    assert reads == ["AWSCURRENT", "AWSPREVIOUS"]
    assert old.ring() == (SECOND.encode(), SECRET.encode())


def test_a_state_survives_one_rotation_and_not_two(manager: Any) -> None:
    token = sealer(SecretKeys(NAME, manager)).seal(BINDING, State())
    replace(manager, SECOND)
    sealer(SecretKeys(NAME, manager)).open(token, BINDING)
    replace(manager, THIRD)
    with pytest.raises(InvalidParamsError):
        sealer(SecretKeys(NAME, manager)).open(token, BINDING)


def test_hostile_states_do_not_decide_how_often_aws_is_asked(manager: Any, reads: list[str]) -> None:
    clock = Clock()
    keys = SecretKeys(NAME, manager, clock)
    strange = Sealer(SecretKeys(NAME, _Fixed(THIRD)), lambda: 1_000.0, 900, "shop").seal(BINDING, State())
    for second in range(100):
        clock.now = float(second)
        with pytest.raises(InvalidParamsError):
            sealer(keys).open(strange, BINDING)
    assert len(reads) == 2 * 100 / RENEWAL_SECONDS


def test_hostile_states_do_not_even_where_reading_fails(manager: Any, reads: list[str]) -> None:
    clock = Clock()
    keys = SecretKeys(NAME, manager, clock)
    keys.ring()
    refuse(manager, "AccessDeniedException")
    reads.clear()
    clock.now = RENEWAL_SECONDS
    with pytest.raises(ConfigurationError):
        keys.renewed()
    assert keys.renewed() == keys.ring() == (SECRET.encode(),)
    assert reads == ["AWSCURRENT"]


def test_altered_states_are_no_reason_to_read_again(manager: Any, reads: list[str]) -> None:
    keys = SecretKeys(NAME, manager, Clock())
    token = sealer(keys).seal(BINDING, State())
    keys._read_at = -RENEWAL_SECONDS
    reads.clear()
    with pytest.raises(InvalidParamsError):
        sealer(keys).open(token[:-4] + ("AAAA" if token[-4:] != "AAAA" else "BBBB"), BINDING)
    assert reads == []


def test_what_is_forgotten_is_read_anew(manager: Any, reads: list[str]) -> None:
    keys = SecretKeys(NAME, manager)
    keys.ring()
    replace(manager, SECOND)
    keys.forget()
    assert keys.ring()[0] == SECOND.encode()
    assert len(reads) == 4


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("AccessDeniedException", "allow secretsmanager:GetSecretValue on it"),
        ("ResourceNotFoundException", "there is no such secret with a value here"),
        ("InvalidRequestException", "it is being deleted"),
        ("DecryptionFailure", "the key that it is encrypted with cannot be used"),
        ("ValidationException", "no name and no ARN"),
    ],
)
def test_what_cannot_be_read_says_what_to_do(manager: Any, code: str, advice: str) -> None:
    refuse(manager, code)
    with pytest.raises(
        ConfigurationError, match=f"LAMBENT_STATE_SECRET, 'state', cannot be used: .*{advice}"
    ):
        SecretKeys(NAME, manager).ring()


def test_what_passes_is_no_matter_of_configuration(manager: Any, reads: list[str]) -> None:
    refuse(manager, "ThrottlingException")
    keys = SecretKeys(NAME, manager)
    for _ in range(2):  # and it is tried again
        with pytest.raises(StoreError):
            keys.ring()
    assert reads == ["AWSCURRENT"] * 2


@pytest.mark.parametrize("value", [{"SecretString": "x" * 31}, {"SecretBinary": b"x" * 64}])
def test_values_that_seal_nothing_are_refused_unseen(manager: Any, value: dict[str, Any]) -> None:
    manager.put_secret_value(SecretId=NAME, **value)
    with pytest.raises(ConfigurationError, match="plain string of at least 32 characters") as caught:
        SecretKeys(NAME, manager).ring()
    assert "xxxx" not in str(caught.value)


def test_a_previous_value_that_never_sealed_anything_opens_nothing(manager: Any) -> None:
    replace(manager, "short")
    replace(manager, SECOND)
    assert SecretKeys(NAME, manager).ring() == (SECOND.encode(),)


def test_a_question_through_the_handler_takes_the_secret_of_the_settings(
    manager: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Two environments, the secret rotated between question and answer."""
    server = make_server()

    @server.tool()
    def ask(ctx: Context) -> str:
        return ctx.elicit("Sure?", {"type": "object", "properties": {}}).result().action

    settings = Settings(state_secret=NAME, in_lambda=True)
    first, second = (Client(server.lambda_handler(settings)) for _ in range(2))
    asked = first.call("ask", capabilities=EVERYTHING)
    replace(manager, SECOND)
    with caplog.at_level(logging.WARNING):
        (key,) = asked.questions
        given = {"requestState": asked.state, "inputResponses": {key: accept()}}
        done = second.call("ask", also=given, capabilities=EVERYTHING)
    assert done.text == "accept"
    assert caplog.records == []


class _Fixed:
    """Secrets Manager with one secret."""

    def __init__(self, value: str) -> None:
        self._value = value

    def get_secret_value(self, **_: Any) -> dict[str, str]:
        return {"SecretString": self._value}
