"""What every result carries, and how results stand on the wire, byte for byte."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.support import (
    PREFIX,
    REQUESTS,
    SERVER_INFO,
    Client,
    failure,
    frames,
    full_server,
    make_server,
    success,
)

from lambent import CacheHint, Icon
from lambent.features.catalog import DEFAULT_HINTS

CACHEABLE = [
    "server/discover",
    "tools/list",
    "resources/list",
    "resources/templates/list",
    "resources/read",
    "prompts/list",
]
LISTED = '"ttlMs":60000,"cacheScope":"public"'

BODIES = {
    "server/discover": '"supportedVersions":["2026-07-28","2025-11-25","2025-06-18","2025-03-26",'
    '"2024-11-05"],"capabilities":{"logging":{},"tools":{},'
    f'"resources":{{}},"prompts":{{}},"completions":{{}}}},{LISTED}',
    "tools/list": '"tools":[{"name":"add","description":"Add two numbers.","inputSchema":{"type":"object",'
    '"properties":{"a":{"type":"integer","title":"A"},"b":{"type":"integer","title":"B","default":0}},'
    '"required":["a"],"title":"addArguments"},"outputSchema":{"properties":{"result":{"type":"integer",'
    f'"title":"Result"}}}},"required":["result"],"title":"addOutput","type":"object"}}}}],{LISTED}',
    "tools/call": '"content":[{"type":"text","text":"3"}],"structuredContent":{"result":3}',
    "resources/list": f'"resources":[{{"uri":"note://today","name":"today","description":"",'
    f'"mimeType":"text/plain"}}],{LISTED}',
    "resources/templates/list": '"resourceTemplates":[{"uriTemplate":"note://{day}/text","name":"note","description":"",'
    f'"mimeType":"text/plain"}}],{LISTED}',
    "resources/read": '"contents":[{"uri":"note://today","text":"Buy milk.","mimeType":"text/plain"}],'
    '"ttlMs":0,"cacheScope":"private"',
    "prompts/list": '"prompts":[{"name":"greet","description":"Say hello.","arguments":[{"name":"name",'
    f'"required":true}}]}}],{LISTED}',
    "prompts/get": '"description":"Say hello.","messages":[{"role":"user","content":{"type":"text",'
    '"text":"Hello Ada"}}]',
    "completion/complete": '"completion":{"values":["A1"]}',
}


@pytest.fixture
def client(serve: Callable[..., Client]) -> Client:
    return serve(full_server())


def test_every_method_is_covered() -> None:
    assert {*BODIES, "subscriptions/listen"} == set(REQUESTS)
    assert set(CACHEABLE) == set(DEFAULT_HINTS)


@pytest.mark.parametrize("method", BODIES)
def test_results_byte_for_byte(client: Client, method: str) -> None:
    reply = client.request(method, REQUESTS[method])
    assert reply.body == success(BODIES[method])
    assert reply.status == 200
    assert reply.headers == {"content-type": "application/json"}


def test_a_subscription_byte_for_byte(client: Client) -> None:
    reply = client.request("subscriptions/listen", REQUESTS["subscriptions/listen"])
    tag = f'"{PREFIX}subscriptionId":1'
    acknowledged = (
        '{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged",'
        f'"params":{{"notifications":{{}},"_meta":{{{tag}}}}}}}'
    )
    assert reply.body == frames(acknowledged.encode(), success(meta=tag))


@pytest.mark.parametrize("method", REQUESTS)
def test_every_result_has_a_type_and_says_who_made_it(client: Client, method: str) -> None:
    result = client.request(method, REQUESTS[method]).result
    assert result["resultType"] == "complete"
    assert result["_meta"][f"{PREFIX}serverInfo"] == {"name": "shop", "version": "1.2.3"}


@pytest.mark.parametrize("method", REQUESTS)
def test_cacheable_results_say_for_how_long_and_for_whom(client: Client, method: str) -> None:
    result = client.request(method, REQUESTS[method]).result
    assert ("ttlMs" in result, "cacheScope" in result) == ((method in CACHEABLE),) * 2


@pytest.mark.parametrize("method", CACHEABLE)
def test_cache_hints_can_be_set_by_method(serve: Callable[..., Client], method: str) -> None:
    client = serve(full_server(cache_hints={method: CacheHint(ttl_ms=5, scope="private")}))
    for other in CACHEABLE:
        result = client.request(other, REQUESTS[other]).result
        hint = CacheHint(ttl_ms=5, scope="private") if other == method else DEFAULT_HINTS[other]
        assert (result["ttlMs"], result["cacheScope"]) == (hint.ttl_ms, hint.scope)


def test_all_pages_of_a_list_have_one_scope(serve: Callable[..., Client]) -> None:
    mcp = make_server(page_size=1, cache_hints={"tools/list": CacheHint(ttl_ms=7, scope="public")})
    mcp.tool("a")(lambda: "a")
    mcp.tool("b")(lambda: "b")
    client = serve(mcp)
    first = client.request("tools/list").result
    second = client.request("tools/list", {"cursor": first["nextCursor"]}).result
    assert [(page["ttlMs"], page["cacheScope"]) for page in (first, second)] == [(7, "public")] * 2


DESCRIBED = make_server(
    title="The Shop",
    description="Sells things.",
    website_url="https://shop.example",
    icons=[Icon(src="https://shop.example/i.png", mime_type="image/png", sizes=["48x48"], theme="dark")],
    instructions="Ask first.",
    extensions={"com.example/x": {"level": 2}},
)


def test_discovery_tells_everything_about_the_server(serve: Callable[..., Client]) -> None:
    info = (
        '{"name":"shop","version":"1.2.3","title":"The Shop","description":"Sells things.",'
        '"websiteUrl":"https://shop.example","icons":[{"src":"https://shop.example/i.png",'
        '"mimeType":"image/png","sizes":["48x48"],"theme":"dark"}]}'
    )
    assert serve(DESCRIBED).request("server/discover").body == success(
        '"supportedVersions":["2026-07-28","2025-11-25","2025-06-18","2025-03-26","2024-11-05"],'
        '"capabilities":{"logging":{},"extensions":'
        f'{{"com.example/x":{{"level":2}}}}}},"instructions":"Ask first.",{LISTED}',
        server_info=info,
    )


def test_other_results_name_the_server_in_brief(serve: Callable[..., Client]) -> None:
    mcp = full_server(title="The Shop", description="Sells things.", website_url="https://shop.example")
    assert serve(mcp).call("add", {"a": 1}).result["_meta"] == {
        f"{PREFIX}serverInfo": {"name": "shop", "version": "1.2.3", "title": "The Shop"}
    }


def test_errors_carry_no_result_members(client: Client) -> None:
    assert client.request("no/such").body == failure(-32601, "Method not found")


@pytest.mark.parametrize(
    ("features", "capabilities"),
    [
        ([], {"logging": {}}),
        (["tool"], {"logging": {}, "tools": {}}),
        (["resource"], {"logging": {}, "resources": {}}),
        (["template"], {"logging": {}, "resources": {}}),
        (["prompt", "completion"], {"logging": {}, "prompts": {}, "completions": {}}),
    ],
)
def test_capabilities_name_what_there_is_and_can_be_delivered(
    serve: Callable[..., Client], features: list[str], capabilities: dict[str, Any]
) -> None:
    mcp = make_server()
    if "tool" in features:
        mcp.tool("t")(lambda: "t")
    if "resource" in features:
        mcp.resource("a://b", name="r")(lambda: "r")
    if "template" in features:

        @mcp.resource("a://{x}")
        def template(x: str) -> str:
            return x

    if "prompt" in features:
        mcp.prompt("p")(lambda: "p")
    if "completion" in features:
        mcp.completion()(lambda ref, argument, context: [])
    assert serve(mcp).request("server/discover").result["capabilities"] == capabilities


def test_the_expected_server_is_the_one_that_answers(client: Client) -> None:
    assert SERVER_INFO.encode() in client.request("tools/list").body
