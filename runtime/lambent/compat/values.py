"""Values of ``mcp.types``: those of this library, made as servers make them; see ``Lenient``."""

from __future__ import annotations

from typing import Any

from lambent.compat.lenient import Lenient, Model
from lambent.wire import results, values


class Icon(values.Icon, Model, metaclass=Lenient, frozen=True):
    """An image for user interfaces (basic, "icons")."""


class Annotations(values.Annotations, Model, metaclass=Lenient, frozen=True):
    """Hints on how a client may use content (server/resources, "Annotations")."""


class ToolAnnotations(values.ToolAnnotations, Model, metaclass=Lenient, frozen=True):
    """Hints on what a tool does. Clients must not rely on those of servers that they do not trust."""


class Implementation(values.Implementation, Model, metaclass=Lenient, frozen=True):
    """Name and version of a server or client, as it says itself: for display and logs only."""


class TextResourceContents(values.TextResourceContents, Model, metaclass=Lenient, frozen=True):
    """A resource's content as text."""


class BlobResourceContents(values.BlobResourceContents, Model, metaclass=Lenient, frozen=True):
    """A resource's content as bytes, in base64."""


class TextContent(values.TextContent, Model, metaclass=Lenient, frozen=True, tag="text"):
    """A piece of text."""


class ImageContent(values.ImageContent, Model, metaclass=Lenient, frozen=True, tag="image"):
    """An image, in base64; ``lambent.Image`` makes one from bytes."""


class AudioContent(values.AudioContent, Model, metaclass=Lenient, frozen=True, tag="audio"):
    """A sound, in base64; ``lambent.Audio`` makes one from bytes."""


class ResourceLink(values.ResourceLink, Model, metaclass=Lenient, frozen=True, tag="resource_link"):
    """A resource that the client may read later."""


class EmbeddedResource(values.EmbeddedResource, Model, metaclass=Lenient, frozen=True, tag="resource"):
    """The content of a resource, embedded in a message or result."""


class ToolUseContent(values.ToolUseContent, Model, metaclass=Lenient, frozen=True, tag="tool_use"):
    """A tool call that a sampled model asks for (client/sampling)."""


class ToolResultContent(values.ToolResultContent, Model, metaclass=Lenient, frozen=True, tag="tool_result"):
    """The result of a tool call that is given to a sampled model (client/sampling)."""


class PromptMessage(values.PromptMessage, Model, metaclass=Lenient, frozen=True):
    """One message of a prompt; a string becomes a text block."""


class PromptReference(values.PromptReference, Model, metaclass=Lenient, frozen=True, tag="ref/prompt"):
    """The prompt of which an argument is being completed."""


class ResourceTemplateReference(
    values.ResourceTemplateReference, Model, metaclass=Lenient, frozen=True, tag="ref/resource"
):
    """The resource template, named by its URI template, of which a variable is being completed."""


class CompletionArgument(values.CompletionArgument, Model, metaclass=Lenient, frozen=True):
    """The argument that is being completed, and the text that the user has entered so far."""


class CompletionContext(values.CompletionContext, Model, metaclass=Lenient, frozen=True):
    """The other arguments of the same prompt or template that already have a value."""


class Completion(values.Completion, Model, metaclass=Lenient, frozen=True):
    """Suggestions, the best one first; at most 100 of them are sent."""


class Root(values.Root, Model, metaclass=Lenient, frozen=True):
    """A folder or file that the client allows the server to work on (client/roots)."""


class SamplingMessage(values.SamplingMessage, Model, metaclass=Lenient, frozen=True):
    """One message of a sampling request."""


class ElicitationCapability(values.ElicitationCapability, Model, metaclass=Lenient, frozen=True):
    """The kinds of elicitation that the client supports; if none is given, forms (client/elicitation)."""


class SamplingCapability(values.SamplingCapability, Model, metaclass=Lenient, frozen=True):
    """What servers may use of the client's model (client/sampling)."""


class ClientCapabilities(values.ClientCapabilities, Model, metaclass=Lenient, frozen=True):
    """The capabilities that the client declares with this request; None is not declared."""


class CallToolResult(results.CallToolResult, Model, metaclass=Lenient):
    """The result of ``tools/call``."""


class ReadResourceResult(results.ReadResourceResult, Model, metaclass=Lenient):
    """The result of ``resources/read``."""


class GetPromptResult(results.GetPromptResult, Model, metaclass=Lenient):
    """The result of ``prompts/get``."""


class CompleteResult(results.CompleteResult, Model, metaclass=Lenient):
    """The result of ``completion/complete``."""


ContentBlock = TextContent | ImageContent | AudioContent | ResourceLink | EmbeddedResource
Content = ContentBlock
SamplingMessageContentBlock = TextContent | ImageContent | AudioContent | ToolUseContent | ToolResultContent
ResourceReference = ResourceTemplateReference
RootsCapability = dict[str, Any]
LoggingLevel = values.LogLevel
