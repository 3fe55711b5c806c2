"""Lists and records that arrive as text."""

import json
from dataclasses import dataclass, field
from typing import Any

from tests.features.adapters import each_adapter, mention
from tests.support import Client, make_server


@dataclass
class Node:
    nodes: "list[Node]" = field(default_factory=list)


@each_adapter
def test_deep_text_is_refused_not_fatal(adapter: str) -> None:
    mcp = make_server()

    def take(node: Any) -> str:
        return "taken"

    take.__annotations__["node"] = Node
    mcp.tool()(mention(adapter, take))
    mcp.prompt()(take)
    client = Client(mcp.lambda_handler())
    text = '{"nodes":[' * 300 + "]}" * 300
    assert client.call("take", {"node": text}).text.startswith("Invalid arguments for tool 'take'")
    assert client.prompt("take", {"node": text}).error["code"] == -32602
    assert client.call("take", {"node": json.dumps({"nodes": ["{}"]})}).text == "taken"
