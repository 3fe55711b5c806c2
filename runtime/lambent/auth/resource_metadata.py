"""The metadata that tells clients who issues tokens for the server (RFC 9728)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def resource_metadata(
    resource: str, issuers: Sequence[str], scopes: Sequence[str], name: str, website_url: str | None
) -> dict[str, Any]:
    """The metadata document; ``scopes`` are those that a client should ask for at first."""
    document: dict[str, Any] = {
        "resource": resource,
        "authorization_servers": list(issuers),
        "bearer_methods_supported": ["header"],
        "resource_name": name,
    }
    if scopes:
        document["scopes_supported"] = list(scopes)
    if website_url is not None:
        document["resource_documentation"] = website_url
    return document
