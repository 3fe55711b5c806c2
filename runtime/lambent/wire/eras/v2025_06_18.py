"""Version 2025-06-18: without icons, descriptions of servers, and resumption by the server's choice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import to_builtins

from lambent.errors import ToolError
from lambent.wire.eras.v2025_11_25 import Era20251125
from lambent.wire.values import Content, ResourceLink


class Era20250618(Era20251125):
    """Version 2025-06-18."""

    version = "2025-06-18"
    can_resume = False
    changes_blocks = True

    def implementation(self, members: dict[str, Any]) -> dict[str, Any]:
        """See ``LegacyEra.implementation``."""
        kept = ("name", "version", "title")
        return {name: value for name, value in super().implementation(members).items() if name in kept}

    def question(self, method: str, params: Mapping[str, Any], elicitation_id: str) -> dict[str, Any]:
        """See ``LegacyEra.question``: forms without lists, choices with ``enumNames``, and no URLs."""
        if params.get("mode") == "url":
            raise ToolError("This client's version of the protocol cannot send its user to a page")
        asked = super().question(method, params, elicitation_id)
        asked.pop("mode", None)
        if "requestedSchema" in asked:
            asked["requestedSchema"] = _plain_form(asked["requestedSchema"])
        if method == "sampling/createMessage":
            if "tools" in asked or "toolChoice" in asked:
                raise ToolError("This client's version of the protocol has no tools for its model")
            asked["messages"] = [_one_block(message) for message in to_builtins(asked["messages"])]
        return asked

    def definition(self, kind: str, members: dict[str, Any]) -> None:
        """See ``LegacyEra.definition``."""
        super().definition(kind, members)
        members.pop("icons", None)

    def block(self, block: Content) -> Content:
        """See ``LegacyEra.block``."""
        block = super().block(block)
        if isinstance(block, ResourceLink) and block.icons is not None:
            return msgspec.structs.replace(block, icons=None)
        return block


def _plain_form(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A form whose choices are ``enum`` and ``enumNames``; only a boolean has a default."""
    properties = {}
    for name, field in schema.get("properties", {}).items():
        if field.get("type") == "array":
            raise ToolError(f"This client's version of the protocol has no lists in forms, as in {name!r}")
        plain = dict(field)
        if field.get("type") != "boolean":
            plain.pop("default", None)
        if choices := plain.pop("oneOf", None):
            plain["enum"] = [choice["const"] for choice in choices]
            plain["enumNames"] = [choice.get("title", choice["const"]) for choice in choices]
        properties[name] = plain
    return {**schema, "properties": properties}


def _one_block(message: dict[str, Any]) -> dict[str, Any]:
    content = message["content"]
    if not isinstance(content, list):
        return message
    if len(content) != 1:
        raise ToolError("This client's version of the protocol takes one content block in a message")
    return {**message, "content": content[0]}


ERA = Era20250618()
