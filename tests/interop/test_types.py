"""What clients send arrives as every type of docs/types.md, and they read what is written of it."""

import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from tests.features.types_page import NO, PAGE, is_got
from tests.features.types_page import POSITIONS as COLUMNS
from tests.features.types_table import ROWS, Row
from tests.interop.talks import Talk, call, text
from tests.interop.types_server import ARRIVED, CASES, POSITIONS, Case

if TYPE_CHECKING:
    from tests.interop.clients import Client

KINDS = {
    "tools": ("argument of a tool", "field of a form", "result of a tool"),
    "prompts": ("of a prompt",),
    "resources": ("of a resource",),
    "resourceTemplates": ("of a template",),
}
ROOTS = {type(case.row.sent): case for case in CASES if case.position == "result of a tool"}
"""A tool for each JSON type of a result: 2025-11-25 had objects only."""


@pytest.fixture
def types(client: str, connect_client: "Callable[[str], Client]", types_url: str) -> Talk:
    """Talks to the server with every type."""
    return Talk(client, connect_client(client), types_url, "modern")


def test_every_type_is_declared_where_the_page_says() -> None:
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    for row, line in zip(ROWS, lines[1:], strict=True):
        marks = dict(zip(COLUMNS, re.split(r" (?<!\\)\| ", line.strip("| "))[1:], strict=True))
        taken = {position for position in POSITIONS if marks[position] != NO}
        if isinstance(row.sent, str) and row.sent.startswith("/"):
            taken.remove("of a template")
        found = {case.position for case in CASES if case.row is row and case.adapter == "msgspec"}
        assert found == taken, row.written


@pytest.mark.parametrize("kind", KINDS)
def test_every_declaration_is_listed(types: Talk, kind: str) -> None:
    listed = [item["name"] for item in types.value("all_of", kind=kind)]
    assert sorted(listed) == sorted(case.name for case in CASES if case.position in KINDS[kind])


@pytest.mark.parametrize("client", ["python", "typescript", "fastmcp"])
@pytest.mark.parametrize("position", POSITIONS)
def test_every_type_is_sent_and_read(types: Talk, position: str) -> None:
    cases = [case for case in CASES if case.position == position]
    answers = {"elicitation": {case.name: case.row.sent for case in cases}}
    outcomes = types.value("batch", tasks=[case.task for case in cases], answers=answers)
    wrong = {}
    for case, outcome in zip(cases, outcomes, strict=True):
        try:
            CHECKS[position](outcome["value"], case.row)
        except (AssertionError, KeyError, ValueError):
            wrong[f"{case.row.written} by {case.adapter}"] = outcome
    assert wrong == {}


@pytest.mark.parametrize("client", ["inspector"])
@pytest.mark.parametrize("case", ROOTS.values(), ids=[root.__name__ for root in ROOTS])
def test_a_result_has_any_type_of_json(types: Talk, case: Case) -> None:
    if case.row.sent is None:
        message = types.error(**call(case.name))["message"]
        assert message.endswith("declares an output schema but returned no structured content")
        types.skip("takes null for a result that is missing")
    _called(types.value(**call(case.name)), case.row)


def _called(called: Any, row: Row) -> None:
    result = called["result"]
    is_got(text(called) if isinstance(row.sent, str) else json.loads(text(called)), row)
    # Text, bytes and open lists are no structured results; SDKs leave null out.
    if result.get("structuredContent") is not None:
        is_got(result["structuredContent"], row)
        # FastMCP's client makes a value of it besides, and only logs it when it cannot.
        assert result.get("data", True) is not None


def _read(contents: Any, row: Row) -> None:
    (content,) = contents
    found = content["blob"] if "blob" in content else content["text"]
    # Text and bytes are as they are; other types whose JSON is a string are in quotes.
    is_got(found if isinstance(row.sent, str) and not found.startswith('"') else json.loads(found), row)


def _arrived(found: str) -> None:
    assert found == ARRIVED


CHECKS: dict[str, Callable[[Any, Row], None]] = {
    "argument of a tool": lambda called, _: _arrived(text(called)),
    "of a prompt": lambda prompt, _: _arrived(prompt["messages"][0]["content"]["text"]),
    "of a template": lambda contents, _: _arrived(contents[0]["text"]),
    "field of a form": lambda called, _: _arrived(text(called)),
    "result of a tool": _called,
    "of a resource": _read,
}
