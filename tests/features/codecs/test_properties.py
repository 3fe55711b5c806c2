"""Any type and any value: what is written fits the schema, what is read can be written, in every position."""

import dataclasses
import itertools
import json
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
import pydantic
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from tests.features.types_table import Color, Level
from typing_extensions import TypedDict

from lambent.errors import DeclarationError
from lambent.features.codecs import Codec, ValidationError
from lambent.features.codecs._msgspec import MsgspecArguments, MsgspecCodec
from lambent.features.codecs._pydantic import PydanticArguments, PydanticCodec
from lambent.features.forms import form_of
from lambent.features.functions import Parameter


class Case(NamedTuple):
    """A type, and a strategy of its values."""

    hint: Any
    values: st.SearchStrategy[Any]


TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
INTEGERS = st.integers(-(2**63), 2**63)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
PLAIN = [
    Case(int, INTEGERS),
    Case(float, FLOATS),
    Case(bool, st.booleans()),
    Case(str, TEXT),
    Case(
        bytes, TEXT.map(str.encode)
    ),  # the records that pydantic describes have settings of their own for others
    Case(type(None), st.none()),
    Case(Color, st.sampled_from(Color)),
    Case(Level, st.sampled_from(Level)),
    Case(Literal["a", "b"], st.sampled_from(["a", "b"])),
    Case(Literal[1, "x"], st.sampled_from([1, "x"])),
    Case(Annotated[int, "How many"], st.integers(0, 9)),
    Case(
        dict[str, Any],
        st.dictionaries(TEXT, st.none() | st.booleans() | st.integers(0, 9) | TEXT, max_size=2),
    ),
]
_numbers = itertools.count()


def record_of(make: str, members: tuple[Case, ...]) -> Case:
    """A record of these fields, each record of its own name."""
    name, fields = f"Record{next(_numbers)}", {f"f{at}": case for at, case in enumerate(members)}
    hints = {key: case.hint for key, case in fields.items()}
    built: Any
    if make == "dataclass":
        built = dataclasses.make_dataclass(name, hints.items())
    elif make == "model":
        built = pydantic.create_model(name, **{key: (hint, ...) for key, hint in hints.items()})
    else:
        built = TypedDict(name, hints)  # type: ignore[operator]
    values = st.fixed_dictionaries({key: case.values for key, case in fields.items()})
    return Case(built, values.map(lambda given: built(**given)))


def containers(inner: st.SearchStrategy[Case]) -> st.SearchStrategy[Case]:
    members = st.lists(inner, min_size=1, max_size=3).map(tuple)
    return st.one_of(
        inner.map(lambda case: Case(list[case.hint], st.lists(case.values, max_size=3))),  # type: ignore[name-defined]
        inner.map(lambda case: Case(dict[str, case.hint], st.dictionaries(TEXT, case.values, max_size=2))),  # type: ignore[name-defined]
        inner.map(lambda case: Case(case.hint | None, case.values | st.none())),
        members.map(
            lambda cases: Case(
                tuple[tuple(case.hint for case in cases)], st.tuples(*(case.values for case in cases))
            )
        ),  # type: ignore[misc]
        # Members that JSON tells apart: it is no fault that text may be read as bytes or as an enum.
        inner.map(lambda case: Case(list[case.hint] | int, st.lists(case.values, max_size=3) | INTEGERS)),  # type: ignore[name-defined]
        st.just(Case(int | str, INTEGERS | TEXT)),
        st.just(Case(bool | str | None, st.booleans() | TEXT | st.none())),
        st.builds(record_of, st.sampled_from(["dataclass", "model", "dictionary"]), members),
    )


CASES = st.recursive(st.sampled_from(PLAIN), containers, max_leaves=5)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | FLOATS
    | TEXT
    | st.sampled_from(["[1]", "null", "nan", "a", "red", "{}"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(TEXT | st.sampled_from(["f0", "f1", "f2"]), inner, max_size=3)
    ),
    max_leaves=6,
)
OF_THE_VALUE = ("Expected ", "Object missing ", "Input should ", "Tuple should ")
"""How problems of a whole value begin: they name no place in it."""

ADAPTERS = pytest.mark.parametrize("adapter", ["msgspec", "pydantic"])
quick = settings(max_examples=80, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])


def codec(adapter: str, hint: Any, use: Any = "read") -> Codec:
    """The codec of one adapter, for types that it takes."""
    try:
        made: Codec = MsgspecCodec(hint) if adapter == "msgspec" else PydanticCodec(hint, use)
        made.schema()
    except (TypeError, RuntimeError, DeclarationError):  # msgspec has no models and few unions
        assume(False)
    return made


@ADAPTERS
@quick
@given(st.data())
def test_what_is_written_fits_its_schema(adapter: str, data: st.DataObject) -> None:
    case = data.draw(CASES)
    written = codec(adapter, case.hint, "write")
    schema = written.schema()
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(json.loads(written.encode(data.draw(case.values))))


@ADAPTERS
@quick
@given(st.data())
def test_what_is_kept_comes_back_equal(adapter: str, data: st.DataObject) -> None:
    case = data.draw(CASES)
    kept, value = codec(adapter, case.hint, "keep"), data.draw(case.values)
    assert kept.decode(kept.encode(value)) == value


@ADAPTERS
@quick
@given(st.data())
def test_what_is_read_can_be_written_and_read_again(adapter: str, data: st.DataObject) -> None:
    case = data.draw(CASES)
    both, sent = codec(adapter, case.hint), data.draw(JSON)
    try:
        value = both.decode(json.dumps(sent).encode())
    except ValidationError as error:
        problem = str(error)
    else:
        problem = ""
        assert both.decode(both.encode(value)) == value
    if problem and isinstance(sent, dict | list):
        assert " - at `$" in problem or problem.startswith(OF_THE_VALUE)


@ADAPTERS
@quick
@given(st.data())
def test_arguments_are_taken_as_the_type_alone_is(adapter: str, data: st.DataObject) -> None:
    case, sent = data.draw(CASES), data.draw(JSON)
    make = MsgspecArguments if adapter == "msgspec" else PydanticArguments
    alone = codec(adapter, case.hint)
    arguments = make("Arguments", [Parameter("x", case.hint, msgspec.NODEFAULT)])
    assert taken(arguments, {"x": sent}) == tuple({"x": value} for value in taken(alone, sent))


@ADAPTERS
@quick
@given(st.data())
def test_fields_of_forms_are_taken_as_the_type_alone_is(adapter: str, data: st.DataObject) -> None:
    case, sent = data.draw(st.sampled_from(PLAIN)), data.draw(JSON)
    if adapter == "msgspec":
        record: Any = msgspec.defstruct("Form", [("x", case.hint)])
    else:
        record = pydantic.create_model("Form", x=(case.hint, ...))
    try:
        form = form_of(record)
    except TypeError:
        return  # no field of a form
    alone = codec(adapter, case.hint)
    try:
        read = (form.read({"x": sent}).x,)
    except ValidationError:
        read = ()
    try:
        expected = (alone.convert(sent),)
    except ValidationError:
        expected = ()
    assert read == expected


@ADAPTERS
@quick
@given(st.data())
def test_decoded_json_is_converted_as_json_is_read(adapter: str, data: st.DataObject) -> None:
    case, sent = data.draw(CASES), data.draw(JSON)
    made = codec(adapter, case.hint)
    for value in taken(made, sent):
        assert made.convert(sent) == value


def taken(codec: Codec, sent: Any) -> tuple[Any, ...]:
    """The value that is read, in a tuple; an empty one where it is refused."""
    try:
        return (codec.decode(json.dumps(sent).encode()),)
    except ValidationError:
        return ()
