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

from lambent.features.codecs import IMMUTABLE, ValidationError, describe_fields, is_plain, rewrite
from lambent.features.functions import Parameter

# Problems in one error message, so that it stays short enough for a model to read.
_MAX_PROBLEMS = 10
# Problems of which some are shown; of more, only their number is.
_MAX_COUNTED = 1000
# Values in one call's arguments. pydantic keeps every problem that it finds, about 300 bytes each: more of
# them could exhaust the function's memory.
_MAX_VALUES = 200_000


class _Untitled(GenerateJsonSchema):
    """Leaves out titles that only repeat names."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


class PydanticCodec:
    """The codec of any type that pydantic supports."""

    def __init__(self, hint: Any) -> None:
        self._adapter: TypeAdapter[Any] = TypeAdapter(rewrite(hint, _translate))
        self.is_plain = is_plain(hint, BaseModel)
        self._hints = [hint]

    def schema(self) -> dict[str, Any]:
        schema = self._adapter.json_schema(schema_generator=_Untitled, mode=self._mode)
        return describe_fields(schema, self._hints)

    # Results are described as they are written, arguments as they are read.
    _mode: Any = "serialization"

    def decode(self, raw: bytes | msgspec.Raw) -> Any:
        try:
            return self._adapter.validate_json(bytes(raw))
        except pydantic.ValidationError as error:
            raise ValidationError(_explain(error)) from None

    def convert(self, value: Any) -> Any:
        try:
            return self._adapter.validate_python(value)
        except pydantic.ValidationError as error:
            raise ValidationError(_explain(error)) from None

    def encode(self, value: Any) -> bytes:
        try:
            known = self._adapter.validate_python(value)
            raw = self._adapter.dump_json(known, by_alias=True, warnings="error")
            # pydantic does not validate instances again, and writes NaN as null: reading it back finds both.
            self._adapter.validate_json(raw)
        except pydantic.ValidationError as error:
            raise ValidationError(_explain(error)) from None
        except (PydanticSerializationError, PydanticUserError) as error:
            raise ValidationError(str(error)) from None
        return raw


class PydanticArguments(PydanticCodec):
    """The codec of a function's arguments."""

    _mode = "validation"

    def __init__(self, name: str, parameters: list[Parameter]) -> None:
        # Some names of parameters are not allowed for fields of a model, so the fields get other names.
        self._names = {f"p{index}": item.name for index, item in enumerate(parameters)}
        members: dict[str, Any] = dict(zip(self._names, map(_member, parameters), strict=True))
        super().__init__(create_model(name, __config__=ConfigDict(extra="forbid"), **members))
        self._hints = [item.hint for item in parameters]
        self.is_plain = all(is_plain(hint, BaseModel) for hint in self._hints)

    def schema(self) -> dict[str, Any]:
        schema = super().schema()
        schema.pop("title", None)
        schema.setdefault("properties", {})
        return schema

    def decode(self, raw: bytes | msgspec.Raw) -> dict[str, Any]:
        text = bytes(raw)
        if text.count(b",") > _MAX_VALUES:
            raise ValidationError(f"it holds more than {_MAX_VALUES} values")
        return self._as_dict(super().decode(text))

    def convert(self, value: Any) -> dict[str, Any]:
        return self._as_dict(super().convert(value))

    def _as_dict(self, model: Any) -> dict[str, Any]:
        return {name: getattr(model, own) for own, name in self._names.items()}


def _member(parameter: Parameter) -> tuple[Any, Any]:
    hint = rewrite(parameter.hint, _translate)
    if parameter.default is msgspec.NODEFAULT:
        return hint, PydanticField(alias=parameter.name)
    if isinstance(parameter.default, FieldInfo):
        given = copy.copy(parameter.default)
        for alias in ("alias", "validation_alias", "serialization_alias"):
            setattr(given, alias, parameter.name)
            given._attributes_set[alias] = parameter.name
        return hint, given
    default = parameter.default
    if isinstance(default, IMMUTABLE):
        return hint, PydanticField(default, alias=parameter.name)
    return hint, PydanticField(default_factory=lambda: copy.deepcopy(default), alias=parameter.name)


def _translate(item: Any) -> Any:
    if isinstance(item, str):
        return PydanticField(description=item)
    if type(item).__name__ == "Doc":
        return PydanticField(description=item.documentation)
    return item


def _explain(error: pydantic.ValidationError) -> str:
    """The first problems, each as ``message - at `$.path```, as msgspec writes them."""
    count = error.error_count()
    if count > _MAX_COUNTED:
        return f"there are {count} problems in it"  # pydantic would build all of them to show a few
    lines = []
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    for problem in problems[:_MAX_PROBLEMS]:
        path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in problem["loc"])
        lines.append(f"{problem['msg']} - at `${path}`" if path else problem["msg"])
    if count > _MAX_PROBLEMS:
        lines.append(f"and {count - _MAX_PROBLEMS} more")
    return "; ".join(lines)
