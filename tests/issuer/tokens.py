"""Compact JWTs, right ones and hostile ones."""

import base64
import json
from typing import Any

from joserfc.jwk import Key
from tests.issuer.keys import KeyRing, SigningKey, is_signed, sign

Part = dict[str, Any] | bytes
"""Of a token: an object, or bytes that are taken as they are (members twice, no JSON at all)."""


def b64(value: bytes) -> str:
    """URL-safe Base64 without padding."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    """The bytes behind URL-safe Base64 without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def without_none(members: dict[str, Any]) -> dict[str, Any]:
    """``members`` without those whose value is None: how an override takes a member away."""
    return {name: value for name, value in members.items() if value is not None}


def encode(part: Part) -> str:
    """A part of a token."""
    return b64(part if isinstance(part, bytes) else json.dumps(part, separators=(",", ":")).encode())


def compact(
    header: Part,
    claims: Part,
    key: SigningKey | Key | bytes | None = None,
    *,
    alg: str | None = None,
    signature: bytes | None = None,
) -> str:
    """A JWT in the compact form, whatever it says.

    Args:
        header: The JOSE header.
        claims: The payload.
        key: What it is signed with; bytes are an HMAC secret.
        alg: How it is signed; by default as the header says.
        signature: Used as it is in place of one made with ``key``; ``b""`` for none.
    """
    signed = f"{encode(header)}.{encode(claims)}"
    if signature is None:
        if alg is None:
            assert isinstance(header, dict)
            alg = str(header["alg"])
        assert key is not None
        signature = sign(signed.encode(), alg, key)
    return f"{signed}.{b64(signature)}"


def parse(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The header and the claims; the signature is not looked at.

    Raises:
        ValueError: This is no JWT.
    """
    header, claims, _ = token.split(".")
    return json.loads(unb64(header)), json.loads(unb64(claims))


def verify(token: str, keys: KeyRing) -> tuple[dict[str, Any], dict[str, Any]]:
    """The header and the claims of a token that was signed with one of ``keys``.

    Raises:
        ValueError: It was not.
    """
    header, claims = parse(token)
    signed, _, signature = token.rpartition(".")
    key = keys.known.get(header.get("kid", ""))
    if key is None or key.alg != header["alg"]:
        raise ValueError("unknown key")
    if not is_signed(signed.encode(), unb64(signature), key.alg, key):
        raise ValueError("wrong signature")
    return header, claims
