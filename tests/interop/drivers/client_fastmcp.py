"""Drives FastMCP's client, from its release 2 on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastmcp import Client
from fastmcp.client.elicitation import ElicitResult
from fastmcp.client.transports import StdioTransport
from lines import Server, User, check_era, plain, serve
from mcp.types import PromptReference, ResourceTemplateReference
from pydantic_core import to_jsonable_python

LISTS = {
    "tools": "list_tools",
    "resources": "list_resources",
    "resourceTemplates": "list_resource_templates",
    "prompts": "list_prompts",
}


async def discover(client: Client[Any]) -> Any:
    # Before release 4 all of it is in what the server has introduced itself with.
    if not hasattr(client, "server_info"):
        return {**plain(client.initialize_result), "protocol": _version(client)}
    return {
        "serverInfo": plain(client.server_info),
        "protocol": client.protocol_version,
        "instructions": client.instructions,
        "capabilities": plain(client.server_capabilities),
    }


async def all_of(client: Client[Any], kind: str) -> Any:
    return plain(await getattr(client, LISTS[kind])())


async def pages(client: Client[Any], kind: str) -> Any:
    found: list[list[Any]] = []
    cursor = None
    while cursor is not None or not found:
        page = plain(await getattr(client, f"{LISTS[kind]}_mcp")(cursor=cursor))
        found.append(page[kind])
        cursor = page.get("nextCursor")
    return found


async def call(client: Client[Any], name: str, arguments: Any, report: Any) -> Any:
    result = await client.call_tool(name, arguments, progress_handler=report, raise_on_error=False)
    parsed = {
        "content": plain(result.content),
        "structuredContent": result.structured_content,
        "data": to_jsonable_python(result.data),
        "isError": result.is_error,
    }
    return {"result": parsed}


async def read(client: Client[Any], uri: str) -> Any:
    return plain(await client.read_resource(uri))


async def prompt(client: Client[Any], name: str, arguments: Any) -> Any:
    return plain(await client.get_prompt(name, arguments))


async def complete(client: Client[Any], ref: Any, argument: Any, settled: Any) -> Any:
    kind = PromptReference if ref["type"] == "ref/prompt" else ResourceTemplateReference
    return plain(await client.complete(kind(**ref), argument, settled))


@asynccontextmanager
async def connect(server: Server, era: str, user: User) -> AsyncIterator[Client[Any]]:
    async def elicit(message: str, answer_type: Any, params: Any, context: Any) -> Any:
        answer = user.elicit(params)
        return ElicitResult(action=answer.action, content=answer.content)

    async def sample(messages: Any, params: Any, context: Any) -> Any:
        return user.sample(messages[0].content.text)

    async def list_roots(context: Any) -> Any:
        return user.roots().roots

    options: dict[str, Any] = {"mode": "legacy"} if era == "legacy" else {}
    if user.can("elicitation"):
        options["elicitation_handler"] = elicit
    if user.can("sampling"):
        options["sampling_handler"] = sample
    if user.can("roots"):
        options["roots"] = list_roots
    target: Any = server
    if not isinstance(server, str):
        target = StdioTransport(server[0], server[1:], keep_alive=False)
    async with Client(target, **options) as client:
        check_era(_version(client), era)
        yield client


def _version(client: Client[Any]) -> str:
    if hasattr(client, "protocol_version"):
        return str(client.protocol_version)
    return str(client.initialize_result.protocolVersion)


if __name__ == "__main__":
    about = f"fastmcp {version('fastmcp')} (on mcp {version('mcp')})"
    serve(about, connect, [discover, all_of, pages, call, read, prompt, complete])
