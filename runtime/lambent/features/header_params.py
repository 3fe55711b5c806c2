"""The parameters of an input schema that clients mirror into headers (server/tools, "x-mcp-header")."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from lambent.errors import DeclarationError
from lambent.features.mcp_header import KEYWORD, unreachable
from lambent.wire.headers import HeaderParam

_FIELD_NAME = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_NAMED_SCHEMAS = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
_PLAIN_VALUES = frozenset({"default", "const", "enum", "examples"})
_TYPE_NAMES = {str: "string", int: "integer", bool: "boolean"}

_Path = tuple[str, ...]


def flatten_optionals(schema: dict[str, Any]) -> None:
    """Make marked optional parameters plain primitives, in place: clients send no header for null."""
    for _, prop in _properties(schema, ()):
        options = prop.get("anyOf")
        if isinstance(options, list) and {"type": "null"} in options:
            others = [option for option in options if option != {"type": "null"}]
            if len(others) == 1 and (KEYWORD in prop or KEYWORD in others[0]):
                del prop["anyOf"]
                prop.update(others[0])
                if prop.get("default", ...) is None:
                    del prop["default"]
        if KEYWORD in prop and "type" not in prop and prop.get("enum"):
            prop["type"] = _TYPE_NAMES.get(type(prop["enum"][0]), "string")


def compile_headers(schema: dict[str, Any]) -> tuple[HeaderParam, ...]:
    """Find the annotated parameters of an input schema.

    Raises:
        DeclarationError: an annotation breaks one of the specification's constraints.
    """
    marked = [(path, prop) for path, prop in _properties(schema, ()) if KEYWORD in prop]
    found = tuple(_param(path, prop) for path, prop in marked)
    reachable = {id(prop) for _, prop in marked}
    for node in _schemas(schema):
        if KEYWORD in node and id(node) not in reachable:
            raise unreachable(repr(node[KEYWORD]))
    names = [param.header.lower() for param in found]
    if len(set(names)) != len(names):
        raise DeclarationError(f"{KEYWORD} names must differ in more than case: {', '.join(names)}")
    return found


def _properties(schema: dict[str, Any], path: _Path) -> Iterator[tuple[_Path, dict[str, Any]]]:
    """Every property with its path, those of properties included."""
    properties = schema.get("properties")
    for name, prop in properties.items() if isinstance(properties, dict) else ():
        if isinstance(prop, dict):
            yield (*path, name), prop
            yield from _properties(prop, (*path, name))


def _schemas(node: Any) -> Iterator[dict[str, Any]]:
    """Every subschema; keywords that hold values or map names to schemas are not schemas themselves."""
    if isinstance(node, list):
        for child in node:
            yield from _schemas(child)
    elif isinstance(node, dict):
        yield node
        for key, child in node.items():
            if key in _NAMED_SCHEMAS and isinstance(child, dict):
                for schema in child.values():
                    yield from _schemas(schema)
            elif key not in _PLAIN_VALUES:
                yield from _schemas(child)


def _param(path: _Path, prop: dict[str, Any]) -> HeaderParam:
    name, kind = prop[KEYWORD], prop.get("type")
    if not isinstance(name, str) or not re.fullmatch(_FIELD_NAME, name):
        raise DeclarationError(f"{KEYWORD} of {'.'.join(path)} must be an HTTP token, not {name!r}")
    if kind not in _TYPE_NAMES.values():
        raise DeclarationError(
            f"{KEYWORD} {name!r}: {'.'.join(path)} must be a string, an integer or a boolean, not {kind!r}"
        )
    return HeaderParam(path, f"Mcp-Param-{name}", str(kind))
