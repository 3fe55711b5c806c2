"""Resources and resource templates: data that clients read by URI (server/resources)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from lambent.errors import DeclarationError
from lambent.features.codecs import Codec, codec_of
from lambent.features.contents import json_text, native, to_base64
from lambent.features.functions import Parameter
from lambent.features.hints import mentions, show
from lambent.features.signature import Definition, Signature
from lambent.features.tools import Audio, Image
from lambent.wire.results import ReadResourceResult
from lambent.wire.values import BlobResourceContents, CacheHint, TextResourceContents

if TYPE_CHECKING:
    from lambent.features.uri_templates import UriTemplate

Contents = TextResourceContents | BlobResourceContents
_CONTENTS = (TextResourceContents, BlobResourceContents)

DEFAULT_TYPE = "text/plain"
"""The media type of resources that declare none, as the official SDK has it."""


class Resource(msgspec.Struct, frozen=True):
    """A registered resource; or a template, whose URI has variables.

    Attributes:
        uri: as it is compared with those of requests; the definition has it as it was declared.
        output: writes results as their type says; None where they are text, bytes or contents.
        scopes: what its reader needs.
    """

    uri: str
    template: UriTemplate | None
    signature: Signature
    definition: Definition
    output: Codec | None
    cache: CacheHint | None
    scopes: tuple[str, ...] = ()


def make_resource(
    uri: str,
    signature: Signature,
    definition: Definition,
    cache: CacheHint | None,
    scopes: tuple[str, ...] = (),
) -> Resource:
    """Make a resource, or a template where the URI has variables.

    Raises:
        DeclarationError: the URI is malformed, or its variables are not the function's parameters or can
            never have their types.
    """
    # Servers without resources do without these, which compile regular expressions.
    from lambent.features.uri_templates import UriTemplate
    from lambent.features.uris import check_uri, normalize_uri

    check_uri(uri)
    template = UriTemplate(uri) if "{" in uri or "}" in uri else None
    variables = set(template.variables) if template is not None else set()
    parameters = {parameter.wire: parameter for parameter in signature.parameters}
    required = {name for name, parameter in parameters.items() if parameter.default is msgspec.NODEFAULT}
    if unknown := sorted(required - variables):
        added = ", ".join(f"{{{name}}}" for name in unknown)
        raise DeclarationError(f"{uri}: no variable for the parameter {', '.join(unknown)}: add {added}")
    if unused := sorted(variables - set(parameters)):
        raise DeclarationError(f"{uri}: no parameter for the variable {', '.join(unused)}")
    if template is not None:
        for name in sorted(variables):
            _check_variable(uri, parameters[name], signature.arguments, is_list=name in template.lists)
    shown = {"uri": uri} if template is None else {"uri_template": uri, "size": None}
    definition = msgspec.structs.replace(definition, **shown)
    key = normalize_uri(uri) if template is None else uri
    return Resource(key, template, signature, definition, _output(signature.returns), cache, scopes)


def _check_variable(uri: str, parameter: Parameter, arguments: Codec, *, is_list: bool) -> None:
    """Refuse a type that the values of a variable, text or lists of text, can never have."""
    if parameter.hint is (list if is_list else str):
        return
    from lambent.features.codecs.schemas import admits, alternatives

    schema = arguments.schema()
    kinds = ("array",) if is_list else ("string", "number", "integer", "boolean", "null")
    nodes = alternatives(schema["properties"][parameter.wire], schema.get("$defs", {}))
    if not any(admits(node, *kinds) for node in nodes):
        one, many = f"{{{parameter.wire}}}", f"{{{parameter.wire}*}}"
        advice = f"{one} gives text; write str, a number, or {many} for a list"
        if is_list:
            text = f"{{+{parameter.wire}}}"
            advice = f"{many} gives a list of text; write a list, {one}, or {text} for text with slashes"
        raise DeclarationError(f"{uri}: {parameter.name!r} can never be {show(parameter.hint)}: {advice}")


def _output(hint: Any) -> Codec | None:
    """The codec of a resource's results; None where they are contents, or have no type."""
    is_content = hint in (msgspec.UNSET, None, type(None), str, Any, object, list, dict)
    if is_content or mentions(hint, bytes, bytearray, memoryview, Image, Audio, *_CONTENTS):
        return None
    return codec_of(hint, "write")


def render(resource: Resource, uri: str, value: Any) -> list[Contents]:
    """Turn what a resource's function returned into contents.

    Contents objects stay as they are, but that an empty URI becomes the one that is read; text is text, bytes
    are a blob, and anything else is JSON; all of it has the declared media type.

    Raises:
        ValidationError: the value does not fit its type, or cannot be written as JSON.
        TypeError: it is an object of another library for MCP that is no contents.
    """
    value = native(value)
    if isinstance(value, ReadResourceResult):
        value = list(value.contents)
    if isinstance(value, list | tuple) and any(isinstance(item, Contents | Image | Audio) for item in value):
        return [contents for item in value for contents in render(resource, uri, item)]
    if isinstance(value, Contents):
        return [value if value.uri else msgspec.structs.replace(value, uri=uri)]
    declared = resource.definition.mime_type
    if isinstance(value, Image | Audio):
        block = value.to_content()
        mime_type = block.mime_type if declared == DEFAULT_TYPE else declared
        return [BlobResourceContents(uri=uri, blob=block.data, mime_type=mime_type)]
    if isinstance(value, bytes | bytearray | memoryview):
        return [BlobResourceContents(uri=uri, blob=to_base64(value), mime_type=declared)]
    if isinstance(value, str):
        text = value
    elif resource.output is None:
        text = json_text(value)
    else:
        text = msgspec.json.format(resource.output.encode(value), indent=2).decode()
    return [TextResourceContents(uri=uri, text=text, mime_type=declared)]
