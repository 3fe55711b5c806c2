"""Lists, records and null that arrive as JSON text, as some clients send them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from lambent.features.codecs.schemas import admits, alternatives

_CONTAINERS = ("array", "object", "null")
_ALL = (*_CONTAINERS, "number", "integer", "boolean")
_TEXT = re.compile(rb'"\s*(?:[\[{]|null)')


def may_hold_texts(raw: Any) -> bool:
    """Whether JSON holds text that may be JSON itself."""
    return _TEXT.search(raw) is not None


def parse_texts(value: Any, schema: Mapping[str, Any], *, scalars: bool = False) -> Any:
    """Decode each text of a decoded JSON value where its schema allows lists, objects or null and no text.

    ``scalars``: numbers and booleans too.
    """
    return _parse(value, schema, schema.get("$defs", {}), _ALL if scalars else _CONTAINERS)


def _parse(value: Any, schema: Any, definitions: Mapping[str, Any], kinds: tuple[str, ...]) -> Any:
    options = alternatives(schema, definitions)
    if isinstance(value, str):
        if any(admits(option, "string") for option in options):
            return value
        try:
            parsed = msgspec.json.decode(value)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return value
        fits = isinstance(parsed, list | dict | None) or kinds is _ALL
        return value if isinstance(parsed, str) or not fits else _parse(parsed, schema, definitions, kinds)
    if isinstance(value, list):
        return [_parse(item, _item(options, index), definitions, kinds) for index, item in enumerate(value)]
    if isinstance(value, Mapping):
        return {key: _parse(item, _member(options, key), definitions, kinds) for key, item in value.items()}
    return value


def _item(options: list[dict[str, Any]], index: int) -> dict[str, Any]:
    found = []
    for option in options:
        first = option.get("prefixItems", ())
        found.append(first[index] if index < len(first) else option.get("items", {}))
    return _any_of(found)


def _member(options: list[dict[str, Any]], name: str) -> dict[str, Any]:
    found = []
    for option in options:
        known = option.get("properties", {})
        found.append(known[name] if name in known else option.get("additionalProperties", {}))
    return _any_of(found)


def _any_of(found: list[Any]) -> dict[str, Any]:
    # Each schema once: the alternatives of recursive types would double at every level.
    return {"anyOf": list({id(node): node for node in found if isinstance(node, dict)}.values()) or [{}]}
