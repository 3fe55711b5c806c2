"""Opaque tokens: what their issuer says of them (RFC 7662)."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote_plus, urlencode

import msgspec

from lambent.auth.access_tokens import MAX_TOKEN_BYTES, InvalidTokenError
from lambent.auth.fetching import Fetch, FetchError
from lambent.auth.oauth import Introspection

INACTIVE = "The token is not valid, or no longer"


def introspect(introspection: Introspection, token: str, fetch: Fetch) -> dict[str, Any]:
    """Ask the issuer about a token.

    Returns:
        What it says, in the names of claims.

    Raises:
        InvalidTokenError: the token is not, or no longer, valid.
        FetchError: the issuer does not answer, or not as it should.
    """
    import binascii

    if len(token) > MAX_TOKEN_BYTES:
        raise InvalidTokenError("The token is too long")
    # RFC 6749, section 2.3.1: both are form-encoded before they are joined.
    pair = f"{quote_plus(introspection.client_id)}:{quote_plus(introspection.client_secret)}"
    headers = {
        "authorization": f"Basic {binascii.b2a_base64(pair.encode(), newline=False).decode()}",
        "content-type": "application/x-www-form-urlencoded",
    }
    form = urlencode({"token": token, "token_type_hint": "access_token"}).encode()
    response = fetch(introspection.url, method="POST", body=form, headers=headers)
    if response.status != 200:
        raise FetchError(f"The introspection endpoint answers with status {response.status}")
    try:
        said = msgspec.json.decode(response.body, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise FetchError("The introspection endpoint does not answer with a JSON object") from None
    if said.get("active") is not True:
        raise InvalidTokenError(INACTIVE)
    return said
