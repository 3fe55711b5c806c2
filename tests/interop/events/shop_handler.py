"""The shop behind the gateway."""

from tests.interop.events.shop import mcp

handler = mcp.lambda_handler()
