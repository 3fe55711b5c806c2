"""Drives FastMCP's client."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastmcp import Client
from lines import Reports, User, check_era, outcome_of, plain, serve
from mcp.types import PromptReference, ResourceTemplateReference
from pydantic_core import to_jsonable_python

LISTS = {
    "tools": "list_tools",
    "resources": "list_resources",
    "resourceTemplates": "list_resource_templates",
    "prompts": "list_prompts",
}


async def about() -> Any:
    return f"fastmcp {version('fastmcp')} (on mcp {version('mcp')})"


async def discover(url: str, era: str) -> Any:
    async with connect(url, era) as client:
        return {
            "serverInfo": plain(client.server_info),
            "protocol": client.protocol_version,
            "instructions": client.instructions,
            "capabilities": plain(client.server_capabilities),
        }


async def all_of(url: str, era: str, kind: str) -> Any:
    async with connect(url, era) as client:
        return plain(await getattr(client, LISTS[kind])())


async def pages(url: str, era: str, kind: str) -> Any:
    async with connect(url, era) as client:
        found: list[list[Any]] = []
        cursor = None
        while cursor is not None or not found:
            page = await getattr(client, f"{LISTS[kind]}_mcp")(cursor=cursor)
            found.append(plain(page)[kind])
            cursor = page.next_cursor
        return found


async def call(
    url: str, era: str, name: str, arguments: Any, answers: Any, progress: bool, listed: bool
) -> Any:
    user, reports = User(answers), Reports()
    async with connect(url, era, user) as client:
        if listed:
            await client.list_tools()
        called = await _call(client, name, arguments, reports.note if progress else None)
    return {**called, "reports": reports.seen, "asked": user.asked}


async def read(url: str, era: str, uri: str) -> Any:
    async with connect(url, era) as client:
        return await _read(client, uri)


async def prompt(url: str, era: str, name: str, arguments: Any) -> Any:
    async with connect(url, era) as client:
        return await _prompt(client, name, arguments)


async def complete(url: str, era: str, ref: Any, argument: Any, settled: Any) -> Any:
    kind = PromptReference if ref["type"] == "ref/prompt" else ResourceTemplateReference
    async with connect(url, era) as client:
        return plain(await client.complete(kind(**ref), argument, settled))


async def batch(url: str, era: str, tasks: list[dict[str, Any]], answers: Any) -> Any:
    """Calls, reads and prompts over one connection, which lists the tools first; the outcome of each."""
    work = {"call": _call, "read": _read, "prompt": _prompt}
    async with connect(url, era, User(answers)) as client:
        await client.list_tools()
        return [await outcome_of(work[task.pop("do")](client, **task)) for task in tasks]


async def _call(client: Client[Any], name: str, arguments: Any, report: Any = None) -> Any:
    result = await client.call_tool(name, arguments, progress_handler=report, raise_on_error=False)
    parsed = {
        "content": plain(result.content),
        "structuredContent": result.structured_content,
        "data": to_jsonable_python(result.data),
        "isError": result.is_error,
    }
    return {"result": parsed}


async def _read(client: Client[Any], uri: str) -> Any:
    return plain(await client.read_resource(uri))


async def _prompt(client: Client[Any], name: str, arguments: Any) -> Any:
    return plain(await client.get_prompt(name, arguments))


@asynccontextmanager
async def connect(url: str, era: str, user: User | None = None) -> AsyncIterator[Client[Any]]:
    user = user or User({})

    async def elicit(message: str, answer_type: Any, params: Any, context: Any) -> Any:
        return user.elicit(params)

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
    async with Client(url, **options) as client:
        check_era(client.protocol_version, era)
        yield client


if __name__ == "__main__":
    serve([about, discover, all_of, pages, call, read, prompt, complete, batch])
