"""API keys, for callers who can do nothing else: random, named, and configured as hashes.

A key is found by its SHA-256 digest. As keys are random, neither a salt nor a slow hash adds anything: nobody
can try 2^128 of them. How long a look-up takes depends on the digest of what was sent, from which nobody can
compute a key: a look-up needs no comparison in constant time.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import msgspec

from lambent.auth.authenticator import CredentialsError
from lambent.auth.claims import Claims
from lambent.auth.principal import Principal
from lambent.errors import ConfigurationError
from lambent.wire.http import Request

ISSUER = "api-keys"
PREFIX = "lmb_"
"""What every key begins with, so that scanners of secrets know them."""

_HEADER_NAME = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"


class ApiKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is known of one key.

    Attributes:
        hash: the SHA-256 digest of the key, 64 hexadecimal digits; see ``make_api_key``.
        subject: who calls with it; several keys may have the same one, so that they can be rotated.
        scopes: what the caller may do.
        expires: the time from which on it is refused, with a time zone; None: never.
    """

    hash: str
    subject: str
    scopes: Sequence[str] = ()
    expires: datetime | None = None

    def __post_init__(self) -> None:
        """Check the values; none of them is repeated in an error, as it might be the key itself.

        Raises:
            ConfigurationError: one of them cannot be used.
        """
        if re.fullmatch(r"[0-9a-fA-F]{64}", self.hash) is None:
            raise ConfigurationError(
                "The hash of an API key is its SHA-256 digest, 64 hexadecimal digits: see `lambent keys`"
            )
        if not (self.subject.strip() and self.subject.isprintable()):
            raise ConfigurationError("The subject of an API key is missing or not printable")
        if isinstance(self.scopes, str):
            raise ConfigurationError("The scopes of an API key are a list")
        if self.expires is not None and self.expires.utcoffset() is None:
            raise ConfigurationError(
                "The expiry of an API key needs a time zone, such as 2027-01-31T00:00:00Z"
            )

    def __repr__(self) -> str:
        """All but the hash."""
        return f"ApiKey(subject={self.subject!r}, scopes={self.scopes!r}, expires={self.expires!r})"


class _Known(msgspec.Struct, frozen=True):
    principal: Principal
    expires: float | None


class ApiKeys:
    """Identifies callers by a key in a header.

    Keys are not taken from ``Authorization``: there stand the tokens of an issuer, and what is wrong with one
    could not be told from a wrong key.

    Args:
        keys: by name; a name is the ``client_id`` of who calls with that key.
        header: the name of the header. API Gateway reads ``X-API-Key`` itself where a route asks for one of
            its own keys: choose another one then.
        clock: gives the time as seconds since 1970.

    Raises:
        ConfigurationError: there is no key, two have the same hash, or the header has no valid name.
    """

    def __init__(
        self,
        keys: Mapping[str, ApiKey],
        *,
        header: str = "X-API-Key",
        clock: Callable[[], float] = time.time,
    ) -> None:
        if re.fullmatch(_HEADER_NAME, header) is None or header.lower() == "authorization":
            raise ConfigurationError(f"API keys cannot be sent in a header with the name {header!r}")
        if not keys:
            raise ConfigurationError("There is no API key")
        self.header = header
        self._header = header.lower()
        self._refusal_text = f"The API key in {header} is not valid"
        self._clock = clock
        self._known: dict[str, _Known] = {}
        for name, key in keys.items():
            if self._known.setdefault(key.hash.lower(), known := _known(name, key)) is not known:
                raise ConfigurationError(f"The API key {name!r} has the hash of another one")

    def authenticate(self, request: Request) -> Principal | None:
        """See ``Authenticator.authenticate``; None without the header.

        Raises:
            CredentialsError: 401, the key is unknown or has expired.
        """
        sent = request.headers.get(self._header)
        if sent is None:
            return None
        known = self._known.get(hash_of(sent))
        if known is None:
            raise CredentialsError(self._refusal_text)
        if known.expires is not None and self._clock() >= known.expires:
            raise CredentialsError("The API key has expired")
        return known.principal


def _known(name: str, key: ApiKey) -> _Known:
    principal = Principal(key.subject, ISSUER, frozenset(key.scopes), Claims(), name)
    return _Known(principal, None if key.expires is None else key.expires.timestamp())


def hash_of(key: str) -> str:
    """The SHA-256 digest of a key, in hexadecimal digits."""
    import hashlib  # maps OpenSSL into memory, so it is loaded with the first key

    return hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()


def make_api_key() -> tuple[str, str]:
    """A new key with 256 random bits, and its hash.

    The key is for the caller and is kept nowhere else; the hash is for the configuration.
    """
    import secrets  # loaded where keys are made

    key = f"{PREFIX}{secrets.token_urlsafe(32)}"
    return key, hash_of(key)


def read_api_keys(text: str) -> dict[str, ApiKey]:
    """Read the value of ``LAMBENT_API_KEYS``.

    It is either a list, ``name:hash:scope1 scope2`` with commas or line breaks between the keys, where the
    subject is the name; or a JSON object of such names, each with the members of ``ApiKey``.

    Raises:
        ConfigurationError: it cannot be read. The message repeats no value.
    """
    if text.lstrip().startswith("{"):
        try:
            return msgspec.json.decode(text, type=dict[str, ApiKey])
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise ConfigurationError(f"LAMBENT_API_KEYS cannot be read: {error}") from None
    keys: dict[str, ApiKey] = {}
    for number, entry in enumerate((each for each in re.split(r"[,\n]", text) if each.strip()), 1):
        name, _, rest = entry.partition(":")
        digest, _, scopes = rest.partition(":")
        name = name.strip()
        if not name or not digest:
            raise ConfigurationError(f"LAMBENT_API_KEYS: key {number} is not of the form name:hash:scopes")
        if name in keys:
            raise ConfigurationError(f"LAMBENT_API_KEYS: key {number} has the name of another one")
        keys[name] = ApiKey(hash=digest.strip(), subject=name, scopes=tuple(scopes.split()))
    return keys
