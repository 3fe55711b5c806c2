"""What is sent in place of a good token: the exact answer, and nothing of the token in it or in the log."""

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import hypothesis
import pytest
from hypothesis import strategies as st
from joserfc.jwk import OctKey
from tests.auth.world import DOMAIN, METADATA, URL, TokenClock, TokenWorld, call, client_of, protected
from tests.issuer.tokens import b64, compact, encode, parse
from tests.support import Client, Reply, failure, full_server, message

from lambent import OAuth

SCOPE = "mcp:use"


@pytest.fixture(scope="module")
def world() -> Iterator[TokenWorld]:
    world = TokenWorld(TokenClock())
    with world.running():
        yield world


@pytest.fixture(scope="module")
def client(world: TokenWorld) -> Client:
    issuers = [world.issuer.url, world.other.url]
    return protected(world.clock, issuer=issuers, scopes=[SCOPE])


class Refused(NamedTuple):
    """A refusal: its text, and what else clients are told."""

    text: str
    error: str = "invalid_token"
    status: int = 401


Make = Callable[[TokenWorld], str | dict[str, str]]
"""Makes a token, or the headers of a request."""

NOT_JWT = Refused("The token is not a signed JWT")
ALGORITHM = Refused("The token is not signed with an algorithm that is accepted")
SIGNATURE = Refused("The signature of the token is not valid")
KEY = Refused("The token is signed with a key that its issuer does not have")
CRITICAL = Refused("The token has critical extensions that are not supported")
TYPE = Refused("The token is not an access token")
ISSUER = Refused("The issuer of the token is not one of those that this server trusts")
EXPIRED = Refused("The token has expired")
NO_EXPIRY = Refused("The token does not say when it expires")
EXP = Refused("The claim exp of the token is not a time")
NBF = Refused("The claim nbf of the token is not a time")
EARLY = Refused("The token is not valid yet")
NO_AUDIENCE = Refused("The token does not say for whom it is (aud)")
AUDIENCE = Refused("The audience of the token is malformed")
SIBLING = Refused("The token was issued for another server (aud)")
SUBJECT = Refused("The token does not say whose it is (sub)")
LONG = Refused("The token is too long")
BOUND = Refused("The token is bound to its client in a way that is not supported")
ANONYMOUS = Refused("This server needs credentials", "")
MALFORMED = Refused("The header Authorization does not have one token", "invalid_request", 400)
IN_URL = Refused(
    "The token must be in the Authorization header, never in the URL", "invalid_request", status=400
)


def token(*, header: dict[str, Any] | None = None, **options: Any) -> Make:
    """A token of the issuer, right but for what is said."""
    return lambda world: world.issuer.token(header=header, **{"audience": URL, **options})


def raw(
    alg: str = "ES256",
    *,
    by: str | None = None,
    key: str | None = None,
    header: dict[str, Any] | bytes | None = None,
    claims: bytes | None = None,
    signature: bytes | None = None,
) -> Make:
    """A token that is signed by a key of the issuer, an odd one if it is named; ``by`` is how in truth."""

    def make(world: TokenWorld) -> str:
        signing = world.issuer.keys["ES256"] if key is None else world.odd[key]
        usual = {"typ": "at+jwt", "alg": alg, "kid": signing.kid}
        head = header if isinstance(header, bytes) else {**usual, **(header or {})}
        body = world.issuer.claims(audience=URL) if claims is None else claims
        secret = signing.key.get_op_key("sign") if isinstance(signing.key, OctKey) else signing
        return compact(head, body, secret, alg=by or alg, signature=signature)

    return make


def with_claims(text: str) -> Make:
    """A signed token whose claims are this JSON; ``$iss``, ``$aud`` and ``$exp`` stand for the right ones."""

    def make(world: TokenWorld) -> str:
        key, known = world.issuer.keys["ES256"], world.issuer.claims(audience=URL)
        body = text
        for name in ("iss", "aud", "exp"):
            body = body.replace(f"${name}", json.dumps(known[name]))
        head = {"typ": "at+jwt", "alg": "ES256", "kid": key.kid}
        return compact(head, body.encode(), key, alg="ES256")

    return make


def hmac_with(alg: str, secret: Callable[[TokenWorld], bytes]) -> Make:
    """Algorithm confusion: what everybody knows of the key is taken as the secret."""

    def make(world: TokenWorld) -> str:
        head = {"typ": "at+jwt", "alg": alg, "kid": world.issuer.keys["RS256"].kid}
        return compact(head, world.issuer.claims(audience=URL), secret(world))

    return make


def unsigned(alg: Any) -> Make:
    def make(world: TokenWorld) -> str:
        return compact({"typ": "at+jwt", "alg": alg}, world.issuer.claims(audience=URL), signature=b"")

    return make


def changed(change: Callable[[str, str, str], str]) -> Make:
    """A good token whose parts are put together in another way."""

    def make(world: TokenWorld) -> str:
        head, body, signature = world.issuer.token(audience=URL, alg="ES256").split(".")
        return change(head, body, signature)

    return make


def request(headers: Callable[[str], dict[str, str]]) -> Make:
    """The headers of a request, made with a good token."""
    return lambda world: headers(world.issuer.token(audience=URL))


def flipped(text: str) -> str:
    """The same with another first character."""
    return ("B" if text[0] == "A" else "A") + text[1:]


def loose_end(text: str) -> str:
    """The same bytes in another Base64 form: bits behind the last byte are set."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    assert len(text) % 4 == 2  # 4 of its last 6 bits mean nothing
    return text[:-1] + letters[letters.index(text[-1]) + 1]


def mixed_up(world: TokenWorld) -> str:
    """A token that names one trusted issuer, and is signed by another one."""
    key = world.other.keys["ES256"]
    return compact({"typ": "at+jwt", "alg": "ES256", "kid": key.kid}, world.issuer.claims(audience=URL), key)


def embedded(name: str, value: Callable[[TokenWorld], Any]) -> Make:
    """A token that is signed by a key which it brings itself, with the ``kid`` of a real one."""

    def make(world: TokenWorld) -> str:
        rogue, real = world.rogue.keys["ES256"], world.issuer.keys["ES256"]
        head = {"typ": "at+jwt", "alg": "ES256", "kid": real.kid, name: value(world)}
        return compact(head, world.issuer.claims(audience=URL), rogue)

    return make


def with_other_key(world: TokenWorld) -> str:
    """Signed with the key of another issuer, under the ``kid`` of a real one."""
    head = {"typ": "at+jwt", "alg": "ES256", "kid": world.issuer.keys["ES256"].kid}
    return compact(head, world.issuer.claims(audience=URL), world.other.keys["ES256"])


def other_payload(world: TokenWorld) -> str:
    """The signature of one token under the claims of another one."""
    head, _, signature = world.issuer.token(audience=URL, alg="ES256").split(".")
    return f"{head}.{encode(world.issuer.claims('admin', URL))}.{signature}"


DEEP = '{"a":' * 3000 + "1" + "}" * 3000
FULL = '"iss":$iss,"sub":"user-1","aud":$aud,"exp":$exp'

ROWS: dict[str, tuple[Make, Refused]] = {
    # How it is signed.
    "alg none": (unsigned("none"), ALGORITHM),
    "alg nOnE": (unsigned("nOnE"), ALGORITHM),
    "alg missing": (raw(header={"alg": None}, by="ES256"), ALGORITHM),
    "alg a list": (unsigned(["ES256"]), ALGORITHM),
    "alg a number": (unsigned(256), ALGORITHM),
    "alg in lower case": (raw("es256", by="ES256"), ALGORITHM),
    "HS256 with the public key": (hmac_with("HS256", lambda w: w.issuer.keys["RS256"].public_pem), ALGORITHM),
    "HS384 with the public key": (hmac_with("HS384", lambda w: w.issuer.keys["RS256"].public_pem), ALGORITHM),
    "HS512 with the public key": (hmac_with("HS512", lambda w: w.issuer.keys["ES256"].public_pem), ALGORITHM),
    "HS256 with the JWK": (
        hmac_with("HS256", lambda w: json.dumps(w.issuer.keys["RS256"].public).encode()),
        ALGORITHM,
    ),
    "HS256 with a secret of the key set": (raw("HS256", key="secret"), ALGORITHM),
    "ES256 with a secret of the key set": (raw("ES256", key="secret", by="HS256"), KEY),
    "RS256 with an EC key": (raw("RS256", by="ES256"), KEY),
    "ES256 with an RSA key": (token(alg="RS256", header={"alg": "ES256"}), KEY),
    "EdDSA with an RSA key": (token(alg="RS256", header={"alg": "EdDSA"}), KEY),
    "PS256 by a key for RS256": (token(alg="RS256", header={"alg": "PS256"}), KEY),
    "RS256 by a key for PS256": (token(alg="PS256", header={"alg": "RS256"}), KEY),
    "ES256 with P-384": (raw(key="p384"), KEY),
    "ES256 with secp256k1": (raw(key="k1"), KEY),
    "EdDSA with Ed448": (raw("EdDSA", key="ed448"), KEY),
    "ES384": (raw("ES384", by="ES256"), ALGORITHM),
    "an RSA key of 1024 bits": (raw("RS256", key="weak"), KEY),
    "a key for encryption": (raw(key="enc"), KEY),
    "a key whose private half is published": (raw(key="leaked"), KEY),
    "a key id that two keys have": (raw(key="twin"), KEY),
    "a key that is to sign only": (raw(key="signs"), SIGNATURE),
    "signature of another key": (with_other_key, SIGNATURE),
    "signature empty": (changed(lambda h, b, s: f"{h}.{b}."), SIGNATURE),
    "signature truncated": (changed(lambda h, b, s: f"{h}.{b}.{s[:40]}"), SIGNATURE),
    "signature with a bit flipped": (changed(lambda h, b, s: f"{h}.{b}.{flipped(s)}"), SIGNATURE),
    "signature twice": (changed(lambda h, b, s: f"{h}.{b}.{s[:84]}{s[:84]}"), SIGNATURE),
    "signature of zeros": (raw(signature=bytes(64)), SIGNATURE),
    "signature in DER": (raw(signature=bytes.fromhex("3006020101020101")), SIGNATURE),
    "signature of another payload": (other_payload, SIGNATURE),
    # Which key.
    "kid unknown": (token(header={"kid": "nobody"}), KEY),
    "kid of a path": (token(header={"kid": "../../../../etc/passwd"}), KEY),
    "kid of a device": (token(header={"kid": "/dev/null"}), KEY),
    "kid of a URL": (token(header={"kid": "http://169.254.169.254/latest/meta-data"}), KEY),
    "kid of SQL": (token(header={"kid": "x' UNION SELECT 'secret'--"}), KEY),
    "kid of a command": (token(header={"kid": "| /usr/bin/touch owned"}), KEY),
    "kid with a line break": (token(header={"kid": "a\r\nset-cookie: b"}), KEY),
    "kid empty": (token(header={"kid": ""}), KEY),
    "kid of 8,000 characters": (token(header={"kid": "k" * 8000}), KEY),
    "kid a number": (token(header={"kid": 1}), NOT_JWT),
    "kid a list": (token(header={"kid": ["a"]}), NOT_JWT),
    "kid an object": (token(header={"kid": {}}), NOT_JWT),
    "kid true": (token(header={"kid": True}), NOT_JWT),
    "kid missing, of several keys": (raw(key="enc", header={"kid": None}), KEY),
    "kid twice": (
        lambda w: raw(
            header=b'{"alg":"ES256","kid":"' + w.issuer.keys["ES256"].kid.encode() + b'","kid":"nobody"}',
        )(w),
        KEY,
    ),
    "embedded jwk": (embedded("jwk", lambda w: w.rogue.keys["ES256"].public), SIGNATURE),
    "jku of another issuer": (embedded("jku", lambda w: w.rogue.jwks_uri), SIGNATURE),
    "x5u of another issuer": (embedded("x5u", lambda w: f"{w.rogue.url}/cert.pem"), SIGNATURE),
    "x5c": (embedded("x5c", lambda w: ["MIIB"]), SIGNATURE),
    "jku with another kid": (
        lambda w: w.rogue.token(audience=URL, iss=w.issuer.url, header={"jku": w.rogue.jwks_uri}),
        KEY,
    ),
    # What kind of token.
    "crit": (token(header={"crit": ["exp"]}), CRITICAL),
    "crit empty": (token(header={"crit": []}), CRITICAL),
    "crit and b64": (token(header={"crit": ["b64"], "b64": False}), CRITICAL),
    "b64 without crit": (token(header={"b64": False}), CRITICAL),
    "an identity assertion": (token(header={"typ": "oauth-id-jag+jwt"}), TYPE),
    "a logout token": (token(header={"typ": "logout+jwt"}), TYPE),
    "a proof": (token(header={"typ": "dpop+jwt"}), TYPE),
    "a security event": (token(header={"typ": "secevent+jwt"}), TYPE),
    "typ a number": (token(header={"typ": 7}), TYPE),
    "typ empty": (token(header={"typ": ""}), TYPE),
    "nested": (lambda w: raw(header={"cty": "JWT"}, claims=token()(w).encode())(w), NOT_JWT),
    "encrypted": (changed(lambda h, b, s: f"{h}.{b}.{s}.{b}.{s}"), NOT_JWT),
    # How it is written.
    "one part": (changed(lambda h, b, s: h), NOT_JWT),
    "two parts": (changed(lambda h, b, s: f"{h}.{b}"), NOT_JWT),
    "four parts": (changed(lambda h, b, s: f"{h}.{b}.{s}.{s}"), NOT_JWT),
    "empty parts": (lambda w: "..", NOT_JWT),
    "no header": (changed(lambda h, b, s: f".{b}.{s}"), NOT_JWT),
    "no claims": (changed(lambda h, b, s: f"{h}..{s}"), NOT_JWT),
    "words": (lambda w: "not.a.token", NOT_JWT),
    "random bytes": (lambda w: ".".join(map(b64, (b"\xff\xfe\0" * 9, b"\x80" * 9, bytes(64)))), NOT_JWT),
    "padding": (changed(lambda h, b, s: f"{h}.{b}.{s}=="), NOT_JWT),
    "padding within": (changed(lambda h, b, s: f"{h}=.{b}.{s}"), MALFORMED),
    "bits behind the end": (changed(lambda h, b, s: f"{h}.{b}.{loose_end(s)}"), NOT_JWT),
    "Base64 of the other alphabet": (changed(lambda h, b, s: f"{h}.{b}.{s[:-4]}+/+/"), NOT_JWT),
    "a space within": (changed(lambda h, b, s: f"{h}. {b}.{s}"), MALFORMED),
    "a line break within": (changed(lambda h, b, s: f"{h}.{b}\n.{s}"), MALFORMED),
    "a line break behind": (changed(lambda h, b, s: f"{h}.{b}.{s}\n"), MALFORMED),
    "a null within": (changed(lambda h, b, s: f"{h}.{b}\0.{s}"), MALFORMED),
    "letters of other scripts": (changed(lambda h, b, s: f"{h}.{b}.{s[:-1]}ä"), MALFORMED),
    "full-width digits": (changed(lambda h, b, s: f"{h}.{b}.{s[:-1]}１"), MALFORMED),  # noqa: RUF001
    "quoted": (changed(lambda h, b, s: f'"{h}.{b}.{s}"'), MALFORMED),
    "header not an object": (raw(header=b'["ES256"]'), NOT_JWT),
    "header null": (raw(header=b"null"), NOT_JWT),
    "header not JSON": (raw(header=b'{"alg":"ES256"'), NOT_JWT),
    "claims not an object": (with_claims("[1]"), NOT_JWT),
    "claims a text": (with_claims('"claims"'), NOT_JWT),
    "claims not JSON": (with_claims("{"), NOT_JWT),
    "claims not UTF-8": (raw(claims=b'{"sub":"\xff"}'), NOT_JWT),
    "claims with a byte order mark": (raw(claims=b"\xef\xbb\xbf{}"), NOT_JWT),
    "claims with a lone surrogate": (with_claims('{"sub":"\\ud800"}'), NOT_JWT),
    "claims nested deeply": (raw(claims=DEEP.encode()), LONG),
    "claims nested less deeply": (raw(claims=DEEP[:5000].encode()), NOT_JWT),
    "17 KB": (token(padding="a" * 13_000), LONG),
    "1 MB": (lambda w: "a" * 1_000_000, LONG),
    "1 MB of dots": (lambda w: "." * 1_000_000, LONG),
    # When.
    "exp missing": (token(exp=None), NO_EXPIRY),
    "exp null": (with_claims('{"iss":$iss,"sub":"user-1","aud":$aud,"exp":null}'), NO_EXPIRY),
    "expired by one second": (token(expires_in=-1), EXPIRED),
    "exp exactly now": (token(expires_in=0), EXPIRED),
    "exp zero": (token(exp=0), EXPIRED),
    "exp negative": (token(exp=-1), EXPIRED),
    "exp a text": (token(exp="4102444800"), EXP),
    "exp true": (token(exp=True), EXP),
    "exp a list": (token(exp=[4102444800]), EXP),
    "exp in milliseconds times a billion": (token(exp=4102444800000 * 10**9), EXP),
    "exp of 400 digits": (with_claims('{"iss":$iss,"exp":' + "9" * 400 + "}"), EXP),
    "exp NaN": (with_claims('{"iss":$iss,"exp":NaN}'), NOT_JWT),
    "exp 1e400": (with_claims('{"iss":$iss,"exp":1e400}'), NOT_JWT),
    "exp 1e300": (with_claims('{"iss":$iss,"exp":1e300}'), EXP),
    "nbf in one second": (lambda w: token(nbf=int(w.clock()) + 1)(w), EARLY),
    "nbf a text": (token(nbf="0"), NBF),
    "exp twice, the last one over": (with_claims("{" + FULL + ',"exp":1}'), EXPIRED),
    # For whom.
    "aud missing": (token(aud=None), NO_AUDIENCE),
    "aud null": (with_claims('{"iss":$iss,"sub":"user-1","aud":null,"exp":$exp}'), NO_AUDIENCE),
    "aud of a sibling": (token(audience=f"{URL}2"), SIBLING),
    "aud of another path": (token(audience=URL.replace("/mcp", "/other/mcp")), SIBLING),
    "aud of the host": (token(audience=URL.removesuffix("/mcp")), SIBLING),
    "aud below": (token(audience=f"{URL}/admin"), SIBLING),
    "aud in other case": (token(audience=URL.replace("/mcp", "/MCP")), SIBLING),
    "aud with two slashes": (token(audience=f"{URL}//"), SIBLING),
    "aud over http": (token(audience=URL.replace("https", "http")), SIBLING),
    "aud with a port": (token(audience=URL.replace(".com", ".com:443")), SIBLING),
    "aud with a query": (token(audience=f"{URL}?"), SIBLING),
    "aud of the issuer": (lambda w: w.issuer.token(audience=w.issuer.url), SIBLING),
    "aud empty": (token(aud=""), SIBLING),
    "aud an empty list": (token(aud=[]), SIBLING),
    "aud two siblings": (token(audience=[f"{URL}2", f"{URL}3"]), SIBLING),
    "aud joined by a space": (token(audience=f"{URL} {URL}2"), SIBLING),
    "aud a number": (token(aud=5), AUDIENCE),
    "aud an object": (token(aud={"url": URL}), AUDIENCE),
    "aud with a number": (token(aud=[URL, 5]), AUDIENCE),
    "aud nested": (token(aud=[[URL]]), AUDIENCE),
    "aud twice, the last one a sibling": (with_claims("{" + FULL + ',"aud":"x"}'), SIBLING),
    # Of whom.
    "iss missing": (token(iss=None), ISSUER),
    "iss empty": (token(iss=""), ISSUER),
    "iss another": (lambda w: w.rogue.token(audience=URL), ISSUER),
    "iss with a slash": (lambda w: token(iss=f"{w.issuer.url}/")(w), ISSUER),
    "iss in other case": (lambda w: token(iss=w.issuer.url.upper())(w), ISSUER),
    "iss a list": (lambda w: token(iss=[w.issuer.url])(w), ISSUER),
    "iss an object": (token(iss={}), ISSUER),
    "iss mixed up": (mixed_up, KEY),
    "iss of another tenant": (lambda w: token(iss=w.issuer.address)(w), ISSUER),
    "sub missing": (token(sub=None), SUBJECT),
    "sub empty": (token(sub=""), SUBJECT),
    "sub a number": (token(sub=5), SUBJECT),
    "sub a list": (token(sub=["user-1"]), SUBJECT),
    "token_use id": (token(token_use="id"), TYPE),
    "token_use null": (with_claims("{" + FULL + ',"token_use":null}'), TYPE),
    "bound to a certificate": (token(cnf={"x5t#S256": "A" * 43}), BOUND),
    "bound to two things": (token(cnf={"jkt": "A" * 43, "x5t#S256": "A" * 43}), BOUND),
    "bound to nothing": (token(cnf={}), BOUND),
    "bound to an empty thumbprint": (token(cnf={"jkt": ""}), BOUND),
    "bound to a text": (token(cnf="A" * 43), BOUND),
    # Where.
    "nothing": (lambda w: {}, ANONYMOUS),
    "header empty": (lambda w: {"authorization": ""}, ANONYMOUS),
    "Basic": (lambda w: {"authorization": "Basic dXNlcjpwYXNzd29yZA=="}, ANONYMOUS),
    "the token alone": (request(lambda t: {"authorization": t}), ANONYMOUS),
    "Bearer alone": (lambda w: {"authorization": "Bearer"}, MALFORMED),
    "Bearer and spaces": (lambda w: {"authorization": "Bearer   "}, MALFORMED),
    "two headers": (request(lambda t: {"authorization": f"Bearer {t}, Bearer {t}"}), MALFORMED),
    "two headers, Basic first": (
        request(lambda t: {"authorization": f"Basic dXNlcjpwYXNz, Bearer {t}"}),
        ANONYMOUS,
    ),
    "two tokens": (request(lambda t: {"authorization": f"Bearer {t} {t}"}), MALFORMED),
    "another header": (request(lambda t: {"x-access-token": t}), ANONYMOUS),
    "a cookie": (request(lambda t: {"cookie": f"access_token={t}"}), ANONYMOUS),
    "another scheme": (request(lambda t: {"authorization": f"Token {t}"}), ANONYMOUS),
    "a tab behind the scheme": (request(lambda t: {"authorization": f"Bearer\t{t}"}), ANONYMOUS),
}


def challenge_of(refused: Refused) -> str:
    error = f'error="{refused.error}", ' if refused.error else ""
    scope = f'scope="{SCOPE}", ' if refused.status == 401 else ""
    text = f', error_description="{refused.text}"' if refused.error else ""
    return f'Bearer {error}{scope}resource_metadata="{METADATA}"{text}'


def check(reply: Reply, refused: Refused) -> None:
    """Check an answer to the byte."""
    headers = {"content-type": "application/json", "www-authenticate": challenge_of(refused)}
    data = {"error": refused.error} if refused.error else None
    assert reply.body == failure(-32600, refused.text, data, request_id=...)
    assert (reply.status, reply.headers) == (refused.status, headers)


def texts_of(value: Any) -> Iterator[str]:
    """All texts in a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, member in value.items():
            yield from (name, *texts_of(member))
    elif isinstance(value, list):
        for one in value:
            yield from texts_of(one)


def contents_of(token: str) -> set[str]:
    """The parts of a token, and all texts in it that are long enough to be told from other words."""
    found = {token, *token.split(".")}
    try:
        header, claims = parse(token)
        found |= {text for part in (header, claims) for text in texts_of(part)}
    except (ValueError, RecursionError):
        pass
    return {text for text in found if len(text) > 6 and text not in KNOWN}


KNOWN = {f"https://{DOMAIN}"}
"""What an answer says anyway."""


def test_there_are_enough() -> None:
    assert len(ROWS) > 90


@pytest.mark.parametrize("name", ROWS)
def test_bad_tokens(
    client: Client,
    world: TokenWorld,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    name: str,
) -> None:
    make, refused = ROWS[name]
    made = make(world)
    headers = {"authorization": f"Bearer {made}"} if isinstance(made, str) else made
    caplog.set_level(logging.DEBUG)
    for _ in range(2):  # what is remembered of the first time changes nothing
        reply = call(client, None, headers)
        check(reply, refused)
    said = json.dumps(reply.written) + caplog.text + "".join(capfd.readouterr())
    for header in headers.values():
        token = header.rpartition(" ")[2]
        assert [text for text in contents_of(token) if text in said] == []


def test_bad_tokens_cause_no_requests(world: TokenWorld) -> None:
    """But the first ones: the clock stands still, so unknown key ids cause no further ones."""
    before = world.issuer.requests, world.other.requests, world.rogue.requests
    client = protected(world.clock, issuer=[world.issuer.url, world.other.url])
    for make, _ in ROWS.values():
        made = make(world)
        call(client, None, {"authorization": f"Bearer {made}"} if isinstance(made, str) else made)
    after = world.issuer.requests, world.other.requests, world.rogue.requests
    caused = [then - now for now, then in zip(before, after, strict=True)]
    assert caused == [
        {"/.well-known/oauth-authorization-server/tenant": 1, "/tenant/jwks": 1},
        {},
        {},
    ]


GOOD: dict[str, Make] = {
    "RS256": token(alg="RS256"),
    "PS256": token(alg="PS256"),
    "ES256": token(alg="ES256"),
    "EdDSA": token(alg="EdDSA"),
    "of the other issuer": lambda w: w.other.token(audience=URL),
    "no kid, of one key for the algorithm": token(alg="EdDSA", header={"kid": None}),
    "typ JWT": token(header={"typ": "JWT"}),
    "typ missing": token(header={"typ": None}),
    "typ of a media type": token(header={"typ": "application/AT+JWT"}),
    "a header that is ignored": token(header={"zip": "DEF", "x": {"y": []}}),
    "a key that it brings, and does not need": lambda w: token(header={"jku": w.rogue.jwks_uri})(w),
    "b64 true": token(header={"b64": True}),
    "in a list": token(audience=[f"{URL}2", URL]),
    "with a slash": token(audience=f"{URL}/"),
    "aud twice, the last one right": with_claims('{"aud":"x",' + FULL + "}"),
    "exp with a fraction": lambda w: token(exp=w.clock() + 0.5)(w),
    "nbf now": lambda w: token(nbf=w.clock())(w),
    "iat missing": token(iat=None),
    "iat in the future": lambda w: token(iat=int(w.clock()) + 10_000)(w),
    "iat a text": token(iat="yesterday"),
    "token_use access": token(token_use="access"),
    "unknown claims": token(other={"a": [1, None]}),
    "bearer": request(lambda t: {"authorization": f"bearer {t}"}),
    "BEARER": request(lambda t: {"authorization": f"BEARER {t}"}),
    "spaces": request(lambda t: {"authorization": f"  Bearer   {t}  "}),
}


@pytest.mark.parametrize("name", GOOD)
def test_good_tokens(world: TokenWorld, name: str) -> None:
    client = protected(world.clock, issuer=[world.issuer.url, world.other.url])
    before = world.rogue.requests
    made = GOOD[name](world)
    reply = call(client, None, {"authorization": f"Bearer {made}"} if isinstance(made, str) else made)
    assert reply.value == 3
    assert world.rogue.requests == before  # whatever a header names


@pytest.mark.parametrize(
    ("query", "refused"),
    [
        ("access_token={}", IN_URL),
        ("a=b&access_token={}", IN_URL),
        ("access%5Ftoken={}", IN_URL),
        ("%61ccess_token={}", IN_URL),
        ("a=b;access_token={}", IN_URL),
        ("access_token", IN_URL),
        ("a=access_token", ANONYMOUS),
        ("not_access_token={}", ANONYMOUS),
    ],
)
def test_tokens_in_the_url(client: Client, world: TokenWorld, query: str, refused: Refused) -> None:
    """Not even beside a good one in the header."""
    token = world.issuer.token(audience=URL)
    reply = client.post(message("tools/list"), query=query.format(token))
    check(reply, refused)
    headers = {"authorization": f"Bearer {world.issuer.token(audience=URL, scopes=[SCOPE])}"}
    reply = client.post(message("tools/list"), headers, query=query.format(token))
    if refused is IN_URL:
        check(reply, refused)
    else:
        assert reply.status == 200


@pytest.mark.parametrize("body", ["access_token={}", '{{"access_token":"{}"}}'])
def test_tokens_in_the_body(client: Client, world: TokenWorld, body: str) -> None:
    token = world.issuer.token(audience=URL)
    check(client.post(body.format(token)), ANONYMOUS)
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert client.post(body.format(token), form).status == 415


def test_only_the_algorithms_that_are_declared(world: TokenWorld) -> None:
    server = full_server(auth=OAuth(issuer=world.issuer.url, algorithms=["ES256"]))
    client = client_of(server, world.clock)
    assert call(client, world.issuer.token(audience=URL, alg="ES256")).status == 200
    for algorithm in ("RS256", "PS256", "EdDSA"):
        reply = call(client, world.issuer.token(audience=URL, alg=algorithm))
        assert (reply.status, reply.error["message"]) == (401, ALGORITHM.text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
CLAIMS = ("iss", "sub", "aud", "exp", "nbf", "iat", "scope", "scp", "client_id", "azp", "cnf", "token_use")
HEADERS = ("alg", "kid", "typ", "crit", "b64", "jwk", "jku", "x5c", "zip", "cty")


@hypothesis.given(
    claims=st.dictionaries(st.sampled_from(CLAIMS), JSON, max_size=3),
    header=st.dictionaries(st.sampled_from(HEADERS), JSON, max_size=2),
)
def test_nothing_that_is_signed_is_worse_than_refused(
    client: Client, world: TokenWorld, claims: dict[str, Any], header: dict[str, Any]
) -> None:
    key = world.issuer.keys["ES256"]
    head = {"typ": "at+jwt", "alg": "ES256", "kid": key.kid, **header}
    body = {**world.issuer.claims(audience=URL, scopes=[SCOPE]), **claims}
    reply = call(client, compact(head, body, key, alg="ES256"))
    assert reply.status in (200, 401, 403)
