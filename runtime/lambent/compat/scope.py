"""HTTP requests as ASGI and Starlette have them."""

from __future__ import annotations

import contextvars
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any

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


def scope_of(request: Request) -> dict[str, Any]:
    """The ASGI scope of a request."""
    from urllib.parse import unquote

    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in request.headers.items()]
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "https",
        "path": unquote(request.path),
        "raw_path": request.path.encode(),
        "query_string": request.query.encode("latin-1"),
        "root_path": "",
        "headers": headers,
        "client": (request.client_address, 0) if request.client_address else None,
        "server": (request.domain or "localhost", 443),
        "aws.event": request.event,
        "aws.context": request.context,
    }
