"""What a browser gets that opens the URL of the endpoint: a page on which people try the server.

The page is the same for every server. It holds nothing of one, and asks the endpoint by its own requests for
what it shows: with the credentials of whoever looks at it, and no others.
"""

from __future__ import annotations

import functools
from pathlib import Path

from lambent.wire.http import SSE_TYPE, HttpResponse, Request

_HTML_TYPE = "text/html"
_MACHINE_TYPES = (SSE_TYPE, "application/json")
"""What clients of the protocol accept, and no browser that a person steers."""

_SCRIPTS = ("elements.js", "protocol.js", "forms.js", "calls.js", "connect.js", "page.js")
"""In one scope, in this order."""

_NOT_FOUND = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>Nothing here</title>
<h1>There is nothing at this path</h1>
<p>The URL of an MCP server usually ends with <code>/mcp</code>. Whoever deployed the server knows it.</p>
</html>
"""


def for_browser(request: Request, response: HttpResponse | None) -> HttpResponse | None:
    """What a browser gets in place of ``response``, which is None where the path is that of the endpoint.

    Clients of the protocol get that response as it is.
    """
    if request.method not in ("GET", "HEAD") or not is_browser(request.headers):
        return response
    if response is None:
        body, policy = _page()
        return _html(200, body, policy, request)
    if response.status == 404:
        instead = _html(404, _NOT_FOUND.encode(), _policy(), request)
        instead.headers["access-control-allow-origin"] = "*"  # as without a browser: see ``http.not_found``
        return instead
    return response


def is_browser(headers: dict[str, str]) -> bool:
    """Whether a person's browser asks for a page, by what it accepts; it also resumes no stream."""
    accept = headers.get("accept", "").lower()
    return (
        _HTML_TYPE in accept
        and not any(one in accept for one in _MACHINE_TYPES)
        and "last-event-id" not in headers
    )


def _html(status: int, body: bytes, policy: str, request: Request) -> HttpResponse:
    headers = {
        "content-type": f"{_HTML_TYPE}; charset=utf-8",
        "content-security-policy": policy,
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "x-robots-tag": "noindex",
        "cache-control": "no-store",  # nor does a browser keep the page, with a token in it, to go back to
        "vary": "Accept",
    }
    return HttpResponse(status, headers, b"" if request.method == "HEAD" else body)


@functools.cache
def _page() -> tuple[bytes, str]:
    """The page in one piece, and its Content-Security-Policy with the hashes of its style and script."""
    style, script = _part("page.css"), "".join(map(_part, _SCRIPTS))
    page = _part("page.html").replace("/*style*/", style).replace("/*script*/", script)
    return page.encode(), _policy(script, style)


def _part(name: str) -> str:
    """A file without its indentation, its comments and its empty lines: a seventh of what is sent."""
    lines = map(str.strip, Path(__file__).with_name(name).read_text(encoding="utf-8").splitlines())
    return "".join(f"{line}\n" for line in lines if line and not line.startswith("//"))


def _policy(script: str | None = None, style: str | None = None) -> str:
    """Content-Security-Policy: what is not named is not allowed (CSP Level 3)."""
    rules = ["default-src 'none'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"]
    if script is not None and style is not None:
        rules += [
            f"script-src {_hash_of(script)}",
            f"style-src {_hash_of(style)}",
            "connect-src 'self'",
            "img-src data:",  # images and sounds that tools return
            "media-src data:",
            "require-trusted-types-for 'script'",  # so that no text is read as HTML
            "trusted-types 'none'",
        ]
    return "; ".join(rules)


def _hash_of(text: str) -> str:
    import base64
    import hashlib

    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
