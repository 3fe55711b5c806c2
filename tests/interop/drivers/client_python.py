"""Drives the client of the official Python SDK."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from lines import Reports, User, check_era, outcome_of, plain, serve
from mcp import Client
from mcp.types import PromptReference, ResourceTemplateReference

LISTS = {
    "tools": "list_tools",
    "resources": "list_resources",
    "resourceTemplates": "list_resource_templates",
    "prompts": "list_prompts",
}


async def about() -> Any:
    return f"mcp {version('mcp')}"


async def discover(url: str, era: str) -> Any:
    async with connect(url, era) as client:
        return {
            "serverInfo": plain(client.server_info),
            "protocol": client.protocol_version,
            "instructions": client.instructions,
            "capabilities": plain(client.server_capabilities),
        }


async def all_of(url: str, era: str, kind: str) -> Any:
    return [item for page in await pages(url, era, kind) for item in page]


async def pages(url: str, era: str, kind: str) -> Any:
    async with connect(url, era) as client:
        return await list_pages(client, kind)


async def call(
    url: str, era: str, name: str, arguments: Any, answers: Any, progress: bool, listed: bool
) -> Any:
    user, reports = User(answers), Reports()
    async with connect(url, era, user) as client:
        if listed:
            await list_pages(client, "tools")
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
        return plain((await client.complete(kind(**ref), argument, settled)).completion)


async def list_pages(client: Client, kind: str) -> list[list[Any]]:
    found: list[list[Any]] = []
    cursor = None
    while cursor is not None or not found:
        page = await getattr(client, LISTS[kind])(cursor=cursor)
        found.append(plain(page)[kind])
        cursor = page.next_cursor
    return found


async def batch(url: str, era: str, tasks: list[dict[str, Any]], answers: Any) -> Any:
    """Calls, reads and prompts over one connection, which lists the tools first; the outcome of each."""
    work = {"call": _call, "read": _read, "prompt": _prompt}
    async with connect(url, era, User(answers)) as client:
        await list_pages(client, "tools")
        return [await outcome_of(work[task.pop("do")](client, **task)) for task in tasks]


async def _call(client: Client, name: str, arguments: Any, report: Any = None) -> Any:
    return {"result": plain(await client.call_tool(name, arguments, progress_callback=report))}


async def _read(client: Client, uri: str) -> Any:
    return plain((await client.read_resource(uri)).contents)


async def _prompt(client: Client, name: str, arguments: Any) -> Any:
    return plain(await client.get_prompt(name, arguments))


@asynccontextmanager
async def connect(url: str, era: str, user: User | None = None) -> AsyncIterator[Client]:
    user = user or User({})

    async def elicit(context: Any, params: Any) -> Any:
        return user.elicit(params)

    async def sample(context: Any, params: Any) -> Any:
        return user.sample(params.messages[0].content.text)

    async def list_roots(context: Any) -> Any:
        return user.roots()

    options: dict[str, Any] = {"mode": "legacy"} if era == "legacy" else {}
    async with Client(
        url,
        elicitation_callback=elicit if user.can("elicitation") else None,
        sampling_callback=sample if user.can("sampling") else None,
        list_roots_callback=list_roots if user.can("roots") else None,
        **options,
    ) as client:
        check_era(client.protocol_version, era)
        yield client


if __name__ == "__main__":
    serve([about, discover, all_of, pages, call, read, prompt, complete, batch])
