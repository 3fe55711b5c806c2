"""Resources and resource templates: data that clients read by URI (server/resources)."""

from __future__ import annotations

import base64
import re
from typing import Any

import msgspec

from lambent.errors import DeclarationError
from lambent.features.codecs import to_json
from lambent.features.signature import Definition, Signature
from lambent.features.uri_templates import UriTemplate
from lambent.wire.values import BlobResourceContents, CacheHint, TextResourceContents

Contents = TextResourceContents | BlobResourceContents

_ENCODED = re.compile(r"(?:%[89A-Fa-f][0-9A-Fa-f])+")


class Resource(msgspec.Struct, frozen=True):
    """A registered resource; or a template, whose URI has variables."""

    uri: str
    template: UriTemplate | None
    signature: Signature
    definition: Definition
    cache: CacheHint | None


def make_resource(
    uri: str, signature: Signature, definition: Definition, cache: CacheHint | None
) -> Resource:
    """Make a resource, or a template where the URI has variables.

    Raises:
        DeclarationError: the URI is malformed, or its variables are not the function's parameters.
    """
    uri = normalize_uri(uri)
    template = UriTemplate(uri) if "{" in uri or "}" in uri else None
    if ":" not in uri.partition("{")[0]:
        raise DeclarationError(f"{uri}: a resource's URI starts with a scheme")
    variables = set(template.variables) if template is not None else set()
    parameters = {parameter.name: parameter for parameter in signature.parameters}
    required = {name for name, parameter in parameters.items() if parameter.default is msgspec.NODEFAULT}
    if unknown := sorted(required - variables):
        raise DeclarationError(f"{uri}: no variable for the parameter {', '.join(unknown)}")
    if unused := sorted(variables - set(parameters)):
        raise DeclarationError(f"{uri}: no parameter for the variable {', '.join(unused)}")
    shown = {"uri": uri} if template is None else {"uri_template": uri, "size": None}
    return Resource(uri, template, signature, msgspec.structs.replace(definition, **shown), cache)


def render(resource: Resource, uri: str, value: Any) -> list[Contents]:
    """Turn what a resource's function returned into contents.

    Text and bytes keep the declared media type; contents objects stay as they are; anything else is JSON.

    Raises:
        ValidationError: the value cannot be written as JSON.
    """
    if isinstance(value, list | tuple) and value and all(isinstance(item, Contents) for item in value):
        return list(value)
    if isinstance(value, Contents):
        return [value]
    declared = resource.definition.mime_type
    if isinstance(value, bytes | bytearray | memoryview):
        blob = base64.b64encode(value).decode()
        return [BlobResourceContents(uri=uri, blob=blob, mime_type=declared or "application/octet-stream")]
    usual = "text/plain" if isinstance(value, str) else "application/json"
    text = value if isinstance(value, str) else to_json(value).decode()
    return [TextResourceContents(uri=uri, text=text, mime_type=declared or usual)]


def normalize_uri(uri: str) -> str:
    """Decode what is not ASCII, so that URIs can be compared as text (RFC 3987, section 3).

    A resource that is listed as ``städte`` is the one that some clients request as ``st%C3%A4dte``.
    """
    return _ENCODED.sub(_decode, uri) if "%" in uri else uri


def _decode(match: re.Match[str]) -> str:
    octets = bytes.fromhex(match[0].replace("%", ""))
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return match[0]
