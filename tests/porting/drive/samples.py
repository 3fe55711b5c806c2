"""Values that a JSON schema takes, the same ones in every run."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

Schema = Mapping[str, Any]

_FORMATS = {
    "date": ("2026-07-28", "2027-01-02"),
    "date-time": ("2026-07-28T10:00:00Z", "2027-01-02T03:04:05Z"),
    "time": ("10:00:00Z", "03:04:05Z"),
    "duration": ("PT1H", "PT2M"),
    "email": ("ada@example.com", "bob@example.com"),
    "uri": ("https://example.com/a", "https://example.com/b"),
    "uuid": ("12345678-1234-4234-8234-123456789012", "12345678-1234-4234-8234-123456789013"),
    "binary": ("aGVsbG8=", "d29ybGQ="),
    "base64": ("aGVsbG8=", "d29ybGQ="),
}
_TEXTS = ("a", "Zo\N{LATIN SMALL LETTER E WITH DIAERESIS} \N{SNOWMAN}")
_DEPTH = 4


def value(schema: Any, variant: int, root: Schema, depth: int = 0) -> Any:
    """A value that a schema takes.

    Args:
        variant: 0 or 1; the values differ where the schema has more than one.
        root: the whole schema, for references.
    """
    if not isinstance(schema, Mapping):
        return "a"
    if "$ref" in schema:
        return value(_resolve(schema["$ref"], root), variant, root, depth + 1)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0 if variant == 0 else -1]
    for key in ("anyOf", "oneOf"):
        if schema.get(key):
            return value(schema[key][0 if variant == 0 else -1], variant, root, depth)
    if schema.get("allOf"):
        return value(schema["allOf"][0], variant, root, depth)
    kind = schema.get("type", "object" if "properties" in schema else "string")
    if isinstance(kind, list):
        kind = kind[0]
    return _of_kind(kind, schema, variant, root, depth)


def _of_kind(kind: str, schema: Schema, variant: int, root: Schema, depth: int) -> Any:
    match kind:
        case "string":
            return _text(schema, variant)
        case "integer":
            return _number(schema, (1, 2)[variant])
        case "number":
            return _number(schema, (1.5, 2.25)[variant])
        case "boolean":
            return variant == 0
        case "null":
            return None
        case "array":
            return _items(schema, variant, root, depth)
        case _:
            return record(schema, variant, root, depth)


def record(schema: Schema, variant: int, root: Schema, depth: int = 0) -> dict[str, Any]:
    """An object that a schema takes: with all members, or in variant 1 with those that it requires."""
    if depth > _DEPTH:
        return {}
    required = schema.get("required", ())
    found = {
        name: value(one, variant, root, depth + 1)
        for name, one in schema.get("properties", {}).items()
        if variant == 0 or name in required
    }
    more = schema.get("additionalProperties")
    if not found and isinstance(more, Mapping):
        found["key"] = value(more, variant, root, depth + 1)
    return found


def wrong(schema: Any, root: Schema) -> Any:
    """A value of another type than a schema takes."""
    if isinstance(schema, Mapping) and "$ref" in schema:
        return wrong(_resolve(schema["$ref"], root), root)
    kind = schema.get("type") if isinstance(schema, Mapping) else None
    return {"integer": "many", "number": "many", "boolean": "perhaps", "array": 5, "object": 5}.get(
        str(kind), {"no": ["text"]}
    )


def as_text(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments with numbers and truth values as text, as models write them."""
    return {
        name: str(one).lower() if isinstance(one, bool) else str(one) if isinstance(one, int | float) else one
        for name, one in arguments.items()
    }


def _resolve(reference: str, root: Schema) -> Any:
    found: Any = root
    for part in reference.removeprefix("#/").split("/"):
        found = found.get(part, {}) if isinstance(found, Mapping) else {}
    return found


def _text(schema: Schema, variant: int) -> str:
    if schema.get("format") in _FORMATS:
        return _FORMATS[schema["format"]][variant]
    if pattern := schema.get("pattern"):
        return _matching(pattern)
    text = _TEXTS[variant]
    return text.ljust(schema.get("minLength", 0), "x")[: schema.get("maxLength", len(text) + 100)]


def _matching(pattern: str) -> str:
    for one in ("a", "A", "1", "a1", "A-1", "abc", "ABC", "123", "1234", "12345", "ab-12", "2026-07-28"):
        if re.search(pattern, one):
            return one
    return "a"


def _number(schema: Schema, number: float) -> float:
    for key, step in (("minimum", 0), ("exclusiveMinimum", 1)):
        if key in schema and number < schema[key] + step:
            number = schema[key] + step
    for key, step in (("maximum", 0), ("exclusiveMaximum", -1)):
        if key in schema and number > schema[key] + step:
            number = schema[key] + step
    return number


def _items(schema: Schema, variant: int, root: Schema, depth: int) -> list[Any]:
    if depth > _DEPTH:
        return []
    if prefix := schema.get("prefixItems"):
        return [value(one, variant, root, depth + 1) for one in prefix]
    least = max(schema.get("minItems", 0), 1 + variant)
    made = [value(schema.get("items", {}), variant, root, depth + 1) for _ in range(least)]
    return made[:1] if schema.get("uniqueItems") else made


def keys_in(constants: Sequence[str], most: int) -> list[str]:
    """Texts of a source that may name something in it: words and identifiers, in their order."""
    return [one for one in dict.fromkeys(constants) if re.fullmatch(r"[\w.@:/+-]{1,40}", one)][:most]
