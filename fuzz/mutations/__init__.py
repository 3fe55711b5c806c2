"""Ways to spoil a request: its message, its headers, the bytes of its body, its event, and its state.

Each mutation is a small function on a ``Draft``, registered under a name for one stage. Stages follow each
other, so that a message can be spoilt while its headers still tell the truth, and the other way round.
"""

from fuzz.mutations.bodies import BODY, write
from fuzz.mutations.draft import Draft, Mutation, Source, clone
from fuzz.mutations.events import EVENT
from fuzz.mutations.headers import HEADER
from fuzz.mutations.messages import MESSAGE
from fuzz.mutations.states import STATE

__all__ = ["STAGES", "Draft", "Mutation", "Source", "clone", "write"]

STAGES: dict[str, dict[str, Mutation]] = {
    "message": MESSAGE,
    "state": STATE,
    "header": HEADER,
    "body": BODY,
    "event": EVENT,
}
"""All mutations by stage and name."""
