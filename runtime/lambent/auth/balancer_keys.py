"""The public keys of load balancers: fetched one by one, kept in memory."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from lambent.auth.fetching import Fetch, FetchError
from lambent.errors import ConfigurationError, HttpRefusal

if TYPE_CHECKING:
    from joserfc.jwk import ECKey

MAX_KEYS = 16
"""Keys that are kept; a load balancer has one or two at a time."""

KEPT_SECONDS = 24 * 3600.0
"""How long a key is used before it is fetched again."""

RETRY_SECONDS = 60.0
"""How long a key is used that could not be fetched again; and the time for which fetches are counted."""

MAX_FETCHES = 10
"""Fetches in that time: ids of keys are read before any signature is verified, so anybody can invent them."""

_PEM = b"-----BEGIN PUBLIC KEY-----"


class BalancerKey:
    """One public key."""

    def __init__(self, key: ECKey) -> None:
        self._key = key

    def verify(self, signed: bytes, signature: bytes) -> bool:
        """Whether this is an ES256 signature of what was signed (RFC 7518, section 3.4)."""
        from joserfc.jws import JWSRegistry  # loaded with the first key

        # The library's functions for whole tokens refuse the padding that load balancers write.
        return JWSRegistry.algorithms["ES256"].verify(signed, signature, self._key)


class _Kept(msgspec.Struct, frozen=True):
    key: BalancerKey
    until: float


class BalancerKeys:
    """Keys by their address.

    Args:
        fetch: see ``Alb``.
        clock: gives the time in seconds.
    """

    def __init__(self, fetch: Fetch | None, clock: Callable[[], float]) -> None:
        self._fetch = fetch
        self._clock = clock
        self._fetching = threading.Lock()
        self._kept: dict[str, _Kept] = {}
        self._fetches: deque[float] = deque()

    def connect(self, fetch: Fetch) -> None:
        """See ``Alb.connect``."""
        self._fetch = self._fetch or fetch

    def find(self, url: str) -> BalancerKey | None:
        """The key at an address; None if there is none.

        Raises:
            HttpRefusal: 503, the server cannot be asked now, and the key was not fetched before.
        """
        kept = self._kept.get(url)
        if kept is not None and self._clock() < kept.until:
            return kept.key
        with self._fetching:  # one thread fetches, and the others find what it has fetched
            return self._found(url)

    def _found(self, url: str) -> BalancerKey | None:
        now = self._clock()
        kept = self._kept.get(url)
        if kept is not None and now < kept.until:
            return kept.key
        try:
            key, until = self._fetched(url, now), now + KEPT_SECONDS
        except FetchError:
            if kept is None:
                text = "The key of the load balancer cannot be fetched now"
                raise HttpRefusal(503, text, {"retry-after": "5"}) from None
            key, until = kept.key, now + RETRY_SECONDS
        self._kept.pop(url, None)
        if key is not None:
            self._kept[url] = _Kept(key, until)
            if len(self._kept) > MAX_KEYS:
                del self._kept[next(iter(self._kept))]
        return key

    def _fetched(self, url: str, now: float) -> BalancerKey | None:
        if self._fetch is None:
            raise ConfigurationError(
                "Nobody has said how to fetch the keys of a load balancer: Alb(fetch=...)"
            )
        while self._fetches and not 0 <= now - self._fetches[0] < RETRY_SECONDS:
            self._fetches.popleft()
        if len(self._fetches) >= MAX_FETCHES:
            raise FetchError("Too many keys of load balancers were asked for")
        self._fetches.append(now)
        response = self._fetch(url)
        if response.status in (
            403,
            404,
        ):  # S3, which is behind these addresses, answers 403 for what is not there
            return None
        if response.status != 200:
            raise FetchError(f"The keys of load balancers: status {response.status}")
        return _key(response.body)


def _key(pem: bytes) -> BalancerKey:
    try:
        from cryptography.exceptions import UnsupportedAlgorithm  # loaded with the first key
        from joserfc.errors import JoseError
        from joserfc.jwk import ECKey
    except ImportError as error:
        raise ConfigurationError(
            "The header of a load balancer needs joserfc: install the extra lambent[auth]"
        ) from error
    try:
        if not pem.lstrip().startswith(_PEM):
            raise ValueError("It is no public key")
        key = ECKey.import_key(pem)
        if key.curve_name != "P-256":
            raise ValueError("ES256 needs a key on P-256")
    except (ValueError, TypeError, AttributeError, JoseError, UnsupportedAlgorithm) as error:
        raise FetchError("What is at the address of a load balancer's key cannot be used") from error
    return BalancerKey(key)
