"""Checking answers against questions as the wire carried them."""

import json
from typing import Any

import pytest
from msgspec import Raw

from lambent.errors import InvalidParamsError
from lambent.execution.rounds.questions import check_answer

FORM = {
    "method": "elicitation/create",
    "params": {
        "mode": "form",
        "message": "?",
        "requestedSchema": {
            "type": "object",
            "properties": {
                "ok": {"type": "boolean"},
                "count": {"type": "integer", "minimum": 1},
                "size": {"type": "string", "enum": ["s", "m"]},
            },
            "required": ["ok"],
        },
    },
}
PAGE = {
    "method": "elicitation/create",
    "params": {"mode": "url", "message": "?", "url": "https://pay.example", "elicitationId": "1"},
}
SAMPLE = {"method": "sampling/createMessage", "params": {"messages": [], "maxTokens": 5}}
ROOTS: dict[str, Any] = {"method": "roots/list", "params": {}}
BLOCK = {"type": "text", "text": "Ha"}


def check(request: dict[str, Any], answer: Any) -> None:
    check_answer("q", Raw(json.dumps(request).encode()), Raw(json.dumps(answer).encode()))


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        (FORM, {"action": "accept", "content": {"ok": True}}),
        (FORM, {"action": "accept", "content": {"ok": False, "count": 1, "size": "m"}}),
        (FORM, {"action": "decline"}),
        (FORM, {"action": "cancel"}),
        (PAGE, {"action": "accept"}),
        (PAGE, {"action": "accept", "content": {}}),
        (PAGE, {"action": "decline"}),
        (SAMPLE, {"role": "assistant", "content": BLOCK, "model": "m"}),
        (SAMPLE, {"role": "assistant", "content": BLOCK, "model": "m", "stopReason": "endTurn"}),
        (ROOTS, {"roots": []}),
        (ROOTS, {"roots": [{"uri": "file:///a", "name": "a"}]}),
    ],
)
def test_answers(request_: dict[str, Any], answer: Any) -> None:
    check(request_, answer)


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        (FORM, {"action": "accept"}),
        (FORM, {"action": "accept", "content": {}}),
        (FORM, {"action": "accept", "content": {"ok": "perhaps"}}),
        (FORM, {"action": "accept", "content": {"ok": True, "count": 0}}),
        (FORM, {"action": "accept", "content": {"ok": True, "size": "xl"}}),
        (FORM, {"action": "perhaps"}),
        (FORM, {}),
        (FORM, []),
        (FORM, None),
        (FORM, "accept"),
        (PAGE, {"action": "perhaps"}),
        (PAGE, {}),
        (SAMPLE, {"role": "assistant", "content": BLOCK}),
        (SAMPLE, {"action": "accept"}),
        (SAMPLE, {"role": "assistant", "content": {"type": "hologram"}, "model": "m"}),
        (ROOTS, {"roots": [{"name": "no uri"}]}),
        (ROOTS, {"action": "accept"}),
        (ROOTS, {}),
    ],
)
def test_what_is_no_answer(request_: dict[str, Any], answer: Any) -> None:
    with pytest.raises(InvalidParamsError, match="Invalid input response for 'q': "):
        check(request_, answer)
