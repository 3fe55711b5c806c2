"""``resources/read`` (server/resources)."""

from __future__ import annotations

from typing import Any

from msgspec import UnsetType

from lambent.errors import ResourceNotFoundError
from lambent.execution.call import Call
from lambent.execution.run import Target, run
from lambent.features.catalog import Catalog
from lambent.features.codecs import ValidationError
from lambent.features.resources import Resource, render
from lambent.features.uris import normalize_uri
from lambent.wire.results import InputRequiredResult, ReadResourceResult
from lambent.wire.values import CacheHint

_NOT_CACHEABLE = CacheHint()


def read_resource(call: Call) -> ReadResourceResult | InputRequiredResult:
    """Read a resource.

    Raises:
        ResourceNotFoundError: nothing is registered for the URI, or its variables do not fit.
    """
    uri = call.request.params.uri
    catalog = call.services.catalog
    resource, kwargs = _find(catalog, uri)
    value = run(resource, Target(uri, {}), kwargs, call)
    if isinstance(value, InputRequiredResult):
        return value
    hint = resource.cache or catalog.hints["resources/read"]
    if _is_retry(call):
        hint = _NOT_CACHEABLE  # its answers are not part of the cache key (server/utilities/caching)
    return ReadResourceResult(
        contents=render(resource, uri, value), ttl_ms=hint.ttl_ms, cache_scope=hint.scope
    )


def _find(catalog: Catalog, uri: str) -> tuple[Resource, dict[str, Any]]:
    resource = catalog.resources.get(uri) or catalog.resources.get(normalize_uri(uri))
    if resource is not None:
        return resource, resource.arguments.convert({})
    for candidate in catalog.templates:
        values = candidate.template.match(normalize_uri(uri)) if candidate.template is not None else None
        if values is not None:
            try:
                return candidate, candidate.arguments.convert(values)
            except ValidationError:
                continue
    raise ResourceNotFoundError(uri)


def _is_retry(call: Call) -> bool:
    params = call.request.params
    return not (isinstance(params.input_responses, UnsetType) and isinstance(params.request_state, UnsetType))
