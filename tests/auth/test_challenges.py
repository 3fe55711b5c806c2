"""What ``WWW-Authenticate`` says, to the byte."""

import pytest

from lambent.auth.challenges import InsufficientScopeError, challenge, unauthorized

ALGS = 'algs="RS256 PS256 ES256 EdDSA"'


def test_nothing_to_say() -> None:
    assert challenge(None) == "Bearer"
    assert challenge(None, scheme="DPoP") == f"DPoP {ALGS}"


def test_everything() -> None:
    """The description is last: clients find the other parameters by searching for their names."""
    value = challenge("https://a.test/m", ["b", "c"], error="invalid_token", description="It is scope=1.")
    assert value == (
        'Bearer error="invalid_token", scope="b c", resource_metadata="https://a.test/m", '
        'error_description="It is scope=1."'
    )


@pytest.mark.parametrize("text", ['a"b', "a\\b", "a\r\nb: c", "a\0b", "aäb", "a\x7fb", "a\u2028b"])
def test_no_text_ends_a_quoted_string(text: str) -> None:
    shown = challenge(f"https://a.test/{text}", [], error="e", description=text)
    assert shown.isascii()
    assert shown.isprintable()
    assert shown.count('"') == 6
    assert "\\" not in shown


def test_unauthorized() -> None:
    plain = unauthorized("Who are you?", "https://a.test/m", ["b"])
    assert (plain.status, plain.message, plain.data) == (401, "Who are you?", None)
    assert plain.headers == {"www-authenticate": 'Bearer scope="b", resource_metadata="https://a.test/m"'}
    wrong = unauthorized("Bad", error="invalid_request", status=400)
    assert (wrong.status, wrong.data) == (400, {"error": "invalid_request"})
    assert wrong.headers == {"www-authenticate": 'Bearer error="invalid_request", error_description="Bad"'}


def test_insufficient_scope() -> None:
    error = InsufficientScopeError(["a", "b", "a"], "https://a.test/m")
    assert (error.status, error.scopes) == (403, ("a", "b"))
    assert error.message == "This call needs the scope a b"
    assert error.data == {"error": "insufficient_scope", "scope": "a b"}
    assert error.headers == {
        "www-authenticate": (
            'Bearer error="insufficient_scope", scope="a b", resource_metadata="https://a.test/m", '
            'error_description="This call needs the scope a b"'
        )
    }
    assert InsufficientScopeError(["a"], scheme="DPoP").headers["www-authenticate"].startswith("DPoP ")
