"""Names of FastMCP, so that a server moves over by a change of its imports.

``from fastmcp import FastMCP, Context`` becomes ``from lambent.compat.fastmcp import FastMCP, Context``, and
so with the names of its modules ``exceptions``, ``tools``, ``resources``, ``prompts``, ``dependencies``,
``server.dependencies``, ``server.elicitation``, ``server.lifespan`` and ``utilities.types``. Each is loaded
when it is first asked for. What they do here is described in docs/fastmcp.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

# Tables of names: several stand in a line.
# fmt: off
# isort: off
if TYPE_CHECKING:
    from lambent import (
        AcceptedElicitation, CancelledElicitation, DeclinedElicitation, Icon, PromptMessage, ToolAnnotations,
    )
    from lambent.compat.fastmcp.arguments import TaskConfig
    from lambent.compat.fastmcp.auth import (
        AccessToken, CurrentAccessToken, DebugTokenVerifier, JWTVerifier, RemoteAuthProvider,
        StaticTokenVerifier, TokenClaim, TokenVerifier, get_access_token,
    )
    from lambent.compat.fastmcp.checks import require_scopes
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
    from lambent.compat.fastmcp.lifespans import Lifespan, lifespan
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
    from lambent.compat.features import DirectoryResource, FileResource, HttpResource
    from lambent.compat.paths import ResourceSecurity

_MODULES = {
    "lambent": (
        "AcceptedElicitation", "CancelledElicitation", "DeclinedElicitation", "Icon", "PromptMessage",
        "ToolAnnotations",
    ),
    "lambent.compat.features": ("DirectoryResource", "FileResource", "HttpResource"),
    "lambent.compat.paths": ("ResourceSecurity",),
    "lambent.compat.fastmcp.arguments": ("TaskConfig",),
    "lambent.compat.fastmcp.auth": (
        "AccessToken", "CurrentAccessToken", "DebugTokenVerifier", "JWTVerifier", "RemoteAuthProvider",
        "StaticTokenVerifier", "TokenClaim", "TokenVerifier", "get_access_token",
    ),
    "lambent.compat.fastmcp.checks": ("require_scopes",),
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
    "lambent.compat.fastmcp.lifespans": ("Lifespan", "lifespan"),
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

_REPLACED = {
    "Client": "test with lambent.testing.TestClient, or use the Client of FastMCP itself",
    "MultiAuth": "auth= takes a list, of which the first one that finds credentials decides",
    "OAuthProvider": "auth=lambent.OAuth(issuer=…): no authorization server can be in one of many processes",
    "OAuthProxy": "auth=lambent.OAuth(issuer=…, registration=…) (docs/auth.md)",
    "OIDCProxy": "auth=lambent.OAuth(issuer=…, registration=…) (docs/auth.md)",
    "Provider": "declare features on a server, and mount it",
    "Transform": "mount servers with namespace=… and tool_names=…, and use enable and disable",
    "RateLimitingMiddleware": "limits=Limits(rate=RateLimit(…)) (docs/limits.md)",
    "ResponseCachingMiddleware": "cache_ttl=… tells clients how long they may keep what they have",
    "AuthMiddleware": "auth=require_scopes(…) of features, or scopes=[…] of lambent.OAuth",
    "CallArgument": "a resolver of lambent gets arguments by their names (docs/questions.md)",
    "ErrorHandlingMiddleware": "errors are in the log, and mask_error_details hides their causes",
    "FastMCPApp": "extensions=[lambent.Apps(…)] (docs/apps.md)",
    "LoggingMiddleware": "LAMBENT_CALL_LOG writes a line for each call (docs/observability.md)",
    "Progress": "await ctx.report_progress(…)",
    "RetryMiddleware": "TaskPolicy(retry_on=…) of a task (docs/tasks.md)",
    "Shared": "lifespan=… opens once what every call uses",
    "StructuredLoggingMiddleware": "LAMBENT_CALL_LOG writes a line for each call (docs/observability.md)",
    "create_proxy": "servers elsewhere cannot be mounted: give clients their URLs",
    "require_roles": "auth=require_scopes(…), or ctx.principal.claims in the function",
    "restrict_tag": "auth=require_scopes(…) of each feature",
    "MCPType": "import it from FastMCP, which from_openapi needs",
    "RouteMap": "import it from FastMCP, which from_openapi needs",
    "TimingMiddleware": "metrics and traces are settings (docs/observability.md)",
    "settings": "settings are environment variables (docs/configuration.md)",
}
"""Names that cannot exist here, with what to write in their place."""

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
    "ValidationError", "get_access_token", "get_context", "get_http_headers", "get_http_request",
    "get_server", "lifespan", "prompt", "require_scopes", "resource", "tool",
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
        raise ImportError(
            f"lambent.compat.fastmcp has no {name}: {_REPLACED[name]} (docs/fastmcp.md)", name=__name__
        )
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
