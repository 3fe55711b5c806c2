"""What a run saw."""

import heapq
import re
import resource
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from fuzz.invariants import Answer
from fuzz.mutations import Draft
from fuzz.target import Exchange

_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|`[^`]*`|\"[^\"]*\"|[0-9a-f]{12}|\d+(?:\.\d+)?")
_TAIL = re.compile(r"((?:Unknown|unknown|refused|Unsupported|byte|Method) ?[\w ]*:?).*", re.DOTALL)
_SLOWEST = 8
_OVERHEAD = 4000
"""Characters that even an empty request counts as, so that the fixed cost of one does not look slow."""

_MOST_MESSAGES = 60
_KNOWN = frozenset(
    {
        "server/discover", "tools/list", "tools/call", "resources/list", "resources/templates/list",
        "resources/read", "prompts/list", "prompts/get", "completion/complete", "subscriptions/listen",
        "tasks/get", "tasks/update", "tasks/cancel", "initialize",
    }
)  # fmt: skip


@dataclass
class Stats:
    """Counts; those of several processes add up."""

    requests: int = 0
    seconds: float = 0.0
    peak_kib: int = 0
    effects: int = 0
    notifications: int = 0
    outcomes: Counter[tuple[int, str]] = field(default_factory=Counter)
    methods: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    mutations: Counter[str] = field(default_factory=Counter)
    messages: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    slowest: list[tuple[float, float, int, str, str]] = field(default_factory=list)

    def count(self, draft: Draft, exchange: Exchange, answer: Answer) -> None:
        """Count one exchange that kept all the rules."""
        self.requests += 1
        sent = answer.sent
        method = sent.rpc_method if sent.rpc_method in _KNOWN else "(no method)"
        self.outcomes[answer.status, answer.outcome] += 1
        self.methods[str(method)] += 1
        self.kinds[draft.kind] += 1
        self.effects += len(exchange.ledger.effects)
        self.notifications += len(answer.notifications)
        self.mutations.update(draft.applied or ("(none)",))
        if (said := _said(answer)) is not None:
            of_method = self.messages[str(method)]
            if said in of_method or len(of_method) < _MOST_MESSAGES:
                of_method[said] += 1
        size = sent.size + sum(map(len, sent.headers.values()))
        pace = exchange.seconds / (size + _OVERHEAD)
        if len(self.slowest) < _SLOWEST or pace > self.slowest[0][0]:
            entry = pace, exchange.seconds, size, f"{draft.kind}: {method}", ", ".join(draft.applied)
            if len(self.slowest) < _SLOWEST:
                heapq.heappush(self.slowest, entry)
            else:
                heapq.heapreplace(self.slowest, entry)

    def measure_memory(self) -> None:
        """Note the most memory that this process ever had."""
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        self.peak_kib = peak // 1024 if sys.platform == "darwin" else peak

    def add(self, other: "Stats") -> None:
        """Add another process's counts."""
        self.requests += other.requests
        self.seconds = max(self.seconds, other.seconds)
        self.peak_kib = max(self.peak_kib, other.peak_kib)
        self.effects += other.effects
        self.notifications += other.notifications
        for name in ("outcomes", "methods", "kinds", "mutations"):
            getattr(self, name).update(getattr(other, name))
        for method, counts in other.messages.items():
            self.messages[method].update(counts)
        self.slowest = heapq.nlargest(_SLOWEST, self.slowest + other.slowest)

    def report(self) -> str:
        """All of it, for people."""
        pace = self.requests / max(self.seconds, 1e-9)
        lines = [
            f"{self.requests:,} requests in {self.seconds:.1f} s, {pace:,.0f} a second",
            f"peak memory of a process {self.peak_kib / 1024:.0f} MiB",
            f"{self.effects:,} steps ran, {self.notifications:,} notifications came",
        ]
        rows = sorted(self.outcomes.items(), key=lambda row: -row[1])
        lines += _table("status and outcome", [(f"{status}  {outcome}", n) for (status, outcome), n in rows])
        lines += _table("methods", self.methods.most_common())
        lines += _table("events", self.kinds.most_common())
        lines += _table("mutations", self.mutations.most_common())
        for method, counts in sorted(self.messages.items()):
            title = f"what {method} says of mistakes: {len(counts)} messages, the most frequent ones"
            lines += _table(title, counts.most_common(12))
        lines += ["", "slowest relative to their size"]
        for pace, seconds, size, what, applied in heapq.nlargest(_SLOWEST, self.slowest):
            lines.append(
                f"  {pace * 1e9:8.0f} ns/char {seconds * 1e3:8.2f} ms {size:8,} chars  {what} [{applied}]"
            )
        return "\n".join(lines)


def _table(title: str, rows: list[tuple[str, int]]) -> list[str]:
    return ["", title, *(f"  {count:10,}  {name}" for name, count in rows)]


def _said(answer: Answer) -> str | None:
    if answer.response is None:
        return None
    text: Any = answer.error.get("message")
    if answer.result is not None:
        if not answer.result.get("isError"):
            return None
        text = answer.result["content"][0]["text"]
    text = _QUOTED.sub("…", text[:400])
    return _TAIL.sub(r"\1 …", text)[:120] if len(text) > 60 else text
