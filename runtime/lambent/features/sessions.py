"""Sessions as parameters: a handle for the model, an object for the function.

``cart: Session[Cart]`` is a string in the tool's schema. The function gets the ``Cart`` that is stored under
it, and its changes are stored when it succeeds. So the client names the state of earlier calls that a call
needs (server/tools, "Stateful Tools").
"""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

import msgspec

from lambent.features.codecs import Codec, codec_of
from lambent.features.functions import Parameter
from lambent.features.hints import mark_of, walk

T = TypeVar("T")


class _SessionMarker:
    """Marks the hint of a session parameter."""


Session = Annotated[T, _SessionMarker()]
"""The hint of a parameter that takes a session's object."""


class SessionParam(msgspec.Struct, frozen=True):
    """A parameter that takes a session's object: a handle of another kind is refused."""

    name: str
    kind: str
    codec: Codec

    @property
    def handle(self) -> Parameter:
        """The parameter as clients see it: text."""
        text = f"Handle of a {self.kind} session, as another tool returned it."
        return Parameter(self.name, Annotated[str, text], msgspec.NODEFAULT)


def session_param(name: str, hint: Any) -> SessionParam | None:
    """The session that a parameter takes, if its hint is ``Session[…]``.

    Raises:
        DeclarationError: the type cannot be written as JSON.
    """
    if mark_of(hint, _SessionMarker) is None:
        return None
    kept = hint.__origin__
    return SessionParam(name, kind_of(kept), codec_of(kept))


def hides_session(hint: Any) -> bool:
    """Whether there is a session inside of another type, such as a union, where it has no effect."""
    return any(mark_of(part, _SessionMarker) for part in walk([hint]) if part is not hint)


def kind_of(kept: Any) -> str:
    """Names the type of a session's object."""
    return str(getattr(kept, "__qualname__", kept))
