"""What a server has and does, by the methods of FastMCP, for code that asks the server itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambent.compat.fastmcp.results import ResourceContent, ResourceResult
from lambent.compat.members import Members
from lambent.compat.queries import Queries


class Asking(Queries):
    """The part of ``FastMCP`` that lists its own features, and calls them where no request runs."""

    async def get_tool(self, name: str, version: Any = None) -> Members | None:
        """A tool, as clients see it; None where there is none of that name."""
        return next((one for one in await self.list_tools() if one.name == name), None)

    async def get_resource(self, uri: Any, version: Any = None) -> Members | None:
        """A resource, as clients see it; None where there is none of that URI."""
        return next((one for one in await self.list_resources() if one.uri == str(uri)), None)

    async def get_resource_template(self, uri: Any, version: Any = None) -> Members | None:
        """A template, as clients see it; None where there is none."""
        found = await self.list_resource_templates()
        return next((one for one in found if one.uri_template == str(uri)), None)

    async def get_prompt(  # type: ignore[override]
        self, name: str, version: Any = None
    ) -> Members | None:
        """A prompt, as clients see it; None where there is none of that name."""
        return next((one for one in await self.list_prompts() if one.name == name), None)

    async def render_prompt(self, name: str, arguments: Mapping[str, Any] | None = None) -> Members:
        """Make the messages of a prompt, as for a client that can do nothing.

        Raises:
            ValueError: it failed, or there is none of that name.
            NotHereError: a request runs.
        """
        return await super().get_prompt(name, arguments)

    async def read_resource(  # type: ignore[override]
        self, uri: Any, context: Any = None
    ) -> ResourceResult:
        """Read a resource, as a client that can do nothing would.

        Raises:
            ResourceNotFoundError: there is none of that URI.
            NotHereError: a request runs.
        """
        contents = await super().read_resource(uri)
        return ResourceResult([ResourceContent(one.content, one.mime_type, one.meta) for one in contents])
