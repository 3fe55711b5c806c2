"""What the drivers of Python clients share: a line of JSON in, a line of JSON out.

In: what to do and with which arguments, `{"do": "read", "url": ..., "era": ..., "uri": ...}`. Out: the
outcome, `{"value": ...}`, or `{"error": {...}}` where the client raised.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from mcp.shared.exceptions import MCPError
from mcp.types import (
    CreateMessageResult,
    ElicitRequestParams,
    ElicitResult,
    ListRootsResult,
    Root,
    TextContent,
)

SECONDS = 20

Operation = Callable[..., Awaitable[Any]]


def serve(operations: Sequence[Operation]) -> None:
    """Do what is asked for, until standard input ends."""
    known = {operation.__name__: operation for operation in operations}
    for line in sys.stdin:
        arguments = json.loads(line)
        work = known[arguments.pop("do")](**arguments)
        outcome = asyncio.run(outcome_of(asyncio.wait_for(work, SECONDS)))
        print(json.dumps(outcome), flush=True)  # noqa: T201 - the answer


def plain(value: Any) -> Any:
    """Models of the SDK in the form that they have on the wire."""
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value.model_dump(mode="json", by_alias=True, exclude_none=True)


class User:
    """Answers what a server asks.

    Args:
        answers: by kind of question, `elicitation` (the values of fields, or None to decline), `sampling`
            (what the model says) and `roots` (addresses by name).
    """

    def __init__(self, answers: dict[str, Any]) -> None:
        self._answers = answers
        self.asked: list[list[str]] = []

    def can(self, kind: str) -> bool:
        return kind in self._answers

    def elicit(self, params: ElicitRequestParams) -> ElicitResult:
        self.asked.append(["elicitation", params.message])
        values = self._answers["elicitation"]
        if values is None:
            return ElicitResult(action="decline")
        fields = params.requested_schema["properties"]
        return ElicitResult(action="accept", content={name: values[name] for name in fields})

    def sample(self, question: str) -> CreateMessageResult:
        self.asked.append(["sampling", question])
        content = TextContent(type="text", text=self._answers["sampling"])
        return CreateMessageResult(role="assistant", content=content, model="interop")

    def roots(self) -> ListRootsResult:
        self.asked.append(["roots", ""])
        return ListRootsResult(
            roots=[Root(uri=uri, name=name) for name, uri in self._answers["roots"].items()]
        )


class Reports:
    """Collects reports of progress."""

    def __init__(self) -> None:
        self.seen: list[list[Any]] = []

    async def note(self, progress: float, total: float | None, message: str | None) -> None:
        self.seen.append([progress, total, message])


def check_era(version: str | None, era: str) -> None:
    """The era that was asked for is the one that is spoken."""
    modern = version is not None and version >= "2026"
    if era != "default" and modern != (era == "modern"):
        raise AssertionError(f"The client speaks {version}")


async def outcome_of(work: Awaitable[Any]) -> dict[str, Any]:
    """What some work gives, or what it raises."""
    try:
        return {"value": await work}
    except Exception as error:
        return {"error": _described(error)}


def _described(error: BaseException) -> dict[str, Any]:
    # The failure of a task group is the failure of what ran in it.
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    described: dict[str, Any] = {"type": type(error).__name__, "message": str(error)}
    if isinstance(error, MCPError):
        described |= {"code": error.code, "data": error.data}
    return described
