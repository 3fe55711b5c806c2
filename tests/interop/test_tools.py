"""A client calls tools."""

import base64
from typing import TYPE_CHECKING

from tests.interop.talks import call, text

if TYPE_CHECKING:
    from tests.interop.talks import Talk

SEARCH = {"region": "Zürich", "limit": 42, "exact": True}
MIRRORED = {
    "body": SEARCH,
    "headers": {
        "mcp-param-region": f"=?base64?{base64.b64encode('Zürich'.encode()).decode()}?=",
        "mcp-param-limit": "42",
        "mcp-param-exact": "true",
    },
}


def test_a_tool_answers(talk: "Talk") -> None:
    called = talk.value(**call("greet", {"name": "Ada"}))
    assert text(called) == "Hello, Ada!"
    assert not called["result"].get("isError")


def test_a_result_is_structured(talk: "Talk") -> None:
    parcel = {"grams": 650, "label": "Bücher", "fragile": False}
    called = talk.value(**call("weigh", {"label": "Bücher", "items": [400, 250]}))
    assert called["result"]["structuredContent"] == parcel
    assert text(called) == '{"grams":650,"label":"Bücher","fragile":false}'
    # FastMCP's client makes an object of it besides, as the output schema says.
    assert called["result"].get("data", parcel) == parcel


def test_a_structured_result_need_not_be_an_object(modern: "Talk") -> None:
    called = modern.value(**call("divide", {"dividend": 1, "divisor": 4}))
    assert called["result"]["structuredContent"] == 0.25
    assert text(called) == "0.25"


def test_a_tool_fails(talk: "Talk") -> None:
    called = talk.value(**call("divide", {"dividend": 1, "divisor": 0}))
    assert called["result"]["isError"] is True
    assert text(called) == "Error executing tool divide: Nothing can be divided by zero"


def test_progress_is_reported(talk: "Talk") -> None:
    called = talk.value(**call("countdown", {"start": 3}, progress=True))
    if talk.client == "inspector":
        assert text(called) == "Lift-off, unheard"
        talk.skip("asks for no progress: its tools/call carries no progressToken")
    assert text(called) == "Lift-off"
    assert called["reports"] == [[1, 3, "2 to go"], [2, 3, "1 to go"], [3, 3, "0 to go"]]


def test_the_name_of_a_tool_is_not_ascii(talk: "Talk") -> None:
    assert text(talk.value(**call("größe_in_字", {"text": "漢字"}))) == "2"


def test_parameters_are_mirrored_in_headers(modern: "Talk") -> None:
    called = modern.value(**call("search", SEARCH, listed=True))
    assert called["result"]["structuredContent"] == MIRRORED


def test_parameters_of_a_tool_that_was_not_listed_are_mirrored(modern: "Talk") -> None:
    if modern.client == "fastmcp":
        error = modern.error(**call("search", SEARCH))
        assert error["code"] == -32020
        modern.skip("raises -32020 for a tool that it has not listed, instead of listing it and trying again")
    called = modern.value(**call("search", SEARCH))
    assert called["result"]["structuredContent"] == MIRRORED
