"""A feature's function and definition: read once, when the feature is registered."""

from __future__ import annotations

import sys
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import msgspec
from msgspec import UNSET

from lambent.errors import DeclarationError
from lambent.features import functions
from lambent.features.codecs import Codec, arguments_codec, codec_of
from lambent.features.functions import Parameter
from lambent.features.hints import has_mark, mark_of, mentions, walk
from lambent.features.resolvers import Injected, Plan, Resolve, make_plan
from lambent.wire.values import Annotations, Icon, ToolAnnotations, Value

if TYPE_CHECKING:
    from lambent.features.mounts import Home

T = TypeVar("T")


_OTHER_LIBRARIES = frozenset({"mcp", "fastmcp"})


class _SessionMarker:
    """Marks the hint of a session parameter."""


Session = Annotated[T, _SessionMarker()]
"""A parameter that takes a session's object: ``cart: Session[Cart]`` (server/tools, "Stateful Tools").

It is a string in the tool's schema: the handle of the session. The function gets the ``Cart`` that is stored
under it, and its changes are stored when it succeeds.
"""


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
    return SessionParam(name, kind_of(hint.__origin__), codec_of(hint.__origin__, "keep"))


def hides_session(hint: Any) -> bool:
    """Whether there is a session inside of another type, such as a union, where it has no effect."""
    return any(mark_of(part, _SessionMarker) for part in walk([hint]) if part is not hint)


def kind_of(kept: Any) -> str:
    """Names the type of a session's object."""
    return str(getattr(kept, "__qualname__", kept))


class PromptArgument(Value, frozen=True):
    """One argument of a prompt."""

    name: str
    description: str | None = None
    required: bool | None = None


class Definition(Value, frozen=True, kw_only=True):
    """A feature as a list shows it; each kind of feature sets the members that it has."""

    uri: str | None = None
    uri_template: str | None = None
    name: str
    title: str | None = None
    description: str | None = None
    arguments: Sequence[PromptArgument] | None = None
    input_schema: dict[str, Any] | None = None
    output_schema: dict[str, Any] | None = None
    mime_type: str | None = None
    size: int | None = None
    annotations: Annotations | ToolAnnotations | None = None
    icons: Sequence[Icon] | None = None
    meta: dict[str, Any] | None = msgspec.field(default=None, name="_meta")


class Signature(msgspec.Struct, frozen=True):
    """The function of a feature, and what it takes and returns.

    Attributes:
        doc: the function's docstring without indentation.
        parameters: those that the client fills in.
        arguments: reads what the client sends for them.
        untyped: the names of those parameters that have no type hint.
        takes_others: it takes arguments that it does not name, as ``**arguments``.
        context: the name of the parameter that takes the context.
        returns: the hint of its result, or ``UNSET``.
        is_async: calling the function gives a coroutine.
        homes: the mounted servers that the feature is inside of, outermost first.
    """

    name: str
    function: Callable[..., Any]
    doc: str | None
    parameters: list[Parameter]
    arguments: Codec
    untyped: tuple[str, ...]
    takes_others: bool
    context: str | None
    session: SessionParam | None
    plan: Plan | None
    returns: Any
    is_async: bool
    homes: tuple[Home, ...] = ()

    @property
    def needs_journal(self) -> bool:
        """It may ask, work in steps or take a session: its calls need a journal."""
        return self.context is not None or self.plan is not None or self.session is not None

    def convert(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Convert arguments that are decoded JSON to what the function takes.

        Raises:
            ValidationError: they do not fit the parameters.
        """
        converted: dict[str, Any] = self.arguments.convert(arguments)
        return converted


def _check_sendable(name: str, parameter: Parameter) -> None:
    """Refuse a parameter that no client can send."""
    if parameter.kind in (functions.POSITIONAL_ONLY, functions.VAR_POSITIONAL):
        advice = "leave out the /" if parameter.kind == functions.POSITIONAL_ONLY else "write a list"
        raise DeclarationError(
            f"{name}: parameter {parameter.name!r} must be one that can be named in a call: {advice}"
        )
    if _OTHER_LIBRARIES.isdisjoint(sys.modules):
        return
    for part in walk([parameter.hint]):
        cls = typing.get_origin(part) or part
        if getattr(cls, "__name__", "") == "Context" and cls.__module__.partition(".")[0] in _OTHER_LIBRARIES:
            raise DeclarationError(f"{name}: write {parameter.name!r} with the Context of lambent")


def read_signature(
    function: Callable[..., Any],
    injected: Injected,
    name: str | None = None,
    *,
    ignores_unknown: bool = False,
) -> Signature:
    """Read the signature of a function, a method, a partial function or a callable object.

    ``ignores_unknown``: arguments that it does not have are left out; else they are refused.

    Raises:
        DeclarationError: it is no function that returns a value, a hint cannot be resolved or described, a
            parameter is positional-only or ``*args``, two have one name, or the resolvers cannot work.
    """
    name = name or functions.name_of(function)
    functions.check_callable(function, name)
    hints = functions.hints_of(function)
    sent: list[Parameter] = []
    resolved: dict[str, Any] = {}
    session: SessionParam | None = None
    context: str | None = None
    others: Any = UNSET
    for parameter in functions.parameters_of(function, hints):
        hint = parameter.hint
        is_resolved = mark_of(hint, Resolve) is not None
        if not is_resolved and has_mark(hint, Resolve):
            raise DeclarationError(f"{name}: write {parameter.name!r} as Annotated[…, Resolve(…)] at the top")
        if hides_session(hint):
            raise DeclarationError(f"{name}: write {parameter.name!r} as Session[…], with nothing around it")
        if is_resolved:
            resolved[parameter.name] = hint
        elif (param := session_param(parameter.name, hint)) is not None:
            if session is not None:
                raise DeclarationError(f"{name}: a call changes one session; put what belongs together in it")
            session = param
            sent.append(param.handle)
        elif mentions(hint, injected.context):
            if context is not None:
                raise DeclarationError(f"{name}: only one parameter can take the context")
            context = parameter.name
        elif parameter.kind == functions.VAR_KEYWORD:
            others = hint
        else:
            _check_sendable(name, parameter)
            sent.append(parameter)
    wires = [parameter.wire for parameter in sent]
    if repeated := {wire for wire in wires if wires.count(wire) > 1}:
        raise DeclarationError(f"{name}: clients know two parameters as {', '.join(sorted(repeated))}")
    return Signature(
        name=name,
        function=function,
        doc=functions.doc_of(function),
        parameters=sent,
        arguments=arguments_codec(
            f"{name}Arguments", sent, others, {context, *resolved}, ignores_unknown=ignores_unknown
        ),
        untyped=tuple([parameter.name for parameter in sent if parameter.name not in hints]),
        takes_others=others is not UNSET,
        context=context,
        session=session,
        plan=make_plan(name, resolved, [parameter.name for parameter in sent], injected),
        returns=hints.get("return", UNSET),
        is_async=functions.wraps_coroutine_function(function),
    )
