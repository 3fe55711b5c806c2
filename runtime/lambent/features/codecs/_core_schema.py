"""Core schemas of pydantic, changed before validators and serializers are made of them.

``bounded`` keeps what a schema accepts, but finds a limited number of problems in any value, and no NaN or
infinity fits. ``structural`` also leaves out what users have written as code, so that whatever it writes it
reads back: validators and serializers, computed and excluded fields, and aliases that differ by direction.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from math import inf
from typing import Any

from pydantic import ConfigDict, ValidationError
from pydantic_core import SchemaSerializer, SchemaValidator

MAX_PROBLEMS = 1000
"""Problems in one value after which pydantic stops: it keeps each of them, about 300 bytes."""

BASE64 = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")
"""The settings with which bytes are read and written as msgspec does."""

Node = dict[str, Any]
_NESTED = (
    *(
        "schema",
        "items_schema",
        "keys_schema",
        "values_schema",
        "extras_schema",
        "json_schema",
        "python_schema",
    ),
    *("lax_schema", "strict_schema", "choices", "fields", "definitions", "steps", "return_schema"),
)
_COLLECTIONS = frozenset({"list", "set", "frozenset", "tuple", "dict"})
_RECORDS = frozenset({"model", "dataclass", "typed-dict"})
_VALIDATORS = frozenset({"function-before", "function-after", "function-wrap"})
_OPAQUE = frozenset(
    {
        "callable",
        "is-instance",
        "is-subclass",
        "function-plain",
        "call",
        "custom-error",
        "complex",
        "generator",
    }
)
"""Kinds of nodes that may have no JSON Schema."""


class TooManyProblems(Exception):  # noqa: N818 - says what happened
    """A value has more problems than are worth counting; no ``ValueError``, which pydantic would collect."""


_REFUSED = object()
_DIRECT_BYTES = 2 * 1024 * 1024
"""Bytes of JSON, times the problems that a value can have, that is read without decoding it first."""


class Validator:
    """Validates as exactly this schema says: not as the validators that pydantic has made for its models.

    Each problem that pydantic finds in JSON holds a copy of the object around it. So a value is first
    validated without raising, and decoded once for its problems to refer to; large JSON is decoded first.
    """

    def __init__(self, schema: Node, config: Any = None) -> None:
        self._direct_bytes = _DIRECT_BYTES / min(_bound_of(schema)(schema), MAX_PROBLEMS)
        quiet = {"type": "default", "default": _REFUSED, "on_error": "default", "copy_default": False}
        self._quick = SchemaValidator(_around(schema, quiet), config, _use_prebuilt=False)
        self._schema, self._config = schema, config

    @functools.cached_property
    def _explaining(self) -> SchemaValidator:
        decode = {"type": "function-wrap", "function": {"type": "no-info", "function": _pass_on}}
        return SchemaValidator(_around(self._schema, decode), self._config, _use_prebuilt=False)

    def validate_json(self, raw: bytes) -> Any:
        """Read JSON. Raises pydantic's ``ValidationError``, or ``TooManyProblems``."""
        value = self._quick.validate_json(raw) if len(raw) <= self._direct_bytes else _REFUSED
        return self._explaining.validate_json(raw) if value is _REFUSED else value

    def validate_python(self, value: Any, *, by_name: bool = False) -> Any:
        """The same from a Python value; ``by_name``: fields may have their names besides their aliases."""
        return self._explaining.validate_python(value, by_alias=True, by_name=by_name or None)


def serializer_of(schema: Any, config: Any) -> SchemaSerializer:
    """A serializer of exactly this schema, as above."""
    return SchemaSerializer(schema, config, _use_prebuilt=False)


def is_describable(node: Any) -> bool:
    """Whether a schema consists of nodes that have a JSON Schema."""
    return not any(part.get("type") in _OPAQUE for part in _walk(node))


def forbids_others(node: Any) -> bool:
    """Whether a record refuses members that it does not know: pydantic names each of them."""
    return any(
        "forbid" in (part.get("extra_behavior"), part.get("config", {}).get("extra_fields_behavior"))
        for part in _walk(node)
    )


def may_be_null(node: Any) -> bool:
    """Whether NaN, which is written as null, may be where null is allowed."""
    nullable = [part for part in _walk(node) if part["type"] == "nullable"]
    return any(part["type"] == "float" for part in _walk(nullable))


def differs(node: Any) -> bool:
    """Whether values are written otherwise than they are read, or validators may refuse their own output."""
    return any(_differs(part) for part in _walk(node))


def bounded(node: Any) -> Any:
    """The same schema with a limited number of problems, and without NaN and infinity."""
    return _limited(_copied(node, _finite))


def structural(node: Any) -> Any:
    """What ``bounded`` gives, without the code of users: it reads what it writes."""
    return _limited(_copied(node, lambda part: _finite(_bare(part))))


def _around(schema: Node, outer: Node) -> Node:
    if schema["type"] != "definitions":
        return {**outer, "schema": schema}
    return {**schema, "schema": {**outer, "schema": schema["schema"]}}


def _pass_on(value: Any, handler: Callable[[Any], Any]) -> Any:
    return handler(value)


def _children(node: Node) -> list[tuple[str, Any]]:
    return [(key, node[key]) for key in _NESTED if key in node]


def _walk(node: Any) -> list[Node]:
    """Every node of a schema."""
    found: list[Node] = []
    todo = [node]
    while todo:
        part = todo.pop()
        if isinstance(part, list | tuple):
            todo.extend(part)
        elif isinstance(part, dict):
            if isinstance(part.get("type"), str):
                found.append(part)
                todo.extend(child for _, child in _children(part))
            else:  # fields or choices by name
                todo.extend(part.values())
    return found


def _copied(node: Any, change: Callable[[Node], Node]) -> Any:
    """A copy in which every node is changed, outer ones first."""
    if isinstance(node, list | tuple):
        return type(node)(_copied(item, change) for item in node)
    if not isinstance(node, dict):
        return node
    if not isinstance(node.get("type"), str):
        return {name: _copied(item, change) for name, item in node.items()}
    node = change(dict(node))
    return {**node, **{key: _copied(child, change) for key, child in _children(node)}}


def _finite(node: Node) -> Node:
    if node["type"] in _COLLECTIONS:
        node["fail_fast"] = True
    elif node["type"] in ("float", "decimal"):
        node["allow_inf_nan"] = False
    return node


def _bound_of(root: Node) -> Callable[[Any], float]:
    """Gives how many problems a value of a node can have, where collections stop at their first bad item."""
    definitions = {item["ref"]: item for item in root.get("definitions", ())}
    bounds: dict[int, float] = {}

    def bound(node: Any) -> float:
        if id(node) not in bounds:
            bounds[id(node)] = inf  # what it is for a record within itself
            bounds[id(node)] = count(node)
        return bounds[id(node)]

    def count(node: Any) -> float:
        if isinstance(node, list | tuple):
            return sum(map(bound, node))
        if not isinstance(node, dict):
            return 0
        if not isinstance(node.get("type"), str):
            return sum(map(bound, node.values()))
        if node["type"] == "definition-ref":
            return bound(definitions[node["schema_ref"]])
        return max(1, sum(bound(child) for _, child in _children(node)))

    return bound


def _limited(root: Node) -> Any:
    """Stop early in records and references whose problems can multiply, by fields of fields or by recursion.

    A record that is checked by a function is slower, so all others are left as they are.
    """
    bound = _bound_of(root)

    def limit(node: Any, *, is_outermost: bool) -> Any:
        if isinstance(node, list | tuple):
            return type(node)(limit(item, is_outermost=is_outermost) for item in node)
        if not isinstance(node, dict):
            return node
        if not isinstance(node.get("type"), str):
            return {name: limit(item, is_outermost=is_outermost) for name, item in node.items()}
        kind = node["type"]
        is_record = kind in _RECORDS or kind == "definition-ref"
        inner = is_outermost and (kind == "definitions" or kind not in _RECORDS)
        limited = {key: limit(child, is_outermost=inner) for key, child in _children(node)}
        if not is_record or is_outermost or bound(node) <= MAX_PROBLEMS:
            return {**node, **limited}
        stop = {"type": "no-info", "function": _stop_early}
        return {"type": "function-wrap", "function": stop, "schema": {**node, **limited}}

    return limit(root, is_outermost=True)


def _stop_early(value: Any, handler: Callable[[Any], Any]) -> Any:
    try:
        return handler(value)
    except ValidationError as error:
        if error.error_count() > MAX_PROBLEMS:
            raise TooManyProblems from None
        raise


def _is_users(function: Node) -> bool:
    """Whether a function is not one of pydantic's own types."""
    inner = function.get("function", function)
    inner = inner.get("function", inner) if isinstance(inner, dict) else inner
    module = str(getattr(inner, "__module__", None) or getattr(type(inner), "__module__", ""))
    return module.partition(".")[0] not in ("pydantic", "pydantic_core", "lambent")


def _differs(node: Node) -> bool:
    serialization = node.get("serialization")
    return (
        (node["type"] in _VALIDATORS and _is_users(node))
        or (isinstance(serialization, dict) and "function" in serialization and _is_users(serialization))
        or bool(node.get("computed_fields"))
        or bool(node.get("serialization_exclude"))
        or bool(node.get("serialization_exclude_if"))
        or bool(node.get("custom_init"))
        or node.get("serialization_alias") != node.get("validation_alias")
    )


def _bare(node: Node) -> Node:
    """A node without the code of users; the validators around it are dropped with it."""
    while node["type"] in _VALIDATORS and _is_users(node):
        ref = node.get("ref")
        node = dict(node["schema"])
        if ref is not None:
            node["ref"] = ref
    serialization = node.get("serialization")
    if isinstance(serialization, dict) and "function" in serialization and _is_users(serialization):
        del node["serialization"]
    for key in ("serialization_exclude", "serialization_exclude_if", "custom_init"):
        node.pop(key, None)
    if "computed_fields" in node:
        node["computed_fields"] = []
    if node["type"] in _RECORDS:
        node["config"] = {**node.get("config", {}), **BASE64}
    alias = node.get("validation_alias")
    if alias is not None or "serialization_alias" in node:
        for key in ("validation_alias", "serialization_alias"):
            node.pop(key, None)
            if isinstance(alias, str):
                node[key] = alias
    return node
