"""A server that takes the tokens of test issuers, behind the Lambda handler, with a clock of its own."""

import contextlib
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from tests.issuer.issuer import Issuer
from tests.issuer.keys import SigningKey
from tests.support import Client, Reply, full_server

from lambent import OAuth, Settings
from lambent.hosts.aws_lambda.handler import LambdaHandler
from lambent.server import MCPServer

DOMAIN = "abc123.execute-api.eu-west-1.amazonaws.com"
URL = f"https://{DOMAIN}/mcp"
"""Of the endpoint, as the platform says it: what tokens are for."""

METADATA = f"https://{DOMAIN}/.well-known/oauth-protected-resource/mcp"
LAMBDA = Settings(in_lambda=True)


class TokenClock:
    """A clock that moves when a test says so."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def set_clock(handler: LambdaHandler, clock: Callable[[], float]) -> None:
    """Let everything that verifies tokens for a handler read another clock."""
    guard: Any = handler._endpoint._authenticator
    for tokens in guard._authenticators:
        tokens._clock = clock
        for keys in tokens._keys.values():
            keys._clock = clock


def protected(clock: Callable[[], float] | None = None, **oauth: Any) -> Client:
    """A client of a server with every feature that takes tokens by such a declaration."""
    return client_of(full_server(auth=OAuth(**oauth)), clock)


def client_of(
    server: MCPServer, clock: Callable[[], float] | None = None, settings: Settings = LAMBDA
) -> Client:
    """A client of a server, with its own clock."""
    handler = server.lambda_handler(settings)
    if clock is not None:
        set_clock(handler, clock)
    return Client(handler)


def call(client: Client, token: str | None, headers: Mapping[str, str | None] | None = None) -> Reply:
    """Call a tool with a token."""
    given = {} if token is None else {"authorization": f"Bearer {token}"}
    return client.call("add", {"a": 1, "b": 2}, headers={**given, **(headers or {})})


class TokenWorld:
    """The issuers of the tests of bad tokens: one with odd keys, a second trusted one, one that is not."""

    def __init__(self, clock: TokenClock) -> None:
        self.clock = clock
        self.issuer, self.other, self.rogue = Issuer("/tenant"), Issuer(), Issuer()
        for issuer in (self.issuer, self.other, self.rogue):
            issuer.now = clock
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of weak keys
            weak = RSAKey.import_key(_pem(1024))
        twins = (ECKey.generate_key("P-256"), ECKey.generate_key("P-256"))
        self.odd = {
            "weak": SigningKey("weak", "RS256", weak),
            "enc": SigningKey("enc", "ES256", ECKey.generate_key("P-256")),
            "leaked": SigningKey("leaked", "ES256", ECKey.generate_key("P-256")),
            "p384": SigningKey("p384", "ES256", ECKey.generate_key("P-384")),
            "k1": SigningKey("k1", "ES256", ECKey.generate_key("secp256k1")),
            "ed448": SigningKey("ed448", "EdDSA", OKPKey.generate_key("Ed448")),
            "twin": SigningKey("twin", "ES256", twins[0]),
            "secret": SigningKey("secret", "HS256", OctKey.generate_key(256)),
            "signs": SigningKey("signs", "ES256", ECKey.generate_key("P-256")),
        }
        public = {name: key.public for name, key in self.odd.items() if name != "secret"}
        public["enc"]["use"] = "enc"
        public["leaked"] = self.odd["leaked"].private
        public["secret"] = self.odd["secret"].private
        public["signs"]["key_ops"] = ["sign"]
        second = SigningKey("twin", "ES256", twins[1]).public
        nonsense: list[Any] = [None, 5, "key", [], {}, {"kty": "RSA"}, {"kty": "EC", "crv": "P-256", "x": 1}]
        nonsense += [{"kty": "RSA", "n": "!", "e": "AQAB"}, {"kty": ["RSA"], "crv": {}}]
        self.issuer.keys.extra = [*nonsense, *public.values(), second]

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """All issuers, for the time of a ``with`` block."""
        with self.issuer, self.other, self.rogue:
            yield


def _pem(bits: int) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = rsa.generate_private_key(65537, bits)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
