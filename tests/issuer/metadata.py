"""Where the test issuer publishes what about itself."""

from collections.abc import Collection
from typing import Any

from tests.issuer.keys import ALGORITHMS
from tests.issuer.tokens import without_none

OAUTH = "oauth"
"""RFC 8414: ``/.well-known/oauth-authorization-server``, before the issuer's path."""

OPENID_INSERTED = "openid-inserted"
"""RFC 8414, section 5: ``/.well-known/openid-configuration`` before the issuer's path."""

OPENID = "openid"
"""OpenID Connect Discovery: ``/.well-known/openid-configuration`` after the issuer's path."""

DOCUMENTS = frozenset({OAUTH, OPENID_INSERTED, OPENID})

TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
GRANTS = ("authorization_code", "refresh_token", "client_credentials", TOKEN_EXCHANGE, JWT_BEARER)


def locations(path: str, documents: Collection[str]) -> dict[str, str]:
    """The paths of the documents that are served, and which each is.

    Args:
        path: That of the issuer, such as ``/tenant``.
        documents: Which documents are served.
    """
    found = {
        f"/.well-known/oauth-authorization-server{path}": OAUTH,
        f"/.well-known/openid-configuration{path}": OPENID_INSERTED,
        f"{path}/.well-known/openid-configuration": OPENID,
    }
    return {location: document for location, document in found.items() if document in documents}


def metadata(
    url: str,
    *,
    openid: bool,
    registration: bool,
    client_documents: bool,
    scopes: Collection[str] | None,
    names_itself: bool,
    overrides: dict[str, Any],
) -> dict[str, Any]:
    """The metadata of an issuer (RFC 8414, section 2; OpenID Connect Discovery, section 3).

    Args:
        url: The issuer.
        openid: Whether this is the OpenID document.
        registration: Whether clients may register.
        client_documents: Whether client ID metadata documents are taken.
        scopes: The scopes that there are, if they are published.
        names_itself: Whether redirects carry ``iss``.
        overrides: Members that replace these; None takes one away.
    """
    members: dict[str, Any] = {
        "issuer": url,
        "authorization_endpoint": f"{url}/authorize",
        "token_endpoint": f"{url}/token",
        "jwks_uri": f"{url}/jwks",
        "introspection_endpoint": f"{url}/introspect",
        "registration_endpoint": f"{url}/register" if registration else None,
        "scopes_supported": None if scopes is None else list(scopes),
        "response_types_supported": ["code"],
        "grant_types_supported": list(GRANTS),
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
        "authorization_response_iss_parameter_supported": names_itself or None,
        "client_id_metadata_document_supported": client_documents,
        "dpop_signing_alg_values_supported": list(ALGORITHMS),
    }
    if openid:
        members |= {
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": list(ALGORITHMS),
        }
    return without_none(members | overrides)
