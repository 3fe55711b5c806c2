"""The smallest MCP server there is: two typed functions, one Lambda function, one URL."""

from typing import Literal

from lambent import MCPServer

mcp = MCPServer("hello", version="1.0.0", instructions="Greet people politely, in their own language.")

GREETINGS = {"de": "Hallo", "en": "Hello", "fr": "Bonjour", "ja": "こんにちは", "sw": "Habari"}
Language = Literal["de", "en", "fr", "ja", "sw"]


@mcp.tool()
def hello(name: str = "world", language: Language = "en") -> str:
    """Greet somebody."""
    return f"{GREETINGS[language]}, {name}!"


@mcp.resource("hello://languages")
def languages() -> dict[str, str]:
    """How people are greeted, by language."""
    return GREETINGS


handler = mcp.lambda_handler()
