"""Calls of the legacy era in a process that stays: those that run, and the questions that they wait with."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import Protocol, runtime_checkable

import msgspec
from msgspec import Raw

from lambent.wire.jsonrpc import RequestId


class CancelledParams(msgspec.Struct):
    """Parameters of ``notifications/cancelled`` (basic/utilities/cancellation)."""

    request_id: RequestId = msgspec.field(name="requestId")


@runtime_checkable
class Stoppable(Protocol):
    """A call that can be stopped."""

    def stop(self) -> None:
        """Stop it, whatever it holds."""


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
        self._questions: dict[str, tuple[str, Future[Raw]]] = {}
        self._running: dict[CallKey, Stoppable] = {}

    def expect(self, question_id: str, principal: str) -> Future[Raw]:
        """Wait for the answer to a question, by the principal with this key."""
        future: Future[Raw] = Future()
        with self._lock:
            self._questions[question_id] = principal, future
        return future

    def forget(self, question_id: str) -> None:
        """Expect no answer any more."""
        with self._lock:
            self._questions.pop(question_id, None)

    def answer(self, question_id: str, principal: str, answer: Raw) -> bool:
        """Take an answer; False where nobody in this process waits for it."""
        with self._lock:
            expected, future = self._questions.get(question_id, ("", None))
            if future is None or expected != principal:
                return False
            del self._questions[question_id]
        future.set_result(answer)
        return True

    def begin(self, key: CallKey, invocation: Stoppable) -> None:
        """Remember a call that runs."""
        with self._lock:
            self._running[key] = invocation

    def end(self, key: CallKey, invocation: Stoppable) -> None:
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
