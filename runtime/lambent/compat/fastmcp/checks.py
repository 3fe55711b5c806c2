"""``auth`` of features."""

from __future__ import annotations

import msgspec


class RequiredScopes(msgspec.Struct, frozen=True):
    """A check that the caller has scopes."""

    scopes: tuple[str, ...]


def require_scopes(*scopes: str) -> RequiredScopes:
    """What ``auth`` of a feature takes: its caller needs these scopes."""
    return RequiredScopes(scopes)
