"""A request as a plan: a valid message and a list of mutations, from which the event is built.

Each mutation of a plan has its own seed. So a mutation can be removed from a plan, and the others still draw
the same values: this is how ``fuzz.findings`` makes a finding small.
"""

from dataclasses import dataclass
from typing import Any

from fuzz import corpus
from fuzz.events import KINDS, Http
from fuzz.mutations import STAGES, Mutation, MutationContext, RequestDraft, clone, write
from fuzz.request_model import VERSION


@dataclass(frozen=True, slots=True)
class PlannedMutation:
    """One mutation of a plan.

    Attributes:
        stage: a key of ``STAGES``.
        index: which mutation of the stage.
        seed: of the generator that the mutation draws from.
    """

    stage: str
    index: int
    seed: int

    @property
    def function(self) -> Mutation:
        """The mutation itself."""
        return STAGES[self.stage][self.index]


@dataclass(frozen=True, slots=True)
class RequestPlan:
    """A request that can be built again, and with fewer mutations.

    Attributes:
        kind: of the event, a key of ``KINDS``.
        message: the valid JSON-RPC message.
        principal: who sends it; empty for nobody.
        version: of the protocol.
        session: the id of a session of the legacy era.
        mutations: what changes it.
        stale_headers: whether the headers describe the message before its mutations.
        binary_body: whether the body goes into the event as Base64.
    """

    kind: str
    message: dict[str, Any]
    principal: str = ""
    version: str = VERSION
    session: str = ""
    mutations: tuple[PlannedMutation, ...] = ()
    stale_headers: bool = False
    binary_body: bool = False


def build(plan: RequestPlan, context: MutationContext) -> dict[str, Any]:
    """Build the event of a plan.

    Args:
        plan: the request.
        context: what mutations draw from; the same context and plan give the same event.
    """
    draft = RequestDraft(plan.kind, clone(plan.message))
    if plan.principal:
        draft.headers.append(("X-User", plan.principal))
    stale = _headers_of(plan, draft) if plan.stale_headers else None
    for stage, mutations in STAGES.items():
        if stage == "header":
            draft.headers = [*(stale or _headers_of(plan, draft)), *draft.headers]
        elif stage == "body":
            draft.body = write(draft)
        elif stage == "event":
            draft.event = _event_of(draft, plan.binary_body)
        for planned in plan.mutations:
            if planned.stage == stage:
                context.random.seed(planned.seed)
                mutations[planned.index](draft, context)
    return draft.event


def _headers_of(plan: RequestPlan, draft: RequestDraft) -> list[tuple[str, str]]:
    if plan.version == VERSION:
        return corpus.headers_of(draft.message)
    return corpus.legacy_headers_of(plan.version, plan.session)


def _event_of(draft: RequestDraft, binary: bool) -> dict[str, Any]:
    body = draft.body
    if isinstance(body, bytes) and not binary:
        body = body.decode(errors="replace")
    http = Http(draft.http_method, draft.headers, body, draft.path, draft.query, draft.stage)
    return KINDS[draft.kind](http)
