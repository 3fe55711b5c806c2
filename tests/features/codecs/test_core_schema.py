"""What a wrong value costs: few problems are kept of it, and memory in proportion to its size."""

import subprocess
import sys
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pydantic
import pytest
from pydantic import AliasChoices, TypeAdapter
from tests.features.codecs.refused import SHAPES, Chain, Closed, Node, Tree, Wide

from lambent.features.codecs import ValidationError
from lambent.features.codecs import _core_schema as core
from lambent.features.codecs._pydantic import PydanticCodec
from lambent.features.codecs._validator import Validator

MEGABYTE = 1024 * 1024
NO_INTEGER = "Input should be a valid integer, unable to parse string as an integer"


def problems_in(shape: str, size: int) -> int:
    """How many problems pydantic has kept when it stops."""
    hint, make = SHAPES[shape]
    validator = Validator(core.bounded(TypeAdapter(hint).core_schema))
    try:
        validator.validate_json(make(size))
    except pydantic.ValidationError as error:
        return error.error_count()
    except core.TooManyProblems:
        return core.MAX_PROBLEMS
    raise AssertionError(f"{shape} is taken")


@pytest.mark.parametrize("shape", [shape for shape in SHAPES if not shape.startswith("unknown")])
def test_problems_do_not_grow_with_the_value(shape: str) -> None:
    assert problems_in(shape, 100_000) <= 6_000  # the fields of the largest record, in the widest one
    if shape != "tree":
        assert problems_in(shape, 200_000) == problems_in(shape, 100_000)


@pytest.mark.parametrize("shape", ["list", "set", "tuple", "dict", "keys", "lists"])
def test_a_collection_stops_at_its_first_problem(shape: str) -> None:
    assert problems_in(shape, 1_000) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process its peak")
@pytest.mark.parametrize("shape", SHAPES)
def test_memory_grows_at_most_as_the_body_does(shape: str) -> None:
    """Measured by the system, in a process of its own: pydantic's memory is not Python's."""
    measured = subprocess.run(
        [sys.executable, "-m", "tests.features.codecs.refused", shape, str(MEGABYTE), str(2 * MEGABYTE)],
        capture_output=True,
        check=True,
        text=True,
        timeout=60,
    )
    small, large = map(int, measured.stdout.split())
    assert small <= 64 * MEGABYTE
    assert large <= 2.5 * small + 16 * MEGABYTE


WRONG: list[tuple[Any, bytes, str]] = [
    (Tree, SHAPES["tree"][1](100_000), "there are more than 1000 problems in it"),
    (
        Wide,
        b"{}",
        "; ".join(f"Field required - at `$.f{at}`" for at in range(10)) + "; and 290 more",
    ),
    (Closed, b'{"a":1}', "Extra inputs are not permitted - at `$.a`"),
    (Closed, SHAPES["unknown members"][1](100_000), "there are 8333 problems in it"),
    (list[Closed], SHAPES["unknown members of many"][1](2_000_000), "it holds more than 100000 values"),
    (Node, b'{"nodes":[{"n":1},{"n":"x"},{}],"n":1}', f"{NO_INTEGER} - at `$.nodes[1].n`"),
    (Any, b"[" * 100_000, "Invalid JSON: recursion limit exceeded at line 1 column 202"),
]


@pytest.mark.parametrize(("hint", "sent", "said"), WRONG)
def test_what_is_said_of_a_wrong_value(hint: Any, sent: bytes, said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        PydanticCodec(hint).decode(sent)
    assert str(caught.value) == said


def test_many_values_are_taken_where_no_record_is_closed() -> None:
    assert len(PydanticCodec(list[int]).decode(b"[" + b"1," * 200_000 + b"1]")) == 200_001


def test_a_collection_is_taken_as_it_was() -> None:
    """Stopping early is all that is changed: what fits, fits, and gives what it gave."""
    for hint, sent, value in [
        (Tree, b'{"left":{"n":1},"n":2}', Tree(left=Tree(n=1), n=2)),
        (list[Node], b'[{"nodes":[{"n":1}],"n":"2"}]', [Node(nodes=[Node(n=1)], n=2)]),
        (Chain, b'{"n":1,"after":{"n":2},"others":{"a":{"n":3}}}', Chain(1, Chain(2), {"a": Chain(3)})),
        (set[int], b"[1,1]", {1}),
    ]:
        assert PydanticCodec(hint).decode(sent) == value


# Schemas without the code of users


class Guarded(pydantic.BaseModel):
    """Its validators and serializers would refuse or change what they have given."""

    name: str = pydantic.Field(validation_alias=AliasChoices("n", "name"), serialization_alias="N")
    price: Annotated[float, pydantic.BeforeValidator(lambda text: float(text.removesuffix(" EUR")))]
    secret: str = pydantic.Field("", exclude=True)
    tags: Annotated[list[str], pydantic.PlainSerializer(",".join)] = []

    @pydantic.computed_field  # type: ignore[prop-decorator]
    @property
    def twice(self) -> float:
        return 2 * self.price

    @pydantic.model_validator(mode="before")
    @classmethod
    def _refuse(cls, value: Any) -> Any:
        if isinstance(value, dict) and "N" in value:
            raise ValueError("already written")
        return value

    @pydantic.model_serializer(mode="wrap")
    def _write(self, handler: Any) -> Any:
        return [handler(self)]


class Holder(pydantic.BaseModel):
    item: Guarded


class Folder(pydantic.BaseModel):
    """A record within itself, behind a validator."""

    name: str
    folders: "list[Folder]" = []

    @pydantic.model_validator(mode="after")
    def _mark(self) -> "Folder":
        self.name += "!"
        return self


class Bytes(pydantic.BaseModel):
    data: bytes


@dataclass
class BytesData:
    data: bytes


class Cat(pydantic.BaseModel):
    kind: Literal["cat"] = pydantic.Field("cat", alias="Kind")


class Dog(pydantic.BaseModel):
    kind: Literal["dog"] = pydantic.Field("dog", alias="Kind")


GUARDED = Guarded(n="a", price="5 EUR", secret="s", tags=["x"])  # type: ignore[arg-type,call-arg]
WRITTEN = b'{"name":"a","price":5.0,"secret":"s","tags":["x"]}'


@pytest.mark.parametrize(
    ("hint", "value", "expected"),
    [
        (Guarded, GUARDED, WRITTEN),
        (Holder, Holder(item=GUARDED), b'{"item":%b}' % WRITTEN),
        (list[Guarded], [GUARDED], b"[%b]" % WRITTEN),
        (
            Folder,
            Folder(name="a", folders=[{"name": "b"}]),  # type: ignore[list-item]
            b'{"name":"a!","folders":[{"name":"b!","folders":[]}]}',
        ),
        (list[bytes], [b"\x80"], b'["gA=="]'),
        (dict[str, tuple[bytes, ...]], {"a": (b"\x80",)}, b'{"a":["gA=="]}'),
        (Bytes, Bytes(data=b"\x80"), b'{"data":"gA=="}'),
        (list[BytesData], [BytesData(b"\x80")], b'[{"data":"gA=="}]'),
        (Annotated[Cat | Dog, pydantic.Discriminator("kind")], Dog(), b'{"Kind":"dog"}'),
    ],
)
def test_a_kept_value_comes_back_as_it_was(hint: Any, value: Any, expected: bytes) -> None:
    codec = PydanticCodec(hint, "keep")
    assert codec.encode(value) == expected
    assert codec.decode(expected) == value


def test_a_changed_schema_leaves_the_class_as_it_was() -> None:
    before = repr(Guarded.__pydantic_core_schema__)
    core.structural(Guarded.__pydantic_core_schema__)
    core.bounded(Guarded.__pydantic_core_schema__)
    assert repr(Guarded.__pydantic_core_schema__) == before
    assert Guarded(n="a", price="5 EUR").model_dump() == [  # type: ignore[arg-type,call-arg]
        {"name": "a", "price": 5.0, "tags": "", "twice": 10.0}
    ]


@pytest.mark.parametrize(
    ("hint", "differs"),
    [
        (Tree, False),
        (pydantic.HttpUrl, False),
        (list[Guarded], True),
        (dict[str, Guarded] | None, True),
        (Annotated[int, pydantic.AfterValidator(abs)], True),
        (Annotated[int, pydantic.PlainSerializer(str)], True),
        (Annotated[int, pydantic.Field(ge=1)], False),
    ],
)
def test_what_is_written_otherwise_than_it_is_read(hint: Any, differs: bool) -> None:
    schema = TypeAdapter(hint).core_schema
    assert (core.writes_otherwise(schema) or core.has_validators(schema)) is differs
