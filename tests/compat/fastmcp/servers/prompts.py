"""Prompts and what they return."""

from lambent import PromptMessage, TextContent
from lambent.compat.fastmcp import FastMCP, Message, PromptResult

mcp = FastMCP("prompts")


@mcp.prompt
def ask(topic: str) -> str:
    """Ask about a topic."""
    return f"What is {topic}?"


@mcp.prompt("talk")
def conversation(first: str, second: str = "fine") -> list[Message]:
    return [Message(first), Message(second, role="assistant")]


@mcp.prompt()
async def sum_up(numbers: list[int], factor: float = 1.0) -> str:
    """Sum up.

    Args:
        numbers: what to add
        factor: by which to multiply
    """
    return str(sum(numbers) * factor)


@mcp.prompt
def result() -> PromptResult:
    return PromptResult([Message("a"), Message({"b": 1})], description="A talk", meta={"n": 1})


@mcp.prompt
def message() -> PromptMessage:
    return PromptMessage(role="user", content=TextContent(text="hello"))


@mcp.prompt
def texts() -> list[str]:
    return ["a", "b"]


REQUESTS = [
    ("prompts/list", {}),
    ("prompts/get", {"name": "ask", "arguments": {"topic": "this"}}),
    ("prompts/get", {"name": "ask", "arguments": {}}),
    ("prompts/get", {"name": "talk", "arguments": {"first": "How are you?"}}),
    ("prompts/get", {"name": "sum_up", "arguments": {"numbers": "[1, 2]", "factor": "2"}}),
    ("prompts/get", {"name": "sum_up", "arguments": {"numbers": "x"}}),
    ("prompts/get", {"name": "result"}),
    ("prompts/get", {"name": "message"}),
    ("prompts/get", {"name": "texts"}),
]
