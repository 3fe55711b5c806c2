"""Version 2024-11-05: without audio, annotations of tools, and messages of progress."""

from __future__ import annotations

from typing import Any

from lambent.wire.eras.v2025_03_26 import Era20250326
from lambent.wire.values import AudioContent, Content, TextContent


class Era20241105(Era20250326):
    """Version 2024-11-05."""

    version = "2024-11-05"
    has_batches = False

    def capabilities(self, offered: dict[str, Any]) -> dict[str, Any]:
        """See ``LegacyEra.capabilities``."""
        offered = super().capabilities(offered)
        offered.pop("completions", None)
        return offered

    def definition(self, kind: str, members: dict[str, Any]) -> None:
        """See ``LegacyEra.definition``."""
        super().definition(kind, members)
        if kind == "tools":
            members.pop("annotations", None)

    def block(self, block: Content) -> Content:
        """See ``LegacyEra.block``; a sound becomes text that says so."""
        block = super().block(block)
        if isinstance(block, AudioContent):
            text = f"[audio, {block.mime_type}: this version of the protocol has no sound]"
            return TextContent(text=text, annotations=block.annotations)
        return block

    def notification(self, method: str, params: dict[str, Any]) -> bytes:
        """See ``Era.notification``."""
        if method == "notifications/progress":
            params = {name: value for name, value in params.items() if name != "message"}
        return super().notification(method, params)


ERA = Era20241105()
