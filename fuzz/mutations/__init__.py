"""Mutations of a request, each a small function on a ``RequestDraft``, sorted by stage.

The stages follow each other, so that the message can change while its headers still describe the original,
and the other way round.
"""

from fuzz.mutations.bodies import BODY, write
from fuzz.mutations.events import EVENT
from fuzz.mutations.headers import HEADER
from fuzz.mutations.messages import MESSAGE
from fuzz.mutations.request_draft import Mutation, MutationContext, RequestDraft, clone
from fuzz.mutations.states import STATE

__all__ = ["STAGES", "Mutation", "MutationContext", "RequestDraft", "clone", "name_of", "write"]

STAGES: dict[str, tuple[Mutation, ...]] = {
    "message": MESSAGE,
    "state": STATE,
    "header": HEADER,
    "body": BODY,
    "event": EVENT,
}
"""All mutations, by stage, in the order in which the stages are applied."""


def name_of(mutation: Mutation) -> str:
    """The name of a mutation, for people."""
    return mutation.__name__.strip("_").replace("_", " ")
