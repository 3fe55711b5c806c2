"""What a handler gets from its own server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lambent.compat.fastmcp.exceptions import NotFoundError
from lambent.compat.fastmcp.results import Message, PromptResult, ResourceContent, ResourceResult
from lambent.execution.authorization import permits
from lambent.execution.reading import Within, find_permitted
from lambent.features import prompts, resources
from lambent.wire.content import data_of
from lambent.wire.results import ReadResourceResult

if TYPE_CHECKING:
    from lambent.execution.call import Call
    from lambent.execution.reading import Found


def read_resource(call: Call, uri: str) -> Within[ResourceResult]:
    """Read a resource of the server that a call is of.

    Raises:
        ResourceNotFoundError: when it is waited for: see ``find_permitted``.
    """

    def find() -> Found[ResourceResult]:
        resource, kwargs = find_permitted(call, uri)

        def render(value: Any) -> ResourceResult:
            parts = resources.render(resource, uri, value)
            meta = value.meta or None if isinstance(value, ReadResourceResult) else None
            return ResourceResult(
                [ResourceContent(data_of(one), one.mime_type, one.meta) for one in parts], meta
            )

        return resource.signature, kwargs, render

    return Within(call, uri, find)


def get_prompt(call: Call, name: str, arguments: dict[str, Any]) -> Within[PromptResult]:
    """Fill in a prompt of the server that a call is of.

    Raises:
        NotFoundError: when it is waited for: there is none of this name, or the caller may not use it.
    """

    def find() -> Found[PromptResult]:
        prompt = call.services.catalog.prompts.get(name)
        if prompt is None or not permits(call, prompt.scopes):
            raise NotFoundError(f"Unknown prompt: {name!r}")

        def render(value: Any) -> PromptResult:
            made = prompts.render(prompt.definition, value)
            messages = [Message(one.content, one.role) for one in made.messages]
            return PromptResult(messages, made.description or prompt.definition.description)

        return prompt.signature, prompt.signature.convert(arguments), render

    return Within(call, name, find)
