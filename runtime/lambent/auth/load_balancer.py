"""Users whom an Application Load Balancer has signed in: its header ``x-amzn-oidc-data``, verified.

The header is a JWT that the load balancer signs (ES256). It differs from RFC 7519: the segments are padded
with ``=``, the signature covers the padding, and ``iss``, ``exp`` and ``client`` are in the JOSE header
(Elastic Load Balancing, "Authenticate users using an Application Load Balancer").
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection
from typing import Any

import msgspec

from lambent.auth.authenticator import AuthPorts, CredentialsError
from lambent.auth.balancer_keys import BalancerKeys
from lambent.auth.fetching import Fetch
from lambent.auth.principal import Principal
from lambent.errors import ConfigurationError
from lambent.wire.http import Request

HEADER = "x-amzn-oidc-data"
MAX_LENGTH = 16 * 1024
"""Characters of the header; a load balancer refuses users with more than 11 KB of claims."""

_REGION = r"[a-z]{2}(-[a-z]+)+-\d{1,2}"
_ARN = (
    rf"arn:(aws|aws-us-gov|aws-cn):elasticloadbalancing:({_REGION}):\d{{12}}:loadbalancer/app/[\w-]+/[\w-]+"
)
_KEY_ID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_FROM_URL = bytes.maketrans(b"-_", b"+/")

_HOSTS = {
    "aws": "https://public-keys.auth.elb.{region}.amazonaws.com/",
    "aws-us-gov": "https://s3-{region}.amazonaws.com/aws-elb-public-keys-prod-{region}/",
    "aws-cn": "https://public-keys.auth.elb.{region}.amazonaws.com.cn/",
}


class Alb:
    """Identifies users by the header that an Application Load Balancer has signed.

    Args:
        arn: the load balancer, or several, whose signatures are accepted.
        clients: the client ids, as the listener rules have them, whose users are accepted; none: all. A load
            balancer signs for each of its rules, those of other applications included.
        leeway: seconds by which clocks may differ.
        fetch: how public keys are fetched; None: as the host does it, see ``connect``.
        clock: gives the time as seconds since 1970.

    Raises:
        ConfigurationError: there is no ARN, or it is not one of an Application Load Balancer.
    """

    def __init__(
        self,
        arn: str | Collection[str],
        *,
        clients: str | Collection[str] = (),
        leeway: float = 30.0,
        fetch: Fetch | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        arns = [arn] if isinstance(arn, str) else list(arn)
        if not arns:
            raise ConfigurationError("The ARN of a load balancer is needed: whose signatures are accepted?")
        self._addresses = {each: _address(each) for each in arns}
        self._clients = frozenset([clients] if isinstance(clients, str) else clients)
        self._leeway = leeway
        self._clock = clock
        self._keys = BalancerKeys(fetch, clock)

    def connect(self, ports: AuthPorts) -> Alb:
        """See ``Declared.connect``; keys are fetched as the constructor was told, or else by these ports."""
        self._keys.connect(ports.fetch)
        return self

    def authenticate(self, request: Request) -> Principal | None:
        """See ``Authenticator.authenticate``; None without the header.

        Raises:
            CredentialsError: 401, the load balancer has not signed the header, or it has expired.
            HttpRefusal: 503, the key to verify it cannot be had now.
            ConfigurationError: nobody has said how to fetch keys.
        """
        token = request.headers.get(HEADER)
        return None if token is None else self._verified(token)

    def _verified(self, token: str) -> Principal:
        if len(token) > MAX_LENGTH or token.count(".") != 2:
            raise _refusal("is no JWT")
        signed, _, last = token.rpartition(".")
        first, _, middle = signed.partition(".")
        header, signature = _object(first), _bytes(last)
        if header.get("alg") != "ES256" or "crit" in header:
            raise _refusal("is not signed as a load balancer signs")
        signer, key_id = header.get("signer"), header.get("kid")
        # Before anything is fetched: both are still what anybody could have written.
        address = self._addresses.get(signer) if isinstance(signer, str) else None
        if address is None:
            raise _refusal("is signed by another load balancer")
        if not isinstance(key_id, str) or re.fullmatch(_KEY_ID, key_id) is None:
            raise _refusal("names no key")
        key = self._keys.find(f"{address}{key_id}")
        if key is None:
            raise _refusal("names an unknown key")
        if not key.verify(signed.encode("ascii"), signature):
            raise _refusal("has a wrong signature")
        return self._principal(header, _object(middle))

    def _principal(self, header: dict[str, Any], claims: dict[str, Any]) -> Principal:
        """The user of a token whose signature is right."""
        now = self._clock()
        # Load balancers repeat the time in the claims.
        for expiry in (header.get("exp"), claims.get("exp", header.get("exp"))):
            if now >= _seconds(expiry) + self._leeway:
                raise _refusal("has expired")
        client = header.get("client")
        client = client if isinstance(client, str) else ""
        if self._clients and client not in self._clients:
            raise _refusal("is for another client")
        return Principal(
            subject=_text(claims.get("sub")),
            issuer=_text(header.get("iss")),
            client_id=client,
            claims=claims,
        )


def _address(arn: str) -> str:
    """Where the keys of a load balancer are, up to the key's id."""
    match = re.fullmatch(_ARN, arn, re.ASCII)
    if match is None:
        raise ConfigurationError(
            f"{arn!r} is not the ARN of an Application Load Balancer, such as "
            "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/my-balancer/50dc6c495c0c9188"
        )
    return _HOSTS[match[1]].format(region=match[2])


def _bytes(segment: str) -> bytes:
    import binascii  # loaded where headers of load balancers are read

    text = segment.rstrip("=")
    try:
        raw = text.encode("ascii").translate(_FROM_URL)
        return binascii.a2b_base64(raw + b"=" * (-len(raw) % 4), strict_mode=True)
    except ValueError:
        raise _refusal("is no JWT") from None


def _object(segment: str) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(_bytes(segment))
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise _refusal("is no JWT") from None
    if not isinstance(value, dict):
        raise _refusal("is no JWT")
    return value


def _seconds(value: Any) -> float:
    if isinstance(value, str) and len(value) < 20 and value.isascii() and value.isdigit():
        return int(value)  # as the documentation shows it
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    raise _refusal("says not when it expires")


def _text(value: Any) -> str:
    if isinstance(value, str) and value.strip() and value.isprintable():
        return value
    raise _refusal("does not say whom it is for")


def _refusal(why: str) -> CredentialsError:
    return CredentialsError(f"The header {HEADER} {why}")
