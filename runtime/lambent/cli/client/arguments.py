"""Arguments of tools and answers to forms: words of the command line, typed by their schema."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from lambent.cli.client.text import one_line
from lambent.cli.errors import UsageError

_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}


def read_arguments(words: Iterable[str], given: str | None, schema: Mapping[str, Any]) -> dict[str, Any]:
    """Read `name=value` words, and the JSON object of `--args`.

    Args:
        words: The words.
        given: The JSON object, over which the words take precedence; None for none.
        schema: The JSON Schema of the arguments.

    Returns:
        The arguments. Whether the required ones are there is for the server to say.

    Raises:
        UsageError: A word is not name=value, names no argument, or its value has another type.
    """
    arguments = _read_object(given)
    for word in words:
        name, equals, text = word.partition("=")
        if not name or not equals:
            raise UsageError(f"{word!r} is not name=value")
        arguments[name] = read_value(name, text, _property(name, schema), schema)
    return arguments


def read_value(name: str, text: str, one: Mapping[str, Any], schema: Mapping[str, Any]) -> Any:
    """Read a value as its schema wants it: a string as it is, anything else as JSON.

    Args:
        name: Of the argument, for errors.
        text: The value as it was typed.
        one: Its schema.
        schema: The schema around it, where definitions are.

    Raises:
        UsageError: It has another type.
    """
    types = types_of(one, schema)
    if types == {"string"}:
        return text
    try:
        value = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        value = text
    if not types or any(_is(value, kind) for kind in types):
        return value
    if "string" in types:
        return text
    wanted = " or ".join(sorted(types))
    hint = f", such as {json.dumps([text])}" if "array" in types else ""
    raise UsageError(f"{one_line(name)}={one_line(text)}: {one_line(wanted)} is wanted{hint}")


def types_of(one: Any, schema: Mapping[str, Any]) -> set[str]:
    """The JSON types that a schema allows; none where it allows all, or does not say it simply.

    Args:
        one: The schema.
        schema: The schema around it, where definitions are.
    """
    return _types(one, schema, 0)


def _types(one: Any, schema: Mapping[str, Any], depth: int) -> set[str]:
    if not isinstance(one, dict) or depth > 20:
        return set()
    reference = one.get("$ref")
    if isinstance(reference, str) and reference.startswith("#/"):
        found: Any = schema
        for part in reference[2:].split("/"):
            found = found.get(part) if isinstance(found, dict) else None
        return _types(found, schema, depth + 1)
    kinds = one.get("type")
    if isinstance(kinds, str):
        return {kinds}
    if isinstance(kinds, list):
        return {kind for kind in kinds if isinstance(kind, str)}
    for keyword in ("anyOf", "oneOf"):
        if isinstance(options := one.get(keyword), list):
            each = [_types(option, schema, depth + 1) for option in options]
            return set().union(*each) if all(each) else set()
    values = one.get("enum", [one["const"]] if "const" in one else None)
    if isinstance(values, list):
        return {kind for kind in _TYPES for value in values if _is(value, kind)}
    return set()


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES.get(kind, ()))


def _property(name: str, schema: Mapping[str, Any]) -> Mapping[str, Any]:
    properties = schema.get("properties")
    known = properties if isinstance(properties, dict) else {}
    one = known.get(name)
    if isinstance(one, dict):
        return one
    # Closed unless it says otherwise: a misspelled name is told before the call.
    if not schema.get("additionalProperties", False):
        there_are = ", ".join(map(one_line, known)) or "none"
        raise UsageError(f"there is no argument {name}; there are: {there_are}")
    return {}


def _read_object(given: str | None) -> dict[str, Any]:
    if given is None:
        return {}
    try:
        arguments = json.loads(given, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"--args is not JSON: {error}") from error
    if not isinstance(arguments, dict):
        raise UsageError("--args is not a JSON object")
    return arguments


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no number")
