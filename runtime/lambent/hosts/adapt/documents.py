"""Discovery documents of an application: made from what it lists, when somebody asks for one of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, TypeVar

import msgspec
from msgspec import Raw

from lambent.errors import ConfigurationError
from lambent.execution.handshakes import VERSION_HEADER
from lambent.hosts.adapt.messages import AppMessage
from lambent.hosts.adapt.scopes import Sender, Site
from lambent.hosts.adapt.sessions import OPENING, begin, response_of
from lambent.hosts.discovery import DiscoveryDocuments, read_bundle
from lambent.wire import jsonrpc
from lambent.wire.eras import LEGACY_VERSIONS, MODERN
from lambent.wire.eras.modern import VERSION_KEY
from lambent.wire.http import Request
from lambent.wire.server_card import ServerSummary
from lambent.wire.values import CardDetails, Implementation

T = TypeVar("T")

_LISTS = (
    ("tools", "tools", "tools/list"),
    ("resources", "resources", "resources/list"),
    ("resourceTemplates", "resources", "resources/templates/list"),
    ("prompts", "prompts", "prompts/list"),
)
"""Lists: what they are called in results, the capability of servers that have them, the method."""

_DISCOVER = "server/discover"
_PREFIX = "io.modelcontextprotocol/"
_INFO = {"name": "lambent", "version": "0"}

_MAX_PAGES = 100
"""Of a list: an application that always has a next page is read no further."""


class AppDocuments(DiscoveryDocuments):
    """The documents of an application.

    Attributes:
        site: the application, set before the first request.
        run: runs a coroutine on its loop.
        card: what else is to be on the card.
    """

    site: Site
    run: Callable[[Coroutine[Any, Any, Any]], Any]
    card: CardDetails = CardDetails()

    def _summaries(self, endpoint: str | None) -> list[ServerSummary]:
        if endpoint is None and self._settings.cards is not None:
            return read_bundle(self._settings.cards)
        summary: ServerSummary = self.run(_summarize(self.site, endpoint or self.site.path, self.card))
        return [summary]


class _Server(msgspec.Struct, rename="camel"):
    server_info: Implementation
    protocol_version: str = ""
    capabilities: dict[str, Any] = {}
    instructions: str | None = None


class _Discovered(msgspec.Struct, rename="camel"):
    supported_versions: list[str] = []


async def _summarize(site: Site, endpoint: str, card: CardDetails) -> ServerSummary:
    """Ask an application what it is, as a client of nobody in particular.

    Raises:
        ConfigurationError: it does not say.
    """
    send = Sender(site, Request(headers={"host": "localhost"}), None)
    params = {"protocolVersion": LEGACY_VERSIONS[0], "capabilities": {}, "clientInfo": _INFO}
    exchange = await send("POST", OPENING, jsonrpc.request(0, "initialize", params))
    server = _read(await response_of(exchange), _Server)
    if server is None:
        raise ConfigurationError(f"The server does not say what it is: it answers {exchange.status}")
    session = await begin(exchange, server.protocol_version, send)
    lists: dict[str, tuple[Raw, ...]] = {}
    try:
        for name, capability, method in _LISTS:
            if capability in server.capabilities:
                lists[name] = tuple([item async for item in _items(name, method, session.headers, send)])
    finally:
        await session.close()
    return ServerSummary(
        path=endpoint,
        info=server.server_info,
        card=card,
        versions=(*await _modern_versions(send), server.protocol_version),
        instructions=server.instructions,
        capabilities=server.capabilities,
        tools=lists.get("tools", ()),
        resources=lists.get("resources", ()),
        resource_templates=lists.get("resourceTemplates", ()),
        prompts=lists.get("prompts", ()),
    )


async def _items(name: str, method: str, headers: dict[str, str], send: Sender) -> AsyncIterator[Raw]:
    """The items of a list, page by page; none where the application refuses to list them."""
    params: dict[str, Any] = {}
    for number in range(1, _MAX_PAGES):
        exchange = await send("POST", headers, jsonrpc.request(number, method, params))
        page = _read(await response_of(exchange), dict[str, Raw])
        if page is None:
            return
        for item in msgspec.json.decode(page.get(name, b"[]"), type=list[Raw]):
            yield item
        cursor = msgspec.json.decode(page.get("nextCursor", b"null"))
        if not isinstance(cursor, str):
            return
        params = {"cursor": cursor}


async def _modern_versions(send: Sender) -> tuple[str, ...]:
    """The versions of the modern era that an application speaks."""
    version = MODERN.version
    meta = {VERSION_KEY: version, f"{_PREFIX}clientCapabilities": {}, f"{_PREFIX}clientInfo": _INFO}
    headers = {**OPENING, VERSION_HEADER: version, "mcp-method": _DISCOVER}
    exchange = await send("POST", headers, jsonrpc.request(0, _DISCOVER, {"_meta": meta}))
    found = _read(await response_of(exchange), _Discovered)
    return () if found is None else tuple(one for one in found.supported_versions if one >= version)


def _read(answer: tuple[AppMessage | None, bytes], kind: type[T]) -> T | None:
    """The result of a response; None where there is none, or one of another kind."""
    message, _ = answer
    if message is None or isinstance(message.result, msgspec.UnsetType):
        return None
    try:
        return msgspec.json.decode(message.result, type=kind)
    except msgspec.DecodeError:
        return None
