"""Lists, records and null that arrive as JSON text, as some clients send them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from lambent.features.codecs import ValidationError
from lambent.features.codecs.schemas import admits, alternatives

_TEXT = re.compile(rb'"(?: |\\[nrt])*(?:[\[{]|null)')


def may_hold_texts(raw: Any) -> bool:
    """Whether JSON holds text that may be JSON itself."""
    return _TEXT.search(raw) is not None


def parse_texts(value: Any, schema: Mapping[str, Any], *, scalars: bool = False) -> Any:
    """Decode each text of a decoded JSON value where its schema allows lists, objects or null and no text.

    ``scalars``: numbers and booleans too.

    Raises:
        ValidationError: the value is nested too deeply.
    """
    parser = _Parser(schema.get("$defs", {}), scalars)
    try:
        return parser.parse(value, parser.options([schema]))
    except RecursionError:
        raise ValidationError("it is nested too deeply") from None


class _Parser:
    def __init__(self, definitions: Mapping[str, Any], scalars: bool) -> None:
        self._definitions = definitions
        self._scalars = scalars
        self._members: dict[Any, list[dict[str, Any]]] = {}
        self._alive: list[Any] = []  # what is told apart by its identity must not be replaced

    def options(self, schemas: list[Any]) -> list[dict[str, Any]]:
        """The schemas that a value may follow, each once: those of recursive types would multiply."""
        found = [option for schema in schemas for option in alternatives(schema, self._definitions)]
        self._alive.append(found)
        return list({id(option): option for option in found}.values())

    def parse(self, value: Any, options: list[dict[str, Any]]) -> Any:
        """Decode the texts in a value that has to follow one of some schemas."""
        if isinstance(value, list):
            return self._parse_items(value, [option for option in options if admits(option, "array")])
        if isinstance(value, dict):
            options = [option for option in options if admits(option, "object")]
            return {key: self.parse(item, self._member(options, key)) for key, item in value.items()}
        if not isinstance(value, str) or any(admits(option, "string") for option in options):
            return value
        try:
            parsed = msgspec.json.decode(value)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return value
        if isinstance(parsed, str) or not (self._scalars or isinstance(parsed, list | dict | None)):
            return value
        return self.parse(parsed, options)

    def _parse_items(self, value: list[Any], options: list[dict[str, Any]]) -> list[Any]:
        positions = max((len(option.get("prefixItems", ())) for option in options), default=0)
        first = [self.options([_item(option, at) for option in options]) for at in range(positions)]
        rest = self.options([option.get("items", {}) for option in options])
        return [self.parse(item, first[at] if at < positions else rest) for at, item in enumerate(value)]

    def _member(self, options: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
        known = name if any(name in option.get("properties", ()) for option in options) else None
        key = (known, *map(id, options))
        if key not in self._members:
            found = [
                option.get("properties", {}).get(name, option.get("additionalProperties", {}))
                for option in options
            ]
            self._members[key] = self.options(found)
        return self._members[key]


def _item(option: dict[str, Any], index: int) -> Any:
    known = option.get("prefixItems", ())
    return known[index] if index < len(known) else option.get("items", {})
