"""JSON Schemas of both libraries, made alike: descriptions, defaults, enums, arrays."""

from __future__ import annotations

import enum
import typing
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from lambent.features.codecs import arguments_codec, to_json
from lambent.features.functions import Parameter
from lambent.features.hints import description_of, fields_of, records_in, walk

_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}
_NAMED_SCHEMAS = ("properties", "patternProperties", "$defs")
_SCHEMAS = ("items", "additionalProperties", "propertyNames", "not")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_NARROW_FORMATS = frozenset({"duration", "email", "ipv6", "regex", "uri"})
"""Formats to which some values of the types do not conform, such as durations with fractions of seconds."""


def refine(schema: dict[str, Any], hints: list[Any]) -> dict[str, Any]:
    """Complete a schema, in place, with what the libraries leave out of it."""
    _describe_fields(schema, hints)
    (orders, flags), definitions = _orders(hints), schema.get("$defs", {})
    classes = {id(definition) for definition in definitions.values()}
    for node in subschemas(schema):
        for name, prop in node.get("properties", {}).items():
            set_title(prop, name)
        if "propertyNames" in node:
            names = alternatives(node["propertyNames"], definitions)
            if not any(admits(name, "string") for name in names):
                del node["propertyNames"]  # such as the numbers of an enum: names are text
        if node.get("items") is False and "maxItems" in node:
            del node["items"]
        if node.get("type") == "object" and not {"properties", "additionalProperties"} & node.keys():
            node["additionalProperties"] = True
        if node.get("required") == []:
            del node["required"]
        if node.get("type") == "array" and not {"items", "prefixItems"} & node.keys():
            node["items"] = {}
        if isinstance(choices := node.get("enum"), list):
            if node.get("title") in flags:
                node["type"] = "integer"  # its members can be combined
                del node["enum"]
                continue
            known = orders.get((node.get("title"), _key(choices))) or orders.get((None, _key(choices)))
            node["enum"] = choices = known or choices
            kinds = {_TYPES.get(type(choice)) for choice in choices}
            if "type" not in node and len(kinds) == 1 and None not in kinds:
                node["type"] = kinds.pop()
            if len(choices) == 1 and id(node) not in classes:
                node["const"] = node.pop("enum")[0]
    return schema


def admit_results(schema: dict[str, Any]) -> dict[str, Any]:
    """Leave out of a result's schema, in place, what clients check by other rules than Python.

    Patterns are regular expressions of ECMA-262, and formats those of RFC 3339, 3986, 4291 and 5321.
    """
    for node in subschemas(schema):
        node.pop("pattern", None)
        for value in node.pop("patternProperties", {}).values():
            node["additionalProperties"] = value
        if node.get("format") in _NARROW_FORMATS:
            del node["format"]
        if isinstance(node.get("multipleOf"), float):
            del node["multipleOf"]
    return schema


def set_title(prop: dict[str, Any], name: str) -> None:
    """Give the schema of a member a title for people, in place, unless it is that of a class."""
    parts = [part for part in prop.get("anyOf", ()) if part != {"type": "null"}]
    if "$ref" not in prop and not (len(parts) == 1 and "$ref" in parts[0]):
        prop.setdefault("title", name.title().replace("_", " ").strip())


def wrap(schema: dict[str, Any], title: str) -> dict[str, Any]:
    """The schema of an object whose member ``result`` has a schema, which is changed."""
    shared = {name: schema.pop(name) for name in ("$defs",) if name in schema}
    set_title(schema, "result")
    members = {"properties": {"result": schema}, "required": ["result"]}
    return {**shared, **members, "title": title, "type": "object"}


def inline_root(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema whose root is no reference, also where its type contains itself: clients look for its type."""
    return resolve(schema, schema.get("$defs", {}))


def show_defaults(schema: dict[str, Any], parameters: list[Parameter]) -> dict[str, Any]:
    """Show the default of every parameter whose JSON form a client could send, in place."""
    for parameter in parameters:
        prop = schema["properties"][parameter.wire]
        prop.pop("default", None)
        if parameter.default is msgspec.NODEFAULT:
            continue
        try:
            raw = to_json(parameter.default)
            required = msgspec.structs.replace(parameter, default=msgspec.NODEFAULT)
            arguments_codec("Default", [required]).decode(b"{%b:%b}" % (to_json(parameter.wire), raw))
        except Exception:  # noqa: S112 - such as a marker object: the function knows what it means
            continue
        prop["default"] = msgspec.json.decode(raw)
    return schema


def subschemas(node: Any) -> Iterator[dict[str, Any]]:
    """A schema and every schema in it."""
    if not isinstance(node, dict):
        return
    yield node
    for key in _NAMED_SCHEMAS:
        for child in node.get(key, {}).values():
            yield from subschemas(child)
    for key in _SCHEMAS:
        yield from subschemas(node.get(key))
    for key in _LISTS:
        for child in node.get(key, ()):
            yield from subschemas(child)


def resolve(node: dict[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """Follow a schema's reference into the definitions; what stands beside it stays."""
    while "$ref" in node:
        target = definitions[node["$ref"].removeprefix("#/$defs/")]
        beside = {key: value for key, value in node.items() if key != "$ref"}
        node = {**target, **beside} if beside else target
    return node


def alternatives(node: Any, definitions: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The schemas that a value of this schema may follow, references and unions resolved."""
    node = resolve(node, definitions) if isinstance(node, dict) else {}
    options = node.get("anyOf") or node.get("oneOf")
    if options is None:
        return [node]
    return [found for option in options for found in alternatives(option, definitions)]


def admits(node: Mapping[str, Any], *kinds: str) -> bool:
    """Whether values of one of these JSON types may fit a schema without references and unions."""
    kind = node.get("type")
    if kind is None:
        choices = node.get("enum", [node["const"]] if "const" in node else None)
        return choices is None or any(_TYPES.get(type(choice)) in kinds for choice in choices)
    return any(name in kinds for name in ([kind] if isinstance(kind, str) else kind))


def _describe_fields(schema: dict[str, Any], hints: list[Any]) -> None:
    """Add what ``Annotated`` says of the fields of records; both libraries ignore it."""
    definitions = schema.get("$defs", {})
    for cls in records_in(hints):
        node = definitions.get(cls.__name__, schema if schema.get("title") == cls.__name__ else {})
        for name, hint in fields_of(cls).items():
            text, prop = description_of(hint), node.get("properties", {}).get(name)
            if text is not None and prop is not None:
                prop.setdefault("description", text)


def _orders(hints: list[Any]) -> tuple[dict[Any, list[Any]], set[str]]:
    """The choices of every enum and literal in the order of their declaration: msgspec sorts them.

    Those of enums by name. Names of flags, which have more values than members, are apart.
    """
    found: dict[Any, list[Any]] = {}
    flags: set[str] = set()
    for part in walk(hints, lambda cls: fields_of(cls).values()):
        if isinstance(part, type) and issubclass(part, enum.Enum):
            name, choices = part.__name__, [member.value for member in part]
            if issubclass(part, enum.Flag):
                flags.add(name)
        elif typing.get_origin(part) is typing.Literal:
            name, choices = None, [msgspec.to_builtins(choice) for choice in typing.get_args(part)]
        else:
            continue
        found.setdefault((name, _key(choices)), choices)
    return found, flags


def _key(choices: list[Any]) -> frozenset[str]:
    return frozenset(map(repr, choices))  # values of an enum may be lists
