"""Rings of secrets."""

import pytest
from tests.support import SECRET

from lambent import ConfigurationError
from lambent.stores.keys import MissingKeys, ProcessKeys, StaticKeys


def test_static_keys_are_what_was_given_in_its_order() -> None:
    assert StaticKeys([SECRET, SECRET[::-1]]).ring() == (SECRET.encode(), SECRET[::-1].encode())


@pytest.mark.parametrize("secrets", [[], [""], ["x" * 31], [SECRET, "x" * 31]])
def test_static_keys_must_be_long_enough(secrets: list[str]) -> None:
    with pytest.raises(ConfigurationError, match="LAMBENT_STATE_KEYS must hold secrets of at least 32"):
        StaticKeys(secrets)


def test_secrets_may_be_of_any_alphabet() -> None:
    assert StaticKeys(["é" * 32]).ring() == (("é" * 32).encode(),)


def test_process_keys_are_random_and_stay() -> None:
    keys = ProcessKeys()
    (secret,) = keys.ring()
    assert len(secret) == 32
    assert keys.ring() == (secret,)
    assert ProcessKeys().ring() != (secret,)


def test_missing_keys_say_what_to_set() -> None:
    with pytest.raises(ConfigurationError, match="set LAMBENT_STATE_KEYS to the output of `openssl"):
        MissingKeys().ring()
