"""Idempotent calls: once and no more, however often they arrive.

::

    first call    insert "running until …" ──── run ──── replace with the result ──► result
    second call        ✗ is there: wait ······················· read ─────────────► the same result
    first dies    insert ── ✗
    second call        ✗ is there, but its time is over: take over ── run ──► result
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from lambent.errors import InvalidParamsError, ItemTooLargeError, ToolError
from lambent.execution.call import Call
from lambent.execution.failures import report
from lambent.execution.ports import Item, Store
from lambent.execution.sealing import digest
from lambent.execution.single_use import store_of
from lambent.features.codecs import to_json
from lambent.features.idempotency import Idempotency
from lambent.features.tools import Tool
from lambent.wire.judge import meta_of
from lambent.wire.results import TASK, CallToolResult, Result, TaskResult
from lambent.wire.values import TextContent

_CALL = "CALL#"
_SKEW_SECONDS = 30.0
_UNBOUNDED_SECONDS = 900.0
_WAIT_SECONDS = 20.0
_GLANCE_SECONDS = 0.05
_LONG_GLANCE_SECONDS = 1.0


class _Kept(msgspec.Struct, frozen=True, omit_defaults=True):
    """An idempotent call as it is kept.

    Attributes:
        arguments: a digest of them: a key that comes with others is a mistake.
        until: while it runs, when another may take over; then, when it is forgotten.
        result: what it gave, once it is done.
    """

    arguments: str
    until: float
    result: Raw | UnsetType = UNSET


class _StoredResult(Result, kw_only=True):
    """A result that was given before."""

    content: list[Raw]
    structured_content: Raw | UnsetType = UNSET
    is_error: bool | UnsetType = UNSET


_kept = msgspec.json.Decoder(_Kept)
_results = msgspec.json.Decoder(_StoredResult)
_tasks = msgspec.json.Decoder(TaskResult)
_encode = msgspec.json.encode


def run_once(
    tool: Tool, idempotency: Idempotency, kwargs: dict[str, Any], call: Call, run: Callable[[], Any]
) -> Any:
    """Run a call, or give the result that it had before.

    What fails or asks back is not kept, so it can be tried again.

    Args:
        tool: the tool.
        idempotency: how its repeated calls are recognized.
        kwargs: its arguments, converted: calls that say the same in other words are the same.
        call: the call.
        run: runs it.

    Raises:
        ConfigurationError: there is no table to remember calls in.
        MissingCapabilityError: the first call became a task, which this client cannot deal with.
        ToolError: the key was used with other arguments, or the first call takes too long.
    """
    arguments: dict[str, Any] = msgspec.json.decode(to_json(kwargs))
    key = idempotency.key_of(arguments, meta_of(call.request))
    if key is None:
        return run()
    principal = call.principal.key if call.principal is not None else ""
    record = _Record(_store(call), _CALL + digest([tool.name, principal, key]), call, idempotency)
    found = record.begin(digest(arguments))
    if found is not None:
        return found
    try:
        result = run()
    except BaseException:
        record.forget()
        raise
    if isinstance(result, CallToolResult | TaskResult) and result_counts(result):
        record.finish(result)
    else:
        record.forget()
    return result


def result_counts(result: Any) -> bool:
    """Whether something was achieved that must not be done again."""
    return not (isinstance(result, CallToolResult) and result.is_error is True)


class _Record:
    def __init__(self, store: Store, key: str, call: Call, idempotency: Idempotency) -> None:
        self._store = store
        self._key = key
        self._call = call
        self._window = idempotency.window.total_seconds()
        self._version = 1
        self._arguments = ""

    def begin(self, arguments: str) -> Any:
        """Take the call on; or wait for whoever has, and give the result."""
        self._arguments = arguments
        remaining = self._call.invocation.remaining_ms()
        patience = _WAIT_SECONDS if remaining is None else min(_WAIT_SECONDS, remaining / 1000 - 1)
        deadline, glance = time.monotonic() + patience, _GLANCE_SECONDS
        item: Item | None = None
        while True:
            if item is None and self._store.insert(self._running(1)):
                self._version = 1
                return None
            item = self._store.read(self._key)
            if item is None:
                continue
            kept = _kept.decode(item.body)
            given = None if isinstance(kept.result, UnsetType) else _given(kept.result, self._call)
            if self._call.services.clock() >= kept.until or given is _CAME_TO_NOTHING:
                if self._store.replace(self._running(item.version + 1)):
                    self._version = item.version + 1
                    return None
                continue
            if kept.arguments != arguments:
                raise ToolError("The idempotency key was used before with other arguments: use a new key")
            if given is not None:
                return given
            if time.monotonic() >= deadline:
                raise ToolError("The same call is still running: ask again in a moment, with the same key")
            time.sleep(glance)
            glance = min(glance * 1.5, _LONG_GLANCE_SECONDS)

    def finish(self, result: Any) -> None:
        """Keep the result. The call has taken effect: what goes wrong here must not look like a failure."""
        until = self._call.services.clock() + self._window
        try:
            try:
                self._replace(until, Raw(_encode(result)))
            except ItemTooLargeError:
                self._replace(until, _TOO_LARGE)
        except Exception as error:
            report(error, self._call.request)

    def forget(self) -> None:
        """Let the call be tried again."""
        self._store.remove(self._key, self._version)

    def _replace(self, until: float, result: Raw) -> None:
        self._store.replace(self._item(self._version + 1, _Kept(self._arguments, until, result)))

    def _running(self, version: int) -> Item:
        remaining = self._call.invocation.remaining_ms()
        seconds = remaining / 1000 if remaining is not None else _UNBOUNDED_SECONDS
        until = self._call.services.clock() + seconds + _SKEW_SECONDS
        return self._item(version, _Kept(self._arguments, until))

    def _item(self, version: int, kept: _Kept) -> Item:
        purge_at = int(max(kept.until, self._call.services.clock() + self._window)) + 1
        return Item(self._key, version, _encode(kept), purge_at)


_CAME_TO_NOTHING = object()

_TOO_LARGE = Raw(
    _encode(
        CallToolResult(
            content=[
                TextContent(text="The call was done before; its result is too large to be given again.")
            ],
            is_error=True,
        )
    )
)


def _given(raw: Raw, call: Call) -> Any:
    """The result that a call had; of a task, where it stands now, or that it came to nothing."""
    if msgspec.json.decode(raw)["resultType"] != TASK:
        return _results.decode(raw)
    from lambent.execution.tasks.promotion import require_tasks

    require_tasks(call.request.client)
    tasks = call.services.tasks
    try:
        record = tasks.get(_tasks.decode(raw).task_id, call.principal) if tasks is not None else None
    except InvalidParamsError:
        record = None
    if tasks is None or record is None or record.status in ("failed", "cancelled"):
        return _CAME_TO_NOTHING
    shown = tasks.show(record)
    if record.status == "completed" and msgspec.json.decode(shown.result).get("isError"):
        return _CAME_TO_NOTHING
    shown.result_type, shown.result = TASK, UNSET
    return shown


def _store(call: Call) -> Store:
    return store_of(call, "This tool remembers its calls")
