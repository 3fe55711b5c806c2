"""What the clients of tests return."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeVar, cast

import msgspec
from msgspec import field

from lambent.features.codecs import codec_of
from lambent.testing.errors import CallError
from lambent.wire.content import read_block, read_contents
from lambent.wire.values import (
    BlobResourceContents,
    Content,
    EmbeddedResource,
    Icon,
    LogLevel,
    Role,
    TextContent,
    TextResourceContents,
    ToolAnnotations,
)

T = TypeVar("T")

Json = Mapping[str, Any]


class Progress(msgspec.Struct, frozen=True):
    """How far a call said it was.

    Attributes:
        progress: how much is done.
        total: how much there is to do, if known.
        message: what is going on.
    """

    progress: float
    total: float | None = None
    message: str | None = None


class LogMessage(msgspec.Struct, frozen=True):
    """A log message to the client.

    Attributes:
        data: any JSON value.
        logger: the part of the server that it is from.
    """

    level: LogLevel
    data: Any
    logger: str | None = None


class CallResult(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a tool call.

    Attributes:
        content: the blocks that the model reads.
        structured: the structured content. Servers put other values than objects under ``result``.
        has_structured: there is one; it may be null.
        is_error: the tool failed, and ``text`` says why.
        meta: the ``_meta`` of the result.
        error: the JSON-RPC error in place of a result, where `attempt` was asked for it.
        progress: what the call has told of its progress.
        logs: the log messages of the call.
        task_id: the task that the call has become; None where it was none.
    """

    content: list[Content] = []
    structured: Any = None
    has_structured: bool = False
    is_error: bool = False
    meta: dict[str, Any] = {}
    error: CallError | None = None
    progress: list[Progress] = []
    logs: list[LogMessage] = []
    task_id: str | None = None

    @property
    def text(self) -> str:
        """The text blocks, joined; of an error in place of a result, its message."""
        return self.error.message if self.error is not None else joined_text(self.content)

    @property
    def value(self) -> Any:
        """What the tool returned, as JSON: the structured content, or where there is none the text.

        It is taken out of the object with the one member ``result``, into which servers put other values
        than objects.
        """
        if not self.has_structured:
            return self.text
        return self.structured["result"] if self._is_wrapped else self.structured

    @property
    def _is_wrapped(self) -> bool:
        if not isinstance(self.structured, dict) or list(self.structured) != ["result"]:
            return False
        try:
            return bool(msgspec.json.decode(self.text) != self.structured)  # the text is never wrapped
        except msgspec.DecodeError:
            return True

    def into(self, type_: type[T]) -> T:
        """What the tool returned, read as a type such as that of its return annotation.

        Raises:
            ValidationError: it does not fit.
        """
        return cast("T", codec_of(type_, "keep").convert(self.value))


class ReadResult(msgspec.Struct, frozen=True):
    """The result of reading a resource.

    Attributes:
        contents: its contents, usually one.
    """

    contents: list[TextResourceContents | BlobResourceContents]

    @property
    def text(self) -> str:
        """The text of all contents, joined."""
        return "".join(one.text for one in self.contents if isinstance(one, TextResourceContents))

    @property
    def data(self) -> bytes:
        """The bytes of all contents, joined."""
        return b"".join(
            base64.b64decode(one.blob) if isinstance(one, BlobResourceContents) else one.text.encode()
            for one in self.contents
        )

    @property
    def value(self) -> Any:
        """The JSON of the text, decoded."""
        return msgspec.json.decode(self.text)

    @property
    def mime_type(self) -> str | None:
        """The type of the first content."""
        return self.contents[0].mime_type


class ReceivedMessage(msgspec.Struct, frozen=True):
    """A message of a prompt."""

    role: Role
    content: Content

    @property
    def text(self) -> str:
        """Its text; empty where it is no text."""
        return joined_text([self.content])


class PromptResult(msgspec.Struct, frozen=True):
    """The result of getting a prompt."""

    messages: list[ReceivedMessage]
    description: str | None = None

    @property
    def text(self) -> str:
        """The text of all messages, joined."""
        return "".join(message.text for message in self.messages)


class Listed(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The base of what lists contain.

    Attributes:
        meta: the ``_meta`` of the definition.
    """

    name: str
    title: str | None = None
    description: str | None = None
    icons: list[Icon] | None = None
    meta: dict[str, Any] | None = field(default=None, name="_meta")


class ListedTool(Listed, frozen=True, kw_only=True, rename="camel"):
    """A tool, as a client sees it."""

    input_schema: dict[str, Any]
    output_schema: dict[str, Any] | None = None
    annotations: ToolAnnotations | None = None
    execution: dict[str, Any] | None = None


class ListedResource(Listed, frozen=True, kw_only=True, rename="camel"):
    """A resource, as a client sees it."""

    uri: str
    mime_type: str | None = None
    size: int | None = None
    annotations: dict[str, Any] | None = None


class ListedTemplate(Listed, frozen=True, kw_only=True, rename="camel"):
    """A resource template, as a client sees it."""

    uri_template: str
    mime_type: str | None = None
    annotations: dict[str, Any] | None = None


class ListedArgument(msgspec.Struct, frozen=True):
    """An argument of a prompt."""

    name: str
    description: str | None = None
    required: bool = False
    title: str | None = None


class ListedPrompt(Listed, frozen=True, kw_only=True, rename="camel"):
    """A prompt, as a client sees it."""

    arguments: list[ListedArgument] = []


class ServerInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What a server says of itself.

    Attributes:
        versions: the protocol versions; in the legacy era the one that was negotiated.
    """

    name: str
    version: str
    versions: list[str]
    capabilities: dict[str, Any]
    instructions: str | None = None
    title: str | None = None


class TaskState(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A task at the moment when it was asked for.

    Attributes:
        status_message: what it is doing, or why it failed.
        input_requests: the questions that it waits for, by key.
    """

    task_id: str
    status: Literal["working", "input_required", "completed", "failed", "cancelled"]
    status_message: str | None = None
    ttl_ms: int | None = None
    poll_interval_ms: int | None = None
    input_requests: dict[str, Any] = {}
    result: dict[str, Any] | None = None
    error: dict[str, Any] | None = None


def joined_text(content: Sequence[Content]) -> str:
    """The text of blocks, joined; that of embedded resources included."""
    texts = []
    for block in content:
        if isinstance(block, TextContent):
            texts.append(block.text)
        elif isinstance(block, EmbeddedResource) and isinstance(block.resource, TextResourceContents):
            texts.append(block.resource.text)
    return "".join(texts)


def read_call(result: Json, **more: Any) -> CallResult:
    """Read the result of ``tools/call``."""
    return CallResult(
        content=list(map(read_block, result["content"])),
        structured=result.get("structuredContent"),
        has_structured="structuredContent" in result,
        is_error=result.get("isError", False),
        meta=result.get("_meta", {}),
        **more,
    )


def read_resource(result: Json) -> ReadResult:
    """Read the result of ``resources/read``."""
    return ReadResult(list(map(read_contents, result["contents"])))


def read_prompt(result: Json) -> PromptResult:
    """Read the result of ``prompts/get``."""
    messages = [ReceivedMessage(one["role"], read_block(one["content"])) for one in result["messages"]]
    return PromptResult(messages, result.get("description"))
