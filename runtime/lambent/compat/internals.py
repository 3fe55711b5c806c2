"""Parts of a server that others reach into although they are private, as far as they mean something here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec

from lambent.compat.current_call import current_call
from lambent.compat.errors import NotHereError

if TYPE_CHECKING:
    from lambent.compat.server import MCPServer
    from lambent.features.tools import Tool

_OF_INFO = ("name", "title", "version", "description", "website_url", "icons")


class LowLevelServer:
    """``mcp._mcp_server``: what the server says it is, to read and to change until requests are answered."""

    __slots__ = ("_server",)

    _server: MCPServer[Any]

    def __init__(self, server: MCPServer[Any]) -> None:
        object.__setattr__(self, "_server", server)

    def __getattr__(self, name: str) -> Any:
        """What the server says of itself; of everything else, what replaces it."""
        if name in _OF_INFO:
            return getattr(self._server._empty.info, name)
        if name == "instructions":
            return self._server.instructions
        if name == "request_context":
            if current_call() is None:
                raise LookupError("There is a request context only while a handler runs")
            return self._server.get_context().request_context
        raise _missing(f"_mcp_server.{name}")

    def __setattr__(self, name: str, value: Any) -> None:
        """Change what the server says of itself."""
        server = self._server
        server._not_frozen(f"mcp._mcp_server.{name}")
        if name in _OF_INFO:
            info = msgspec.structs.replace(server._empty.info, **{name: value})
            server._empty = msgspec.structs.replace(server._empty, info=info)
        elif name == "instructions":
            server._empty = msgspec.structs.replace(server._empty, instructions=value)
        else:
            raise _missing(f"_mcp_server.{name}")


class DeclaredTool(msgspec.Struct, frozen=True):
    """A tool of ``mcp._tool_manager``.

    Attributes:
        name: of the tool.
        title: its name for people.
        description: what models read.
        parameters: the schema of its arguments.
        fn: the function.
    """

    name: str
    title: str | None
    description: str
    parameters: dict[str, Any]
    fn: Callable[..., Any]


class ToolManager:
    """``mcp._tool_manager``: the tools, to read; they are declared by the server itself."""

    def __init__(self, tools: Mapping[str, Tool], functions: Mapping[str, Callable[..., Any]]) -> None:
        self._declared = tools
        self._functions = functions

    @property
    def _tools(self) -> dict[str, DeclaredTool]:
        return {tool.name: tool for tool in self.list_tools()}

    def list_tools(self) -> list[DeclaredTool]:
        """All tools."""
        return [self._read(tool) for tool in self._declared.values()]

    def get_tool(self, name: str) -> DeclaredTool | None:
        """One tool; None where there is none of that name."""
        tool = self._declared.get(name)
        return None if tool is None else self._read(tool)

    def _read(self, tool: Tool) -> DeclaredTool:
        found = msgspec.json.decode(tool.described)
        return DeclaredTool(
            tool.name,
            found.get("title"),
            found.get("description", ""),
            found["inputSchema"],
            self._functions[tool.name],
        )

    def __getattr__(self, name: str) -> NoReturn:
        """Say what replaces everything else."""
        raise NotHereError(f"mcp._tool_manager.{name}", f"write mcp.{name}, which the server itself has")


def _missing(name: str) -> NotHereError:
    return NotHereError(
        f"mcp.{name}", "there is no low-level server below; lambent.adapt serves one that is written with it"
    )
