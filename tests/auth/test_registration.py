"""Which declarations of a registration are taken, and what a client is answered."""

from typing import Any

import pytest

from lambent.auth.oauth import OAuth
from lambent.auth.registration import MOST_REDIRECTS, Registration, RegistrationError
from lambent.errors import DeclarationError

APP = "https://app.example.com/callback"
LOCAL = "http://localhost:8765/callback"


def registration(**options: Any) -> Registration:
    return Registration(**{"client_id": "client-1", "redirect_uris": [APP, LOCAL], **options})


def test_a_secret_is_refused() -> None:
    with pytest.raises(DeclarationError, match="everybody who registers would get it"):
        registration(client_secret="not-for-everybody")


@pytest.mark.parametrize(
    "uri",
    [
        APP,
        "http://localhost:1/cb",
        "http://127.0.0.1/cb",
        "http://[::1]:8765/cb",
        "com.example.app:/callback",
        "cursor://anysphere.cursor-mcp/oauth/callback",
    ],
)
def test_redirect_uris(uri: str) -> None:
    assert registration(redirect_uris=[uri]).allows(uri)


@pytest.mark.parametrize(
    "uri",
    [
        "http://app.example.com/callback",
        "https://app.example.com/callback#part",
        "https://*.example.com/callback",
        "https://user@app.example.com/",
        "https:///callback",
        "https://app.example.com:port/",
        "javascript:alert(1)",
        "JavaScript://%0aalert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "/callback",
        "",
        "https://app.example.com/\u00e9",
        "https://app.example.com\\@evil.test/",
        "https://app.example.com/a b",
    ],
)
def test_redirect_uris_that_are_refused(uri: str) -> None:
    with pytest.raises(DeclarationError):
        registration(redirect_uris=[uri])


@pytest.mark.parametrize(
    "options",
    [
        {"redirect_uris": []},
        {"redirect_uris": APP},
        {"client_id": ""},
        {"authorization_endpoint": "http://login.example.com/authorize"},
        {"token_endpoint": "login.example.com/token"},
    ],
)
def test_declarations_that_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(DeclarationError):
        registration(**options)


@pytest.mark.parametrize(
    "options",
    [
        {"issuer": ["https://one.example.com", "https://two.example.com"]},
        {"header": "X-Enterprise-Token"},
        {"client_ids": ["client-2"]},
    ],
)
def test_it_has_to_fit_the_tokens(options: dict[str, Any]) -> None:
    with pytest.raises(DeclarationError):
        OAuth(**{"issuer": "https://one.example.com", "registration": registration(), **options})


@pytest.mark.parametrize(
    "uri",
    [
        f"{APP}/",
        f"{APP}?x=1",
        "https://app.example.com:443/callback",
        "https://APP.example.com/callback",
        "https://evil.test/callback",
        "http://localhost:8766/callback",
        "http://127.0.0.1:8765/callback",
    ],
)
def test_uris_are_compared_character_for_character(uri: str) -> None:
    assert not registration().allows(uri)


@pytest.mark.parametrize(
    ("uri", "is_allowed"),
    [
        ("http://localhost:49152/callback", True),
        ("http://localhost/callback", True),
        ("http://127.0.0.1:8765/callback", False),
        ("http://localhost:49152/callback2", False),
        ("http://localhost:49152/callback?x=1", False),
        ("https://localhost:49152/callback", False),
        ("http://localhost.evil.test:49152/callback", False),
        ("http://localhost:49152/callback#x", False),
        ("http://localhost:99999/callback", False),
        ("http://evil@localhost:49152/callback", False),
        ("https://app.example.com:8443/callback", False),
    ],
)
def test_any_port_of_loopback(uri: str, is_allowed: bool) -> None:
    assert registration(any_loopback_port=True).allows(uri) is is_allowed


def test_the_response() -> None:
    asked = {
        "client_name": "Test client",
        "redirect_uris": [LOCAL],
        "grant_types": ["refresh_token", "authorization_code", "implicit"],
        "response_types": ["code", "token"],
        "token_endpoint_auth_method": "client_secret_basic",
        "client_secret": "mine",
        "scope": "everything",
    }
    assert registration().register(asked, 1_800_000_000.5) == {
        "client_id": "client-1",
        "client_id_issued_at": 1_800_000_000,
        "redirect_uris": [LOCAL],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        "client_name": "Test client",
    }


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ([], "invalid_client_metadata"),
        ("x", "invalid_client_metadata"),
        ({}, "invalid_redirect_uri"),
        ({"redirect_uris": []}, "invalid_redirect_uri"),
        ({"redirect_uris": APP}, "invalid_redirect_uri"),
        ({"redirect_uris": [None]}, "invalid_redirect_uri"),
        ({"redirect_uris": [APP, "https://evil.test/"]}, "invalid_redirect_uri"),
        ({"redirect_uris": [APP] * (MOST_REDIRECTS + 1)}, "invalid_redirect_uri"),
        ({"redirect_uris": [APP], "grant_types": ["implicit"]}, "invalid_client_metadata"),
        ({"redirect_uris": [APP], "grant_types": "authorization_code"}, "invalid_client_metadata"),
    ],
)
def test_requests_that_are_refused(asked: Any, error: str) -> None:
    with pytest.raises(RegistrationError) as refused:
        registration().register(asked, 0)
    assert refused.value.error == error


@pytest.mark.parametrize("name", ["\x1b[31m", "two\nlines", 7, None, ""])
def test_a_name_that_is_no_line_is_left_out(name: Any) -> None:
    assert "client_name" not in registration().register({"redirect_uris": [APP], "client_name": name}, 0)


def test_the_metadata() -> None:
    own = {
        "issuer": "https://issuer.test",
        "authorization_endpoint": "https://login.test/authorize",
        "token_endpoint": "https://login.test/token",
        "jwks_uri": "https://issuer.test/jwks",
        "registration_endpoint": "https://issuer.test/register",
        "response_types_supported": ["code", "token"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        "authorization_response_iss_parameter_supported": True,
        "client_id_metadata_document_supported": True,
        "signed_metadata": "e30.e30.",
    }
    assert registration().metadata(own, "https://mcp.example.com/mcp") == {
        "issuer": "https://mcp.example.com/mcp",
        "authorization_endpoint": "https://login.test/authorize",
        "token_endpoint": "https://login.test/token",
        "jwks_uri": "https://issuer.test/jwks",
        "registration_endpoint": "https://mcp.example.com/mcp/register",
        "response_types_supported": ["code", "token"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_methods_supported": ["none"],
        "code_challenge_methods_supported": ["S256"],
    }


def test_declared_endpoints_count() -> None:
    chosen = registration(
        authorization_endpoint="https://login.test/authorize", token_endpoint="https://login.test/token"
    )
    for own in (None, {}, {"token_endpoint": "https://other.test/token"}):
        found = chosen.metadata(own, "https://mcp.example.com/mcp")
        assert found is not None
        assert found["authorization_endpoint"] == "https://login.test/authorize"
        assert found["token_endpoint"] == "https://login.test/token"
    assert registration().metadata(None, "https://mcp.example.com/mcp") is None
    assert registration().metadata({"token_endpoint": "https://x.test"}, "https://mcp.example.com") is None
