"""Signatures of deliveries: Standard Webhooks with symmetric secrets ("Signature scheme")."""

from __future__ import annotations

import binascii
import hashlib
import hmac
from collections.abc import Sequence

from lambent.errors import InvalidParamsError

_PREFIX = "whsec_"
_LEAST_BYTES, _MOST_BYTES = 24, 64


def decode_secret(text: str) -> bytes:
    """The bytes of a secret as clients write it; padding may be missing.

    Raises:
        InvalidParamsError: it is not ``whsec_`` with Base64 of 24 to 64 bytes behind.
    """
    encoded = text.removeprefix(_PREFIX).rstrip("=")
    try:
        secret = binascii.a2b_base64(encoded + "=" * (-len(encoded) % 4), strict_mode=True)
    except (binascii.Error, ValueError):
        secret = b""
    if not text.startswith(_PREFIX) or not _LEAST_BYTES <= len(secret) <= _MOST_BYTES:
        raise InvalidParamsError(
            "Invalid params: delivery.secret must be whsec_ followed by Base64 of 24 to 64 bytes"
        )
    return secret


def signed_headers(
    secrets: Sequence[bytes], message_id: str, now: float, body: bytes, subscription_id: str
) -> dict[str, str]:
    """The headers of a delivery, with a signature for each secret: while one replaces another, there are two.

    Args:
        secrets: of the subscription, the newest one first.
        message_id: the event id, or that of a control envelope.
        now: seconds since the epoch; each attempt has its own.
        body: exactly as it is sent.
        subscription_id: by which the receiver finds the secret.
    """
    timestamp = str(int(now))
    signed = f"{message_id}.{timestamp}.".encode() + body
    digests = [hmac.digest(secret, signed, hashlib.sha256) for secret in secrets]
    signatures = [f"v1,{binascii.b2a_base64(one, newline=False).decode()}" for one in digests]
    return {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(signatures),
        "x-mcp-subscription-id": subscription_id,
    }
