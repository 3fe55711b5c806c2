"""Requests that the code of a server makes to the server itself, outside of any other request."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from lambent.compat.context import ResourceContent, content_of
from lambent.compat.current_call import current_call
from lambent.compat.errors import NotHereError, ResourceError, ResourceNotFoundError
from lambent.compat.members import Members
from lambent.errors import ToolError
from lambent.execution.endpoint import Endpoint
from lambent.hosts.entry_points import local_endpoint
from lambent.hosts.live import LiveInvocation
from lambent.hosts.settings import Settings
from lambent.wire import jsonrpc
from lambent.wire.content import read_block, read_contents, read_message
from lambent.wire.eras import MODERN
from lambent.wire.http import Request
from lambent.wire.values import ClientCapabilities, RequestMeta

if TYPE_CHECKING:
    from lambent.hosts.entry_points import ServerParts

_INVALID_PARAMS = -32602


class InProcess:
    """Calls a server by its own endpoint, with a client that cannot be asked anything.

    Whoever has the server object may do everything, as the user of stdio.
    """

    def __init__(self, parts: ServerParts, settings: Settings) -> None:
        self._endpoint: Endpoint = local_endpoint(parts, settings)

    async def call_tool(self, name: str, arguments: Mapping[str, Any]) -> Members:
        """The result of a tool: ``content``, ``structured_content`` and ``is_error``.

        Raises:
            ToolError: it failed, or there is none of that name.
        """
        params = {"name": name, "arguments": dict(arguments)}
        result = await self._ask("tools/call", params, f"Tool {name!r}", ToolError)
        content = [read_block(block) for block in result["content"]]
        is_error = result.get("isError") is True
        if is_error:
            raise ToolError("".join(getattr(block, "text", "") for block in content))
        return Members({**result, "content": content, "isError": is_error})

    async def read_resource(self, uri: str) -> list[ResourceContent]:
        """The contents of a resource.

        Raises:
            ResourceNotFoundError: there is none of that URI.
            ResourceError: it cannot be read.
        """
        result = await self._ask("resources/read", {"uri": uri}, uri, ResourceError, ResourceNotFoundError)
        return [content_of(read_contents(one)) for one in result["contents"]]

    async def get_prompt(self, name: str, arguments: Mapping[str, Any]) -> Members:
        """The result of a prompt: ``description`` and ``messages``.

        Raises:
            ValueError: it failed, or there is none of that name.
        """
        params = {"name": name, "arguments": dict(arguments)}
        result = await self._ask("prompts/get", params, f"The prompt {name!r}", ValueError)
        return Members({**result, "messages": list(map(read_message, result["messages"]))})

    async def _ask(
        self,
        method: str,
        params: dict[str, Any],
        what: str,
        failed: type[Exception],
        unknown: type[Exception] | None = None,
    ) -> dict[str, Any]:
        """The result of a request.

        Args:
            method: of JSON-RPC.
            params: of the request, without ``_meta``.
            what: is asked, for the error that says that it asks its client.
            failed: is raised for errors and questions.
            unknown: is raised in place of it for error -32602.
        """
        if current_call() is not None:
            # Who calls may not do everything, and the client of the call would not be asked.
            raise NotHereError(
                "calling a server from within its own requests",
                "call the function of the tool or prompt, or write ctx.read_resource(uri)",
            )
        meta = RequestMeta(protocol_version=MODERN.version, client_capabilities=ClientCapabilities())
        written = jsonrpc.request(1, method, {**params, "_meta": meta})
        invocation = LiveInvocation(asyncio.get_running_loop())
        reply = await asyncio.to_thread(self._endpoint.answer, jsonrpc.decode(written), Request(), invocation)
        answer: dict[str, Any] = msgspec.json.decode(reply.body)
        if (error := answer.get("error")) is not None:
            if unknown is not None and error["code"] == _INVALID_PARAMS:
                raise unknown(error["message"])
            raise failed(error["message"])
        result: dict[str, Any] = answer["result"]
        if result.get("resultType") != "complete":
            raise failed(f"{what} asks its client, and there is none")
        return result
