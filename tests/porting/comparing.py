"""The answers of an original and of its port, side by side."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]
ABSENT = "<absent>"


@dataclass(frozen=True)
class Difference:
    """One place in which two answers differ.

    Attributes:
        request: what was asked.
        path: the place, such as ``("0", "result", "content", "0", "text")``; its first part is the round.
        original: what is there.
        ported: what the port has there; `ABSENT` where it has nothing.
        whole_original, whole_ported: the rounds.
    """

    request: Json
    path: tuple[str, ...]
    original: Any
    ported: Any
    whole_original: Any
    whole_ported: Any

    @property
    def place(self) -> str:
        """The path as a text, without the number of the round."""
        return ".".join(self.path[1:])

    def __str__(self) -> str:
        asked = f"{self.request.get('method', 'GET')} {json.dumps(self.request.get('params', self.request))}"
        return f"{asked[:160]} | {'.'.join(self.path)} | {_short(self.original)} | {_short(self.ported)}"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) < 300 else f"{text[:300]}…"


def differences(original: Json, again: Json, ported: Json) -> Iterator[Difference]:
    """Where the steps of a target differ, but for what the original answers differently each time."""
    theirs = {_key(step["request"]): step["rounds"] for step in ported["steps"]}
    seconds = {_key(step["request"]): step["rounds"] for step in again["steps"]}
    for step in original["steps"]:
        key = _key(step["request"])
        first, second = normalized(step["rounds"]), normalized(seconds.get(key))
        third = normalized(theirs.get(key))
        unsteady = {path for path, _, _ in walk(first, second)}
        for path, one, other in walk(first, third):
            if not any(path[: len(each)] == each for each in unsteady):
                yield Difference(step["request"], path, one, other, first, third)


def _key(request: Json) -> str:
    return json.dumps(request, sort_keys=True)


def normalized(value: Any) -> Any:
    """What is compared: text that is JSON as the value that it has, sealed states as such."""
    if isinstance(value, list):
        return [normalized(one) for one in value]
    if isinstance(value, Mapping):
        found = {key: normalized(one) for key, one in value.items()}
        if isinstance(found.get("requestState"), str):
            found["requestState"] = "<sealed>"
        required = found.get("required")
        if isinstance(required, list) and all(isinstance(name, str) for name in required):
            found["required"] = sorted(required)  # a set, in schemas
        if isinstance(value.get("text"), str):
            found["text"] = _as_json(value["text"])
        return found
    return value


def _as_json(text: str) -> Any:
    if text[:1] in "{[":
        try:
            return {"<json>": json.loads(text)}
        except ValueError:
            pass
    return text


def walk(one: Any, other: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    """The places in which two JSON values differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in [*one, *(key for key in other if key not in one)]:
            yield from walk(one.get(key, ABSENT), other.get(key, ABSENT), (*path, key))
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for index, (left, right) in enumerate(zip(one, other, strict=True)):
            yield from walk(left, right, (*path, str(index)))
    elif isinstance(one, bool) != isinstance(other, bool) or one != other:
        yield path, one, other
