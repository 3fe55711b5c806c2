"""Prompts: messages that users pick by name (server/prompts)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from lambent.errors import DeclarationError
from lambent.features.codecs import Codec, arguments_codec
from lambent.features.media import Audio, Image
from lambent.features.resolvers import Plan
from lambent.features.sessions import SessionParam
from lambent.features.signature import Injected, read_signature
from lambent.features.signature import describe as describe_hint
from lambent.wire.values import Content, Icon, PromptMessage, UserMessage, Value


class PromptArgument(Value, frozen=True):
    """One argument of a prompt."""

    name: str
    title: str | None = None
    description: str | None = None
    required: bool | None = None


class PromptDefinition(Value, frozen=True):
    """A prompt as ``prompts/list`` shows it."""

    name: str
    title: str | None = None
    description: str | None = None
    arguments: Sequence[PromptArgument] | None = None
    icons: Sequence[Icon] | None = None
    meta: dict[str, Any] | None = msgspec.field(default=None, name="_meta")


class Prompt(msgspec.Struct, frozen=True):
    """A registered prompt.

    Attributes:
        name: unique within the server.
        function: what makes the messages.
        arguments: reads the arguments, which the protocol carries as strings.
        context: the name of the parameter that takes the context, if any.
        plan: what its resolvers are and what they fill in, if any.
        session: the parameter that takes a session's object, if any.
        is_async: the function is a coroutine function.
        definition: what ``prompts/list`` shows.
    """

    name: str
    function: Callable[..., Any]
    arguments: Codec
    context: str | None
    plan: Plan | None
    session: SessionParam | None
    is_async: bool
    definition: PromptDefinition


def make_prompt(
    function: Callable[..., Any],
    injected: Injected,
    *,
    name: str | None = None,
    title: str | None = None,
    description: str | None = None,
    icons: Sequence[Icon] | None = None,
    meta: dict[str, Any] | None = None,
) -> Prompt:
    """Compile a function into a prompt.

    Raises:
        DeclarationError: its signature cannot work.
    """
    signature = read_signature(function, injected)
    if signature.catches_all:
        raise DeclarationError(f"{signature.name}: a prompt names its arguments, ** cannot")
    arguments = [
        PromptArgument(
            name=field.name,
            description=describe_hint(field.hint),
            required=field.default is msgspec.NODEFAULT,
        )
        for field in signature.fields
    ]
    name = name or signature.name
    return Prompt(
        name=name,
        function=function,
        arguments=arguments_codec(f"{name}Arguments", signature.fields),
        context=signature.context,
        plan=signature.plan,
        session=signature.session,
        is_async=signature.is_async,
        definition=PromptDefinition(
            name=name,
            title=title,
            description=description or signature.doc,
            arguments=arguments or None,
            icons=icons,
            meta=meta,
        ),
    )


def render(value: Any) -> list[PromptMessage]:
    """Turn what a prompt's function returned into messages; what is no message is said by the user.

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
