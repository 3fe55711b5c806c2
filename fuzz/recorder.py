"""What the target's features did, recorded by themselves, and what the library logged meanwhile."""

import asyncio
import json
import logging
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, NoReturn

INTENDED_FAILURE = "on purpose: RuntimeError in /srv/secret/path.py"
"""The message of failures that features cause on purpose; it must never reach a client."""

IDEMPOTENCY_META_KEY = "com.example/key"
"""The ``_meta`` member with which clients send the keys of idempotent calls."""


@dataclass
class RequestRecord:
    """What happened during one request.

    Attributes:
        effects: names of the steps that ran, in order.
        is_intended_failure: a feature failed on purpose.
        failures: unexpected exceptions that the library logged.
        timed_out: the request took more processor time than allowed.
    """

    effects: list[str] = field(default_factory=list)
    is_intended_failure: bool = False
    failures: list[str] = field(default_factory=list)
    timed_out: bool = False


class EffectRecorder:
    """Records side effects of features.

    Attributes:
        current: the record of the current request.
        task: the id of the task that a worker runs, if one does.
        task_effects: how often each step of each task ran.
        payments: how often each idempotent call took effect.
        repeated: what took effect more often than once.
    """

    def __init__(self) -> None:
        self.current = RequestRecord()
        self.task: str | None = None
        self.task_effects: Counter[tuple[str, str]] = Counter()
        self.payments: Counter[str] = Counter()
        self.repeated: list[str] = []

    def effect(self, step: str) -> str:
        """Record the side effect of a step."""
        if self.task is not None:
            self.task_effects[self.task, step] += 1
            if self.task_effects[self.task, step] > 1:
                self.repeated.append(f"{step} of task {self.task}")
        else:
            self.current.effects.append(step)
        return step

    async def effect_async(self, step: str) -> str:
        """Record the side effect of a step, with suspension points before and after."""
        await asyncio.sleep(0)
        done = self.effect(step)
        await asyncio.sleep(0)
        return done

    def payment(self, principal: str, kind: str, key: Any) -> None:
        """Record the side effect of an idempotent call, if it has a key."""
        if key is not None:
            call = json.dumps([principal, kind, key], sort_keys=True)
            self.payments[call] += 1
            if self.payments[call] > 1:
                self.repeated.append(f"the call {call}")

    def fail(self) -> NoReturn:
        """Fail as a feature with a defect does."""
        self.current.is_intended_failure = True
        raise RuntimeError(INTENDED_FAILURE)


class FailureLogHandler(logging.Handler):
    """Records exceptions that the library logs, so that none stays hidden behind a well-formed response."""

    def __init__(self, recorder: EffectRecorder) -> None:
        super().__init__(logging.WARNING)
        self._recorder = recorder

    def emit(self, record: logging.LogRecord) -> None:
        """Record an exception: its type, the function it comes from, and its message."""
        if not record.exc_info or record.exc_info[1] is None:
            return
        error, trace = record.exc_info[1], record.exc_info[2]
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        where = trace.tb_frame.f_code.co_qualname if trace is not None else "?"
        self._recorder.current.failures.append(f"{type(error).__name__} in {where}: {str(error)[:300]}")
