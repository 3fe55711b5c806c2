"""Sessions as parameters: a handle for the model, an object for the function.

``cart: Session[Cart]`` is a string in the tool's schema. The function gets the ``Cart`` that is kept under
it, and what it changed is kept when it succeeds. State that outlives a call thus has a name that the client
passes (server/tools, "Stateful Tools").
"""

from __future__ import annotations

import typing
from typing import Annotated, Any, TypeVar

import msgspec

from lambent.features.codecs import Codec, Field, codec_of

T = TypeVar("T")


class _SessionMarker:
    """Marks the hint of a session parameter."""


Session = Annotated[T, _SessionMarker()]
"""The hint of a parameter that takes a session's object."""


class SessionParam(msgspec.Struct, frozen=True):
    """A parameter that takes a session's object.

    Attributes:
        name: the parameter.
        kind: the name of the object's type, so that no handle is taken for another's.
        codec: reads and writes the object.
    """

    name: str
    kind: str
    codec: Codec


def session_param(name: str, hint: Any) -> SessionParam | None:
    """The session that a parameter takes, if its hint is ``Session[…]``.

    Raises:
        DeclarationError: the type cannot be kept as JSON.
    """
    if not _is_marked(hint):
        return None
    kept = hint.__origin__
    return SessionParam(name, kind_of(kept), codec_of(kept))


def hides_session(hint: Any) -> bool:
    """Whether there is a session inside of another type, such as a union, where nobody would look for it."""
    return any(_is_marked(arg) or hides_session(arg) for arg in typing.get_args(hint))


def _is_marked(hint: Any) -> bool:
    return typing.get_origin(hint) is Annotated and any(
        isinstance(item, _SessionMarker) for item in hint.__metadata__
    )


def kind_of(kept: Any) -> str:
    """Names the type of a session's object."""
    return str(getattr(kept, "__qualname__", kept))


def handle_field(param: SessionParam) -> Field:
    """What the schema says of a session parameter."""
    text = f"Handle of a {param.kind} session, as another tool returned it."
    return Field(param.name, Annotated[str, text], msgspec.NODEFAULT)
