"""Proofs of possession: for this request, with this token, made just now by the token's key, used once."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from tests.auth.world import METADATA, URL, TokenClock, client_of, set_clock
from tests.hosts.aws_lambda.events import KINDS, Sent
from tests.issuer.dpop import ProofKey
from tests.issuer.issuer import Issuer
from tests.support import Client, Reply, dumps, failure, full_server, headers_of, message

from lambent import ConfigurationError, OAuth, Request, Settings
from lambent.auth.authenticator import AuthPorts
from lambent.auth.dpop import UsedProofs
from lambent.stores.web import fetch

ALGS = 'algs="RS256 PS256 ES256 EdDSA"'


@pytest.fixture(scope="module")
def key() -> ProofKey:
    return ProofKey()


@pytest.fixture(scope="module")
def clock() -> TokenClock:
    return TokenClock()


@pytest.fixture(scope="module")
def issuer(clock: TokenClock) -> Iterator[Issuer]:
    with Issuer() as running:
        running.now = clock
        yield running


@pytest.fixture(scope="module")
def client(issuer: Issuer, clock: TokenClock) -> Client:
    return client_of(full_server(auth=OAuth(issuer=issuer.url)), clock)


@pytest.fixture
def token(issuer: Issuer, key: ProofKey) -> str:
    return issuer.token(audience=URL, cnf={"jkt": key.jkt})


def send(client: Client, token: str, proof: str | None, scheme: str = "DPoP") -> Reply:
    return client.request("tools/list", headers={"authorization": f"{scheme} {token}", "dpop": proof})


def is_refused(reply: Reply, text: str, error: str = "invalid_dpop_proof") -> None:
    assert reply.body == failure(-32600, text, {"error": error}, request_id=...)
    assert reply.status == 401
    assert reply.headers["www-authenticate"] == (
        f'DPoP error="{error}", resource_metadata="{METADATA}", {ALGS}, error_description="{text}"'
    )


def made(key: ProofKey, clock: TokenClock, token: str, **changes: Any) -> str:
    """A proof that is right but for the changes."""
    method, url = changes.pop("method", "POST"), changes.pop("url", URL)
    return key.proof(method, url, token, **{"iat": int(clock.now), **changes})


def test_a_proof(client: Client, clock: TokenClock, key: ProofKey, token: str) -> None:
    for scheme in ("DPoP", "dpop", "DPOP"):
        assert send(client, token, made(key, clock, token), scheme).status == 200


@pytest.mark.parametrize("alg", ["RS256", "PS256", "ES256", "EdDSA"])
def test_every_algorithm(client: Client, issuer: Issuer, clock: TokenClock, alg: str) -> None:
    key = ProofKey(alg)
    token = issuer.token(audience=URL, cnf={"jkt": key.jkt})
    assert send(client, token, made(key, clock, token)).status == 200


def test_a_proof_is_used_once(client: Client, clock: TokenClock, key: ProofKey, token: str) -> None:
    proof = made(key, clock, token)
    assert send(client, token, proof).status == 200
    for _ in range(2):
        is_refused(send(client, token, proof), "The DPoP proof was used before")


def test_two_keys_may_use_one_jti(client: Client, issuer: Issuer, clock: TokenClock) -> None:
    for key in (ProofKey(), ProofKey()):
        token = issuer.token(audience=URL, cnf={"jkt": key.jkt})
        assert send(client, token, made(key, clock, token, jti="the same")).status == 200


OTHER_URLS = [
    f"{URL}2",
    f"{URL}/admin",
    URL.removesuffix("/mcp"),
    URL.replace("https", "http"),
    URL.replace(".com", ".com:8443"),
    URL.replace(".com", ".com:0"),
    URL.replace("/mcp", "/MCP"),
    URL.replace("https://", "https://x."),
    URL.replace(".com", ".com.evil.test"),
    URL.replace("https://", "https://evil.test/"),
    "https://evil.test@" + URL.removeprefix("https://").replace("/mcp", ".evil.test/mcp"),
    "/mcp",
    "",
    "https://[::1",
    "https://a:b/",
]


@pytest.mark.parametrize("url", OTHER_URLS)
def test_another_url(client: Client, clock: TokenClock, key: ProofKey, token: str, url: str) -> None:
    is_refused(send(client, token, made(key, clock, token, htu=url)), "The DPoP proof is for another URL")


@pytest.mark.parametrize("url", [f"{URL}?a=b", f"{URL}#a", 5, None, [URL]])
def test_what_is_no_url_of_a_proof(
    client: Client, clock: TokenClock, key: ProofKey, token: str, url: Any
) -> None:
    is_refused(send(client, token, made(key, clock, token, htu=url)), "The DPoP proof is for another URL")


@pytest.mark.parametrize(
    "url",
    [
        URL.replace(".com", ".com:443"),
        URL.replace("abc123", "ABC123"),
        URL.replace("https", "HTTPS"),
        f"{URL}/",
    ],
)
def test_the_same_url(client: Client, clock: TokenClock, key: ProofKey, token: str, url: str) -> None:
    assert send(client, token, made(key, clock, token, htu=url)).status == 200


PROBLEMS: dict[str, tuple[dict[str, Any], str]] = {
    "another method": ({"htm": "GET"}, "is for another method"),
    "method in lower case": ({"htm": "post"}, "is for another method"),
    "no method": ({"htm": None}, "is for another method"),
    "another token": ({"ath": "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"}, "is for another token"),
    "no token": ({"ath": None}, "is for another token"),
    "token a number": ({"ath": 5}, "is for another token"),
    "old": ({"iat": 1_800_000_000 - 61}, "is too old, or from the future"),
    "from the future": ({"iat": 1_800_000_000 + 61}, "is too old, or from the future"),
    "no time": ({"iat": None}, "is too old, or from the future"),
    "time a text": ({"iat": "1800000000"}, "is too old, or from the future"),
    "time true": ({"iat": True}, "is too old, or from the future"),
    "time of 400 digits": ({"iat": 10**400}, "is too old, or from the future"),
    "time 1e300": ({"iat": 1e300}, "is too old, or from the future"),
    "no jti": ({"jti": None}, "has no jti"),
    "jti empty": ({"jti": ""}, "has no jti"),
    "jti a number": ({"jti": 5}, "has no jti"),
    "jti of 257 characters": ({"jti": "a" * 257}, "has no jti"),
    "typ JWT": ({"header": {"typ": "JWT"}}, "does not carry a public key, or is no proof"),
    "typ missing": ({"header": {"typ": None}}, "does not carry a public key, or is no proof"),
    "no key": ({"header": {"jwk": None}}, "does not carry a public key, or is no proof"),
    "key a text": ({"header": {"jwk": "key"}}, "does not carry a public key, or is no proof"),
    "key empty": ({"header": {"jwk": {}}}, "does not carry a public key, or is no proof"),
    "alg none": ({"header": {"alg": "none"}}, "is not one signed JWT"),
    "alg HS256": ({"header": {"alg": "HS256"}}, "is not one signed JWT"),
    "alg ES384": ({"header": {"alg": "ES384"}}, "is not one signed JWT"),
    "alg RS256": ({"header": {"alg": "RS256"}}, "is not signed with its key"),
    "crit": ({"header": {"crit": ["exp"]}}, "is not one signed JWT"),
    "b64": ({"header": {"b64": False}}, "is not one signed JWT"),
    "no signature": ({"signature": b""}, "is not signed with its key"),
    "another signature": ({"signature": bytes(64)}, "is not signed with its key"),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_bad_proofs(client: Client, clock: TokenClock, key: ProofKey, token: str, name: str) -> None:
    changes, text = PROBLEMS[name]
    reply = send(client, token, made(key, clock, token, **changes))
    is_refused(reply, f"The DPoP proof {text}")


@pytest.mark.parametrize(
    "key_of",
    [
        lambda: OctKey.generate_key(256).as_dict(),
        lambda: ECKey.generate_key("P-384").as_dict(private=False),
        lambda: OKPKey.generate_key("Ed448").as_dict(private=False),
        lambda: ECKey.generate_key("P-256").as_dict(private=True),
        lambda: {**RSAKey.generate_key(2048).as_dict(private=False), "n": "AQAB"},
    ],
    ids=["a secret", "P-384", "Ed448", "a private key", "a weak key"],
)
def test_bad_keys(
    client: Client, clock: TokenClock, key: ProofKey, token: str, key_of: Callable[[], dict[str, Any]]
) -> None:
    reply = send(client, token, made(key, clock, token, header={"jwk": key_of()}))
    is_refused(reply, "The DPoP proof does not carry a public key, or is no proof")


def test_another_key(client: Client, clock: TokenClock, key: ProofKey, token: str) -> None:
    other = ProofKey()
    reply = send(client, token, made(other, clock, token))
    is_refused(reply, "The DPoP proof is made with another key than that of the token")
    reply = send(client, token, made(other, clock, token, header={"jwk": key.jwk}))
    is_refused(reply, "The DPoP proof is not signed with its key")


def test_another_token(client: Client, issuer: Issuer, clock: TokenClock, key: ProofKey, token: str) -> None:
    other = issuer.token(audience=URL, cnf={"jkt": key.jkt})
    is_refused(send(client, token, made(key, clock, other)), "The DPoP proof is for another token")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda proof: None, "is missing"),
        (lambda proof: "", "is missing"),
        (lambda proof: f"{proof}, {proof}", "is not one signed JWT"),
        (lambda proof: f"{proof},{proof}", "is not one signed JWT"),
        (lambda proof: proof.rpartition(".")[0], "is not one signed JWT"),
        (lambda proof: f"{proof}.", "is not one signed JWT"),
        (lambda proof: f"{proof}=", "is not one signed JWT"),
        (lambda proof: f" {proof}", "is not one signed JWT"),
        (lambda proof: "a" * 10_000, "is not one signed JWT"),
        (lambda proof: "ä.ö.ü", "is not one signed JWT"),
        (lambda proof: "..", "is not one signed JWT"),
        (lambda proof: "[" * 5000 + "..", "is not one signed JWT"),
    ],
)
def test_what_is_no_proof(
    client: Client,
    clock: TokenClock,
    key: ProofKey,
    token: str,
    change: Callable[[str], str | None],
    text: str,
) -> None:
    is_refused(send(client, token, change(made(key, clock, token))), f"The DPoP proof {text}")


# Which tokens need a proof.


def test_a_bound_token_is_no_bearer_token(
    client: Client, clock: TokenClock, key: ProofKey, token: str
) -> None:
    """Not even with a proof, and not after a request with one."""
    text = "The token is bound to a key of its client, or has to be: use the scheme DPoP"
    is_refused(send(client, token, None, "Bearer"), text, "invalid_token")
    assert send(client, token, made(key, clock, token)).status == 200
    is_refused(send(client, token, made(key, clock, token), "Bearer"), text, "invalid_token")


def test_a_token_that_is_not_bound(client: Client, issuer: Issuer, clock: TokenClock, key: ProofKey) -> None:
    token = issuer.token(audience=URL)
    text = "The token is not bound to a key: use the scheme Bearer"
    for _ in range(2):
        is_refused(send(client, token, made(key, clock, token)), text, "invalid_token")
        is_refused(send(client, token, None), text, "invalid_token")
    assert send(client, token, None, "Bearer").status == 200
    assert send(client, token, "nonsense", "Bearer").status == 200  # nobody looks at it


def test_where_proofs_are_required(issuer: Issuer, clock: TokenClock, key: ProofKey, token: str) -> None:
    declared = OAuth(issuer=issuer.url, requires_dpop=True, scopes=["mcp:use"])
    client = client_of(full_server(auth=declared), clock)
    challenge = f'DPoP scope="mcp:use", resource_metadata="{METADATA}", {ALGS}'
    assert client.request("tools/list").headers["www-authenticate"] == challenge
    reply = send(client, issuer.token(audience=URL), None, "Bearer")
    text = "The token is bound to a key of its client, or has to be: use the scheme DPoP"
    assert reply.headers["www-authenticate"] == (
        f'DPoP error="invalid_token", scope="mcp:use", resource_metadata="{METADATA}", {ALGS}, '
        f'error_description="{text}"'
    )
    reply = send(client, token, made(key, clock, token))
    assert (reply.status, reply.headers["www-authenticate"]) == (
        403,
        (
            f'DPoP error="insufficient_scope", scope="mcp:use", resource_metadata="{METADATA}", {ALGS}, '
            'error_description="This call needs the scope mcp:use"'
        ),
    )


def test_a_remembered_token_still_needs_proofs(
    client: Client, clock: TokenClock, key: ProofKey, token: str
) -> None:
    assert send(client, token, made(key, clock, token)).status == 200
    is_refused(send(client, token, None), "The DPoP proof is missing")


# Behind front ends.

AT = {
    "HTTP API": "https://abc.execute-api.eu-west-1.amazonaws.com",
    "Function URL": "https://abc.lambda-url.eu-west-1.on.aws",
    "REST API": "https://abc.execute-api.eu-west-1.amazonaws.com/prod",
}


@pytest.mark.parametrize("kind", AT)
@pytest.mark.parametrize("public", [None, "https://public.example/base", "https://public.example:8443"])
def test_the_public_url_counts(
    issuer: Issuer, clock: TokenClock, key: ProofKey, kind: str, public: str | None
) -> None:
    server = full_server(auth=OAuth(issuer=issuer.url))
    handler = server.lambda_handler(Settings(in_lambda=True, public_url=public))
    set_clock(handler, clock)
    url = f"{public or AT[kind]}/mcp"
    token = issuer.token(audience=url, cnf={"jkt": key.jkt})

    def status(proof: str) -> int:
        given = {**headers_of(message("tools/list")), "Authorization": f"DPoP {token}", "DPoP": proof}
        sent = Sent(headers=tuple(given.items()), body=dumps(message("tools/list")))
        found: int = handler(KINDS[kind](sent), None)["statusCode"]
        return found

    assert status(made(key, clock, token, url=url)) == 200
    assert status(made(key, clock, token, url=url.removesuffix("/mcp"))) == 401
    assert status(made(key, clock, token, url="https://other.example/mcp")) == 401


def test_where_no_url_is_known_no_proof_can_be_checked(
    issuer: Issuer, clock: TokenClock, key: ProofKey
) -> None:
    ports = AuthPorts(fetch, lambda: clock.now, lambda _: None)
    tokens = OAuth(issuer=issuer.url, audience="shop").connect(ports)
    token = issuer.token(audience="shop", cnf={"jkt": key.jkt})
    proof = made(key, clock, token, url="https://any.test/mcp")
    request = Request("POST", "/mcp", {"authorization": f"DPoP {token}", "dpop": proof})
    with pytest.raises(ConfigurationError, match="set LAMBENT_PUBLIC_URL"):
        tokens.authenticate(request)


def test_used_proofs_are_forgotten_in_time() -> None:
    used = UsedProofs()
    for number in range(10_000):
        assert used.take(("key", str(number)), 60.0, 0.0)
    assert not used.take(("key", "5"), 60.0, 59.0)
    assert not used.take(("key", "5"), 60.0, 60.0)
    assert used.take(("key", "new"), 120.0, 60.1)
    assert len(used._ends) == 1


def test_used_proofs_are_looked_through_rarely() -> None:
    used, kept = UsedProofs(), set()
    for number in range(30_000):
        assert used.take(("key", str(number)), 60.0, 0.0)
        kept.add(id(used._ends))
    assert len(kept) <= 3  # a new dictionary each time
