"""A sink that notes what it is given, and recorders with it."""

import json
from typing import Any

from lambent import AuditRecord
from lambent.execution.audit.arguments import Arguments
from lambent.execution.audit.config import ArgumentPolicy
from lambent.execution.audit.recorder import Recorder

BEGAN = 1_700_000_000.123


class Notes:
    """A sink that keeps the JSON of its records, or fails."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.failure = failure
        self.texts: list[str] = []

    def write(self, record: AuditRecord) -> None:
        if self.failure is not None:
            raise self.failure
        self.texts.append(record.to_json())

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(text) for text in self.texts]

    @property
    def last(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.texts[-1])
        return found

    def each(self, *names: str) -> list[tuple[Any, ...]]:
        """The values of some members, record by record."""
        return [tuple(record.get(name) for name in names) for record in self.records]


def recorder(notes: Notes, policy: ArgumentPolicy = "digest", *, keyed: bool = False) -> Recorder:
    """A recorder into notes, for servers that tests put together themselves."""
    return Recorder("shop", [notes], Arguments(policy, keyed=keyed), lambda: BEGAN)
