"""Servers mounted in a server: names, what is kept of each feature, and what its own server still sees."""

import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Annotated, Any

import msgspec
import pytest
from tests.support import EVERYTHING, SERVER_INFO, Client, accept, make_server, success

from lambent import (
    ApiKey,
    ApiKeys,
    CacheHint,
    Call,
    Completion,
    CompletionArgument,
    CompletionContext,
    Context,
    DeclarationError,
    Extension,
    Handler,
    Idempotency,
    Limits,
    MCPServer,
    Observer,
    Outcome,
    Principal,
    PromptReference,
    RateLimit,
    Resolve,
    ResourceTemplateReference,
    TaskPolicy,
)
from lambent.features.mounts import plain_uri, prefixed_uri
from lambent.testing import CallError, TestClient

Serve = Callable[..., Client]


def shop(**options: Any) -> MCPServer:
    """A server with one feature of each kind."""
    mcp = MCPServer("shop", **options)

    @mcp.tool(title="Order", meta={"team": "shop"})
    def order(article: str) -> str:
        """Order something."""
        return f"ordered {article}"

    @mcp.resource("notes://today", mime_type="text/markdown")
    def today() -> str:
        return "milk"

    @mcp.resource("notes://{day}/text")
    def note(day: str) -> str:
        return day

    @mcp.prompt()
    def recipe(dish: str) -> str:
        return f"Cook {dish}"

    @mcp.completion()
    def complete(
        ref: PromptReference | ResourceTemplateReference,
        argument: CompletionArgument,
        context: CompletionContext,
    ) -> list[str]:
        return [getattr(ref, "name", None) or getattr(ref, "uri", ""), argument.value]

    return mcp


def listed(client: Client, method: str, member: str, key: str) -> list[str]:
    return [one[key] for one in client.request(method).result[member]]


def test_features_have_a_prefix(serve: Serve) -> None:
    mcp = make_server()
    mcp.mount(shop(), "one")
    client = serve(mcp)
    assert listed(client, "tools/list", "tools", "name") == ["one_order"]
    assert listed(client, "prompts/list", "prompts", "name") == ["one_recipe"]
    assert listed(client, "resources/list", "resources", "uri") == ["notes://one/today"]
    templates = listed(client, "resources/templates/list", "resourceTemplates", "uriTemplate")
    assert templates == ["notes://one/{day}/text"]
    definition = client.tool("one_order")
    assert (definition["title"], definition["description"], definition["_meta"]) == (
        "Order",
        "Order something.",
        {"team": "shop"},
    )
    assert client.call("one_order", {"article": "pen"}).text == "ordered pen"
    assert client.call("order", {"article": "pen"}).error["message"] == "Unknown tool: order"
    assert client.read("notes://one/today").result["contents"] == [
        {"uri": "notes://one/today", "mimeType": "text/markdown", "text": "milk"}
    ]
    assert client.read("notes://one/monday/text").result["contents"][0]["text"] == "monday"
    assert client.read("notes://today").error["code"] == -32602
    assert (
        client.prompt("one_recipe", {"dish": "soup"}).result["messages"][0]["content"]["text"] == "Cook soup"
    )


def test_the_answer_has_the_name_of_the_server_around_it(serve: Serve) -> None:
    mcp = make_server()
    mcp.mount(shop(), "one")
    reply = serve(mcp).call("one_order", {"article": "pen"})
    content = '"content":[{"type":"text","text":"ordered pen"}],"structuredContent":{"result":"ordered pen"}'
    assert reply.body == success(content, server_info=SERVER_INFO)


def test_without_a_prefix_names_stay(serve: Serve) -> None:
    mcp = make_server()
    mcp.mount(shop())
    client = serve(mcp)
    assert client.call("order", {"article": "pen"}).text == "ordered pen"
    assert client.read("notes://today").result["contents"][0]["uri"] == "notes://today"


@pytest.mark.parametrize(
    ("uri", "mounted"),
    [
        ("notes://today", "notes://one/today"),
        ("notes://{day}/x", "notes://one/{day}/x"),
        ("file:///etc/hosts", "file://one//etc/hosts"),
        ("https://example.com:8443/a?b=c", "https://one/example.com:8443/a?b=c"),
        ("mailto:a@example.com", "mailto:a@example.com"),
        ("urn:x://y", "urn:x://y"),
    ],
)
def test_the_prefix_is_the_first_segment_of_a_uri(uri: str, mounted: str) -> None:
    assert prefixed_uri("one", uri) == mounted
    assert plain_uri("one", mounted) == uri


def test_clients_may_spell_the_prefix_in_another_case(serve: Serve) -> None:
    seen: list[str | None] = []

    def watch(call: Call, following: Handler) -> Any:
        seen.append(call.name)
        return following(call)

    mcp = make_server()
    mcp.mount(shop(middleware=[watch]), "One")
    assert serve(mcp).read("NOTES://one/monday/text").result["contents"][0]["text"] == "monday"
    assert seen == ["NOTES://monday/text"]


def test_tools_may_have_other_names(serve: Serve) -> None:
    mcp = make_server()
    mcp.mount(shop(), "one", tool_names={"order": "buy"})
    assert serve(mcp).call("one_buy", {"article": "pen"}).text == "ordered pen"


def test_servers_are_mounted_within_mounted_ones(serve: Serve) -> None:
    middle = MCPServer("middle")
    middle.mount(shop(), "one")
    mcp = make_server()
    mcp.mount(middle, "two")
    client = serve(mcp)
    assert client.call("two_one_order", {"article": "pen"}).text == "ordered pen"
    assert client.read("notes://two/one/today").result["contents"][0]["uri"] == "notes://two/one/today"
    assert client.prompt("two_one_recipe", {"dish": "soup"}).result["messages"]


def test_what_is_declared_after_mounting_is_served(serve: Serve) -> None:
    inner = MCPServer("late")
    mcp = make_server()
    mcp.mount(inner, "one")

    @inner.tool()
    def late() -> str:
        return "here"

    assert serve(mcp).call("one_late").text == "here"
    with pytest.raises(DeclarationError, match=r"^tool 'later' comes too late: "):
        inner.tool("later")(late)
    with pytest.raises(DeclarationError, match=r"^the server 'other' comes too late: "):
        mcp.mount(MCPServer("other"))


def test_one_server_may_be_mounted_twice(serve: Serve) -> None:
    inner, mcp = shop(), make_server()
    mcp.mount(inner, "a")
    mcp.mount(inner, "b")
    assert listed(serve(mcp), "tools/list", "tools", "name") == ["a_order", "b_order"]


@pytest.mark.parametrize(
    ("declare", "message"),
    [
        (
            lambda mcp: mcp.tool("one_order")(lambda: ""),
            "There is a tool 'one_order' already, besides that of 'shop'",
        ),
        (lambda mcp: mcp.prompt("one_recipe")(lambda: ""), "There is a prompt 'one_recipe' already"),
        (
            lambda mcp: mcp.resource("notes://one/today")(lambda: ""),
            "There is a resource 'notes://one/today' already",
        ),
        (lambda mcp: mcp.mount(shop(), "one"), "There is a tool 'one_order' already"),
    ],
)
def test_two_features_of_one_name_are_refused(declare: Callable[[MCPServer], Any], message: str) -> None:
    mcp = make_server()
    mcp.mount(shop(), "one")
    declare(mcp)
    for _ in range(2):  # and again, instead of serving what there is without the mounted server
        with pytest.raises(DeclarationError, match=f"^{message}"):
            mcp.freeze()


@pytest.mark.parametrize("prefix", ["a b", "a/b", "_a", "a:", "é", "a\n"])
def test_a_prefix_that_names_cannot_have_is_refused(prefix: str) -> None:
    with pytest.raises(DeclarationError, match="cannot be a prefix"):
        make_server().mount(shop(), prefix)


def test_an_unknown_name_of_a_tool_is_refused() -> None:
    mcp = make_server()
    mcp.mount(shop(), tool_names={"odrer": "buy"})
    with pytest.raises(DeclarationError, match=r"^tool_names has what is no tool of 'shop': odrer$"):
        mcp.freeze()


def test_a_server_cannot_hold_itself() -> None:
    mcp, inner = make_server(), MCPServer("inner")
    mcp.mount(inner)
    for server, around in ((mcp, mcp), (mcp, inner)):
        with pytest.raises(DeclarationError, match=r"^'shop' cannot be mounted in itself$"):
            around.mount(server, "x")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("auth", ApiKeys({"ann": ApiKey(hash="0" * 64, subject="ann")})),
        ("audit", True),
        ("limits", Limits(tasks=2)),
    ],
)
def test_protection_that_would_be_lost_is_refused(name: str, value: Any) -> None:
    inner = MCPServer("inner", **{name: value})
    with pytest.raises(DeclarationError, match=f"^The mounted server 'inner' has {name}=…"):
        make_server().mount(inner)
    make_server(**{name: value}).mount(inner)


def test_completion_is_that_of_the_server_that_has_the_prompt(serve: Serve) -> None:
    mcp = make_server()

    @mcp.prompt()
    def own(dish: str) -> str:
        return dish

    mcp.mount(shop(), "one")
    client = serve(mcp)

    def complete(ref: dict[str, str], name: str) -> list[str]:
        params = {"ref": ref, "argument": {"name": name, "value": "s"}}
        found: list[str] = client.request("completion/complete", params).result["completion"]["values"]
        return found

    assert complete({"type": "ref/prompt", "name": "one_recipe"}, "dish") == ["recipe", "s"]
    assert complete({"type": "ref/resource", "uri": "notes://one/{day}/text"}, "day") == [
        "notes://{day}/text",
        "s",
    ]
    assert complete({"type": "ref/prompt", "name": "own"}, "dish") == []


def test_a_server_completes_its_own_prompts_too(serve: Serve) -> None:
    mcp = make_server()

    @mcp.prompt()
    def own(dish: str) -> str:
        return dish

    @mcp.completion()
    async def complete(ref: PromptReference, argument: CompletionArgument, context: Any) -> Completion:
        return Completion(values=[f"own {ref.name}"])

    mcp.mount(shop(), "one")
    params = {"ref": {"type": "ref/prompt", "name": "own"}, "argument": {"name": "dish", "value": ""}}
    assert serve(mcp).request("completion/complete", params).result["completion"]["values"] == ["own own"]


# Around calls


def test_middleware_is_around_calls_of_its_own_server_and_sees_its_names(serve: Serve) -> None:
    seen: list[Any] = []

    def watching(who: str) -> Callable[[Call, Handler], Any]:
        def watch(call: Call, following: Handler) -> Any:
            seen.append((who, call.method, call.name, sorted(call.services.catalog.tools)))
            return following(call)

        return watch

    middle = MCPServer("middle", middleware=[watching("middle")])
    middle.mount(shop(middleware=[watching("shop")]), "one")
    mcp = make_server(middleware=[watching("outer")])

    @mcp.tool()
    def own() -> str:
        return "own"

    mcp.mount(middle, "two")
    client = serve(mcp)
    names = ["own", "two_one_order"]
    assert client.call("two_one_order", {"article": "pen"}).text == "ordered pen"
    assert seen == [
        ("outer", "tools/call", "two_one_order", names),
        ("middle", "tools/call", "one_order", ["one_order"]),
        ("shop", "tools/call", "order", ["order"]),
    ]
    seen.clear()
    client.read("notes://two/one/monday/text")
    client.prompt("two_one_recipe", {"dish": "soup"})
    params = {
        "ref": {"type": "ref/prompt", "name": "two_one_recipe"},
        "argument": {"name": "dish", "value": ""},
    }
    client.request("completion/complete", params)
    assert [name for who, _, name, _ in seen if who == "shop"] == ["notes://monday/text", "recipe", None]
    seen.clear()
    assert client.call("own").text == "own"
    client.request("tools/list")
    assert [who for who, *_ in seen] == ["outer", "outer"]


def test_middleware_of_a_mounted_server_may_change_the_call(serve: Serve) -> None:
    def rename(call: Call, following: Handler) -> Any:
        params = msgspec.structs.replace(call.rpc.params, arguments=msgspec.Raw(b'{"article":"ink"}'))
        rpc = msgspec.structs.replace(call.rpc, params=params)
        return following(msgspec.structs.replace(call.as_principal(Principal("ann")), rpc=rpc))

    inner = shop(middleware=[rename])

    @inner.tool()
    def who(article: str, ctx: Context) -> str:
        return f"{ctx.principal.subject if ctx.principal else ''} {article}"

    mcp = make_server()
    mcp.mount(inner, "one")
    assert serve(mcp).call("one_who", {"article": "pen"}).text == "ann ink"


def test_middleware_of_a_mounted_server_may_call_another_tool_of_it(serve: Serve) -> None:
    def redirect(call: Call, following: Handler) -> Any:
        params = msgspec.structs.replace(call.rpc.params, name="order")
        return following(msgspec.structs.replace(call, rpc=msgspec.structs.replace(call.rpc, params=params)))

    inner = shop(middleware=[redirect])

    @inner.tool()
    def buy(article: str) -> str:
        return f"bought {article}"

    mcp = make_server()
    mcp.mount(inner, "one")
    assert serve(mcp).call("one_buy", {"article": "pen"}).text == "ordered pen"


def test_observers_see_how_calls_of_their_server_end(serve: Serve) -> None:
    seen: list[Any] = []

    def observer(who: str) -> Observer:
        def observe(call: Call, execute: Callable[[Call], Outcome]) -> Outcome:
            outcome = execute(call)
            seen.append((who, call.name, outcome.status))
            return outcome

        return observe

    mcp = make_server(observers=[observer("outer")])
    mcp.mount(shop(observers=[observer("inner")]), "one")
    client = serve(mcp)
    client.call("one_order", {"article": "pen"})
    client.request("tools/list")
    assert seen == [("inner", "order", 200), ("outer", "one_order", 200), ("outer", None, 200)]


# What is kept of a feature


def test_questions_and_steps_work(serve: Serve) -> None:
    inner, mcp = MCPServer("inner"), make_server()

    @inner.tool()
    async def ask(ctx: Context) -> str:
        step = await ctx.step("count", lambda: 1)
        answer = await ctx.elicit(
            "Sure?", {"type": "object", "properties": {"x": {"type": "string"}}}, key="q"
        )
        return f"{step} {answer.action}"

    mcp.mount(inner, "one")
    assert serve(mcp).answered("one_ask", {"q": accept(x="y")}).text == "1 accept"


def test_a_request_state_is_of_one_tool(serve: Serve) -> None:
    mcp = make_server()
    for prefix in ("a", "b"):
        inner = MCPServer("inner")

        @inner.tool()
        async def ask(ctx: Context) -> str:
            form = {"type": "object", "properties": {"x": {"type": "string"}}}
            return (await ctx.elicit("Sure?", form, key="q")).action

        mcp.mount(inner, prefix)
    client = serve(mcp)
    state = client.call("a_ask", capabilities=EVERYTHING).state
    also = {"requestState": state, "inputResponses": {"q": accept(x="y")}}
    assert client.call("a_ask", also=also, capabilities=EVERYTHING).text == "accept"
    assert client.call("b_ask", also=also, capabilities=EVERYTHING).error["code"] == -32602


def test_resolvers_work(serve: Serve) -> None:
    def double(count: int, ctx: Context) -> int:
        return 2 * count

    inner, mcp = MCPServer("inner"), make_server()

    @inner.tool()
    def many(count: int, doubled: Annotated[int, Resolve(double)]) -> int:
        return doubled

    mcp.mount(inner, "one")
    assert serve(mcp).call("one_many", {"count": 4}).value == 8


def test_tasks_effects_once_and_limits_of_tools_are_kept() -> None:
    runs: list[str] = []
    inner, mcp = MCPServer("inner", limits=Limits(rate=RateLimit(calls=2, per=60))), make_server()

    @inner.tool(task=TaskPolicy(support="required"))
    def report(ctx: Context) -> str:
        return f"report {ctx.request.method}"

    @inner.tool(idempotency=Idempotency(key="key", window=timedelta(hours=1)))
    def pay(key: str) -> str:
        runs.append(key)
        return f"paid {len(runs)}"

    @inner.tool(limit=RateLimit(calls=1, per=60))
    def rare() -> str:
        return "rare"

    @inner.tool()
    def often() -> str:
        return "often"

    @mcp.tool()
    def own() -> str:
        return "own"

    mcp.mount(inner, "one")
    with TestClient(mcp) as client:
        assert client.call("one_pay", key="a").text == "paid 1"
        assert client.call("one_pay", key="a").text == "paid 1"
        with pytest.raises(CallError, match=r"Too many calls of one_\*: try again in 30 s .*429"):
            client.call("one_often")
        assert client.call("one_rare").text == "rare"
        with pytest.raises(CallError, match="Too many calls of one_rare"):
            client.call("one_rare")
        assert client.call("own").text == "own"
        client.clock.advance(300)
        assert client.call("one_report").text == "report "


def test_scopes_and_hidden_names_are_kept(serve: Serve) -> None:
    inner, mcp = MCPServer("inner", hides_forbidden=True), make_server()

    @inner.tool(scopes=["orders:write"])
    def order() -> str:
        return "ordered"

    mcp.mount(inner, "one")
    client = serve(mcp)
    assert client.call("one_order").status == 401
    assert client.request("tools/list").result["tools"] == []


def test_the_hint_of_a_server_is_kept(serve: Serve) -> None:
    mcp = make_server()
    mcp.mount(shop(cache_hints={"resources/read": CacheHint(ttl_ms=5000, scope="public")}), "one")
    result = serve(mcp).read("notes://one/today").result
    assert (result["ttlMs"], result["cacheScope"]) == (5000, "public")


def test_methods_keep_their_names_and_see_their_own_server(serve: Serve) -> None:
    @contextlib.asynccontextmanager
    async def opened(server: Any) -> AsyncIterator[str]:
        yield server.name

    inner = shop(lifespan=opened)

    @inner.method("com.example/where", scopes=["read"])
    def where(ctx: Context, at: str) -> dict[str, str]:
        return {"at": at, "of": ctx.lifespan_context}

    def as_ada(call: Call, following: Handler) -> Any:
        scopes = frozenset(call.headers.get("x-scopes", "").split())
        return following(call.as_principal(Principal("ada", "issuer", scopes=scopes)))

    seen: list[str] = []

    def note(call: Call, following: Handler) -> Any:
        seen.append(call.method)
        return following(call)

    inner._middleware = (note,)
    mcp = make_server(middleware=[as_ada])
    mcp.mount(inner, "one")
    client = serve(mcp)
    reply = client.request("com.example/where", {"at": "home"}, headers={"x-scopes": "read"})
    assert reply.body == success('"at":"home","of":"shop"')
    assert seen == ["com.example/where"]
    assert client.request("com.example/where", {"at": "home"}).status == 403


def test_two_methods_of_one_name_are_refused() -> None:
    def nothing() -> None: ...

    mcp, inner = make_server(), shop()
    for server in (mcp, inner):
        server.method("com.example/where")(nothing)
    mcp.mount(inner, "one")
    with pytest.raises(DeclarationError, match=r"already, besides that of 'shop'"):
        mcp.freeze()


def test_middleware_of_an_extension_is_around_the_tools_of_its_server(serve: Serve) -> None:
    extension = Extension("com.example/noting")
    seen: list[str] = []

    @extension.tool_middleware
    async def note(call: Call, following: Handler) -> Any:
        seen.append(call.name or "")
        return await following(call)

    mcp, middle = make_server(), MCPServer("middle")
    mcp.tool("own")(lambda: "own")
    middle.mount(shop(extensions=[extension]), "one")
    mcp.mount(middle, "a")
    client = serve(mcp)
    assert client.call("a_one_order", {"article": "pen"}).text == "ordered pen"
    assert client.call("own").text == "own"
    assert seen == ["order"]


def test_middleware_of_a_mounted_server_may_be_a_coroutine_function(serve: Serve) -> None:
    seen: list[str] = []

    async def note(call: Call, following: Handler) -> Any:
        seen.append(call.name or "")
        return await following(call)

    mcp = make_server()
    mcp.mount(shop(middleware=[note]), "one")
    assert serve(mcp).call("one_order", {"article": "pen"}).text == "ordered pen"
    assert seen == ["order"]


def test_extensions_are_advertised(serve: Serve) -> None:
    mcp = make_server()
    mcp.mount(MCPServer("inner", extensions={"example.com/x": {"a": 1}}), "one")
    assert serve(mcp).request("server/discover").result["capabilities"]["extensions"] == {
        "example.com/x": {"a": 1}
    }
    mcp = make_server(extensions={"example.com/x": {}})
    mcp.mount(MCPServer("inner", extensions={"example.com/x": {"a": 1}}), "one")
    with pytest.raises(DeclarationError, match=r"^The extension example.com/x has other settings on 'inner'"):
        mcp.freeze()


def test_keys_of_the_server_around_it_protect_mounted_tools() -> None:
    inner = MCPServer("inner")

    @inner.tool()
    def who(ctx: Context) -> str:
        return ctx.principal.subject if ctx.principal else "nobody"

    mcp = make_server(auth=ApiKeys({"ann": ApiKey(hash="0" * 64, subject="ann")}))
    mcp.mount(inner, "one")
    with TestClient(mcp, principal=Principal("ann")) as client:
        assert client.call("one_who").text == "ann"


@pytest.fixture
def events() -> list[str]:
    return []


def opening(events: list[str]) -> Any:
    """A lifespan that says what becomes of it."""

    @contextlib.asynccontextmanager
    async def opened(server: MCPServer) -> AsyncIterator[str]:
        events.append(f"enter {server.name}")
        yield f"pool of {server.name}"
        events.append(f"leave {server.name}")

    return opened


def with_pool(name: str, lifespan: Any) -> MCPServer:
    mcp = MCPServer(name, lifespan=lifespan)

    @mcp.tool()
    def pool(ctx: Context) -> str:
        return str(ctx.lifespan_context)

    return mcp


def test_each_server_has_its_lifespan(events: list[str]) -> None:
    lifespan = opening(events)
    inner, mcp = with_pool("inner", lifespan), with_pool("outer", lifespan)
    inner.mount(with_pool("innermost", lifespan), "x")
    mcp.mount(inner, "a")
    mcp.mount(inner, "b")
    mcp.mount(with_pool("without", None), "c")
    with TestClient(mcp) as client:
        assert client.call("pool").text == "pool of outer"
        assert client.call("a_pool").text == client.call("b_pool").text == "pool of inner"
        assert client.call("b_x_pool").text == "pool of innermost"
        assert client.call("c_pool").text == "{}"
        assert events == ["enter outer", "enter inner", "enter innermost"]
    assert events[3:] == ["leave innermost", "leave inner", "leave outer"]


def test_the_server_around_them_needs_no_lifespan(events: list[str]) -> None:
    mcp = with_pool("outer", None)
    mcp.mount(with_pool("inner", opening(events)), "a")
    with TestClient(mcp) as client:
        assert [client.call(name).text for name in ("pool", "a_pool")] == ["{}", "pool of inner"]


def test_a_change_is_told_by_the_uri_that_clients_know() -> None:
    inner, mcp = shop(), make_server()

    @inner.tool()
    def change(ctx: Context) -> str:
        ctx.notify_resource_updated("notes://today")
        ctx.notify_tools_changed()
        return "changed"

    mcp.mount(inner, "one")
    with TestClient(mcp) as client:
        assert client.call("one_change").text == "changed"
        assert client.changes == ["notes://one/today", "notifications/tools/list_changed"]
