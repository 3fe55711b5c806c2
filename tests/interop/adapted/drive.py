"""Serves servers of the official SDK or of FastMCP by three handlers, and prints what comes of it.

Run in an environment that has that release; the arguments name what is tried.
"""

import asyncio
import contextlib
import itertools
import json
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
from pydantic import BaseModel
from tests.legacy import LegacyClient, read_stream
from tests.support import SECRET, Client, headers_of, http_api, message

import lambent
from lambent import ApiKey, ApiKeys, Settings
from lambent.auth.api_keys import hash_of
from lambent.hosts.adapt.handler import AdaptedHandler
from lambent.stores.memory import MemoryStore

KEY = {"x-api-key": "secret-key-of-the-tests"}
KEYS = ApiKeys({"ci": ApiKey(subject="ci", hash=hash_of(KEY["x-api-key"]), scopes=("orders:read",))})


class Confirm(BaseModel):
    sure: bool


@contextlib.asynccontextmanager
async def lifespan(server: Any) -> AsyncIterator[dict[str, int]]:
    """Counts how often it is entered."""
    lifespans.append("entered")
    try:
        yield {"entered": lifespans.count("entered")}
    finally:
        lifespans.append("left")


lifespans: list[str] = []


def high_level() -> Any:
    """A server with decorators: of FastMCP where that is installed, else of the SDK 1.x."""
    try:
        from fastmcp import Context, FastMCP
    except ImportError:
        from mcp.server.fastmcp import Context, FastMCP

    server = FastMCP("shop", lifespan=lifespan)

    @server.tool()
    def add(a: int, b: int = 0) -> str:
        return str(a + b)

    @server.tool()
    async def loop(ctx: Context) -> str:
        return f"{id(asyncio.get_running_loop())} {ctx.request_context.lifespan_context}"

    @server.tool()
    async def progress(ctx: Context) -> str:
        await ctx.report_progress(1, 2)
        return "done"

    @server.tool()
    def who() -> str:
        from mcp.server.auth.middleware.auth_context import get_access_token

        token = get_access_token()
        return "nobody" if token is None else f"{token.client_id} {','.join(token.scopes)}"

    @server.tool()
    async def confirm(ctx: Context) -> str:
        answer = await ctx.session.elicit("Sure?", {"type": "object", "properties": {}})
        return str(answer.action)

    @server.custom_route("/about", methods=["GET"])
    async def about(request: Any) -> Any:
        from starlette.responses import PlainTextResponse

        return PlainTextResponse("a shop")

    return server


def low_level() -> Any:
    """A low-level server of the SDK 1.x."""
    from mcp import types
    from mcp.server.lowlevel import Server

    server: Any = Server("shop", lifespan=lifespan)

    @server.list_tools()
    async def tools() -> Any:
        return [types.Tool(name=name, inputSchema={"type": "object"}) for name in ("add", "loop", "progress")]

    @server.call_tool()
    async def call(name: str, arguments: dict[str, Any]) -> Any:
        context = server.request_context
        if name == "add":
            text = str(arguments["a"] + arguments["b"])
        elif name == "loop":
            text = f"{id(asyncio.get_running_loop())} {context.lifespan_context}"
        else:
            await context.session.send_progress_notification(context.meta.progressToken, 1, 2)
            text = "done"
        return [types.TextContent(type="text", text=text)]

    return server


def environments(make: Callable[[], Any], **options: Any) -> list[AdaptedHandler]:
    """Handlers that share nothing but a key and a table."""
    store = MemoryStore()
    settings = Settings(in_memory=True, state_keys=(SECRET,))
    handlers = [lambent.adapt(make(), settings=settings, **options) for _ in range(3)]
    for handler in handlers:
        executor = handler._endpoint.executor
        executor.services = msgspec.structs.replace(executor.services, store=store)
    return handlers


def drive(make: Callable[[], Any]) -> dict[str, Any]:
    """What comes of the calls that every kind of server is tried with."""
    lifespans.clear()
    handlers = environments(make)
    client = LegacyClient(itertools.cycle(handlers).__next__)
    found: dict[str, Any] = {
        "version": client.opened.result["protocolVersion"],
        "sums": [client.call("add", {"a": 1, "b": number}).text for number in range(7)],
        "tools": [one["name"] for one in client.request("tools/list").result["tools"]][:3],
    }
    alone = [LegacyClient(lambda: handlers[0]) for _ in range(2)]
    found["loops"] = len({one.call("loop").text for one in alone for _ in range(2)})
    streamed = read_stream(client.call("progress", _meta={"progressToken": "p"}).body)
    found["progress"] = [one["params"]["progress"] for one in streamed.messages[:-1]]
    found["entered"] = list(lifespans)
    one = Client(handlers[0])
    found["modern"] = one.request("tools/list").status
    found["elsewhere"] = [
        one.post(message("tools/list"), path=path).status for path in ("/mcp/below", "/other")
    ]
    for handler in handlers:
        handler.close()
    found["left"] = lifespans.count("left")
    return found


def drive_high_level() -> dict[str, Any]:
    """What else servers with decorators have."""
    found = drive(high_level)
    handlers = environments(high_level, auth=KEYS)
    following = itertools.cycle(handlers).__next__
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "who", "arguments": {}}}
    headers = {**headers_of(message("x")), "mcp-protocol-version": "2025-11-25"}
    found["refused"] = following()(http_api(json.dumps(body), headers), None)["statusCode"]
    written = following()(http_api(json.dumps(body), {**headers, **KEY}), None)
    found["who"] = json.loads(written["body"])["result"]["content"][0]["text"]
    found["about"] = following()(http_api(None, KEY, method="GET", path="/about"), None)["body"]
    card = following()(http_api(None, method="GET", path="/.well-known/mcp/server-card.json"), None)
    found["card"] = "confirm" in card["body"]
    for handler in handlers:
        handler.close()
    return found


def ask() -> dict[str, Any]:
    """A question within a call, whose answer goes to another environment."""
    handlers = environments(high_level)
    client = LegacyClient(itertools.cycle(handlers).__next__)
    stream = read_stream(client.call("confirm").body)
    (question,) = stream.questions
    client.answer(question, {"action": "decline"})
    found = {"asked": question["params"]["message"], "answer": client.resume(stream.event_id).text}
    for handler in handlers:
        handler.close()
    return found


TRIES: dict[str, Callable[[], dict[str, Any]]] = {
    "high": drive_high_level,
    "low": lambda: drive(low_level),
    "question": ask,
}

if __name__ == "__main__":
    sys.stdout.write(json.dumps({name: TRIES[name]() for name in sys.argv[1:]}))
