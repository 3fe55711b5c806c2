"""One spelling for each URI, so that URIs can be compared as text (RFC 3987, section 3)."""

from __future__ import annotations

import re

_ENCODED = re.compile(r"(?:%[89A-Fa-f][0-9A-Fa-f])+")


def normalize_uri(uri: str) -> str:
    """Decode the percent-encoded characters of a URI that are not ASCII; everything else stays as it is.

    A resource that is listed as ``städte`` is the one that some clients request as ``st%C3%A4dte``.
    """
    return _ENCODED.sub(_decode, uri) if "%" in uri else uri


def _decode(match: re.Match[str]) -> str:
    octets = bytes.fromhex(match[0].replace("%", ""))
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return match[0]
