"""Names of FastMCP, so that a server moves over by a change of its imports.

``from fastmcp import FastMCP, Context`` becomes ``from lambent.compat.fastmcp import FastMCP, Context``, and
so with the names of its modules ``exceptions``, ``tools``, ``resources``, ``prompts``, ``dependencies``,
``server.dependencies``, ``server.elicitation``, ``server.lifespan`` and ``utilities.types``. Each is loaded
when it is first asked for. What they do here is described in docs/fastmcp.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambent.compat.fastmcp.replaced import REPLACED
from lambent.compat.late_names import loader

# Tables of names: several stand in a line.
# fmt: off
# isort: off
if TYPE_CHECKING:
    from lambent import (
        AcceptedElicitation, CancelledElicitation, DeclinedElicitation, Icon, PromptMessage, ToolAnnotations,
    )
    from lambent.compat.fastmcp.arguments import TaskConfig, require_scopes
    from lambent.compat.fastmcp.auth import (
        AccessToken, CurrentAccessToken, DebugTokenVerifier, JWTVerifier, RemoteAuthProvider,
        StaticTokenVerifier, TokenClaim, TokenVerifier, get_access_token,
    )
    from lambent.compat.fastmcp.context import Context
    from lambent.compat.fastmcp.current import get_context
    from lambent.compat.fastmcp.dependencies import (
        CurrentContext, CurrentFastMCP, CurrentHeaders, CurrentRequest, Depends, get_http_headers,
        get_http_request, get_server,
    )
    from lambent.compat.fastmcp.exceptions import (
        AuthorizationError, DisabledError, FastMCPError, NotFoundError, PromptError, ResourceError, ToolError,
        ValidationError,
    )
    from lambent.compat.fastmcp.lifespans import Lifespan, combine_lifespans, lifespan
    from lambent.compat.fastmcp.media import Audio, File, Image
    from lambent.compat.fastmcp.middleware import CallNext, Middleware, MiddlewareContext
    from lambent.compat.fastmcp.objects import (
        BinaryResource, FunctionPrompt, FunctionResource, FunctionTool, Prompt, Resource, ResourceTemplate,
        TextResource, Tool, prompt, resource, tool,
    )
    from lambent.compat.fastmcp.results import (
        Message, PromptResult, ResourceContent, ResourceResult, ToolResult,
    )
    from lambent.compat.fastmcp.server import FastMCP
    from lambent.compat.objects import DirectoryResource, FileResource, HttpResource
    from lambent.compat.paths import ResourceSecurity

HOMES = {
    "lambent": (
        "AcceptedElicitation", "CancelledElicitation", "DeclinedElicitation", "Icon", "PromptMessage",
        "ToolAnnotations",
    ),
    "lambent.compat.objects": ("DirectoryResource", "FileResource", "HttpResource"),
    "lambent.compat.paths": ("ResourceSecurity",),
    "lambent.compat.fastmcp.arguments": ("TaskConfig", "require_scopes"),
    "lambent.compat.fastmcp.auth": (
        "AccessToken", "CurrentAccessToken", "DebugTokenVerifier", "JWTVerifier", "RemoteAuthProvider",
        "StaticTokenVerifier", "TokenClaim", "TokenVerifier", "get_access_token",
    ),
    "lambent.compat.fastmcp.context": ("Context",),
    "lambent.compat.fastmcp.current": ("get_context",),
    "lambent.compat.fastmcp.dependencies": (
        "CurrentContext", "CurrentFastMCP", "CurrentHeaders", "CurrentRequest", "Depends", "get_http_headers",
        "get_http_request", "get_server",
    ),
    "lambent.compat.fastmcp.exceptions": (
        "AuthorizationError", "DisabledError", "FastMCPError", "NotFoundError", "PromptError",
        "ResourceError", "ToolError", "ValidationError",
    ),
    "lambent.compat.fastmcp.lifespans": ("Lifespan", "combine_lifespans", "lifespan"),
    "lambent.compat.fastmcp.media": ("Audio", "File", "Image"),
    "lambent.compat.fastmcp.middleware": ("CallNext", "Middleware", "MiddlewareContext"),
    "lambent.compat.fastmcp.objects": (
        "BinaryResource", "FunctionPrompt", "FunctionResource", "FunctionTool", "Prompt", "Resource",
        "ResourceTemplate", "TextResource", "Tool", "prompt", "resource", "tool",
    ),
    "lambent.compat.fastmcp.results": (
        "Message", "PromptResult", "ResourceContent", "ResourceResult", "ToolResult",
    ),
    "lambent.compat.fastmcp.server": ("FastMCP",),
}
"""The names by the module that has them."""

__all__ = [
    "AcceptedElicitation", "AccessToken", "Audio", "AuthorizationError", "BinaryResource", "CallNext",
    "CancelledElicitation", "Context", "CurrentAccessToken", "CurrentContext", "CurrentFastMCP",
    "CurrentHeaders", "CurrentRequest", "DebugTokenVerifier", "DeclinedElicitation", "Depends",
    "DirectoryResource", "DisabledError", "FastMCP", "FastMCPError", "File", "FileResource",
    "FunctionPrompt", "FunctionResource", "FunctionTool", "HttpResource", "Icon", "Image", "JWTVerifier",
    "Lifespan", "Message", "Middleware", "MiddlewareContext", "NotFoundError", "Prompt", "PromptError",
    "PromptMessage", "PromptResult", "RemoteAuthProvider", "Resource", "ResourceContent", "ResourceError",
    "ResourceResult", "ResourceSecurity", "ResourceTemplate", "StaticTokenVerifier", "TaskConfig",
    "TextResource", "TokenClaim", "TokenVerifier", "Tool", "ToolAnnotations", "ToolError", "ToolResult",
    "ValidationError", "combine_lifespans", "get_access_token", "get_context", "get_http_headers",
    "get_http_request", "get_server", "lifespan", "prompt", "require_scopes", "resource", "tool",
]
# fmt: on
# isort: on

if not TYPE_CHECKING:  # so that a checker of types knows what is not there
    __getattr__ = loader(globals(), HOMES, REPLACED, "docs/fastmcp.md")
