"""Calls of the legacy era in a process that stays: those that run, and the questions that they wait with."""

from __future__ import annotations

import threading
import weakref
from concurrent.futures import Future
from typing import TYPE_CHECKING

import msgspec
from msgspec import Raw

from lambent.errors import ToolError
from lambent.wire.jsonrpc import RequestId

if TYPE_CHECKING:
    from lambent.execution.invocation import Invocation


class CancelledParams(msgspec.Struct):
    """Parameters of ``notifications/cancelled`` (basic/utilities/cancellation)."""

    request_id: RequestId = msgspec.field(name="requestId")


class _Expected(Future[Raw]):
    """The answer to a question, by the principal with this key."""

    def __init__(self, principal: str) -> None:
        super().__init__()
        self.principal = principal


CallKey = tuple[str, str, str | int]
"""A principal's key, the token of its session, and the id of the request."""


class LiveCalls:
    """What the process knows of its running calls.

    Args:
        shared: other processes serve the same clients, so that an answer may reach any of them.
    """

    def __init__(self, *, shared: bool) -> None:
        self.shared = shared
        self._lock = threading.Lock()
        # A handler need not wait for what it asks: what nobody holds any more is forgotten.
        self._questions: weakref.WeakValueDictionary[str, _Expected] = weakref.WeakValueDictionary()
        self._is_over = False
        self._running: dict[CallKey, Invocation] = {}

    def expect(self, question_id: str, principal: str) -> Future[Raw]:
        """Wait for the answer to a question, by the principal with this key."""
        future = _Expected(principal)
        with self._lock:
            self._questions[question_id] = future
            is_over = self._is_over
        if is_over:
            self.hang_up()
        return future

    def hang_up(self) -> None:
        """Nobody answers any more: end the calls that wait for an answer."""
        with self._lock:
            self._is_over = True
            futures = list(self._questions.values())
            self._questions.clear()
        for future in futures:
            future.set_exception(ToolError("The client has gone before it answered"))

    def forget(self, question_id: str) -> None:
        """Expect no answer any more."""
        with self._lock:
            self._questions.pop(question_id, None)

    def answer(self, question_id: str, principal: str, answer: Raw) -> bool:
        """Take an answer; False where nobody in this process waits for it."""
        with self._lock:
            future = self._questions.get(question_id)
            if future is None or future.principal != principal:
                return False
            del self._questions[question_id]
        future.set_result(answer)
        return True

    def begin(self, key: CallKey, invocation: Invocation) -> None:
        """Remember a call that runs."""
        with self._lock:
            self._running[key] = invocation

    def end(self, key: CallKey, invocation: Invocation) -> None:
        """Forget a call that has ended."""
        with self._lock:
            if self._running.get(key) is invocation:
                del self._running[key]

    def cancel(self, key: CallKey) -> None:
        """Stop a call, as its client has asked (basic/utilities/cancellation)."""
        with self._lock:
            invocation = self._running.get(key)
        if invocation is not None:
            invocation.stop()
