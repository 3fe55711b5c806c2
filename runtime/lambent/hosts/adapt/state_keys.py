"""The keys of a deployment in place of those that the official SDK 2.x makes for each process."""

from __future__ import annotations

from typing import Any, Protocol

from lambent.errors import ConfigurationError
from lambent.execution.rounds.sealing import Sealer

_VERSION = b"\x03"
"""Keeps these tokens from being taken for those of Lambent's own servers."""


class _Codec(Protocol):
    """See ``RequestStateCodec`` of the SDK."""

    def seal(self, payload: bytes) -> str: ...

    def unseal(self, token: str) -> bytes: ...


def share_keys(seals: tuple[Any, ...], sealer: Sealer) -> None:
    """Let the request states of a server be sealed with the keys of the deployment.

    What the SDK's own codec seals, these keys seal instead; a codec that the server's author has written
    stays.

    Args:
        seals: each a ``RequestStateSecurity``.
        sealer: has the keys.
    """
    for one in seals:
        if type(one.codec).__name__ == "AESGCMRequestStateCodec":
            one.codec = _SharedCodec(sealer, one.codec)


class _SharedCodec:
    """A codec of sealed bytes: what is in a state, and whose it is, the SDK checks itself.

    States that ``before`` has sealed, the server's own codec, are still opened by it.
    """

    def __init__(self, sealer: Sealer, before: _Codec) -> None:
        self._sealer = sealer
        self._before = before
        # Servers that share keys do not take each other's states.
        self._head = f"{sealer.audience}\0".encode()

    def seal(self, payload: bytes) -> str:
        """See ``RequestStateCodec``."""
        return self._sealer.seal_bytes(self._head + payload, _VERSION)

    def unseal(self, token: str) -> bytes:
        """See ``RequestStateCodec``."""
        try:
            payload = self._sealer.open_bytes(token, _VERSION)
        except ConfigurationError:  # the keys cannot be read, so none of these was given out
            payload = None
        if payload is None or not payload.startswith(self._head):
            return self._before.unseal(token)
        return payload.removeprefix(self._head)
