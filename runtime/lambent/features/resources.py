"""Resources and resource templates: data that clients read by URI (server/resources)."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from lambent.errors import DeclarationError
from lambent.features.codecs import Codec, arguments_codec, to_json
from lambent.features.resolvers import Plan
from lambent.features.sessions import SessionParam
from lambent.features.signature import Injected, read_signature
from lambent.features.uri_templates import UriTemplate
from lambent.features.uris import normalize_uri
from lambent.wire.values import (
    Annotations,
    BlobResourceContents,
    CacheHint,
    Icon,
    TextResourceContents,
    Value,
)

Contents = TextResourceContents | BlobResourceContents


class ResourceDefinition(Value, frozen=True):
    """A resource as ``resources/list`` shows it."""

    uri: str
    name: str
    title: str | None = None
    description: str | None = None
    mime_type: str | None = None
    size: int | None = None
    annotations: Annotations | None = None
    icons: Sequence[Icon] | None = None
    meta: dict[str, Any] | None = msgspec.field(default=None, name="_meta")


class ResourceTemplateDefinition(Value, frozen=True):
    """A template as ``resources/templates/list`` shows it."""

    uri_template: str
    name: str
    title: str | None = None
    description: str | None = None
    mime_type: str | None = None
    annotations: Annotations | None = None
    icons: Sequence[Icon] | None = None
    meta: dict[str, Any] | None = msgspec.field(default=None, name="_meta")


class Resource(msgspec.Struct, frozen=True):
    """A registered resource or template.

    Attributes:
        uri: its URI, or its URI template.
        template: the compiled template; None for a resource with a URI of its own.
        function: what reads it.
        arguments: reads the template's variables.
        context: the name of the parameter that takes the context, if any.
        plan: what its resolvers are and what they fill in, if any.
        session: the parameter that takes a session's object, if any.
        is_async: the function is a coroutine function.
        mime_type: the media type of what is read, where it was declared.
        cache: how long a client may keep what it reads.
        definition: what the lists show.
    """

    uri: str
    template: UriTemplate | None
    function: Callable[..., Any]
    arguments: Codec
    context: str | None
    plan: Plan | None
    session: SessionParam | None
    is_async: bool
    mime_type: str | None
    cache: CacheHint | None
    definition: ResourceDefinition | ResourceTemplateDefinition


def make_resource(
    function: Callable[..., Any],
    injected: Injected,
    uri: str,
    *,
    name: str | None = None,
    title: str | None = None,
    description: str | None = None,
    mime_type: str | None = None,
    size: int | None = None,
    icons: Sequence[Icon] | None = None,
    annotations: Annotations | None = None,
    meta: dict[str, Any] | None = None,
    cache: CacheHint | None = None,
) -> Resource:
    """Compile a function into a resource, or into a template where the URI has variables.

    Raises:
        DeclarationError: the URI is malformed, or its variables are not the function's parameters.
    """
    signature = read_signature(function, injected)
    uri = normalize_uri(uri)
    template = UriTemplate(uri) if "{" in uri or "}" in uri else None
    if ":" not in uri.partition("{")[0]:
        raise DeclarationError(f"{uri}: a resource's URI starts with a scheme")
    variables = set(template.variables) if template is not None else set()
    required = {field.name for field in signature.fields if field.default is msgspec.NODEFAULT}
    if unknown := sorted(required - variables):
        raise DeclarationError(f"{uri}: no variable for the parameter {', '.join(unknown)}")
    if unused := sorted(variables - {field.name for field in signature.fields}):
        raise DeclarationError(f"{uri}: no parameter for the variable {', '.join(unused)}")
    described: dict[str, Any] = {
        "name": name or signature.name,
        "title": title,
        "description": description or signature.doc,
        "mime_type": mime_type,
        "annotations": annotations,
        "icons": icons,
        "meta": meta,
    }
    definition: ResourceDefinition | ResourceTemplateDefinition
    if template is None:
        definition = ResourceDefinition(uri=uri, size=size, **described)
    else:
        definition = ResourceTemplateDefinition(uri_template=uri, **described)
    return Resource(
        uri=uri,
        template=template,
        function=function,
        arguments=arguments_codec(f"{signature.name}Variables", signature.fields),
        context=signature.context,
        plan=signature.plan,
        session=signature.session,
        is_async=signature.is_async,
        mime_type=mime_type,
        cache=cache,
        definition=definition,
    )


def render(resource: Resource, uri: str, value: Any) -> list[Contents]:
    """Turn what a resource's function returned into contents.

    Text and bytes keep the declared media type; contents objects speak for themselves; anything else is JSON.

    Raises:
        ValidationError: the value cannot be written as JSON.
    """
    if isinstance(value, list | tuple) and value and all(isinstance(item, Contents) for item in value):
        return list(value)
    if isinstance(value, Contents):
        return [value]
    if isinstance(value, str):
        return [TextResourceContents(uri=uri, text=value, mime_type=resource.mime_type or "text/plain")]
    if isinstance(value, bytes | bytearray | memoryview):
        blob = base64.b64encode(value).decode()
        mime_type = resource.mime_type or "application/octet-stream"
        return [BlobResourceContents(uri=uri, blob=blob, mime_type=mime_type)]
    text = to_json(value).decode()
    return [TextResourceContents(uri=uri, text=text, mime_type=resource.mime_type or "application/json")]
