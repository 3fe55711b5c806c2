"""Shapes by pydantic, for signatures that mention it."""

from __future__ import annotations

import copy
from typing import Annotated, Any, get_args, get_origin

import msgspec
from pydantic import ConfigDict, TypeAdapter, ValidationError, create_model
from pydantic import Field as PydanticField
from pydantic.errors import PydanticUserError
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import PydanticSerializationError

from lambent.features.shapes import Field, ShapeError


class _Untitled(GenerateJsonSchema):
    """Leaves out the titles that only repeat names."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


class PydanticShape:
    """The shape of any type that pydantic supports."""

    def __init__(self, hint: Any) -> None:
        self._adapter: TypeAdapter[Any] = TypeAdapter(hint)

    def schema(self) -> dict[str, Any]:
        """See ``Shape.schema``."""
        return self._adapter.json_schema(schema_generator=_Untitled, mode=self._mode)

    # What a function returns is described as it is written, what it takes as it is read.
    _mode: Any = "serialization"

    def decode(self, raw: bytes | msgspec.Raw) -> Any:
        """See ``Shape.decode``."""
        try:
            return self._adapter.validate_json(bytes(raw))
        except ValidationError as error:
            raise ShapeError(_explain(error)) from None

    def convert(self, value: Any) -> Any:
        """See ``Shape.convert``."""
        try:
            return self._adapter.validate_python(value)
        except ValidationError as error:
            raise ShapeError(_explain(error)) from None

    def encode(self, value: Any) -> bytes:
        """See ``Shape.encode``."""
        try:
            return self._adapter.dump_json(self._adapter.validate_python(value), by_alias=True)
        except ValidationError as error:
            raise ShapeError(_explain(error)) from None
        except (PydanticSerializationError, PydanticUserError) as error:
            raise ShapeError(str(error)) from None


class PydanticRecord(PydanticShape):
    """The shape of a function's parameters."""

    _mode = "validation"

    def __init__(self, name: str, fields: list[Field]) -> None:
        members: dict[str, Any] = {field.name: _member(field) for field in fields}
        model = create_model(name, __config__=ConfigDict(extra="forbid"), **members)
        super().__init__(model)
        self._names = [field.name for field in fields]

    def schema(self) -> dict[str, Any]:
        """See ``Shape.schema``: the object itself, without a title."""
        schema = super().schema()
        schema.pop("title", None)
        schema.setdefault("properties", {})
        return schema

    def decode(self, raw: bytes | msgspec.Raw) -> dict[str, Any]:
        """See ``Shape.decode``."""
        return self._as_dict(super().decode(raw))

    def convert(self, value: Any) -> dict[str, Any]:
        """See ``Shape.convert``."""
        return self._as_dict(super().convert(value))

    def _as_dict(self, model: Any) -> dict[str, Any]:
        return {name: getattr(model, name) for name in self._names}


def _member(field: Field) -> tuple[Any, Any]:
    hint = field.hint
    if get_origin(hint) is Annotated:
        base, *metadata = get_args(hint)
        described = (PydanticField(description=item) if isinstance(item, str) else item for item in metadata)
        hint = Annotated[(base, *described)]
    if field.default is msgspec.NODEFAULT:
        return hint, ...
    if isinstance(field.default, FieldInfo):
        return hint, field.default
    default = field.default
    return hint, PydanticField(default_factory=lambda: copy.deepcopy(default)) if _mutable(
        default
    ) else default


def _mutable(value: Any) -> bool:
    return isinstance(value, list | dict | set | bytearray)


def _explain(error: ValidationError) -> str:
    """Every problem in one line each, as ``message - at `$.path```, the way that msgspec says it."""
    lines = []
    for problem in error.errors(include_url=False, include_context=False, include_input=False):
        path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in problem["loc"])
        lines.append(f"{problem['msg']} - at `${path}`" if path else problem["msg"])
    return "; ".join(lines)
