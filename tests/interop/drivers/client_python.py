"""Drives the client of the official Python SDK."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import version
from typing import Any

import httpx2
from lines import SECONDS, Server, User, check_era, plain, serve
from login import login_at
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.types import PromptReference, ResourceTemplateReference

LISTS = {
    "tools": "list_tools",
    "resources": "list_resources",
    "resourceTemplates": "list_resource_templates",
    "prompts": "list_prompts",
}


async def discover(client: Client) -> Any:
    return {
        "serverInfo": plain(client.server_info),
        "protocol": client.protocol_version,
        "instructions": client.instructions,
        "capabilities": plain(client.server_capabilities),
    }


async def all_of(client: Client, kind: str) -> Any:
    return [item for page in await pages(client, kind) for item in page]


async def pages(client: Client, kind: str) -> list[list[Any]]:
    found: list[list[Any]] = []
    cursor = None
    while cursor is not None or not found:
        page = await getattr(client, LISTS[kind])(cursor=cursor)
        found.append(plain(page)[kind])
        cursor = page.next_cursor
    return found


async def call(client: Client, name: str, arguments: Any, report: Any) -> Any:
    return {"result": plain(await client.call_tool(name, arguments, progress_callback=report))}


async def read(client: Client, uri: str) -> Any:
    return plain((await client.read_resource(uri)).contents)


async def prompt(client: Client, name: str, arguments: Any) -> Any:
    return plain(await client.get_prompt(name, arguments))


async def complete(client: Client, ref: Any, argument: Any, settled: Any) -> Any:
    kind = PromptReference if ref["type"] == "ref/prompt" else ResourceTemplateReference
    return plain((await client.complete(kind(**ref), argument, settled)).completion)


@asynccontextmanager
async def connect(server: Server, era: str, user: User) -> AsyncIterator[Client]:
    async def elicit(context: Any, params: Any) -> Any:
        return user.elicit(params)

    async def sample(context: Any, params: Any) -> Any:
        return user.sample(params.messages[0].content.text)

    async def list_roots(context: Any) -> Any:
        return user.roots()

    options: dict[str, Any] = {"mode": "legacy"} if era == "legacy" else {}
    async with AsyncExitStack() as stack:
        target: Any = server
        if isinstance(server, list):
            target = StdioServerParameters(command=server[0], args=server[1:])
        elif server.startswith("lambda"):
            from invoking import invoking  # with the packages of AWS

            target = invoking(server)
        elif user.login is not None:
            http = httpx2.AsyncClient(auth=login_at(server, user.login), timeout=SECONDS)
            target = streamable_http_client(server, http_client=await stack.enter_async_context(http))
        client = Client(
            target,
            elicitation_callback=elicit if user.can("elicitation") else None,
            sampling_callback=sample if user.can("sampling") else None,
            list_roots_callback=list_roots if user.can("roots") else None,
            **options,
        )
        await stack.enter_async_context(client)
        check_era(client.protocol_version, era)
        yield client


if __name__ == "__main__":
    serve(f"mcp {version('mcp')}", connect, [discover, all_of, pages, call, read, prompt, complete])
