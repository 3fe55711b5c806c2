"""What a server lists, for code that asks the server itself."""

from __future__ import annotations

from typing import Any, NoReturn

import msgspec

from lambent.compat.errors import NotHereError
from lambent.compat.members import Members
from lambent.features.declarations import Declarations

_CLIENT = "write lambent.testing.TestClient(mcp).{}, which calls the server as a client does"


class Queries(Declarations):
    """The part of ``MCPServer`` that lists features. A server is called by clients alone."""

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

    def call_tool(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse: a tool is called in a request.

        Raises:
            NotHereError: always.
        """
        raise NotHereError("mcp.call_tool()", _CLIENT.format("call(name, **arguments)"))

    def read_resource(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse: a resource is read in a request.

        Raises:
            NotHereError: always.
        """
        instead = f"write ctx.read_resource(uri) in a handler; elsewhere {_CLIENT}"
        raise NotHereError("mcp.read_resource()", instead.format("read(uri)"))

    def get_prompt(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse: a prompt is made in a request.

        Raises:
            NotHereError: always.
        """
        raise NotHereError("mcp.get_prompt()", _CLIENT.format("get(name, **arguments)"))
