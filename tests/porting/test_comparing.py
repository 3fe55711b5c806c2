"""Answers side by side."""

from typing import Any

from tests.porting.classes import DIFFERS, DOCUMENTED, FAILS, REFUSED, SAME, classify
from tests.porting.comparing import differences

CALL = {"method": "tools/call", "params": {"name": "add", "arguments": {}}}


def target(*rounds: Any, request: Any = CALL) -> dict[str, Any]:
    return {"target": "mcp", "steps": [{"request": request, "rounds": list(rounds)}]}


def result(**members: Any) -> dict[str, Any]:
    return {"status": 200, "result": members}


def kind(original: Any, ported: Any, *left: str) -> str:
    first, other = ({"targets": [one]} if "steps" in one else one for one in (original, ported))
    return classify("a.py", first, first, other, list(left)).kind


def places(original: Any, again: Any, ported: Any) -> list[str]:
    return [one.place for one in differences(target(original), target(again), target(ported))]


def test_texts_that_are_json_are_compared_as_values() -> None:
    one, other = '{"a": 1, "b": 2}', '{"b":2,"a":1}'
    assert places(result(text=one), result(text=one), result(text=other)) == []
    assert places(result(text=one), result(text=one), result(text='{"a": 1}')) == ["result.text.<json>.b"]


def test_what_differs_each_time_is_not_compared() -> None:
    assert places(result(id=1, a=1), result(id=2, a=1), result(id=3, a=2)) == ["result.a"]


def test_states_are_sealed_anyhow() -> None:
    assert places(result(requestState="a"), result(requestState="a"), result(requestState="b")) == []
    assert places(result(requestState="a"), result(requestState="a"), result()) == ["result.requestState"]


def test_the_order_of_required_members_means_nothing() -> None:
    one, other = {"required": ["a", "b"]}, {"required": ["b", "a"]}
    assert places(result(schema=one), result(schema=one), result(schema=other)) == []


def test_true_is_not_one() -> None:
    assert places(result(a=True), result(a=True), result(a=1)) == ["result.a"]


def test_classes() -> None:
    good, other = target(result(structuredContent={"a": 1})), target(result(structuredContent={"a": 2}))
    assert kind(good, good) == SAME
    assert kind(good, other) == DIFFERS
    assert kind(good, good, "mcp.Nobody: there is none") == REFUSED


def test_failures_by_whether_they_name_what_is_missing() -> None:
    good = target(result())
    for message, expected in [("there is none (docs/porting.md)", REFUSED), ("'x' is not defined", FAILS)]:
        failure = {"failure": {"type": "ImportError", "message": message, "where": []}}
        assert kind(good, failure) == expected
        assert kind(good, {"targets": [{"target": "mcp", **failure}]}) == expected
    assert kind({"failure": {"type": "E", "message": "", "where": []}}, good) == FAILS


def test_differences_of_every_server_leave_it_the_same() -> None:
    request = {"method": "server/discover", "params": {}}
    one = target(result(supportedVersions=["2026-07-28"]), request=request)
    other = target(result(supportedVersions=["2026-07-28", "2025-11-25"]), request=request)
    assert kind(one, other) == SAME


def test_documented_differences_are_named() -> None:
    request = {"method": "tools/list", "params": {}}
    one = {"targets": [target(result(tools=[{"description": "First.\n\n    More."}]), request=request)]}
    other = {"targets": [target(result(tools=[{"description": "First.\n\nMore."}]), request=request)]}
    found = classify("a.py", one, one, other, [])
    assert (found.kind, found.topics) == (
        DOCUMENTED,
        ("indented docstrings",),
    )
