"""Requests as ASGI applications within this process get them."""

from lambent.hosts.app_scopes import scope_of
from lambent.wire.http import Request


def test_a_request_is_a_scope_with_its_public_path_and_what_the_platform_knows() -> None:
    headers = {"host": "ignored", "x-forwarded-proto": "http", "x-empty": "", "content-length": "9"}
    request = Request(
        method="POST",
        path="/a%20b",
        root="/prod",
        query="q=1",
        headers=headers,
        body="é",
        domain="shop.example",
    )
    assert scope_of(request) == {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/prod/a b",
        "raw_path": b"/prod/a%20b",
        "root_path": "/prod",
        "query_string": b"q=1",
        "headers": [(b"host", b"ignored"), (b"x-forwarded-proto", b"http"), (b"content-length", b"2")],
        "client": None,
        "server": ("shop.example", 443),
        "aws.event": request.event,
        "aws.context": request.context,
    }


def test_a_message_has_headers_and_a_size_of_its_own() -> None:
    scope = scope_of(Request(headers={"a": "1"}), "DELETE", {"b": "2"}, 0)
    assert (scope["method"], scope["headers"]) == ("DELETE", [(b"b", b"2")])
    assert scope["server"] == ("localhost", 443)
