"""Names of the official Python SDK, so that a server moves over by a change of its imports.

``from mcp.server.mcpserver import MCPServer`` becomes ``from lambent.compat import MCPServer``, and so with
every name of ``mcp``, ``mcp.server`` and ``mcp.shared``; those of ``mcp.types`` are in
``lambent.compat.types``. Names of version 1.x, such as ``FastMCP``, are here too. Each is loaded when it is
first asked for. What they do here is described in docs/porting.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambent.compat.errors import PAGE
from lambent.compat.late_names import loader

# Tables of names: several stand in a line.
# fmt: off
# isort: off
if TYPE_CHECKING:
    from lambent import (
        AcceptedElicitation, AssistantMessage, Audio, CacheHint, CancelledElicitation,
        DeclinedElicitation, Elicit, ElicitationResult, Image, InputRequiredResult, ListRoots,
        Message, Resolve, Sample, ToolError, UserMessage,
    )
    from lambent.compat.answers import CreateMessageResult, ElicitResult, ListRootsResult
    from lambent.compat.auth import (
        AccessToken, AuthSettings, ClientRegistrationOptions, RevocationOptions, TokenVerifier,
        get_access_token,
    )
    from lambent.compat.context import Context, ReadResourceContents, RequestContext, ResourceContent
    from lambent.compat.errors import (
        FastMCPError, InvalidSignature, MCPServerError, ResourceError, ResourceNotFoundError,
        UnexpectedResourceError, UnexpectedToolError,
    )
    from lambent.compat.event_store import EventCallback, EventId, EventMessage, EventStore, StreamId
    from lambent.compat.objects import (
        BinaryResource, DirectoryResource, FileResource, FunctionResource, HttpResource, Prompt,
        Resource, TextResource, Tool,
    )
    from lambent.compat.mcp_errors import MCPError, McpError, UrlElicitationRequiredError
    from lambent.compat.paths import (
        DEFAULT_RESOURCE_SECURITY, PathEscapeError, ResourceSecurity, contains_path_traversal,
        is_absolute_path, safe_join,
    )
    from lambent.compat.apps import Apps
    from lambent.compat.extensions import (
        Extension, MethodBinding, ResourceBinding, ToolBinding, require_client_extension,
        validate_extension_identifier,
    )
    from lambent.compat.requests import (
        CallNext, HandlerResult, SUBSCRIPTION_ID_META_KEY, ServerMiddleware, ServerRequestContext,
    )
    from lambent.compat.server import FastMCP, MCPServer
    from lambent.compat.values import Icon
    from lambent.execution.subscription_bus import (
        InMemorySubscriptionBus, PromptsListChanged, ResourceUpdated, ResourcesListChanged, ServerEvent,
        SubscriptionBus, ToolsListChanged,
    )
    from lambent.features.apps import (
        APP_MIME_TYPE, EXTENSION_ID, ResourceCsp, ResourcePermissions, Visibility, client_supports_apps,
    )
    from lambent.compat.session import ServerSession
    from lambent.compat.settings import (
        RequestStateSecurity, TransportSecuritySettings, configure_logging, get_logger,
    )

HOMES = {
    "lambent": (
        "AcceptedElicitation", "AssistantMessage", "Audio", "CacheHint", "CancelledElicitation",
        "DeclinedElicitation", "Elicit", "ElicitationResult", "Image", "InputRequiredResult",
        "ListRoots", "Message", "Resolve", "Sample", "ToolError", "UserMessage",
    ),
    "lambent.compat.answers": ("CreateMessageResult", "ElicitResult", "ListRootsResult"),
    "lambent.compat.auth": (
        "AccessToken", "AuthSettings", "ClientRegistrationOptions", "RevocationOptions", "TokenVerifier",
        "get_access_token",
    ),
    "lambent.compat.context": ("Context", "ReadResourceContents", "RequestContext", "ResourceContent"),
    "lambent.compat.errors": (
        "FastMCPError", "InvalidSignature", "MCPServerError", "ResourceError", "ResourceNotFoundError",
        "UnexpectedResourceError", "UnexpectedToolError",
    ),
    "lambent.compat.event_store": ("EventCallback", "EventId", "EventMessage", "EventStore", "StreamId"),
    "lambent.compat.objects": (
        "BinaryResource", "DirectoryResource", "FileResource", "FunctionResource", "HttpResource", "Prompt",
        "Resource", "TextResource", "Tool",
    ),
    "lambent.compat.mcp_errors": ("MCPError", "McpError", "UrlElicitationRequiredError"),
    "lambent.compat.paths": (
        "DEFAULT_RESOURCE_SECURITY", "PathEscapeError", "ResourceSecurity", "contains_path_traversal",
        "is_absolute_path", "safe_join",
    ),
    "lambent.compat.apps": ("Apps",),
    "lambent.compat.extensions": (
        "Extension", "MethodBinding", "ResourceBinding", "ToolBinding", "require_client_extension",
        "validate_extension_identifier",
    ),
    "lambent.compat.requests": (
        "CallNext", "HandlerResult", "SUBSCRIPTION_ID_META_KEY", "ServerMiddleware", "ServerRequestContext",
    ),
    "lambent.compat.values": ("Icon",),
    "lambent.execution.subscription_bus": (
        "InMemorySubscriptionBus", "PromptsListChanged", "ResourceUpdated", "ResourcesListChanged",
        "ServerEvent", "SubscriptionBus", "ToolsListChanged",
    ),
    "lambent.compat.server": ("FastMCP", "MCPServer"),
    "lambent.features.apps": (
        "APP_MIME_TYPE", "EXTENSION_ID", "ResourceCsp", "ResourcePermissions", "Visibility",
        "client_supports_apps",
    ),
    "lambent.compat.session": ("ServerSession",),
    "lambent.compat.settings": (
        "RequestStateSecurity", "TransportSecuritySettings", "configure_logging", "get_logger",
    ),
}
"""The names by the module that has them."""

_ADAPT = "serve a low-level server by lambent.adapt(server), or declare its features on MCPServer"
_PROVIDER = "let an issuer of its own issue tokens, and verify them by token_verifier= or lambent.OAuth"
_METADATA = "the metadata of an authorization server is its own: a server names it by auth=AuthSettings(...)"
_ERAS = "the endpoint tells the versions of the protocol apart itself; ctx.protocol_version is the request's"
_SEALED = "states are sealed here: give RequestStateSecurity(keys=[...]), or set LAMBENT_STATE_KEYS"
_IN_HOST = "callers are identified by auth= and token_verifier= of MCPServer"
REPLACED = {
    "ListenHandler": "write MCPServer(subscriptions=bus), which answers subscriptions/listen itself",
    "InitializationOptions": _ADAPT,
    "NotificationOptions": _ADAPT,
    "OAuthAuthorizationServerProvider": _PROVIDER,
    "AuthContextMiddleware": _IN_HOST,
    **dict.fromkeys(("BearerAuthBackend", "AuthenticatedUser", "RequireAuthMiddleware"), _IN_HOST),
    **dict.fromkeys(("AESGCMRequestStateCodec", "InvalidRequestState", "RequestStateCodec"), _SEALED),
    **dict.fromkeys(("InboundLadderRejection", "InboundModernRoute", "classify_inbound_request"), _ERAS),
    **dict.fromkeys(("OAuthMetadata", "ProtectedResourceMetadata"), _METADATA),
    **dict.fromkeys(
        (
            "AuthorizationCode", "AuthorizationParams", "AuthorizeError", "IdentityAssertionParams",
            "JWT_BEARER_GRANT_TYPE", "OAuthClientInformationFull", "OAuthClientMetadata", "OAuthToken",
            "RefreshToken", "RegistrationError", "TokenError", "construct_redirect_uri",
        ),
        _PROVIDER,
    ),
    "ProviderTokenVerifier": _PROVIDER,
    "Server": _ADAPT,
    "SseServerTransport": "use mcp.streamable_http_app(): HTTP+SSE needs one process for each client",
    "StreamableHTTPServerTransport": "use mcp.streamable_http_app()",
    "StreamableHTTPSessionManager": "use mcp.streamable_http_app() and mcp.session_manager",
    "create_auth_routes": _PROVIDER,
    "request_ctx": "take ctx: Context as a parameter, or write mcp.get_context()",
    "stdio_server": "use mcp.run() or mcp.run_stdio()",
}
"""Names that cannot exist here, with what to write in their place."""

__all__ = [
    "APP_MIME_TYPE", "DEFAULT_RESOURCE_SECURITY", "EXTENSION_ID", "SUBSCRIPTION_ID_META_KEY",
    "AcceptedElicitation", "AccessToken", "Apps", "AssistantMessage", "Audio", "AuthSettings",
    "BinaryResource", "CacheHint", "CallNext", "CancelledElicitation", "ClientRegistrationOptions",
    "Context", "CreateMessageResult", "DeclinedElicitation", "DirectoryResource", "Elicit",
    "ElicitResult", "ElicitationResult", "EventCallback", "EventId", "EventMessage", "EventStore",
    "Extension", "FastMCP", "FastMCPError", "FileResource", "FunctionResource", "HandlerResult",
    "HttpResource", "Icon", "Image", "InMemorySubscriptionBus", "InputRequiredResult", "InvalidSignature",
    "ListRoots", "ListRootsResult", "MCPError", "MCPServer", "MCPServerError", "McpError", "Message",
    "MethodBinding", "PathEscapeError", "Prompt", "PromptsListChanged", "ReadResourceContents",
    "RequestContext", "RequestStateSecurity", "Resolve", "Resource", "ResourceBinding", "ResourceContent",
    "ResourceCsp", "ResourceError", "ResourceNotFoundError", "ResourcePermissions", "ResourceSecurity",
    "ResourceUpdated", "ResourcesListChanged", "RevocationOptions", "Sample", "ServerEvent",
    "ServerMiddleware", "ServerRequestContext", "ServerSession", "StreamId", "SubscriptionBus",
    "TextResource", "TokenVerifier", "Tool", "ToolBinding", "ToolError", "ToolsListChanged",
    "TransportSecuritySettings", "UnexpectedResourceError", "UnexpectedToolError",
    "UrlElicitationRequiredError", "UserMessage", "Visibility", "client_supports_apps",
    "configure_logging", "contains_path_traversal", "get_access_token", "get_logger", "is_absolute_path",
    "require_client_extension", "safe_join", "validate_extension_identifier",
]
# fmt: on
# isort: on

if not TYPE_CHECKING:  # so that a checker of types knows what is not there
    __getattr__ = loader(globals(), HOMES, REPLACED, PAGE)
