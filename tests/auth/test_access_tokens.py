"""Parts of tokens, and what their claims mean."""

import itertools
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambent.auth.access_tokens import (
    MAX_TOKEN_BYTES,
    InvalidTokenError,
    audiences,
    check_times,
    decode_base64url,
    encode_base64url,
    scopes_of,
    take_apart,
    text_of,
)


@given(st.binary(max_size=100))
def test_base64url(data: bytes) -> None:
    assert decode_base64url(encode_base64url(data)) == data


def test_bytes_have_one_form() -> None:
    letters = string.ascii_letters + string.digits + "-_"
    found: dict[bytes, str] = {}
    for pair in itertools.product(letters, repeat=2):
        text = "".join(pair)
        try:
            data = decode_base64url(text)
        except ValueError:
            continue
        assert found.setdefault(data, text) == text
    assert len(found) == 256


@pytest.mark.parametrize(
    "text", ["a", "a=", "YQ==", "YQ=", "Y Q", "YQ\n", "+A", "/A", "Yé", "Y\0", "YR", "=YQ"]
)
def test_other_forms(text: str) -> None:
    with pytest.raises(
        ValueError, match=r"^(not Base64url|Invalid base64|Incorrect padding|string argument)"
    ):
        decode_base64url(text)


@given(
    st.text(max_size=200) | st.from_regex(r"[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*", fullmatch=True)
)
def test_no_text_is_worse_than_invalid(token: str) -> None:
    with pytest.raises(InvalidTokenError) as caught:
        take_apart(token)
    assert token == "" or len(token) < 6 or token not in str(caught.value)


def test_length_is_looked_at_first() -> None:
    with pytest.raises(InvalidTokenError, match="too long"):
        take_apart("a" * (MAX_TOKEN_BYTES + 1))
    with pytest.raises(InvalidTokenError, match="not a signed JWT"):
        take_apart("a" * MAX_TOKEN_BYTES)


@pytest.mark.parametrize(
    ("claims", "leeway", "end"),
    [
        ({"exp": 101}, 0, 101),
        ({"exp": 100.5}, 0, 100.5),
        ({"exp": 100}, 5, 105),
        ({"exp": 96}, 5, 101),
        ({"exp": 101, "nbf": 100}, 0, 101),
        ({"exp": 101, "nbf": 105}, 5, 106),
        ({"exp": 101, "nbf": None}, 0, 101),
        ({"exp": 1e14}, 0, 1e14),
    ],
    ids=str,
)
def test_times(claims: dict[str, object], leeway: float, end: float) -> None:
    assert check_times(claims, 100.0, leeway) == end


@pytest.mark.parametrize(
    ("claims", "leeway"),
    [
        ({}, 0),
        ({"exp": 100}, 0),
        ({"exp": 95}, 5),
        ({"exp": 101, "nbf": 101}, 0),
        ({"exp": 101, "nbf": 106}, 5),
        ({"exp": float("inf")}, 0),
        ({"exp": float("nan")}, 0),
        ({"exp": 10**400}, 0),
        ({"exp": -(10**400)}, 0),
        ({"exp": 101, "nbf": -(10**400)}, 0),
        ({"exp": 101, "nbf": False}, 0),
    ],
    ids=lambda value: str(value)[:40],
)
def test_times_that_are_refused(claims: dict[str, object], leeway: float) -> None:
    with pytest.raises(InvalidTokenError):
        check_times(claims, 100.0, leeway)


def test_audiences() -> None:
    assert audiences({}) is None
    assert audiences({"aud": "a"}) == {"a"}
    assert audiences({"aud": ["a", "b", "a"]}) == {"a", "b"}
    assert audiences({"aud": []}) == frozenset()


def test_the_first_text() -> None:
    claims = {"a": 5, "b": "", "c": "found", "d": "later"}
    assert text_of(claims, ["x", "a", "b", "c", "d"]) == "found"
    assert text_of(claims, ["x", "a", "b"]) == ""


def test_scopes() -> None:
    assert scopes_of({"scope": "a  b", "scp": ["c", 5]}, ["scope", "scp", "x"]) == {"a", "b", "c"}
    assert scopes_of({"scope": None, "scp": 5}, ["scope", "scp"]) == frozenset()
