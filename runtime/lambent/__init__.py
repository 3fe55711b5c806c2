"""A Model Context Protocol runtime for AWS Lambda: every request is one independent invocation."""

from lambent.errors import (
    ConfigurationError,
    DeclarationError,
    InvalidParamsError,
    LambentError,
    MissingCapabilityError,
    ProtocolError,
    ResourceNotFoundError,
    RetryableError,
    StoreError,
    ToolError,
)
from lambent.execution.call import Call, Handler
from lambent.execution.context import Context
from lambent.execution.middleware import Middleware
from lambent.execution.pending import Pending
from lambent.execution.questions import (
    AcceptedElicitation,
    CancelledElicitation,
    DeclinedElicitation,
    ElicitationResult,
)
from lambent.features.idempotency import Idempotency
from lambent.features.mcp_header import McpHeader
from lambent.features.media import Audio, Image
from lambent.features.resolvers import Elicit, ListRoots, Resolve, Sample
from lambent.features.sessions import Session
from lambent.features.tasks import TaskPolicy
from lambent.hosts.settings import Settings
from lambent.server import MCPServer
from lambent.wire.values import (
    Annotations,
    AssistantMessage,
    AudioContent,
    BlobResourceContents,
    CacheHint,
    CardDetails,
    CardHeader,
    Completion,
    CompletionArgument,
    CompletionContext,
    EmbeddedResource,
    Icon,
    ImageContent,
    PromptMessage,
    PromptReference,
    Repository,
    ResourceLink,
    ResourceTemplateReference,
    Root,
    SamplingMessage,
    SamplingResult,
    TextContent,
    TextResourceContents,
    ToolAnnotations,
    ToolResult,
    UserMessage,
)

Message = PromptMessage
"""The official SDK's name for it."""

__all__ = [
    "AcceptedElicitation",
    "Annotations",
    "AssistantMessage",
    "Audio",
    "AudioContent",
    "BlobResourceContents",
    "CacheHint",
    "Call",
    "CancelledElicitation",
    "CardDetails",
    "CardHeader",
    "Completion",
    "CompletionArgument",
    "CompletionContext",
    "ConfigurationError",
    "Context",
    "DeclarationError",
    "DeclinedElicitation",
    "Elicit",
    "ElicitationResult",
    "EmbeddedResource",
    "Handler",
    "Icon",
    "Idempotency",
    "Image",
    "ImageContent",
    "InvalidParamsError",
    "LambentError",
    "ListRoots",
    "MCPServer",
    "McpHeader",
    "Message",
    "Middleware",
    "MissingCapabilityError",
    "Pending",
    "PromptMessage",
    "PromptReference",
    "ProtocolError",
    "Repository",
    "Resolve",
    "ResourceLink",
    "ResourceNotFoundError",
    "ResourceTemplateReference",
    "RetryableError",
    "Root",
    "Sample",
    "SamplingMessage",
    "SamplingResult",
    "Session",
    "Settings",
    "StoreError",
    "TaskPolicy",
    "TextContent",
    "TextResourceContents",
    "ToolAnnotations",
    "ToolError",
    "ToolResult",
    "UserMessage",
]
