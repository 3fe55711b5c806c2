"""Earlier releases of the official clients, from the first protocol version with metadata of resources on."""

from collections.abc import Callable

import pytest
from tests.interop.authorization.guarded_hosts import StartGuarded
from tests.interop.authorization.visits import FROM_NOTHING, REFUND, WHOAMI, Visit, structured, text_of
from tests.interop.clients import Client

ConnectClient = Callable[[str], Client]

BOTH = ["orders:read", "orders:refund"]
WITH_SCOPE = {**FROM_NOTHING, "scope": " ".join(BOTH)}

OF_2025_06 = ("mcp-1.13", "sdk-1.16")
"""They ask for the scopes that their application says, and for no others."""

OF_2025_11 = ("mcp-1.26", "sdk-1.24", "sdk-1.32")

ROOT = "GET /.well-known/oauth-protected-resource 200"
INSERTED = "GET /.well-known/oauth-protected-resource/mcp 200"


@pytest.mark.parametrize("release", OF_2025_06)
@pytest.mark.parametrize("host", ["alb", "stage", "asgi", "http-api", "function-url"])
def test_clients_of_2025_06_18_ask_for_what_their_application_says(
    start_guarded: StartGuarded, connect_client: ConnectClient, release: str, host: str
) -> None:
    guarded = start_guarded(host)
    here = Visit(connect_client(release), release, guarded.url, "default")
    known, refunded = here.take(WHOAMI, REFUND, login=WITH_SCOPE)
    assert structured(known)["scopes"] == BOTH
    assert text_of(refunded) == "Refunded A-1"
    (asked,), (given,) = guarded.asked("/authorize"), guarded.asked("/token")
    assert (asked["resource"], given["resource"]) == (guarded.url, guarded.url)
    # The Python client knows only of the root where there is no challenge.
    is_at_root = release == "mcp-1.13" and host in ("http-api", "function-url")
    assert guarded.log[:2] == ["POST /mcp 401", ROOT if is_at_root else INSERTED]
    # It also sends every request twice that has a token from the start, the end of its session too.
    twice = {"DELETE /mcp 404"} if release == "mcp-1.13" else set()
    assert set(guarded.log[2:]) - {INSERTED} == {"POST /mcp 200", *twice}


@pytest.mark.parametrize("release", OF_2025_11)
@pytest.mark.parametrize("host", ["alb", "stage", "asgi"])
def test_clients_of_2025_11_25_ask_for_what_each_call_needs(
    start_guarded: StartGuarded,
    connect_client: ConnectClient,
    monkeypatch: pytest.MonkeyPatch,
    release: str,
    host: str,
) -> None:
    guarded = start_guarded(host)
    # With a refresh token those in TypeScript ask for no further scope; see below.
    monkeypatch.setattr(guarded.issuer, "refresh_tokens", False)
    here = Visit(connect_client(release), release, guarded.url, "default")
    known, refunded = here.take(WHOAMI, REFUND)
    assert structured(known)["scopes"] == ["orders:read"]
    assert text_of(refunded) == "Refunded A-1"
    logins = guarded.asked("/authorize")
    assert [login["resource"] for login in logins] == [guarded.url] * 2
    # Not every release keeps what it has: the challenge names all that the call needs.
    assert [login["scope"] for login in logins] == [["orders:read"], BOTH]


@pytest.mark.parametrize("release", ["sdk-1.24", "sdk-1.32"])
def test_clients_that_refresh_where_they_should_ask_for_more_are_refused(
    start_guarded: StartGuarded, connect_client: ConnectClient, release: str
) -> None:
    guarded = start_guarded("alb")
    here = Visit(connect_client(release), release, guarded.url, "default")
    known, refused = here.take(WHOAMI, REFUND)
    assert structured(known)["scopes"] == ["orders:read"]
    assert refused["error"]["code"] == 403
    assert [one["grant_type"] for one in guarded.asked("/token")] == ["authorization_code", "refresh_token"]


@pytest.mark.parametrize("release", OF_2025_11)
@pytest.mark.parametrize("host", ["http-api", "function-url", "rest"])
def test_clients_of_2025_11_25_ask_for_all_scopes_where_challenges_are_renamed(
    start_guarded: StartGuarded, connect_client: ConnectClient, release: str, host: str
) -> None:
    guarded = start_guarded(host, scopes_supported=BOTH)
    here = Visit(connect_client(release), release, guarded.url, "default")
    known, refunded = here.take(WHOAMI, REFUND)
    assert structured(known)["scopes"] == BOTH
    assert text_of(refunded) == "Refunded A-1"
    assert [login["scope"] for login in guarded.asked("/authorize")] == [BOTH]
