"""Forms that an elicitation shows: flat objects of primitives (client/elicitation, "Requested Schema")."""

from __future__ import annotations

from typing import Any, Generic, TypeVar, cast

import msgspec

from lambent.errors import DeclarationError
from lambent.features.codecs import Codec, ValidationError, codec_of

T = TypeVar("T")

_KEPT = "__lambent_form__"
_FORMATS = frozenset({"email", "uri", "date", "date-time"})


class _Kind(msgspec.Struct, frozen=True):
    """A primitive type of JSON: its types in Python, the keywords of its bounds, and its other keywords."""

    types: tuple[type, ...]
    low: str
    high: str
    others: frozenset[str] = frozenset()

    @property
    def keywords(self) -> frozenset[str]:
        """What the schema of a property may say."""
        return self.others | {"type", "title", "description", "default", self.low, self.high}


_KINDS = {
    "string": _Kind((str,), "minLength", "maxLength", frozenset({"format", "enum", "enumNames", "oneOf"})),
    "number": _Kind((int, float), "minimum", "maximum"),
    "integer": _Kind((int,), "minimum", "maximum"),
    "boolean": _Kind((bool,), "minimum", "maximum"),
    "array": _Kind((list,), "minItems", "maxItems", frozenset({"items"})),
}


class Form(msgspec.Struct, Generic[T], frozen=True):
    """A form: what the client shows, and how its content is converted; without a codec it stays a dict."""

    schema: dict[str, Any]
    codec: Codec | None

    def read(self, content: dict[str, Any]) -> T:
        """Check what the user filled in, and convert it.

        Raises:
            ValidationError: it does not fit the form.
        """
        if self.codec is not None:
            return cast("T", self.codec.convert(content))
        for name in self.schema.get("required", ()):
            if name not in content:
                raise ValidationError(f"Object missing required field `{name}`")
        properties = self.schema.get("properties", {})
        for name, value in content.items():
            if name in properties:
                _check(name, properties[name], value)
        return cast("T", content)


def form_of(schema: type[T] | dict[str, Any]) -> Form[T]:
    """Make a form of a record type with primitive fields, or of a flat JSON Schema, shown as it is.

    Raises:
        DeclarationError: a property is not primitive, or there are none.
    """
    if isinstance(schema, dict):
        properties = schema.get("properties")
        if schema.get("type") != "object" or not isinstance(properties, dict):
            raise DeclarationError('A form\'s schema has "type": "object" and "properties"')
        for name, prop in properties.items():
            _require_primitive(name, prop)
        return Form(schema, None)
    # Kept on the class, so that a class that is made in a function does not stay longer than that function.
    form: Form[T] | None = vars(schema).get(_KEPT) if isinstance(schema, type) else None
    if form is None:
        form = _typed_form(schema)
        if isinstance(schema, type):
            type.__setattr__(schema, _KEPT, form)
    return form


def _typed_form(record: Any) -> Form[Any]:
    from lambent.features.codecs.schemas import resolve  # as in ``_flatten``; most tools ask nothing

    codec = codec_of(record)
    full = codec.schema()
    definitions = full.get("$defs", {})
    root = resolve(full, definitions)
    if root.get("type") != "object" or "properties" not in root:
        raise DeclarationError(f"A form is a record with named fields, not {record!r}")
    properties = {name: _flatten(name, prop, definitions) for name, prop in root["properties"].items()}
    schema: dict[str, Any] = {key: root[key] for key in ("title", "description") if key in root}
    schema |= {"type": "object", "properties": properties}
    if root.get("required"):
        schema["required"] = root["required"]
    return Form(schema, codec)


def _flatten(name: str, prop: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    from lambent.features.codecs.schemas import resolve

    is_named = "$ref" in prop
    prop = resolve(prop, definitions)
    if "anyOf" in prop:
        others = [option for option in prop["anyOf"] if option.get("type") != "null"]
        if len(others) == 1:
            is_named = "$ref" in others[0]
            prop = {
                **resolve(others[0], definitions),
                **{key: value for key, value in prop.items() if key != "anyOf"},
            }
    prop = dict(prop)
    if "const" in prop:
        prop["enum"] = [prop.pop("const")]
    if "enum" in prop and all(isinstance(choice, str) for choice in prop["enum"]):
        prop.setdefault("type", "string")
        if is_named:
            prop.pop("title", None)  # that of the class
    if prop.get("default", ...) is None:
        del prop["default"]
    if prop.get("format") not in (*_FORMATS, "binary"):
        prop.pop("format", None)
    if isinstance(prop.get("items"), dict):
        prop["items"] = _flatten(f"{name}[]", prop["items"], definitions)
    _require_primitive(name, prop)
    keywords = _KINDS[prop["type"]].keywords
    return {key: value for key, value in prop.items() if key in keywords}


def _require_primitive(name: str, prop: Any) -> None:
    kind = prop.get("type") if isinstance(prop, dict) else None
    allowed = isinstance(kind, str) and kind in _KINDS
    if kind == "array":
        items = prop.get("items")
        allowed = isinstance(items, dict) and ("enum" in items or "anyOf" in items)
    is_binary = isinstance(prop, dict) and ("contentEncoding" in prop or prop.get("format") == "binary")
    if not allowed or is_binary or (kind in ("integer", "number") and "enum" in prop):
        items = prop.get("items") if kind == "array" else None
        if kind == "object" or (isinstance(items, dict) and items.get("type") in ("object", "array")):
            raise DeclarationError(
                f"Field {name!r} cannot be shown in a form, which is flat: put its fields into the form "
                "itself, or ask for it in a question of its own"
            )
        raise DeclarationError(
            f"Field {name!r} cannot be shown in a form: use text, numbers, booleans, choices of text, or "
            "lists of such choices"
        )


def _check(name: str, prop: dict[str, Any], value: Any) -> None:
    """Check a value against the schema of a property."""
    kind = _KINDS[prop["type"]]
    fits = isinstance(value, kind.types) and (kind.types == (bool,) or not isinstance(value, bool))
    if not fits and not (prop["type"] == "integer" and isinstance(value, float) and value.is_integer()):
        raise ValidationError(f"Expected `{prop['type']}` - at `$.{name}`")
    titled = prop.get("oneOf", prop.get("anyOf"))
    choices = prop.get("enum", [choice["const"] for choice in titled] if titled else None)
    if choices is not None and value not in choices:
        raise ValidationError(f"Expected one of {choices} - at `$.{name}`")
    size = len(value) if isinstance(value, str | list) else value
    if prop.get(kind.low, size) > size or prop.get(kind.high, size) < size:
        raise ValidationError(f"Out of bounds - at `$.{name}`")
    if isinstance(value, list):
        for item in value:
            _check(f"{name}[]", {"type": "string", **prop.get("items", {})}, item)
