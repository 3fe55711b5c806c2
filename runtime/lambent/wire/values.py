"""The values of the MCP schema that declarations, contexts and results use.

Names are snake_case in Python and camelCase on the wire; fields with their default value are not sent. One
module for all of them: each further module adds about 0.2 ms to every cold start.
"""

from typing import Any, Literal, get_args

from msgspec import UNSET, Struct, UnsetType, field
from msgspec.structs import force_setattr

Role = Literal["user", "assistant"]

LogLevel = Literal["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"]

LOG_LEVELS: dict[str, int] = {level: rank for rank, level in enumerate(get_args(LogLevel))}
"""Severity by name; a higher number is more severe (server/utilities/logging)."""


class Value(Struct, frozen=True, omit_defaults=True, rename="camel", kw_only=True):
    """The base of every wire value."""


class Icon(Value, frozen=True):
    """An image for user interfaces (basic, "icons").

    Attributes:
        src: an ``https:`` or ``data:`` URI.
        sizes: such as ``["48x48"]`` or ``["any"]``.
        theme: the background that it is drawn for.
    """

    src: str
    mime_type: str | None = None
    sizes: list[str] | None = None
    theme: Literal["light", "dark"] | None = None


class Implementation(Value, frozen=True):
    """Name and version of a server or client, as it says itself: for display and logs only."""

    name: str
    version: str
    title: str | None = None
    description: str | None = None
    website_url: str | None = None
    icons: list[Icon] | None = None


class Repository(Value, frozen=True):
    """The repository of a server's source code, for its server card.

    Attributes:
        source: the hosting service, such as ``"github"``.
        subfolder: the server's folder in it.
        id: the service's own id of the repository.
    """

    url: str
    source: str
    subfolder: str | None = None
    id: str | None = None


class CardHeader(Value, frozen=True):
    """An HTTP header that a client must or may send, for a server card (``KeyValueInput`` of its schema).

    Attributes:
        description: for users: what the value should be.
        is_required: requests without it fail.
        is_secret: clients keep the value like a password. The card, which is public, must not show it.
        default: the value, unless the user gives another one.
        placeholder: an example of a value.
        value: a fixed value, in which the client replaces ``{name}`` by what its user enters.
    """

    name: str
    description: str | None = None
    is_required: bool = False
    is_secret: bool = False
    default: str | None = None
    placeholder: str | None = None
    value: str | None = None
    choices: list[str] | None = None


class CardDetails(Value, frozen=True):
    """What a server card contains in addition to the server's declarations.

    Attributes:
        namespace: in reverse DNS format, such as ``"com.example"``; default: the host of the public URL.
        headers: HTTP headers that clients have to send.
        scopes: OAuth scopes that the server's tools need.
        lists_features: whether the card, which everybody can read, contains tools, resources and prompts.
    """

    namespace: str | None = None
    repository: Repository | None = None
    headers: list[CardHeader] | None = None
    scopes: list[str] | None = None
    lists_features: bool = True


class Annotations(Value, frozen=True):
    """Hints on how a client may use content (server/resources, "Annotations").

    Attributes:
        priority: importance, 0.0 to 1.0.
        last_modified: an ISO 8601 time.
    """

    audience: list[Role] | None = None
    priority: float | None = None
    last_modified: str | None = None


class ToolAnnotations(Value, frozen=True):
    """Hints on what a tool does. Clients must not rely on those of servers that they do not trust."""

    title: str | None = None
    read_only_hint: bool | None = None
    destructive_hint: bool | None = None
    idempotent_hint: bool | None = None
    open_world_hint: bool | None = None


class TextResourceContents(Value, frozen=True):
    """A resource's content as text."""

    uri: str
    text: str
    mime_type: str | None = None
    meta: dict[str, Any] | None = field(default=None, name="_meta")


class BlobResourceContents(Value, frozen=True):
    """A resource's content as bytes, in base64."""

    uri: str
    blob: str
    mime_type: str | None = None
    meta: dict[str, Any] | None = field(default=None, name="_meta")


class Content(Value, frozen=True, tag_field="type"):
    """The base of the content blocks that tools and prompts return."""

    @property
    def type(self) -> str:
        """The kind of the block, such as ``text``."""
        return str(self.__struct_config__.tag)


class TextContent(Content, frozen=True, tag="text"):
    """A piece of text."""

    text: str
    annotations: Annotations | None = None
    meta: dict[str, Any] | None = field(default=None, name="_meta")


class ImageContent(Content, frozen=True, tag="image"):
    """An image, in base64; ``lambent.Image`` makes one from bytes."""

    data: str
    mime_type: str
    annotations: Annotations | None = None
    meta: dict[str, Any] | None = field(default=None, name="_meta")


class AudioContent(Content, frozen=True, tag="audio"):
    """A sound, in base64; ``lambent.Audio`` makes one from bytes."""

    data: str
    mime_type: str
    annotations: Annotations | None = None
    meta: dict[str, Any] | None = field(default=None, name="_meta")


class ResourceLink(Content, frozen=True, tag="resource_link"):
    """A resource that the client may read later."""

    uri: str
    name: str
    title: str | None = None
    description: str | None = None
    mime_type: str | None = None
    size: int | None = None
    icons: list[Icon] | None = None
    annotations: Annotations | None = None
    meta: dict[str, Any] | None = field(default=None, name="_meta")


class EmbeddedResource(Content, frozen=True, tag="resource"):
    """The content of a resource, embedded in a message or result."""

    resource: TextResourceContents | BlobResourceContents
    annotations: Annotations | None = None
    meta: dict[str, Any] | None = field(default=None, name="_meta")


class PromptMessage(Value, frozen=True):
    """One message of a prompt; a string becomes a text block."""

    role: Role
    content: Content | str

    def __post_init__(self) -> None:
        if isinstance(self.content, str):
            force_setattr(self, "content", TextContent(text=self.content))


def UserMessage(content: Content | str) -> PromptMessage:  # noqa: N802 - reads as the type it makes
    """A prompt message that the user says."""
    return PromptMessage(role="user", content=content)


def AssistantMessage(content: Content | str) -> PromptMessage:  # noqa: N802 - reads as the type it makes
    """A prompt message that the assistant says."""
    return PromptMessage(role="assistant", content=content)


class ToolResult(Value, frozen=True):
    """A tool's complete result, for tools that do not leave this to their return type.

    Attributes:
        content: the blocks that the model reads.
        structured_content: any JSON value; must match the tool's output schema, if there is one.
        is_error: the call failed, and ``content`` says why.
    """

    content: list[Content | str] = field(default_factory=list)
    structured_content: Any = UNSET
    is_error: bool = False
    meta: dict[str, Any] | None = None


class CacheHint(Value, frozen=True):
    """How long a client may cache a result, and for whom (server/utilities/caching).

    Attributes:
        ttl_ms: milliseconds, 0 or more.
        scope: ``"public"`` only if the result is the same for every caller.
    """

    ttl_ms: int = 0
    scope: Literal["public", "private"] = "private"

    def __post_init__(self) -> None:
        if self.ttl_ms < 0:
            raise ValueError(f"ttl_ms must be 0 or more, not {self.ttl_ms}")
        if self.scope not in ("public", "private"):
            raise ValueError(f"scope must be 'public' or 'private', not {self.scope!r}")


class PromptReference(Value, frozen=True, tag_field="type", tag="ref/prompt"):
    """The prompt of which an argument is being completed."""

    name: str
    title: str | None = None


class ResourceTemplateReference(Value, frozen=True, tag_field="type", tag="ref/resource"):
    """The resource template, named by its URI template, of which a variable is being completed."""

    uri: str


class CompletionArgument(Value, frozen=True):
    """The argument that is being completed, and the text that the user has entered so far."""

    name: str
    value: str


class CompletionContext(Value, frozen=True):
    """The other arguments of the same prompt or template that already have a value."""

    arguments: dict[str, str] = field(default_factory=dict)


class Completion(Value, frozen=True):
    """Suggestions, the best one first; at most 100 of them are sent.

    Attributes:
        total: the number of all suggestions, if known.
        has_more: there are more suggestions than ``values``.
    """

    values: list[str]
    total: int | None = None
    has_more: bool | None = None


class Root(Value, frozen=True):
    """A folder or file that the client allows the server to work on (client/roots)."""

    uri: str
    name: str | None = None
    meta: dict[str, Any] | None = field(default=None, name="_meta")


class ToolUseContent(Content, frozen=True, tag="tool_use"):
    """A tool call that a sampled model asks for (client/sampling)."""

    id: str
    name: str
    input: dict[str, Any]
    meta: dict[str, Any] | None = field(default=None, name="_meta")


class ToolResultContent(Content, frozen=True, tag="tool_result"):
    """The result of a tool call that is given to a sampled model (client/sampling)."""

    tool_use_id: str
    content: list[TextContent | ImageContent | AudioContent | ResourceLink | EmbeddedResource]
    structured_content: Any = UNSET
    is_error: bool = False
    meta: dict[str, Any] | None = field(default=None, name="_meta")


SampledContent = TextContent | ImageContent | AudioContent | ToolUseContent
SamplingContent = SampledContent | ToolResultContent


class SamplingMessage(Value, frozen=True):
    """One message of a sampling request."""

    role: Role
    content: SamplingContent | list[SamplingContent]
    meta: dict[str, Any] | None = field(default=None, name="_meta")


class SamplingResult(Value, frozen=True):
    """The answer of the client's model (client/sampling)."""

    role: Role
    content: SampledContent | list[SampledContent]
    model: str
    stop_reason: str | None = None
    meta: dict[str, Any] | None = field(default=None, name="_meta")

    @property
    def text(self) -> str:
        """The text blocks of the answer, joined."""
        blocks = self.content if isinstance(self.content, list) else [self.content]
        return "".join(block.text for block in blocks if isinstance(block, TextContent))


class ElicitationCapability(Value, frozen=True):
    """The kinds of elicitation that the client supports; if none is given, forms (client/elicitation)."""

    form: dict[str, Any] | None = None
    url: dict[str, Any] | None = None


class SamplingCapability(Value, frozen=True):
    """What servers may use of the client's model (client/sampling)."""

    context: dict[str, Any] | None = None
    tools: dict[str, Any] | None = None


class ClientCapabilities(Value, frozen=True):
    """The capabilities that the client declares with this request; None is not declared."""

    elicitation: ElicitationCapability | None = None
    sampling: SamplingCapability | None = None
    roots: dict[str, Any] | None = None
    extensions: dict[str, dict[str, Any]] | None = None
    experimental: dict[str, Any] | None = None


_META = "io.modelcontextprotocol/"


class RequestMeta(Value, frozen=True):
    """The reserved keys of a request's ``_meta`` (basic, "_meta")."""

    protocol_version: str | UnsetType = field(default=UNSET, name=_META + "protocolVersion")
    client_capabilities: ClientCapabilities | UnsetType = field(
        default=UNSET, name=_META + "clientCapabilities"
    )
    client_info: dict[str, Any] | None = field(default=None, name=_META + "clientInfo")
    log_level: LogLevel | None = field(default=None, name=_META + "logLevel")
    progress_token: str | int | None = None
    trace_parent: str | None = field(default=None, name="traceparent")
    trace_state: str | None = field(default=None, name="tracestate")
    baggage: str | None = field(default=None, name="baggage")


CLIENT_CAPABILITIES_KEY = _META + "clientCapabilities"
SERVER_INFO_KEY = _META + "serverInfo"
SUBSCRIPTION_ID_KEY = _META + "subscriptionId"
