"""Where the secrets come from that seal request state."""

from __future__ import annotations

import os
from collections.abc import Sequence

from lambent.errors import ConfigurationError

MIN_SECRET_LENGTH = 32
"""Characters. 32 hexadecimal ones already are 128 bits."""


class StaticKeys:
    """Secrets from settings.

    Args:
        secrets: the ring; the first one seals, every one opens.

    Raises:
        ConfigurationError: the ring is empty, or a secret is too short to be one.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        if not secrets or any(len(secret) < MIN_SECRET_LENGTH for secret in secrets):
            raise ConfigurationError(
                f"LAMBENT_STATE_KEYS must hold secrets of at least {MIN_SECRET_LENGTH} characters, separated "
                "by commas, the one that seals first; make one with: openssl rand -hex 32"
            )
        self._ring = tuple(secret.encode() for secret in secrets)

    def ring(self) -> Sequence[bytes]:
        """See ``Keys.ring``."""
        return self._ring

    def renewed(self) -> Sequence[bytes]:
        """See ``Keys.renewed``: settings stay what they are."""
        return self._ring

    def forget(self) -> None:
        """See ``Keys.forget``: settings are the same for all copies."""


class ProcessKeys:
    """A secret that dies with the process: for hosts that are one process."""

    def __init__(self) -> None:
        self._ring = (os.urandom(32),)

    def ring(self) -> Sequence[bytes]:
        """See ``Keys.ring``."""
        return self._ring

    def renewed(self) -> Sequence[bytes]:
        """See ``Keys.renewed``: there is never another one."""
        return self._ring

    def forget(self) -> None:
        """See ``Keys.forget``: what another process sealed is not opened here."""
        self._ring = (os.urandom(32),)


class MissingKeys:
    """No secret at all: for Lambda, where the next round meets another environment."""

    def ring(self) -> Sequence[bytes]:
        """See ``Keys.ring``."""
        raise ConfigurationError(
            "This function asks its clients questions, so it needs a secret that all its environments share: "
            "set LAMBENT_STATE_KEYS to the output of `openssl rand -hex 32`, or LAMBENT_STATE_SECRET to a "
            "secret of Secrets Manager"
        )

    def renewed(self) -> Sequence[bytes]:
        """See ``Keys.renewed``."""
        return self.ring()

    def forget(self) -> None:
        """See ``Keys.forget``: there is nothing."""
