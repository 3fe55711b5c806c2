"""Official clients that have no token and are not registered get all the way to a call that needs more."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.interop.authorization.guarded_hosts import INTACT, RENAMED, StartGuarded
from tests.interop.authorization.visits import REFUND, WHOAMI, Visit, structured, text_of
from tests.interop.talks import call

Visits = Callable[..., Visit]

METADATA = "GET /.well-known/oauth-protected-resource/mcp 200"
CALL = "POST /mcp 200"
LOGIN = [
    "GET /.well-known/oauth-authorization-server/tenant",
    "POST /tenant/register",
    "GET /tenant/authorize",
    "POST /tenant/token",
]
STEP_UP = ["GET /tenant/authorize", "POST /tenant/token"]
ALL_SCOPES = ["orders:export", "orders:read", "orders:refund"]

eras = pytest.mark.parametrize("era", ["modern", "legacy"])


@eras
@pytest.mark.parametrize("host", INTACT)
def test_where_challenges_arrive_clients_ask_for_what_each_call_needs(
    start_guarded: StartGuarded, visit: Visits, host: str, era: str
) -> None:
    guarded = start_guarded(host)
    known, refunded = visit(guarded, era).take(WHOAMI, REFUND)
    # The first request, then the tools, and the two calls, the second of them twice.
    assert guarded.log == ["POST /mcp 401", METADATA, CALL, CALL, CALL, "POST /mcp 403", CALL]
    assert guarded.issuer_log == [*LOGIN, *STEP_UP]
    first, more = guarded.asked("/authorize")
    assert (first["scope"], more["scope"]) == (["orders:read"], ["orders:read", "orders:refund"])
    given = [first, more, *guarded.asked("/token")]
    assert [parameters["resource"] for parameters in given] == [guarded.url] * 4
    assert {parameters["client_id"] for parameters in given} == {structured(known)["client"]}
    assert structured(known)["subject"] == "user-1"
    assert structured(known)["scopes"] == ["orders:read"]
    assert text_of(refunded) == "Refunded A-1"


@pytest.mark.parametrize("host", INTACT)
def test_challenges_say_where_the_metadata_is_and_what_is_needed(
    start_guarded: StartGuarded, visit: Visits, host: str
) -> None:
    guarded = start_guarded(host)
    visit(guarded).take(REFUND)
    found = [(one.status, one.challenge) for one in guarded.front.exchanged if one.status >= 400]
    where, needed = f'resource_metadata="{guarded.metadata_url}"', "orders:read orders:refund"
    described = f'error_description="This call needs the scope {needed}"'
    assert found == [
        (401, f'Bearer scope="orders:read", {where}'),
        (403, f'Bearer error="insufficient_scope", scope="{needed}", {where}, {described}'),
    ]
    # Every request but the first one, and those for metadata, carries a token.
    assert [one.scheme for one in guarded.front.exchanged if one.method == "POST"][1:] == ["Bearer"] * 4


@eras
@pytest.mark.parametrize("host", RENAMED)
def test_where_challenges_are_renamed_clients_ask_for_all_scopes_at_once(
    start_guarded: StartGuarded, visit: Visits, host: str, era: str
) -> None:
    guarded = start_guarded(host, scopes_supported=ALL_SCOPES)
    known, refunded = visit(guarded, era).take(WHOAMI, REFUND)
    assert {one.challenge for one in guarded.front.exchanged} == {""}
    assert guarded.log == ["POST /mcp 401", METADATA, CALL, CALL, CALL, CALL]
    assert guarded.issuer_log == LOGIN
    (asked,), (given,) = guarded.asked("/authorize"), guarded.asked("/token")
    assert asked["scope"] == ALL_SCOPES
    assert (asked["resource"], given["resource"]) == (guarded.url, guarded.url)
    assert structured(known)["scopes"] == ALL_SCOPES
    assert text_of(refunded) == "Refunded A-1"


@pytest.mark.parametrize("host", RENAMED)
def test_where_challenges_are_renamed_clients_are_told_what_was_missing(
    start_guarded: StartGuarded, visit: Visits, host: str
) -> None:
    guarded = start_guarded(host)
    here = visit(guarded)
    known, refused = here.take(WHOAMI, REFUND)
    assert structured(known)["scopes"] == ["orders:read"]
    assert guarded.log == ["POST /mcp 401", METADATA, CALL, CALL, CALL, "POST /mcp 403"]
    assert guarded.issuer_log == LOGIN
    told = refused["error"]
    assert "This call needs the scope orders:read orders:refund" in told["message"]
    if here.name == "python":
        assert told["data"] == {"error": "insufficient_scope", "scope": "orders:read orders:refund"}


def test_behind_a_stage_clients_without_challenges_find_nothing(
    start_guarded: StartGuarded, visit: Visits
) -> None:
    guarded = start_guarded("renamed-stage")
    assert "error" in visit(guarded).run({"do": "discover"})
    tried = [one.path for one in guarded.front.exchanged if one.method == "GET"]
    below = "/.well-known/oauth-protected-resource"
    assert [path for path in tried if path.startswith(below)] == [f"{below}/prod/mcp", below]
    assert guarded.issuer_log == []


@pytest.mark.parametrize("host", ["asgi", "fastapi"])
def test_a_call_streams_after_its_scope_was_granted(
    start_guarded: StartGuarded, visit: Visits, host: str
) -> None:
    guarded = start_guarded(host)
    (outcome,) = visit(guarded).take(call("refund_all", {"count": 3}, progress=True))
    assert outcome["value"]["reports"] == [[1, 3, "order 1"], [2, 3, "order 2"], [3, 3, "order 3"]]
    assert text_of(outcome) == "Refunded 3"
    assert guarded.log == ["POST /mcp 401", METADATA, CALL, CALL, "POST /mcp 403", CALL]


@pytest.mark.parametrize("host", ["alb", "asgi"])
def test_a_handler_asks_for_a_scope_when_it_sees_what_is_wanted(
    start_guarded: StartGuarded, visit: Visits, host: str
) -> None:
    guarded = start_guarded(host)
    small, large = visit(guarded).take(call("export", {"size": 5}), call("export", {"size": 500}))
    assert (text_of(small), text_of(large)) == ("Exported 5", "Exported 500")
    assert guarded.log[-3:] == [CALL, "POST /mcp 403", CALL]
    assert [one["scope"] for one in guarded.asked("/authorize")] == [
        ["orders:read"],
        ["orders:export", "orders:read"],
    ]


def test_a_scope_that_is_never_granted_ends_in_a_refusal(
    start_guarded: StartGuarded, visit: Visits, monkeypatch: pytest.MonkeyPatch
) -> None:
    guarded = start_guarded("alb")
    monkeypatch.setattr(guarded.issuer, "grantable", ["orders:read"])
    here = visit(guarded)
    refused, known = here.take(REFUND, WHOAMI)
    assert "error" in refused
    assert structured(known)["scopes"] == ["orders:read"]
    challenges = [one.challenge for one in guarded.front.exchanged if one.status == 403]
    assert len(set(challenges)) == 1
    # The TypeScript client leaves to the application how often a person comes back: here twice.
    counts = (len(challenges), len(guarded.asked("/authorize")))
    assert counts == {"python": (2, 2), "typescript": (3, 4)}[here.name]


@pytest.mark.parametrize(
    ("host", "documents"),
    [
        ("alb", ["oauth"]),
        ("http-api", ["openid-inserted"]),  # no challenge, no OAuth metadata
        ("stage", ["openid"]),  # metadata of both where only the other says it
    ],
)
def test_client_and_server_find_an_issuer_by_any_of_its_documents(
    start_guarded: StartGuarded, visit: Visits, host: str, documents: list[str]
) -> None:
    guarded = start_guarded(host, documents=documents)
    (known,) = visit(guarded).take(WHOAMI)
    assert structured(known)["scopes"] == ["orders:read"]
    assert guarded.log == ["POST /mcp 401", METADATA, CALL, CALL, CALL]


def test_a_server_asks_its_issuer_once(start_fresh: StartGuarded, visit: Visits) -> None:
    guarded = start_fresh("alb")
    for _ in range(2):
        visit(guarded).take(WHOAMI, REFUND)
    document = "GET /.well-known/oauth-authorization-server/tenant"
    assert guarded.server_requests == [document, "GET /tenant/jwks"]


def test_without_any_scope_none_is_asked_for(start_guarded: StartGuarded, visit: Visits) -> None:
    guarded = start_guarded("alb", scopes=[], scopes_supported=[])
    (known,) = visit(guarded).take(WHOAMI)
    (asked,) = guarded.asked("/authorize")
    assert "scope" not in asked
    assert guarded.front.exchanged[0].challenge == f'Bearer resource_metadata="{guarded.metadata_url}"'
    assert structured(known)["scopes"] == []


def test_a_token_with_offline_access_is_one_like_others(
    start_guarded: StartGuarded, visit: Visits, monkeypatch: pytest.MonkeyPatch
) -> None:
    guarded = start_guarded("alb")
    monkeypatch.setattr(guarded.issuer, "scopes", ["orders:read", "offline_access"])
    (known,) = visit(guarded).take(WHOAMI)
    (asked,) = guarded.asked("/authorize")
    assert asked["scope"] == ["offline_access", "orders:read"]
    assert structured(known)["scopes"] == ["offline_access", "orders:read"]


@pytest.mark.parametrize(
    ("host", "path", "resource"),
    [
        ("alb", "/mcp/", "/mcp"),
        ("http-api", "/mcp/", "/mcp"),
        ("alb", "/mcp?tenant=1", "/mcp"),
        ("http-api", "/mcp?tenant=1", "/mcp"),
        ("asgi", "/a/b", "/a/b"),
    ],
)
def test_endpoints_are_found_as_clients_write_them(
    start_guarded: StartGuarded, visit: Visits, host: str, path: str, resource: str
) -> None:
    guarded = start_guarded(host)
    (known,) = replace(visit(guarded), url=guarded.front.origin + path).take(WHOAMI)
    assert structured(known)["scopes"] == ["orders:read"]
    (given,) = guarded.asked("/token")
    assert given["resource"].rstrip("/") == guarded.front.origin + resource
