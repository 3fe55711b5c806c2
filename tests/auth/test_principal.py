"""The key of a principal: what everything that belongs to one is kept under."""

import itertools

from lambent.auth.principal import Principal, key_of


def test_no_two_share_a_key() -> None:
    parts = ["", "a", "b", "1:a", "ab", ":", "0:", "1:", "https://a.test", "https://a.test/"]
    keys = {Principal(subject, issuer).key for subject, issuer in itertools.product(parts, parts)}
    assert len(keys) == len(parts) ** 2
    assert "" not in keys


def test_only_who_it_is_counts() -> None:
    """Another client, other scopes and other claims are still the same caller."""
    plain = Principal("ada", "https://a.test")
    other = Principal("ada", "https://a.test", frozenset({"b"}), "client-1", {"c": 1})
    assert plain.key == other.key == key_of(other)
    assert key_of(None) == ""
