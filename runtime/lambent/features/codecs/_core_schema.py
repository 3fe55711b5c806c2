"""Core schemas of pydantic, changed before validators and serializers are made of them (``_validator``).

``bounded`` keeps what a schema accepts, but finds a limited number of problems in any value, and no NaN or
infinity fits. ``structural`` also leaves out what users have written as code, so that whatever it writes it
reads back: validators and serializers, computed and excluded fields, and aliases that differ by direction.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from math import inf
from typing import Any

from pydantic import ValidationError

from lambent.features.codecs.finite import require_finite

MAX_PROBLEMS = 1000
"""Problems in one value after which pydantic stops: it keeps each of them, about 300 bytes."""

Node = dict[str, Any]
_NESTED = (
    *("schema", "items_schema", "keys_schema", "values_schema", "extras_schema", "extras_keys_schema"),
    *("json_schema", "python_schema", "lax_schema", "strict_schema", "return_schema"),
    *("arguments_schema", "var_args_schema", "var_kwargs_schema"),
    *("choices", "fields", "definitions", "steps"),
)
"""The keys of a node under which there are other nodes."""

_COLLECTIONS = frozenset(
    {"list", "deque", "set", "frozenset", "tuple", "dict", "frozendict", "ordered-dict", "counter"}
)
_RECORDS = frozenset({"model", "dataclass", "typed-dict", "named-tuple", "call"})
_VALIDATORS = frozenset({"function-before", "function-after", "function-wrap"})

_OPAQUE = frozenset(
    {"callable", "is-instance", "is-subclass", "function-plain", "call", "custom-error", "complex"}
) | {"generator"}
"""Kinds of nodes that may have no JSON Schema."""

_EXTRA = {
    "type": "custom-error",
    "custom_error_type": "extra_type",
    "custom_error_message": "It does not fit the type of further members",
}
"""Around the schema of members that a record does not name, so that each of them has one problem at most."""

BASE64: Any = {"ser_json_bytes": "base64", "val_json_bytes": "base64"}
"""Settings by which bytes are read and written as msgspec does it."""


class TooManyProblems(Exception):  # noqa: N818 - says what happened
    """A value has more problems than are worth counting; no ``ValueError``, which pydantic would collect."""


def is_describable(node: Any) -> bool:
    """Whether a schema consists of nodes that have a JSON Schema."""
    return not any(part.get("type") in _OPAQUE for part in _walk(node))


def checks_others(node: Any) -> bool:
    """Whether a record has problems with members that it does not name: pydantic keeps each of them."""
    return any(
        "extras_schema" in part
        or "forbid" in (part.get("extra_behavior"), part.get("config", {}).get("extra_fields_behavior"))
        for part in _walk(node)
    )


def has_validators(node: Any) -> bool:
    """Whether there are validators of users, which may refuse what they return."""
    return any(part["type"] in _VALIDATORS and is_users(part) for part in _walk(node))


def writes_otherwise(node: Any) -> bool:
    """Whether values are written otherwise than they are read."""
    return any(_writes_otherwise(part) for part in _walk(node))


def may_be_huge(node: Any) -> bool:
    """Whether numbers beyond the range of floats may be where nothing says that they are floats."""
    return any(
        part["type"] in ("any", "json", *_OPAQUE)
        or (part["type"] in _COLLECTIONS and not {"items_schema", "values_schema"} & part.keys())
        for part in _walk(node)
    )


def may_be_null(node: Any) -> bool:
    """Whether NaN, which is written as null, may be where null is allowed."""
    nullable = [part for part in _walk(node) if part["type"] == "nullable"]
    return any(part["type"] == "float" for part in _walk(nullable))


def masks(node: Any) -> bool:
    """Whether values are written as asterisks."""
    functions = [part.get("serialization", {}).get("function") for part in _walk(node)]
    return any(getattr(function, "__name__", "").startswith("_serialize_secret") for function in functions)


def bounded(node: Any) -> Any:
    """The same schema with a limited number of problems, and without NaN and infinity."""
    return _limited(_copied(node, _finite))


def structural(node: Any) -> Any:
    """What ``bounded`` gives, without the code of users: it reads what it writes."""
    return _limited(_copied(node, lambda part: _finite(_bare(part))))


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
    copied = {**node, **{key: _copied(child, change) for key, child in _children(node)}}
    if node["type"] not in ("complex", "json"):
        return copied
    return {
        "type": "function-after",
        "function": {"type": "no-info", "function": _require_finite},
        "schema": copied,
    }


def _finite(node: Node) -> Node:
    if node["type"] == "literal" and len(kinds := {type(one) for one in node["expected"]}) == 1:
        (cls,) = kinds
        if issubclass(cls, enum.Enum):  # pydantic would not read their values
            return {**node, "type": "enum", "cls": cls, "members": node["expected"]}
    if node["type"] in _COLLECTIONS:
        node["fail_fast"] = True
    elif node["type"] in ("float", "decimal"):
        node["allow_inf_nan"] = False
    if "extras_schema" in node:
        node["extras_schema"] = {**_EXTRA, "schema": node["extras_schema"]}
    return node


def _require_finite(value: Any) -> Any:
    require_finite(value)
    return value


def bound_of(root: Node) -> Callable[[Any], float]:
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
    bound = bound_of(root)

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


def is_users(function: Node) -> bool:
    """Whether a function is not one of pydantic's own types."""
    inner = function.get("function", function)
    inner = inner.get("function", inner) if isinstance(inner, dict) else inner
    module = str(getattr(inner, "__module__", None) or getattr(type(inner), "__module__", ""))
    return module.partition(".")[0] not in ("pydantic", "pydantic_core", "lambent")


def _writes_otherwise(node: Node) -> bool:
    serialization = node.get("serialization")
    return (
        (isinstance(serialization, dict) and "function" in serialization and is_users(serialization))
        or bool(node.get("computed_fields"))
        or bool(node.get("serialization_exclude"))
        or bool(node.get("serialization_exclude_if"))
        or bool(node.get("custom_init"))
        or node["type"] == "json"
        or node.get("serialization_alias") != node.get("validation_alias")
    )


def _bare(node: Node) -> Node:
    """A node without the code of users; the validators around it are dropped with it."""
    while node["type"] in _VALIDATORS and is_users(node):
        ref = node.get("ref")
        node = dict(node["schema"])
        if ref is not None:
            node["ref"] = ref
    serialization = node.get("serialization")
    if isinstance(serialization, dict) and "function" in serialization and is_users(serialization):
        del node["serialization"]
    for key in ("serialization_exclude", "serialization_exclude_if", "custom_init", "init"):
        node.pop(key, None)
    if "computed_fields" in node:
        node["computed_fields"] = []
    if node["type"] == "dataclass-args":
        node["fields"] = [field for field in node["fields"] if not field.get("init_only")]
    if node["type"] in _RECORDS:
        node["config"] = {**node.get("config", {}), **BASE64}
        # Where there are private attributes, it is pydantic's own function that makes them.
        if not getattr(node.get("cls"), "__private_attributes__", None):
            node.pop("post_init", None)
    alias = node.get("validation_alias")
    if alias is not None or "serialization_alias" in node:
        for key in ("validation_alias", "serialization_alias"):
            node.pop(key, None)
            if isinstance(alias, str):
                node[key] = alias
    return node
