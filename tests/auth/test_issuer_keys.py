"""The keys of an issuer: where they are looked for, how long they are kept, and what happens without them."""

import json
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.auth.world import URL, TokenClock, call, protected
from tests.issuer import metadata
from tests.issuer.issuer import Issuer
from tests.issuer.outages import Outage
from tests.issuer.tokens import compact
from tests.support import failure

from lambent.auth.access_tokens import InvalidTokenError
from lambent.auth.fetching import Fetched, FetchError
from lambent.auth.issuer_keys import RETRY_SECONDS, IssuerDownError, IssuerKeys, metadata_urls

ISSUER = "https://login.test"
JWKS = "https://keys.test/jwks"
DOWN = "The issuer of tokens does not answer: try again later"


class StaticWeb:
    """What is at which URL: the ``Fetch`` port."""

    def __init__(self, **documents: Any) -> None:
        self.asked: list[str] = []
        self.found: dict[str, Fetched | Exception] = {}

    def put(self, url: str, document: Any, status: int = 200, headers: Mapping[str, str] = {}) -> None:
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.found[url] = Fetched(status, body, headers)

    def __call__(
        self, url: str, *, method: str = "GET", body: bytes | None = None, headers: Mapping[str, str] = {}
    ) -> Fetched:
        self.asked.append(url)
        found = self.found.get(url, Fetched(404, b""))
        if isinstance(found, Exception):
            raise found
        return found


EC = {"kty": "EC", "crv": "P-256", "kid": "a", "use": "sig"}
EC |= {
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
}
"""The key of RFC 7515, appendix A.3."""


@pytest.fixture
def web() -> StaticWeb:
    web = StaticWeb()
    document = {"issuer": ISSUER, "jwks_uri": JWKS}
    web.put(f"{ISSUER}/.well-known/oauth-authorization-server", document)
    web.put(JWKS, {"keys": [EC]})
    return web


def is_known(keys: IssuerKeys, name: str | None = "a", algorithm: str = "ES256") -> bool:
    try:
        keys.find(name, algorithm)
    except InvalidTokenError:
        return False
    return True


def test_keys_are_read_once(web: StaticWeb) -> None:
    keys = IssuerKeys(ISSUER, web, TokenClock())
    assert web.asked == []
    for _ in range(3):
        assert is_known(keys)
    assert web.asked == [f"{ISSUER}/.well-known/oauth-authorization-server", JWKS]


def test_a_key_without_a_name(web: StaticWeb) -> None:
    keys = IssuerKeys(ISSUER, web, TokenClock())
    assert is_known(keys, None)
    assert not is_known(keys, None, "RS256")
    assert not is_known(keys, "")


@pytest.mark.parametrize(
    ("issuer", "paths"),
    [
        ("", ["oauth-authorization-server", "openid-configuration"]),
        ("/", ["oauth-authorization-server", "openid-configuration"]),
    ],
)
def test_where_metadata_is(issuer: str, paths: list[str]) -> None:
    assert metadata_urls(ISSUER + issuer) == [f"{ISSUER}/.well-known/{path}" for path in paths]


@pytest.mark.parametrize("end", ["", "/"])
def test_where_metadata_of_an_issuer_with_a_path_is(end: str) -> None:
    assert metadata_urls(f"https://login.test:8443/realms/a{end}") == [
        "https://login.test:8443/.well-known/oauth-authorization-server/realms/a",
        "https://login.test:8443/realms/a/.well-known/openid-configuration",
        "https://login.test:8443/.well-known/openid-configuration/realms/a",
    ]


@pytest.mark.parametrize("documents", [{one} for one in metadata.DOCUMENTS])
@pytest.mark.parametrize("path", ["", "/tenant"])
def test_every_location_is_found(documents: set[str], path: str) -> None:
    if not path and documents == {metadata.OPENID_INSERTED}:
        documents = {metadata.OPENID}  # which is at the same place
    with Issuer(path, documents=documents) as issuer:
        assert call(protected(issuer=issuer.url), issuer.token(audience=URL)).status == 200


SPA = b"<!doctype html><title>Login</title>"


@pytest.mark.parametrize(
    "first",
    [
        Fetched(200, SPA),
        Fetched(200, b"[]"),
        Fetched(200, b"\xff"),
        Fetched(200, b"{" * 100_000),
        Fetched(500, b"{}"),
        Fetched(302, b""),
        Fetched(200, json.dumps({"issuer": "https://evil.test", "jwks_uri": JWKS}).encode()),
        Fetched(200, json.dumps({"issuer": f"{ISSUER}/", "jwks_uri": JWKS}).encode()),
        Fetched(200, json.dumps({"issuer": ISSUER}).encode()),
        Fetched(200, json.dumps({"issuer": ISSUER, "jwks_uri": "http://keys.test/jwks"}).encode()),
        Fetched(200, json.dumps({"issuer": ISSUER, "jwks_uri": "file:///etc/passwd"}).encode()),
        Fetched(200, json.dumps({"issuer": ISSUER, "jwks_uri": "https://a@keys.test/"}).encode()),
        Fetched(200, json.dumps({"issuer": ISSUER, "jwks_uri": [JWKS]}).encode()),
    ],
    ids=lambda found: f"{found.status} {found.body[:60]!r}",
)
def test_metadata_that_cannot_be_used(web: StaticWeb, first: Fetched) -> None:
    """The next place is looked at; where there is none, nothing is known."""
    web.found[f"{ISSUER}/.well-known/oauth-authorization-server"] = first
    keys = IssuerKeys(ISSUER, web, TokenClock())
    with pytest.raises(IssuerDownError):
        keys.find("a", "ES256")
    assert JWKS not in web.asked
    web.put(f"{ISSUER}/.well-known/openid-configuration", {"issuer": ISSUER, "jwks_uri": JWKS})
    assert is_known(IssuerKeys(ISSUER, web, TokenClock()))


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ({}, 3600),
        ({"cache-control": "public, max-age=7200"}, 7200),
        ({"cache-control": "max-age=1"}, 300),
        ({"cache-control": "no-store"}, 3600),
        ({"cache-control": "max-age=999999999"}, 86400),
        ({"cache-control": "max-age=-1"}, 3600),
        ({"cache-control": "max-age=" + "9" * 50}, 86400),
    ],
)
def test_how_long_keys_are_kept(web: StaticWeb, header: dict[str, str], seconds: float) -> None:
    web.put(JWKS, {"keys": [EC]}, headers=header)
    clock = TokenClock()
    keys = IssuerKeys(ISSUER, web, clock, JWKS)
    assert is_known(keys)
    clock.now += seconds - 1
    assert is_known(keys)
    assert web.asked == [JWKS]
    clock.now += 1
    assert is_known(keys)
    assert web.asked == [JWKS, JWKS]


def test_unknown_names_cause_one_request_in_a_while(web: StaticWeb) -> None:
    clock = TokenClock()
    keys = IssuerKeys(ISSUER, web, clock, JWKS)
    assert is_known(keys)
    clock.now += RETRY_SECONDS
    for number in range(1000):
        assert not is_known(keys, f"unknown-{number}")
        clock.now += 0.01  # ten seconds in all
    assert web.asked == [JWKS, JWKS]
    clock.now += RETRY_SECONDS
    assert not is_known(keys, "unknown")
    assert web.asked == [JWKS] * 3


def test_a_rotation_is_noticed(web: StaticWeb) -> None:
    clock = TokenClock()
    keys = IssuerKeys(ISSUER, web, clock, JWKS)
    assert is_known(keys)
    web.put(JWKS, {"keys": [{**EC, "kid": "b"}]})
    assert not is_known(keys, "b")  # it was asked just now
    clock.now += RETRY_SECONDS
    assert is_known(keys, "b")
    assert not is_known(keys, "a")


def test_withdrawn_keys_are_not_used(web: StaticWeb) -> None:
    clock = TokenClock()
    keys = IssuerKeys(ISSUER, web, clock)
    assert is_known(keys)
    web.found[JWKS] = Fetched(200, b'{"keys":[]}')
    clock.now += 100_000
    with pytest.raises(InvalidTokenError):
        keys.find("a", "RS256")


@pytest.mark.parametrize(
    "answer",
    [
        FetchError("down"),
        Fetched(500, b""),
        Fetched(302, b""),
        Fetched(200, SPA),
        Fetched(200, b"[]"),
        Fetched(200, b"{}"),
        Fetched(200, b'{"keys":{"a":1}}'),
        Fetched(200, b'{"keys":null}'),
        Fetched(200, b"[" * 200_000),
    ],
    ids=repr,
)
def test_the_last_good_keys_stay(web: StaticWeb, answer: Fetched | Exception) -> None:
    clock = TokenClock()
    keys = IssuerKeys(ISSUER, web, clock)
    assert is_known(keys)
    good = web.found[JWKS]
    web.found[JWKS] = answer
    for _ in range(5):
        clock.now += 100_000
        assert is_known(keys)
        assert is_known(keys)
    assert web.asked.count(JWKS) == 6
    web.found[JWKS] = good
    clock.now += RETRY_SECONDS
    assert is_known(keys)
    assert is_known(keys)
    assert web.asked.count(JWKS) == 7
    clock.now += 3599
    assert is_known(keys)
    assert web.asked.count(JWKS) == 7

    web.found[JWKS] = answer
    fresh = IssuerKeys(ISSUER, web, clock)
    for _ in range(3):
        with pytest.raises(IssuerDownError):
            fresh.find("a", "ES256")
    assert web.asked.count(JWKS) == 8
    clock.now += 2
    web.found[JWKS] = good
    assert is_known(fresh)  # soon, as nothing can be verified meanwhile


def test_an_issuer_that_hangs_is_asked_once_by_all_who_wait(web: StaticWeb) -> None:
    clock, asked = TokenClock(), threading.Event()

    def hang(url: str, **_: Any) -> Fetched:
        web.asked.append(url)
        asked.wait(0.2)  # so that the others come meanwhile
        clock.now += 3  # more than the time after which it is asked again
        raise FetchError("it does not answer")

    keys = IssuerKeys(ISSUER, hang, clock)

    def find(_: int) -> bool:
        with pytest.raises(IssuerDownError):
            keys.find("a", "ES256")
        return True

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(find, range(8)))
    assert len(web.asked) == 1


def test_keys_that_have_moved_are_found(web: StaticWeb) -> None:
    clock = TokenClock()
    keys = IssuerKeys(ISSUER, web, clock)
    assert is_known(keys)
    web.found[JWKS] = Fetched(404, b"")
    moved = f"{ISSUER}/new"
    web.put(moved, {"keys": [{**EC, "kid": "b"}]})
    document = {"issuer": ISSUER, "jwks_uri": moved}
    web.put(f"{ISSUER}/.well-known/oauth-authorization-server", document)
    clock.now += RETRY_SECONDS
    assert not is_known(keys, "b")
    clock.now += RETRY_SECONDS
    assert is_known(keys, "b")


@pytest.mark.parametrize(
    "odd",
    [
        {**EC, "use": "enc"},
        {**EC, "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"},
        {**EC, "k": "c2VjcmV0"},
        {**EC, "alg": "ES384"},
        {**EC, "alg": None},
        {**EC, "kty": "oct"},
        {**EC, "crv": "P-384"},
        {**EC, "crv": None},
        {**EC, "x": 5},
        {**EC, "x": "!"},
        {**EC, "x": ""},
        {**EC, "x": EC["y"]},
        {**EC, "x": None},
        {**EC, "kid": 5},
        {**EC, "key_ops": 5},
        {**EC, "key_ops": ["encrypt"]},
        {"kty": "RSA", "kid": "a", "n": "AQAB", "e": "AQAB"},
        {"kty": "RSA", "kid": "a", "n": 5, "e": "AQAB"},
        {"kty": "RSA", "kid": "a", "e": "AQAB"},
        {"kty": "RSA", "kid": "a", "n": "_" * 600, "e": ""},
        {"kty": "RSA", "kid": "a", "n": "_" * 600, "e": "AQ"},
        {"kty": "RSA", "kid": "a", "n": "_" * 400, "e": "_" * 600},
        {"kty": "OKP", "kid": "a", "crv": "Ed25519", "x": "AA"},
        {"kty": "OKP", "kid": "a", "crv": "X25519", "x": "A" * 43},
        {"kty": {}, "kid": []},
        "a",
        None,
    ],
    ids=repr,
)
def test_odd_keys_are_passed_over(web: StaticWeb, odd: Any) -> None:
    """Also where a good one stands beside them."""
    web.put(JWKS, {"keys": [odd, {**EC, "kid": "b"}]})
    keys = IssuerKeys(ISSUER, web, TokenClock(), JWKS)
    for algorithm in ("ES256", "RS256", "PS256", "EdDSA"):
        assert not is_known(keys, "a", algorithm)
    assert is_known(keys, "b")


def test_two_keys_with_one_name(web: StaticWeb) -> None:
    web.put(JWKS, {"keys": [EC, EC]})
    assert not is_known(IssuerKeys(ISSUER, web, TokenClock(), JWKS))


def test_so_many_keys_are_read(web: StaticWeb) -> None:
    web.put(JWKS, {"keys": [{**EC, "kid": str(number)} for number in range(1000)]})
    keys = IssuerKeys(ISSUER, web, TokenClock(), JWKS)
    assert [is_known(keys, number) for number in ("0", "199", "200", "999")] == [True, True, False, False]


def test_threads_read_keys_once(web: StaticWeb) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(url: str, **options: Any) -> Fetched:
        begun.set()
        assert go_on.wait(10)
        return web(url, **options)

    clock = TokenClock()
    keys = IssuerKeys(ISSUER, slow, clock, JWKS)
    found: list[bool] = []

    def start() -> threading.Thread:
        thread = threading.Thread(target=lambda: found.append(is_known(keys)))
        thread.start()
        return thread

    threads = [start() for _ in range(8)]
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert (found, web.asked) == ([True] * 8, [JWKS])

    clock.now += 4000  # the keys are old: one thread reads them again, and others go on with what there is
    begun.clear()
    go_on.clear()
    reading = start()
    assert begun.wait(10)
    assert is_known(keys)
    assert len(found) == 8
    go_on.set()
    reading.join(10)
    assert (len(found), web.asked) == (9, [JWKS] * 2)


# Through the handler, and over HTTP.


def test_cognito_is_asked_at_its_only_place(web: StaticWeb) -> None:
    from lambent import OAuth

    pool = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEf123"
    assert OAuth(issuer=pool).keys_at(pool) == f"{pool}/.well-known/jwks.json"
    assert OAuth(issuer=ISSUER).keys_at(ISSUER) is None
    assert OAuth(issuer=ISSUER, jwks_url=JWKS).keys_at(ISSUER) == JWKS


def test_rotation_through_the_handler() -> None:
    with Issuer() as issuer:
        clock = TokenClock()
        issuer.now = clock
        client = protected(clock, issuer=issuer.url)
        old = issuer.token(audience=URL)
        assert call(client, old).status == 200
        issuer.rotate(keep=True)
        clock.now += RETRY_SECONDS
        assert call(client, issuer.token(audience=URL)).status == 200
        assert call(client, old).status == 200
        issuer.rotate()
        withdrawn, kid = issuer.claims(audience=URL, expires_in=10_000), next(iter(issuer.keys.known))
        key = issuer.keys.known[kid]
        revoked = compact({"typ": "at+jwt", "alg": key.alg, "kid": kid}, withdrawn, key)
        clock.now += RETRY_SECONDS
        assert call(client, issuer.token(audience=URL)).status == 200
        reply = call(client, revoked)
        assert (reply.status, reply.error["message"]) == (
            401,
            "The token is signed with a key that its issuer does not have",
        )


def test_a_withdrawn_key_ends_what_is_remembered() -> None:
    with Issuer() as issuer:
        clock = TokenClock()
        issuer.now, issuer.jwks_headers = clock, {"cache-control": "max-age=300"}
        client = protected(clock, issuer=issuer.url)
        token = issuer.token(audience=URL, expires_in=100_000)
        assert call(client, token).status == 200
        issuer.rotate()
        clock.now += 299
        assert call(client, token).status == 200
        clock.now += 1
        assert call(client, token).status == 401


@pytest.mark.parametrize("outage", [kind for kind in Outage if kind not in (Outage.HANG, Outage.TRICKLE)])
def test_outages_through_the_handler(outage: Outage) -> None:
    with Issuer() as issuer:
        clock = TokenClock()
        issuer.now = clock
        warm, token = protected(clock, issuer=issuer.url), issuer.token(audience=URL, expires_in=100_000)
        assert call(warm, token).status == 200
        clock.now += 4000  # its keys are old by now
        with issuer.outage(outage):
            assert call(warm, issuer.token(audience=URL)).status == 200
            cold = protected(clock, issuer=issuer.url)
            reply = call(cold, token)
            assert (reply.status, reply.headers["retry-after"]) == (503, "5")
            assert reply.body == failure(-32600, DOWN, request_id=...)
            assert "www-authenticate" not in reply.headers
        clock.now += 2
        assert call(cold, token).status == 200


def test_an_issuer_that_is_gone(caplog: pytest.LogCaptureFixture) -> None:
    with Issuer() as issuer:
        clock = TokenClock()
        issuer.now = clock
        token = issuer.token(audience=URL)
    assert call(protected(clock, issuer=issuer.url), token).status == 503
    (said,) = [record.getMessage() for record in caplog.records]
    assert said.startswith(
        f"Callers cannot be identified: The keys of {issuer.url} are not known: 127.0.0.1 does not answer: "
    )
    assert token not in said


@pytest.mark.parametrize(
    "change",
    [
        lambda issuer: {"issuer": "https://evil.test"},
        lambda issuer: {"issuer": issuer.url + "/"},
        lambda issuer: {"issuer": None},
        lambda issuer: {"jwks_uri": None},
        lambda issuer: {"jwks_uri": "http://keys.test/jwks"},
        lambda issuer: {"jwks_uri": f"http://evil.test@{issuer.address.removeprefix('http://')}/jwks"},
        lambda issuer: {"jwks_uri": "ftp://127.0.0.1/jwks"},
    ],
)
def test_wrong_metadata_through_the_handler(
    change: Callable[[Issuer], dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    with Issuer() as issuer:
        issuer.metadata = change(issuer)
        reply = call(protected(issuer=issuer.url), issuer.token(audience=URL))
        assert (reply.status, reply.error["message"]) == (503, DOWN)
        (said,) = [record.getMessage() for record in caplog.records]
        why = "it has no metadata with its name and a secure jwks_uri. "
        assert said.startswith(f"Callers cannot be identified: The keys of {issuer.url} are not known: {why}")
        ((_, wrong),) = change(issuer).items()
        assert repr(wrong) in said
        assert issuer.requests[f"{issuer.path}/jwks"] == 0


def test_a_flood_of_unknown_names_through_the_handler() -> None:
    with Issuer() as issuer:
        clock = TokenClock()
        issuer.now = clock
        client = protected(clock, issuer=issuer.url)
        assert call(client, issuer.token(audience=URL)).status == 200
        clock.now += RETRY_SECONDS
        for number in range(100):
            assert call(client, issuer.token(audience=URL, header={"kid": f"x{number}"})).status == 401
        assert issuer.requests["/jwks"] == 2
