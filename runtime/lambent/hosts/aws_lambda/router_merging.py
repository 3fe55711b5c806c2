"""Several functions' lists and abilities as those of one server."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from lambent.execution.log_records import logger
from lambent.hosts.aws_lambda.router_events import SESSION_HEADER, Answer, joined_sessions

_log = logger("lambent")

LISTS: Final = {
    "tools/list": ("tool", "tools", "name"),
    "prompts/list": ("prompt", "prompts", "name"),
    "resources/list": ("resource", "resources", "uri"),
    "resources/templates/list": ("resource template", "resourceTemplates", "uriTemplate"),
}
"""Of each list: what is in it, the member that has it, and what tells its items apart."""
_METHOD_NOT_FOUND = -32601


class Refused(Exception):  # noqa: N818 - the answer of a function, for the client
    """A function has no list to give: the client gets what it answered."""

    def __init__(self, written: Any) -> None:
        self.written = written


class Merged(Struct, frozen=True):
    """A result that is made of several.

    Attributes:
        result: for the client.
        is_public: whether it is the same for all who may ask, and for how many seconds it holds is known.
        seconds: see there.
        headers: of the response: a session of the legacy era, if there is one.
    """

    result: dict[str, Any]
    is_public: bool
    seconds: float
    headers: dict[str, str]


def items_of(answer: Answer, member: str, key: str) -> list[dict[str, Any]]:
    """The items of a page; what has no name is none that a client could use."""
    items = (answer.result or {}).get(member)
    if not isinstance(items, list):
        return []
    return [item for item in items if isinstance(item, dict) and isinstance(item.get(key), str)]


def merged_list(method: str, functions: Iterable[Sequence[Answer]]) -> Merged:
    """One list of the pages of all functions. Of two items with one name the first function's counts.

    Raises:
        Refused: one has answered with something else than a list, such as 401. No list is ever incomplete.
    """
    kind, member, key = LISTS[method]
    items: dict[str, Any] = {}
    answers: list[Answer] = []
    none: list[Any] = []
    for pages in functions:
        own: dict[str, Any] = {}
        for answer in pages:
            if answer.result is None and answer.code == _METHOD_NOT_FOUND:
                none.append(answer.written)  # it has none of these
                continue
            if answer.result is None:
                raise Refused(answer.written)
            answers.append(answer)
            own |= {item[key]: item for item in items_of(answer, member, key)}
        if twice := items.keys() & own.keys():
            _log.warning("Two functions have the %s %s: the first one is called", kind, min(twice))
        for name, item in own.items():
            items.setdefault(name, item)
    if not answers:
        raise Refused(none[0])
    result = {name: value for name, value in (answers[0].result or {}).items() if name != "nextCursor"}
    return _merged({**result, member: list(items.values())}, answers)


def merged_abilities(answers: Sequence[Answer]) -> Merged:
    """The first function's answer, with what the others can do.

    Raises:
        Refused: one has answered with something else.
    """
    for answer in answers:
        if answer.result is None:
            raise Refused(answer.written)
    results: list[dict[str, Any]] = [answer.result or {} for answer in answers]
    merged = dict(results[0])
    merged["capabilities"] = {}
    for result in results:
        merged["capabilities"] = _united(merged["capabilities"], result.get("capabilities", {}))
    told = [result["instructions"] for result in results if result.get("instructions")]
    if told:
        merged["instructions"] = "\n\n".join(dict.fromkeys(told))
    if "supportedVersions" in merged:
        common = set(merged["supportedVersions"]).intersection(
            *(one.get("supportedVersions", ()) for one in results)
        )
        merged["supportedVersions"] = [one for one in merged["supportedVersions"] if one in common]
    return _merged(merged, answers)


def _merged(result: dict[str, Any], answers: Sequence[Answer]) -> Merged:
    hints = [answer.result or {} for answer in answers]
    lives = [one.get("ttlMs") for one in hints]
    is_public = all(isinstance(life, int | float) for life in lives) and all(
        one.get("cacheScope") == "public" for one in hints
    )
    if "ttlMs" in result:
        result["ttlMs"] = min(life for life in lives if isinstance(life, int | float))
        result["cacheScope"] = "public" if is_public else "private"
    headers = {SESSION_HEADER: session} if (session := joined_sessions(answers)) else {}
    return Merged(result, is_public, result.get("ttlMs", 0) / 1000, headers)


def _united(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Both objects in one; of two values that are no objects the first counts."""
    united = dict(one)
    for name, value in other.items():
        mine = united.get(name)
        if isinstance(mine, dict) and isinstance(value, dict):
            united[name] = _united(mine, value)
        else:
            united.setdefault(name, value)
    return united
