"""The variables of deliveries to endpoints: what they set, and what is refused."""

from typing import Any

import pytest

from lambent import ConfigurationError, Settings
from lambent.hosts.events_settings import EventSettings, read_events


def read(**variables: str) -> EventSettings:
    return read_events({f"LAMBENT_EVENTS_{name}": value for name, value in variables.items()})


def refusal(**variables: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        read(**variables)
    return str(caught.value)


def test_nothing() -> None:
    assert read() == EventSettings()
    assert read(QUEUE_URL="", MIN_TTL=" ", ALLOWED_CALLBACKS="") == EventSettings()


def test_everything() -> None:
    assert read(
        QUEUE_URL="https://sqs/deliveries",
        MIN_TTL="60",
        MAX_TTL="3600.5",
        NO_EXPIRY="TRUE",
        MAX_SUBSCRIPTIONS="7",
        ALLOWED_CALLBACKS="https://a.test, https://b.test/hooks",
        LOCAL_CALLBACKS="1",
    ) == EventSettings(
        queue_url="https://sqs/deliveries",
        min_ttl=60,
        max_ttl=3600.5,
        no_expiry=True,
        max_subscriptions=7,
        allowed_callbacks=("https://a.test", "https://b.test/hooks"),
        local_callbacks=True,
    )


@pytest.mark.parametrize(
    ("variables", "names"),
    [
        ({"MIN_TTL": "soon"}, ["LAMBENT_EVENTS_MIN_TTL"]),
        ({"MIN_TTL": "0"}, ["LAMBENT_EVENTS_MIN_TTL"]),
        ({"MIN_TTL": "-1"}, ["LAMBENT_EVENTS_MIN_TTL"]),
        ({"MAX_TTL": "nan"}, ["LAMBENT_EVENTS_MAX_TTL"]),
        ({"MAX_TTL": "inf"}, ["LAMBENT_EVENTS_MAX_TTL"]),
        ({"MAX_TTL": "60"}, ["LAMBENT_EVENTS_MIN_TTL is 300", "LAMBENT_EVENTS_MAX_TTL is 60"]),
        ({"MIN_TTL": "7", "MAX_TTL": "6"}, ["LAMBENT_EVENTS_MIN_TTL is 7", "LAMBENT_EVENTS_MAX_TTL is 6"]),
        ({"NO_EXPIRY": "never"}, ["LAMBENT_EVENTS_NO_EXPIRY"]),
        ({"LOCAL_CALLBACKS": "localhost"}, ["LAMBENT_EVENTS_LOCAL_CALLBACKS"]),
        ({"MAX_SUBSCRIPTIONS": "0"}, ["LAMBENT_EVENTS_MAX_SUBSCRIPTIONS"]),
        ({"MAX_SUBSCRIPTIONS": "1001"}, ["LAMBENT_EVENTS_MAX_SUBSCRIPTIONS"]),
        ({"MAX_SUBSCRIPTIONS": "1.5"}, ["LAMBENT_EVENTS_MAX_SUBSCRIPTIONS"]),
        ({"ALLOWED_CALLBACKS": "a.test/"}, ["LAMBENT_EVENTS_ALLOWED_CALLBACKS"]),
        ({"ALLOWED_CALLBACKS": "http://a.test/"}, ["LAMBENT_EVENTS_ALLOWED_CALLBACKS"]),
        ({"ALLOWED_CALLBACKS": "https://a.test/?b"}, ["LAMBENT_EVENTS_ALLOWED_CALLBACKS", "a.test/?b"]),
        ({"ALLOWED_CALLBACKS": "https:///hook"}, ["LAMBENT_EVENTS_ALLOWED_CALLBACKS"]),
        ({"ALLOWED_CALLBACKS": "https://me@a.test/"}, ["LAMBENT_EVENTS_ALLOWED_CALLBACKS"]),
        ({"QUEUE": "https://sqs/deliveries"}, ["LAMBENT_EVENTS_QUEUE "]),
        ({"MINTTL": "300"}, ["LAMBENT_EVENTS_MINTTL "]),
    ],
)
def test_what_cannot_be_used_is_named(variables: dict[str, str], names: list[str]) -> None:
    problem = refusal(**variables)
    assert all(name in problem for name in names), problem


def test_misspelled_variables_that_are_empty_are_ignored() -> None:
    assert read(QUEUE="") == EventSettings()


def test_settings_read_them_where_one_is_set() -> None:
    assert Settings.from_env({}).events is None
    assert Settings.from_env({"LAMBENT_EVENTS_QUEUE_URL": ""}).events is None
    found = Settings.from_env({"LAMBENT_EVENTS_QUEUE_URL": "https://sqs/deliveries"}).events
    assert found == EventSettings(queue_url="https://sqs/deliveries")


def test_endpoints_on_this_machine_are_not_for_lambda() -> None:
    """The runtime's own interface is there."""
    in_lambda = {"AWS_LAMBDA_FUNCTION_NAME": "shop", "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001"}
    variables: dict[str, Any] = {"LAMBENT_EVENTS_LOCAL_CALLBACKS": "true", **in_lambda}
    with pytest.raises(ConfigurationError, match="LAMBENT_EVENTS_LOCAL_CALLBACKS is for development"):
        Settings.from_env(variables)
    emulated = Settings.from_env({**variables, "AWS_ENDPOINT_URL": "http://127.0.0.1:4566"})
    assert emulated.events == EventSettings(local_callbacks=True)
