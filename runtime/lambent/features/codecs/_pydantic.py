"""Codecs by pydantic, for signatures that mention it or that msgspec cannot describe."""

from __future__ import annotations

import copy
import functools
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
import pydantic
from pydantic import BaseModel, TypeAdapter, create_model
from pydantic import Field as PydanticField
from pydantic.errors import PydanticUserError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticSerializationError, SchemaError

from lambent.errors import DeclarationError
from lambent.features.codecs import NotFiniteError, Use, ValidationError, is_shared, rewrite
from lambent.features.codecs import _core_schema as core
from lambent.features.codecs._json_schema import ExactSchema
from lambent.features.codecs._validator import MAX_SHOWN, Validator, problem_of, serializer_of
from lambent.features.codecs.finite import refuse_huge, require_finite
from lambent.features.functions import Parameter
from lambent.features.hints import show

# Values in the arguments of types with ``extra="forbid"``: pydantic keeps a problem of 400 bytes for each
# member that they do not know, which could exhaust the function's memory.
_MAX_VALUES = 100_000

_UNEXPECTED = "Unexpected keyword argument - at `$.{}`"

_META = ("ge", "gt", "le", "lt", "multiple_of", "min_length", "max_length", "pattern", "title", "description")


class PydanticCodec:
    """The codec of any type that pydantic supports."""

    def __init__(self, hint: Any, use: Use = "read") -> None:
        self._adapter = _adapter_of(rewrite(hint, _translate))
        self._adapter.rebuild(raise_errors=True)
        if use == "keep" and core.masks(self._adapter.core_schema):
            raise DeclarationError(f"Cannot keep {show(hint)}: secrets are written as asterisks: write str")
        self._use = use
        self._hints = [hint]
        self._record = hint if isinstance(hint, type) and issubclass(hint, BaseModel) else None
        self.is_plain = use == "keep" or core.is_describable(self._adapter.core_schema)

    @functools.cached_property
    def _reader(self) -> Validator:
        return self._kept[0] if self._use == "keep" else Validator(core.bounded(self._adapter.core_schema))

    @functools.cached_property
    def _kept(self) -> tuple[Validator, Any]:
        """Reads and writes values without the code of users."""
        bare = core.structural(self._adapter.core_schema)
        try:
            return Validator(bare), serializer_of(bare)
        except SchemaError:  # such as a union told apart by an alias
            return Validator(core.bounded(self._adapter.core_schema)), self._adapter.serializer

    @functools.cached_property
    def _checks_others(self) -> bool:
        return core.checks_others(self._adapter.core_schema)

    @functools.cached_property
    def _writes_otherwise(self) -> bool:
        return self._use != "keep" and core.writes_otherwise(self._adapter.core_schema)

    @functools.cached_property
    def _is_kept(self) -> bool:
        return self._use == "keep" or self._writes_otherwise or core.has_validators(self._adapter.core_schema)

    @functools.cached_property
    def _may_be_huge(self) -> bool:
        return core.may_be_huge(self._adapter.core_schema)

    @functools.cached_property
    def _may_be_null(self) -> bool:
        return core.may_be_null(self._adapter.core_schema)

    def schema(self) -> dict[str, Any]:
        from lambent.features.codecs.schemas import refine

        mode: Any = "serialization" if self._use == "write" else "validation"
        return refine(self._adapter.json_schema(schema_generator=ExactSchema, mode=mode), self._hints)

    def _readable(self) -> dict[str, Any]:
        """The schema of what clients may send, which may have more names than it shows."""
        return self.schema()

    def decode(self, raw: bytes | msgspec.Raw) -> Any:
        text = bytes(raw)
        if self._may_be_huge:
            refuse_huge(text)
        if self._checks_others and text.count(b",") > _MAX_VALUES:
            raise ValidationError(f"it holds more than {_MAX_VALUES} values")
        try:
            return self._reader.validate_json(text)
        except Exception as error:
            problem = problem_of(error)
            from lambent.features.codecs.json_text import may_hold_texts, parse_texts

            if not may_hold_texts(text):
                raise problem from None
            try:
                value = parse_texts(msgspec.json.decode(text), self._readable())
            except (msgspec.DecodeError, UnicodeError, RecursionError):
                raise problem from None
            return _checked(self._reader.validate_json, msgspec.json.encode(value))

    def convert(self, value: Any) -> Any:
        try:
            return _checked(self._reader.validate_python, value)
        except ValidationError:
            from lambent.features.codecs.json_text import parse_texts

            parsed = parse_texts(value, self._readable(), scalars=True)
            if parsed == value:
                raise
            return _checked(self._reader.validate_json, msgspec.json.encode(parsed))

    def encode(self, value: Any) -> bytes:
        try:
            if self._is_kept:
                return self._encode_kept(value)
            # An instance of the model itself is not validated again.
            is_known = value.__class__ is self._record
            known = value if is_known else self._reader.validate_python(value, by_name=True)
            raw = _written(self._adapter.serializer, known)
            # pydantic does not validate instances again, and writes NaN as null: reading back finds both.
            self._reader.validate_json(raw)
        except Exception as error:
            problem = error if isinstance(error, ValidationError) else problem_of(error)
            require_finite(value)  # it was written as null, which is not what is wrong with it
            raise problem from None
        return self._with_nulls(raw, known)

    def _encode_kept(self, value: Any) -> bytes:
        reader, writer = self._kept
        try:
            known = reader.validate_python(value, by_name=True)
        except pydantic.ValidationError:  # not of the type itself, but as clients would send it
            known = self._adapter.validator.validate_python(value)
        raw = _written(writer, known, round_trip=True)
        reader.validate_json(raw)
        self._with_nulls(raw, known)
        return _written(self._adapter.serializer, known) if self._writes_otherwise else raw

    def _with_nulls(self, raw: bytes, value: Any) -> bytes:
        """JSON whose nulls are no numbers that are NaN or infinity."""
        if b"null" in raw and self._may_be_null:
            require_finite(value)
        return raw


def _adapter_of(hint: Any) -> TypeAdapter[Any]:
    with warnings.catch_warnings():  # settings of a parameter, such as its alias, say nothing of its type
        warnings.filterwarnings("ignore", "The '.*' attribute with value")
        try:
            return TypeAdapter(hint, config=core.BASE64)
        except PydanticUserError:  # a record, which has settings of its own
            return TypeAdapter(hint)


class PydanticArguments(PydanticCodec):
    """The codec of a function's arguments."""

    def __init__(self, name: str, parameters: list[Parameter], *, ignores_unknown: bool = False) -> None:
        # Some names of parameters are not allowed for fields of a model, so the fields get other names.
        self._names = {f"p{index}": item.name for index, item in enumerate(parameters)}
        fields = [_member(item, self._names) for item in parameters]
        members: dict[str, Any] = dict(zip(self._names, fields, strict=True))
        config: Any = {**core.BASE64, "extra": "ignore" if ignores_unknown else "allow"}
        model = create_model(name, __config__=config, **members)
        if len(model.model_fields) < len(parameters):
            raise DeclarationError(f"{name}: ClassVar and Final are for attributes of classes")
        super().__init__(model)
        self._hints = [item.hint for item in parameters]
        self._parameters = parameters
        self._ignores_unknown = ignores_unknown
        self._wires = {wire for item in parameters for wire in item.wires}

    def schema(self) -> dict[str, Any]:
        from lambent.features.codecs.schemas import show_defaults

        schema = super().schema()
        schema.pop("title", None)
        schema.setdefault("properties", {})
        schema.pop("additionalProperties", None)
        if not self._ignores_unknown:
            schema["additionalProperties"] = False
        return show_defaults(schema, self._parameters)

    def _readable(self) -> dict[str, Any]:
        schema = self.schema()
        for item in self._parameters:
            shown = schema["properties"][item.wire]
            schema["properties"] |= dict.fromkeys(item.wires, shown)
        return schema

    def decode(self, raw: bytes | msgspec.Raw) -> dict[str, Any]:
        try:
            return self._as_dict(PydanticCodec.decode(self, raw))  # faster than super()
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
        if extra := model.__pydantic_extra__:
            raise ValidationError(*(_UNEXPECTED.format(name) for name in self._wires & extra.keys()))
        values = model.__dict__
        return {name: values[own] for own, name in self._names.items()}

    def _with_unknown(self, error: ValidationError, names: Iterable[str]) -> ValidationError:
        """What is wrong with arguments, and the first of those that there are not."""
        unknown = [] if self._ignores_unknown else [name for name in names if name not in self._wires]
        lines = [_UNEXPECTED.format(name) for name in unknown[:MAX_SHOWN]]
        more = [f"and {len(unknown) - MAX_SHOWN} more"] if len(unknown) > MAX_SHOWN else []
        return ValidationError("; ".join([*map(str, error.args), *lines, *more]))


def _member(parameter: Parameter, names: Mapping[str, str]) -> tuple[Any, Any]:
    hint, default = rewrite(parameter.hint, _translate), parameter.default
    settings: dict[str, Any] = {} if parameter.alias is not None else {"alias": parameter.name}
    if default is msgspec.NODEFAULT:
        return hint, PydanticField(**settings)
    if default is ...:  # to pydantic it means that there is none
        return hint, PydanticField(default_factory=lambda: ..., **settings)
    if not isinstance(default, FieldInfo):
        field = PydanticField(default if is_shared(default) else copy.deepcopy(default), **settings)
        return hint, field  # pydantic itself copies what cannot be shared
    factory: Any = default.default_factory
    if getattr(default, "default_factory_takes_validated_data", False):
        own = factory

        def factory(data: dict[str, Any]) -> Any:
            return own({names[name]: value for name, value in data.items()})

    return hint, PydanticField(default_factory=factory, **settings)


def _translate(item: Any) -> Any:
    if isinstance(item, str):
        return PydanticField(description=item)
    if isinstance(item, msgspec.Meta):
        given = {name: getattr(item, name) for name in _META if getattr(item, name) is not None}
        return PydanticField(**given, json_schema_extra=item.extra_json_schema)
    if type(item).__name__ == "Doc":
        return PydanticField(description=item.documentation)
    return item


def _checked(validate: Callable[[Any], Any], value: Any) -> Any:
    """What a validation gives; what pydantic says of a wrong value is raised as ``ValidationError``."""
    try:
        return validate(value)
    except Exception as error:
        raise problem_of(error) from None


def _written(serializer: Any, value: Any, *, round_trip: bool = False) -> bytes:
    """Write a value that is known to be of its type.

    Raises:
        ValidationError: it has no JSON form.
    """
    try:
        raw: bytes = serializer.to_json(value, by_alias=True, round_trip=round_trip, warnings="error")
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
