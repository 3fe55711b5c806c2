"""Doing the work of a first token before there is one, for processes of which a snapshot is taken."""

from __future__ import annotations

import msgspec

from lambent.auth.access_tokens import MAX_TOKEN_BYTES, encode_base64url, parse, verify_signature
from lambent.auth.public_keys import public_key


def warm_up() -> None:
    """Verify a token that is made here, so that everything which verifies tokens is loaded and initialized.

    Raises:
        ImportError: joserfc is not installed.
    """
    from joserfc.jwk import ECKey
    from joserfc.jws import JWSRegistry

    private = ECKey.generate_key("P-256")
    parts = [encode_base64url(msgspec.json.encode(part)) for part in ({"alg": "ES256"}, {"sub": "nobody"})]
    signed = ".".join(parts)
    signature = JWSRegistry.algorithms["ES256"].sign(signed.encode(), private)
    key = public_key(private.as_dict(private=False))
    assert key is not None  # noqa: S101 - it was made for this
    verify_signature(parse(f"{signed}.{encode_base64url(signature)}", MAX_TOKEN_BYTES), key)
