"""Version 2025-03-26: batches; without titles, structured results, links to resources, and elicitation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET

from lambent.errors import ToolError
from lambent.wire.eras.legacy import Contents
from lambent.wire.eras.v2025_06_18 import Era20250618
from lambent.wire.results import CallToolResult, Result
from lambent.wire.values import Content, EmbeddedResource, ResourceLink, TextContent


class Era20250326(Era20250618):
    """Version 2025-03-26."""

    version = "2025-03-26"
    has_batches = True

    def implementation(self, members: dict[str, Any]) -> dict[str, Any]:
        """See ``LegacyEra.implementation``."""
        members = super().implementation(members)
        members.pop("title", None)
        return members

    def question(self, method: str, params: Mapping[str, Any], elicitation_id: str) -> dict[str, Any]:
        """See ``LegacyEra.question``: there is no elicitation."""
        if method == "elicitation/create":
            raise ToolError("This client's version of the protocol cannot ask its user")
        return super().question(method, params, elicitation_id)

    def definition(self, kind: str, members: dict[str, Any]) -> None:
        """See ``LegacyEra.definition``; a tool's title goes into its annotations, where it was before."""
        super().definition(kind, members)
        title = members.pop("title", None)
        members.pop("_meta", None)
        members.pop("outputSchema", None)
        if kind == "tools" and title is not None:
            members["annotations"] = {"title": title, **members.get("annotations", {})}
        elif "annotations" in members:
            members["annotations"].pop("lastModified", None)
        for argument in members.get("arguments", ()):
            argument.pop("title", None)

    def shorten(self, result: Result) -> None:
        """See ``LegacyEra.shorten``."""
        super().shorten(result)
        if isinstance(result, CallToolResult):
            result.structured_content = UNSET

    def block(self, block: Content) -> Content:
        """See ``LegacyEra.block``; a link becomes text, because clients refuse a result that has one."""
        block = super().block(block)
        if isinstance(block, ResourceLink):
            text = f"{block.title or block.name}: {block.uri}"
            block = TextContent(text=text, annotations=block.annotations)
        if isinstance(block, EmbeddedResource):
            block = msgspec.structs.replace(block, resource=self.contents(block.resource))
        annotations = getattr(block, "annotations", None)
        if annotations is not None and annotations.last_modified is not None:
            annotations = msgspec.structs.replace(annotations, last_modified=None)
            block = msgspec.structs.replace(block, annotations=annotations)
        return block if getattr(block, "meta", None) is None else msgspec.structs.replace(block, meta=None)

    def contents(self, contents: Contents) -> Contents:
        """See ``LegacyEra.contents``."""
        contents = super().contents(contents)
        return contents if contents.meta is None else msgspec.structs.replace(contents, meta=None)


ERA = Era20250326()
