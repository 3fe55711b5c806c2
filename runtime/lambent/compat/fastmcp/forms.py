"""What ``ctx.elicit`` asks for: records, and single values in a form with one field."""

from __future__ import annotations

import typing
from collections.abc import Callable
from typing import Any

import msgspec

from lambent.features.codecs import Codec, codec_of
from lambent.features.hints import fields_of

_FIELD = "value"


class Form(msgspec.Struct, frozen=True):
    """A form, and how its answer is read."""

    schema: Any
    read: Callable[[Any], Any]


def form_of(kind: Any, title: str | None = None, description: str | None = None) -> Form:
    """The form that asks for something; see ``Context.elicit``.

    Raises:
        TypeError: such a form cannot be shown.
    """
    if kind is None:
        return Form({"type": "object", "properties": {}}, lambda data: data)
    if isinstance(kind, dict):
        return _single({"type": "string", "oneOf": _titled(kind)}, title, description)
    if isinstance(kind, list):
        return _of_list(kind, title, description)
    if isinstance(kind, type) and fields_of(kind):
        return Form(kind, lambda data: data)
    codec = codec_of(kind)
    return _single(_schema(kind, codec), title, description, codec.convert)


def _of_list(choices: list[Any], title: str | None, description: str | None) -> Form:
    if all(isinstance(one, str) for one in choices):
        return _single({"type": "string", "enum": choices}, title, description)
    if len(choices) == 1 and isinstance(choices[0], list):
        items: dict[str, Any] = {"type": "string", "enum": choices[0]}
    elif len(choices) == 1 and isinstance(choices[0], dict):
        items = {"anyOf": _titled(choices[0])}
    else:
        raise TypeError(f"A form cannot ask for {choices!r:.100}")
    return _single({"type": "array", "items": items}, title, description)


def _titled(choices: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"const": name, "title": said.get("title", name)} for name, said in choices.items()]


def _schema(kind: Any, codec: Codec) -> dict[str, Any]:
    from lambent.compat.fastmcp.schemas import tidy

    if typing.get_origin(kind) is typing.Literal:
        return {"type": "string", "enum": list(typing.get_args(kind))}
    return tidy(codec.schema())


def _single(
    schema: dict[str, Any],
    title: str | None,
    description: str | None,
    convert: Callable[[Any], Any] = lambda value: value,
) -> Form:
    shown = {**schema, "title": title or "Value"}
    if description is not None:
        shown["description"] = description
    form = {"type": "object", "properties": {_FIELD: shown}, "required": [_FIELD]}
    return Form(form, lambda data: convert(data[_FIELD]))
