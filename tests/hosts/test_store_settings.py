"""``LAMBENT_STORE``: what it may be, and what is said of everything else."""

import pytest

from lambent.errors import ConfigurationError
from lambent.hosts import store_settings
from lambent.hosts.settings import Settings
from lambent.hosts.store_settings import Place, read_store

KINDS = "must be redis://<host>, rediss://<host>, dynamodb://<table> or memory://"
ESCAPES = (
    "it must be redis://<user>:<password>@<host>:<port>/<database>, in a password with %23, %2F and %40 for "
    "#, / and @"
)
OPTIONS = "ssl_ca_certs, ssl_cert_reqs, ssl_certfile, ssl_keyfile"


@pytest.fixture(autouse=True)
def library(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if redis-py were installed."""
    monkeypatch.setattr(store_settings, "find_spec", lambda name: object())


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("memory://", Place(in_memory=True)),
        ("dynamodb://shop", Place(table="shop")),
        (
            "dynamodb://arn:aws:dynamodb:eu-west-1:123456789012:table/shop",
            Place(table="arn:aws:dynamodb:eu-west-1:123456789012:table/shop"),
        ),
        *(
            (url, Place(redis=url))
            for url in (
                "redis://localhost",
                "redis://me:s%23cret@cache.example.com:6380/2",
                "redis://[::1]:6379/0",
                "rediss://:secret@cache.example.com/?ssl_ca_certs=/etc/ca.pem&ssl_cert_reqs=required",
            )
        ),
    ],
)
def test_places(text: str, place: Place) -> None:
    assert read_store(text, None) == place


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("postgres://me:secret@db", f"{KINDS}, and is one of the kind 'postgres'"),
        ("shop", f"{KINDS}, and is one without a kind"),
        ("memory:", f"{KINDS}, and is one without a kind"),
        ("memory://x", "is memory:// with something behind it: nothing belongs there"),
        ("dynamodb://", "names no table: it must be dynamodb://<table>"),
        ("dynamodb://a b", "names no table: it must be dynamodb://<table>"),
        ("redis://", "names no host: it must be redis://<host>:<port>/<database>"),
        ("redis://:secret@/1", "names no host: it must be redis://<host>:<port>/<database>"),
        ("redis://h:0", "names no host: it must be redis://<host>:<port>/<database>"),
        ("redis://h:70000", f"has a host or port that cannot be read: {ESCAPES}"),
        ("redis://me:sec:ret@h:x", f"has a host or port that cannot be read: {ESCAPES}"),
        ("redis://me:sec/ret@h:6379/0", f"has a host or port that cannot be read: {ESCAPES}"),
        ("redis://me:sec#ret@h:6379/0", f"has a host or port that cannot be read: {ESCAPES}"),
        ("redis://h/shop", "has a database that is no number: 'shop'"),
        ("redis://h/1#x", "has a '#': in a password it is written as %23"),
        ("rediss://h?timeout=1", f"has the option 'timeout': there are {OPTIONS}"),
        ("redis://h?ssl_cert_reqs=none", "has options for TLS: it must begin with rediss://"),
    ],
)
def test_everything_else_is_refused_without_its_password(text: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_store(text, None)
    assert str(caught.value) == f"LAMBENT_STORE {said}"


def test_a_missing_library_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_settings, "find_spec", lambda name: None)
    with pytest.raises(
        ConfigurationError, match=r"^LAMBENT_STORE needs redis-py: install the extra lambent\[redis\]$"
    ):
        read_store("redis://localhost", None)
    assert read_store("dynamodb://shop", None) == Place(table="shop")


def of(**variables: str) -> tuple[str | None, str | None, bool]:
    settings = Settings.from_env(variables)
    return settings.table, settings.redis, settings.in_memory


def test_the_settings_take_either_variable() -> None:
    assert of() == (None, None, False)
    assert of(LAMBENT_STORE=" ") == (None, None, False)
    assert of(LAMBENT_TABLE="shop") == of(LAMBENT_STORE="dynamodb://shop") == ("shop", None, False)
    assert of(LAMBENT_TABLE="memory:") == of(LAMBENT_STORE="memory://") == (None, None, True)
    assert of(LAMBENT_STORE="redis://h") == (None, "redis://h", False)
    assert Settings(table="a").has_store
    assert Settings(redis="a").has_store
    assert not Settings(in_memory=True).has_store


def test_both_are_refused() -> None:
    with pytest.raises(ConfigurationError) as caught:
        of(LAMBENT_TABLE="shop", LAMBENT_STORE="redis://h")
    assert str(caught.value) == (
        "LAMBENT_STORE and LAMBENT_TABLE are both set: where are records kept? Set one of them"
    )


def test_memory_is_not_for_lambda() -> None:
    with pytest.raises(ConfigurationError) as caught:
        of(LAMBENT_STORE="memory://", AWS_LAMBDA_RUNTIME_API="127.0.0.1:9001")
    assert str(caught.value) == (
        "LAMBENT_STORE is 'memory://', and environments of Lambda share no memory: name a table"
    )


def test_the_password_is_not_shown() -> None:
    assert "me:secret" not in repr(Settings(redis="redis://me:secret@h"))
