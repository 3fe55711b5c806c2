"""Signing keys of the test issuer: real ones, one for each algorithm, with rotation."""

import hmac
import secrets
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")


@dataclass(frozen=True)
class SigningKey:
    """A private key with the ``kid`` and the ``alg`` under which it is published."""

    kid: str
    alg: str
    key: Key

    @property
    def public(self) -> dict[str, Any]:
        """The public JWK as the JWKS has it."""
        return {**self.key.as_dict(private=False), "kid": self.kid, "alg": self.alg, "use": "sig"}

    @property
    def private(self) -> dict[str, Any]:
        """The JWK with its private members: it must never be published."""
        return {**self.key.as_dict(private=True), "kid": self.kid, "alg": self.alg, "use": "sig"}

    @property
    def public_pem(self) -> bytes:
        """The public key as PEM: the HMAC secret of an algorithm confusion."""
        assert isinstance(self.key, RSAKey | ECKey | OKPKey)
        return self.key.as_pem(private=False)

    @property
    def thumbprint(self) -> str:
        """The JWK's SHA-256 thumbprint (RFC 7638)."""
        return self.key.thumbprint()


def sign(data: bytes, alg: str, key: SigningKey | Key | bytes) -> bytes:
    """The signature of ``data``; bytes are an HMAC secret, whatever they are."""
    if isinstance(key, bytes):  # of which joserfc takes no public key
        return hmac.digest(key, data, {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}[alg])
    # The model itself, since the registry warns of some algorithms.
    return JWSRegistry.algorithms[alg].sign(data, key.key if isinstance(key, SigningKey) else key)


def is_signed(data: bytes, signature: bytes, alg: str, key: SigningKey | Key) -> bool:
    """Whether ``signature`` is that of ``data``."""
    model = JWSRegistry.algorithms[alg]
    return model.verify(data, signature, key.key if isinstance(key, SigningKey) else key)


def make_key(alg: str) -> Key:
    """A new private key for ``alg``."""
    if alg.startswith("ES"):
        return ECKey.generate_key({"ES256": "P-256", "ES384": "P-384"}[alg])
    if alg == "EdDSA":
        return OKPKey.generate_key("Ed25519")
    return RSAKey.generate_key(2048, private=True)


class RsaPool:
    """RSA keys that no issuer uses at present: making one takes a tenth of a second."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._free: list[Key] = []

    def take(self) -> Key:
        """A key that nobody else has."""
        with self._lock:
            if self._free:
                return self._free.pop()
        return make_key("RS256")

    def give_back(self, keys: Sequence[Key]) -> None:
        """Offer the keys to later issuers."""
        with self._lock:
            self._free.extend(keys)


_RSA = RsaPool()


class KeyRing:
    """The keys of one issuer: those in its JWKS, and former ones.

    Args:
        algorithms: One key is made for each.
    """

    def __init__(self, algorithms: Sequence[str] = ALGORITHMS) -> None:
        self.algorithms = tuple(algorithms)
        self.published: list[SigningKey] = []
        self.known: dict[str, SigningKey] = {}
        self.extra: list[Any] = []
        """Further entries of the JWKS, as they are."""
        self.rotate()

    def rotate(self, *, keep: bool = False) -> None:
        """Sign with new keys from now on; former ones leave the JWKS unless ``keep`` is set."""
        new = [self._make(alg) for alg in self.algorithms]
        self.published = [*(self.published if keep else ()), *new]
        self.known.update((key.kid, key) for key in new)

    def __getitem__(self, alg: str) -> SigningKey:
        """The present key for ``alg``."""
        return next(key for key in reversed(self.published) if key.alg == alg)

    def __iter__(self) -> Iterator[SigningKey]:
        return iter(self.published)

    def jwks(self) -> dict[str, Any]:
        """The published keys (RFC 7517)."""
        return {"keys": [*(key.public for key in self.published), *self.extra]}

    def close(self) -> None:
        """Let later issuers have the keys that are costly to make."""
        _RSA.give_back([key.key for key in self.known.values() if isinstance(key.key, RSAKey)])
        self.known.clear()

    def _make(self, alg: str) -> SigningKey:
        is_rsa = alg.startswith(("RS", "PS"))
        return SigningKey(
            f"{alg.lower()}-{secrets.token_hex(4)}", alg, _RSA.take() if is_rsa else make_key(alg)
        )
