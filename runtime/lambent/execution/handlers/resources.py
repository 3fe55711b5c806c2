"""``resources/read`` (server/resources)."""

from __future__ import annotations

from typing import Any

from msgspec import UnsetType

from lambent.errors import ResourceNotFoundError
from lambent.execution.call import Call
from lambent.execution.rounds.request_state import run_sealed
from lambent.features.catalog import Catalog
from lambent.features.codecs import ValidationError
from lambent.features.resources import Resource, normalize_uri, render
from lambent.wire.results import InputRequiredResult, ReadResourceResult
from lambent.wire.values import CacheHint

_NOT_CACHEABLE = CacheHint()


def read_resource(call: Call) -> ReadResourceResult | InputRequiredResult:
    """Read a resource.

    Raises:
        ResourceNotFoundError: nothing is registered for the URI, or its variables do not fit.
    """
    uri = call.rpc.params.uri
    catalog = call.services.catalog
    resource, kwargs = _find(catalog, uri)
    hint = resource.cache or catalog.hints["resources/read"]
    if _is_retry(call):
        hint = _NOT_CACHEABLE  # its answers are not part of the cache key (server/utilities/caching)

    def finish(value: Any) -> ReadResourceResult:
        contents = render(resource, uri, value)
        return ReadResourceResult(contents=contents, ttl_ms=hint.ttl_ms, cache_scope=hint.scope)

    result: ReadResourceResult | InputRequiredResult
    result = run_sealed(resource.signature, kwargs, call, {}, finish)
    return result


def _find(catalog: Catalog, uri: str) -> tuple[Resource, dict[str, Any]]:
    resource = catalog.resources.get(uri) or catalog.resources.get(normalize_uri(uri))
    if resource is not None:
        return resource, resource.signature.convert({})
    for candidate in catalog.templates:
        values = candidate.template.match(normalize_uri(uri)) if candidate.template is not None else None
        if values is not None:
            try:
                return candidate, candidate.signature.convert(values)
            except ValidationError:
                continue
    raise ResourceNotFoundError(uri)


def _is_retry(call: Call) -> bool:
    params = call.rpc.params
    return not (isinstance(params.input_responses, UnsetType) and isinstance(params.request_state, UnsetType))
