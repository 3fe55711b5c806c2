"""Forms: what they may look like ("Requested Schema"), and reading what users fill in."""

import datetime as dt
import enum
import gc
import weakref
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NotRequired

import msgspec
import pydantic
import pytest
from jsonschema import Draft202012Validator
from typing_extensions import TypedDict

from lambent import DeclarationError
from lambent.features.codecs import ValidationError
from lambent.features.forms import form_of


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Dataclass:
    name: str
    age: Annotated[int, msgspec.Meta(description="In years", ge=18)] = 18


class Struct(msgspec.Struct):
    name: str
    age: Annotated[int, msgspec.Meta(description="In years", ge=18)] = 18


class Dictionary(TypedDict):
    name: str
    age: NotRequired[int]


class Model(pydantic.BaseModel):
    name: str
    age: int = pydantic.Field(18, description="In years", ge=18)


AGE = {"type": "integer", "description": "In years", "minimum": 18, "default": 18, "title": "Age"}
NAME = {"type": "string", "title": "Name"}
EXPECTED = {"type": "object", "properties": {"name": NAME, "age": AGE}, "required": ["name"]}


@pytest.mark.parametrize("record", [Dataclass, Struct, Model])
def test_records_of_every_make_become_the_same_form(record: type) -> None:
    assert form_of(record).schema == {"title": record.__name__, **EXPECTED}


def test_typed_dicts_become_forms() -> None:
    assert form_of(Dictionary).schema == {
        "title": "Dictionary",
        "type": "object",
        "properties": {"name": NAME, "age": {"type": "integer", "title": "Age"}},
        "required": ["name"],
    }
    assert form_of(Dictionary).read({"name": "a"}) == {"name": "a"}


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (Dataclass, Dataclass("Ada", 36)),
        (Struct, Struct("Ada", 36)),
        (Model, Model(name="Ada", age=36)),
        (Dictionary, {"name": "Ada", "age": 36}),
    ],
)
def test_what_is_filled_in_becomes_the_record(record: type, expected: Any) -> None:
    for age in (36, "36", 36.0):
        assert form_of(record).read({"name": "Ada", "age": age}) == expected


@pytest.mark.parametrize("record", [Dataclass, Struct, Model])
@pytest.mark.parametrize(
    "content",
    [{}, {"age": 20}, {"name": 5}, {"name": "a", "age": "x"}, {"name": "a", "age": 5}, {"name": None}],
)
def test_what_does_not_fit_is_refused(record: type, content: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        form_of(record).read(content)


FIELDS: list[tuple[Any, dict[str, Any]]] = [
    (str, {"type": "string"}),
    (int, {"type": "integer"}),
    (float, {"type": "number"}),
    (bool, {"type": "boolean"}),
    (str | None, {"type": "string"}),
    (int | None, {"type": "integer"}),
    (dt.date, {"type": "string", "format": "date"}),
    (dt.date | None, {"type": "string", "format": "date"}),
    (Literal["a", "b"], {"type": "string", "enum": ["a", "b"]}),
    (Literal["a"], {"type": "string", "enum": ["a"]}),
    (Color, {"type": "string", "enum": ["blue", "red"]}),
    (Color | None, {"type": "string", "enum": ["blue", "red"]}),
    (list[Literal["a", "b"]], {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}}),
    (list[Color], {"type": "array", "items": {"type": "string", "enum": ["blue", "red"]}}),
    (
        Annotated[str, msgspec.Meta(min_length=1, max_length=9, title="T", description="D")],
        {"type": "string", "minLength": 1, "maxLength": 9, "title": "T", "description": "D"},
    ),
    (
        Annotated[float, msgspec.Meta(ge=0, le=1)],
        {"type": "number", "minimum": 0, "maximum": 1},
    ),
    (
        Annotated[list[Literal["a", "b"]], msgspec.Meta(min_length=1, max_length=2)],
        {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}, "minItems": 1, "maxItems": 2},
    ),
]


@pytest.mark.parametrize("by", ["msgspec", "pydantic"])
@pytest.mark.parametrize(("hint", "expected"), FIELDS)
def test_fields_are_primitive(by: str, hint: Any, expected: dict[str, Any]) -> None:
    """Nothing but what the specification lists may stand in a property."""
    if by == "msgspec":
        record = msgspec.defstruct("Record", [("value", hint)])
    elif "msgspec" in str(hint):
        pytest.skip("msgspec's own words")
    else:
        record = pydantic.create_model("Record", value=(hint, ...))
    schema = form_of(record).schema
    Draft202012Validator.check_schema(schema)
    if hint not in (Color, Color | None):
        expected = {"title": "Value", **expected}
    shown = schema["properties"]["value"]
    for choices in (shown, shown.get("items", {})):
        if "enum" in choices:
            choices["enum"] = sorted(choices["enum"])
    assert shown == expected
    assert schema == {
        "title": "Record",
        "type": "object",
        "properties": {"value": expected},
        "required": ["value"],
    }


def test_defaults_are_shown() -> None:
    @dataclass
    class Record:
        text: str = "x"
        number: int = 0
        flag: bool = False
        color: Color = Color.RED
        nothing: str | None = None
        many: list[Literal["a", "b"]] = field(default_factory=list)

    properties = form_of(Record).schema["properties"]
    assert {name: shown.get("default", ...) for name, shown in properties.items()} == {
        "text": "x",
        "number": 0,
        "flag": False,
        "color": "red",
        "nothing": ...,
        "many": properties["many"].get("default", ...),
    }
    assert "required" not in form_of(Record).schema
    assert form_of(Record).read({}) == Record()


NOT_PRIMITIVE = [
    list[str],
    list[int],
    dict[str, str],
    Dataclass,
    list[Dataclass],
    int | str,
    Literal[1, 2],
    Literal["a", 1],
    tuple[int, str],
    Any,
    None,
    set[str],
    dict,
]


@pytest.mark.parametrize("hint", NOT_PRIMITIVE, ids=str)
def test_other_fields_are_refused(hint: Any) -> None:
    record = msgspec.defstruct("Record", [("value", hint)])
    with pytest.raises(TypeError, match="Field 'value"):
        form_of(record)


@pytest.mark.parametrize("record", [int, str, list[str], dict[str, int], Color, Dataclass | None, Any])
def test_a_form_is_a_record(record: Any) -> None:
    with pytest.raises(TypeError):
        form_of(record)


class Aliased(pydantic.BaseModel):
    order_id: str = pydantic.Field(alias="orderId", description="Which one")
    count: int = pydantic.Field(1, validation_alias="Count")
    note: str = pydantic.Field("", serialization_alias="Note")

    @pydantic.computed_field  # type: ignore[prop-decorator]
    @property
    def twice(self) -> int:
        return 2 * self.count


class Camel(msgspec.Struct, rename="camel"):
    order_id: str


def test_fields_have_the_names_under_which_they_are_read() -> None:
    form = form_of(Aliased)
    assert form.schema == {
        "title": "Aliased",
        "type": "object",
        "properties": {
            "orderId": {"type": "string", "description": "Which one", "title": "Orderid"},
            "Count": {"type": "integer", "default": 1, "title": "Count"},
            "note": {"type": "string", "default": "", "title": "Note"},
        },
        "required": ["orderId"],
    }
    assert form.read({"orderId": "a", "Count": 2, "note": "x"}) == Aliased(orderId="a", Count=2, note="x")
    assert list(form_of(Camel).schema["properties"]) == ["orderId"]
    assert form_of(Camel).read({"orderId": "a"}) == Camel("a")


class Shown(pydantic.BaseModel):
    n: int

    @pydantic.field_serializer("n")
    def _written(self, value: int) -> str:
        return f"no. {value}"


class Excluded(pydantic.BaseModel):
    secret: str = pydantic.Field(exclude=True)


def test_a_form_is_described_as_it_is_read() -> None:
    assert form_of(Shown).schema["properties"] == {"n": {"type": "integer", "title": "N"}}
    assert form_of(Shown).read({"n": 5}) == Shown(n=5)
    assert form_of(Excluded).schema["properties"] == {"secret": {"type": "string", "title": "Secret"}}
    assert form_of(Excluded).read({"secret": "x"}) == Excluded(secret="x")


@dataclass
class EmptyDataclass:
    pass


class EmptyStruct(msgspec.Struct):
    pass


class EmptyDictionary(TypedDict):
    pass


class EmptyModel(pydantic.BaseModel):
    pass


@pytest.mark.parametrize("record", [EmptyDataclass, EmptyStruct, EmptyDictionary, EmptyModel])
def test_a_form_may_be_empty(record: Any) -> None:
    """Such as a question whose answer is only yes or no."""
    assert form_of(record).schema == {"title": record.__name__, "type": "object", "properties": {}}
    assert form_of(record).read({}) == record()


def make_form(make: str) -> type:
    if make == "dataclass":

        @dataclass
        class Form:
            name: str

        return Form
    if make == "model":
        return pydantic.create_model("Form", name=(str, ...))
    if make == "struct":
        return msgspec.defstruct("Form", [("name", str)])
    return TypedDict("Form", {"name": str})  # type: ignore[return-value,operator]


@pytest.mark.parametrize("make", ["dataclass", "model", "struct", "dictionary"])
def test_a_class_that_a_function_makes_does_not_stay(make: str) -> None:
    form = make_form(make)
    assert form_of(form) is form_of(form)
    assert form_of(form).read({"name": "a"}) is not None
    gone = weakref.ref(form)
    del form
    gc.collect()
    assert gone() is None


def test_a_class_does_not_take_the_form_of_its_base() -> None:
    class Base(msgspec.Struct):
        a: int

    class Derived(Base):
        b: int

    assert list(form_of(Base).schema["properties"]) == ["a"]
    assert list(form_of(Derived).schema["properties"]) == ["a", "b"]
    assert form_of(Derived).read({"a": 1, "b": 2}) == Derived(1, 2)


# Forms as schemas


PROPERTIES: dict[str, Any] = {
    "text": {"type": "string", "minLength": 2, "maxLength": 4, "format": "email", "title": "T"},
    "number": {"type": "number", "minimum": 0, "maximum": 1},
    "integer": {"type": "integer", "minimum": 0, "maximum": 9, "default": 5},
    "flag": {"type": "boolean"},
    "choice": {"type": "string", "enum": ["a", "b"], "enumNames": ["A", "B"]},
    "titled": {
        "type": "string",
        "oneOf": [{"const": "#f00", "title": "Red"}, {"const": "#00f", "title": "Blue"}],
    },
    "many": {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}, "minItems": 1, "maxItems": 2},
    "titled_many": {"type": "array", "items": {"anyOf": [{"const": "x", "title": "X"}]}},
}
SCHEMA = {"type": "object", "properties": PROPERTIES, "required": ["flag"]}


def test_a_flat_schema_is_shown_as_it_is() -> None:
    assert form_of(SCHEMA).schema is SCHEMA


GOOD: list[dict[str, Any]] = [
    {},
    {"text": "ab"},
    {"text": "äöüß"},
    {"number": 0},
    {"number": 0.5},
    {"number": 1},
    {"integer": 9},
    {"integer": 9.0},
    {"choice": "b"},
    {"titled": "#00f"},
    {"many": ["a"]},
    {"many": ["a", "b"]},
    {"titled_many": []},
    {"titled_many": ["x"]},
    {"unknown": "kept"},
]
BAD: list[tuple[dict[str, Any], str]] = [
    ({"flag": "yes"}, "Expected `boolean` - at `$.flag`"),
    ({"flag": 1}, "Expected `boolean` - at `$.flag`"),
    ({"flag": None}, "Expected `boolean` - at `$.flag`"),
    ({"text": 5}, "Expected `string` - at `$.text`"),
    ({"text": None}, "Expected `string` - at `$.text`"),
    ({"text": "a"}, "Out of bounds - at `$.text`"),
    ({"text": "abcde"}, "Out of bounds - at `$.text`"),
    ({"number": "0"}, "Expected `number` - at `$.number`"),
    ({"number": True}, "Expected `number` - at `$.number`"),
    ({"number": -0.1}, "Out of bounds - at `$.number`"),
    ({"number": 1.1}, "Out of bounds - at `$.number`"),
    ({"integer": 1.5}, "Expected `integer` - at `$.integer`"),
    ({"integer": "1"}, "Expected `integer` - at `$.integer`"),
    ({"integer": False}, "Expected `integer` - at `$.integer`"),
    ({"integer": 10}, "Out of bounds - at `$.integer`"),
    ({"choice": "c"}, "Expected one of ['a', 'b'] - at `$.choice`"),
    ({"choice": "A"}, "Expected one of ['a', 'b'] - at `$.choice`"),
    ({"titled": "Red"}, "Expected one of ['#f00', '#00f'] - at `$.titled`"),
    ({"many": "a"}, "Expected `array` - at `$.many`"),
    ({"many": []}, "Out of bounds - at `$.many`"),
    ({"many": ["a", "b", "a"]}, "Out of bounds - at `$.many`"),
    ({"many": ["c"]}, "Expected one of ['a', 'b'] - at `$.many[]`"),
    ({"many": [1]}, "Expected `string` - at `$.many[]`"),
    ({"titled_many": ["X"]}, "Expected one of ['x'] - at `$.titled_many[]`"),
]


@pytest.mark.parametrize("content", GOOD)
def test_what_fits_a_schema_stays_a_dict(content: dict[str, Any]) -> None:
    assert form_of(SCHEMA).read({"flag": True, **content}) == {"flag": True, **content}


@pytest.mark.parametrize(("content", "reason"), BAD)
def test_what_does_not_fit_a_schema_is_refused(content: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError) as caught:
        form_of(SCHEMA).read({"flag": True, **content})
    assert str(caught.value) == reason


def test_what_a_schema_requires_is_required() -> None:
    with pytest.raises(ValidationError, match="Object missing required field `flag`"):
        form_of(SCHEMA).read({})


@pytest.mark.parametrize(
    "prop",
    [
        {},
        {"type": "object"},
        {"type": "null"},
        {"type": ["string", "null"]},
        {"anyOf": [{"type": "string"}]},
        {"$ref": "#/$defs/X"},
        {"type": "array"},
        {"type": "array", "items": {"type": "string"}},
        {"type": "array", "items": {"type": "object"}},
        {"type": "integer", "enum": [1]},
        {"enum": ["a"]},
        True,
        "string",
        None,
    ],
)
def test_schemas_that_are_not_flat_are_refused(prop: Any) -> None:
    with pytest.raises(TypeError, match="Field 'value' cannot be shown in a form"):
        form_of({"type": "object", "properties": {"value": prop}})


@pytest.mark.parametrize(
    "schema", [{}, {"type": "string"}, {"type": "object"}, {"type": "object", "properties": []}]
)
def test_schemas_that_are_no_forms_are_refused(schema: dict[str, Any]) -> None:
    """``type`` and ``properties`` are required (schema, ElicitRequestFormParams)."""
    with pytest.raises(TypeError):
        form_of(schema)


@dataclass
class Street:
    name: str


@dataclass
class Customer:
    address: Street


@dataclass
class Household:
    addresses: list[Street]


NESTED = {"type": "object", "properties": {"address": {"type": "object", "properties": {}}}}


@pytest.mark.parametrize(
    ("form", "name"), [(Customer, "address"), (Household, "addresses[]"), (NESTED, "address")]
)
def test_nested_fields_are_refused_with_what_to_do(form: Any, name: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        form_of(form)
    assert str(caught.value) == (
        f"Field {name!r} cannot be shown in a form, which is flat: put its fields into the form itself, "
        "or ask for it in a question of its own"
    )
