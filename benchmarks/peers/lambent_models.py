"""Lambent with pydantic models."""

from peers.models import MODELS

from lambent import MCPServer


def build():
    mcp = MCPServer("benchmark", version="1.0.0")
    for tool in MODELS:
        mcp.tool()(tool)
    return mcp.lambda_handler()
