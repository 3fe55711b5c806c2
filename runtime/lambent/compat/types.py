"""Names of ``mcp.types``: ``import mcp.types as types`` becomes ``import lambent.compat.types as types``.

Each is loaded when it is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambent.compat.errors import PAGE
from lambent.compat.late_names import loader

# Tables of names: several stand in a line.
# fmt: off
# isort: off
if TYPE_CHECKING:
    from lambent.compat.answers import CreateMessageResult, ElicitResult, ListRootsResult
    from lambent.compat.mcp_errors import (
        CONNECTION_CLOSED, HEADER_MISMATCH, INTERNAL_ERROR, INVALID_PARAMS, INVALID_REQUEST,
        METHOD_NOT_FOUND, MISSING_REQUIRED_CLIENT_CAPABILITY, PARSE_ERROR, REQUEST_TIMEOUT,
        UNSUPPORTED_PROTOCOL_VERSION, URL_ELICITATION_REQUIRED, ErrorData,
    )
    from lambent.compat.models import (
        CallToolRequestParams, CreateMessageRequest, CreateMessageRequestParams,
        CreateMessageResultWithTools, ElicitRequest, ElicitRequestFormParams, ElicitRequestParams,
        ElicitRequestURLParams, ElicitRequestedSchema, GetPromptRequestParams, InputRequest, InputRequests,
        InputResponse, InputResponses, ListRootsRequest, LoggingMessageNotification,
        LoggingMessageNotificationParams, NotificationParams, PaginatedRequestParams, ProgressNotification,
        ProgressNotificationParams, ReadResourceRequestParams, RequestParams, Result, ServerNotification,
        SubscriptionFilter, SubscriptionsListenRequestParams,
    )
    from lambent.compat.values import (
        Annotations, AudioContent, BlobResourceContents, CallToolResult, ClientCapabilities,
        CompleteResult, Completion, CompletionArgument, CompletionContext, Content, ContentBlock,
        ElicitationCapability, EmbeddedResource, GetPromptResult, Icon, ImageContent, Implementation,
        LoggingLevel, PromptMessage, PromptReference, ReadResourceResult, ResourceLink,
        ResourceReference, ResourceTemplateReference, Root, RootsCapability, SamplingCapability,
        SamplingMessage, SamplingMessageContentBlock, TextContent, TextResourceContents,
        ToolAnnotations, ToolResultContent, ToolUseContent,
    )
    from lambent.compat.versions import (
        HANDSHAKE_PROTOCOL_VERSIONS, KNOWN_PROTOCOL_VERSIONS, LATEST_HANDSHAKE_VERSION,
        LATEST_MODERN_VERSION, LATEST_PROTOCOL_VERSION, MODERN_PROTOCOL_VERSIONS,
        OLDEST_SUPPORTED_VERSION, SUPPORTED_PROTOCOL_VERSIONS,
    )
    from lambent.wire.results import InputRequiredResult
    from lambent.wire.values import Role

HOMES = {
    "lambent.compat.answers": ("CreateMessageResult", "ElicitResult", "ListRootsResult"),
    "lambent.compat.mcp_errors": (
        "CONNECTION_CLOSED", "HEADER_MISMATCH", "INTERNAL_ERROR", "INVALID_PARAMS", "INVALID_REQUEST",
        "METHOD_NOT_FOUND", "MISSING_REQUIRED_CLIENT_CAPABILITY", "PARSE_ERROR", "REQUEST_TIMEOUT",
        "UNSUPPORTED_PROTOCOL_VERSION", "URL_ELICITATION_REQUIRED", "ErrorData",
    ),
    "lambent.compat.models": (
        "CallToolRequestParams", "CreateMessageRequest", "CreateMessageRequestParams",
        "CreateMessageResultWithTools", "ElicitRequest", "ElicitRequestFormParams", "ElicitRequestParams",
        "ElicitRequestURLParams", "ElicitRequestedSchema", "GetPromptRequestParams", "InputRequest",
        "InputRequests", "InputResponse", "InputResponses", "ListRootsRequest",
        "LoggingMessageNotification", "LoggingMessageNotificationParams", "NotificationParams",
        "PaginatedRequestParams", "ProgressNotification", "ProgressNotificationParams",
        "ReadResourceRequestParams", "RequestParams", "Result", "ServerNotification", "SubscriptionFilter",
        "SubscriptionsListenRequestParams",
    ),
    "lambent.compat.values": (
        "Annotations", "AudioContent", "BlobResourceContents", "CallToolResult", "ClientCapabilities",
        "CompleteResult", "Completion", "CompletionArgument", "CompletionContext", "Content",
        "ContentBlock", "ElicitationCapability", "EmbeddedResource", "GetPromptResult", "Icon",
        "ImageContent", "Implementation", "LoggingLevel", "PromptMessage", "PromptReference",
        "ReadResourceResult", "ResourceLink", "ResourceReference", "ResourceTemplateReference", "Root",
        "RootsCapability", "SamplingCapability", "SamplingMessage", "SamplingMessageContentBlock",
        "TextContent", "TextResourceContents", "ToolAnnotations", "ToolResultContent",
        "ToolUseContent",
    ),
    "lambent.compat.versions": (
        "HANDSHAKE_PROTOCOL_VERSIONS", "KNOWN_PROTOCOL_VERSIONS", "LATEST_HANDSHAKE_VERSION",
        "LATEST_MODERN_VERSION", "LATEST_PROTOCOL_VERSION", "MODERN_PROTOCOL_VERSIONS",
        "OLDEST_SUPPORTED_VERSION", "SUPPORTED_PROTOCOL_VERSIONS",
    ),
    "lambent.wire.results": ("InputRequiredResult",),
    "lambent.wire.values": ("Role",),
}
"""The names by the module that has them."""

__all__ = [
    "CONNECTION_CLOSED", "HANDSHAKE_PROTOCOL_VERSIONS", "HEADER_MISMATCH", "INTERNAL_ERROR",
    "INVALID_PARAMS", "INVALID_REQUEST", "KNOWN_PROTOCOL_VERSIONS", "LATEST_HANDSHAKE_VERSION",
    "LATEST_MODERN_VERSION", "LATEST_PROTOCOL_VERSION", "METHOD_NOT_FOUND",
    "MISSING_REQUIRED_CLIENT_CAPABILITY", "MODERN_PROTOCOL_VERSIONS", "OLDEST_SUPPORTED_VERSION",
    "PARSE_ERROR", "REQUEST_TIMEOUT", "SUPPORTED_PROTOCOL_VERSIONS", "UNSUPPORTED_PROTOCOL_VERSION",
    "URL_ELICITATION_REQUIRED", "Annotations", "AudioContent", "BlobResourceContents",
    "CallToolRequestParams", "CallToolResult", "ClientCapabilities", "CompleteResult", "Completion",
    "CompletionArgument", "CompletionContext", "Content", "ContentBlock", "CreateMessageRequest",
    "CreateMessageRequestParams", "CreateMessageResult", "CreateMessageResultWithTools",
    "ElicitRequest", "ElicitRequestFormParams", "ElicitRequestParams", "ElicitRequestURLParams",
    "ElicitRequestedSchema", "ElicitResult", "ElicitationCapability", "EmbeddedResource", "ErrorData",
    "GetPromptRequestParams", "GetPromptResult", "Icon", "ImageContent", "Implementation",
    "InputRequest", "InputRequests", "InputRequiredResult", "InputResponse", "InputResponses",
    "ListRootsRequest", "ListRootsResult", "LoggingLevel", "LoggingMessageNotification",
    "LoggingMessageNotificationParams", "NotificationParams", "PaginatedRequestParams",
    "ProgressNotification", "ProgressNotificationParams", "PromptMessage", "PromptReference",
    "ReadResourceRequestParams", "ReadResourceResult", "RequestParams", "ResourceLink",
    "ResourceReference", "ResourceTemplateReference", "Result", "Role", "Root", "RootsCapability",
    "SamplingCapability", "SamplingMessage", "SamplingMessageContentBlock", "ServerNotification",
    "SubscriptionFilter", "SubscriptionsListenRequestParams", "TextContent", "TextResourceContents",
    "ToolAnnotations", "ToolResultContent", "ToolUseContent",
]
# fmt: on
# isort: on

if not TYPE_CHECKING:  # so that a checker of types knows what is not there
    __getattr__ = loader(globals(), HOMES, {}, PAGE)
