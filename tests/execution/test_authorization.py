"""Scopes: of features, of every call, and inside handlers; and what lists show of them."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.auth.world import LAMBDA, METADATA, URL, client_of
from tests.execution.durable.tasks.harness import TASKS
from tests.issuer.issuer import Issuer
from tests.legacy import NEWEST
from tests.support import Client, Reply, failure, headers_of, make_server, message

from lambent import (
    Context,
    DeclarationError,
    InsufficientScopeError,
    OAuth,
    Principal,
    Settings,
    TaskPolicy,
)
from lambent.server import MCPServer

ALL = ["tools:use", "res:read", "tpl:read", "prompt:use"]


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with Issuer() as running:
        yield running


def add_features(mcp: MCPServer) -> MCPServer:
    @mcp.tool(scopes=["tools:use", "tools:more"])
    def tool() -> str:
        return "done"

    @mcp.tool()
    def free() -> str:
        return "free"

    @mcp.tool(scopes=["tools:use"])
    def refund(amount: int, ctx: Context) -> str:
        if amount > 100:
            ctx.require("refunds:large", "refunds:write")
        return "refunded"

    @mcp.resource("note://today", scopes=["res:read"])
    def today() -> str:
        return "milk"

    @mcp.resource("note://{day}/text", scopes=["tpl:read"])
    def note(day: str) -> str:
        return day

    @mcp.resource("note://free")
    def free_note() -> str:
        return "free"

    @mcp.prompt(scopes=["prompt:use"])
    def greet(name: str) -> str:
        return name

    @mcp.completion()
    def complete(ref: Any, argument: Any, context: Any) -> list[str]:
        return ["a"]

    return mcp


def server(issuer: Issuer, *scopes: str, **options: Any) -> MCPServer:
    declared = OAuth(issuer=issuer.url, scopes=scopes, implies={"admin": ALL, "res:read": ["tpl:read"]})
    return add_features(make_server(auth=declared, **options))


def bearer(issuer: Issuer, *scopes: str) -> dict[str, str]:
    return {"authorization": f"Bearer {issuer.token(audience=URL, scopes=scopes)}"}


def is_refused(reply: Reply, *scopes: str, request_id: Any = 1) -> None:
    """Check a refusal to the byte."""
    listed = " ".join(scopes)
    text, data = f"This call needs the scope {listed}", {"error": "insufficient_scope", "scope": listed}
    assert reply.body == failure(-32600, text, data, request_id=request_id)
    assert reply.status == 403
    assert reply.headers["www-authenticate"] == (
        f'Bearer error="insufficient_scope", scope="{listed}", resource_metadata="{METADATA}", '
        f'error_description="{text}"'
    )


REFERENCE = {"type": "ref/resource", "uri": "note://{day}/text"}
CALLS: dict[str, tuple[str, dict[str, Any], list[str]]] = {
    "tool": ("tools/call", {"name": "tool", "arguments": {}}, ["tools:use", "tools:more"]),
    "resource": ("resources/read", {"uri": "note://today"}, ["res:read"]),
    "template": ("resources/read", {"uri": "note://monday/text"}, ["tpl:read"]),
    "prompt": ("prompts/get", {"name": "greet", "arguments": {"name": "a"}}, ["prompt:use"]),
    "completion of a prompt": (
        "completion/complete",
        {"ref": {"type": "ref/prompt", "name": "greet"}, "argument": {"name": "name", "value": ""}},
        ["prompt:use"],
    ),
    "completion of a template": (
        "completion/complete",
        {"ref": REFERENCE, "argument": {"name": "day", "value": ""}},
        ["tpl:read"],
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_features(issuer: Issuer, name: str) -> None:
    """A refusal names all that the call needs, also what the caller has."""
    method, params, needed = CALLS[name]
    client = client_of(server(issuer, "mcp:use"))
    for granted in ([], ["mcp:use"], needed, ["other", *needed[:1]], [scope.upper() for scope in needed]):
        reply = client.request(method, params, headers=bearer(issuer, *granted))
        is_refused(reply, "mcp:use", *needed)
    reply = client.request(method, params, headers=bearer(issuer, "mcp:use", *needed))
    assert "result" in reply.response
    if needed != ["tools:use", "tools:more"]:
        reply = client.request(method, params, headers=bearer(issuer, "mcp:use", "admin"))
        assert "result" in reply.response


@pytest.mark.parametrize("name", CALLS)
def test_features_of_the_legacy_era(issuer: Issuer, name: str) -> None:
    """Its errors have status 200, but HTTP's own: 403 and 401 are."""
    method, params, needed = CALLS[name]
    client = client_of(server(issuer))
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    legacy = {"mcp-protocol-version": NEWEST}
    is_refused(client.post(body, {**legacy, **bearer(issuer)}), *needed)
    assert client.post(body, {**legacy, **bearer(issuer, *needed)}).status == 200
    assert client.post(body, legacy).status == 401


@pytest.mark.parametrize("method", ["resources/subscribe", "resources/unsubscribe"])
def test_subscriptions_of_the_legacy_era(issuer: Issuer, method: str) -> None:
    client = client_of(server(issuer))
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {"uri": "note://today"}}
    legacy = {"mcp-protocol-version": NEWEST}
    is_refused(client.post(body, {**legacy, **bearer(issuer)}), "res:read")
    assert client.post(body, {**legacy, **bearer(issuer, "res:read")}).status == 200


def test_implied_scopes_are_implied_by_others(issuer: Issuer) -> None:
    declared = OAuth(
        issuer=issuer.url, implies={"a": ["b"], "b": ["c", "a"], "c": ["tools:use", "tools:more"]}
    )
    client = client_of(add_features(make_server(auth=declared)))
    assert client.call("tool", headers=bearer(issuer, "a")).text == "done"
    is_refused(client.call("tool", headers=bearer(issuer, "tools:use")), "tools:use", "tools:more")


@pytest.mark.parametrize(
    "claims",
    [
        {"scope": "tools:use tools:more"},
        {"scope": "  tools:use   tools:more "},
        {"scp": ["tools:use", "tools:more"]},
        {"scp": "tools:use tools:more"},
        {"scope": "tools:use", "scp": ["tools:more"]},
        {"scope": ["tools:use", 5, None, "tools:more"]},
    ],
    ids=str,
)
def test_how_tokens_name_scopes(issuer: Issuer, claims: dict[str, Any]) -> None:
    token = issuer.token(audience=URL, **claims)
    reply = client_of(server(issuer)).call("tool", headers={"authorization": f"Bearer {token}"})
    assert reply.text == "done"


@pytest.mark.parametrize(
    "claims",
    [{"scope": "tools:use,tools:more"}, {"scope": {"tools:use": 1}}, {"scope": 5}, {"scopes": "tools:use"}],
    ids=str,
)
def test_what_names_no_scopes(issuer: Issuer, claims: dict[str, Any]) -> None:
    token = issuer.token(audience=URL, **claims)
    reply = client_of(server(issuer)).call("tool", headers={"authorization": f"Bearer {token}"})
    is_refused(reply, "tools:use", "tools:more")


def test_other_claims_with_scopes(issuer: Issuer) -> None:
    declared = OAuth(issuer=issuer.url, scope_claims=["permissions"])
    client = client_of(add_features(make_server(auth=declared)))
    token = issuer.token(audience=URL, permissions=["tools:use", "tools:more"], scopes=["x"])
    assert client.call("tool", headers={"authorization": f"Bearer {token}"}).text == "done"


def test_inside_a_handler(issuer: Issuer) -> None:
    client, granted = client_of(server(issuer, "mcp:use")), bearer(issuer, "mcp:use", "tools:use")
    assert client.call("refund", {"amount": 1}, headers=granted).text == "refunded"
    all_of_them = ["mcp:use", "tools:use", "refunds:large", "refunds:write"]
    is_refused(client.call("refund", {"amount": 200}, headers=granted), *all_of_them)
    reply = client.call("refund", {"amount": 200}, headers=bearer(issuer, *all_of_them))
    assert reply.text == "refunded"


def test_what_does_not_exist_needs_nothing_more(issuer: Issuer) -> None:
    client, granted = client_of(server(issuer)), bearer(issuer)
    assert client.call("unknown", headers=granted).error["code"] == -32602
    assert client.read("note://unknown", headers=granted).error["code"] == -32602
    assert client.prompt("unknown", headers=granted).error["code"] == -32602
    assert client.call("free", headers=granted).text == "free"


def test_anonymous_callers(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    """They may do what needs no scope; of the rest a challenge tells them what to ask for."""
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "shop")
    monkeypatch.setenv("LAMBENT_AUTH_ANONYMOUS", "1")
    client = client_of(server(issuer, "mcp:use"), settings=Settings.from_env())
    assert client.call("free").text == "free"
    reply = client.call("tool")
    assert reply.body == failure(-32600, "This call needs credentials")
    assert reply.status == 401
    assert reply.headers["www-authenticate"] == (
        f'Bearer scope="mcp:use tools:use tools:more", resource_metadata="{METADATA}"'
    )


def test_without_auth_nobody_has_scopes() -> None:
    client = client_of(add_features(make_server()))
    assert client.call("free").text == "free"
    reply = client.call("tool")
    assert (reply.status, reply.headers["www-authenticate"]) == (401, 'Bearer scope="tools:use tools:more"')
    assert client.call("refund", {"amount": 1}).status == 401


class ScopeGate:
    """Identifies everybody as the same caller."""

    def __init__(self, *scopes: str) -> None:
        self.principal = Principal("ada", "gate", frozenset(scopes))

    def authenticate(self, request: Any) -> Principal:
        return self.principal


def test_callers_that_no_issuer_knows() -> None:
    """No metadata tells their clients where to get more."""
    client = client_of(add_features(make_server(auth=ScopeGate("tools:use", "tools:more"))))
    assert client.call("tool").text == "done"
    reply = client.read("note://today")
    assert (reply.status, reply.headers["www-authenticate"]) == (
        403,
        (
            'Bearer error="insufficient_scope", scope="res:read", '
            'error_description="This call needs the scope res:read"'
        ),
    )


def test_the_error_says_what_is_missing() -> None:
    mcp, seen = make_server(auth=ScopeGate("a")), []

    @mcp.tool()
    def careful(ctx: Context) -> str:
        try:
            ctx.require("a", "b")
        except InsufficientScopeError as error:
            seen.append(error.scopes)
        return "went on"

    assert client_of(mcp).call("careful").text == "went on"
    assert seen == [("a", "b")]


# Lists.

LISTS = {
    "tools/list": ("tools", "name", ["free", "refund", "tool"]),
    "resources/list": ("resources", "uri", ["note://free", "note://today"]),
    "resources/templates/list": ("resourceTemplates", "uriTemplate", ["note://{day}/text"]),
    "prompts/list": ("prompts", "name", ["greet"]),
}


def listed(client: Client, method: str, headers: dict[str, str]) -> tuple[list[str], str]:
    result = client.request(method, headers=headers).result
    member, key, _ = LISTS[method]
    return sorted(one[key] for one in result[member]), result["cacheScope"]


@pytest.mark.parametrize("method", LISTS)
def test_lists_show_everything(issuer: Issuer, method: str) -> None:
    names, scope = listed(client_of(server(issuer)), method, bearer(issuer))
    assert (names, scope) == (LISTS[method][2], "public")


@pytest.mark.parametrize(
    ("scopes", "shown"),
    [
        ([], [["free"], ["note://free"], [], []]),
        (["tools:use"], [["free", "refund"], ["note://free"], [], []]),
        (["res:read"], [["free"], LISTS["resources/list"][2], ["note://{day}/text"], []]),
        (["admin", "tools:more"], [names for _, _, names in LISTS.values()]),
    ],
)
def test_lists_show_what_may_be_used(issuer: Issuer, scopes: list[str], shown: list[list[str]]) -> None:
    client = client_of(server(issuer, hides_forbidden=True))
    for method, names in zip(LISTS, shown, strict=True):
        assert listed(client, method, bearer(issuer, *scopes)) == (names, "private")


def test_pages_of_what_may_be_used(issuer: Issuer) -> None:
    client, granted = (
        client_of(server(issuer, hides_forbidden=True, page_size=1)),
        bearer(issuer, "tools:use"),
    )
    first = client.request("tools/list", headers=granted).result
    second = client.request("tools/list", {"cursor": first["nextCursor"]}, headers=granted).result
    assert [tool["name"] for page in (first, second) for tool in page["tools"]] == ["free", "refund"]
    assert "nextCursor" not in second


def test_subscriptions_to_what_may_be_read(issuer: Issuer) -> None:
    mcp = server(issuer)
    uris = ["note://today", "note://free", "note://monday/text", "note://unknown"]
    body = message("subscriptions/listen", {"notifications": {"resourceSubscriptions": uris}})
    reply = client_of(mcp).post(body, bearer(issuer, "tpl:read"))
    assert "note://today" not in reply.body.decode()


# Elsewhere.


def test_stdio_asks_for_nothing(issuer: Issuer) -> None:
    from lambent.execution.invocation import Invocation
    from lambent.hosts.entry_points import local_endpoint
    from lambent.wire import jsonrpc
    from lambent.wire.http import Request

    endpoint = local_endpoint(server(issuer, "mcp:use", hides_forbidden=True)._parts(), LAMBDA)

    def answer(method: str, params: dict[str, Any]) -> dict[str, Any]:
        decoded = jsonrpc.decode(json.dumps(message(method, params)))
        response = endpoint.answer(decoded, Request(), Invocation(lambda coroutine: None))  # type: ignore[arg-type]
        result: dict[str, Any] = json.loads(response.body)["result"]
        return result

    assert len(answer("tools/list", {})["tools"]) == 3
    refunded = answer("tools/call", {"name": "refund", "arguments": {"amount": 200}})
    assert refunded["content"] == [{"type": "text", "text": "refunded"}]


@pytest.mark.parametrize("scopes", ["a b", ["a b"], ["a", ""], ['a"'], ["ä"], [5], ["a\\"], ["a\n"]])
def test_what_is_no_scope(scopes: Any) -> None:
    mcp = make_server()
    for declare in (mcp.tool(scopes=scopes), mcp.resource("a://b", scopes=scopes), mcp.prompt(scopes=scopes)):
        with pytest.raises(DeclarationError, match="scope"):
            declare(lambda: "")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.anyio
async def test_tasks_keep_the_scopes_of_their_calls(issuer: Issuer) -> None:
    """In their attempts there is no token; and who began one with fewer scopes gets no more by it."""
    mcp = server(issuer, "mcp:use")
    seen: list[Any] = []

    @mcp.tool(scopes=["tools:use"], task=TaskPolicy(support="required"))
    def long(ctx: Context) -> str:
        seen.append(ctx.principal)
        ctx.require("tools:more")
        return "done"

    app = mcp.asgi(Settings(public_url=URL.removesuffix("/mcp")))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://testserver") as client:

        async def send(method: str, params: dict[str, Any], *scopes: str) -> tuple[int, dict[str, Any]]:
            body = message(method, params, capabilities=TASKS)
            headers = {**headers_of(body), "mcp-name": params.get("name", params.get("taskId", ""))}
            reply = await client.post("/mcp", json=body, headers={**headers, **bearer(issuer, *scopes)})
            return reply.status_code, reply.json()

        async def outcome(*scopes: str) -> dict[str, Any]:
            _, started = await send("tools/call", {"name": "long", "arguments": {}}, *scopes)
            task_id = started["result"]["taskId"]
            async with asyncio.timeout(20):
                while True:
                    _, shown = await send("tasks/get", {"taskId": task_id}, *scopes)
                    found: dict[str, Any] = shown["result"]
                    if found["status"] in ("completed", "failed"):
                        return found
                    await asyncio.sleep(0.01)

        assert (await send("tools/call", {"name": "long", "arguments": {}}, "mcp:use"))[0] == 403
        done = await outcome("mcp:use", "tools:use", "tools:more")
        assert done["result"]["content"] == [{"type": "text", "text": "done"}]
        refused = await outcome("mcp:use", "tools:use")
        assert refused["error"]["data"] == {
            "error": "insufficient_scope",
            "scope": "mcp:use tools:use tools:more",
        }
    assert [(one.subject, one.issuer, one.client_id) for one in seen] == [
        ("user-1", issuer.url, "client-1")
    ] * 2
    assert seen[1].scopes == {"mcp:use", "tools:use"}
