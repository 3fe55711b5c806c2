"""What is guaranteed about request states, tasks and effects, as rules that are checked on every exchange.

A *step* is what a handler does through ``ctx.step``. A *state* is the token of an ``InputRequiredResult``; it
is bound to method, name, arguments, principal and audience. What holds:

====  ================================================================================================
S1    A state opens for exactly the request that it was made for. Any other string, and any state on any
      other request, is refused with ``-32602`` and one and the same sentence. (Two things come first: a
      tool's complaint about its arguments, and the result of an idempotent call that was made before.)
S2    A legitimate state is not refused while it is valid; with ``single_use``, while it is not used up.
S3    With ``single_use``, a state leads to at most one reply that is not an error.
E1    One request runs a step at most once.
E2    A step whose result is in the state that came along does not run.
E3    A refused request runs nothing: steps run only behind every check of the request and its state.
E4    A state that goes out holds the steps of the one that came in and those of this request. So where
      every state is used once, every step of a flow runs once, however many rounds the flow has.
I1    An idempotent call takes effect once for its key and principal, however often it is sent.
T1    A task shows only to the principal whose call it was; to others it is as unknown as any other id.
T2    A task's step runs once, however often the task is delivered, asked, answered and cancelled.
====  ================================================================================================

What is *not* promised, because nothing outside the messages remembers: a state may be presented again, as it
is, until it expires, and each time the steps *behind* it run again (never those before it); a request without
a state is a new flow; and where a request ends with an error or a final result instead of a new state, its
steps are nowhere remembered: sent again with the state it came with, it runs them again.
"""

from collections import Counter, OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fuzz.invariants import Answer, require
from fuzz.ledger import Book
from fuzz.sent import TOO_DEEP, Sent, why_not
from fuzz.target import Exchange

REFUSAL = "Invalid or expired requestState: start the request over"
SINGLE_USE = frozenset({"redeem"})
"""Tools of the target whose states count once."""

IDEMPOTENT = frozenset({"pay"})
"""Tools of the target whose results are remembered, whatever state comes along."""

TASK_ID = 32
"""Characters of a task's id; states are longer."""

MAY_FOLLOW_EFFECTS = frozenset({-32602, -32021, -32603})
"""What a handler can cause itself: answers that do not fit, capabilities that it misses, its defects."""


@dataclass(frozen=True)
class Issued:
    """A state or a task that a server gave out.

    Attributes:
        target: what it is bound to; see ``Sent.target``.
        steps: the steps that it holds.
        asked: the questions that went out with it.
        params: the parameters of the request that it answered.
        headers: the headers of that request.
    """

    target: tuple[str, str, str, str]
    steps: frozenset[str]
    asked: Mapping[str, Any]
    params: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


class States:
    """Every state and task that is around, and what each holds.

    Args:
        capacity: how many are kept; the oldest are forgotten, and must not be used any more.
    """

    def __init__(self, capacity: int = 100_000) -> None:
        self._issued: OrderedDict[str, Issued] = OrderedDict()
        self._used: set[str] = set()
        self._capacity = capacity

    def __getitem__(self, token: str) -> Issued:
        """What a state holds."""
        return self._issued[token]

    def __contains__(self, token: object) -> bool:
        """Whether a state was given out."""
        return token in self._issued

    def __len__(self) -> int:
        """How many there are."""
        return len(self._issued)

    def add(self, token: str, issued: Issued) -> None:
        """Note a state or a task."""
        self._issued[token] = issued
        while len(self._issued) > self._capacity:
            self._issued.popitem(last=False)

    def check(self, exchange: Exchange, answer: Answer) -> str | None:
        """Check S1 to E4 and T1, and note the state or the task that the answer brought.

        Returns:
            That state or that task's id, if there is one.

        Raises:
            Violation: a guarantee is broken.
        """
        sent, effects, result = answer.sent, exchange.ledger.effects, answer.result
        if sent.message is TOO_DEEP:
            return None
        twice = [step for step, times in Counter(effects).items() if times > 1]
        require(not twice, "effect twice in a request", str(twice))
        known = self._state(answer)
        if effects:
            self._effects(answer, effects, known)
        if result is None:
            return None
        if sent.rpc_method is not None and sent.rpc_method.startswith("tasks/"):
            self._task(sent)
        token = result.get("requestState", result.get("taskId") if result["resultType"] == "task" else None)
        if not isinstance(token, str):
            return None
        require(token not in self._issued, "state", "given out before")
        steps = frozenset(effects) | (known.steps if known else frozenset())
        self.add(
            token, Issued(sent.target, steps, result.get("inputRequests", {}), sent.params, sent.headers)
        )
        return token

    def _state(self, answer: Answer) -> Issued | None:
        """Check what became of the state that came along: S1, S2, S3."""
        sent, result = answer.sent, answer.result
        state = sent.state
        known = self._issued.get(state) if state is not None and len(state) != TASK_ID else None
        legitimate = known is not None and known.target == sent.target
        is_taken = state is not None and result is not None and not result.get("isError")
        require(
            legitimate or not is_taken or sent.target[1] in IDEMPOTENT,
            "state",
            lambda: f"taken, but {f'made for {known.target}' if known else 'never made'}: {sent.target}",
        )
        is_used = state in self._used and sent.target[1] in SINGLE_USE
        require(not (is_used and is_taken), "single use", "used for a second time")
        require(
            not legitimate or is_used or not _refused(answer), "state", "refused, though it is legitimate"
        )
        if state is not None and is_taken and sent.target[1] in SINGLE_USE:
            self._used.add(state)
        return known

    def _effects(self, answer: Answer, effects: list[str], known: Issued | None) -> None:
        """Check that what was done was to be done: E2, E3."""
        again = known.steps.intersection(effects) if known is not None else ()
        require(not again, "effect again", f"{sorted(again)} are in the state")
        require(not _refused(answer), "effect of a refused state", str(effects))
        code = answer.error.get("code")
        require(code is None or code in MAY_FOLLOW_EFFECTS, "effect of an error", f"{code}: {effects}")
        reason = why_not(answer.sent)
        require(reason is None, "effect of a bad request", lambda: f"{reason}: {effects}")

    def _task(self, sent: Sent) -> None:
        """Check that a task was shown to its owner: T1."""
        task = sent.params.get("taskId")
        known = self._issued.get(task) if isinstance(task, str) else None
        require(known is not None, "task", f"{task!r} was never made")
        owner = known.target[3] if known is not None else None
        require(owner == sent.headers.get("x-user", ""), "task", f"of {owner!r} shown to another")


def check_book(book: Book) -> None:
    """Check what must hold over all requests: I1, T2.

    Raises:
        Violation: something took effect again.
    """
    again, book.again = book.again, []
    require(not again, "effect again", lambda: "; ".join(again))


def _refused(answer: Answer) -> bool:
    return answer.error.get("message") == REFUSAL
