"""Headers as https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-authenticate-users.html
describes them, and headers of those who would like to be somebody else.
"""

import base64
import contextlib
import json
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from lambent.auth.authenticator import AuthPorts, CredentialsError
from lambent.auth.fetching import Fetched, FetchError
from lambent.auth.load_balancer import HEADER, MAX_LENGTH, Alb
from lambent.auth.principal import Principal
from lambent.errors import ConfigurationError, HttpRefusal
from lambent.wire.http import Request

NOW = 1_800_000_000.0
ARN = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/my-balancer/50dc6c495c0c9188"
KEY_ID = "12345678-1234-1234-1234-123456789012"
URL = f"https://public-keys.auth.elb.eu-west-1.amazonaws.com/{KEY_ID}"
KEY = ec.generate_private_key(ec.SECP256R1())
OTHER_KEY = ec.generate_private_key(ec.SECP256R1())
JOSE = {
    "typ": "JWT",
    "kid": KEY_ID,
    "alg": "ES256",
    "iss": "https://id.shop.example/a",
    "client": "my-client",
    "signer": ARN,
    "exp": int(NOW) + 120,
}
USER = {
    "sub": "1234567890",
    "name": "Ada",
    "email": "alias@example.com",
    "exp": int(NOW) + 120,
    "iss": "https://id.shop.example/a",
}


def pem(key: Any) -> bytes:
    written: bytes = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return written


def segment(value: Any, *, is_padded: bool = True) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    text = base64.urlsafe_b64encode(data).decode()
    return text if is_padded else text.rstrip("=")


def signature(signed: str, key: Any = KEY) -> bytes:
    r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def token(jose: Any = JOSE, claims: Any = USER, *, key: Any = KEY, is_padded: bool = True) -> str:
    signed = f"{segment(jose, is_padded=is_padded)}.{segment(claims, is_padded=is_padded)}"
    return f"{signed}.{segment(signature(signed, key), is_padded=is_padded)}"


class KeyServer:
    """Has keys by their address, and counts what it is asked."""

    def __init__(self, keys: Mapping[str, Fetched | Exception] | None = None) -> None:
        self.keys = dict(keys or {URL: Fetched(200, pem(KEY))})
        self.asked: list[str] = []

    def __call__(
        self, url: str, *, method: str = "GET", body: bytes | None = None, headers: Mapping[str, str] = {}
    ) -> Fetched:
        assert (method, body, headers) == ("GET", None, {})
        self.asked.append(url)
        found = self.keys.get(url, Fetched(403, b"<Error><Code>AccessDenied</Code></Error>"))
        if isinstance(found, Exception):
            raise found
        return found


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


def alb(server: KeyServer | None = None, arn: Any = ARN, clock: Clock | None = None, **options: Any) -> Alb:
    return Alb(arn, fetch=server or KeyServer(), clock=clock or Clock(), **options)


def ports(server: KeyServer) -> AuthPorts:
    return AuthPorts(server, Clock(), lambda _: None)


def sent(value: str) -> Request:
    return Request(method="POST", path="/mcp", headers={HEADER: value})


def refused(authenticator: Alb, value: str) -> tuple[int, str, dict[str, str]]:
    with pytest.raises((CredentialsError, HttpRefusal)) as caught:
        authenticator.authenticate(sent(value))
    return caught.value.status, str(caught.value), dict(getattr(caught.value, "headers", {}))


@pytest.mark.parametrize("is_padded", [True, False])
def test_a_signed_header_identifies_the_user(is_padded: bool) -> None:
    found = alb().authenticate(sent(token(is_padded=is_padded)))
    assert found == Principal(
        "1234567890", "https://id.shop.example/a", frozenset(), {**USER, "exp": int(NOW) + 120}, "my-client"
    )


def test_the_header_in_question_is_padded() -> None:
    """Otherwise the test above would show nothing."""
    first, middle, last = token().split(".")
    assert "=" in first
    assert "=" in middle
    assert last.endswith("==")


def test_a_request_without_the_header_is_nobodys() -> None:
    server = KeyServer()
    headers = {"x-amzn-oidc-identity": "1234567890", "x-amzn-oidc-accesstoken": token()}
    assert alb(server).authenticate(Request(headers=headers)) is None
    assert server.asked == []


def test_only_signed_values_count() -> None:
    headers = {HEADER: token(), "x-amzn-oidc-identity": "somebody else"}
    found = alb().authenticate(Request(headers=headers))
    assert found is not None
    assert found.subject == "1234567890"


@pytest.mark.parametrize("expiry", [str(int(NOW) + 120), NOW + 0.5, int(NOW) - 29])
def test_expiry_as_text_or_number_and_with_leeway(expiry: Any) -> None:
    assert alb().authenticate(sent(token({**JOSE, "exp": expiry}))) is not None


def test_claims_without_an_expiry_have_that_of_the_header() -> None:
    assert alb().authenticate(sent(token(claims={"sub": "ada"}))) is not None


def test_a_header_without_a_client_names_none() -> None:
    found = alb().authenticate(sent(token({**JOSE, "client": 7})))
    assert found is not None
    assert found.client_id == ""


def test_the_clients_that_are_named_are_accepted() -> None:
    assert alb(clients="my-client").authenticate(sent(token())) is not None
    assert alb(clients=["other", "my-client"]).authenticate(sent(token())) is not None


GOV = "arn:aws-us-gov:elasticloadbalancing:us-gov-west-1:123456789012:loadbalancer/app/b/1"
CHINA = "arn:aws-cn:elasticloadbalancing:cn-north-1:123456789012:loadbalancer/app/b/1"


@pytest.mark.parametrize(
    ("arn", "url"),
    [
        (GOV, f"https://s3-us-gov-west-1.amazonaws.com/aws-elb-public-keys-prod-us-gov-west-1/{KEY_ID}"),
        (CHINA, f"https://public-keys.auth.elb.cn-north-1.amazonaws.com.cn/{KEY_ID}"),
        (ARN, URL),
    ],
)
def test_the_region_of_the_signer_says_where_its_keys_are(arn: str, url: str) -> None:
    server = KeyServer({url: Fetched(200, pem(KEY))})
    authenticator = alb(server, [GOV, CHINA, ARN])
    assert authenticator.authenticate(sent(token({**JOSE, "signer": arn}))) is not None
    assert server.asked == [url]


NO_JWT = "is no JWT"
SIGNER = "is signed by another load balancer"
NO_KEY = "names no key"
EXPIRED = "has expired"
WRONG = "has a wrong signature"
ALGORITHM = "is not signed as a load balancer signs"
WHOM = "does not say whom it is for"


def hs256() -> str:
    """Algorithm confusion: the public key as the secret of an HMAC."""
    signed = f"{segment({**JOSE, 'alg': 'HS256'})}.{segment(USER)}"
    mac = hmac.HMAC(pem(KEY), hashes.SHA256())
    mac.update(signed.encode())
    return f"{signed}.{segment(mac.finalize())}"


def changed() -> str:
    first, _, last = token().split(".")
    return f"{first}.{segment({**USER, 'sub': 'root'})}.{last}"


def unpadded_after_signing() -> str:
    first, middle, last = token().split(".")
    return f"{first.rstrip('=')}.{middle.rstrip('=')}.{last}"


SIGNED = token().rpartition(".")[0]
UNFETCHED: list[tuple[str, str]] = [
    ("", NO_JWT),
    ("x", NO_JWT),
    ("..", NO_JWT),
    ("a.b", NO_JWT),
    (f"{token()}.x", NO_JWT),
    (f"{token()}, {token()}", NO_JWT),
    ("é.é.é", NO_JWT),
    ("\ud800.a.a", NO_JWT),
    (f"{segment(b'no JSON')}.{segment(USER)}.{segment(b'x')}", NO_JWT),
    (f"{segment([JOSE])}.{segment(USER)}.{segment(b'x')}", NO_JWT),
    (f"{segment(b'null')}.{segment(USER)}.{segment(b'x')}", NO_JWT),
    (f"{segment(b'{' + bytes([0xFF]) + b'}')}.{segment(USER)}.{segment(b'x')}", NO_JWT),
    (f"{segment(b'[' * 10_000)}.{segment(USER)}.{segment(b'x')}", NO_JWT),
    (f"{SIGNED}.*", NO_JWT),
    (f"{SIGNED}.a", NO_JWT),
    (token(claims={**USER, "x": "x" * MAX_LENGTH}), NO_JWT),
    (token({**JOSE, "alg": "none"}), ALGORITHM),
    (token({**JOSE, "alg": "none"}).rpartition(".")[0] + ".", ALGORITHM),
    (token({**JOSE, "alg": "es256"}), ALGORITHM),
    (token({**JOSE, "alg": "ES384"}), ALGORITHM),
    (token({**JOSE, "alg": None}), ALGORITHM),
    (token({**JOSE, "alg": ["ES256"]}), ALGORITHM),
    (token({**JOSE, "crit": ["exp"]}), ALGORITHM),
    (hs256(), ALGORITHM),
    (token({**JOSE, "signer": ARN.replace("50dc", "50dd")}), SIGNER),
    (token({**JOSE, "signer": f"{ARN}/x"}), SIGNER),
    (token({**JOSE, "signer": f" {ARN}"}), SIGNER),
    (token({**JOSE, "signer": ARN.upper()}), SIGNER),
    (token({**JOSE, "signer": None}), SIGNER),
    (token({**JOSE, "signer": [ARN]}), SIGNER),
    (token({**JOSE, "signer": {"arn": ARN}}), SIGNER),
    (token({name: value for name, value in JOSE.items() if name != "signer"}), SIGNER),
    (token({**JOSE, "kid": "../../evil.example/key"}), NO_KEY),
    (token({**JOSE, "kid": f"{KEY_ID}/../x"}), NO_KEY),
    (token({**JOSE, "kid": f"{KEY_ID}\n"}), NO_KEY),
    (token({**JOSE, "kid": f"{KEY_ID}?x"}), NO_KEY),
    (token({**JOSE, "kid": "@evil.example"}), NO_KEY),
    (token({**JOSE, "kid": KEY_ID.replace("-", "")}), NO_KEY),
    (token({**JOSE, "kid": ""}), NO_KEY),
    (token({**JOSE, "kid": None}), NO_KEY),
    (token({**JOSE, "kid": 7}), NO_KEY),
    (token({**JOSE, "kid": [KEY_ID]}), NO_KEY),
]


@pytest.mark.parametrize(("value", "why"), UNFETCHED, ids=map(str, range(len(UNFETCHED))))
def test_a_header_that_nobody_could_verify_causes_no_request(value: str, why: str) -> None:
    server = KeyServer()
    assert refused(alb(server), value) == (401, f"The header {HEADER} {why}", {})
    assert server.asked == []


FETCHED: list[tuple[str, str]] = [
    (token(key=OTHER_KEY), WRONG),
    (changed(), WRONG),
    (unpadded_after_signing(), WRONG),
    (f"{SIGNED}.", WRONG),
    (f"{SIGNED}.{segment(b'')}", WRONG),
    (f"{SIGNED}.{segment(bytes(64))}", WRONG),
    (f"{SIGNED}.{segment(signature(SIGNED) + b'x')}", WRONG),
    (f"{SIGNED}.{segment(signature(SIGNED)[:-1])}", WRONG),
    (f"{SIGNED}.{segment(KEY.sign(SIGNED.encode(), ec.ECDSA(hashes.SHA256())))}", WRONG),
    (token({**JOSE, "kid": "00000000-0000-0000-0000-000000000000"}), "names an unknown key"),
    (token({**JOSE, "jwk": {"kty": "EC"}, "jku": "https://evil.example"}, key=OTHER_KEY), WRONG),
    (token({**JOSE, "exp": int(NOW) - 30}), EXPIRED),
    (token({**JOSE, "exp": str(int(NOW) - 30)}), EXPIRED),
    (token({**JOSE, "exp": 0}), EXPIRED),
    (token({**JOSE, "exp": -1e300}), EXPIRED),
    (token(claims={**USER, "exp": int(NOW) - 30}), EXPIRED),
    (token({**JOSE, "exp": None}), "says not when it expires"),
    (token({**JOSE, "exp": True}), "says not when it expires"),
    (token({**JOSE, "exp": "soon"}), "says not when it expires"),
    (token({**JOSE, "exp": "9" * 5000}), "says not when it expires"),
    (token({**JOSE, "exp": "٣"}), "says not when it expires"),
    (token({**JOSE, "exp": [int(NOW) + 9]}), "says not when it expires"),
    (token(claims={**USER, "exp": None}), "says not when it expires"),
    (token({name: value for name, value in JOSE.items() if name != "exp"}), "says not when it expires"),
    (token({**JOSE, "iss": None}), WHOM),
    (token({**JOSE, "iss": ""}), WHOM),
    (token({**JOSE, "iss": 7}), WHOM),
    (token(claims={**USER, "sub": None}), WHOM),
    (token(claims={**USER, "sub": ""}), WHOM),
    (token(claims={**USER, "sub": " "}), WHOM),
    (token(claims={**USER, "sub": 7}), WHOM),
    (token(claims={**USER, "sub": "a\nb"}), WHOM),
    (token(claims={"email": "alias@example.com"}), WHOM),
    (token(claims={}), WHOM),
    (token(claims=[]), NO_JWT),
    (token(claims=b"no JSON"), NO_JWT),
    (token(claims=b""), NO_JWT),
]


@pytest.mark.parametrize(("value", "why"), FETCHED, ids=map(str, range(len(FETCHED))))
def test_a_header_that_is_not_right_is_refused(value: str, why: str) -> None:
    server = KeyServer()
    assert refused(alb(server), value) == (401, f"The header {HEADER} {why}", {})
    assert len(server.asked) == 1


@pytest.mark.parametrize("client", ["other", "", None, 7, ["my-client"]])
def test_users_of_another_application_behind_the_load_balancer_are_refused(client: Any) -> None:
    authenticator = alb(clients="my-client")
    assert refused(authenticator, token({**JOSE, "client": client})) == (
        401,
        f"The header {HEADER} is for another client",
        {},
    )


@pytest.mark.parametrize(
    "arn",
    [
        "",
        "my-balancer",
        ARN.replace("/app/", "/net/"),
        ARN.replace("eu-west-1", "evil.example/"),
        ARN.replace("eu-west-1", ""),
        ARN.replace("123456789012", "12345"),
        ARN.replace("123456789012", "٣" * 12),
        ARN.replace("arn:aws:", "arn:evil:"),
        f"{ARN}\n",
        f"{ARN}/more",
    ],
)
def test_an_arn_that_is_none_is_refused(arn: str) -> None:
    with pytest.raises(
        ConfigurationError, match="is not the ARN of an Application Load Balancer, such as arn:aws:"
    ):
        Alb(arn)


def test_the_load_balancer_has_to_be_named() -> None:
    with pytest.raises(ConfigurationError, match="whose signatures are accepted"):
        Alb([])


def test_the_host_says_how_keys_are_fetched() -> None:
    authenticator = Alb(ARN, clock=Clock())
    with pytest.raises(ConfigurationError, match="how to fetch the keys"):
        authenticator.authenticate(sent(token()))
    server = KeyServer()
    assert authenticator.connect(ports(server)) is authenticator
    assert authenticator.authenticate(sent(token())) is not None
    assert server.asked == [URL]


def test_what_the_constructor_was_told_stays() -> None:
    server, other = KeyServer(), KeyServer()
    authenticator = alb(server)
    authenticator.connect(ports(other))
    authenticator.authenticate(sent(token()))
    assert (server.asked, other.asked) == ([URL], [])


def test_the_library_that_verifies_has_to_be_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "joserfc.jwk", None)
    with pytest.raises(ConfigurationError, match=r"needs joserfc: install the extra lambent\[auth\]"):
        alb().authenticate(sent(token()))


# Keys

UNAVAILABLE = (503, "The key of the load balancer cannot be fetched now", {"retry-after": "5"})


def test_a_key_is_fetched_once_a_day() -> None:
    server, clock = KeyServer(), Clock()
    authenticator = alb(server, clock=clock)
    for seconds, requests in ((0, 1), (100, 1), (24 * 3600 - 1, 1), (24 * 3600, 2), (24 * 3600 + 60, 2)):
        clock.now = NOW + seconds
        valid = {**JOSE, "exp": clock.now + 120}
        assert authenticator.authenticate(sent(token(valid, {"sub": "ada"}))) is not None
        assert len(server.asked) == requests


@pytest.mark.parametrize(
    "answer",
    [
        FetchError("timeout"),
        Fetched(500, b""),
        Fetched(503, b""),
        Fetched(429, b""),
        Fetched(302, b"", {"location": "https://evil.example/"}),
        Fetched(204, b""),
        Fetched(200, b""),
        Fetched(200, b"<html>"),
        Fetched(200, pem(KEY)[:-40]),
        Fetched(200, pem(rsa.generate_private_key(65537, 2048))),
        Fetched(200, pem(ec.generate_private_key(ec.SECP384R1()))),
        Fetched(200, pem(ec.generate_private_key(ec.SECP256K1()))),
        Fetched(200, b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"),
    ],
    ids=range(13),
)
def test_without_a_key_nothing_is_decided(answer: Fetched | Exception) -> None:
    server = KeyServer({URL: answer})
    authenticator = alb(server)
    assert refused(authenticator, token()) == UNAVAILABLE
    server.keys[URL] = Fetched(200, pem(KEY))
    assert authenticator.authenticate(sent(token())) is not None


def test_the_last_key_serves_while_the_server_is_down() -> None:
    server, clock = KeyServer(), Clock()
    authenticator = alb(server, clock=clock)
    later = token({**JOSE, "exp": NOW + 10**6}, {"sub": "ada"})
    authenticator.authenticate(sent(later))
    server.keys[URL] = FetchError("connection refused")
    for seconds, requests in ((0, 2), (59, 2), (60, 3), (61, 3)):
        clock.now = NOW + 24 * 3600 + seconds
        assert authenticator.authenticate(sent(later)) is not None
        assert len(server.asked) == requests
    server.keys[URL] = Fetched(404, b"")
    clock.now += 60
    assert refused(authenticator, later) == (401, f"The header {HEADER} names an unknown key", {})


def uuid(number: int) -> str:
    return f"00000000-0000-0000-0000-{number:012}"


def test_invented_keys_cause_ten_requests_a_minute() -> None:
    server, clock = KeyServer(), Clock()
    authenticator = alb(server, clock=clock)
    assert authenticator.authenticate(sent(token())) is not None
    statuses = [refused(authenticator, token({**JOSE, "kid": uuid(number)}))[0] for number in range(12)]
    assert statuses == [401] * 9 + [503] * 3
    assert len(server.asked) == 10
    assert authenticator.authenticate(sent(token())) is not None  # those whose key is known go on
    clock.now += 60
    assert refused(authenticator, token({**JOSE, "kid": uuid(99)}))[0] == 401
    clock.now -= 3600  # a clock that is set back does not stop fetching for good
    assert refused(authenticator, token({**JOSE, "kid": uuid(98)}))[0] == 401


def test_a_bounded_number_of_keys_is_kept() -> None:
    host = URL.removesuffix(KEY_ID)
    server = KeyServer({f"{host}{uuid(number)}": Fetched(200, pem(KEY)) for number in range(20)})
    clock = Clock()
    authenticator = alb(server, clock=clock)
    valid = {**JOSE, "exp": NOW + 10**6}
    for number in range(20):
        clock.now += 10
        assert (
            authenticator.authenticate(sent(token({**valid, "kid": uuid(number)}, {"sub": "ada"})))
            is not None
        )
    server.asked.clear()
    for number in (19, 4, 3):
        clock.now += 10
        assert (
            authenticator.authenticate(sent(token({**valid, "kid": uuid(number)}, {"sub": "ada"})))
            is not None
        )
    assert server.asked == [f"{host}{uuid(3)}"]


def test_threads_that_need_one_key_fetch_it_once() -> None:
    together = threading.Barrier(4)

    class SlowServer(KeyServer):
        def __call__(self, url: str, **options: Any) -> Fetched:
            with contextlib.suppress(threading.BrokenBarrierError):
                together.wait(0.2)  # the others never come while this thread fetches
            return super().__call__(url, **options)

    server = SlowServer()
    authenticator = alb(server)
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(authenticator.authenticate, [sent(token())] * 4))
    assert None not in found
    assert server.asked == [URL]


def test_nothing_of_the_header_is_repeated() -> None:
    value = token({**JOSE, "kid": "secret-kid", "client": "secret"}, {**USER, "sub": 7})
    assert "secret" not in str(refused(alb(), value))
