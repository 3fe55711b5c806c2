"""The request as Starlette has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambent.errors import ConfigurationError

if TYPE_CHECKING:
    from starlette.requests import Request as StarletteRequest

    from lambent.wire.http import Request


def starlette_request(request: Request) -> StarletteRequest:
    """A request as Starlette has it; its body is read already, so it has none.

    Raises:
        ConfigurationError: Starlette is not installed.
    """
    try:
        from starlette.requests import Request as Made
    except ImportError as error:
        raise ConfigurationError("get_http_request() needs Starlette: install it") from error
    from urllib.parse import unquote

    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in request.headers.items()]
    return Made(
        {
            "type": "http",
            "http_version": "1.1",
            "method": request.method,
            "scheme": "https",
            "path": unquote(request.path),
            "raw_path": request.path.encode(),
            "query_string": request.query.encode("latin-1"),
            "root_path": "",
            "headers": headers,
            "client": (request.client_address, 0) if request.client_address else None,
            "server": (request.headers.get("host", "localhost"), 443),
        }
    )
