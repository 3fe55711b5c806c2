"""Answers as the wire has them."""

from typing import Any

import pytest

from lambent import AcceptedElicitation, CancelledElicitation, DeclinedElicitation, Root
from lambent.testing import AskedQuestion, answer_to
from lambent.testing.answers import question_of

FORM = question_of("k", "elicitation/create", {"message": "Sure?", "requestedSchema": {"properties": {}}})
URL = question_of("k", "elicitation/create", {"mode": "url", "message": "Go", "url": "https://x.example/"})
SAMPLE = question_of(
    "k", "sampling/createMessage", {"messages": [{"role": "user", "content": {"type": "text", "text": "?"}}]}
)
ROOTS = question_of("k", "roots/list", {})


@pytest.mark.parametrize(
    ("question", "answer", "wire"),
    [
        (FORM, {"a": 1}, {"action": "accept", "content": {"a": 1}}),
        (FORM, Root(uri="x:"), {"action": "accept", "content": {"uri": "x:"}}),
        (FORM, AcceptedElicitation({"a": 1}), {"action": "accept", "content": {"a": 1}}),
        (FORM, AcceptedElicitation(None), {"action": "accept", "content": {}}),
        (FORM, DeclinedElicitation(), {"action": "decline"}),
        (URL, CancelledElicitation(), {"action": "cancel"}),
        (URL, AcceptedElicitation(None), {"action": "accept"}),
        (
            SAMPLE,
            "Hi",
            {"role": "assistant", "content": {"type": "text", "text": "Hi"}, "model": "test"},
        ),
        (ROOTS, ["x:", Root(uri="y:", name="Y")], {"roots": [{"uri": "x:"}, {"uri": "y:", "name": "Y"}]}),
        (ROOTS, [], {"roots": []}),
    ],
)
def test_answers(question: AskedQuestion, answer: Any, wire: Any) -> None:
    assert answer_to(question, answer) == wire


@pytest.mark.parametrize(
    ("question", "answer", "text"),
    [
        (FORM, "yes", "str is no answer to form 'Sure?': give a mapping"),
        (FORM, [1], "list is no answer"),
        (URL, {}, "give AcceptedElicitation(None)"),
        (SAMPLE, {}, "dict is no answer to sampling '?': give a string"),
        (ROOTS, "x:", "str is no answer to roots: give a list"),
        (ROOTS, 5, "int is no answer"),
    ],
)
def test_what_is_no_answer(question: AskedQuestion, answer: Any, text: str) -> None:
    with pytest.raises(TypeError) as caught:
        answer_to(question, answer)
    assert text in str(caught.value)


def test_questions_for_people() -> None:
    assert str(URL) == "url 'Go' https://x.example/"
    assert (ROOTS.message, ROOTS.url, ROOTS.schema) == ("", "", {})
