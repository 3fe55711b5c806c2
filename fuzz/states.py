"""The guarantees about request states, tasks and effects, checked on every exchange.

A *step* is a side effect that a handler runs with ``ctx.step``. A *state* is the token of an
``InputRequiredResult``; it is bound to method, name, arguments, principal and audience. The guarantees:

====  ================================================================================================
S1    A state is accepted for exactly the request that it was issued for. Any other string, and any state
      on any other request, is refused with ``-32602`` and always the same message. (Two things take
      precedence: an error about the arguments, and the stored result of an idempotent call.)
S2    A legitimate state is not refused while it is valid; with ``single_use``, while it is unused.
S3    With ``single_use``, a state leads to one result, which repeats for the same answers, and to one effect.
E1    One request runs a step at most once.
E2    A step whose result is in the state of the request does not run.
E3    A refused request runs no step: steps run only after every check of the request and its state.
E4    An issued state holds the steps of the state of the request and those that this request ran. So where
      every state is used once, every step of a flow runs once, however many rounds the flow has.
I1    An idempotent call takes effect once for its key and principal, however often it is sent.
T1    A task is visible only to the principal that created it; to others its id is unknown.
T2    A task's step runs once, however often the task is delivered, asked, answered and cancelled.
====  ================================================================================================

*Not* guaranteed, because nothing is stored outside the messages: a state may be presented again until it
expires, and each time the steps *after* it run again (never those before it); a request without a state is a
new flow; and where a request ends with an error or a final result instead of a new state, its steps are not
recorded: sent again with the same state, it runs them again.
"""

from collections import Counter, OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fuzz.invariants import CheckedResponse
from fuzz.recorder import EffectRecorder
from fuzz.request_model import TOO_DEEP, ParsedRequest, rejection_reason
from fuzz.target import Exchange
from fuzz.violations import require

REFUSAL = "Invalid or expired requestState: start the request over"
SINGLE_USE = frozenset({"redeem"})
"""Tools of the target whose states can be used once."""

IDEMPOTENT = frozenset({"pay"})
"""Tools of the target whose results are stored, so that a repeated call gets them whatever its state."""

TASK_ID = 32
"""Characters of a task's id; states are longer."""

MAY_FOLLOW_EFFECTS = frozenset({-32602, -32021, -32603})
"""Errors that a handler can cause itself: answers that do not fit, missing capabilities, its own defects."""


@dataclass(frozen=True)
class IssuedState:
    """A request state or a task id that the server issued.

    Attributes:
        target: what it is bound to; see ``ParsedRequest.target``.
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


class IssuedStates:
    """Every state and task that the server issued, and what each holds.

    Args:
        capacity: how many are kept; the oldest are dropped, and must not be sent any more.
    """

    def __init__(self, capacity: int = 100_000) -> None:
        self._issued: OrderedDict[str, IssuedState] = OrderedDict()
        self._used: dict[str, Any] = {}
        self._capacity = capacity

    def __getitem__(self, token: str) -> IssuedState:
        """What a state holds."""
        return self._issued[token]

    def __contains__(self, token: object) -> bool:
        """Whether a state was issued."""
        return token in self._issued

    def __len__(self) -> int:
        """The number of states and tasks."""
        return len(self._issued)

    def add(self, token: str, issued: IssuedState) -> None:
        """Add a state or a task."""
        self._issued[token] = issued
        while len(self._issued) > self._capacity:
            self._issued.popitem(last=False)

    def check(self, exchange: Exchange, answer: CheckedResponse) -> str | None:
        """Check S1 to E4 and T1, and add the state or the task that the response issues.

        Returns:
            That state or that task's id, if there is one.

        Raises:
            Violation: a guarantee is broken.
        """
        request, effects, result = answer.request, exchange.record.effects, answer.result
        if request.message is TOO_DEEP:
            return None
        if answer.members:  # each may run the same step
            return None
        twice = [step for step, times in Counter(effects).items() if times > 1]
        require(not twice, "effect twice in a request", str(twice))
        known = self._state(answer, effects)
        if effects:
            self._effects(answer, effects, known)
        if result is None:
            return None
        if request.rpc_method is not None and request.rpc_method.startswith("tasks/"):
            self._task(request)
        token = result.get("requestState", result.get("taskId") if _kind(result) == "task" else None)
        if not isinstance(token, str):
            return None
        require(token not in self._issued, "state", "issued before")
        steps = frozenset(effects) | (known.steps if known else frozenset())
        self.add(
            token,
            IssuedState(
                request.target, steps, result.get("inputRequests", {}), request.params, request.headers
            ),
        )
        return token

    def _state(self, answer: CheckedResponse, effects: list[str]) -> IssuedState | None:
        """Check how the state of the request was treated: S1, S2, S3."""
        request, result = answer.request, answer.result
        state = request.state
        known = self._issued.get(state) if state is not None and len(state) != TASK_ID else None
        is_legitimate = known is not None and known.target == request.target
        is_accepted = state is not None and result is not None and not result.get("isError")
        require(
            is_legitimate or not is_accepted or request.target[1] in IDEMPOTENT,
            "state",
            lambda: (
                f"accepted, but {f'issued for {known.target}' if known else 'never issued'}: {request.target}"
            ),
        )
        is_used = state in self._used and request.target[1] in SINGLE_USE
        if is_used and is_accepted and state is not None:
            same = result == self._used[state] and not effects
            require(same, "single use", lambda: f"{result} after {self._used[state]}, with {effects}")
        require(
            not is_legitimate or is_used or not _refused(answer), "state", "refused, though it is legitimate"
        )
        is_complete = result is not None and _kind(result) != "input_required"  # else nobody answered
        if state is not None and is_accepted and is_complete and request.target[1] in SINGLE_USE:
            self._used[state] = result
        return known

    def _effects(self, answer: CheckedResponse, effects: list[str], known: IssuedState | None) -> None:
        """Check that the steps that ran were allowed to run: E2, E3."""
        again = known.steps.intersection(effects) if known is not None else ()
        require(not again, "effect again", f"{sorted(again)} are in the state")
        require(not _refused(answer), "effect of a refused state", str(effects))
        code = answer.error.get("code")
        require(code is None or code in MAY_FOLLOW_EFFECTS, "effect of an error", f"{code}: {effects}")
        reason = None if answer.request.is_legacy else rejection_reason(answer.request)
        require(reason is None, "effect of a bad request", lambda: f"{reason}: {effects}")

    def _task(self, request: ParsedRequest) -> None:
        """Check that a task was shown to its owner: T1."""
        task = request.params.get("taskId")
        known = self._issued.get(task) if isinstance(task, str) else None
        require(known is not None, "task", f"{task!r} was never issued")
        owner = known.target[3] if known is not None else None
        require(owner == request.headers.get("x-user", ""), "task", f"of {owner!r} shown to another")


def check_repeated_effects(recorder: EffectRecorder) -> None:
    """Check the guarantees that span requests: I1, T2.

    Raises:
        Violation: something took effect more often than once.
    """
    again, recorder.repeated = recorder.repeated, []
    require(not again, "effect again", lambda: "; ".join(again))


def _kind(result: Mapping[str, Any]) -> str:
    """The type of a result; in the legacy era all are complete."""
    return str(result.get("resultType", "complete"))


def _refused(answer: CheckedResponse) -> bool:
    return answer.error.get("message") == REFUSAL
