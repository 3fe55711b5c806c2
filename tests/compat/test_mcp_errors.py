"""``MCPError``, as servers of the official SDK raise it."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.support import Client, failure

from lambent.compat import Context, MCPError, McpError, MCPServer, UrlElicitationRequiredError
from lambent.compat.types import INVALID_PARAMS, METHOD_NOT_FOUND, ErrorData

Serve = Callable[..., Client]


def raising(error: Exception) -> MCPServer:
    mcp = MCPServer("shop")

    @mcp.tool()
    def fail(ctx: Context) -> str:
        raise error

    @mcp.resource("note://today")
    def note() -> str:
        raise error

    return mcp


@pytest.mark.parametrize(
    ("error", "status", "body"),
    [
        (MCPError(1, "Busy"), 200, failure(1, "Busy")),
        (MCPError(code=INVALID_PARAMS, message="No", data=[1]), 400, failure(-32602, "No", [1])),
        (McpError(ErrorData(code=METHOD_NOT_FOUND, message="No")), 404, failure(-32601, "No")),
        (MCPError.from_error_data(ErrorData(7, "No", {"a": 1})), 200, failure(7, "No", {"a": 1})),
        (
            UrlElicitationRequiredError(
                [{"message": "Sign in", "url": "https://a.example", "elicitationId": "1"}]
            ),
            200,
            failure(
                -32042,
                "URL elicitation required",
                {"elicitations": [{"message": "Sign in", "url": "https://a.example", "elicitationId": "1"}]},
            ),
        ),
    ],
)
def test_a_request_ends_with_the_error(error: Exception, status: int, body: bytes, serve: Serve) -> None:
    client = serve(raising(error))
    for reply in (client.call("fail"), client.read("note://today")):
        assert (reply.status, reply.body) == (status, body)


def test_it_has_the_members_that_it_was_made_of() -> None:
    error: Any = MCPError(1, "Busy", {"a": 2})
    assert (error.code, error.message, error.data, str(error)) == (1, "Busy", {"a": 2}, "Busy")
    assert error.error == ErrorData(1, "Busy", {"a": 2})
