"""What handlers really did, as they say themselves, and what the library logged meanwhile."""

import asyncio
import json
import logging
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, NoReturn

PURPOSE = "on purpose: RuntimeError in /srv/secret/path.py"
"""What failures on purpose say; no client may ever read it."""


META_KEY = "com.example/key"
"""Where clients put the keys of idempotent calls."""


@dataclass
class Ledger:
    """What happened during one request.

    Attributes:
        effects: names of the steps that really ran, in order.
        on_purpose: a feature failed because it is made to.
        failures: what the library logged as failures that nobody anticipated.
        is_late: it took more processor time than anything may.
    """

    effects: list[str] = field(default_factory=list)
    on_purpose: bool = False
    failures: list[str] = field(default_factory=list)
    is_late: bool = False


class Book:
    """Where features write down what they do.

    Attributes:
        now: the ledger of the current request.
        task: the task that a worker is at, if one is.
        of_tasks: how often each step of each task ran.
        of_keys: how often each idempotent call took effect.
        again: what took effect once too often.
    """

    def __init__(self) -> None:
        self.now = Ledger()
        self.task: str | None = None
        self.of_tasks: Counter[tuple[str, str]] = Counter()
        self.of_keys: Counter[str] = Counter()
        self.again: list[str] = []

    def do(self, step: str) -> str:
        """A side effect."""
        if self.task is not None:
            self.of_tasks[self.task, step] += 1
            if self.of_tasks[self.task, step] > 1:
                self.again.append(f"{step} of task {self.task}")
        else:
            self.now.effects.append(step)
        return step

    async def do_slowly(self, step: str) -> str:
        """A side effect with something to wait for before and after."""
        await asyncio.sleep(0)
        done = self.do(step)
        await asyncio.sleep(0)
        return done

    def paid(self, principal: str, kind: str, key: Any) -> None:
        """The side effect of an idempotent call, where it has a key."""
        if key is not None:
            call = json.dumps([principal, kind, key], sort_keys=True)
            self.of_keys[call] += 1
            if self.of_keys[call] > 1:
                self.again.append(f"the call {call}")

    def fail(self) -> NoReturn:
        """Fail as a feature with a defect does."""
        self.now.on_purpose = True
        raise RuntimeError(PURPOSE)


class Failures(logging.Handler):
    """Notes tracebacks that the library logs, so that no failure hides behind a polite answer."""

    def __init__(self, book: Book) -> None:
        super().__init__(logging.WARNING)
        self._book = book

    def emit(self, record: logging.LogRecord) -> None:
        """Note a failure: what it was, and where."""
        if not record.exc_info or record.exc_info[1] is None:
            return
        error, trace = record.exc_info[1], record.exc_info[2]
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        where = trace.tb_frame.f_code.co_qualname if trace is not None else "?"
        self._book.now.failures.append(f"{type(error).__name__} in {where}: {str(error)[:300]}")
