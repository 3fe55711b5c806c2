"""A Model Context Protocol runtime for AWS Lambda: every request is one independent invocation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

# Tables of names: several stand in a line.
# fmt: off
# isort: off
from lambent.auth.principal import Principal
from lambent.errors import (
    Cancelled, ConfigurationError, DeadlineReached, DeclarationError, DeclarationWarning, HeaderMismatchError,
    HttpRefusal, InternalError, InvalidParamsError, InvalidRequestError, ItemTooLargeError, LambentError,
    MethodNotFoundError, MissingCapabilityError, OverloadedError, ParseError, ProtocolError,
    ResourceNotFoundError, RetryableError, Signal, StepInterrupted, StoreError, Suspend, ToolError,
    UnsupportedVersionError,
)
from lambent.execution.call import Call, Handler
from lambent.execution.context import Context
from lambent.execution.middleware import Middleware, Observer
from lambent.execution.rounds.pending import Pending
from lambent.execution.rounds.questions import (
    AcceptedElicitation, CancelledElicitation, DeclinedElicitation, ElicitationResult,
)
from lambent.features.codecs import ValidationError
from lambent.features.mcp_header import McpHeader
from lambent.features.resolvers import Elicit, ListRoots, Resolve, Sample
from lambent.features.signature import Session
from lambent.features.tasks import TaskPolicy
from lambent.features.tools import Audio, Image
from lambent.hosts.settings import Settings
from lambent.server import MCPServer
from lambent.wire.http import Request
from lambent.wire.results import (
    CallToolResult, CompleteResult, DiscoverResult, EmptyResult, GetPromptResult, InputRequiredResult,
    ListenResult, Outcome, PageResult, ReadResourceResult, TaskResult,
)
from lambent.wire.values import (
    Annotations, AssistantMessage, AudioContent, BlobResourceContents, CacheHint, CardDetails, CardHeader,
    ClientCapabilities, Completion, CompletionArgument, CompletionContext, EmbeddedResource, Icon,
    ImageContent, PromptMessage, PromptReference, Repository, ResourceLink, ResourceTemplateReference, Root,
    SamplingMessage, SamplingResult, TextContent, TextResourceContents, ToolAnnotations, ToolResult,
    UserMessage,
)

if TYPE_CHECKING:
    __version__: str
    from lambent.auth.api_keys import ApiKey, ApiKeys
    from lambent.auth.authenticator import Authenticator, CredentialsError
    from lambent.auth.challenges import InsufficientScopeError
    from lambent.auth.cognito import Cognito
    from lambent.auth.load_balancer import Alb
    from lambent.auth.oauth import Introspection, OAuth
    from lambent.auth.platform import PlatformClaims
    from lambent.auth.registration import Registration
    from lambent.execution.audit.config import Audit
    from lambent.execution.audit.record import AuditRecord
    from lambent.execution.events.emitting import Emitter
    from lambent.execution.ports import AuditSink
    from lambent.execution.subscription_bus import (
        InMemorySubscriptionBus, PromptsListChanged, ResourceUpdated, ResourcesListChanged, ServerEvent,
        SubscriptionBus, ToolsListChanged,
    )
    from lambent.features.apps import (
        APP_MIME_TYPE, Apps, ResourceCsp, ResourcePermissions, client_supports_apps,
    )
    from lambent.features.events import Checked, Occurrence
    from lambent.features.extensions import Extension
    from lambent.features.idempotency import Idempotency
    from lambent.features.limits import Limits, RateLimit
    from lambent.features.skills.files import SkillFile, SkillFiles
    from lambent.features.source_decorators import Sources
    from lambent.features.source_events import (
        EventBridgeEvent, S3Notification, SnsMessage, SourceContext, SqsMessage, TableChange,
    )
    from lambent.hosts.adapt import adapt
    from lambent.hosts.aws_lambda.router import FunctionRouter
    from lambent.stores.skills import S3Skills

_LOADED_LATER = {
    "auth.api_keys": ("ApiKey", "ApiKeys"),
    "auth.authenticator": ("Authenticator", "CredentialsError"),
    "auth.challenges": ("InsufficientScopeError",),
    "auth.cognito": ("Cognito",),
    "auth.load_balancer": ("Alb",),
    "auth.oauth": ("Introspection", "OAuth"),
    "auth.platform": ("PlatformClaims",),
    "auth.registration": ("Registration",),
    "execution.audit.config": ("Audit",),
    "execution.audit.record": ("AuditRecord",),
    "execution.events.emitting": ("Emitter",),
    "execution.ports": ("AuditSink",),
    "execution.subscription_bus": (
        "InMemorySubscriptionBus", "PromptsListChanged", "ResourceUpdated", "ResourcesListChanged",
        "ServerEvent", "SubscriptionBus", "ToolsListChanged",
    ),
    "features.apps": (
        "APP_MIME_TYPE", "Apps", "ResourceCsp", "ResourcePermissions", "client_supports_apps",
    ),
    "features.events": ("Checked", "Occurrence"),
    "features.extensions": ("Extension",),
    "features.idempotency": ("Idempotency",),
    "features.limits": ("Limits", "RateLimit"),
    "features.skills.files": ("SkillFile", "SkillFiles"),
    "features.source_decorators": ("Sources",),
    "features.source_events": (
        "EventBridgeEvent", "S3Notification", "SnsMessage", "SourceContext", "SqsMessage", "TableChange",
    ),
    "hosts.adapt": ("adapt",),
    "hosts.aws_lambda.router": ("FunctionRouter",),
    "stores.skills": ("S3Skills",),
}
"""What few servers use, by module: loaded when it is first asked for."""

Message = PromptMessage
"""The name that the official SDK gives ``PromptMessage``."""

__all__ = [
    "APP_MIME_TYPE", "AcceptedElicitation", "Alb", "Annotations", "ApiKey", "ApiKeys", "Apps",
    "AssistantMessage", "Audio", "AudioContent", "Audit", "AuditRecord", "AuditSink", "Authenticator",
    "BlobResourceContents", "CacheHint", "Call", "CallToolResult", "Cancelled", "CancelledElicitation",
    "CardDetails", "CardHeader", "Checked", "ClientCapabilities", "Cognito", "CompleteResult",
    "Completion", "CompletionArgument", "CompletionContext", "ConfigurationError", "Context",
    "CredentialsError", "DeadlineReached", "DeclarationError", "DeclarationWarning",
    "DeclinedElicitation", "DiscoverResult", "Elicit", "ElicitationResult", "EmbeddedResource", "Emitter",
    "EmptyResult", "EventBridgeEvent", "Extension", "FunctionRouter", "GetPromptResult", "Handler",
    "HeaderMismatchError", "HttpRefusal", "Icon", "Idempotency", "Image", "ImageContent",
    "InMemorySubscriptionBus", "InputRequiredResult", "InsufficientScopeError", "InternalError",
    "Introspection", "InvalidParamsError", "InvalidRequestError", "ItemTooLargeError", "LambentError",
    "Limits", "ListRoots", "ListenResult", "MCPServer", "McpHeader", "Message", "MethodNotFoundError",
    "Middleware", "MissingCapabilityError", "OAuth", "Observer", "Occurrence", "Outcome",
    "OverloadedError", "PageResult", "ParseError", "Pending", "PlatformClaims", "Principal",
    "PromptMessage", "PromptReference", "PromptsListChanged", "ProtocolError", "RateLimit",
    "ReadResourceResult", "Registration", "Repository", "Request", "Resolve", "ResourceCsp",
    "ResourceLink", "ResourceNotFoundError", "ResourcePermissions", "ResourceTemplateReference",
    "ResourceUpdated", "ResourcesListChanged", "RetryableError", "Root", "S3Notification", "S3Skills",
    "Sample", "SamplingMessage", "SamplingResult", "ServerEvent", "Session", "Settings", "Signal",
    "SkillFile", "SkillFiles", "SnsMessage", "SourceContext", "Sources", "SqsMessage", "StepInterrupted",
    "StoreError", "SubscriptionBus", "Suspend", "TableChange", "TaskPolicy", "TaskResult", "TextContent",
    "TextResourceContents", "ToolAnnotations", "ToolError", "ToolResult", "ToolsListChanged",
    "UnsupportedVersionError", "UserMessage", "ValidationError", "adapt", "client_supports_apps",
]


def __getattr__(name: str) -> Any:
    import importlib

    if name == "__version__":
        found = globals()[name] = _installed_version()
        return found
    for module, names in _LOADED_LATER.items():
        if name in names:
            found = globals()[name] = getattr(importlib.import_module(f"{__name__}.{module}"), name)
            return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _installed_version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("lambent")
    except PackageNotFoundError:
        # A copy of the sources without the metadata of a distribution.
        return "0+unknown"
