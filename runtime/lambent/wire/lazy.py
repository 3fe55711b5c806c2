"""Decoders that are made at first use: a request needs only two of about a dozen."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import msgspec

T = TypeVar("T")


class LazyDecoder(Generic[T]):
    """A JSON decoder of a type."""

    def __init__(self, target: type[T] | Any) -> None:
        self._target = target

    def decode(self, raw: bytes | str | msgspec.Raw) -> T:
        """Read JSON; see ``msgspec.json.Decoder.decode``."""
        decoder: msgspec.json.Decoder[T] = msgspec.json.Decoder(self._target)
        self.decode = decoder.decode  # type: ignore[method-assign,assignment]  # the next call goes to msgspec directly
        return decoder.decode(raw)
