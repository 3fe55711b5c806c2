"""Core schemas of pydantic, changed before validators and serializers are made of them.

``bounded`` keeps what a schema accepts, but finds a limited number of problems in any value, and no NaN or
infinity fits. ``structural`` also leaves out what users have written as code, so that whatever it writes it
reads back: validators and serializers, computed and excluded fields, and aliases that differ by direction.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import ValidationError
from pydantic_core import SchemaSerializer, SchemaValidator

MAX_PROBLEMS = 1000
"""Problems in one value after which pydantic stops: it keeps each of them, about 300 bytes."""

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


def validator_of(schema: Node) -> SchemaValidator:
    """A validator of exactly this schema: not of those that pydantic has made for its models."""
    return SchemaValidator(schema, _use_prebuilt=False)


def serializer_of(schema: Node) -> SchemaSerializer:
    """A serializer of exactly this schema, as above."""
    return SchemaSerializer(schema, _use_prebuilt=False)


def is_describable(node: Any) -> bool:
    """Whether a schema consists of nodes that have a JSON Schema."""
    return not any(part.get("type") in _OPAQUE for part in _walk(node))


def differs(node: Any) -> bool:
    """Whether values are written otherwise than they are read, or validators may refuse their own output."""
    return any(_differs(part) for part in _walk(node))


def bounded(node: Any) -> Any:
    """The same schema with a limited number of problems, and without NaN and infinity."""
    return _limited(_copied(node, _finite), is_root=True)


def structural(node: Any) -> Any:
    """What ``bounded`` gives, without the code of users: it reads what it writes."""
    return _limited(_copied(node, lambda part: _finite(_bare(part))), is_root=True)


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


def _limited(node: Any, *, is_root: bool = False) -> Any:
    """Stop at references and at records in records: only there the number of problems can multiply."""
    if isinstance(node, list | tuple):
        return type(node)(_limited(item) for item in node)
    if not isinstance(node, dict):
        return node
    if not isinstance(node.get("type"), str):
        return {name: _limited(item) for name, item in node.items()}
    kind = node["type"]
    limited = {**node, **{key: _limited(child, is_root=is_root) for key, child in _children(node)}}
    if kind == "definitions":
        limited["definitions"] = [_limited(item, is_root=True) for item in node["definitions"]]
    is_inner = kind in _RECORDS and any(part["type"] in _RECORDS for part in _walk(node)[1:])
    if kind != "definition-ref" and (is_root or not is_inner):
        return limited
    return {
        "type": "function-wrap",
        "function": {"type": "no-info", "function": _stop_early},
        "schema": limited,
    }


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
    alias = node.get("validation_alias")
    if alias is not None or "serialization_alias" in node:
        for key in ("validation_alias", "serialization_alias"):
            node.pop(key, None)
            if isinstance(alias, str):
                node[key] = alias
    return node
