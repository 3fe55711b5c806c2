"""The fuzzer: makes one spoilt request after the other, sends it, and checks what comes back."""

import gc
import itertools
import random as chance
import time
from collections.abc import Iterator
from typing import Any

from fuzz import corpus, events, mutations
from fuzz.findings import Finding
from fuzz.invariants import Violation, check
from fuzz.mutations import Draft, Source
from fuzz.sent import ASKING
from fuzz.states import TASK_ID, Issued, States, check_book
from fuzz.stats import Stats
from fuzz.target import Exchange, Target

POOL = 400
"""States that are kept at hand: most are used several times, legitimately or not."""

MOST_FINDINGS = 20

_COUNTS = (0, 1, 1, 1, 1, 1, 2, 2, 2, 3, 3, 5)
_STAGES = ("message",) * 8 + ("header",) * 4 + ("body",) * 2 + ("event",) * 2
_ASKING_STAGES = (*_STAGES, *("state",) * 6)
_ORDER = ("message", "state", "header", "body", "event")
_RETRIES = 0.4
_HONEST = 0.85
_WORK = 0.3
_COLLECT = 10_000


class Fuzzer:
    """One stream of requests; the same seed makes the same requests, but for the states in them.

    Args:
        target: the server under attack.
        seed: of all chance.
    """

    def __init__(self, target: Target, seed: str) -> None:
        self.stats = Stats()
        self.findings: dict[str, Finding] = {}
        self._target = target
        # Chance for tests, not for secrets.
        self._random = chance.Random(seed)  # noqa: S311
        self._states = States(capacity=50_000)
        self._tokens: list[str] = []
        self._handles: list[str] = []
        self._source = Source(self._random, self._tokens, self._states, self._handles)
        self._seeds = corpus.seeds(target.with_store)
        self._kinds = list(events.KINDS.items())
        self._stages = {stage: list(found.items()) for stage, found in mutations.STAGES.items()}

    def run(self, requests: int) -> None:
        """Send so many requests, or fewer where too many of them have found something."""
        self._warm_up()
        began = time.perf_counter()
        gc.disable()  # what is kept here is not to be looked through in the middle of a request
        try:
            self._run(requests)
        finally:
            gc.enable()
            gc.unfreeze()
        self.stats.seconds = time.perf_counter() - began
        self.stats.measure_memory()

    def _run(self, requests: int) -> None:
        for number in range(requests):
            if number % _COLLECT == 0:
                gc.collect()
                gc.freeze()
            draft = self.draft(number)
            exchange = self._target.send(draft.event)
            try:
                answer = check(exchange)
                token = self._states.check(exchange, answer)
                check_book(self._target.book)
            except Violation as violation:
                self._found(draft, violation)
                if len(self.findings) >= MOST_FINDINGS:
                    break
                continue
            self.stats.count(draft, exchange, answer)
            if token is not None:
                self._keep(self._tokens, token)
            elif answer.sent.target[1] == "cart_open" and answer.outcome == "complete":
                self._keep(self._handles, (answer.result or {})["content"][0]["text"])
            if self._target.queue.messages and self._random.random() < _WORK:
                self._work(draft)

    def _warm_up(self) -> None:
        """Have everything imported and compiled that the first request of its kind pays for."""
        for method, params in self._seeds:
            draft = Draft("http api", corpus.message(method, params))
            headers = corpus.headers_of(draft.message)
            self._target.send(events.http_api(events.Http(headers=headers, body=mutations.write(draft))))

    def draft(self, number: int) -> Draft:
        """Make one request."""
        random = self._random
        kind, build = random.choice(self._kinds)
        message, owner = self._message(number)
        draft = Draft(kind, message, [("X-User", owner)] if owner else [])
        asking = message["method"] in ASKING or message["method"].startswith("tasks/")
        chosen = self._choose(_ASKING_STAGES if asking else _STAGES)
        told = corpus.headers_of(draft.message) if random.random() > _HONEST else None
        for stage in _ORDER[:2]:
            self._apply(draft, chosen[stage])
        draft.headers = [*(told or corpus.headers_of(draft.message)), *draft.headers]
        self._apply(draft, chosen["header"])
        draft.body = mutations.write(draft)
        self._apply(draft, chosen["body"])
        if random.random() < 0.5 and isinstance(draft.body, bytes):
            draft.body = draft.body.decode(errors="replace")
        draft.event = build(
            events.Http(draft.http_method, draft.headers, draft.body, draft.path, draft.query, draft.stage)
        )
        self._apply(draft, chosen["event"])
        return draft

    def _message(self, number: int) -> tuple[dict[str, Any], str]:
        """A good request, and who may send it."""
        random = self._random
        if self._tokens and random.random() < _RETRIES:
            token = random.choice(self._tokens)
            return self._go_on(self._states[token], token, number), self._states[token].target[3]
        method, params = random.choice(self._seeds)
        meta = {"progressToken": f"p{number}", f"{corpus.PREFIX}logLevel": "info"} if number % 2 else {}
        return mutations.clone(corpus.message(method, params, number, **meta)), ""

    def _go_on(self, issued: Issued, token: str, number: int) -> dict[str, Any]:
        """Answer the questions that a state goes with, or do something with a task."""
        method, params = issued.target[0], corpus.retry(issued, token)
        if len(token) == TASK_ID:
            method, params = self._random.choice(corpus.task_requests(token))
            params["_meta"] = issued.params["_meta"]
        return {"jsonrpc": "2.0", "id": number, "method": method, "params": mutations.clone(params)}

    def _choose(self, stages: tuple[str, ...]) -> dict[str, list[str]]:
        random = self._random
        chosen: dict[str, list[str]] = {stage: [] for stage in _ORDER}
        for _ in range(random.choice(_COUNTS)):
            stage = random.choice(stages)
            chosen[stage].append(random.choice(self._stages[stage])[0])
        return chosen

    def _apply(self, draft: Draft, names: list[str]) -> None:
        for name in names:
            draft.applied.append(name)
            _MUTATIONS[name](draft, self._source)

    def _work(self, draft: Draft) -> None:
        """Have the tasks that are queued worked on, each delivered twice."""
        self._target.queue.messages *= 2
        failures = self._target.work().failures
        if failures:
            self._found(draft, Violation("failure", "; ".join(failures)))

    def _keep(self, pool: list[str], token: str) -> None:
        if len(pool) < POOL:
            pool.append(token)
        else:
            pool[self._random.randrange(POOL)] = token

    def _found(self, draft: Draft, violation: Violation) -> None:
        if violation.kind not in self.findings:
            self.findings[violation.kind] = Finding.of(draft, violation, self._states)


_MUTATIONS = dict(itertools.chain.from_iterable(found.items() for found in mutations.STAGES.values()))


def exchanges(target: Target, seed: str, requests: int) -> Iterator[tuple[Draft, Exchange]]:
    """Requests and what came back, unchecked: for those who want to look for themselves."""
    fuzzer = Fuzzer(target, seed)
    for number in range(requests):
        draft = fuzzer.draft(number)
        yield draft, target.send(draft.event)
