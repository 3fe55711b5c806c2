"""Validators and serializers of exactly the core schemas that ``_core_schema`` makes, and their errors."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from pydantic_core import SchemaSerializer, SchemaValidator
from pydantic_core import ValidationError as PydanticError

from lambent.features.codecs import ValidationError
from lambent.features.codecs._core_schema import BASE64, MAX_PROBLEMS, Node, TooManyProblems, bound_of

MAX_SHOWN = 10
"""Problems in one error message, so that it stays short enough for a model to read."""

_REFUSED = object()
_DIRECT_BYTES = 2 * 1024 * 1024
"""Bytes of JSON, times the problems that a value can have, that is read without decoding it first."""


class Validator:
    """Validates as exactly this schema says: not as the validators that pydantic has made for its models.

    Each problem that pydantic finds in JSON holds a copy of the object around it. So a value is first
    validated without raising, and decoded once for its problems to refer to; large JSON is decoded first.
    """

    def __init__(self, schema: Node) -> None:
        self._direct_bytes = _DIRECT_BYTES / min(bound_of(schema)(schema), MAX_PROBLEMS)
        quiet = {"type": "default", "default": _REFUSED, "on_error": "default", "copy_default": False}
        self._quick = SchemaValidator(_around(schema, quiet), BASE64, _use_prebuilt=False)
        self._schema = schema

    @functools.cached_property
    def _explaining(self) -> SchemaValidator:
        decode = {"type": "function-wrap", "function": {"type": "no-info", "function": _pass_on}}
        return SchemaValidator(_around(self._schema, decode), BASE64, _use_prebuilt=False)

    def validate_json(self, raw: bytes) -> Any:
        """Read JSON. Raises pydantic's ``ValidationError``, or ``TooManyProblems``."""
        value = self._quick.validate_json(raw) if len(raw) <= self._direct_bytes else _REFUSED
        return self._explaining.validate_json(raw) if value is _REFUSED else value

    def validate_python(self, value: Any, *, by_name: bool = False) -> Any:
        """The same from a Python value; ``by_name``: fields may have their names besides their aliases."""
        names: Any = {"by_alias": True, "by_name": by_name or None}
        known = self._quick.validate_python(value, **names)
        return self._explaining.validate_python(value, **names) if known is _REFUSED else known


def serializer_of(schema: Any) -> SchemaSerializer:
    """A serializer of exactly this schema, as above."""
    return SchemaSerializer(schema, BASE64, _use_prebuilt=False)


def problem_of(error: Exception) -> ValidationError:
    """What a client is told of an error of a validation; the error itself where it is somebody else's.

    Raises:
        Exception: the error is not about the value.
    """
    if isinstance(error, PydanticError):
        return ValidationError(_explain(error))
    if isinstance(error, TooManyProblems):
        return ValidationError(f"there are more than {MAX_PROBLEMS} problems in it")
    if isinstance(error, RecursionError):
        return ValidationError("it is nested too deeply")
    raise error


def _around(schema: Node, outer: Node) -> Node:
    if schema["type"] != "definitions":
        return {**outer, "schema": schema}
    return {**schema, "schema": {**outer, "schema": schema["schema"]}}


def _pass_on(value: Any, handler: Callable[[Any], Any]) -> Any:
    return handler(value)


def _explain(error: PydanticError) -> str:
    """The first problems, each as ``message - at `$.path```, as msgspec writes them."""
    count = error.error_count()
    if count > MAX_PROBLEMS:
        return f"there are {count} problems in it"  # pydantic would build all of them to show a few
    lines = []
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    for problem in problems[:MAX_SHOWN]:
        parts = [part for part in problem["loc"] if not str(part).startswith("function-")]
        path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
        lines.append(f"{problem['msg']} - at `${path}`" if path else problem["msg"])
    if count > MAX_SHOWN:
        lines.append(f"and {count - MAX_SHOWN} more")
    return "; ".join(lines)
