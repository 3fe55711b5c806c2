"""Every type that people declare, in every position, by both adapters; docs/types.md says what this finds."""

import pytest
from tests.features.types_page import (
    ADAPTERS,
    NEEDS,
    PAGE,
    POSITIONS,
    cells_of,
    line_of,
    outcome,
    refusals_of,
)
from tests.features.types_table import NEVER, ROWS, VALUES, Row

FREE = ("argument of a tool", "result of a tool", "of a resource", "of a step")
"""Positions that take any type; the others take what fits into text or into a form."""


@pytest.mark.parametrize("row", ROWS, ids=[row.written for row in ROWS])
def test_a_type_is_described_converted_and_rendered_alike_or_refused(row: Row) -> None:
    cells = cells_of(row)
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    assert {line_of(row, cells), *refusals_of(row, cells)} <= set(lines), (
        "python -m tests.features.types_page"
    )
    for index in range(len(ADAPTERS)):
        assert len({cells[position][index] is None for position in FREE}) == 1, "positions disagree"
    if row.value is NEVER:
        assert all(outcome is not None for outcomes in cells.values() for outcome in outcomes)


@pytest.mark.parametrize("row", VALUES, ids=[row.written for row in VALUES])
@pytest.mark.parametrize("position", FREE)
def test_a_value_fits_what_is_said_of_its_type(row: Row, position: str) -> None:
    plain, typed = (outcome(row, position, adapter) for adapter in ADAPTERS)
    assert typed is None
    assert plain is None or plain == NEEDS or "install pydantic" in plain


def test_the_page_has_a_row_for_each_type_and_no_other() -> None:
    table = PAGE.read_text(encoding="utf-8").partition("## What is said")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ")]
    assert len(rows) == len(ROWS) + 1
    assert rows[0] == f"| type | {' | '.join(POSITIONS)} |"
