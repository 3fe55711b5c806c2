"""Protocol eras: the one table that says which versions exist and how they differ (basic/versioning)."""

from __future__ import annotations

import msgspec


class Era(msgspec.Struct, frozen=True):
    """How one protocol version carries what a request needs.

    Attributes:
        version: the protocol version, a date.
        modern: version, identity and capabilities travel in every request's ``_meta``.
    """

    version: str
    modern: bool


ERAS: dict[str, Era] = {
    "2026-07-28": Era("2026-07-28", modern=True),
}

SUPPORTED_VERSIONS: tuple[str, ...] = tuple(ERAS)
"""What ``server/discover`` and version errors name, newest first."""

LATEST_VERSION = SUPPORTED_VERSIONS[0]
