"""Checking answers against questions as the wire carried them, where no handler is at hand."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Raw

from lambent.execution.rounds.questions import (
    Question,
    form_question,
    read_answer,
    roots_question,
    sampling_question,
)
from lambent.features.forms import Form


def check_answer(key: str, request: Raw, answer: Raw) -> None:
    """Check an answer as far as its question tells.

    Args:
        key: names the question, for the error.
        request: the input request.
        answer: the input response.

    Raises:
        InvalidParamsError: it is not an answer to this question.
    """
    asked: dict[str, Any] = msgspec.json.decode(request)
    read_answer(key, _question(asked["method"], asked["params"]), answer)


def _question(method: str, params: dict[str, Any]) -> Question[Any]:
    if method == "sampling/createMessage":
        return sampling_question("", {})
    if method == "roots/list":
        return roots_question()
    # A URL's answer is a form's without fields.
    return form_question("", Form(params.get("requestedSchema", {}), None))
