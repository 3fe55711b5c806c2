"""Version 2025-11-25: the newest of the legacy era."""

from __future__ import annotations

from lambent.wire.eras.legacy import LegacyEra


class Era20251125(LegacyEra):
    """Version 2025-11-25."""

    version = "2025-11-25"
    can_resume = True


ERA = Era20251125()
