"""Codec of plain classes as results: objects of the attributes that the class declares."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from copy import copy
from functools import partial
from typing import Any, ClassVar, get_origin

import msgspec

from lambent.features.codecs import ValidationError, codec_of


class AttributesCodec:
    """The codec of a class that no library knows as a record; it only writes.

    An attribute with a default in the class may be missing; those that begin with an underscore are left out.

    Raises:
        DeclarationError: an attribute cannot be described.
    """

    is_plain = False

    def __init__(self, cls: type, hints: Mapping[str, Any]) -> None:
        required: list[Any] = []
        optional: list[Any] = []
        for name, hint in hints.items():
            if name.startswith("_") or hint is ClassVar or get_origin(hint) is ClassVar:
                continue
            default = _default(cls, name)
            if default is msgspec.NODEFAULT:
                required.append((name, hint))
            else:
                changes = isinstance(default, list | dict | set)  # dataclasses refuse these as they are
                options: Any = (
                    {"default_factory": partial(copy, default)} if changes else {"default": default}
                )
                optional.append((name, hint, dataclasses.field(**options)))
        self._names = [item[0] for item in (*required, *optional)]
        self._cls = cls
        self._record: Any = dataclasses.make_dataclass(cls.__name__, [*required, *optional])
        self._codec = codec_of(self._record, "write")

    def schema(self) -> dict[str, Any]:
        """See ``Codec``."""
        return self._codec.schema()

    def encode(self, value: Any) -> bytes:
        """See ``Codec``; an object of another class, such as a dict, is written if it fits."""
        if not isinstance(value, self._cls):
            return self._codec.encode(value)
        try:
            members = {name: getattr(value, name) for name in self._names}
        except AttributeError as error:
            raise ValidationError(str(error)) from None
        return self._codec.encode(self._record(**members))

    def decode(self, raw: bytes | msgspec.Raw) -> Any:
        """Results are only written."""
        raise NotImplementedError("Results are only written")

    convert = decode


def _default(cls: type, name: str) -> Any:
    found = getattr(cls, name, msgspec.NODEFAULT)
    return msgspec.NODEFAULT if hasattr(found, "__get__") else found  # a property or a slot is no default
