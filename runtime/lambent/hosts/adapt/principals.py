"""Telling an application who is calling: ``scope["user"]`` and ``scope["auth"]``, as Starlette has them."""

from __future__ import annotations

import importlib
import sys
from typing import Any

from lambent.auth.principal import Principal
from lambent.hosts.adapt.running_app import App, Receive, Scope, Send

PRINCIPAL_KEY = "lambent.principal"


class User:
    """Who is calling, where no SDK has a class for it.

    Attributes:
        is_authenticated: True.
        display_name: the subject.
        identity: the same.
        principal: all that is known.
    """

    is_authenticated = True

    def __init__(self, principal: Principal) -> None:
        self.principal = principal
        self.display_name = self.identity = principal.subject


class Credentials:
    """What the caller may do.

    Attributes:
        scopes: what the caller was granted, sorted.
    """

    def __init__(self, principal: Principal) -> None:
        self.scopes = sorted(principal.scopes)


def tell(scope: Scope, principal: Principal | None, authorization: str) -> None:
    """Write who is calling into a scope.

    Args:
        scope: of the request.
        principal: who; None where nobody is identified, and then an application finds out itself.
        authorization: the header, whose token the SDK's ``get_access_token()`` has.
    """
    if principal is None:
        return
    scope[PRINCIPAL_KEY] = principal
    scope["user"] = _sdk_user(principal, authorization) or User(principal)
    scope["auth"] = Credentials(principal)


def with_access_tokens(app: App) -> App:
    """An application in which the SDK's ``get_access_token()`` has the caller, where the SDK is in use."""
    if "mcp" not in sys.modules:
        return app
    try:
        module = importlib.import_module("mcp.server.auth.middleware.auth_context")
    except ImportError:
        return app
    inner = module.AuthContextMiddleware(app)

    async def with_token(scope: Scope, receive: Receive, send: Send) -> None:
        await (app if scope["type"] == "lifespan" else inner)(scope, receive, send)

    return with_token


def _sdk_user(principal: Principal, authorization: str) -> Any:
    """The user as the official SDK and FastMCP know it; None where neither is in use."""
    if "mcp" not in sys.modules:
        return None
    try:
        provider = importlib.import_module("mcp.server.auth.provider")
        bearer = importlib.import_module("mcp.server.auth.middleware.bearer_auth")
    except ImportError:
        return None
    claims = principal.claims
    expires = claims.get("exp")
    known = {
        "token": authorization.partition(" ")[2].strip(),
        "client_id": principal.client_id or principal.subject,
        "scopes": sorted(principal.scopes),
        "expires_at": int(expires) if isinstance(expires, int | float) else None,
        "subject": principal.subject,
        "claims": {**claims, "sub": principal.subject, "iss": principal.issuer},
    }
    fields = provider.AccessToken.model_fields
    token = provider.AccessToken(**{name: value for name, value in known.items() if name in fields})
    user = bearer.AuthenticatedUser(token)
    user.principal = principal
    return user
