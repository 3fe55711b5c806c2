"""Findings: inputs that break a rule, made small, written down, and played again."""

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from fuzz.invariants import Violation, check
from fuzz.mutations import Draft, clone
from fuzz.sent import read_event
from fuzz.states import Issued, States
from fuzz.target import Target

FOLDER = Path(__file__).parent / "findings"
_SECONDS = 20.0
"""Of making one finding smaller."""


@dataclass
class Finding:
    """An event that breaks a rule.

    Attributes:
        kind: which rule, and how.
        detail: what was found.
        event: the event.
        applied: the mutations that led to it.
        issued: what the state in it holds, if it is a real one: the keys of ``fuzz.target`` open it for ever.
    """

    kind: str
    detail: str
    event: dict[str, Any]
    applied: list[str] = field(default_factory=list)
    issued: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, draft: Draft, violation: Violation, states: States) -> "Finding":
        """What a draft has found."""
        token = read_event(draft.event).state
        issued = {token: asdict(states[token])} if token is not None and token in states else {}
        return cls(violation.kind, str(violation), draft.event, draft.applied, issued)

    def write(self, folder: Path = FOLDER) -> Path:
        """Write a file that ``replay`` reads."""
        folder.mkdir(exist_ok=True)
        text = json.dumps(asdict(self), indent=1, default=sorted)
        name = "".join(character if character.isalnum() else "-" for character in self.kind)[:60]
        path = folder / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:8]}.json"
        path.write_text(text + "\n")
        return path

    @classmethod
    def read(cls, path: Path) -> "Finding":
        """Read a file that ``write`` wrote."""
        return cls(**json.loads(path.read_text()))

    def replay(self, target: Target) -> Violation | None:
        """What breaks today, if anything still does."""
        return violation_of(target, self.event, self.issued)

    def minimize(self, target: Target, seconds: float = _SECONDS) -> "Finding":
        """The smallest event found in some seconds that breaks the same rule in the same way."""

        def breaks(event: dict[str, Any]) -> bool:
            found = violation_of(target, event, self.issued)
            return found is not None and found.kind == self.kind

        event = _shrink(clone(self.event), breaks, time.monotonic() + seconds)
        found = violation_of(target, event, self.issued)
        return Finding(self.kind, str(found or self.detail), event, self.applied, self.issued)


def violation_of(target: Target, event: Mapping[str, Any], issued: Mapping[str, Any]) -> Violation | None:
    """Send an event, and say which rule that breaks.

    Args:
        target: the server.
        event: the event.
        issued: what the states in it hold.
    """
    states = States()
    for token, of in issued.items():
        states.add(token, Issued(**{**of, "target": tuple(of["target"]), "steps": frozenset(of["steps"])}))
    exchange = target.send(event)
    try:
        states.check(exchange, check(exchange))
    except Violation as violation:
        return violation
    return None


def _shrink(
    event: dict[str, Any], breaks: Callable[[dict[str, Any]], bool], deadline: float
) -> dict[str, Any]:
    """Take away and shorten whatever can be, until nothing can or the time is up."""
    smaller = True
    while smaller and time.monotonic() < deadline:
        smaller = False
        for candidate in _candidates(event):
            if time.monotonic() > deadline:
                break
            if breaks(candidate):
                event, smaller = candidate, True
                break
    return event


def _candidates(event: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Smaller events, most daring first."""
    body = event.get("body")
    if isinstance(body, str) and not event.get("isBase64Encoded"):
        try:
            message = json.loads(body)
        except (ValueError, RecursionError):
            for shorter in _shorter(body):
                yield {**event, "body": shorter}
        else:
            for smaller in _smaller(message):
                yield {**event, "body": json.dumps(smaller)}
    elif isinstance(body, str):
        for shorter in _shorter(body, 4):
            yield {**event, "body": shorter}
    for smaller in _smaller({key: value for key, value in event.items() if key != "body"}):
        yield {**smaller, "body": body} if "body" in event else smaller


def _smaller(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for key in value:
            yield {other: item for other, item in value.items() if other != key}
        for key, item in value.items():
            for smaller in _smaller(item):
                yield {**value, key: smaller}
    elif isinstance(value, list):
        yield from _shorter(value)
        for at, item in enumerate(value[:20]):
            for smaller in _smaller(item):
                yield [*value[:at], smaller, *value[at + 1 :]]
    elif isinstance(value, str):
        yield from _shorter(value)


def _shorter(text: Any, unit: int = 1) -> Iterator[Any]:
    """Without its second half, its first, then without ever smaller pieces."""
    size = len(text)
    piece = size // 2 // unit * unit
    while piece >= unit:
        for start in range(0, size, piece):
            yield text[:start] + text[start + piece :]
            if start > 40 * piece:
                break
        piece = piece // 2 // unit * unit
    if size == unit:
        yield text[:0]
