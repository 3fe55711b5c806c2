"""Who is calling: the port through which hosts find out."""

from __future__ import annotations

from typing import Protocol

from lambent.auth.principal import Principal
from lambent.wire.http import Request


class Authenticator(Protocol):
    """Identifies the caller of a request, before its body is decoded."""

    def authenticate(self, request: Request) -> Principal | None:
        """The caller, or None for nobody in particular.

        Args:
            request: what the platform says of the request, with its headers.

        Raises:
            HttpRefusal: the caller may not use this server: 401 with a ``WWW-Authenticate`` header, or 403.
        """


class Anonymous:
    """Identifies nobody and refuses nobody."""

    def authenticate(self, request: Request) -> Principal | None:
        """See ``Authenticator.authenticate``."""
        return None
