"""Releases of clients from every protocol version."""

from collections.abc import Iterable
from dataclasses import dataclass

import pytest

HTTP = ("gateway", "asgi", "table")
HOSTS = ("gateway", "asgi", "stdio")


@dataclass(frozen=True)
class Release:
    """A release of a client.

    Attributes:
        client: its name among the clients.
        protocol: the version that it agrees on with a server that speaks all.
        era: see ``Talk``.
        hosts: where it can connect to.
    """

    client: str
    protocol: str
    era: str = "default"
    hosts: tuple[str, ...] = (*HTTP, "stdio")

    @property
    def name(self) -> str:
        """For ids of tests."""
        return self.client if self.era == "default" else f"{self.client}-{self.era}"

    @property
    def is_typescript(self) -> bool:
        """Whether it is one of the official TypeScript SDK."""
        return self.client.startswith(("sdk-", "typescript"))


RELEASES = (
    # Its client has no transport over HTTP but the older one with two endpoints.
    Release("sdk-1.9", "2024-11-05", hosts=("stdio",)),
    Release("sdk-1.10", "2024-11-05"),
    Release("sdk-1.11", "2025-03-26"),
    Release("mcp-1.9", "2025-03-26"),
    Release("sdk-1.16", "2025-06-18"),
    Release("mcp-1.13", "2025-06-18"),
    Release("sdk-1.24", "2025-11-25"),
    Release("sdk-1.32", "2025-11-25"),
    Release("mcp-1.26", "2025-11-25"),
    Release("fastmcp-2", "2025-11-25"),
    Release("fastmcp-3", "2025-11-25"),
    Release("python", "2025-11-25", era="legacy"),
    Release("fastmcp", "2025-11-25", era="legacy"),
    Release("typescript", "2025-11-25"),
    Release("python", "2026-07-28"),
    Release("fastmcp", "2026-07-28"),
    Release("typescript", "2026-07-28", era="auto"),
)


def on_hosts(releases: Iterable[Release], hosts: Iterable[str]) -> pytest.MarkDecorator:
    """Try releases with those of the hosts that they can connect to."""
    return pytest.mark.parametrize(
        ("release", "host"),
        [
            pytest.param(release, host, id=f"{release.name}-{host}")
            for release in releases
            for host in hosts
            if host in release.hosts
        ],
    )
