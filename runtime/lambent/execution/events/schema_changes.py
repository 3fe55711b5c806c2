"""Whether a payload schema may take the place of another one ("Schema evolution").

A subscription was made by somebody who had read a schema. What is added does no harm; a member that is gone,
may be missing now, or has another type does, and so does an enum that has lost a value. What cannot be told
apart does none: subscriptions that could go on must not be ended.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambent.features.codecs.schemas import alternatives

_ALL_KINDS = frozenset({"string", "integer", "number", "boolean", "null", "array", "object"})
_KINDS = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}


def is_additive(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether who knows the old schema of payloads can read what fits the new one."""
    return _Comparison(old.get("$defs", {}), new.get("$defs", {})).keeps(old, new)


class _Comparison:
    def __init__(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        self._old = old
        self._new = new
        self._seen: set[tuple[int, int]] = set()

    def keeps(self, old: Any, new: Any) -> bool:
        """Whether each alternative of the new schema is one of the old schema's."""
        if (id(old), id(new)) in self._seen:  # types that contain themselves
            return True
        self._seen.add((id(old), id(new)))
        before, after = alternatives(old, self._old), alternatives(new, self._new)
        is_union = sum("properties" in one for one in before) > 1
        return all(
            any(self._fits(one, other) for one in before)
            or (is_union and "properties" in other)  # a further kind of record, as a further value of an enum
            for other in after
        )

    def _fits(self, old: dict[str, Any], new: dict[str, Any]) -> bool:
        known = _kinds(old)
        if not _kinds(new) <= known | ({"integer"} if "number" in known else set()):
            return False
        choices, left = _choices(old), _choices(new)
        if choices is not None and left is not None and any(one not in left for one in choices):
            return False
        return self._keeps_members(old, new) and self._keeps_items(old, new)

    def _keeps_members(self, old: dict[str, Any], new: dict[str, Any]) -> bool:
        members, left = old.get("properties"), new.get("properties", {})
        others, others_left = old.get("additionalProperties"), new.get("additionalProperties")
        if members is None:  # names that are data
            return not isinstance(others, dict) or others_left is None or self.keeps(others, others_left)
        return set(old.get("required", ())) <= set(new.get("required", ())) and all(
            name in left and self.keeps(one, left[name]) for name, one in members.items()
        )

    def _keeps_items(self, old: dict[str, Any], new: dict[str, Any]) -> bool:
        first, first_left = old.get("prefixItems", ()), new.get("prefixItems", ())
        if len(first) != len(first_left):
            return False
        items, items_left = old.get("items"), new.get("items")
        return all(map(self.keeps, first, first_left)) and (
            not isinstance(items, dict) or not isinstance(items_left, dict) or self.keeps(items, items_left)
        )


def _kinds(node: Mapping[str, Any]) -> frozenset[str]:
    """The JSON types of what fits a schema without references and unions."""
    kind = node.get("type")
    if kind is not None:
        return frozenset([kind] if isinstance(kind, str) else kind)
    choices = _choices(node)
    if choices is None:
        return _ALL_KINDS
    return frozenset(_KINDS.get(type(choice), "object") for choice in choices)


def _choices(node: Mapping[str, Any]) -> list[Any] | None:
    return [node["const"]] if "const" in node else node.get("enum")
