"""The keys of an issuer: found by its metadata, kept beyond an invocation, replaced when it rotates them.

==========================  ==============================================================================
when                        what happens
==========================  ==============================================================================
the first token             metadata (RFC 8414, then OpenID Connect Discovery), then its key set
later                       nothing, until the key set is older than the issuer lets it be kept
a key id is unknown         the key set is read again, at most every ``RETRY_SECONDS``
another thread reads it     tokens with known keys go on; those with an unknown key id get 503
the issuer does not answer  the last keys stay in force, and it is asked again after ``RETRY_SECONDS``
its key set is empty        it has withdrawn its keys: no token is taken
==========================  ==============================================================================
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from lambent.auth.access_tokens import InvalidTokenError
from lambent.auth.fetching import Fetch, FetchError
from lambent.auth.urls import is_secure
from lambent.errors import LambentError

if TYPE_CHECKING:
    from collections.abc import Callable

    from joserfc.jwk import Key

RETRY_SECONDS = 30.0
"""Anybody can send a token with an unknown key id: this is how often one has the key set read again."""

_FIRST_RETRY_SECONDS = 2.0
"""While no key is known nothing can be verified, so an issuer that has come back is to be noticed soon."""

_LEAST_KEPT, _USUALLY_KEPT, _LONGEST_KEPT = 300.0, 3600.0, 86400.0
_KEY_TYPES = {"RS256": "RSA", "PS256": "RSA", "ES256": "EC", "EdDSA": "OKP"}
_MOST_KEYS = 200


class IssuerDownError(LambentError):
    """The keys of an issuer are not known, and it does not answer."""


class IssuerKeys:
    """The keys of one issuer, for any number of threads.

    Args:
        issuer: its URL.
        fetch: sends requests.
        clock: the time in seconds since the epoch.
        jwks_url: where the key set is; default: as the issuer's metadata says.
    """

    def __init__(
        self, issuer: str, fetch: Fetch, clock: Callable[[], float], jwks_url: str | None = None
    ) -> None:
        self._issuer = issuer
        self._fetch = fetch
        self._clock = clock
        self._given_jwks_url = self._jwks_url = jwks_url
        self._keys: list[tuple[Mapping[str, Any], Key]] = []
        self._fresh_until = 0.0
        self._is_known = False
        self._failure = "it was not asked yet"
        self._asked_at = -RETRY_SECONDS
        self._lock = threading.Lock()

    def find(self, key_id: str | None, algorithm: str) -> Key:
        """The key that a token names; without a name the only one for its algorithm.

        Raises:
            InvalidTokenError: there is no such key.
            IssuerDownError: no key is known, because the issuer does not answer.
        """
        if self._clock() >= self._fresh_until:
            self._renew(waits=not self._is_known)
        found, is_read = self._match(key_id, algorithm), True
        if found is None:
            is_read = self._renew(waits=not self._is_known)
            found = self._match(key_id, algorithm)
        if found is not None:
            return found
        if not self._is_known:
            raise IssuerDownError(f"The keys of {self._issuer} are not known: {self._failure}")
        if not is_read:
            raise IssuerDownError(f"The keys of {self._issuer} are being read")
        raise InvalidTokenError("The token is signed with a key that its issuer does not have")

    def _match(self, key_id: str | None, algorithm: str) -> Key | None:
        found = [
            key
            for said, key in self._keys
            if said.get("kty") == _KEY_TYPES[algorithm]
            and said.get("alg", algorithm) == algorithm
            and (key_id is None or said.get("kid") == key_id)
        ]
        return found[0] if len(found) == 1 else None

    def _renew(self, *, waits: bool) -> bool:
        """Read the key set, unless that was tried a short while ago.

        Args:
            waits: for another thread that reads it; else the call goes on with the keys that there are.

        Returns:
            Whether no other thread is reading it.
        """
        if not self._lock.acquire(blocking=waits):
            return False
        try:
            retry = RETRY_SECONDS if self._is_known else _FIRST_RETRY_SECONDS
            if self._clock() - self._asked_at >= retry:
                self._try_to_read()
        finally:
            self._lock.release()
        return True

    def _try_to_read(self) -> None:
        try:
            keys, seconds = self._read()
        except (FetchError, msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            self._jwks_url = self._given_jwks_url  # which may be another one by now
            self._failure = str(error) if isinstance(error, FetchError) else "its key set is no JSON object"
        else:
            # Also if there are none: the issuer has withdrawn them.
            self._keys, self._is_known, self._fresh_until = keys, True, self._clock() + seconds
        finally:
            self._asked_at = self._clock()  # at the end: who has waited for this does not ask again

    def _read(self) -> tuple[list[tuple[Mapping[str, Any], Key]], float]:
        if self._jwks_url is None:
            self._jwks_url = self._find_jwks_url()
        response = self._fetch(self._jwks_url)
        if response.status != 200:
            raise FetchError(f"{self._jwks_url} has status {response.status}")
        document = msgspec.json.decode(response.body, type=dict[str, Any])
        if not isinstance(document.get("keys"), list):
            raise FetchError(f"{self._jwks_url} has no key set")
        return list(_usable(document["keys"])), _kept_seconds(response.headers)

    def _find_jwks_url(self) -> str:
        wrong: list[str] = []
        for metadata in read_metadata(self._issuer, self._fetch, wrong):
            jwks_url = metadata.get("jwks_uri")
            if isinstance(jwks_url, str) and is_secure(jwks_url):
                return jwks_url
            wrong.append(f"Its metadata name the key set {repr(jwks_url)[:200]}")
        raise FetchError(
            f"it has no metadata with its name and a secure jwks_uri. {' '.join(wrong[:1])}".strip(". ")
        )


def read_metadata(issuer: str, fetch: Fetch, wrong: list[str]) -> Iterator[dict[str, Any]]:
    """The metadata that an issuer has, at each of the places where they may be.

    What names another issuer is passed over; ``wrong`` gets a sentence about it, for the log.

    Raises:
        FetchError: it does not answer.
    """
    for url in metadata_urls(issuer):
        response = fetch(url)
        if response.status != 200:
            continue
        try:
            metadata = msgspec.json.decode(response.body, type=dict[str, Any])
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            continue  # such as the page that a site has for every path that it does not know
        # Without this check one issuer could publish metadata for another (RFC 8414, section 3.3).
        if metadata.get("issuer") == issuer:
            yield metadata
        else:
            wrong.append(f"{url} names the issuer {repr(metadata.get('issuer'))[:200]}")


def metadata_urls(issuer: str) -> list[str]:
    """Where the metadata of an issuer may be: RFC 8414, section 3.1, then OpenID Connect Discovery."""
    scheme, _, rest = issuer.partition("://")
    host, slash, path = rest.rstrip("/").partition("/")
    origin, path = f"{scheme}://{host}", slash + path
    found = [
        f"{origin}/.well-known/oauth-authorization-server{path}",
        f"{origin}{path}/.well-known/openid-configuration",
        f"{origin}/.well-known/openid-configuration{path}",
    ]
    return list(dict.fromkeys(found))


def _usable(given: list[Any]) -> Iterator[tuple[Mapping[str, Any], Key]]:
    """The keys that can verify tokens; others in the set are for something else, or prove nothing."""
    from lambent.auth.public_keys import public_key  # loaded with the first token

    for said in given[:_MOST_KEYS]:
        if not isinstance(said, dict) or said.get("use", "sig") != "sig":
            continue
        key = public_key(said)
        if key is not None:
            yield said, key


def _kept_seconds(headers: Mapping[str, str]) -> float:
    said = re.search(r"max-age=(\d{1,9})", headers.get("cache-control", ""))
    seconds = float(said[1]) if said else _USUALLY_KEPT
    return min(max(seconds, _LEAST_KEPT), _LONGEST_KEPT)
