"""Features as objects, and decorators that stand alone."""

from lambent.compat.fastmcp import FastMCP, FunctionTool, Prompt, Resource, Tool, prompt, resource, tool


def double(number: int) -> int:
    """Double it."""
    return 2 * number


@tool(name="standalone", tags={"s"})
def alone(number: int) -> int:
    return number


@resource("o://one")
def one() -> str:
    return "one"


@prompt(name="asked")
def ask() -> str:
    return "why?"


class Calculator:
    def __init__(self, base: int) -> None:
        self.base = base

    @tool
    def plus(self, number: int) -> int:
        """Add to the base."""
        return self.base + number


def extra(number: int) -> int:
    return number + 1


mcp = FastMCP("objects", tools=[extra, Tool.from_function(double, name="given")])
mcp.add_tool(Tool.from_function(double, name="doubled", description="Twice"))
mcp.add_tool(FunctionTool.from_function(lambda: 3, name="three"))
mcp.add_tool(alone)
mcp.add_tool(Calculator(10).plus)
mcp.add_resource(one)
mcp.add_resource(Resource.from_function(lambda: "two", uri="o://two", name="two"))
mcp.add_prompt(ask)
mcp.add_prompt(Prompt.from_function(lambda: "how?", name="other"))

REQUESTS = [
    ("tools/list", {}),
    ("resources/list", {}),
    ("prompts/list", {}),
    ("tools/call", {"name": "doubled", "arguments": {"number": 4}}),
    ("tools/call", {"name": "given", "arguments": {"number": 4}}),
    ("tools/call", {"name": "extra", "arguments": {"number": 4}}),
    ("tools/call", {"name": "three", "arguments": {}}),
    ("tools/call", {"name": "standalone", "arguments": {"number": 4}}),
    ("tools/call", {"name": "plus", "arguments": {"number": 4}}),
    ("resources/read", {"uri": "o://one"}),
    ("resources/read", {"uri": "o://two"}),
    ("prompts/get", {"name": "asked"}),
    ("prompts/get", {"name": "other"}),
]
