"""Tokens of the company's identity provider, identity-assertion grants, and identity headers of gateways."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.auth.provider import URL, bearer, lacking, metadata_url, refused
from tests.issuer.clients import OAuthClient
from tests.issuer.flows import ask
from tests.issuer.issuer import Issuer
from tests.issuer.metadata import JWT_BEARER
from tests.support import SECRET, Client, Reply, http_api

from lambent import Context, MCPServer, Settings
from lambent.auth.api_keys import ApiKey, ApiKeys, make_api_key
from lambent.auth.authenticator import AuthDeclaration
from lambent.auth.oauth import OAuth

HEADER = "x-enterprise-token"
COMPANY_AUDIENCE = "urn:company:tools"
MISSING = f'Bearer scope="read", resource_metadata="{metadata_url()}"'
ORIGIN = "https://abc123.execute-api.eu-west-1.amazonaws.com"


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with Issuer("/tenant", audience=URL) as running:
        yield running


@pytest.fixture(scope="module")
def company() -> Iterator[Issuer]:
    with Issuer("/company", audience=COMPANY_AUDIENCE) as running:
        yield running


def client_of(*auth: AuthDeclaration, **settings: Any) -> Client:
    mcp = MCPServer("shop", version="1.2.3", auth=auth)

    @mcp.tool()
    def whoami(ctx: Context) -> list[str]:
        principal = ctx.principal
        assert principal is not None
        return [principal.issuer, principal.subject, principal.client_id, *sorted(principal.scopes)]

    @mcp.tool(scopes=["write"])
    def refund() -> str:
        return "done"

    given = Settings(state_keys=(SECRET,), public_url=URL[:-4], mcp_path="/mcp")
    if settings:
        environ = {"LAMBENT_PUBLIC_URL": URL[:-4], **settings}
        given = Settings.from_env(environ)
    return Client(mcp.lambda_handler(given))


def both(issuer: Issuer, company: Issuer) -> Client:
    return client_of(
        OAuth(issuer=company.url, audience=COMPANY_AUDIENCE, header="X-Enterprise-Token"),
        OAuth(issuer=issuer.url, scopes=["read"]),
    )


def by_settings(issuer: Issuer, company: Issuer) -> Client:
    return client_of(
        LAMBENT_AUTH_ENTERPRISE_HEADER="X-Enterprise-Token",
        LAMBENT_AUTH_ENTERPRISE_ISSUER=company.url,
        LAMBENT_AUTH_ENTERPRISE_AUDIENCE=COMPANY_AUDIENCE,
        LAMBENT_AUTH_ISSUER=issuer.url,
        LAMBENT_AUTH_SCOPES="read",
    )


def whoami(client: Client, enterprise: str | None = None, token: str | None = None) -> Reply:
    headers: dict[str, str | None] = {} if token is None else bearer(token)
    if enterprise is not None:
        headers[HEADER] = enterprise
    return client.call("whoami", headers=headers)


@pytest.mark.parametrize("made", [both, by_settings])
def test_whichever_is_there(issuer: Issuer, company: Issuer, made: Any) -> None:
    client = made(issuer, company)
    employee = company.token("employee-1", client_id="portal", scopes=["tools"])
    user = issuer.token("user-1", scopes=["read"])
    from_company = [company.url, "employee-1", "portal", "tools"]
    assert whoami(client, employee).value == from_company
    assert whoami(client, f"Bearer {employee}").value == from_company
    assert whoami(client, None, user).value == [issuer.url, "user-1", "client-1", "read"]
    assert whoami(client, employee, user).value == from_company
    assert whoami(client, employee, issuer.token(expires_in=-1)).value == from_company
    reply = whoami(client)
    assert (reply.status, reply.headers["www-authenticate"]) == (401, MISSING)


def bad_tokens(issuer: Issuer, company: Issuer) -> dict[str, tuple[str, str]]:
    """Tokens in the header of the company that are refused, and why."""
    header = {"alg": "none", "typ": "JWT"}
    return {
        "expired": (company.token(expires_in=-1), "The token has expired"),
        "for another server": (
            company.token(audience="urn:company:mail"),
            "The token was issued for another server (aud)",
        ),
        "for this server's own URL at the other issuer": (
            issuer.token("user-1", scopes=["read"]),
            "The issuer of the token is not one of those that this server trusts",
        ),
        "unsigned": (
            company.raw_token(header, company.claims(), signature=b""),
            "The token is not signed with an algorithm that is accepted",
        ),
        "signed with another key": (
            issuer.token(iss=company.url, audience=COMPANY_AUDIENCE),
            "The token is signed with a key that its issuer does not have",
        ),
        "no token": ("employee-1", "The token is not a signed JWT"),
        "an identity assertion": (
            company.id_jag(issuer.url, "client-1"),
            "The token is not an access token",
        ),
    }


def test_a_bad_one_is_never_passed_over(issuer: Issuer, company: Issuer) -> None:
    client, user = both(issuer, company), issuer.token("user-1", scopes=["read"])
    for case, (bad, why) in bad_tokens(issuer, company).items():
        for token in (None, user, company.token()):
            reply = whoami(client, bad, token)
            assert reply.status == 401, case
            expected = refused(f"X-Enterprise-Token: {why}", "read")
            assert reply.headers["www-authenticate"] == expected, case


def test_each_token_only_at_its_own_place(issuer: Issuer, company: Issuer) -> None:
    client = both(issuer, company)
    reply = whoami(client, None, company.token("employee-1"))
    assert reply.status == 401
    text = "The issuer of the token is not one of those that this server trusts"
    assert reply.headers["www-authenticate"] == refused(text, "read")


def test_clients_are_not_sent_to_the_company(issuer: Issuer, company: Issuer) -> None:
    client = both(issuer, company)
    path = "/.well-known/oauth-protected-resource/mcp"
    assert client.event(http_api(None, {}, method="GET", path=path)).messages[0] == {
        "resource": URL,
        "authorization_servers": [issuer.url],
        "bearer_methods_supported": ["header"],
        "resource_name": "shop",
        "scopes_supported": ["read"],
    }


def test_scopes_of_tools_count_for_both(issuer: Issuer, company: Issuer) -> None:
    client = both(issuer, company)
    headers: dict[str, str | None] = {HEADER: company.token("employee-1")}
    reply = client.call("refund", headers=headers)
    assert (reply.status, reply.headers["www-authenticate"]) == (403, lacking("write"))
    headers = {HEADER: company.token("employee-1", scopes=["write"])}
    assert client.call("refund", headers=headers).status == 200
    reply = client.call("refund", headers=bearer(issuer.token(scopes=["read"])))
    assert (reply.status, reply.headers["www-authenticate"]) == (403, lacking("read write"))


def test_only_the_company(issuer: Issuer, company: Issuer) -> None:
    auth = OAuth(issuer=company.url, audience=COMPANY_AUDIENCE, header="X-Enterprise-Token", scopes=["tools"])
    client = client_of(auth)
    reply = whoami(client, company.token("employee-1", scopes=["tools"]))
    assert reply.value == [company.url, "employee-1", "client-1", "tools"]
    for reply in (whoami(client), whoami(client, None, company.token(scopes=["tools"]))):
        assert reply.status == 401
        assert "www-authenticate" not in reply.headers  # there is nothing that a client could discover
    assert whoami(client, company.token("employee-1")).status == 403
    path = "/.well-known/oauth-protected-resource/mcp"
    assert client.event(http_api(None, {}, method="GET", path=path)).status == 404


# Identity-assertion grants (ID-JAG)


def test_the_access_token_of_an_identity_assertion(issuer: Issuer, company: Issuer) -> None:
    issuer.trust(company)
    issuer.clients.add(OAuthClient("agent", "agent-secret"))
    client = client_of(OAuth(issuer=issuer.url, scopes=["read"]))
    assertion = company.id_jag(issuer.url, "agent", "employee-1", resource=URL, scopes=["read", "write"])
    form = {"grant_type": JWT_BEARER, "assertion": assertion, "resource": URL}
    given = ask(issuer, form, auth=("agent", "agent-secret")).json()
    assert whoami(client, None, given["access_token"]).value == [
        *(issuer.url, "employee-1", "agent"),
        *("read", "write"),
    ]


def test_the_assertion_itself_and_id_tokens_are_refused(issuer: Issuer, company: Issuer) -> None:
    unknown = "The issuer of the token is not one of those that this server trusts"
    client = client_of(OAuth(issuer=issuer.url, scopes=["read"]))
    own = issuer.id_jag(URL, "agent", "employee-1", resource=URL, scopes=["read"])
    cases = {
        company.id_jag(
            issuer.url, "agent", resource=URL, scopes=["read"]
        ): "The token is not an access token",
        own: "The token is not an access token",
        company.id_jag(issuer.url, "agent", scopes=["read"], header={"typ": "JWT"}): unknown,
        company.id_token("agent"): unknown,
        company.id_token(URL): unknown,
        issuer.id_token("agent"): "The token was issued for another server (aud)",
    }
    for token, why in cases.items():
        reply = whoami(client, None, token)
        assert reply.status == 401
        assert reply.headers["www-authenticate"] == refused(why, "read")


# A gateway's identity header


def test_a_gateway_is_believed_by_its_signature(issuer: Issuer, company: Issuer) -> None:
    client = client_of(OAuth(issuer=company.url, audience="urn:shop", header="X-Gateway-Jwt"))

    def reply(**headers: str) -> Reply:
        return client.call("whoami", headers={name.replace("_", "-"): text for name, text in headers.items()})

    token = company.token("employee-1", "urn:shop")
    assert reply(x_gateway_jwt=token).value == [company.url, "employee-1", "client-1"]
    claims = company.claims("employee-1", "urn:shop")
    public = company.keys["RS256"].public_pem
    for forged in (
        company.raw_token({"alg": "none", "typ": "JWT"}, claims, signature=b""),
        company.raw_token({"alg": "RS256", "typ": "JWT"}, claims, signature=b""),
        company.raw_token({"alg": "HS256", "typ": "JWT"}, claims, public),
        token[:-4] + ("AAAA" if token[-4:] != "AAAA" else "BBBB"),
        "employee-1",
    ):
        assert reply(x_gateway_jwt=forged).status == 401
    assert reply(x_gateway_jwt='{"sub":"employee-1"}').status == 400  # no token at all
    for name in ("x_forwarded_user", "x_forwarded_email", "x_user", "remote_user", "x_amzn_oidc_identity"):
        assert reply(**{name: "employee-1"}).status == 401


# Pages


def allowed(client: Client) -> set[str]:
    """The headers that a page may send, as a preflight says."""
    headers = {"origin": ORIGIN, "access-control-request-method": "POST"}
    reply = client.event(http_api(None, headers, method="OPTIONS"))
    assert reply.status == 204
    return set(reply.headers["access-control-allow-headers"].split(", "))


def test_pages_may_send_the_headers_with_credentials(issuer: Issuer, company: Issuer) -> None:
    usual = allowed(client_of())
    assert {"authorization", "dpop"} <= usual
    assert allowed(both(issuer, company)) - usual == {HEADER}
    keys = {"ada": ApiKey(hash=make_api_key()[1], subject="ada")}
    assert allowed(client_of(ApiKeys(keys))) - usual == {"x-api-key"}
    assert allowed(client_of(ApiKeys(keys, header="X-Shop-Key"))) - usual == {"x-shop-key"}
    assert allowed(client_of(LAMBENT_AUTH_PLATFORM="iam")) == usual
