"""Tokens as Auth0, Entra ID, Okta and Keycloak have them, with the settings of ``docs/auth.md``."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest
from tests.auth.provider import SETTINGS, URL, Provider, bearer, lacking, protected, refused
from tests.support import Client, Reply, http_api

from lambent import Settings
from lambent.auth.oauth import OAuth

SCOPE = "orders.read"
OTHER = "The token was issued for another server (aud)"
UNKNOWN = "The issuer of the token is not one of those that this server trusts"


@contextmanager
def served(provider: Provider, *auth: OAuth, scope: str = SCOPE, **environ: str) -> Iterator[Client]:
    """A client of a server with a tool that needs a scope, set up in code or by variables."""
    settings = SETTINGS
    if environ:
        settings = Settings.from_env({f"LAMBENT_AUTH_{name}": value for name, value in environ.items()})
        settings = msgspec.structs.replace(SETTINGS, auth=settings.auth)
    try:
        with protected(provider, *auth, scopes=(scope,), settings=settings) as client:
            yield client
    finally:
        provider.keys.close()


def call(client: Client, token: str) -> Reply:
    return client.call("whoami", headers=bearer(token))


def check_refused(client: Client, cases: Mapping[str, tuple[str, str]]) -> None:
    for name, (token, text) in cases.items():
        reply = call(client, token)
        assert (reply.status, reply.headers["www-authenticate"]) == (401, refused(text)), name


def metadata(client: Client) -> dict[str, Any]:
    path = "/.well-known/oauth-protected-resource/mcp"
    found: dict[str, Any] = json.loads(client.event(http_api(None, {}, method="GET", path=path)).body)
    return found


# Auth0: "Access Token Profiles"

AUTH0 = "https://shop.eu.auth0.com/"
AUTH0_CLAIMS: dict[str, Any] = {
    "sub": "auth0|64f513be32db42b0b78eb021",
    "aud": [URL, "https://shop.eu.auth0.com/userinfo"],
    "azp": "my_client_id",
    "scope": f"openid profile {SCOPE}",
}


def auth0() -> Provider:
    jwks = "https://shop.eu.auth0.com/.well-known/jwks.json"
    documents = {
        "https://shop.eu.auth0.com/.well-known/openid-configuration": {"issuer": AUTH0, "jwks_uri": jwks}
    }
    return Provider(AUTH0, documents, jwks)


def test_auth0() -> None:
    provider = auth0()
    with served(provider, ISSUER=AUTH0) as client:
        assert call(client, provider.token(AUTH0_CLAIMS, {"typ": "JWT"})).value == {
            "subject": "auth0|64f513be32db42b0b78eb021",
            "client": "my_client_id",
            "scopes": ["openid", SCOPE, "profile"],
            "issuer": AUTH0,
        }
        profile = {**AUTH0_CLAIMS, "client_id": "my_client_id", "azp": None, "jti": "73WakrfVbNJBaAmhQtEeDv"}
        assert call(client, provider.token(profile, {"typ": "at+jwt"})).value["client"] == "my_client_id"
        assert metadata(client)["authorization_servers"] == [AUTH0]  # with its slash
        machine = {**AUTH0_CLAIMS, "sub": "my_client_id@clients", "aud": URL, "gty": "client-credentials"}
        assert call(client, provider.token(machine)).value["subject"] == "my_client_id@clients"
        id_token = {**AUTH0_CLAIMS, "aud": "my_client_id", "nonce": "n", "scope": None, "azp": None}
        no_slash = {**AUTH0_CLAIMS, "iss": AUTH0.rstrip("/")}
        check_refused(
            client,
            {
                "an ID token": (provider.token(id_token, {"typ": "JWT"}), OTHER),
                "of another API": (provider.token({**AUTH0_CLAIMS, "aud": [AUTH0 + "userinfo"]}), OTHER),
                "without the slash": (provider.token(no_slash), UNKNOWN),
                # Without an audience, what a client gets is an encrypted token in five parts.
                "opaque": ("eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..x.y.z", "The token is not a signed JWT"),
            },
        )


def test_auth0_with_permissions() -> None:
    provider = auth0()
    claims = {**AUTH0_CLAIMS, "scope": "openid", "permissions": [SCOPE]}
    with served(provider, ISSUER=AUTH0, SCOPE_CLAIMS="permissions") as client:
        assert call(client, provider.token(claims)).value["scopes"] == [SCOPE]
        # What the user may do is no scope that a client could ask for.
        assert call(client, provider.token({**claims, "permissions": []})).status == 403


# Entra ID: "Access token claims reference"

TENANT, API, APP = (
    "aaaabbbb-0000-cccc-1111-dddd2222eeee",
    "00001111-aaaa-2222-bbbb-3333cccc4444",
    "11112222-bbbb-3333-cccc-4444dddd5555",
)
ENTRA = f"https://login.microsoftonline.com/{TENANT}/v2.0"
ENTRA_V1 = f"https://sts.windows.net/{TENANT}/"
ENTRA_CLAIMS: dict[str, Any] = {
    "aud": API,
    "azp": APP,
    "azpacr": "0",
    "oid": "22223333-cccc-4444-dddd-5555eeee6666",
    "scp": SCOPE,
    "sub": "HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ",
    "tid": TENANT,
    "ver": "2.0",
}


def entra(issuer: str = ENTRA) -> Provider:
    jwks = f"https://login.microsoftonline.com/{TENANT}/discovery/v2.0/keys"
    document = {"issuer": issuer, "jwks_uri": jwks}
    return Provider(issuer, {f"{issuer.rstrip('/')}/.well-known/openid-configuration": document}, jwks)


def test_entra() -> None:
    provider = entra()
    with served(provider, ISSUER=ENTRA, AUDIENCE=API, SCOPE_PREFIX=f"{URL}/") as client:
        assert call(client, provider.token(ENTRA_CLAIMS, {"typ": "JWT"})).value == {
            "subject": ENTRA_CLAIMS["sub"],
            "client": APP,
            "scopes": [SCOPE],
            "issuer": ENTRA,
        }
        # Clients ask for the scope with the application ID URI.
        assert metadata(client)["scopes_supported"] == [f"{URL}/{SCOPE}"]
        assert metadata(client)["resource"] == URL
        reply = call(client, provider.token({**ENTRA_CLAIMS, "scp": "other"}))
        assert (reply.status, reply.headers["www-authenticate"]) == (403, lacking(f"{URL}/{SCOPE}"))
        id_token = {**ENTRA_CLAIMS, "aud": APP, "azp": None, "scp": None, "nonce": "n"}
        check_refused(
            client,
            {
                "an ID token": (provider.token(id_token, {"typ": "JWT"}), OTHER),
                "of Microsoft Graph": (
                    provider.token({**ENTRA_CLAIMS, "aud": "00000003-0000-0000-c000-000000000000"}),
                    OTHER,
                ),
                "of version 1": (provider.token({**ENTRA_CLAIMS, "iss": ENTRA_V1, "ver": "1.0"}), UNKNOWN),
                "of another tenant": (
                    provider.token({**ENTRA_CLAIMS, "iss": ENTRA.replace("aaaabbbb", "bbbbaaaa")}),
                    UNKNOWN,
                ),
            },
        )
        # Where the API and its client are one registration, ID tokens have the same audience, and no scopes.
        assert call(client, provider.token({**id_token, "aud": API})).status == 403


def test_entra_needs_scopes_of_every_call() -> None:
    provider = entra()
    auth = OAuth(issuer=ENTRA, audience=API, scopes=[SCOPE], scope_prefix=f"api://{API}/")
    with served(provider, auth) as client:
        reply = client.call("whoami")
        url = "https://mcp.example.com/.well-known/oauth-protected-resource/mcp"
        expected = f'Bearer scope="api://{API}/{SCOPE}", resource_metadata="{url}"'
        assert (reply.status, reply.headers["www-authenticate"]) == (401, expected)
        assert call(client, provider.token(ENTRA_CLAIMS)).status == 200


def test_entra_with_roles() -> None:
    """Applications without a user have roles in place of scopes."""
    provider = entra()
    claims = {**ENTRA_CLAIMS, "scp": None, "roles": ["orders.read"], "azpacr": "1", "idtyp": "app"}
    with served(provider, ISSUER=ENTRA, AUDIENCE=API, SCOPE_CLAIMS="scp roles") as client:
        assert call(client, provider.token(claims)).value["scopes"] == ["orders.read"]


def test_entra_of_version_1() -> None:
    provider = entra(ENTRA_V1)
    claims = {**ENTRA_CLAIMS, "aud": f"api://{API}", "appid": APP, "azp": None, "ver": "1.0"}
    with served(provider, ISSUER=ENTRA_V1, AUDIENCE=f"{API} api://{API}") as client:
        for audience in (f"api://{API}", API):
            assert call(client, provider.token({**claims, "aud": audience})).value["client"] == APP


# Okta: "OpenID Connect & OAuth 2.0 API", tokens of a custom authorization server

OKTA = "https://shop.okta.com/oauth2/aus1a2b3c4d5e6f7g8h9"
OKTA_CLAIMS: dict[str, Any] = {
    "ver": 1,
    "jti": "AT.0mP4JKAZX1iACIT4vbEDF7LpvDVjxypPMf0D7uX39RE",
    "aud": URL,
    "sub": "ada@example.com",
    "cid": "0oabv6kx4qq6h1U5l0h7",
    "uid": "00uq8tMo3zV0OfJON0g3",
    "scp": ["openid", SCOPE],
    "auth_time": 1788145909,
}


def test_okta() -> None:
    jwks = f"{OKTA}/v1/keys"
    documents = {f"{OKTA}/.well-known/openid-configuration": {"issuer": OKTA, "jwks_uri": jwks}}
    provider = Provider(OKTA, documents, jwks)
    with served(provider, ISSUER=OKTA) as client:
        assert call(client, provider.token(OKTA_CLAIMS)).value == {
            "subject": "ada@example.com",
            "client": "0oabv6kx4qq6h1U5l0h7",
            "scopes": ["openid", SCOPE],
            "issuer": OKTA,
        }
        org = {**OKTA_CLAIMS, "iss": "https://shop.okta.com", "aud": "https://shop.okta.com"}
        id_token = {"ver": 1, "sub": "00uq8tMo3zV0OfJON0g3", "aud": "0oabv6kx4qq6h1U5l0h7", "idp": "00o"}
        check_refused(
            client,
            {
                "of the org server": (provider.token(org), UNKNOWN),
                "an ID token": (provider.token(id_token), OTHER),
                "of the default audience": (provider.token({**OKTA_CLAIMS, "aud": "api://default"}), OTHER),
            },
        )


# Keycloak: "Integrating with Model Context Protocol (MCP)"

KEYCLOAK = "https://sso.example.com/realms/shop"
KEYCLOAK_CLAIMS: dict[str, Any] = {
    "jti": "onrtac:6f0a4bd3-2f8f-4dd3-8b0c-5e8f1f4f5a56",
    "aud": [URL, "account"],
    "sub": "2f1f9c3e-53a4-4f0c-8d3e-0d8b7d7a0d11",
    "typ": "Bearer",
    "azp": "mcp-client",
    "sid": "6f0a4bd3-2f8f-4dd3-8b0c-5e8f1f4f5a56",
    "realm_access": {"roles": ["offline_access", "uma_authorization"]},
    "resource_access": {"account": {"roles": ["manage-account"]}},
    "scope": f"profile {SCOPE} email",
    "preferred_username": "ada",
}


def test_keycloak() -> None:
    jwks = f"{KEYCLOAK}/protocol/openid-connect/certs"
    documents = {f"{KEYCLOAK}/.well-known/openid-configuration": {"issuer": KEYCLOAK, "jwks_uri": jwks}}
    provider = Provider(KEYCLOAK, documents, jwks)
    with served(provider, ISSUER=KEYCLOAK) as client:
        assert call(client, provider.token(KEYCLOAK_CLAIMS, {"typ": "JWT"})).value == {
            "subject": "2f1f9c3e-53a4-4f0c-8d3e-0d8b7d7a0d11",
            "client": "mcp-client",
            "scopes": ["email", SCOPE, "profile"],
            "issuer": KEYCLOAK,
        }
        no_mapper = {name: value for name, value in KEYCLOAK_CLAIMS.items() if name != "aud"}
        id_token = {**KEYCLOAK_CLAIMS, "typ": "ID", "aud": "mcp-client", "scope": None}
        check_refused(
            client,
            {
                "without the mapper": (provider.token({**KEYCLOAK_CLAIMS, "aud": "account"}), OTHER),
                "without roles": (provider.token(no_mapper), "The token does not say for whom it is (aud)"),
                "an ID token": (provider.token(id_token, {"typ": "JWT"}), OTHER),
            },
        )


@pytest.mark.parametrize("issuer", [AUTH0, ENTRA, OKTA, KEYCLOAK])
def test_metadata_are_found_where_the_products_have_them(issuer: str) -> None:
    from lambent.auth.issuer_keys import metadata_urls

    assert f"{issuer.rstrip('/')}/.well-known/openid-configuration" in metadata_urls(issuer)
