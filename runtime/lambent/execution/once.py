"""Once and no more: idempotent calls, and request states that can be used a single time.

::

    first call    insert "running until …" ──── run ──── replace with the result ──► result
    second call        ✗ is there: wait ······················· read ─────────────► the same result
    first dies    insert ── ✗
    second call        ✗ is there, but its time is over: take over ── run ──► result
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from lambent.errors import ConfigurationError, InvalidParamsError, ItemTooLargeError, ToolError
from lambent.execution.call import Call
from lambent.execution.ports import Item, Store
from lambent.execution.run import plain_arguments
from lambent.execution.sealing import digest
from lambent.features.idempotency import Idempotency
from lambent.features.tools import Tool
from lambent.wire.judge import meta_of
from lambent.wire.results import TASK, CallToolResult, Result, TaskResult

_CALL, _USED = "CALL#", "USED#"
_SKEW_SECONDS = 30.0
_UNBOUNDED_SECONDS = 900.0
_WAIT_SECONDS = 20.0
_GLANCE_SECONDS = 0.05

_log = logging.getLogger("lambent.once")


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


def run_once(tool: Tool, idempotency: Idempotency, call: Call, run: Callable[[], Any]) -> Any:
    """Run a call, or give the result that it had before.

    What fails or asks back is not kept, so it can be tried again.

    Args:
        tool: the tool.
        idempotency: how its calls are known again.
        call: the call.
        run: runs it.

    Raises:
        ConfigurationError: there is no table to remember calls in.
        ToolError: the key was used with other arguments, or the first call takes too long.
    """
    arguments: dict[str, Any] = plain_arguments(call.request.params.arguments)
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
        clock = self._call.services.clock
        remaining = self._call.invocation.remaining_ms()
        patience = _WAIT_SECONDS if remaining is None else min(_WAIT_SECONDS, remaining / 1000 - 1)
        deadline = time.monotonic() + patience
        while True:
            if self._store.insert(self._running(1)):
                self._version = 1
                return None
            item = self._store.read(self._key)
            if item is None:
                continue
            kept = _kept.decode(item.body)
            if clock() >= kept.until:
                if self._store.replace(self._running(item.version + 1)):
                    self._version = item.version + 1
                    return None
                continue
            if kept.arguments != arguments:
                raise ToolError("The idempotency key was used before with other arguments: use a new key")
            if not isinstance(kept.result, UnsetType):
                return _given(kept.result)
            if time.monotonic() >= deadline:
                raise ToolError("The same call is still running: ask again in a moment, with the same key")
            time.sleep(_GLANCE_SECONDS)

    def finish(self, result: Any) -> None:
        now = self._call.services.clock()
        kept = _Kept(self._arguments, now + self._window, Raw(_encode(result)))
        try:
            self._store.replace(self._item(self._version + 1, kept))
        except ItemTooLargeError as error:
            # It has taken effect: that must not be forgotten, though what it gave cannot be given again.
            _log.warning("The result of an idempotent call is too large to keep: %s", error)
            failed = CallToolResult(content=[], is_error=True)
            note = msgspec.json.encode(
                {**msgspec.to_builtins(failed), "content": [{"type": "text", "text": _TOO_LARGE}]}
            )
            self._store.replace(self._item(self._version + 1, _Kept(self._arguments, kept.until, Raw(note))))

    def forget(self) -> None:
        self._store.remove(self._key, self._version)

    def _running(self, version: int) -> Item:
        remaining = self._call.invocation.remaining_ms()
        seconds = remaining / 1000 if remaining is not None else _UNBOUNDED_SECONDS
        until = self._call.services.clock() + seconds + _SKEW_SECONDS
        return self._item(version, _Kept(self._arguments, until))

    def _item(self, version: int, kept: _Kept) -> Item:
        purge_at = int(max(kept.until, self._call.services.clock() + self._window)) + 1
        return Item(self._key, version, _encode(kept), purge_at)


_TOO_LARGE = "The call was done before, with a result that is too large to be given again."


def _given(raw: Raw) -> Any:
    is_task = msgspec.json.decode(raw)["resultType"] == TASK
    return (_tasks if is_task else _results).decode(raw)


class StateClaim:
    """The one use of a request state.

    Args:
        call: a call that came with a state.

    Raises:
        InvalidParamsError: the state was used before; said as for any state that is not valid.
        ConfigurationError: there is no table to remember states in.
    """

    def __init__(self, call: Call) -> None:
        self._store = _store(call)
        token = hashlib.sha256(call.request.params.request_state.encode()).hexdigest()
        self._key = _USED + token
        purge_at = int(call.services.clock() + call.services.sealer.ttl) + 60
        if not self._store.insert(Item(self._key, 1, b"{}", purge_at)):
            _log.warning("Request state for %s %r rejected: used before", call.method, call.name)
            raise InvalidParamsError("Invalid or expired requestState: start the request over")

    def release(self) -> None:
        """Give the use back: the call came to nothing."""
        self._store.remove(self._key, 1)


def claim_state(tool: Tool, call: Call) -> StateClaim | None:
    """Claim the state of a call, where its tool wants states used once and it came with one."""
    if not tool.single_use or isinstance(call.request.params.request_state, UnsetType):
        return None
    return StateClaim(call)


def _store(call: Call) -> Store:
    store = call.services.store
    if store is None:
        raise ConfigurationError(
            "This tool remembers its calls, so the function needs a table: set LAMBENT_TABLE"
        )
    return store
