"""One endpoint in front of several functions, each with an MCP server of its own.

=======================================  ==========================================================
request                                  goes to
=======================================  ==========================================================
``tools/call``, ``prompts/get``,         the function that lists the name, which ``Mcp-Method`` and
``resources/read``                       ``Mcp-Name`` say: the body is passed on unread
``tools/list`` and the other lists       all functions; the answer has what all of them list
``server/discover``, ``initialize``      all functions; the answer has what all of them can do
``tasks/…``                              the function whose name is in front of the task's id
other methods, names that nobody lists   the functions in turn, until one does not refuse it
what is no POST                          the first function
=======================================  ==========================================================

The function checks callers, headers and arguments, as it does without a router: what is passed on is the
client's event. The router knows no secret and decides nothing but where an event goes.
"""

from __future__ import annotations

import concurrent.futures
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import msgspec
from msgspec import Raw

from lambent.errors import ConfigurationError, HeaderMismatchError, StoreError
from lambent.execution.log_records import logger
from lambent.hosts.aws_lambda.events import for_platform
from lambent.hosts.aws_lambda.router_events import (
    Answer,
    Incoming,
    caller_of,
    read_answer,
    read_code,
    read_incoming,
    with_body,
    with_own_session,
)
from lambent.hosts.aws_lambda.router_merging import (
    LISTS,
    Refused,
    items_of,
    merged_abilities,
    merged_list,
)
from lambent.wire.payloads import is_escaped, limit_of, written_size

_log = logger("lambent")

T = TypeVar("T")

_OWNERS = {"tools/call": "tools/list", "prompts/get": "prompts/list", "resources/read": "resources/list"}
"""Methods that name something, and the list that it is in."""
_MERGED = frozenset({"server/discover", "initialize", *LISTS})
"""Methods that all functions answer: each answer keeps to the limit of its size, and all together may not."""
_REFUSALS = frozenset({-32601, -32602})
"""Codes with which a function says that something is not its own."""
_KEPT_SECONDS = 60.0
"""At most, whatever the hints say: a caller's list is shown again without asking who that is."""
_KEPT_LISTS = 100
_TASK_MARK = "~"
_INTERNAL = -32603
_INVALID_REQUEST = -32600
_FAILED: tuple[int, int, str] = (502, _INTERNAL, "Internal error")
_FAILURES: dict[str, tuple[Any, ...]] = {
    "RequestTooLargeException": (413, _INVALID_REQUEST, "The request is too large"),
    "TooManyRequestsException": (
        *(503, _INTERNAL, "Too many calls at once: try again in a second"),
        {"retry-after": "1"},
    ),
}
"""What clients get where Lambda refuses an invocation, by its code: status, code, message and headers."""


class Functions(Protocol):
    """Functions of Lambda; ``lambent.stores.functions.LambdaFunctions`` is those of the account."""

    def invoke(self, name: str, event: Mapping[str, Any]) -> Any:
        """What a function returns for an event.

        Raises:
            StoreError: it could not be invoked, or raised an error.
        """


class FunctionRouter:
    """The handler of the function that stands in front.

    Args:
        functions: name or ARN of each function, by a short name that is in front of the ids of its tasks. The
            first one is asked where the others do not know better.
        lambda_functions: invokes them; default: those of the account.
        clock: seconds.

    Raises:
        ConfigurationError: there is no function, or a short name has a ``~``.
    """

    def __init__(
        self,
        functions: Mapping[str, str],
        lambda_functions: Functions | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not functions or any(not name or _TASK_MARK in name for name in functions):
            raise ConfigurationError("A router needs functions, whose short names have no ~")
        if lambda_functions is None:
            from lambent.stores.functions import LambdaFunctions

            lambda_functions = LambdaFunctions()
        self._functions = dict(functions)
        self._invoke = lambda_functions.invoke
        self._clock = clock
        self._owners: dict[tuple[str, str], str] = {}
        self._owners_expire = 0.0
        self._lists: dict[tuple[str, ...], tuple[float, Raw]] = {}

    def __call__(self, event: Mapping[str, Any], context: Any) -> Any:
        """Answer an event of an HTTP API (payload 2.0), of a function URL or of a load balancer.

        Raises:
            UnknownEventError: it is none.
        """
        incoming = read_incoming(event)
        written = self._answer(incoming)
        if not (isinstance(written, Mapping) and "statusCode" in written):
            return written
        result = for_platform(event, written)
        if incoming.method not in _MERGED:
            return result
        body = str(result.get("body") or "").encode()
        is_ascii = is_escaped(os.environ.get("AWS_EXECUTION_ENV"))
        size, most = written_size({**result, "body": ""}, body, is_ascii=is_ascii), limit_of(event)
        if size <= most:
            return result
        text = f"The response takes {size} bytes, the limit is {most}"
        _log.error("%s: %s", incoming.method, text)
        return for_platform(event, incoming.error(502, _INTERNAL, text))

    def _answer(self, incoming: Incoming) -> Any:
        try:
            if incoming.method in _MERGED:
                return self._merged(incoming)
            if incoming.method in _OWNERS:
                return self._owned(incoming)
            if incoming.method.startswith("tasks/"):
                return self._task(incoming)
            if incoming.method:
                return self._in_turn(incoming)
            return self._send(next(iter(self._functions)), incoming.event)
        except StoreError as error:
            _log.error("A function behind the router failed", exc_info=error)
            return incoming.error(*_FAILURES.get(_refusal(error), _FAILED))
        except HeaderMismatchError as error:
            return incoming.error(400, error.code, str(error))

    def _send(self, name: str, event: Mapping[str, Any]) -> Any:
        position = list(self._functions).index(name)
        return self._invoke(self._functions[name], with_own_session(event, position))

    # Names

    def _owned(self, incoming: Incoming) -> Any:
        wanted = incoming.method, incoming.name()
        owner = self._owners.get(wanted) if self._clock() < self._owners_expire else None
        if owner is None:
            self._learn(incoming)
            owner = self._owners.get(wanted)
        return self._in_turn(incoming, owner)

    def _learn(self, incoming: Incoming) -> None:
        """Ask all functions what they list, as the caller: others may see other names."""
        if self._clock() >= self._owners_expire:
            self._owners.clear()
            self._owners_expire = self._clock() + _KEPT_SECONDS
        kind = _OWNERS[incoming.method]
        _, member, key = LISTS[kind]
        for name, answers in zip(
            self._functions, self._each(lambda one: self._pages(one, incoming, kind)), strict=True
        ):
            for answer in answers:
                for item in items_of(answer, member, key):
                    self._owners.setdefault((incoming.method, item[key]), name)
                ttl = (answer.result or {}).get("ttlMs")
                if isinstance(ttl, int | float):
                    self._owners_expire = min(self._owners_expire, self._clock() + ttl / 1000)

    def _in_turn(self, incoming: Incoming, owner: str | None = None) -> Any:
        """Ask the owner first: it may have listed the name for another caller, or not have it any more."""
        first = None
        for name in dict.fromkeys((owner or next(iter(self._functions)), *self._functions)):
            written = self._task_named(name, self._send(name, incoming.event))
            if read_code(written) not in _REFUSALS:
                return written
            first = written if first is None else first
        return first

    # Tasks

    def _task(self, incoming: Incoming) -> Any:
        name, mark, task_id = incoming.task_id().partition(_TASK_MARK)
        if not mark or name not in self._functions:
            return self._send(next(iter(self._functions)), incoming.event)
        return self._task_named(name, self._send(name, incoming.with_task(task_id)))

    def _task_named(self, name: str, written: Any) -> Any:
        """A response with the name of the function in front of the task's id, if it has one."""
        body = written.get("body") if isinstance(written, Mapping) else None
        if not isinstance(body, str) or '"taskId"' not in body:
            return written
        answer = read_answer(written)
        if answer.result is None or not isinstance(answer.result.get("taskId"), str):
            return written
        named = {**answer.result, "taskId": f"{name}{_TASK_MARK}{answer.result['taskId']}"}
        return with_body(written, answer.replaced(named))

    # Lists

    def _merged(self, incoming: Incoming) -> Any:
        key = (incoming.method, incoming.abilities(), caller_of(incoming.event))
        expires, kept = self._lists.get(key, (0.0, None))
        if kept is not None and self._clock() < expires:
            return incoming.answer(kept)
        try:
            answers = self._each(lambda one: self._pages(one, incoming, incoming.method))
            if incoming.method in LISTS:
                merged = merged_list(incoming.method, answers)
            else:
                merged = merged_abilities([pages[0] for pages in answers])
        except Refused as refused:
            return refused.written
        body = Raw(msgspec.json.encode(merged.result))
        if merged.is_public:
            if len(self._lists) >= _KEPT_LISTS:
                self._lists.clear()
            self._lists[key] = self._clock() + min(merged.seconds, _KEPT_SECONDS), body
        return incoming.answer(body, merged.headers)

    def _pages(self, name: str, incoming: Incoming, method: str) -> Sequence[Answer]:
        """All pages of a list of a function; up to the first that is no result.

        Raises:
            StoreError: a page is followed by one that was there before.
        """
        found = [read_answer(self._send(name, incoming.asking(method)))]
        seen: set[str] = set()
        while cursor := (found[-1].result or {}).get("nextCursor"):
            if not isinstance(cursor, str) or cursor in seen:
                raise StoreError(f"{name}: the pages of {method} have no end")
            seen.add(cursor)
            found.append(read_answer(self._send(name, incoming.asking(method, cursor))))
        return found

    def _each(self, ask: Callable[[str], T]) -> Iterator[T]:
        """Ask all functions at the same time."""
        with concurrent.futures.ThreadPoolExecutor(len(self._functions)) as pool:
            return iter(list(pool.map(ask, self._functions)))


def _refusal(error: StoreError) -> str:
    """With which code Lambda refused an invocation, which so has done nothing; empty where it did not."""
    response = getattr(error.__cause__, "response", {})
    return str(response.get("Error", {}).get("Code", ""))
