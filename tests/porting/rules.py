"""Differences that the documentation explains."""

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.porting.comparing import ABSENT, Difference

_LISTS = ("tools/list", "resources/list", "resources/templates/list", "prompts/list")


@dataclass(frozen=True)
class Rule:
    """A difference that a row of the documentation explains.

    Attributes:
        topic: the first cell of the row, in docs/differences.md or docs/porting.md.
        explains: whether it is this one.
        is_everywhere: whether servers have it whatever they do, so that one with nothing else is the same.
        has_consequences: whether what is asked later may differ because of it.
    """

    topic: str
    explains: Callable[[Difference], bool]
    is_everywhere: bool = False
    has_consequences: bool = False


def rule_of(difference: Difference) -> Rule | None:
    """The rule that explains a difference; None where none does."""
    return next((rule for rule in RULES if rule.explains(difference)), None)


def _at(pattern: str, *methods: str) -> Callable[[Difference], bool]:
    """Differences whose place, such as ``result.tools.0.name``, is as a pattern has it."""
    place = re.compile(pattern)

    def matches(difference: Difference) -> bool:
        return (not methods or _method(difference) in methods) and bool(place.fullmatch(difference.place))

    return matches


def _method(difference: Difference) -> str:
    return str(difference.request.get("method", "GET"))


def _name(difference: Difference) -> Any:
    params = difference.request.get("params") or {}
    return params.get("name") or params.get("uri")


def _last(rounds: Any, member: str) -> dict[str, Any]:
    """An object of the last response; empty where there is none."""
    found = rounds[-1].get(member) if rounds else None
    return found if isinstance(found, dict) else {}


def _error(rounds: Any) -> Any:
    return _last(rounds, "error").get("code")


def _is_status_of_an_error(difference: Difference) -> bool:
    """Whether the HTTP statuses differ because the errors do."""
    return difference.place == "status" and _error(difference.whole_original) != _error(
        difference.whole_ported
    )


def _has_none(difference: Difference) -> bool:
    """Whether a server without features of a kind says that it does not know their methods."""
    if _error(difference.whole_ported) != -32601 or difference.place not in (
        "result", "error", "error.code", "error.message", "error.data", "status",
    ):  # fmt: skip
        return False
    if _method(difference) in _LISTS:
        result = _last(difference.whole_original, "result")
        return not any(one for one in result.values() if isinstance(one, list))
    return _is_of_nothing(difference)


def _is_of_nothing(difference: Difference) -> bool:
    """Whether a request names what no server has."""
    return _name(difference) in ("no_such_tool", "no_such_prompt", "nothing://here")


def _codes(difference: Difference) -> tuple[Any, Any]:
    return _error(difference.whole_original), _error(difference.whole_ported)


def _original_error(difference: Difference) -> str:
    return str(_last(difference.whole_original, "error").get("message", ""))


def _is_about_arguments(difference: Difference) -> bool:
    """Whether both say that the arguments of a tool are not valid."""
    results = [_last(rounds, "result") for rounds in (difference.whole_original, difference.whole_ported)]
    if _method(difference) != "tools/call" or not all(result.get("isError") for result in results):
        return False
    first, other = (next(iter(result["content"]), {}).get("text") for result in results)
    return bool(
        re.match(r"Error executing tool \S+: \d+ validation errors? for \S+Arguments\n", str(first))
        and re.match(r"Error executing tool \S+: Invalid arguments: ", str(other))
    )


def _is_about_text_arguments(difference: Difference) -> bool:
    return _method(difference) in ("prompts/get", "resources/read") and _codes(difference) == (-32603, -32602)


def _is_unknown_resource(difference: Difference) -> bool:
    return (
        _method(difference) == "resources/read"
        and _codes(difference) == (-32602, -32602)
        and (difference.place == "error.data" or _original_error(difference).startswith("Unknown resource: "))
    )


def _is_question_without_channel(difference: Difference) -> bool:
    return "no back-channel" in _original_error(difference)


def _is_unknown_method(difference: Difference) -> bool:
    return _codes(difference) == (-32601, -32601) and difference.place == "error.data"


def _is_about_parameters(difference: Difference) -> bool:
    return (
        _codes(difference) == (-32602, -32602)
        and _original_error(difference) == "Invalid request parameters"
        and difference.place in ("error.message", "error.data")
    )


def _is_text_of_a_missing_capability(difference: Difference) -> bool:
    return _codes(difference) == (-32021, -32021) and difference.place == "error.message"


def _is_key_of_a_question(difference: Difference) -> bool:
    return difference.place.startswith("result.inputRequests.") and (
        (":" in difference.place and difference.ported == ABSENT) or difference.original == ABSENT
    )


def _texts(difference: Difference) -> tuple[str, str]:
    """The texts of the first blocks of both results."""
    first, second = (
        next((str(block.get("text")) for block in _last(rounds, "result").get("content") or ()), "")
        for rounds in (difference.whole_original, difference.whole_ported)
    )
    return first, second


def _status(rounds: Any) -> Any:
    return rounds[-1].get("status") if rounds else None


def _is_unexpected_exception(difference: Difference) -> bool:
    """Whether both hide an exception, each in its own words."""
    one, other = _texts(difference)
    if other.startswith(f"{one} (reference "):
        return True
    return _codes(difference) == (-32603, -32603) and _last(difference.whole_ported, "error")[
        "message"
    ].startswith("Internal error (reference ")


def _comes_too_late(difference: Difference) -> bool:
    return " comes too late: " in _texts(difference)[1]


def _is_without_credentials(difference: Difference) -> bool:
    return _status(difference.whole_original) == _status(difference.whole_ported) == 401


def _is_text_of_a_declined_question(difference: Difference) -> bool:
    one, other = _texts(difference)
    return "could not resolve: elicitation was " in one and ", which this needs an answer to" in other


def _cannot_be_asked(difference: Difference) -> bool:
    return _error(difference.whole_ported) == -32021 and bool(difference.request.get("bare"))


def _has_no_json_form(difference: Difference) -> bool:
    return " object at 0x" in _texts(difference)[0]


def _is_default_hint(difference: Difference) -> bool:
    defaults = {"ttlMs": 0, "cacheScope": "private"}
    member = difference.place.removeprefix("result.")
    return member in defaults and difference.original in (defaults[member], ABSENT)


def _is_generated_title(difference: Difference) -> bool:
    return (
        difference.path[-1:] == ("title",)
        and difference.ported == ABSENT
        and any(part in ("inputSchema", "outputSchema", "requestedSchema") for part in difference.path)
    )


def _is_false_error(difference: Difference) -> bool:
    return difference.place == "result.isError" and (difference.original, difference.ported) == (
        False,
        ABSENT,
    )


def _is_indentation(difference: Difference) -> bool:
    texts = (difference.original, difference.ported)
    return (
        difference.path[-1:] == ("description",)
        and all(isinstance(text, str) for text in texts)
        and len({inspect.cleandoc(text) for text in texts}) == 1
    )


RULES = [
    Rule("the version of a server without one", _at(r".*serverInfo\.version"), True),
    Rule(
        "what results say of the server",
        _at(r"result\._meta\..*serverInfo\.(icons|title|websiteUrl).*"),
        True,
    ),
    Rule("protocol versions", _at(r"result\.supportedVersions", "server/discover"), True),
    Rule(
        "capabilities",
        _at(
            r"result\.capabilities\.(logging|completions|(prompts|resources|tools)(\..*)?)", "server/discover"
        ),
        True,
    ),
    Rule("features that a server has none of", _has_none, True),
    Rule("caching hints that nobody gave", _is_default_hint, True),
    Rule("an unknown tool", lambda one: _name(one) == "no_such_tool", True),
    Rule("an unknown prompt or resource", _is_of_nothing, True),
    Rule("an unknown prompt or resource", _is_unknown_resource, True),
    Rule("arguments of a tool that are not valid", _is_about_arguments, True),
    Rule("arguments of a prompt or template that are not valid", _is_about_text_arguments, True),
    Rule("a method that there is not", _is_unknown_method, True),
    Rule("parameters of a method that are not valid", _is_about_parameters, True),
    Rule("the text of a capability that is missing", _is_text_of_a_missing_capability, True),
    Rule("`ctx.elicit(...)`, to a client of 2026-07-28", _is_question_without_channel),
    Rule("the HTTP status of an error", _is_status_of_an_error, True),
    Rule("titles in schemas that nobody gave", _is_generated_title, True),
    Rule("`isError: false`", _is_false_error, True),
    Rule("unexpected exceptions in a tool", _is_unexpected_exception),
    Rule("registering after the host was made", _comes_too_late, has_consequences=True),
    Rule("a request without valid credentials", _is_without_credentials),
    Rule("metadata of the protected resource", _at(r"json\.resource_name")),
    Rule("the text of a declined question", _is_text_of_a_declined_question),
    Rule("a question to a client that cannot be asked", _cannot_be_asked),
    Rule("an `InputRequiredResult` without a state", _at(r"result\.requestState")),
    Rule("an object that has no JSON form as a result of a tool", _has_no_json_form),
    Rule(
        "formats and patterns in output schemas", _at(r"result\.tools\.\d+\.outputSchema.*\.(format|pattern)")
    ),
    Rule("keys of questions", _is_key_of_a_question),
    Rule("indented docstrings", _is_indentation),
]
"""The first that fits explains a difference."""
