"""URIs and IRIs: two spellings of the same name (RFC 3987, section 3)."""

from __future__ import annotations

import re

_ENCODED = re.compile(r"(?:%[89A-Fa-f][0-9A-Fa-f])+")


def as_iri(uri: str) -> str:
    """A URI with its percent-encoded non-ASCII characters spelled out; everything else stays as it is.

    Some clients send ``st%C3%A4dte`` for a resource that was listed as ``städte``: it is the same one.
    """
    return _ENCODED.sub(_spell_out, uri) if "%" in uri else uri


def _spell_out(match: re.Match[str]) -> str:
    octets = bytes.fromhex(match[0].replace("%", ""))
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return match[0]
