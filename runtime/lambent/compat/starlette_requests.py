"""HTTP requests as Starlette has them."""

from __future__ import annotations

import contextvars
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any

from lambent.hosts.app_scopes import scope_of
from lambent.wire.http import Request

if TYPE_CHECKING:
    from starlette.requests import Request as StarletteRequest

_scope: contextvars.ContextVar[MutableMapping[str, Any] | None] = contextvars.ContextVar(
    "lambent_scope", default=None
)


def remember_scope(scope: MutableMapping[str, Any]) -> None:
    """Let the features of a request see what applications around the server have put into its scope."""
    _scope.set(scope)


def starlette_request(request: Request) -> StarletteRequest:
    """A request as Starlette has it, with the caller as ``user``; its body has been read already."""
    from starlette.requests import Request as StarletteRequest  # loaded where it is used

    from lambent.compat.auth import get_access_token

    scope = dict(_scope.get() or scope_of(request))
    token = get_access_token()
    if token is not None and "user" not in scope:
        from starlette.authentication import AuthCredentials, SimpleUser

        user: Any = SimpleUser(token.client_id)
        user.access_token, user.scopes = token, token.scopes
        scope |= {"user": user, "auth": AuthCredentials(token.scopes)}
    return StarletteRequest(scope)
