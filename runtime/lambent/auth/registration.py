"""``Registration``: the client that is given to those that insist on registering (RFC 7591).

A declaration, and what is answered by it; ``hosts.registration`` serves the answers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import SplitResult, urlsplit

import msgspec
from msgspec.structs import force_setattr

from lambent.auth.urls import is_secure
from lambent.errors import DeclarationError, LambentError
from lambent.wire.http import LOCAL_HOSTS

MOST_REDIRECTS = 20
"""Redirect URIs of one request for registration."""

_NO_REDIRECT = frozenset({"about", "blob", "data", "file", "filesystem", "ftp", "javascript", "vbscript"})
"""Schemes that lead to no application, or run what is in the URI."""

_NOT_COPIED = (
    "authorization_response_iss_parameter_supported",  # redirects name the issuer itself, not the facade
    "client_id_metadata_document_supported",  # there is one client
    "signed_metadata",  # would replace everything else (RFC 8414, section 2.1)
)
_GRANTS = ("authorization_code", "refresh_token")


class RegistrationError(LambentError):
    """A client cannot be registered; ``error`` is the code of RFC 7591, section 3.2.2."""

    def __init__(self, error: str, message: str) -> None:
        super().__init__(message)
        self.error = error


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """The client that everybody gets who registers: one that you have created at the issuer before.

    The server then names itself as the authorization server. Its metadata are those of the issuer, with an
    endpoint for registration; users sign in at the issuer, whose tokens are verified as always.

    The facade is no proxy: it sees no codes and no tokens, and shows users nothing. For the issuer, all
    clients are this one. If it asks users for consent, which Cognito does not, it does so once for all of
    them. The specification (security considerations, "Confused Deputy") has proxies ask for each client that
    registers. That is **not** done here. What protects users is that a code only gets to a URI of
    ``redirect_uris``. Whoever controls one of these can get tokens of a user who is signed in and follows a
    link: list those of applications that you trust.

    Attributes:
        client_id: of the client at the issuer: a public one, which uses PKCE.
        redirect_uris: where its users may be sent back to; the issuer has to know them too.
        any_loopback_port: a URI with ``localhost`` or a loopback address stands for all its ports (RFC 8252,
            section 7.3). Only where the issuer sees it so too: Entra ID does, Cognito does not.
        authorization_endpoint: of the issuer, where its metadata do not have it.
        token_endpoint: likewise.
        client_secret: not accepted. It would have to be given to everybody who asks.

    Raises:
        DeclarationError: something is missing, or not secure.
    """

    client_id: str
    redirect_uris: Sequence[str]
    any_loopback_port: bool = False
    authorization_endpoint: str | None = None
    token_endpoint: str | None = None
    client_secret: str | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot work, or would not be safe."""
        if self.client_secret is not None:
            raise DeclarationError(
                "A registration has no client_secret: everybody who registers would get it. Create a public "
                "client at the issuer, which uses PKCE"
            )
        if not self.client_id:
            raise DeclarationError("A registration needs the client_id of a client of the issuer")
        if isinstance(self.redirect_uris, str):
            raise DeclarationError(f"Write redirect_uris=[{self.redirect_uris!r}]: they are a list")
        force_setattr(self, "redirect_uris", tuple(self.redirect_uris))
        if not self.redirect_uris:
            raise DeclarationError("A registration needs redirect_uris: without, it would give clients none")
        for uri in self.redirect_uris:
            if not _is_redirect(uri):
                raise DeclarationError(f"A code must not be sent to {uri!r}: use https, or http on loopback")
        for url in filter(None, (self.authorization_endpoint, self.token_endpoint)):
            if not is_secure(url):
                raise DeclarationError(f"An endpoint must be https, or http on this machine: {url!r}")

    def allows(self, uri: str) -> bool:
        """Whether a client may have users sent back to a URI: one of the list, character for character."""
        if uri in self.redirect_uris:
            return True
        if not self.any_loopback_port or not _is_redirect(uri):
            return False
        asked = _without_port(uri)
        return asked is not None and asked in map(_without_port, self.redirect_uris)

    def register(self, asked: object, now: float) -> dict[str, Any]:
        """The response to a request for registration (RFC 7591, section 3.2.1).

        Args:
            asked: the client's metadata, as they were sent.
            now: the time, in seconds since the epoch.

        Raises:
            RegistrationError: the client cannot use what it would get.
        """
        if not isinstance(asked, dict):
            raise RegistrationError("invalid_client_metadata", "Client metadata are a JSON object")
        uris = asked.get("redirect_uris")
        if not isinstance(uris, list) or not 1 <= len(uris) <= MOST_REDIRECTS:
            raise RegistrationError("invalid_redirect_uri", "redirect_uris must be a list that is not empty")
        if not all(isinstance(uri, str) and self.allows(uri) for uri in uris):
            text = "A redirect URI is none of those that the operator of this server has allowed"
            raise RegistrationError("invalid_redirect_uri", text)
        grants = asked.get("grant_types", ["authorization_code"])
        if not isinstance(grants, list) or "authorization_code" not in grants:
            raise RegistrationError("invalid_client_metadata", "grant_types must have authorization_code")
        given: dict[str, Any] = {
            "client_id": self.client_id,
            "client_id_issued_at": int(now),
            "redirect_uris": uris,
            "grant_types": [grant for grant in _GRANTS if grant in grants],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
        }
        name = line_of(asked, "client_name")
        return {**given, "client_name": name} if name else given

    def metadata(self, own: Mapping[str, Any] | None, url: str) -> dict[str, Any] | None:
        """The metadata of the facade (RFC 8414); None where nobody says where its endpoints are.

        Args:
            own: the issuer's metadata, if they are known.
            url: of the facade.
        """
        copied = {name: value for name, value in (own or {}).items() if name not in _NOT_COPIED}
        endpoints = {
            "authorization_endpoint": self.authorization_endpoint,
            "token_endpoint": self.token_endpoint,
        }
        copied.update({name: value for name, value in endpoints.items() if value is not None})
        if not all(isinstance(copied.get(name), str) for name in endpoints):
            return None
        return {
            "response_types_supported": ["code"],
            "grant_types_supported": list(_GRANTS),
            **copied,
            "issuer": url,
            "registration_endpoint": f"{url}/register",
            "token_endpoint_auth_methods_supported": ["none"],
            "code_challenge_methods_supported": ["S256"],  # Cognito and Entra ID do it, and do not say so
        }


def line_of(asked: Mapping[str, Any], name: str, most: int = 100) -> str:
    """What a client says of itself, in so many characters at most; empty where it is no text for a line."""
    value = asked.get(name)
    return value[:most] if isinstance(value, str) and value.isprintable() else ""


def _parts(uri: str) -> SplitResult | None:
    try:
        parts = urlsplit(uri)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _is_redirect(uri: object) -> bool:
    """Whether a code may be sent to a URI: https, http on loopback, or the scheme of an application."""
    if (
        not isinstance(uri, str)
        or not (uri.isascii() and uri.isprintable())
        or re.search(r'[\s#*\\<>"]', uri)
    ):
        return False
    parts = _parts(uri)
    if parts is None or not parts.scheme or parts.scheme in _NO_REDIRECT or "@" in parts.netloc:
        return False
    if parts.scheme in ("http", "https"):
        return bool(parts.hostname) and (parts.scheme == "https" or parts.hostname in LOCAL_HOSTS)
    return bool(parts.netloc or parts.path)


def _without_port(uri: str) -> tuple[str, ...] | None:
    """What counts of a URI on loopback if its port does not; None for any other."""
    parts = _parts(uri)
    if parts is None or parts.scheme != "http" or parts.hostname not in LOCAL_HOSTS:
        return None
    return parts.hostname, parts.path, parts.query
