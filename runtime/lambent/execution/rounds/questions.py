"""The questions that a handler can ask its client, and how their answers are read (basic/patterns/mrtr)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

import msgspec
from msgspec import Raw

from lambent.errors import InvalidParamsError, MissingCapabilityError
from lambent.features.codecs import ValidationError
from lambent.wire.jsonrpc import LazyDecoder
from lambent.wire.values import ClientCapabilities, Root, SamplingMessage, SamplingResult, TextContent

if TYPE_CHECKING:
    from lambent.features.forms import Form

T = TypeVar("T")


class AcceptedElicitation(msgspec.Struct, Generic[T], frozen=True):
    """The user agreed; ``data`` is what they filled in, None for a URL."""

    data: T
    action: Literal["accept"] = "accept"


class DeclinedElicitation(msgspec.Struct, frozen=True):
    """The user said no."""

    action: Literal["decline"] = "decline"


class CancelledElicitation(msgspec.Struct, frozen=True):
    """The user dismissed the question."""

    action: Literal["cancel"] = "cancel"


ElicitationResult = AcceptedElicitation[T] | DeclinedElicitation | CancelledElicitation


class Question(msgspec.Struct, Generic[T], frozen=True):
    """One question.

    Attributes:
        method: the method of the input request.
        params: its parameters.
        parse: reads the answer; raises ``ValidationError`` where it is wrong.
        requires: the part of ``ClientCapabilities`` without which it must not be asked.
    """

    method: str
    params: Mapping[str, Any]
    parse: Callable[[Raw], T]
    requires: Mapping[str, Any]

    @property
    def request(self) -> dict[str, Any]:
        """The input request that the wire carries."""
        return {"method": self.method, "params": self.params}


class _ElicitAnswer(msgspec.Struct, frozen=True):
    action: Literal["accept", "decline", "cancel"]
    content: dict[str, Any] | None = None


class _RootsAnswer(msgspec.Struct, frozen=True):
    roots: list[Root]


_elicit_answers: LazyDecoder[_ElicitAnswer] = LazyDecoder(_ElicitAnswer)
_sampling_answers: LazyDecoder[SamplingResult] = LazyDecoder(SamplingResult)
_roots_answers: LazyDecoder[_RootsAnswer] = LazyDecoder(_RootsAnswer)


def form_question(message: str, form: Form[T]) -> Question[ElicitationResult[T]]:
    """Ask the user to fill in a form (client/elicitation, "Form Mode")."""
    params = {"mode": "form", "message": message, "requestedSchema": form.schema}
    return Question(
        "elicitation/create", params, lambda raw: _outcome(raw, form.read), {"elicitation": {"form": {}}}
    )


def url_question(message: str, url: str) -> Question[ElicitationResult[None]]:
    """Ask the user to visit a page (client/elicitation, "URL Mode")."""
    if not url.startswith(("https://", "http://")):
        raise ValueError(f"A user can be sent to a web page only, not to {url!r}")
    params = {"mode": "url", "message": message, "url": url}
    return Question(
        "elicitation/create", params, lambda raw: _outcome(raw, lambda _: None), {"elicitation": {"url": {}}}
    )


def _outcome(raw: Raw, read: Callable[[dict[str, Any]], T]) -> ElicitationResult[T]:
    answer = _elicit_answers.decode(raw)
    if answer.action == "accept":
        return AcceptedElicitation(read(answer.content or {}))
    return DeclinedElicitation() if answer.action == "decline" else CancelledElicitation()


def sampling_question(
    messages: str | Sequence[SamplingMessage], options: Mapping[str, Any]
) -> Question[SamplingResult]:
    """Ask the client's model (client/sampling); ``options`` are further parameters, None where not given."""
    if isinstance(messages, str):
        messages = [SamplingMessage(role="user", content=TextContent(text=messages))]
    given = {name: value for name, value in options.items() if value is not None}
    requires: dict[str, Any] = {"tools": {}} if "tools" in given or "toolChoice" in given else {}
    if given.get("includeContext", "none") != "none":
        requires["context"] = {}
    return Question(
        "sampling/createMessage",
        {"messages": list(messages), **given},
        lambda raw: _sampling_answers.decode(raw),  # noqa: PLW0108 - it replaces itself when it is called
        {"sampling": requires},
    )


def roots_question() -> Question[list[Root]]:
    """Ask which folders the server may work on (client/roots)."""
    return Question("roots/list", {}, lambda raw: _roots_answers.decode(raw).roots, {"roots": {}})


def check_capability(question: Question[Any], client: ClientCapabilities) -> None:
    """Refuse to ask what the client did not declare it can answer.

    Raises:
        MissingCapabilityError: naming what is missing.
    """
    for capability, parts in question.requires.items():
        declared = getattr(client, capability)
        if declared is None:
            raise MissingCapabilityError(question.requires)
        if capability == "elicitation" and declared.form is None and declared.url is None:
            declared = msgspec.structs.replace(declared, form={})  # an empty object means forms
        for part in parts:
            if getattr(declared, part) is None:
                raise MissingCapabilityError(question.requires)


def require_extension(client: ClientCapabilities, identifier: str) -> dict[str, Any]:
    """The client's settings of an extension.

    Raises:
        MissingCapabilityError: the client did not declare it with this request.
    """
    settings = (client.extensions or {}).get(identifier)
    if settings is None:
        raise MissingCapabilityError({"extensions": {identifier: {}}})
    return settings


def read_answer(key: str, question: Question[T], raw: Raw) -> T:
    """Read a client's answer.

    Raises:
        InvalidParamsError: it is not an answer to this question.
    """
    try:
        return question.parse(raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError, ValidationError) as error:
        raise InvalidParamsError(f"Invalid input response for {key!r}: {error}") from None


def check_answer(key: str, request: Raw, answer: Raw) -> None:
    """Check an answer as far as the input request tells, where the handler's question is not at hand.

    Raises:
        InvalidParamsError: it is not an answer to this question.
    """
    found = msgspec.json.decode(request)
    read_answer(key, question_of(found["method"], found["params"]), answer)


def question_of(method: str, params: Mapping[str, Any]) -> Question[Any]:
    """The question of an input request in its form on the wire, whose answer is read as far as that tells.

    Raises:
        ValueError: no client can be asked that.
    """
    found: Question[Any]
    if method == "sampling/createMessage":
        found = sampling_question("", params)
    elif method == "roots/list":
        found = roots_question()
    elif method != "elicitation/create":
        raise ValueError(f"No client can be asked {method!r}")
    elif params.get("mode") == "url":
        found = url_question("", params["url"])
    else:
        from lambent.features.forms import Form  # loaded where there are forms

        found = form_question("", Form(params.get("requestedSchema", {}), None))
    return msgspec.structs.replace(found, params=params)
