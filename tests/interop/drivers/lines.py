"""What the drivers of Python clients share: a line of JSON in, a line of JSON out.

In: what to do, where, and with which arguments, `{"do": "read", "server": ..., "era": ..., "uri": ...}`. Out:
the outcome, `{"value": ...}`, or `{"error": {...}}` where the client raised. A driver has a function for each
thing that can be done, a step; `{"do": "batch", "tasks": [...]}` takes several steps over one connection.

This works with every release of the SDK that a driver is run with.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from typing import Any

from mcp import types

SECONDS = 20

Server = str | list[str]
"""An address, or the command that starts it."""

Step = Callable[..., Awaitable[Any]]
"""Takes the client, and the arguments of the task."""

Connect = Callable[[Server, str, "User"], AbstractAsyncContextManager[Any]]
"""Takes the server, the era and the user; gives the client."""


def serve(about: str, connect: Connect, steps: Iterable[Step]) -> None:
    """Do what is asked for, until standard input ends.

    Args:
        about: the client's package and version.
        connect: makes a client that is connected.
        steps: what it can do.
    """
    known = {step.__name__: step for step in steps}
    for line in sys.stdin:
        task = json.loads(line)
        if task["do"] == "about":
            outcome = {"value": about}
        else:
            work = asyncio.wait_for(_run(task, connect, known), SECONDS)
            outcome = asyncio.run(outcome_of(work))
        print(json.dumps(outcome), flush=True)  # noqa: T201 - the answer


async def _run(task: dict[str, Any], connect: Connect, steps: dict[str, Step]) -> Any:
    user = User(task.pop("answers", {}), task.pop("login", None))
    async with connect(task.pop("server"), task.pop("era"), user) as client:
        if task["do"] != "batch":
            return await _take(task, client, user, steps)
        await steps["all_of"](client, "tools")
        return [await outcome_of(_take(step, client, user, steps)) for step in task["tasks"]]


async def _take(task: dict[str, Any], client: Any, user: "User", steps: dict[str, Step]) -> Any:
    step = steps[task.pop("do")]
    if step.__name__ != "call":
        return await step(client, **task)
    if task.pop("listed", False):
        await steps["all_of"](client, "tools")
    task.pop("answers", None)
    reports, asked = Reports(), len(user.asked)
    called = await step(client, report=reports.note if task.pop("progress", False) else None, **task)
    return {**called, "reports": reports.seen, "asked": user.asked[asked:]}


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
        login: how the client gets access tokens, see `login.py`; None for a client that gets none.
    """

    def __init__(self, answers: dict[str, Any], login: dict[str, Any] | None = None) -> None:
        self._answers = answers
        self.login = login
        self.asked: list[list[str]] = []

    def can(self, kind: str) -> bool:
        return kind in self._answers

    def elicit(self, params: Any) -> Any:
        self.asked.append(["elicitation", params.message])
        values = self._answers["elicitation"]
        if values is None:
            return types.ElicitResult(action="decline")
        fields = plain(params)["requestedSchema"]["properties"]
        return types.ElicitResult(action="accept", content={name: values[name] for name in fields})

    def sample(self, question: str) -> types.CreateMessageResult:
        self.asked.append(["sampling", question])
        content = types.TextContent(type="text", text=self._answers["sampling"])
        return types.CreateMessageResult(role="assistant", content=content, model="interop")

    def roots(self) -> types.ListRootsResult:
        self.asked.append(["roots", ""])
        return types.ListRootsResult(
            roots=[types.Root(uri=uri, name=name) for name, uri in self._answers["roots"].items()]
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
    # The name of the class differs between releases.
    details = getattr(error, "error", None)
    if isinstance(details, types.ErrorData):
        described |= {"code": details.code, "data": details.data}
    return described
