"""HTTP requests as ASGI applications within this process get them."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any
from urllib.parse import unquote

from lambent.wire.http import Request

ASGI_VERSIONS = {"version": "3.0", "spec_version": "2.4"}

_HTTPS_PORT = 443


def scope_of(
    request: Request,
    method: str | None = None,
    headers: Mapping[str, str] | None = None,
    size: int | None = None,
) -> MutableMapping[str, Any]:
    """The scope of a request.

    Args:
        request: as the platform has sent it.
        method: in place of that of the request.
        headers: in place of those of the request; empty ones are left out.
        size: bytes of the body; default: of that of the request.
    """
    method = request.method if method is None else method
    headers = request.headers if headers is None else headers
    size = len(bytes_of(request.body)) if size is None else size
    sent = {name: value for name, value in headers.items() if value and name != "content-length"}
    if size or method not in ("GET", "HEAD", "DELETE", "OPTIONS"):
        sent["content-length"] = str(size)
    host = request.domain or headers.get("host") or "localhost"
    path = f"{request.root}{request.path}"
    return {
        "type": "http",
        "asgi": ASGI_VERSIONS,
        "http_version": "1.1",
        "method": method,
        "scheme": headers.get("x-forwarded-proto", "https"),
        "path": unquote(path),
        "raw_path": path.encode(),
        "root_path": request.root,
        "query_string": request.query.encode(),
        "headers": [
            (name.encode("latin-1", "replace"), value.encode("latin-1", "replace"))
            for name, value in sent.items()
        ],
        "client": (request.client_address, 0) if request.client_address else None,
        "server": (host.partition(":")[0], _HTTPS_PORT),
        "aws.event": request.event,
        "aws.context": request.context,
    }


def bytes_of(body: bytes | str) -> bytes:
    """A body as bytes."""
    return body if isinstance(body, bytes) else body.encode()
