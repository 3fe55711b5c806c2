"""How the clients of tests behave."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from lambent.auth.principal import Principal
from lambent.features.tasks import EXTENSION
from lambent.wire.eras import SUPPORTED_VERSIONS

EVERYTHING: Mapping[str, Any] = {
    "elicitation": {"form": {}, "url": {}},
    "sampling": {"tools": {}, "context": {}},
    "roots": {},
    "extensions": {EXTENSION: {}},
}
"""Client capabilities: all there are, tasks included."""


class ClientOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How a client behaves.

    Attributes:
        version: of the protocol; None for the newest.
        capabilities: what it declares; None for everything.
        headers: sent with every request, such as ``authorization``.
        principal: who it is, where that is said to the server without a token.
        client_address: from where its requests come.
        seconds: that each invocation has, of a request or of a task; None for any time.
    """

    version: str | None = None
    capabilities: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = {}
    principal: Principal | None = None
    client_address: str = "203.0.113.7"
    seconds: float | None = None

    def __post_init__(self) -> None:
        """Refuse a version that nobody speaks."""
        if self.version is not None and self.version not in SUPPORTED_VERSIONS:
            raise ValueError(f"version is one of {', '.join(SUPPORTED_VERSIONS)}, not {self.version!r}")
