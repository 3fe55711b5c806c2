"""What a server has and does, for code that asks the server itself."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from lambent.compat.hosting import Hosting
from lambent.compat.members import Members

if TYPE_CHECKING:
    from lambent.compat.context import ResourceContent
    from lambent.compat.in_process import InProcess


class Queries(Hosting):
    """The part of ``MCPServer`` that lists features, and calls them where no request runs."""

    async def list_tools(self) -> list[Members]:
        """The tools, as clients see them."""
        return [Members(msgspec.json.decode(tool.described)) for tool in self._tools.values()]

    async def list_resources(self) -> list[Members]:
        """The resources, as clients see them."""
        found = [one for one in self._resources.values() if one.template is None]
        return [Members(msgspec.to_builtins(one.definition)) for one in found]

    async def list_resource_templates(self) -> list[Members]:
        """The templates, as clients see them."""
        found = [one for one in self._resources.values() if one.template is not None]
        return [Members(msgspec.to_builtins(one.definition)) for one in found]

    async def list_prompts(self) -> list[Members]:
        """The prompts, as clients see them."""
        return [Members(msgspec.to_builtins(one.definition)) for one in self._prompts.values()]

    async def call_tool(
        self, name: str, arguments: Mapping[str, Any] | None = None, context: Any = None
    ) -> Any:
        """Call a tool, as a client that can do nothing would; what the server offers is fixed from then on.

        Args:
            name: of the tool.
            arguments: of the call.
            context: not used: it is called outside of any request.

        Returns:
            An object with ``content``, ``structured_content`` and ``is_error``.

        Raises:
            ToolError: it failed, or there is none of that name.
            NotHereError: a request runs.
        """
        return await self._in_process.call_tool(name, arguments or {})

    async def read_resource(self, uri: Any, context: Any = None) -> list[ResourceContent]:
        """Read a resource, as a client that can do nothing would; see ``call_tool``.

        Raises:
            ResourceNotFoundError: there is none of that URI.
            ResourceError: it cannot be read.
            NotHereError: a request runs.
        """
        return await self._in_process.read_resource(str(uri))

    async def get_prompt(
        self, name: str, arguments: Mapping[str, Any] | None = None, context: Any = None
    ) -> Members:
        """Make the messages of a prompt, as for a client that can do nothing; see ``call_tool``.

        Raises:
            ValueError: it failed, or there is none of that name.
            NotHereError: a request runs.
        """
        return await self._in_process.get_prompt(name, arguments or {})

    @functools.cached_property
    def _in_process(self) -> InProcess:
        from lambent.compat.in_process import InProcess  # loaded where a server is called by its own code

        return InProcess(self._parts(), self._adjusted(None))
