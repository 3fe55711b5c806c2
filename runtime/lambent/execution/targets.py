"""Which feature a call is for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambent.errors import ResourceNotFoundError
from lambent.wire.values import PromptReference

if TYPE_CHECKING:
    from lambent.execution.call import Call
    from lambent.features.catalog import Catalog
    from lambent.features.methods import CustomMethod
    from lambent.features.prompts import Prompt
    from lambent.features.resources import Resource
    from lambent.features.tools import Tool


def target_of(call: Call) -> Tool | Prompt | Resource | CustomMethod | None:
    """The feature that a call is for; None where there is none, or where the method is for no single one."""
    catalog, name = call.services.catalog, call.name or ""
    match call.method:
        case "tools/call":
            return catalog.tools.get(name)
        case "prompts/get":
            return catalog.prompts.get(name)
        case "resources/read" | "resources/subscribe" | "resources/unsubscribe":
            return resource_of(catalog, call.rpc.params.uri)
        case "completion/complete":
            reference = call.rpc.params.ref
            if isinstance(reference, PromptReference):
                return catalog.prompts.get(reference.name)
            return next((one for one in catalog.templates if one.uri == reference.uri), None)
    return catalog.methods.get(call.method)


def resource_of(catalog: Catalog, uri: str) -> Resource | None:
    """The resource or template that a URI is of; None where there is none."""
    from lambent.execution.handlers.resources import find_resource  # loaded where there are resources

    try:
        return find_resource(catalog, uri)[0]
    except ResourceNotFoundError:
        return None
