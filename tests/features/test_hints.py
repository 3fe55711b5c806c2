"""What type hints consist of."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import msgspec
import pydantic
import pytest
from typing_extensions import Doc, TypedDict

from lambent.features.hints import description_of, fields_of, has_mark, mark_of, mentions, records_in, walk


class Mark:
    pass


MARK = Mark()


@dataclass
class Inner:
    size: int


@dataclass
class Outer:
    inner: Annotated[list[Inner], "Many"]
    again: "Outer | None" = None


class Struct(msgspec.Struct):
    name: str


class Model(pydantic.BaseModel):
    name: str


class Dictionary(TypedDict):
    name: str


class Tuple(NamedTuple):
    name: str


@pytest.mark.parametrize(
    ("hint", "parts"),
    [
        (int, [int]),
        (int | None, [int | None, int, type(None)]),
        (dict[str, list[int]], [dict[str, list[int]], str, list[int], int]),
        (Annotated[int, MARK], [Annotated[int, MARK], int, MARK]),
    ],
)
def test_a_walk_yields_each_part_once(hint: Any, parts: list[Any]) -> None:
    found = list(walk([hint, hint]))
    assert len(found) == len(parts)
    assert all(part in found for part in parts)


def test_a_walk_enters_records_only_where_asked() -> None:
    assert Inner not in list(walk([Outer]))
    assert Inner in list(walk([Outer], lambda cls: fields_of(cls).values()))


@pytest.mark.parametrize(
    ("hint", "own", "anywhere"),
    [
        (int, False, False),
        (Annotated[int, MARK], True, True),
        (Annotated[int, "text", MARK], True, True),
        (Annotated[int, MARK] | None, False, True),
        (list[dict[str, Annotated[int, MARK]]], False, True),
        (Callable[[Annotated[int, MARK]], int], False, False),
        (Annotated[int, "text"], False, False),
    ],
)
def test_marks_are_found(hint: Any, own: bool, anywhere: bool) -> None:
    assert mark_of(hint, Mark) is (MARK if own else None)
    assert has_mark(hint, Mark) is anywhere


@pytest.mark.parametrize(
    ("hint", "expected"),
    [(Mark, True), (Mark | None, True), (list[Mark], True), (Annotated[Mark, "x"], True), (int, False)],
)
def test_classes_are_found(hint: Any, expected: bool) -> None:
    assert mentions(hint, str, Mark) is expected


@pytest.mark.parametrize("record", [Struct, Model, Dictionary, Tuple])
def test_records_of_every_library_have_fields(record: type) -> None:
    assert fields_of(record)["name"] is str
    assert records_in([list[record], int]) == [record]  # type: ignore[valid-type]


def test_records_within_records_are_found() -> None:
    assert records_in([dict[str, Outer]]) == [Outer, Inner]


@pytest.mark.parametrize("cls", [int, str, object, Mark])
def test_other_classes_have_no_fields(cls: type) -> None:
    assert fields_of(cls) == {}


@pytest.mark.parametrize(
    ("hint", "text"),
    [
        (int, None),
        (Annotated[int, 5], None),
        (Annotated[int, "Text"], "Text"),
        (Annotated[int, 5, "First", "Second"], "First"),
        (Annotated[int, Doc("Text")], "Text"),
        (Annotated[int, msgspec.Meta(description="Text")], "Text"),
        (Annotated[int, msgspec.Meta(ge=1)], None),
    ],
)
def test_descriptions_by_any_spelling(hint: Any, text: str | None) -> None:
    assert description_of(hint) == text
