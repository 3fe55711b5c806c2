"""ASGI: the same server as a live application, streaming as it goes."""

from __future__ import annotations

from lambent.hosts.asgi.app import AsgiApp

__all__ = ["AsgiApp"]
