"""Requests as ASGI has them."""

from __future__ import annotations

from typing import Any

from lambent.wire.http import Request


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
