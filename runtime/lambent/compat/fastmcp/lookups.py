"""What a handler reads from its own server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from lambent.compat.fastmcp.calling import HIDDEN
from lambent.compat.fastmcp.exceptions import NotFoundError
from lambent.compat.fastmcp.results import Message, PromptResult, ResourceContent, ResourceResult
from lambent.errors import ResourceNotFoundError
from lambent.execution.context import Context
from lambent.execution.rounds.journal import Journal
from lambent.wire.content import data_of
from lambent.wire.results import GetPromptResult, ReadResourceResult

if TYPE_CHECKING:
    from lambent.execution.call import Call
    from lambent.features.signature import Signature


async def read_resource(call: Call, uri: str) -> ResourceResult:
    """Read a resource of the server that a call is of.

    Raises:
        ResourceNotFoundError: there is none of this URI, or the caller may not read it.
    """
    from lambent.execution.authorization import permits
    from lambent.execution.handlers.resources import find_resource
    from lambent.features.resources import render

    resource, kwargs = find_resource(call.services.catalog, uri)
    if not permits(call, resource.scopes):
        raise ResourceNotFoundError(uri)
    value = await _run(call, resource.signature, kwargs)
    whole = value if isinstance(value, ReadResourceResult) else None
    parts: list[Any] = render(resource, uri, value if whole is None else whole.contents)
    contents = [ResourceContent(data_of(one), one.mime_type, one.meta) for one in parts]
    return ResourceResult(contents, None if whole is None or not whole.meta else whole.meta)


async def get_prompt(call: Call, name: str, arguments: dict[str, Any]) -> PromptResult:
    """Fill in a prompt of the server that a call is of.

    Raises:
        NotFoundError: there is none of this name, or the caller may not use it.
    """
    from lambent.execution.authorization import permits

    prompt = call.services.catalog.prompts.get(name)
    if prompt is None or not permits(call, prompt.scopes):
        raise NotFoundError(f"Unknown prompt: {name!r}")
    value = await _run(call, prompt.signature, prompt.signature.convert(arguments))
    description = prompt.definition.description
    if isinstance(value, GetPromptResult):
        description = description if value.description is msgspec.UNSET else value.description
        value = value.messages
    return PromptResult([Message(one.content, one.role) for one in value], description)


async def _run(call: Call, signature: Signature, kwargs: dict[str, Any]) -> Any:
    """Call a function that is declared here; it can do everything but ask the client."""
    journal = Journal()
    if signature.homes:
        from lambent.execution.mounting import beside

        call = beside(call, signature.homes[-1])
    context = (call.services.context or Context)(call, journal)
    value = signature.function(**kwargs, **{signature.context or HIDDEN: context})
    return await value if hasattr(type(value), "__await__") else value
