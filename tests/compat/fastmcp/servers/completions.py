"""Completion of arguments."""

from typing import Any

from lambent import Completion, PromptReference
from lambent.compat.fastmcp import FastMCP

mcp = FastMCP("completions")


@mcp.prompt
def ask(topic: str, style: str = "short") -> str:
    return topic


@mcp.resource("c://{city}")
def weather(city: str) -> str:
    return city


@mcp.completion
def complete(ref: Any, argument: Any, context: Any) -> Any:
    if isinstance(ref, PromptReference):
        if argument.name == "topic":
            return [word for word in ("sun", "sea", "moon") if word.startswith(argument.value)]
        return None
    return Completion(values=["Graz"], total=5, has_more=True)


def ask_for(ref: dict[str, str], name: str, value: str) -> tuple[str, dict[str, Any]]:
    return "completion/complete", {"ref": ref, "argument": {"name": name, "value": value}}


REQUESTS = [
    ask_for({"type": "ref/prompt", "name": "ask"}, "topic", "s"),
    ask_for({"type": "ref/prompt", "name": "ask"}, "style", "s"),
    ask_for({"type": "ref/resource", "uri": "c://{city}"}, "city", "G"),
]
