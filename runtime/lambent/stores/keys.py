"""The secrets that seal request state, from settings or made for the process."""

from __future__ import annotations

import os
from collections.abc import Sequence

from lambent.errors import ConfigurationError

MIN_SECRET_LENGTH = 32
"""Characters: 32 hexadecimal digits are 128 bits."""


class StaticKeys:
    """Secrets from settings; the first one seals, every one opens.

    Raises:
        ConfigurationError: there is none, or one is too short.
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
        """See ``Keys.renewed``: there is no other source."""
        return self.ring()

    def forget(self) -> None:
        """See ``Keys.forget``: settings are the same for all copies."""


class ProcessKeys(StaticKeys):
    """A random secret for as long as the process runs: for hosts that are one process."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """See ``Keys.forget``: this process gets a secret of its own."""
        self._ring = (os.urandom(32),)


class MissingKeys(StaticKeys):
    """No secret: for Lambda, where another execution environment may handle the next round."""

    def __init__(self) -> None:
        pass

    def ring(self) -> Sequence[bytes]:
        """See ``Keys.ring``."""
        raise ConfigurationError(
            "This function asks its clients questions, so it needs a secret that all its environments share: "
            "set LAMBENT_STATE_KEYS to the output of `openssl rand -hex 32`, or LAMBENT_STATE_SECRET to a "
            "secret of Secrets Manager"
        )
