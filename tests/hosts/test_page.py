"""The page for people: who gets it in place of what clients get, and the bytes of it."""

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from tests.hosts.asgi.driving import exchange, on_loop
from tests.hosts.aws_lambda.events import KINDS, Sent
from tests.support import SETTINGS, Client, full_server, http_api

import lambent.hosts.page
from lambent import MCPServer, OAuth, Settings

FOLDER = Path(lambent.hosts.page.__file__).parent
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
HTML = "text/html; charset=utf-8"
OFF = Settings(page=False)


def get(
    path: str = "/mcp",
    accept: str | None = BROWSER,
    *,
    server: MCPServer | None = None,
    settings: Settings = SETTINGS,
    method: str = "GET",
    **headers: str,
) -> Any:
    """What a server in Lambda answers."""
    handler = (server or full_server()).lambda_handler(settings)
    given = {**headers, **({} if accept is None else {"accept": accept})}
    return Client(handler).event(http_api(None, given, method=method, path=path))


def policy_of(headers: dict[str, str]) -> dict[str, str]:
    """The directives of Content-Security-Policy."""
    rules = headers["content-security-policy"].split("; ")
    return {name: value for name, _, value in (rule.partition(" ") for rule in rules)}


def hash_of(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def within(page: str, tag: str) -> str:
    (text,) = re.findall(f"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
    return str(text)


def test_a_browser_gets_the_page() -> None:
    reply = get()
    assert (reply.status, reply.headers["content-type"]) == (200, HTML)
    assert reply.body.startswith(b"<!doctype html>\n<html lang=")
    assert {name: value for name, value in reply.headers.items() if name != "content-security-policy"} == {
        "content-type": HTML,
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "x-robots-tag": "noindex",
        "cache-control": "no-store",
        "vary": "Accept",
    }


def test_nothing_is_allowed_but_its_own_style_script_and_endpoint() -> None:
    reply = get()
    page = reply.body.decode()
    assert policy_of(reply.headers) == {
        "default-src": "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "script-src": hash_of(within(page, "script")),
        "style-src": hash_of(within(page, "style")),
        "connect-src": "'self'",
        "img-src": "data:",
        "media-src": "data:",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }


def test_it_is_whole_and_small() -> None:
    page = get().body.decode()
    assert not re.findall(r"<(?:script|img|iframe|link)[^>]*\s(?:src|href)=(?!\"data:,\")", page)
    assert "@import" not in page
    assert "url(" not in page
    assert not re.findall(r"\s(?:style|on\w+)=\"", page)  # which the policy forbids
    assert len(page) < 48_000
    assert "/*" not in page.replace("*/*", "")  # every part is put in


def test_no_text_can_become_html() -> None:
    script = "".join(path.read_text() for path in FOLDER.glob("*.js"))
    for sink in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"):
        assert sink not in script
    for storage in ("localStorage", "sessionStorage", "document.cookie", "indexedDB"):
        assert storage not in script


def test_it_says_nothing_of_the_server() -> None:
    """Who is not identified sees the same page of every server."""
    guarded = MCPServer("secret-name", title="Secret", auth=OAuth(issuer="https://login.example.com"))
    assert get(server=guarded, settings=Settings(in_lambda=True)).written == get().written


@pytest.mark.parametrize(
    "accept",
    [
        None,
        "*/*",
        "application/json",
        "text/event-stream",
        "application/json, text/event-stream",
        "text/html, text/event-stream",
        "text/html, application/json",
    ],
)
def test_clients_see_what_they_saw(accept: str | None) -> None:
    with_page, without = get(accept=accept), get(accept=accept, settings=OFF)
    assert (with_page.status, with_page.headers["allow"]) == (405, "POST")
    assert with_page.written == without.written


def test_what_resumes_a_stream_is_no_browser() -> None:
    last = {"last-event-id": "x"}
    assert get(**last).written == get(settings=OFF, **last).written


@pytest.mark.parametrize("method", ["DELETE", "PUT", "POST", "OPTIONS"])
def test_other_methods_see_what_they_saw(method: str) -> None:
    assert get(method=method).written == get(method=method, settings=OFF).written


def test_head_gets_no_body() -> None:
    reply = get(method="HEAD")
    assert (reply.status, reply.body) == (200, b"")
    assert reply.headers == get().headers


@pytest.mark.parametrize("path", ["/nothing", "/.well-known/nothing", "/mcp/token"])
def test_a_wrong_path_is_readable(path: str) -> None:
    settings = Settings(mcp_path="/mcp")
    reply = get(path, settings=settings)
    assert (reply.status, reply.headers["content-type"]) == (404, HTML)
    assert b"<h1>There is nothing at this path</h1>" in reply.body
    assert reply.headers["access-control-allow-origin"] == "*"
    assert policy_of(reply.headers) == dict.fromkeys(
        ["default-src", "base-uri", "form-action", "frame-ancestors"], "'none'"
    )
    assert json.loads(get(path, "application/json", settings=settings).body)["error"] == "not_found"


@pytest.mark.parametrize("path", ["/health", "/mcp/server-card", "/.well-known/ai-catalog.json"])
def test_documents_stay_what_they_are(path: str) -> None:
    assert get(path).written == get(path, settings=OFF).written


def test_it_can_be_switched_off() -> None:
    reply = get(settings=OFF)
    assert (reply.status, reply.headers["content-type"]) == (405, "application/json")


@pytest.mark.parametrize("kind", KINDS)
def test_every_front_end_of_lambda(kind: str) -> None:
    sent = Sent("GET", headers=(("Accept", BROWSER),))
    written = full_server().lambda_handler(SETTINGS)(KINDS[kind](sent), None)
    headers = written.get("headers") or {k: v[0] for k, v in written["multiValueHeaders"].items()}
    assert (written["statusCode"], headers["content-type"]) == (200, HTML)
    assert (written["isBase64Encoded"], written["body"].encode()) == (False, get().body)
    assert headers["content-security-policy"] == get().headers["content-security-policy"]


@on_loop
async def test_asgi_alone_and_mounted() -> None:
    asgi = full_server().asgi(SETTINGS)
    for app, path in [(asgi, "/mcp"), (Starlette(routes=[Mount("/tools", asgi)]), "/tools/")]:
        start, body = await exchange(app, headers={"accept": BROWSER}, method="GET", path=path)
        assert start["status"] == 200
        assert dict(start["headers"])[b"content-type"] == HTML.encode()
        assert body["body"] == get().body
