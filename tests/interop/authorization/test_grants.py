"""Official clients get tokens in other ways than a new program that a person uses."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from tests.interop.authorization.guarded_hosts import Guarded, StartGuarded
from tests.interop.authorization.visits import REFUND, WHOAMI, Visit, structured, text_of
from tests.issuer import flows
from tests.issuer.clients import OAuthClient
from tests.issuer.grants import ID_JAG_TYP
from tests.issuer.issuer import INTROSPECTION_CLIENT, Issuer
from tests.issuer.loopback import post
from tests.support import headers_of, message

Visits = Callable[..., Visit]

METADATA = "GET /.well-known/oauth-protected-resource/mcp 200"
AS_METADATA = "GET /.well-known/oauth-authorization-server/tenant"
CALL = "POST /mcp 200"
OPENED = ["POST /mcp 401", METADATA, CALL, CALL]
"""What a client asks the server until it has the list of tools."""

typescript_only = pytest.mark.parametrize("client_name", ["typescript"], indirect=True)
python_only = pytest.mark.parametrize("client_name", ["python"], indirect=True)


def client_of(guarded: Guarded, client_id: str = "desk", secret: str | None = None) -> OAuthClient:
    return guarded.issuer.clients.add(OAuthClient(client_id, secret, [flows.CALLBACK]))


def remembered(guarded: Guarded, client: OAuthClient) -> dict[str, Any]:
    """What a client remembers of its registration."""
    known = {"client_id": client.client_id, "redirect_uris": [flows.CALLBACK], "issuer": guarded.issuer.url}
    if client.secret is None:
        return {**known, "token_endpoint_auth_method": "none"}
    return {**known, "client_secret": client.secret, "token_endpoint_auth_method": "client_secret_basic"}


def tokens_of(guarded: Guarded, client: OAuthClient, **claims: Any) -> dict[str, Any]:
    """Tokens from a login that was long ago: the access token is not valid any more."""
    verifier = "v" * 43
    parameters = {"scope": "orders:read", "resource": guarded.url}
    code = flows.authorize(guarded.issuer, client.client_id, verifier, **parameters)["code"][0]
    form = flows.redeem(client.client_id, code, verifier, resource=guarded.url)
    given: dict[str, Any] = flows.ask(guarded.issuer, form).json()
    old = {"client_id": client.client_id, "expires_in": -10, **claims}
    token = guarded.issuer.token("user-1", guarded.url, ["orders:read"], **old)
    guarded.forget()
    return {**given, "access_token": token, "issuer": guarded.issuer.url}


def send(guarded: Guarded, token: str) -> httpx.Response:
    """The answer to a call with a token, which no client has sent."""
    body = message("tools/call", {"name": "whoami", "arguments": {}})
    return post(guarded.url, json=body, headers={**headers_of(body), "authorization": f"Bearer {token}"})


@pytest.mark.parametrize("secret", [None, "s3cret"])
def test_a_client_that_was_registered_before(
    start_guarded: StartGuarded, visit: Visits, monkeypatch: pytest.MonkeyPatch, secret: str | None
) -> None:
    guarded = start_guarded("alb")
    monkeypatch.setattr(guarded.issuer, "registration", False)
    client = client_of(guarded, secret=secret)
    login = {"grant": "code", "client": remembered(guarded, client)}
    known, refunded = visit(guarded).take(WHOAMI, REFUND, login=login)
    assert structured(known) == {"subject": "user-1", "client": "desk", "scopes": ["orders:read"]}
    assert text_of(refunded) == "Refunded A-1"
    step_up = ["GET /tenant/authorize", "POST /tenant/token"]
    assert guarded.issuer_log == [AS_METADATA, *step_up, *step_up]
    assert guarded.log == [*OPENED, CALL, "POST /mcp 403", CALL]


def test_a_client_with_a_metadata_document(
    start_guarded: StartGuarded, visit: Visits, monkeypatch: pytest.MonkeyPatch
) -> None:
    guarded = start_guarded("alb")
    monkeypatch.setattr(guarded.issuer, "client_documents", True)
    address = "https://desk.example.com/client.json"
    document = {"client_id": address, "redirect_uris": [flows.CALLBACK]}
    monkeypatch.setitem(guarded.issuer.clients.documents, address, document)
    (known,) = visit(guarded).take(WHOAMI, login={"grant": "code", "document": address})
    assert structured(known) == {"subject": "user-1", "client": address, "scopes": ["orders:read"]}
    assert guarded.issuer_log == [AS_METADATA, "GET /tenant/authorize", "POST /tenant/token"]
    assert guarded.log == [*OPENED, CALL]


def test_a_program_that_acts_for_itself(start_guarded: StartGuarded, visit: Visits) -> None:
    guarded = start_guarded("alb")
    client_of(guarded, "nightly", "s3cret")
    own = {"client_id": "nightly", "client_secret": "s3cret", "issuer": guarded.issuer.url}
    here = visit(guarded)
    known, refunded = here.take(WHOAMI, REFUND, login={"grant": "client_credentials", **own})
    assert structured(known) == {"subject": "nightly", "client": "nightly", "scopes": ["orders:read"]}
    assert text_of(refunded) == "Refunded A-1"
    # The TypeScript client does not remember where the issuer is.
    found_again = ([METADATA], [AS_METADATA]) if here.name == "typescript" else ([], [])
    assert guarded.issuer_log == [AS_METADATA, "POST /tenant/token", *found_again[1], "POST /tenant/token"]
    first, more = guarded.asked("/token")
    assert [one["grant_type"] for one in (first, more)] == ["client_credentials"] * 2
    assert [one["resource"] for one in (first, more)] == [guarded.url] * 2
    assert (first["scope"], more["scope"]) == (["orders:read"], ["orders:read", "orders:refund"])
    assert guarded.log == [*OPENED, CALL, "POST /mcp 403", *found_again[0], CALL]


@typescript_only
def test_a_token_that_has_expired_is_refreshed(start_guarded: StartGuarded, visit: Visits) -> None:
    guarded = start_guarded("alb")
    client = client_of(guarded)
    login = {"grant": "code", "client": remembered(guarded, client), "tokens": tokens_of(guarded, client)}
    (known,) = visit(guarded).take(WHOAMI, login=login)
    assert structured(known)["subject"] == "user-1"
    assert guarded.log == [*OPENED, CALL]
    assert 'error="invalid_token"' in guarded.front.exchanged[0].challenge
    assert guarded.issuer_log == [AS_METADATA, "POST /tenant/token"]
    (asked,) = guarded.asked("/token")
    assert (asked["grant_type"], asked["resource"]) == ("refresh_token", guarded.url)


@python_only
def test_a_token_that_was_refused_is_asked_for_anew(start_guarded: StartGuarded, visit: Visits) -> None:
    guarded = start_guarded("alb")
    client = client_of(guarded)
    login = {"grant": "code", "client": remembered(guarded, client), "tokens": tokens_of(guarded, client)}
    (known,) = visit(guarded).take(WHOAMI, login=login)
    assert structured(known)["subject"] == "user-1"
    assert guarded.log == [*OPENED, CALL]
    assert 'error="invalid_token"' in guarded.front.exchanged[0].challenge
    assert guarded.issuer_log == [AS_METADATA, "GET /tenant/authorize", "POST /tenant/token"]


def test_a_token_of_a_former_issuer_is_asked_for_at_the_present_one(
    start_guarded: StartGuarded, visit: Visits
) -> None:
    guarded = start_guarded("alb")
    with Issuer() as former:
        token = former.token("user-1", guarded.url, ["orders:read"])
        known = {"client_id": "desk", "redirect_uris": [flows.CALLBACK], "issuer": former.url}
        tokens = {"access_token": token, "token_type": "Bearer", "issuer": former.url}
        login = {"grant": "code", "client": known, "tokens": tokens}
        (outcome,) = visit(guarded).take(WHOAMI, login=login)
        assert former.received == []
    assert structured(outcome)["client"] != "desk"
    assert guarded.log == [*OPENED, CALL]
    assert 'error="invalid_token"' in guarded.front.exchanged[0].challenge
    assert guarded.issuer_log == [
        AS_METADATA,
        "POST /tenant/register",
        "GET /tenant/authorize",
        "POST /tenant/token",
    ]


@typescript_only
@pytest.mark.parametrize("host", ["alb", "stage", "asgi"])
@pytest.mark.parametrize("options", [{}, {"requires_dpop": True}], ids=["bound", "required"])
@pytest.mark.parametrize("nonce", [None, "n-1"])
def test_tokens_that_are_bound_to_a_key_of_the_client(
    start_guarded: StartGuarded,
    visit: Visits,
    monkeypatch: pytest.MonkeyPatch,
    host: str,
    options: dict[str, Any],
    nonce: str | None,
) -> None:
    guarded = start_guarded(host, **options)
    monkeypatch.setattr(guarded.issuer, "dpop_nonce", nonce)
    known, refunded = visit(guarded).take(WHOAMI, REFUND, login={"grant": "code", "dpop": True})
    assert structured(known)["scopes"] == ["orders:read"]
    assert text_of(refunded) == "Refunded A-1"
    assert guarded.log == [*OPENED, CALL, "POST /mcp 403", CALL]
    assert [one.scheme for one in guarded.front.exchanged if one.method == "POST"][1:] == ["DPoP"] * 5
    scheme = "DPoP" if options else "Bearer"
    assert guarded.front.exchanged[0].challenge.startswith(f'{scheme} scope="orders:read", ')


@pytest.mark.parametrize("host", ["alb", "http-api"])
def test_an_identity_assertion_becomes_a_token(start_guarded: StartGuarded, visit: Visits, host: str) -> None:
    guarded = start_guarded(host)
    issuer = guarded.issuer
    client_of(guarded, "agent", "s3cret")
    with Issuer() as company:
        issuer.trust(company)
        asked_for = {"resource": guarded.url, "scopes": ["orders:read"]}
        assertion = company.id_jag(issuer.url, "agent", "ada", **asked_for)
        own = {"client_id": "agent", "client_secret": "s3cret", "issuer": issuer.url, "scope": "orders:read"}
        login = {"grant": "id_jag", **own, "assertion": assertion}
        (known,) = visit(guarded).take(WHOAMI, login=login)
    assert structured(known) == {"subject": "ada", "client": "agent", "scopes": ["orders:read"]}
    (asked,) = guarded.asked("/token")
    assert asked["assertion"] == assertion
    assert asked["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    assert guarded.issuer_log == [AS_METADATA, "POST /tenant/token"]


@pytest.mark.parametrize(
    ("claims", "caller"),
    [
        ({"subject": "nightly", "client_id": None}, ("nightly", "")),  # nobody but a program
        ({"client_id": None, "azp": "https://desk.example.com/client.json"}, ("user-1", "desk.example.com")),
        ({"scopes": ["orders:read", "offline_access"]}, ("user-1", "client-1")),
    ],
)
def test_tokens_of_other_grants(
    start_guarded: StartGuarded, claims: dict[str, Any], caller: tuple[str, str]
) -> None:
    guarded = start_guarded("alb")
    made = {"subject": "user-1", "audience": guarded.url, "scopes": ["orders:read"], **claims}
    answer = send(guarded, guarded.issuer.token(**made))
    assert answer.status_code == 200
    found = answer.json()["result"]["structuredContent"]
    assert (found["subject"], caller[1] in found["client"]) == (caller[0], True)
    assert found["scopes"] == sorted(made["scopes"])


def test_an_issuer_whose_metadata_names_another_one_is_not_believed(
    start_fresh: StartGuarded, visit: Visits
) -> None:
    guarded = start_fresh("alb", documents=["oauth"])
    guarded.issuer.metadata = {"issuer": f"{guarded.issuer.address}/other"}
    assert "error" in visit(guarded).run({"do": "discover"})
    assert guarded.asked("/token") == []
    answer = send(guarded, guarded.issuer.token("user-1", guarded.url, ["orders:read"]))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "GET /tenant/jwks" not in guarded.server_requests


@pytest.mark.parametrize("is_of_issuer", [False, True], ids=["company", "issuer"])
def test_an_identity_assertion_is_no_token(start_guarded: StartGuarded, *, is_of_issuer: bool) -> None:
    guarded = start_guarded("alb")
    with Issuer() as company:
        signer = guarded.issuer if is_of_issuer else company
        # Even one that says it is for the server.
        assertion = signer.id_jag(guarded.url, "agent", "ada", resource=guarded.url, scopes=["orders:read"])
    refused = send(guarded, assertion)
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith('Bearer error="invalid_token", ')
    assert ID_JAG_TYP not in refused.text
    assert guarded.issuer.received == []


def test_opaque_tokens_are_looked_up(
    start_guarded: StartGuarded, visit: Visits, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert INTROSPECTION_CLIENT.secret is not None
    credentials = {"client_id": INTROSPECTION_CLIENT.client_id, "client_secret": INTROSPECTION_CLIENT.secret}
    guarded = start_guarded("alb", introspection=credentials)
    monkeypatch.setattr(guarded.issuer, "opaque", True)
    known, refunded = visit(guarded).take(WHOAMI, REFUND)
    assert structured(known)["scopes"] == ["orders:read"]
    assert text_of(refunded) == "Refunded A-1"
    assert guarded.log == [*OPENED, CALL, "POST /mcp 403", CALL]
    # Each of the two tokens once.
    assert guarded.server_requests == ["POST /tenant/introspect"] * 2
