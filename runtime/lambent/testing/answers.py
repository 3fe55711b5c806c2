"""Answering what servers ask, from a list or by a callback."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

import msgspec

from lambent.execution.rounds.questions import (
    AcceptedElicitation,
    CancelledElicitation,
    DeclinedElicitation,
)
from lambent.features.codecs import to_plain
from lambent.testing.errors import UnansweredError
from lambent.wire.values import Root, SamplingResult, TextContent

Kind = Literal["form", "url", "sampling", "roots"]

_KINDS: dict[str, Kind] = {"sampling/createMessage": "sampling", "roots/list": "roots"}


class AskedQuestion(msgspec.Struct, frozen=True):
    """A question of the server, as a client gets it.

    Attributes:
        kind: ``form``, ``url``, ``sampling`` or ``roots``.
        params: the parameters of the request, in wire names.
        key: by which the server knows it; in the legacy era the id of its request.
    """

    kind: Kind
    params: dict[str, Any]
    key: str

    @property
    def message(self) -> str:
        """Why it is asked: the text of a form or URL, or of the last message to the model; else empty."""
        if self.kind != "sampling":
            return str(self.params.get("message", ""))
        content = self.params["messages"][-1]["content"]
        blocks = content if isinstance(content, list) else [content]
        return "".join(block.get("text", "") for block in blocks)

    @property
    def schema(self) -> dict[str, Any]:
        """The schema of a form; else empty."""
        schema: dict[str, Any] = self.params.get("requestedSchema", {})
        return schema

    @property
    def url(self) -> str:
        """The page that the user is to visit; else empty."""
        return str(self.params.get("url", ""))

    def __str__(self) -> str:
        """The kind, the message, and the fields of a form with their types."""
        fields = self.schema.get("properties", {}).items()
        shown = ", ".join(f"{name}: {field.get('type', 'any')}" for name, field in fields)
        said = f" {self.message!r}" if self.message else ""
        return f"{self.kind}{said}" + (f" ({shown})" if shown else "") + (f" {self.url}" if self.url else "")


OnQuestion = Callable[[AskedQuestion], Any]
"""Gives the answer to a question; None where the list of answers has it."""


class GivenAnswers:
    """Where the answers come from: a callback first, then a list, in the order in which is asked.

    Args:
        given: the list; see `answer_to` for what is in it.
        on_question: the callback.

    Attributes:
        left: the answers that nobody has asked for yet.
        asked: every question so far.
    """

    def __init__(self, given: Iterable[Any] = (), on_question: OnQuestion | None = None) -> None:
        self.left = list(given)
        self.asked: list[AskedQuestion] = []
        self._on_question = on_question

    def answer(self, asker: str, questions: Sequence[AskedQuestion]) -> list[dict[str, Any]]:
        """The answers to questions that are asked together, as the wire has them.

        Raises:
            UnansweredError: one of them has none.
            TypeError: an answer is none to its question.
        """
        self.asked += questions
        found: list[dict[str, Any]] = []
        unanswered: list[AskedQuestion] = []
        for question in questions:
            answer = self._on_question(question) if self._on_question is not None else None
            if answer is None and self.left:
                answer = self.left.pop(0)
            if answer is None:
                unanswered.append(question)
            else:
                found.append(answer_to(question, answer))
        if unanswered:
            raise UnansweredError(asker, unanswered)
        return found


def question_of(key: str, method: str, params: dict[str, Any]) -> AskedQuestion:
    """A question from a request of the server."""
    kind = _KINDS.get(method) or ("url" if params.get("mode") == "url" else "form")
    return AskedQuestion(kind, params, key)


def answer_to(question: AskedQuestion, answer: Any) -> dict[str, Any]:
    """An answer as the wire has it.

    ==========  =========================================================================================
    kind        answers
    ==========  =========================================================================================
    all forms   ``DeclinedElicitation()``, ``CancelledElicitation()``
    form        what the user fills in: a mapping, a record, or ``AcceptedElicitation`` with one
    url         ``AcceptedElicitation(None)``: the user goes there
    sampling    the model's text, or a ``SamplingResult``
    roots       a list of ``Root`` or of URIs
    ==========  =========================================================================================

    Raises:
        TypeError: it is none to this question.
    """
    if question.kind in ("form", "url"):
        if isinstance(answer, DeclinedElicitation | CancelledElicitation):
            return {"action": answer.action}
        if isinstance(answer, AcceptedElicitation):
            answer = {} if answer.data is None else answer.data
        elif question.kind == "url":
            raise _wrong(question, answer, "AcceptedElicitation(None)")
        content = to_plain(answer)
        if not isinstance(content, dict):
            raise _wrong(question, answer, "a mapping or a record with the fields")
        return {"action": "accept", **({"content": content} if question.kind == "form" else {})}
    if question.kind == "sampling":
        if isinstance(answer, str):
            answer = SamplingResult(role="assistant", content=TextContent(text=answer), model="test")
        if not isinstance(answer, SamplingResult):
            raise _wrong(question, answer, "a string or a SamplingResult")
        result: dict[str, Any] = to_plain(answer)
        return result
    if isinstance(answer, str) or not isinstance(answer, Sequence):
        raise _wrong(question, answer, "a list of Root or of URIs")
    roots = [root if isinstance(root, Root) else Root(uri=root) for root in answer]
    return {"roots": to_plain(roots)}


def _wrong(question: AskedQuestion, answer: Any, instead: str) -> TypeError:
    return TypeError(f"{type(answer).__name__} is no answer to {question}: give {instead}")
