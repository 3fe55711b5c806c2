"""The declaration: what cannot work, or would not be safe, is refused at once."""

from typing import Any

import pytest

from lambent import DeclarationError, Introspection, OAuth

ISSUER = "https://login.test"


@pytest.mark.parametrize(
    "issuer",
    [
        "",
        (),
        [],
        ["https://login.test", ""],
        [None],
        "login.test",
        "http://login.test",
        "ftp://login.test",
        "https://",
        "https:///path",
        "https://user@login.test",
        "https://login.test/#fragment",
        "https://login.test/a b",
        "https://login.test/ä",
        'https://login.test/"',
        "https://login.test\n",
        "https://login.test:99999",
        "https://[::1",
        "http://localhost.evil.test",
        "http://127.0.0.1.evil.test",
        "javascript:alert(1)",
        "https://login.test/.well-known/openid-configuration",
        "https://login.test/.well-known/oauth-authorization-server/tenant",
    ],
)
def test_issuers_that_are_refused(issuer: Any) -> None:
    with pytest.raises(DeclarationError):
        OAuth(issuer=issuer)


@pytest.mark.parametrize(
    "issuer",
    [
        ISSUER,
        f"{ISSUER}/",
        "https://login.test:8443/a/b?c=d",
        "http://localhost:8000",
        "http://127.0.0.1",
        "http://[::1]:5",
    ],
)
def test_issuers(issuer: str) -> None:
    assert OAuth(issuer=issuer).issuers == (issuer,)


def test_one_or_several() -> None:
    one = OAuth(issuer=ISSUER, audience="a", client_ids="client-1", scope_claims="permissions")
    several = OAuth(issuer=[ISSUER], audience=["a"], client_ids=["client-1"], scope_claims=["permissions"])
    assert one == several
    assert one.audiences == ("a",)


@pytest.mark.parametrize(
    "options",
    [
        {"audience": ""},
        {"audience": ["a", ""]},
        {"audience": [5]},
        {"client_ids": ""},
        {"client_ids": [""]},
        {"client_ids": [None]},
        {"scope_claims": [""]},
        {"jwks_url": "http://keys.test/jwks"},
        {"jwks_url": ""},
        {"issuer": [ISSUER, "https://other.test"], "jwks_url": "https://keys.test/jwks"},
        {"scopes": "a"},
        {"scopes": ["a b"]},
        {"scopes_supported": "a"},
        {"scopes_supported": ['"']},
        {"implies": {"a": "b"}},
        {"implies": {"a": ["b c"]}},
        {"implies": {"a b": ["c"]}},
        {"algorithms": ["none"]},
        {"algorithms": ["HS256"]},
        {"algorithms": ["RS256", "RS1"]},
        {"algorithms": "RS256"},
        {"leeway": -1},
        {"leeway": 301},
        {"leeway": float("nan")},
    ],
    ids=str,
)
def test_what_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(DeclarationError):
        OAuth(**{"issuer": ISSUER, **options})


def test_scopes_include_others() -> None:
    declared = OAuth(issuer=ISSUER, implies={"a": ["b", "c"], "b": ["d"], "d": ["a"]})
    assert declared.with_implied(frozenset({"a", "x"})) == {"a", "b", "c", "d", "x"}
    assert declared.with_implied(frozenset({"c"})) == {"c"}
    assert declared.with_implied(frozenset()) == frozenset()


@pytest.mark.parametrize(
    ("issuer", "is_cognito"),
    [
        ("https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC", True),
        ("https://cognito-idp.cn-north-1.amazonaws.com.cn/cn-north-1_AbC", True),
        ("https://cognito-idp.eu-west-1.amazonaws.com.evil.test/eu-west-1_AbC", False),
        ("https://evil.test/cognito-idp.eu-west-1.amazonaws.com/a", False),
        ("https://cognito-idp.eu-west-1.amazonaws.com/a/b", False),
        ("https://cognito-idpxeu-west-1xamazonaws.com/a", False),
    ],
)
def test_keys_of_cognito(issuer: str, *, is_cognito: bool) -> None:
    assert OAuth(issuer=issuer).keys_at(issuer) == (f"{issuer}/.well-known/jwks.json" if is_cognito else None)


def test_nothing_secret_is_shown() -> None:
    introspection = Introspection(url=f"{ISSUER}/i", client_id="a", client_secret="very secret")
    assert "very secret" not in repr(OAuth(issuer=ISSUER, introspection=introspection))


@pytest.mark.parametrize("name", ["scopes", "scopes_supported", "algorithms"])
def test_a_text_is_no_list(name: str) -> None:
    """The message says what to write."""
    with pytest.raises(DeclarationError, match=f"Write {name}=\\['RS256'\\]: {name} is a list"):
        OAuth(issuer=ISSUER, **{name: "RS256"})


def test_the_url_of_keys_is_named() -> None:
    with pytest.raises(DeclarationError, match="jwks_url must be an https URL"):
        OAuth(issuer=ISSUER, jwks_url="http://login.test/jwks")
