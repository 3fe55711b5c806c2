"""Decoders that are made when they are first used: most requests need two of a dozen."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import msgspec

T = TypeVar("T")


class LazyDecoder(Generic[T]):
    """A JSON decoder of a type.

    Args:
        target: the type that JSON is read into.
    """

    def __init__(self, target: type[T] | Any) -> None:
        self._target = target

    def decode(self, raw: bytes | str | msgspec.Raw) -> T:
        """Read JSON; see ``msgspec.json.Decoder.decode``."""
        decoder: msgspec.json.Decoder[T] = msgspec.json.Decoder(self._target)
        self.decode = decoder.decode  # type: ignore[method-assign,assignment]  # from here on nothing is between
        return decoder.decode(raw)
