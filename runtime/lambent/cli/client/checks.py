"""The checks of `lambent doctor`: each looks at one thing of a deployed URL."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from lambent.cli.client.findings import Finding, Level
from lambent.cli.client.probe import Probe, Reply
from lambent.cli.client.session import LEGACY, MODERN
from lambent.cli.client.web import NoResponseError, is_local
from lambent.wire.discovery_paths import CARD_SUFFIX

_PREFIX: Final = "io.modelcontextprotocol/"
_ADVICE_OF_PROBLEMS: Final = {
    "tls": "Give the host a certificate that is valid for its name; behind API Gateway that of the domain.",
    "timeout": "Look into the function's log: it may be waiting for something, or be too slow to start.",
    "unreachable": "Check the host's name, its DNS record and the network between.",
}
_REST_API_HOST: Final = r"[a-z0-9]+\.execute-api\.[a-z0-9-]+\.amazonaws\.com"
_NEEDED_HEADERS: Final = ("content-type", "authorization", "mcp-protocol-version", "mcp-method")
_JSON: Final = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
_SLOW_SECONDS: Final = 5.0
_COLD_FACTOR: Final = 2.0


def modern_request(method: str = "server/discover") -> tuple[dict[str, str], dict[str, Any]]:
    """The headers and the body of a request without parameters."""
    meta = {
        f"{_PREFIX}protocolVersion": MODERN,
        f"{_PREFIX}clientInfo": {"name": "lambent-doctor", "version": "1"},
        f"{_PREFIX}clientCapabilities": {},
    }
    return {**_JSON, "mcp-protocol-version": MODERN, "mcp-method": method}, {
        "jsonrpc": "2.0",
        "id": 1,
        "method": method,
        "params": {"_meta": meta},
    }


def check_address(url: str) -> Iterator[Finding]:
    """Look at the URL itself.

    Args:
        url: The URL of the endpoint.
    """
    parts = urlsplit(url)
    if parts.scheme == "http" and not is_local(url):
        yield Finding(
            "wrong", "address", "the URL is not https", "Use https: tokens and results are readable else."
        )
    if parts.query or parts.fragment:
        yield Finding(
            "wrong", "address", "the URL has a query or a fragment", "Give the endpoint without them."
        )
    if parts.path.endswith("/") and parts.path != "/":
        yield Finding(
            "note",
            "address",
            "the URL ends with a slash",
            "Clients compare it with `resource`: leave it out.",
        )


def unreachable(error: NoResponseError) -> Finding:
    """A server that does not answer.

    Args:
        error: Why there is no response.
    """
    subject = "TLS" if error.problem == "tls" else "reachable"
    return Finding("wrong", subject, str(error), _ADVICE_OF_PROBLEMS[error.problem])


def check_status(url: str, reply: Reply) -> Iterator[Finding]:
    """Look at the status of the first response: whether requests reach the server at all.

    Args:
        url: The URL of the endpoint.
        reply: To `server/discover`.
    """
    body = reply.json or {}
    if "jsonrpc" in body or reply.status in (200, 401):
        yield Finding("ok", "reachable", f"answers {reply.status}")
        return
    stage = re.fullmatch(_REST_API_HOST, urlsplit(url).hostname or "") is not None
    if stage and (reply.status == 403 or (reply.status == 404 and "message" in body)):
        yield Finding(
            "wrong",
            "stage",
            f"API Gateway answers {reply.status} itself: no route or stage has this path",
            "Check the path. A REST API's URL has its stage in front, such as /Prod/mcp; that of an HTTP API "
            "only where its stage is not $default.",
        )
    elif 300 <= reply.status < 400:
        yield Finding(
            "wrong",
            "redirect",
            f"answers {reply.status} and leads to {reply.headers.get('location', '')}",
            "Give clients the URL that it leads to: most do not follow, and none should with a token.",
        )
    else:
        advice = {
            403: "Look for a firewall, a resource policy or an authorizer in front of the function.",
            404: "Check the path: the output of the stack has the URL, which ends with /mcp.",
            502: "The function fails or its response is no HTTP response: look into its log.",
            503: "The function is throttled, or not there: look into its log and its concurrency.",
            504: "The function takes too long: look into its log.",
        }.get(reply.status, "Look into the function's log.")
        yield Finding("wrong", "reachable", f"answers {reply.status}, and not with MCP", advice)


def check_versions(discovered: Reply, initialized: Reply | None) -> Iterator[Finding]:
    """Look at the protocol versions.

    Args:
        discovered: The response to `server/discover`.
        initialized: The response to `initialize`; None where there is none.
    """
    result = _result(discovered)
    versions = result.get("supportedVersions")
    modern = versions if isinstance(versions, list) else []
    agreed = _result(initialized).get("protocolVersion")
    spoken = list(dict.fromkeys([*map(str, modern), *([str(agreed)] if agreed else [])]))
    if not spoken:
        yield Finding(
            "wrong",
            "versions",
            f"speaks neither {MODERN} nor initialize",
            "Is there an MCP server with Streamable HTTP behind the URL?",
        )
        return
    yield Finding("ok", "versions", ", ".join(spoken))
    if MODERN not in modern:
        yield Finding(
            "note", "versions", f"{MODERN} is not spoken", "Clients fall back to initialize, a request more."
        )
    if agreed not in LEGACY:
        yield Finding("note", "versions", "initialize is refused", f"Clients before {MODERN} cannot connect.")


def check_preflight(reply: Reply, origin: str, *, is_asked: bool) -> Iterator[Finding]:
    """Look at what browsers may do.

    Args:
        reply: To the preflight.
        origin: Of the page.
        is_asked: Whether the user has named the origin: then it has to be allowed.
    """
    level: Level = "wrong" if is_asked else "note"
    allowed = reply.headers.get("access-control-allow-origin", "")
    if reply.status in (401, 403) and not allowed:
        why = "the preflight is refused"
        advice = "Set LAMBENT_ALLOWED_ORIGINS; and let OPTIONS pass the authorizer of the API."
    elif reply.status >= 300 or allowed not in ("*", origin):
        why = f"the preflight is answered with {reply.status} and {allowed or 'no allowed origin'}"
        advice = "Set LAMBENT_ALLOWED_ORIGINS, and no CORS of API Gateway or the function URL beside it."
    else:
        given = {
            one.strip().lower() for one in reply.headers.get("access-control-allow-headers", "").split(",")
        }
        missing = [] if "*" in given else [name for name in _NEEDED_HEADERS if name not in given]
        if given == {"*"}:
            missing = ["authorization"]  # which a star does not mean (Fetch standard, "CORS protocol")
        if not missing:
            yield Finding("ok", "CORS", f"pages of {origin} may call")
            return
        why = f"the preflight does not allow {', '.join(missing)}"
        advice = "Leave CORS to the server: remove that of API Gateway or the function URL."
    yield Finding(level, "CORS", f"pages of {origin} may not call: {why}", advice)


def check_cards(url: str, reply: Reply) -> Iterator[Finding]:
    """Look at the server card.

    Args:
        url: The URL of the endpoint.
        reply: To the request for the card.
    """
    card = reply.json
    if reply.status != 200 or card is None:
        yield Finding(
            "note",
            "card",
            f"there is no server card at {urlsplit(url).path}{CARD_SUFFIX}",
            "Route this path to the server too, if catalogs are to find it.",
        )
        return
    remotes = card.get("remotes")
    urls = (
        [one.get("url") for one in remotes or () if isinstance(one, dict)]
        if isinstance(remotes, list)
        else []
    )
    if url.rstrip("/") in urls:
        yield Finding("ok", "card", f"{card.get('name')} {card.get('version')}")
        return
    level: Level = "wrong" if urls else "note"
    named = ", ".join(map(str, urls)) or "no URL"
    yield Finding(level, "card", f"the card names {named}", "Set LAMBENT_PUBLIC_URL to the URL of clients.")


def check_times(first: float, second: float) -> Iterator[Finding]:
    """Compare the first request with the second, which finds an environment that is started.

    Args:
        first: Its time, in seconds.
        second: Its time, in seconds.
    """
    text = f"the first request took {first * 1000:.0f} ms, the second {second * 1000:.0f} ms"
    if first > _SLOW_SECONDS:
        yield Finding(
            "note",
            "cold start",
            text,
            "Some applications give up after 5 s: more memory, fewer imports, or provisioned concurrency.",
        )
    elif first > second * _COLD_FACTOR:
        yield Finding(
            "ok", "cold start", f"{text}: the difference is about a cold start, with the connection"
        )
    else:
        yield Finding("ok", "cold start", f"{text}: an environment was running already")


def preflight(probe: Probe, url: str, origin: str) -> Reply:
    """Send what a browser sends before a page calls.

    Args:
        probe: Sends it.
        url: The URL of the endpoint.
        origin: Of the page.
    """
    headers: Mapping[str, str] = {
        "origin": origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": ",".join(_NEEDED_HEADERS),
    }
    return probe.send("OPTIONS", url, headers)


def initialize_request() -> tuple[dict[str, str], dict[str, Any]]:
    """The headers and the body of `initialize`."""
    return dict(_JSON), {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": LEGACY[0],
            "capabilities": {},
            "clientInfo": {"name": "lambent-doctor", "version": "1"},
        },
    }


def _result(reply: Reply | None) -> dict[str, Any]:
    if reply is None:
        return {}
    body = reply.json
    if body is None:
        body = _last_event(reply.body)
    result = body.get("result")
    return result if isinstance(result, dict) else {}


def _last_event(body: bytes) -> dict[str, Any]:
    """The last message of a stream."""
    import json

    for line in reversed(body.decode(errors="replace").splitlines()):
        if line.startswith("data:") and line[5:].strip():
            try:
                found = json.loads(line[5:])
            except ValueError:
                return {}
            return found if isinstance(found, dict) else {}
    return {}
