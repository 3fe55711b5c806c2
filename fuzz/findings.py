"""Findings: events that break a rule. They are made small by Hypothesis, written to files, and replayed."""

import dataclasses
import hashlib
import itertools
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import hypothesis
from hypothesis import HealthCheck
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from fuzz.invariants import check
from fuzz.mutations import MutationContext, name_of
from fuzz.request_model import parse_event
from fuzz.requests import RequestPlan, build
from fuzz.states import IssuedState, IssuedStates
from fuzz.target import Target
from fuzz.violations import Violation

FOLDER = Path(__file__).parent / "findings"

_SETTINGS = hypothesis.settings(
    max_examples=200, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)


@dataclass
class Finding:
    """An event that breaks a rule.

    Attributes:
        kind: which rule, and how.
        detail: what was found.
        event: the event.
        mutations: the names of the mutations in it.
        issued: what the state in it holds, if a server issued it.
    """

    kind: str
    detail: str
    event: dict[str, Any]
    mutations: list[str] = field(default_factory=list)
    issued: dict[str, Any] = field(default_factory=dict)

    def write(self, folder: Path = FOLDER) -> Path:
        """Write a file that ``read`` reads."""
        folder.mkdir(exist_ok=True)
        text = json.dumps(asdict(self), indent=1, default=sorted)
        name = "".join(character if character.isalnum() else "-" for character in self.kind)[:60]
        path = folder / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:8]}.json"
        path.write_text(text + "\n")
        return path

    @classmethod
    def read(cls, path: Path) -> "Finding":
        """Read a file that ``write`` wrote."""
        return cls(**json.loads(path.read_text()))

    def replay(self) -> Violation | None:
        """Send the event to a new server; returns the rule that it breaks, if it does."""
        states = IssuedStates()
        for token, of in self.issued.items():
            state = {**of, "target": tuple(of["target"]), "steps": frozenset(of["steps"])}
            states.add(token, IssuedState(**state))
        with Target(store=True) as target:
            exchange = target.send(self.event)
            try:
                states.check(exchange, check(exchange))
            except Violation as violation:
                return violation
        return None


def minimal_finding(plan: RequestPlan, context: MutationContext, violation: Violation) -> Finding:
    """The simplest form of a request that breaks the same rule on a new server.

    Hypothesis draws for each mutation whether it stays, and shrinks towards a request without mutations. A
    request that breaks the rule only after other requests is returned unchanged.

    Args:
        plan: the request.
        context: what its mutations draw from.
        violation: the rule that it broke.
    """

    def is_reproduced(candidate: RequestPlan) -> bool:
        found = _finding(candidate, context, violation).replay()
        return found is not None and found.kind == violation.kind

    try:
        smallest = hypothesis.find(_simpler(plan), is_reproduced, settings=_SETTINGS, random=Random(0))  # noqa: S311
    except NoSuchExample:
        return _finding(plan, context, violation)
    found = _finding(smallest, context, violation)
    return _finding(smallest, context, found.replay() or violation)


def _finding(plan: RequestPlan, context: MutationContext, violation: Violation) -> Finding:
    event = build(plan, context)
    token = parse_event(event).state
    issued = {token: asdict(context.states[token])} if token is not None and token in context.states else {}
    names = [name_of(mutation.function) for mutation in plan.mutations]
    return Finding(violation.kind, str(violation), event, names, issued)


@st.composite
def _simpler(draw: st.DrawFn, plan: RequestPlan) -> RequestPlan:
    return dataclasses.replace(
        plan,
        kind=draw(st.sampled_from(["http api", plan.kind])),
        mutations=tuple(itertools.compress(plan.mutations, [draw(st.booleans()) for _ in plan.mutations])),
        stale_headers=plan.stale_headers and draw(st.booleans()),
        binary_body=plan.binary_body and draw(st.booleans()),
    )
