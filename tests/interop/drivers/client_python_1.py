"""Drives the client of the official Python SDK before its release 2."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from lines import Server, User, check_era, plain, serve
from mcp import ClientSession, StdioServerParameters, types
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamablehttp_client
from pydantic import AnyUrl

LISTS = {
    "tools": "list_tools",
    "resources": "list_resources",
    "resourceTemplates": "list_resource_templates",
    "prompts": "list_prompts",
}

Client = tuple[ClientSession, types.InitializeResult]
"""The session, and what the server has introduced itself with."""


async def discover(client: Client) -> Any:
    _, server = client
    return {
        "serverInfo": plain(server.serverInfo),
        "protocol": server.protocolVersion,
        "instructions": server.instructions,
        "capabilities": plain(server.capabilities),
    }


async def all_of(client: Client, kind: str) -> Any:
    session, _ = client
    found: list[Any] = []
    cursor, is_first = None, True
    while cursor is not None or is_first:
        page = await getattr(session, LISTS[kind])(cursor)
        found += plain(page)[kind]
        cursor, is_first = page.nextCursor, False
    return found


async def call(client: Client, name: str, arguments: Any, report: Any) -> Any:
    session, _ = client
    return {"result": plain(await session.call_tool(name, arguments, progress_callback=report))}


async def read(client: Client, uri: str) -> Any:
    session, _ = client
    return plain((await session.read_resource(AnyUrl(uri))).contents)


async def prompt(client: Client, name: str, arguments: Any) -> Any:
    session, _ = client
    return plain(await session.get_prompt(name, arguments))


async def complete(client: Client, ref: Any, argument: Any, settled: Any) -> Any:
    session, _ = client
    # The first releases know nothing of arguments that are settled already.
    context = {} if settled is None else {"context_arguments": settled}
    return plain((await session.complete(types.PromptReference(**ref), argument, **context)).completion)


@asynccontextmanager
async def connect(server: Server, era: str, user: User) -> AsyncIterator[Client]:
    async def elicit(context: Any, params: Any) -> Any:
        return user.elicit(params)

    async def sample(context: Any, params: Any) -> Any:
        return user.sample(params.messages[0].content.text)

    async def list_roots(context: Any) -> Any:
        return user.roots()

    callbacks = {"elicitation": elicit, "sampling": sample, "roots": list_roots}
    names = {
        "elicitation": "elicitation_callback",
        "sampling": "sampling_callback",
        "roots": "list_roots_callback",
    }
    options: dict[str, Any] = {names[kind]: callbacks[kind] for kind in names if user.can(kind)}
    if isinstance(server, str) and server.startswith("lambda"):
        from invoking import invoking  # with the packages of AWS

        transport: Any = invoking(server)
    elif isinstance(server, str):
        auth: dict[str, Any] = {}
        if user.login is not None:
            from login_1 import login_at  # the first releases have nothing of the kind

            auth = {"auth": login_at(server, user.login.get("scope"))}
        transport = streamablehttp_client(server, **auth)
    else:
        transport = stdio_client(StdioServerParameters(command=server[0], args=server[1:]))
    async with (
        transport as (receiving, sending, *_),
        ClientSession(receiving, sending, **options) as session,
    ):
        found = await session.initialize()
        check_era(str(found.protocolVersion), era)
        yield session, found


if __name__ == "__main__":
    serve(f"mcp {version('mcp')}", connect, [discover, all_of, call, read, prompt, complete])
