"""Names of the official Python SDK, so that a server moves over by a change of its imports.

``from mcp.server.mcpserver import MCPServer`` becomes ``from lambent.compat import MCPServer``, and so with
every name of ``mcp``, ``mcp.server`` and ``mcp.shared``; those of ``mcp.types`` are in
``lambent.compat.types``. Names of version 1.x, such as ``FastMCP``, are here too. Each is loaded when it is
first asked for. What they do here is described in docs/porting.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

# Tables of names: several stand in a line.
# fmt: off
# isort: off
if TYPE_CHECKING:
    from lambent import (
        AcceptedElicitation, AssistantMessage, CancelledElicitation, DeclinedElicitation, Elicit,
        ElicitationResult, Icon, ListRoots, Message, Resolve, Sample, UserMessage,
    )
    from lambent.compat.apps import Apps
    from lambent.compat.extensions import (
        Extension, MethodBinding, ResourceBinding, ToolBinding, require_client_extension,
        validate_extension_identifier,
    )
    from lambent.compat.requests import CallNext, HandlerResult, ServerMiddleware, ServerRequestContext
    from lambent.compat.server import FastMCP, MCPServer
    from lambent.execution.context import Context
    from lambent.features.apps import (
        APP_MIME_TYPE, EXTENSION_ID, ResourceCsp, ResourcePermissions, Visibility, client_supports_apps,
    )

_MODULES = {
    "lambent": (
        "AcceptedElicitation", "AssistantMessage", "CancelledElicitation", "DeclinedElicitation", "Elicit",
        "ElicitationResult", "Icon", "ListRoots", "Message", "Resolve", "Sample", "UserMessage",
    ),
    "lambent.compat.apps": ("Apps",),
    "lambent.compat.extensions": (
        "Extension", "MethodBinding", "ResourceBinding", "ToolBinding", "require_client_extension",
        "validate_extension_identifier",
    ),
    "lambent.compat.requests": ("CallNext", "HandlerResult", "ServerMiddleware", "ServerRequestContext"),
    "lambent.compat.server": ("FastMCP", "MCPServer"),
    "lambent.execution.context": ("Context",),
    "lambent.features.apps": (
        "APP_MIME_TYPE", "EXTENSION_ID", "ResourceCsp", "ResourcePermissions", "Visibility",
        "client_supports_apps",
    ),
}
"""The names by the module that has them."""

_REPLACED = {
    "Server": "serve a low-level server by lambent.adapt(server), or declare its features on MCPServer",
    "ServerSession": "annotate the context as Context: ctx.session has what a server without sessions can do",
    "SseServerTransport": "use mcp.streamable_http_app(): HTTP+SSE needs one process for each client",
    "stdio_server": "use mcp.run_stdio()",
}
"""Names that cannot exist here, with what to write in their place."""

__all__ = [
    "APP_MIME_TYPE", "EXTENSION_ID", "AcceptedElicitation", "Apps", "AssistantMessage", "CallNext",
    "CancelledElicitation", "Context", "DeclinedElicitation", "Elicit", "ElicitationResult", "Extension",
    "FastMCP", "HandlerResult", "Icon", "ListRoots", "MCPServer", "Message", "MethodBinding", "Resolve",
    "ResourceBinding", "ResourceCsp", "ResourcePermissions", "Sample", "ServerMiddleware",
    "ServerRequestContext", "ToolBinding", "UserMessage", "Visibility", "client_supports_apps",
    "require_client_extension", "validate_extension_identifier",
]
# fmt: on
# isort: on


def __getattr__(name: str) -> Any:
    import importlib

    for module, names in _MODULES.items():
        if name in names:
            found = globals()[name] = getattr(importlib.import_module(module), name)
            return found
    if name in _REPLACED:
        # ``from … import`` would replace the text of an AttributeError by its own.
        raise ImportError(f"lambent.compat has no {name}: {_REPLACED[name]} (docs/porting.md)", name=__name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
