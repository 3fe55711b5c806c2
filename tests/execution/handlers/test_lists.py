"""Pages: a cursor walks every item exactly once, and only where it belongs."""

import base64
from collections.abc import Callable
from typing import Any

import pytest
from tests.support import Client, MCPServer, failure, make_server

Serve = Callable[..., Client]
INVALID = failure(-32602, "Invalid cursor: list from the start")
LISTS = {
    "tools/list": ("tools", "name"),
    "prompts/list": ("prompts", "name"),
    "resources/list": ("resources", "uri"),
    "resources/templates/list": ("resourceTemplates", "uriTemplate"),
}

pytestmark = pytest.mark.filterwarnings("ignore::lambent.DeclarationWarning")  # the names are odd

each_list = pytest.mark.parametrize("method", LISTS)


def names(count: int) -> list[str]:
    """In no order that anyone would sort them in."""
    return [f"item-{(number * 7) % 101}-größe {number}" for number in range(count)]


def server(count: int, **options: Any) -> MCPServer:
    mcp = make_server(**options)
    for name in names(count):
        mcp.tool(name)(lambda: "")
        mcp.prompt(name)(lambda: "")
        mcp.resource(f"a://{name}", name=name)(lambda: "")
        mcp.resource(f"a://{name}/{{x}}", name=name)(lambda x: x)
    return mcp


def expected(method: str, count: int) -> list[str]:
    make = {"resources/list": "a://{}", "resources/templates/list": "a://{}/{{x}}"}.get(method, "{}")
    return [make.format(name) for name in names(count)]


def walk(client: Client, method: str) -> list[list[str]]:
    member, key = LISTS[method]
    pages: list[list[str]] = []
    params: dict[str, Any] = {}
    while True:
        result = client.request(method, params).result
        pages.append([item[key] for item in result[member]])
        if "nextCursor" not in result:
            return pages
        params = {"cursor": result["nextCursor"]}
        assert len(pages) < 500


@each_list
@pytest.mark.parametrize("size", [1, 2, 3, 7, 10, 100])
@pytest.mark.parametrize("count", [1, 2, 6, 7, 8])
def test_a_cursor_walks_every_item_once_in_order(serve: Serve, method: str, size: int, count: int) -> None:
    pages = walk(serve(server(count, page_size=size)), method)
    assert [item for page in pages for item in page] == expected(method, count)
    assert [len(page) for page in pages[:-1]] == [size] * (len(pages) - 1)
    assert 0 < len(pages[-1]) <= size


@each_list
def test_a_full_last_page_has_no_cursor(serve: Serve, method: str) -> None:
    assert [len(page) for page in walk(serve(server(6, page_size=3)), method)] == [3, 3]


@each_list
def test_a_page_has_a_hundred_items_by_default(serve: Serve, method: str) -> None:
    assert [len(page) for page in walk(serve(server(101)), method)] == [100, 1]


@each_list
def test_every_environment_lists_the_same_bytes(serve: Serve, method: str) -> None:
    one, two = serve(server(5, page_size=2)), serve(server(5, page_size=2))
    first = one.request(method)
    assert first.body == one.request(method).body == two.request(method).body
    cursor = {"cursor": first.result["nextCursor"]}
    assert one.request(method, cursor).body == two.request(method, cursor).body


@each_list
def test_a_page_holds_nothing_but_its_own_list(serve: Serve, method: str) -> None:
    result = serve(server(3, page_size=2)).request(method).result
    assert set(result) == {"resultType", "_meta", LISTS[method][0], "nextCursor", "ttlMs", "cacheScope"}


@each_list
@pytest.mark.parametrize(
    "cursor",
    ["", " ", "x", "%%%", "AAAA", "é", "\0", "====", "bnVsbA", "null", "0", "x" * 10_000],
)
def test_garbage_is_no_cursor(serve: Serve, method: str, cursor: str) -> None:
    reply = serve(server(3, page_size=2)).request(method, {"cursor": cursor})
    assert reply.status == 400
    assert reply.body == INVALID


@each_list
def test_a_cursor_of_another_list_is_no_cursor(serve: Serve, method: str) -> None:
    client = serve(server(3, page_size=2))
    for other in LISTS:
        reply = client.request(method, {"cursor": client.request(other).result["nextCursor"]})
        if other == method:
            assert reply.status == 200
        else:
            assert (reply.status, reply.body) == (400, INVALID)


@each_list
def test_a_cursor_whose_item_is_gone_is_stale(serve: Serve, method: str) -> None:
    cursor = {"cursor": serve(server(3, page_size=2)).request(method).result["nextCursor"]}
    mcp = make_server()
    mcp.tool("other")(lambda: "")
    mcp.prompt("other")(lambda: "")
    mcp.resource("b://other", name="other")(lambda: "")
    mcp.resource("b://{x}", name="other")(lambda x: x)
    assert serve(mcp).request(method, cursor).body == INVALID


@each_list
def test_a_cursor_stays_good_when_a_deploy_adds_items(serve: Serve, method: str) -> None:
    member, key = LISTS[method]
    before = serve(server(5, page_size=2))
    first = before.request(method).result
    after = serve(server(9, page_size=3))
    rest = after.request(method, {"cursor": first["nextCursor"]}).result
    assert [item[key] for item in rest[member]] == expected(method, 9)[2:5]


@each_list
def test_a_cursor_of_what_does_not_exist_is_no_cursor(serve: Serve, method: str) -> None:
    forged = base64.urlsafe_b64encode(f"{method} no such item".encode()).decode().rstrip("=")
    assert serve(server(3)).request(method, {"cursor": forged}).body == INVALID


@each_list
@pytest.mark.parametrize("cursor", [1, [], {}, True])
def test_a_cursor_is_text(serve: Serve, method: str, cursor: Any) -> None:
    reply = serve(server(3)).request(method, {"cursor": cursor})
    assert (reply.status, reply.error["code"]) == (400, -32602)


@pytest.mark.parametrize(
    ("features", "method"),
    [("resource", "resources/templates/list"), ("template", "resources/list")],
)
def test_resources_and_templates_come_apart(serve: Serve, features: str, method: str) -> None:
    mcp = make_server()
    if features == "resource":
        mcp.resource("a://b", name="r")(lambda: "")
    else:
        mcp.resource("a://{x}", name="r")(lambda x: x)
    assert serve(mcp).request(method).result[LISTS[method][0]] == []
