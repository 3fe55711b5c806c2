"""Who is calling: the port through which hosts find out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import msgspec

from lambent.auth.fetching import Fetch
from lambent.auth.principal import Principal
from lambent.errors import LambentError
from lambent.wire.http import Request


class Authenticator(Protocol):
    """Identifies the caller of a request, before its body is decoded."""

    def authenticate(self, request: Request) -> Principal | None:
        """The caller, or None where the request has no credentials of the kind that this looks for.

        Args:
            request: what the platform says of the request, with its headers.

        Raises:
            CredentialsError: the credentials are not valid. The response says so with a challenge.
            HttpRefusal: the caller may not use this server, for another reason.
        """


class CredentialsError(LambentError):
    """Credentials that are not valid. The message goes to the client, so it contains nothing of them.

    Attributes:
        error: the code of RFC 6750, section 3.1, or of RFC 9449.
        status: HTTP status code of the response.
        scheme: of the challenge.
    """

    def __init__(
        self, message: str, error: str = "invalid_token", *, status: int = 401, scheme: str = "Bearer"
    ) -> None:
        super().__init__(message)
        self.error = error
        self.status = status
        self.scheme = scheme


class AuthPorts(msgspec.Struct, frozen=True):
    """What verifying credentials needs from outside.

    Attributes:
        fetch: sends requests to issuers.
        clock: the time, in seconds since the epoch.
        url_of: the public URL of the endpoint that a request is for; None where nobody says it.
    """

    fetch: Fetch
    clock: Callable[[], float]
    url_of: Callable[[Request], str | None]


@runtime_checkable
class Declared(Protocol):
    """A declaration of how callers are identified, such as ``OAuth``."""

    def connect(self, ports: AuthPorts) -> Authenticator:
        """The authenticator that identifies callers in this way."""


AuthDeclaration = Authenticator | Declared
"""What a server is given to identify its callers."""
