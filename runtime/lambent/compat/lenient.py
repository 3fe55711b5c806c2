"""Values of this library, made as those of ``mcp.types`` are: with names of the wire, or of Python."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import Any, cast

import msgspec
from msgspec import UNSET, Struct, StructMeta

from lambent.wire.content import read_block

_VALUES = "lambent.compat.values"
_BLOCKS = "content"
"""The field of content blocks, which have no one type that msgspec could convert to."""


class Lenient(StructMeta):
    """The class of the classes of ``lambent.compat.types`` that derive from values of this library.

    They take ``mimeType=`` and ``mime_type=``, ``_meta=`` and ``meta=``, ``type="text"``, URLs as objects,
    and members as dicts. What does not fit its type raises a ``ValidationError``. Values that this library
    makes are instances of them too.
    """

    def __call__(self, **members: Any) -> Any:
        """Make a value.

        Raises:
            ValidationError: of msgspec, a ``ValueError``: a member has another type.
            TypeError: a member is missing, or there is none of its name.
        """
        kind = cast("type[Struct]", self)
        config, name = kind.__struct_config__, kind.__name__
        fields, names = _fields(kind)
        given: dict[str, Any] = {}
        for member, value in members.items():
            if member == config.tag_field:
                if value != config.tag:
                    raise msgspec.ValidationError(f"{name}.{member} is {config.tag!r}, not {value!r}")
                continue
            field = fields.get(names.get(member, member))
            if field is None:
                raise TypeError(f"{name} has no {member!r}; it has {', '.join(fields)}")
            if field.default is UNSET and (value is None or (value is False and field.type is not Any)):
                continue  # as if it was not given
            given[field.name] = _read(f"{name}.{field.name}", field, value)
        return super().__call__(**given)

    def __instancecheck__(self, value: object) -> bool:
        """Whether it is a value of the class of this library."""
        if self.__module__ == _VALUES:
            return isinstance(value, self.__mro__[1])
        return super().__instancecheck__(value)


@functools.cache
def _fields(kind: type[Struct]) -> tuple[dict[str, msgspec.structs.FieldInfo], dict[str, str]]:
    """The fields of a class by name, and their names by those of the wire; msgspec reads hints for them."""
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    return fields, {field.encode_name: field.name for field in fields.values()}


def _read(place: str, field: msgspec.structs.FieldInfo, value: Any) -> Any:
    if field.name == _BLOCKS:
        if isinstance(value, Mapping):
            return read_block(value)
        if isinstance(value, Iterable) and not isinstance(value, str):
            return [read_block(one) if isinstance(one, Mapping) else one for one in value]
        return value
    if field.name in ("uri", "url", "src", "website_url"):
        value = str(value)  # objects of pydantic
    if field.type is Any or isinstance(value, Struct) or _has_values(value):
        return value
    try:
        return msgspec.convert(value, field.type)
    except msgspec.ValidationError as error:
        raise msgspec.ValidationError(f"{place}: {error}") from None


def _dump(value: Any, *, by_alias: bool) -> Any:
    if isinstance(value, Struct):
        config = value.__struct_config__
        found = {} if config.tag is None else {str(config.tag_field): config.tag}
        for field in _fields(type(value))[0].values():
            if (member := getattr(value, field.name)) not in (None, UNSET):
                found[field.encode_name if by_alias else field.name] = _dump(member, by_alias=by_alias)
        return found
    if isinstance(value, list | tuple):
        return [_dump(one, by_alias=by_alias) for one in value]
    return value


def _has_values(value: Any) -> bool:
    return isinstance(value, list | tuple) and any(isinstance(one, Struct) for one in value)


class Model:
    """The methods of pydantic's models that servers call on values of ``mcp.types``."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        """A member by its name on the wire."""
        if name.startswith("__"):
            raise AttributeError(name)
        if field := _fields(cast("type[Struct]", type(self)))[1].get(name):
            return getattr(self, field)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    @classmethod
    def model_validate(cls, value: Any) -> Any:
        """Make a value of a JSON object."""
        return value if isinstance(value, cls) else cls(**value)

    def model_dump(self, *, by_alias: bool = False, **options: Any) -> dict[str, Any]:
        """The members that are set, by their names of Python, or on the wire.

        Raises:
            TypeError: an option is none of ``mode``, ``exclude_none`` and ``exclude_unset``.
        """
        if unknown := sorted(options.keys() - {"mode", "exclude_none", "exclude_unset"}):
            raise TypeError(f"model_dump has no {', '.join(unknown)} here")
        plain: dict[str, Any] = _dump(self, by_alias=by_alias)
        return plain

    def model_dump_json(self, *, by_alias: bool = False, **options: Any) -> str:
        """``model_dump`` as JSON text.

        Raises:
            TypeError: see ``model_dump``.
        """
        return msgspec.json.encode(self.model_dump(by_alias=by_alias, **options)).decode()

    def model_copy(self, *, update: Mapping[str, Any] | None = None) -> Any:
        """A copy with other members."""
        return msgspec.structs.replace(self, **(update or {}))  # type: ignore[type-var]
