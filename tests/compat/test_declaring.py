"""Declaring and removing features by the methods of the official SDK."""

from typing import Any

import pytest
from tests.support import SETTINGS

from lambent import Completion, CompletionArgument, CompletionContext, DeclarationError
from lambent.compat import MCPServer, Message, Prompt, TextResource, Tool, UserMessage
from lambent.testing import CallError, TestClient


def greet(name: str) -> str:
    """Greet somebody."""
    return f"Hello, {name}"


def names(mcp: MCPServer[Any]) -> list[str]:
    return [tool.name for tool in TestClient(mcp).list_tools()]


def test_a_decorator_gives_the_function_back_and_registers_it_by_a_call() -> None:
    mcp = MCPServer("shop")
    assert mcp.tool("hello", "Hello")(greet) is greet
    (tool,) = TestClient(mcp).list_tools()
    assert (tool.name, tool.title, tool.description) == ("hello", "Hello", "Greet somebody.")
    assert TestClient(mcp).call("hello", name="Ana").text == "Hello, Ana"


def test_add_tool_takes_what_tool_takes() -> None:
    mcp = MCPServer("shop")
    mcp.add_tool(greet)
    mcp.add_tool(greet, "hello", description="Says hello")
    mcp.add_tool(Tool.from_function(greet, "moin", title="Moin"))
    assert [(tool.name, tool.title, tool.description) for tool in TestClient(mcp).list_tools()] == [
        ("greet", None, "Greet somebody."),
        ("hello", None, "Says hello"),
        ("moin", "Moin", "Greet somebody."),
    ]


def test_the_first_tool_of_a_name_stays(caplog: pytest.LogCaptureFixture) -> None:
    mcp = MCPServer("shop")
    mcp.add_tool(greet)
    assert mcp.tool("greet")(names) is names
    assert TestClient(mcp).call("greet", name="Ana").text == "Hello, Ana"
    assert caplog.messages == ["There is a tool 'greet' already, so this one is ignored"]


def test_it_does_so_without_a_word_where_that_is_wanted(caplog: pytest.LogCaptureFixture) -> None:
    mcp = MCPServer(
        "shop",
        warn_on_duplicate_tools=False,
        warn_on_duplicate_prompts=False,
        warn_on_duplicate_resources=False,
    )
    for _ in range(2):
        mcp.add_tool(greet)
        mcp.prompt()(greet)
        mcp.add_resource(TextResource(uri="note://a", text="A"))
    client = TestClient(mcp)
    assert (len(client.list_tools()), len(client.list_prompts()), len(client.list_resources())) == (1, 1, 1)
    assert caplog.messages == []


@pytest.mark.parametrize("kind", ["tool", "prompt", "resource", "completion"])
def test_a_decorator_without_parentheses_is_refused(kind: str) -> None:
    with pytest.raises(TypeError, match=rf"Write @mcp\.{kind}\(.*\) with parentheses"):
        getattr(MCPServer("shop"), kind)(greet)


def test_a_lambda_needs_a_name() -> None:
    with pytest.raises(ValueError, match="A lambda has no name"):
        MCPServer("shop").add_tool(lambda: 1)


@pytest.mark.filterwarnings("ignore::lambent.DeclarationWarning")
def test_a_lambda_with_a_name_is_a_tool() -> None:
    mcp = MCPServer("shop")
    mcp.add_tool(lambda: 1, name="one")
    assert TestClient(mcp).call("one").text == "1"


def test_features_are_taken_back() -> None:
    mcp = MCPServer("shop")
    mcp.add_tool(greet)
    mcp.add_tool(greet, "hello")
    mcp.add_resource(TextResource(uri="note://a", text="A"))
    mcp.prompt("hi")(greet)
    mcp.remove_tool("greet")
    mcp.remove_resource("note://a")
    mcp.remove_prompt("hi")
    client = TestClient(mcp)
    assert names(mcp) == ["hello"]
    for method in ("resources/list", "prompts/list"):
        with pytest.raises(CallError, match="Method not found"):
            client.request(method)


def test_what_is_not_there_cannot_be_taken_back() -> None:
    mcp = MCPServer("shop")
    with pytest.raises(Exception, match="Unknown tool: greet"):
        mcp.remove_tool("greet")
    with pytest.raises(ValueError, match="Unknown resource: note://a"):
        mcp.remove_resource("note://a")
    with pytest.raises(ValueError, match="Unknown prompt: hi"):
        mcp.remove_prompt("hi")


def test_prompts_are_objects_too() -> None:
    def ask(topic: str) -> list[Message]:
        return [UserMessage(f"About {topic}?")]

    mcp = MCPServer("shop")
    mcp.add_prompt(Prompt.from_function(ask, title="Ask"))
    (prompt,) = TestClient(mcp).list_prompts()
    assert (prompt.name, prompt.title) == ("ask", "Ask")
    assert TestClient(mcp).get("ask", topic="tea").messages[0].content.text == "About tea?"


def test_the_last_completion_counts() -> None:
    mcp = MCPServer("shop")
    mcp.prompt("hi")(greet)

    @mcp.completion()
    async def nothing(
        ref: Any, argument: CompletionArgument, context: CompletionContext | None
    ) -> Completion | None:
        return None

    @mcp.completion()
    async def known(
        ref: Any, argument: CompletionArgument, context: CompletionContext | None
    ) -> Completion | None:
        return Completion(values=["Ana", "Ben"])

    assert TestClient(mcp).complete("hi", "name").values == ["Ana", "Ben"]


# Once requests are answered


def test_nothing_is_declared_or_taken_back_once_requests_are_answered() -> None:
    mcp = MCPServer("shop")
    mcp.add_tool(greet)
    mcp.add_resource(TextResource(uri="note://a", text="A"))
    mcp.prompt("hi")(greet)
    mcp.lambda_handler(SETTINGS)
    late = [
        lambda: mcp.add_tool(greet, "hello"),
        lambda: mcp.prompt("hello")(greet),
        lambda: mcp.add_resource(TextResource(uri="note://b", text="B")),
        lambda: mcp.completion()(lambda ref, argument, context: None),
        lambda: mcp.remove_tool("greet"),
        lambda: mcp.remove_resource("note://a"),
        lambda: mcp.remove_prompt("hi"),
        lambda: mcp.custom_route("/x", ["GET"]),
    ]
    for declare in late:
        with pytest.raises(DeclarationError, match=r"comes too late: .*docs/porting\.md"):
            declare()


def test_a_tool_that_adds_a_tool_tells_the_model_that_it_cannot() -> None:
    mcp = MCPServer("shop")

    @mcp.tool()
    def grow() -> str:
        mcp.add_tool(greet)
        return "grown"

    result = TestClient(mcp).attempt("grow")
    assert result.is_error
    assert result.text.startswith(
        "Error executing tool grow: tool 'greet' comes too late: the next request may be answered by another"
    )
