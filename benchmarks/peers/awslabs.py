"""awslabs.mcp-lambda-handler: no sessions, since those need DynamoDB. It knows no models."""

from awslabs.mcp_lambda_handler import MCPLambdaHandler
from peers.tools import PLAIN, many


def build():
    return _serve(PLAIN)


def build_many(count):
    return _serve(many(count))


def _serve(tools):
    mcp = MCPLambdaHandler(name="benchmark", version="1.0.0")
    for tool in tools:
        mcp.tool()(tool)
    return mcp.handle_request
