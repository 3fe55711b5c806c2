"""Prompts: messages that users pick by name (server/prompts)."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET

from lambent.errors import DeclarationError
from lambent.features.codecs import to_plain
from lambent.features.contents import block_of, native
from lambent.features.hints import description_of
from lambent.features.signature import Definition, PromptArgument, Signature
from lambent.wire.results import GetPromptResult
from lambent.wire.values import (
    Annotations,
    AudioContent,
    Content,
    EmbeddedResource,
    ImageContent,
    PromptMessage,
    ResourceLink,
    Role,
    TextContent,
    UserMessage,
)

_EXPECTED = "A prompt returns text, content or messages"


class Prompt(msgspec.Struct, frozen=True):
    """A registered prompt: its function, what ``prompts/list`` shows, and what its user needs."""

    signature: Signature
    definition: Definition
    scopes: tuple[str, ...] = ()


def arguments_of(signature: Signature) -> list[PromptArgument]:
    """The arguments that a prompt's definition shows.

    Raises:
        DeclarationError: the function takes ``**arguments``, which have no names to show.
    """
    if signature.takes_others:
        raise DeclarationError(f"{signature.name}: a prompt names its arguments, ** cannot")
    return [
        PromptArgument(
            name=parameter.wire,
            description=description_of(parameter.hint),
            required=parameter.default is msgspec.NODEFAULT,
        )
        for parameter in signature.parameters
    ]


def render(definition: Definition, value: Any) -> GetPromptResult:
    """Turn what a prompt's function returned into its result; a whole result stays as it is.

    Raises:
        ValidationError: a value has no JSON form.
        TypeError: a value is None, or a dict with a role that is no message.
    """
    value = native(value)
    if isinstance(value, GetPromptResult):
        return value
    described = UNSET if definition.description is None else definition.description
    return GetPromptResult(description=described, messages=_messages(value))


def _messages(value: Any) -> list[PromptMessage]:
    """Messages of what a function returned.

    A dict with a role and a content is a message. Text and content become messages of the user, and so does
    any other value, as JSON.
    """
    items = value if isinstance(value, list | tuple) else [value]
    return [_message(item) for item in items]


class _Message(msgspec.Struct):
    role: Role
    content: str | TextContent | ImageContent | AudioContent | ResourceLink | _Embedded


class _Embedded(Content, frozen=True, tag="resource"):
    resource: dict[str, Any]
    annotations: Annotations | None = None
    meta: dict[str, Any] | None = msgspec.field(default=None, name="_meta")

    def to_content(self) -> EmbeddedResource:
        from lambent.wire.content import read_contents  # loaded where a dict is a message

        contents = read_contents(self.resource)
        return EmbeddedResource(resource=contents, annotations=self.annotations, meta=self.meta)


def _message(item: Any) -> PromptMessage:
    item = native(item)
    if isinstance(item, PromptMessage):
        return item
    if isinstance(item, dict) and "role" in item:
        try:
            message = msgspec.convert(to_plain(item), _Message)
            written = message.content
            content = written.to_content() if isinstance(written, _Embedded) else written
        except msgspec.ValidationError as error:
            raise TypeError(f"{_EXPECTED}: {error}") from None
        return PromptMessage(role=message.role, content=content)
    if item is None:
        raise TypeError(f"{_EXPECTED}, not None")
    return UserMessage(block_of(item))
