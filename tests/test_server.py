"""``MCPServer``: what can be declared, until it is frozen."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest
from tests.support import SETTINGS, Client, full_server, make_server

import lambent
from lambent import CacheHint, DeclarationError, MCPServer, OAuth, Settings, errors
from lambent.features.catalog import DEFAULT_HINTS

Serve = Callable[..., Client]

LATE: dict[str, Callable[[MCPServer], Any]] = {
    "tool 'late'": lambda mcp: mcp.tool("late")(lambda: ""),
    "resource 'a://late'": lambda mcp: mcp.resource("a://late", name="late")(lambda: ""),
    "resource 'a://{late}'": lambda mcp: mcp.resource("a://{late}", name="late")(lambda late: ""),
    "prompt 'late'": lambda mcp: mcp.prompt("late")(lambda: ""),
    "completion": lambda mcp: mcp.completion()(lambda ref, argument, context: []),
}


@pytest.mark.parametrize(("what", "declare"), LATE.items(), ids=LATE.keys())
def test_nothing_can_be_declared_once_a_handler_is_made(
    what: str, declare: Callable[[MCPServer], Any]
) -> None:
    mcp = make_server()
    mcp.lambda_handler(SETTINGS)
    with pytest.raises(DeclarationError) as caught:
        declare(mcp)
    assert str(caught.value) == f"{what} comes too late: declare everything before making the handler"


def test_a_frozen_catalog_stays_what_it_is() -> None:
    mcp = full_server()
    catalog = mcp.freeze()
    assert mcp.freeze() is catalog
    assert list(catalog.tools) == ["add"]
    assert list(catalog.resources) == ["note://today"]
    assert [template.uri for template in catalog.templates] == ["note://{day}/text"]
    assert list(catalog.prompts) == ["greet"]
    for mapping in (catalog.tools, catalog.resources, catalog.prompts, catalog.extensions, catalog.hints):
        with pytest.raises(TypeError):
            mapping["x"] = None  # type: ignore[index]
    with pytest.raises(AttributeError):
        catalog.page_size = 1  # type: ignore[misc]


def test_what_was_given_is_copied(serve: Serve) -> None:
    extensions: dict[str, dict[str, Any]] = {"com.example/x": {}}
    hints = {"tools/list": CacheHint(ttl_ms=1)}
    mcp = make_server(extensions=extensions, cache_hints=hints)
    extensions["com.example/y"] = {}
    hints.clear()
    assert mcp.freeze().extensions == {"com.example/x": {}}
    assert mcp.freeze().hints["tools/list"] == CacheHint(ttl_ms=1)


def test_functions_are_left_as_they_are() -> None:
    mcp = make_server()

    def function(x: str = "a") -> str:
        return x

    assert mcp.tool()(function) is function
    assert mcp.prompt()(function) is function
    assert mcp.resource("a://b")(function) is function

    def complete(ref: Any, argument: Any, context: Any) -> None: ...

    assert mcp.completion()(complete) is complete


@pytest.mark.parametrize("size", [0, -1])
def test_a_page_has_at_least_one_item(size: int) -> None:
    with pytest.raises(DeclarationError, match=f"page_size must be 1 or more, not {size}"):
        make_server(page_size=size)


@pytest.mark.parametrize("method", ["tools/call", "prompts/get", "x", ""])
def test_hints_are_for_what_can_be_cached(method: str) -> None:
    with pytest.raises(DeclarationError, match=f"No result of {method} can be cached"):
        make_server(cache_hints={method: CacheHint()})


def test_lists_may_be_kept_by_everybody_and_what_is_read_by_nobody() -> None:
    hints = dict(DEFAULT_HINTS)
    assert hints.pop("resources/read") == CacheHint(ttl_ms=0, scope="private")
    assert set(hints.values()) == {CacheHint(ttl_ms=60_000, scope="public")}


@pytest.mark.parametrize(
    "identifier", ["com.example/x", "io.modelcontextprotocol/ui", "a/b", "com.ex-ample/x_y.z-1", "a1.b2/c3"]
)
def test_extension_identifiers(serve: Serve, identifier: str) -> None:
    client = serve(make_server(extensions={identifier: {"k": [1]}}))
    capabilities = client.request("server/discover").result["capabilities"]
    assert capabilities["extensions"] == {identifier: {"k": [1]}}


WRONG_IDENTIFIERS = [
    "",
    "x",
    "/x",
    "com.example/",
    "com..example/x",
    ".com/x",
    "com./x",
    "1com/x",
    "com.-x/y",
]
WRONG_IDENTIFIERS += ["com.x-/y", "com/x y", "com.example/-x", "com.example/x.", "com.example/_", "com/x/y"]
WRONG_IDENTIFIERS += ["größe/x", "com.example/größe"]


@pytest.mark.parametrize("identifier", WRONG_IDENTIFIERS)
def test_extension_identifiers_that_break_the_naming_rules(identifier: str) -> None:
    """A mandatory prefix of labels, and a name between alphanumerics (basic, "_meta")."""
    with pytest.raises(DeclarationError, match="is no extension identifier"):
        make_server(extensions={identifier: {}})


def test_the_name_is_known() -> None:
    assert make_server().name == "shop"


def test_names_and_order_of_arguments_follow_the_official_sdk() -> None:
    assert list(inspect.signature(MCPServer.tool).parameters)[1:8] == [
        "name",
        "title",
        "description",
        "annotations",
        "icons",
        "meta",
        "structured_output",
    ]
    assert list(inspect.signature(MCPServer.prompt).parameters)[1:5] == [
        "name",
        "title",
        "description",
        "icons",
    ]
    assert list(inspect.signature(MCPServer.resource).parameters)[1] == "uri"


def test_servers_of_one_process_share_nothing(serve: Serve) -> None:
    one, two = make_server(), make_server()
    one.tool("t")(lambda: "one")
    two.tool("t")(lambda: "two")
    assert (serve(one).call("t").text, serve(two).call("t").text) == ("one", "two")


def test_one_server_serves_with_different_settings(serve: Serve) -> None:
    mcp = full_server()
    small = serve(mcp, Settings(state_keys=("x" * 32,), body_limit=10))
    assert small.call("add", {"a": 1}).status == 413
    assert serve(mcp).call("add", {"a": 1}).value == 1


def test_the_package_exports_what_it_says() -> None:
    assert sorted(lambent.__all__) == list(lambent.__all__)
    for name in lambent.__all__:
        assert hasattr(lambent, name)


CONTRACT = """
    MCPServer Context ToolError ResourceNotFoundError RetryableError TextContent ImageContent AudioContent
    EmbeddedResource ResourceLink TextResourceContents BlobResourceContents Annotations ToolAnnotations Icon
    ToolResult Image Audio UserMessage AssistantMessage Message Completion PromptReference
    ResourceTemplateReference CompletionArgument CompletionContext McpHeader CacheHint AcceptedElicitation
    DeclinedElicitation CancelledElicitation ElicitationResult Settings PromptMessage
"""
RECEIVED = """
    Principal Request ClientCapabilities CallToolResult ReadResourceResult GetPromptResult CompleteResult
    InputRequiredResult DiscoverResult PageResult TaskResult EmptyResult ListenResult
"""


@pytest.mark.parametrize("name", [*CONTRACT.split(), *RECEIVED.split()])
def test_the_public_names_are_exported(name: str) -> None:
    assert name in lambent.__all__


def test_every_exception_of_the_library_is_exported() -> None:
    found = {
        name
        for name, item in vars(errors).items()
        if isinstance(item, type) and item.__module__ == errors.__name__
    }
    assert found <= set(lambent.__all__)
    assert "ValidationError" in lambent.__all__


def test_messages_of_prompts_have_the_official_sdks_name_too() -> None:
    assert lambent.Message is lambent.PromptMessage


@pytest.mark.parametrize(
    "auth",
    ["https://login.test", ["https://login.test"], None, [None], lambda request: None, OAuth],
    ids=["text", "texts", "None", "a list of None", "function", "class"],
)
def test_what_identifies_nobody(auth: Any) -> None:
    """It would fail with every request, or leave the server open."""
    with pytest.raises(DeclarationError, match="auth takes an authenticator, such as OAuth"):
        MCPServer("shop", auth=auth)
