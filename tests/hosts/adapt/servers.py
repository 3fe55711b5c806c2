"""A server of the official SDK 2.x for these tests, and how its environments are called."""

import asyncio
from collections.abc import Callable
from typing import Any

from mcp import types
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.mcpserver import Context, MCPServer
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from tests.support import Client

from lambent import ApiKey, ApiKeys
from lambent.auth.api_keys import hash_of
from lambent.errors import HttpRefusal
from lambent.hosts.adapt.handler import AdaptedHandler

KEY = {"x-api-key": "secret-key-of-the-tests"}


OTHER_KEY = {"x-api-key": "another-key-of-the-tests"}
KEYS = ApiKeys(
    {
        "ci": ApiKey(subject="ci", hash=hash_of(KEY["x-api-key"]), scopes=("orders:read",)),
        "other": ApiKey(subject="other", hash=hash_of(OTHER_KEY["x-api-key"])),
    }
)


Environments = Callable[..., Callable[[], AdaptedHandler]]


ASK = types.ElicitRequest(
    params=types.ElicitRequestFormParams(
        message="Sure?", requested_schema={"type": "object", "properties": {}}
    )
)


class Confirm(BaseModel):
    sure: bool


def make(**options: Any) -> MCPServer:
    """A server with what these tests call."""
    server = MCPServer("shop", version="1.2.3", **options)

    @server.tool()
    def add(a: int, b: int = 0) -> int:
        """Add two numbers."""
        return a + b

    @server.tool()
    async def loop() -> int:
        return id(asyncio.get_running_loop())

    @server.tool()
    def fail() -> str:
        raise ValueError("broken")

    @server.tool()
    def who() -> str:
        token = get_access_token()
        return "nobody" if token is None else f"{token.client_id} {token.scopes}"

    @server.tool()
    async def count(ctx: Context) -> str:
        await ctx.report_progress(1, 2, "half")
        return str(ctx.request_context.lifespan_context)

    @server.tool()
    async def refund(amount: int, ctx: Context) -> Any:
        if ctx.request_state is None:
            return types.InputRequiredResult(input_requests={"ok": ASK}, request_state=f"refund {amount}")
        return ctx.request_state

    @server.tool()
    async def confirm(what: str, ctx: Context) -> str:
        answer = await ctx.elicit(f"{what}?", Confirm)
        return f"{answer.action} {answer.data.sure if answer.action == 'accept' else ''}"

    @server.resource("note://today")
    def today() -> str:
        return "Buy milk."

    @server.prompt()
    def greet(name: str) -> str:
        return f"Hello {name}"

    @server.custom_route("/about", methods=["GET"])
    async def about(request: Request) -> PlainTextResponse:
        return PlainTextResponse("a shop")

    return server


def in_turn(following: Callable[[], AdaptedHandler]) -> Client:
    """A client each of whose requests goes to the next environment."""

    def next_one(event: dict[str, Any], context: Any) -> dict[str, Any]:
        return following()(event, context)

    return Client(next_one)


def refuse(call: Any, following: Any) -> Any:
    """Middleware that lets nothing through."""
    raise HttpRefusal(403, "no")
