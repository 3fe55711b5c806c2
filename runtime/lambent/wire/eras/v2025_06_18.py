"""Version 2025-06-18: without icons, descriptions of servers, and resumption by the server's choice."""

from __future__ import annotations

from typing import Any

import msgspec

from lambent.wire.eras.v2025_11_25 import Era20251125
from lambent.wire.values import Content, ResourceLink


class Era20250618(Era20251125):
    """Version 2025-06-18."""

    version = "2025-06-18"
    can_resume = False

    def implementation(self, members: dict[str, Any]) -> dict[str, Any]:
        """See ``LegacyEra.implementation``."""
        kept = ("name", "version", "title")
        return {name: value for name, value in super().implementation(members).items() if name in kept}

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


ERA = Era20250618()
