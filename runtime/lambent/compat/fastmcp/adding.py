"""Features that are objects or functions, given to a server and taken back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lambent.compat.fastmcp.declaring import Declaring
from lambent.compat.fastmcp.exceptions import NotFoundError
from lambent.compat.fastmcp.objects import Prompt, Resource, Tool, component_of


class Adding(Declaring):
    """The part of ``FastMCP`` that takes features by methods."""

    def completion(self, handler: Any = None, /) -> Any:
        """Declare the function that completes arguments, with or without parentheses."""
        register = super().completion()
        return register if handler is None else register(handler)

    def add_completion_handler(self, handler: Callable[..., Any]) -> None:
        """Declare the function that completes arguments."""
        self.completion(handler)

    def add_tool(self, tool: Any) -> Any:
        """Declare a tool: an object, or a function, which the decorator ``tool`` may have marked."""
        found = component_of(tool, Tool)
        found.add_to(self)
        return found

    def add_resource(self, resource: Any) -> Any:
        """Declare a resource that is an object, or a function that the decorator ``resource`` has marked."""
        found = component_of(resource, Resource)
        found.add_to(self)
        return found

    add_template = add_resource

    def add_prompt(self, prompt: Any) -> Any:
        """Declare a prompt; see ``add_tool``."""
        found = component_of(prompt, Prompt)
        found.add_to(self)
        return found

    def remove_tool(self, name: str) -> None:
        """Take back a tool.

        Raises:
            NotFoundError: there is none of that name.
            DeclarationError: requests are answered.
        """
        self._not_frozen(f"Removing the tool {name!r}")
        if self._tools.pop(name, None) is None:
            raise NotFoundError(f"Unknown tool: {name!r}")
