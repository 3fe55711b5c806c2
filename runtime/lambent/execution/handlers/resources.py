"""``resources/read`` (server/resources)."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET

from lambent.errors import ResourceNotFoundError
from lambent.execution.call import Call
from lambent.execution.rounds.request_state import run_sealed
from lambent.features.catalog import Catalog
from lambent.features.codecs import ValidationError
from lambent.features.resources import Resource, render
from lambent.wire.results import InputRequiredResult, ReadResourceResult
from lambent.wire.values import CacheHint

_NOT_CACHEABLE = CacheHint()


def read_resource(call: Call) -> ReadResourceResult | InputRequiredResult:
    """Read a resource.

    Raises:
        ResourceNotFoundError: nothing is registered for the URI, or its variables do not fit.
    """
    params, catalog = call.rpc.params, call.services.catalog
    uri = params.uri
    resource, kwargs = find_resource(catalog, uri)
    hint = resource.cache or catalog.hints["resources/read"]
    if params.input_responses is not UNSET or params.request_state is not UNSET:
        hint = _NOT_CACHEABLE  # answers are not part of the cache key (server/utilities/caching)

    def finish(value: Any) -> ReadResourceResult:
        contents, whole = render(resource, uri, value), UNSET
        if isinstance(value, ReadResourceResult):
            whole = value.meta
        elif (meta := resource.definition.meta) is not None:  # hosts look for that of pages in the contents
            contents = [msgspec.structs.replace(one, meta=one.meta or meta) for one in contents]
        return ReadResourceResult(contents=contents, ttl_ms=hint.ttl_ms, cache_scope=hint.scope, meta=whole)

    result: ReadResourceResult | InputRequiredResult
    result = run_sealed(resource.signature, kwargs, call, finish)
    return result


def find_resource(catalog: Catalog, uri: str) -> tuple[Resource, dict[str, Any]]:
    """The resource or template that a URI is of, and the arguments of its function.

    Raises:
        ResourceNotFoundError: nothing is registered for the URI, or its variables do not fit.
    """
    from lambent.features.uris import normalize_uri  # loaded where there are resources

    resource = catalog.resources.get(uri) or catalog.resources.get(normalize_uri(uri))
    if resource is not None:
        return resource, resource.signature.convert({})
    for candidate in catalog.templates:
        values = candidate.template.match(uri) if candidate.template is not None else None
        if values is not None:
            try:
                return candidate, candidate.signature.convert(values)
            except ValidationError:
                continue
    raise ResourceNotFoundError(uri)
