"""Codecs by pydantic, for signatures that mention it or that msgspec cannot describe."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
import pydantic
from pydantic import ConfigDict, TypeAdapter, create_model
from pydantic import Field as PydanticField
from pydantic.errors import PydanticUserError
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import PydanticSerializationError, SchemaError, SchemaSerializer

from lambent.features.codecs import IMMUTABLE, NotFiniteError, Use, ValidationError, rewrite
from lambent.features.codecs import _core_schema as core
from lambent.features.codecs.finite import refuse_huge, require_finite
from lambent.features.functions import Parameter

# Values in the arguments of types with ``extra="forbid"``: pydantic keeps a problem of 400 bytes for each
# member that they do not know, which could exhaust the function's memory.
_MAX_VALUES = 100_000

# Problems in one error message, so that it stays short enough for a model to read.
_MAX_PROBLEMS = 10

_META = ("ge", "gt", "le", "lt", "multiple_of", "min_length", "max_length", "pattern", "title", "description")


class _Untitled(GenerateJsonSchema):
    """Leaves out titles that only repeat names."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


class PydanticCodec:
    """The codec of any type that pydantic supports."""

    def __init__(self, hint: Any, use: Use = "read") -> None:
        self._adapter, self._config = _adapter_of(rewrite(hint, _translate))
        self._adapter.rebuild(raise_errors=True)
        self._use = use
        self._hints = [hint]
        self.is_plain = use == "keep" or core.is_describable(self._adapter.core_schema)

    @functools.cached_property
    def _reader(self) -> core.Validator:
        if self._use == "keep":
            return self._kept[0]
        return core.Validator(core.bounded(self._adapter.core_schema), self._config)

    @functools.cached_property
    def _kept(self) -> tuple[core.Validator, SchemaSerializer]:
        """Reads and writes values without the code of users."""
        bare = core.structural(self._adapter.core_schema)
        try:
            return core.Validator(bare, core.BASE64), core.serializer_of(bare, core.BASE64)
        except SchemaError:  # such as a union told apart by an alias
            plain = self._adapter.core_schema
            config = self._config
            return core.Validator(core.bounded(plain), config), core.serializer_of(plain, config)

    @functools.cached_property
    def _forbids_others(self) -> bool:
        return core.forbids_others(self._adapter.core_schema)

    @functools.cached_property
    def _differs(self) -> bool:
        return core.differs(self._adapter.core_schema)

    @functools.cached_property
    def _may_be_null(self) -> bool:
        return core.may_be_null(self._adapter.core_schema)

    def schema(self) -> dict[str, Any]:
        from lambent.features.codecs.schemas import refine

        mode: Any = "serialization" if self._use == "write" else "validation"
        return refine(self._adapter.json_schema(schema_generator=_Untitled, mode=mode), self._hints)

    def decode(self, raw: bytes | msgspec.Raw) -> Any:
        text = bytes(raw)
        refuse_huge(text)
        if self._forbids_others and text.count(b",") > _MAX_VALUES:
            raise ValidationError(f"it holds more than {_MAX_VALUES} values")
        try:
            return _checked(lambda: self._reader.validate_json(text))
        except ValidationError as problem:
            from lambent.features.codecs.json_text import may_hold_texts, parse_texts

            if not may_hold_texts(text):
                raise
            try:
                value = parse_texts(msgspec.json.decode(text), self.schema())
            except (msgspec.DecodeError, UnicodeError, RecursionError):
                raise problem from None
            return _checked(lambda: self._reader.validate_json(msgspec.json.encode(value)))

    def convert(self, value: Any) -> Any:
        try:
            return _checked(lambda: self._reader.validate_python(value))
        except ValidationError:
            from lambent.features.codecs.json_text import parse_texts

            parsed = parse_texts(value, self.schema(), scalars=True)
            if parsed == value:
                raise
            return _checked(lambda: self._reader.validate_json(msgspec.json.encode(parsed)))

    def encode(self, value: Any) -> bytes:
        try:
            return self._encode(value)
        except ValidationError:
            require_finite(value)  # it was written as null, which is not what is wrong with it
            raise

    def _encode(self, value: Any) -> bytes:
        if self._use != "keep" and not self._differs:
            known = _checked(lambda: self._reader.validate_python(value, by_name=True))
            raw = _written(self._adapter.serializer, known)
            # pydantic does not validate instances again, and writes NaN as null: reading back finds both.
            _checked(lambda: self._reader.validate_json(raw))
            if b"null" in raw and self._may_be_null:
                require_finite(known)
            return raw
        reader, writer = self._kept
        try:
            known = reader.validate_python(value, by_name=True)
        except pydantic.ValidationError:  # not of the type itself, but as clients would send it
            known = _checked(lambda: self._adapter.validator.validate_python(value))
        raw = _written(writer, known)
        _checked(lambda: reader.validate_json(raw))
        if b"null" in raw and self._may_be_null:
            require_finite(known)
        return raw if self._use == "keep" else _written(self._adapter.serializer, known)


def _adapter_of(hint: Any) -> tuple[TypeAdapter[Any], Any]:
    """The adapter of a hint, and its settings."""
    try:
        return TypeAdapter(hint, config=core.BASE64), core.BASE64
    except PydanticUserError:  # a record, which has settings of its own
        return TypeAdapter(hint), None


class PydanticArguments(PydanticCodec):
    """The codec of a function's arguments."""

    def __init__(self, name: str, parameters: list[Parameter]) -> None:
        # Some names of parameters are not allowed for fields of a model, so the fields get other names.
        self._names = {f"p{index}": item.name for index, item in enumerate(parameters)}
        members: dict[str, Any] = dict(zip(self._names, map(_member, parameters), strict=True))
        super().__init__(create_model(name, __config__=ConfigDict(extra="allow", **core.BASE64), **members))
        self._hints = [item.hint for item in parameters]
        self._parameters = parameters
        self._wires = {wire for item in parameters for wire in item.wires}

    def schema(self) -> dict[str, Any]:
        from lambent.features.codecs.schemas import show_defaults

        schema = super().schema()
        schema.pop("title", None)
        schema.setdefault("properties", {})
        schema["additionalProperties"] = False
        return show_defaults(schema, self._parameters)

    def decode(self, raw: bytes | msgspec.Raw) -> dict[str, Any]:
        try:
            return self._as_dict(super().decode(raw))
        except ValidationError as error:
            try:
                names = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
            except (msgspec.DecodeError, UnicodeError, RecursionError):
                raise error from None
            raise self._with_unknown(error, names) from None

    def convert(self, value: Any) -> dict[str, Any]:
        try:
            return self._as_dict(super().convert(value))
        except ValidationError as error:
            raise self._with_unknown(error, value if isinstance(value, Mapping) else {}) from None

    def _as_dict(self, model: Any) -> dict[str, Any]:
        if model.__pydantic_extra__:
            raise ValidationError
        return {name: getattr(model, own) for own, name in self._names.items()}

    def _with_unknown(self, error: ValidationError, names: Iterable[str]) -> ValidationError:
        """What is wrong with arguments, and the first of those that there are not."""
        unknown = [name for name in names if name not in self._wires]
        lines = [f"Unexpected keyword argument - at `$.{name}`" for name in unknown[:_MAX_PROBLEMS]]
        more = [f"and {len(unknown) - _MAX_PROBLEMS} more"] if len(unknown) > _MAX_PROBLEMS else []
        return ValidationError("; ".join([*map(str, error.args), *lines, *more]))


def _member(parameter: Parameter) -> tuple[Any, Any]:
    hint, default = rewrite(parameter.hint, _translate), parameter.default
    settings: dict[str, Any] = {} if parameter.alias is not None else {"alias": parameter.name}
    if default is msgspec.NODEFAULT:
        return hint, PydanticField(**settings)
    if isinstance(default, FieldInfo):
        return hint, PydanticField(default_factory=default.default_factory, **settings)  # type: ignore[arg-type]
    if isinstance(default, IMMUTABLE):
        return hint, PydanticField(default, **settings)
    return hint, PydanticField(default_factory=lambda: copy.deepcopy(default), **settings)


def _translate(item: Any) -> Any:
    if isinstance(item, str):
        return PydanticField(description=item)
    if isinstance(item, msgspec.Meta):
        given = {name: getattr(item, name) for name in _META if getattr(item, name) is not None}
        return PydanticField(**given, json_schema_extra=item.extra_json_schema)
    if type(item).__name__ == "Doc":
        return PydanticField(description=item.documentation)
    return item


def _checked(validate: Callable[[], Any]) -> Any:
    """What a validation gives; what pydantic says of a wrong value is raised as ``ValidationError``."""
    try:
        return validate()
    except pydantic.ValidationError as error:
        raise ValidationError(_explain(error)) from None
    except core.TooManyProblems:
        raise ValidationError(f"there are more than {core.MAX_PROBLEMS} problems in it") from None
    except RecursionError:
        raise ValidationError("it is nested too deeply") from None


def _written(serializer: Any, value: Any) -> bytes:
    """Write a value that is known to be of its type.

    Raises:
        ValidationError: it has no JSON form.
    """
    try:
        raw: bytes = serializer.to_json(value, by_alias=True, warnings="error")
    except (PydanticSerializationError, PydanticUserError, RecursionError) as error:
        if str(error).startswith("Error calling function"):  # what users' code raised is for the log
            raise
        raise ValidationError(str(error)) from None
    if b"NaN" in raw or b"Infinity" in raw:
        try:
            msgspec.json.decode(raw)
        except msgspec.DecodeError:
            raise NotFiniteError("NaN and infinity are no JSON numbers") from None
    return raw


def _explain(error: pydantic.ValidationError) -> str:
    """The first problems, each as ``message - at `$.path```, as msgspec writes them."""
    count = error.error_count()
    if count > core.MAX_PROBLEMS:
        return f"there are {count} problems in it"  # pydantic would build all of them to show a few
    lines = []
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    for problem in problems[:_MAX_PROBLEMS]:
        parts = [part for part in problem["loc"] if not str(part).startswith("function-")]
        path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
        lines.append(f"{problem['msg']} - at `${path}`" if path else problem["msg"])
    if count > _MAX_PROBLEMS:
        lines.append(f"and {count - _MAX_PROBLEMS} more")
    return "; ".join(lines)
