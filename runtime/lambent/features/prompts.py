"""Prompts: messages that users pick by name (server/prompts)."""

from __future__ import annotations

from typing import Any

import msgspec

from lambent.errors import DeclarationError
from lambent.features.hints import description_of
from lambent.features.signature import Definition, PromptArgument, Signature
from lambent.features.tools import Audio, Image
from lambent.wire.values import Content, PromptMessage, UserMessage


class Prompt(msgspec.Struct, frozen=True):
    """A registered prompt: its function, and what ``prompts/list`` shows."""

    signature: Signature
    definition: Definition


def arguments_of(signature: Signature) -> list[PromptArgument] | None:
    """The arguments that a prompt's definition shows; None where it has none.

    Raises:
        DeclarationError: the function takes ``**arguments``, which have no names to show.
    """
    if signature.arguments is None:
        raise DeclarationError(f"{signature.name}: a prompt names its arguments, ** cannot")
    return [
        PromptArgument(
            name=parameter.name,
            description=description_of(parameter.hint),
            required=parameter.default is msgspec.NODEFAULT,
        )
        for parameter in signature.parameters
    ] or None


def render(value: Any) -> list[PromptMessage]:
    """Turn what a prompt's function returned into messages; text and content become messages of the user.

    Raises:
        TypeError: the value is neither text nor content nor a message.
    """
    items = value if isinstance(value, list | tuple) else [value]
    return [_message(item) for item in items]


def _message(item: Any) -> PromptMessage:
    if isinstance(item, PromptMessage):
        return item
    if isinstance(item, Image | Audio):
        return UserMessage(item.to_content())
    if isinstance(item, str | Content):
        return UserMessage(item)
    raise TypeError(f"A prompt returns text, content or messages, not {type(item).__name__}")
