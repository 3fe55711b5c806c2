"""Codecs by pydantic, for signatures that mention it."""

from __future__ import annotations

import copy
from typing import Any

import msgspec
import pydantic
from pydantic import BaseModel, ConfigDict, TypeAdapter, create_model
from pydantic import Field as PydanticField
from pydantic.errors import PydanticUserError
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import PydanticSerializationError

from lambent.features.codecs import Field, ValidationError, describe_members, is_immutable, is_plain, rewrite

_MAX_PROBLEMS = 10
"""What a model reads, and what no request can multiply."""


_MAX_COUNTED = 1000

_MAX_VALUES = 200_000
"""Of one call's arguments. pydantic keeps every problem that it finds, some 300 bytes each: more would kill
the function's environment."""


class _Untitled(GenerateJsonSchema):
    """Leaves out the titles that only repeat names."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


class PydanticCodec:
    """The codec of any type that pydantic supports."""

    def __init__(self, hint: Any) -> None:
        self._adapter: TypeAdapter[Any] = TypeAdapter(rewrite(hint, _translate))
        self.is_plain = is_plain(hint, BaseModel)
        self._hints = [hint]

    def schema(self) -> dict[str, Any]:
        """See ``Codec.schema``."""
        schema = self._adapter.json_schema(schema_generator=_Untitled, mode=self._mode)
        return describe_members(schema, self._hints)

    # What a function returns is described as it is written, what it takes as it is read.
    _mode: Any = "serialization"

    def decode(self, raw: bytes | msgspec.Raw) -> Any:
        """See ``Codec.decode``."""
        try:
            return self._adapter.validate_json(bytes(raw))
        except pydantic.ValidationError as error:
            raise ValidationError(_explain(error)) from None

    def convert(self, value: Any) -> Any:
        """See ``Codec.convert``."""
        try:
            return self._adapter.validate_python(value)
        except pydantic.ValidationError as error:
            raise ValidationError(_explain(error)) from None

    def encode(self, value: Any) -> bytes:
        """See ``Codec.encode``."""
        try:
            known = self._adapter.validate_python(value)
            raw = self._adapter.dump_json(known, by_alias=True, warnings="error")
            # Instances are taken as they are, and NaN is written as null: only what is read back surely fits.
            self._adapter.validate_json(raw)
        except pydantic.ValidationError as error:
            raise ValidationError(_explain(error)) from None
        except (PydanticSerializationError, PydanticUserError) as error:
            raise ValidationError(str(error)) from None
        return raw


class PydanticArguments(PydanticCodec):
    """The codec of a function's arguments."""

    _mode = "validation"

    def __init__(self, name: str, fields: list[Field]) -> None:
        # Parameters may be called anything, fields of a model may not: so they have names of their own.
        self._names = {f"p{index}": field.name for index, field in enumerate(fields)}
        members: dict[str, Any] = {
            own: _member(field) for own, field in zip(self._names, fields, strict=True)
        }
        super().__init__(create_model(name, __config__=ConfigDict(extra="forbid"), **members))
        self.is_plain = all(is_plain(field.hint, BaseModel) for field in fields)
        self._hints = [field.hint for field in fields]

    def schema(self) -> dict[str, Any]:
        """See ``Codec.schema``: the object itself, without a title."""
        schema = super().schema()
        schema.pop("title", None)
        schema.setdefault("properties", {})
        return schema

    def decode(self, raw: bytes | msgspec.Raw) -> dict[str, Any]:
        """See ``Codec.decode``."""
        text = bytes(raw)
        if text.count(b",") > _MAX_VALUES:
            raise ValidationError(f"it holds more than {_MAX_VALUES} values")
        return self._as_dict(super().decode(text))

    def convert(self, value: Any) -> dict[str, Any]:
        """See ``Codec.convert``."""
        return self._as_dict(super().convert(value))

    def _as_dict(self, model: Any) -> dict[str, Any]:
        return {name: getattr(model, own) for own, name in self._names.items()}


def _member(field: Field) -> tuple[Any, Any]:
    hint = rewrite(field.hint, _translate)
    if field.default is msgspec.NODEFAULT:
        return hint, PydanticField(alias=field.name)
    if isinstance(field.default, FieldInfo):
        given = copy.copy(field.default)
        for alias in ("alias", "validation_alias", "serialization_alias"):
            setattr(given, alias, field.name)
            given._attributes_set[alias] = field.name
        return hint, given
    default = field.default
    if is_immutable(default):
        return hint, PydanticField(default, alias=field.name)
    return hint, PydanticField(default_factory=lambda: copy.deepcopy(default), alias=field.name)


def _translate(item: Any) -> Any:
    if isinstance(item, str):
        return PydanticField(description=item)
    if type(item).__name__ == "Doc":
        return PydanticField(description=item.documentation)
    return item


def _explain(error: pydantic.ValidationError) -> str:
    """The first problems, as ``message - at `$.path```, the way that msgspec says it."""
    count = error.error_count()
    if count > _MAX_COUNTED:
        return f"there are {count} problems in it"  # to spell out even a few, pydantic would make them all
    lines = []
    for problem in error.errors(include_url=False, include_context=False, include_input=False)[
        :_MAX_PROBLEMS
    ]:
        path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in problem["loc"])
        lines.append(f"{problem['msg']} - at `${path}`" if path else problem["msg"])
    if count > _MAX_PROBLEMS:
        lines.append(f"and {count - _MAX_PROBLEMS} more")
    return "; ".join(lines)
