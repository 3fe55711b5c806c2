"""The bulk phase: plans requests from a seed, sends them, and checks every response.

Requests are drawn with ``random.Random`` and not by Hypothesis, which needs more time to draw a request than
the server needs to answer it. Only a request that breaks a rule is run again under Hypothesis, to shrink it.
"""

import gc
import multiprocessing
import resource
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from random import Random
from typing import Any

from fuzz import corpus, events, mutations
from fuzz.findings import Finding, minimal_finding
from fuzz.invariants import CheckedResponse, check
from fuzz.mutations import MutationContext, name_of
from fuzz.request_model import ASKING, LEGACY_VERSIONS, PREFIX, VERSION
from fuzz.requests import PlannedMutation, RequestPlan, build
from fuzz.states import TASK_ID, IssuedState, IssuedStates, check_repeated_effects
from fuzz.target import Exchange, Target
from fuzz.violations import Violation

POOL = 400
"""The number of recent request states, and of session handles, from which requests are drawn."""

MAX_FINDINGS = 20

_MUTATION_COUNTS = (0, 1, 1, 1, 1, 1, 2, 2, 2, 3, 3, 5)
_STAGES = ("message",) * 8 + ("header",) * 4 + ("body",) * 2 + ("event",) * 2
_STAGES_WITH_STATE = (*_STAGES, *("state",) * 6)
_RETRY_SHARE = 0.4
_STALE_HEADERS_SHARE = 0.15
_WORK_SHARE = 0.3
_LEGACY_SHARE = 0.35
_SESSION_SHARE = 0.7
_COLLECT_EVERY = 10_000
_KINDS = tuple(events.KINDS)


@dataclass
class Results:
    """What a run found.

    Attributes:
        counts: how many requests had an outcome, a method, a kind of event, a mutation; by category and name.
        findings: by kind.
        seconds: duration.
        peak_kib: the largest resident memory of the process.
    """

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    findings: dict[str, Finding] = field(default_factory=dict)
    seconds: float = 0.0
    peak_kib: int = 0


class Fuzzer:
    """One stream of requests; the same seed makes the same requests, but for the states in them.

    Args:
        target: the server.
        seed: of the generators.

    Attributes:
        results: what was found so far.
        context: what mutations draw from.
    """

    def __init__(self, target: Target, seed: str) -> None:
        self.results = Results()
        self._target = target
        self._random = Random(seed)  # noqa: S311 - no secrets are drawn from it
        self._states = IssuedStates(capacity=50_000)
        self._tokens: list[str] = []
        self._handles: list[str] = []
        self._sessions: list[str] = []
        self.context = MutationContext(
            Random(seed),  # noqa: S311
            self._tokens,
            self._states,
            self._handles,
            self._sessions,
        )
        self._seeds = corpus.seeds(target.with_store)
        self._legacy_seeds = corpus.legacy_seeds(target.with_store)
        self._known_methods = {method for method, _ in self._seeds + self._legacy_seeds}

    def run(self, requests: int) -> None:
        """Send requests, until there were enough or ``MAX_FINDINGS`` findings."""
        self._warm_up()
        began = time.perf_counter()
        gc.disable()  # a collection in the middle of a request would count as its time
        try:
            for number in range(requests):
                if number % _COLLECT_EVERY == 0:
                    gc.collect()
                    gc.freeze()
                self._send(self.plan(number))
                if len(self.results.findings) >= MAX_FINDINGS:
                    break
        finally:
            gc.enable()
            gc.unfreeze()
        self.results.seconds = time.perf_counter() - began
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        self.results.peak_kib = peak // 1024 if sys.platform == "darwin" else peak

    def plan(self, number: int) -> RequestPlan:
        """Draw a request."""
        random = self._random
        version, session = VERSION, ""
        if random.random() < _LEGACY_SHARE:
            version, principal = random.choice(sorted(LEGACY_VERSIONS)), ""
            message = corpus.legacy_message(*random.choice(self._legacy_seeds), number)
            if self._sessions and random.random() < _SESSION_SHARE:
                session = random.choice(self._sessions)
        else:
            message, principal = self._message(number)
        is_stateful = message["method"] in ASKING or message["method"].startswith("tasks/")
        stages = _STAGES_WITH_STATE if is_stateful else _STAGES
        return RequestPlan(
            kind=random.choice(_KINDS),
            message=message,
            principal=principal,
            version=version,
            session=session,
            mutations=tuple(
                self._mutation(random.choice(stages)) for _ in range(random.choice(_MUTATION_COUNTS))
            ),
            stale_headers=random.random() < _STALE_HEADERS_SHARE,
            binary_body=random.random() < 0.5,
        )

    def _warm_up(self) -> None:
        """Send every valid request once: what is imported and compiled on first use is not to be timed."""
        for method, params in self._seeds:
            self._target.send(build(RequestPlan("http api", corpus.message(method, params)), self.context))
        for version in sorted(LEGACY_VERSIONS):
            for method, params in self._legacy_seeds:
                message = corpus.legacy_message(method, params)
                plan = RequestPlan("http api", message, version=version)
                self._target.send(build(plan, self.context))

    def _mutation(self, stage: str) -> PlannedMutation:
        index = self._random.randrange(len(mutations.STAGES[stage]))
        return PlannedMutation(stage, index, self._random.getrandbits(32))

    def _message(self, number: int) -> tuple[dict[str, Any], str]:
        """A valid message, and its principal."""
        random = self._random
        if self._tokens and random.random() < _RETRY_SHARE:
            token = random.choice(self._tokens)
            issued = self._states[token]
            return self._next_message(issued, token, number), issued.target[3]
        method, params = random.choice(self._seeds)
        meta = {"progressToken": f"p{number}", f"{PREFIX}logLevel": "info"} if number % 2 else {}
        return corpus.message(method, params, number, **meta), ""

    def _next_message(self, issued: IssuedState, token: str, number: int) -> dict[str, Any]:
        """The answers to the questions of a state, or a request about a task."""
        method, params = issued.target[0], corpus.retry(issued, token)
        if len(token) == TASK_ID:
            method, params = self._random.choice(corpus.task_requests(token))
            params["_meta"] = issued.params["_meta"]
        return {"jsonrpc": "2.0", "id": number, "method": method, "params": params}

    def _send(self, plan: RequestPlan) -> None:
        exchange = self._target.send(build(plan, self.context))
        try:
            response = check(exchange)
            token = self._states.check(exchange, response)
            check_repeated_effects(self._target.recorder)
        except Violation as violation:
            self._found(plan, violation)
            return
        self._count(plan, exchange, response)
        self._keep_session(exchange, response)
        if token is not None:
            self._add_to_pool(self._tokens, token)
        elif response.request.target[1] == "cart_open" and response.outcome == "complete":
            self._add_to_pool(self._handles, (response.result or {})["content"][0]["text"])
        if self._target.queue.messages and self._random.random() < _WORK_SHARE:
            self._work(plan)

    def _keep_session(self, exchange: Exchange, response: CheckedResponse) -> None:
        """Keep the id of a session whose client can do nothing, so that it is asked nothing."""
        is_first = response.request.rpc_method == "initialize" and response.result is not None
        if is_first and not response.request.params.get("capabilities"):
            headers = exchange.response.get("headers") or {}
            if "mcp-session-id" in headers:
                self._add_to_pool(self._sessions, headers["mcp-session-id"])

    def _work(self, plan: RequestPlan) -> None:
        """Run the queued tasks, each delivered twice."""
        self._target.queue.messages *= 2
        failures = self._target.work().failures
        if failures:
            self._found(plan, Violation("failure", "; ".join(failures)))

    def _add_to_pool(self, pool: list[str], value: str) -> None:
        if len(pool) < POOL:
            pool.append(value)
        else:
            pool[self._random.randrange(POOL)] = value

    def _found(self, plan: RequestPlan, violation: Violation) -> None:
        if violation.kind not in self.results.findings:
            self.results.findings[violation.kind] = minimal_finding(plan, self.context, violation)

    def _count(self, plan: RequestPlan, exchange: Exchange, response: CheckedResponse) -> None:
        counts, method = self.results.counts, response.request.rpc_method
        counts["outcome", f"{response.status} {response.outcome}"] += 1
        counts["method", method if method in self._known_methods and method else "(unknown)"] += 1
        counts["event", plan.kind] += 1
        counts["total", "steps"] += len(exchange.record.effects)
        counts["total", "notifications"] += len(response.notifications)
        for mutation in plan.mutations:
            counts["mutation", name_of(mutation.function)] += 1


def run(requests: int, seed: str) -> Results:
    """Send requests from this process."""
    with Target(store=True) as target:
        fuzzer = Fuzzer(target, seed)
        fuzzer.run(requests)
        return fuzzer.results


def run_all(requests: int, seed: int, processes: int) -> Results:
    """Send requests from several processes; seed and number of processes decide which requests."""
    shares = [requests // processes + (index < requests % processes) for index in range(processes)]
    seeds = [f"{seed}/{index}" for index in range(processes)]
    if processes == 1:
        return run(shares[0], seeds[0])
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        parts = list(pool.map(run, shares, seeds))
    total = Results(
        seconds=max(part.seconds for part in parts), peak_kib=max(part.peak_kib for part in parts)
    )
    for part in parts:
        total.counts.update(part.counts)
        total.findings.update(part.findings)
    return total
