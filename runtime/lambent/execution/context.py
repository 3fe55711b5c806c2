"""The context: what a handler knows of its call, and how it talks to its client."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, overload

from lambent.auth.principal import Principal
from lambent.execution.call import Call
from lambent.execution.notifications import Notifications
from lambent.execution.rounds.pending import Pending
from lambent.execution.rounds.questions import (
    AcceptedElicitation,
    CancelledElicitation,
    DeclinedElicitation,
    ElicitationResult,
    Question,
    check_capability,
    form_question,
    require_extension,
    roots_question,
    sampling_question,
    url_question,
)
from lambent.features.resolvers import Injected
from lambent.wire.eras import meta_of
from lambent.wire.http import Request
from lambent.wire.values import ClientCapabilities, Root, SamplingMessage, SamplingResult

if TYPE_CHECKING:
    from lambent.execution.durable.sessions import SessionMaker
    from lambent.execution.events.emitting import Emitter
    from lambent.execution.rounds.journal import Journal
    from lambent.wire.values import BlobResourceContents, TextResourceContents

T = TypeVar("T")


class Context(Notifications):
    """Handed to tools, resources and prompts that declare a parameter of this type.

    Everything here works in ``async def`` and in ``def``: what has nothing to wait for may be awaited or not,
    what has, is a ``Pending``.
    """

    __slots__ = ("_journal", "_sessions")

    def __class_getitem__(cls, _: Any) -> type[Context]:
        """``Context[…]``, as the official SDK's servers write it, is ``Context``."""
        return cls

    def __init__(self, call: Call, journal: Journal) -> None:
        self._call = call
        self._journal = journal
        self._progress: float | None = None
        self._sessions: SessionMaker | None = None

    @property
    def principal(self) -> Principal | None:
        """Who is calling; None where nobody is identified."""
        return self._call.principal

    def require(self, *scopes: str) -> None:
        """Go on only if the caller has these scopes, besides those that the feature needs anyway.

        Check before anything has an effect. On stdio, where the user of this machine calls, it is always so.

        Raises:
            InsufficientScopeError: 403, with all scopes that the call needs; see there.
            HttpRefusal: 401, nobody is identified.
        """
        from lambent.execution.authorization import require  # loaded where something is protected

        require(self._call, scopes)

    @property
    def sessions(self) -> SessionMaker:
        """Makes sessions: ``handle = ctx.sessions.create(Cart)``."""
        if self._sessions is None:
            from lambent.execution.durable.sessions import SessionMaker

            self._sessions = SessionMaker(self._call, self._journal)
        return self._sessions

    @property
    def events(self) -> Emitter:
        """Emits what happened: ``ctx.events.emit("order.refunded", Refund(...), event_id=...)``."""
        from lambent.execution.events.emitting import emitter_of  # loaded where something is emitted

        return emitter_of(self._call, self._journal)

    @property
    def lifespan_context(self) -> Any:
        """What the server's ``lifespan`` gave; an empty dict where the server has none."""
        lifespan = self._call.services.lifespan
        return {} if lifespan is None else lifespan.value

    @property
    def request_id(self) -> str | int:
        """The id of the JSON-RPC request; each round has its own."""
        return self._call.rpc.id

    @property
    def protocol_version(self) -> str:
        """The protocol version of the request."""
        return self._call.rpc.era.version

    @property
    def request(self) -> Request:
        """What the platform says of the request.

        HTTP method, path, query, headers, client address, ``requestContext.authorizer``, the Lambda event and
        Lambda's context object; empty or None where the platform has no such thing.
        """
        return self._call.request

    @property
    def headers(self) -> dict[str, str]:
        """The HTTP headers, names in lower case; empty on stdio. Client-supplied: never an identity."""
        return self._call.headers

    @property
    def client_capabilities(self) -> ClientCapabilities:
        """What the client declared for this request."""
        return self._call.client

    @property
    def client_info(self) -> dict[str, Any] | None:
        """What the client says it is: for display and logs only."""
        handshake = self._call.handshake
        return self._call.rpc.meta.client_info if handshake is None else handshake.client_info

    @property
    def meta(self) -> dict[str, Any]:
        """The request's whole ``_meta``."""
        return meta_of(self._call.rpc)

    @property
    def trace_parent(self) -> str | None:
        """The W3C ``traceparent`` of the request (basic, "OpenTelemetry trace context")."""
        return self._call.rpc.meta.trace_parent

    @property
    def trace_state(self) -> str | None:
        """The W3C ``tracestate`` of the request."""
        return self._call.rpc.meta.trace_state

    @property
    def baggage(self) -> str | None:
        """The W3C ``baggage`` of the request."""
        return self._call.rpc.meta.baggage

    def read_resource(self, uri: str) -> Pending[list[TextResourceContents | BlobResourceContents]]:
        """Read a resource of this server as a client would, but that it cannot ask anything.

        Raises:
            ResourceNotFoundError: nothing is registered for the URI, or the caller may not read it.
        """
        from lambent.execution.reading import read_resource  # loaded where handlers read resources

        return read_resource(self._call, str(uri))

    def remaining_ms(self) -> int | None:
        """Milliseconds until the host stops this invocation; None where it never does."""
        return self._call.invocation.remaining_ms()

    def require_extension(self, identifier: str) -> dict[str, Any]:
        """The client's settings of an extension.

        Raises:
            MissingCapabilityError: the client did not declare it.
        """
        return require_extension(self._call.client, identifier)

    @overload
    def elicit(
        self, message: str, schema: dict[str, Any], *, key: str | None = None
    ) -> Pending[ElicitationResult[dict[str, Any]]]: ...

    @overload
    def elicit(
        self, message: str, schema: type[T], *, key: str | None = None
    ) -> Pending[ElicitationResult[T]]: ...

    def elicit(self, message: str, schema: Any, *, key: str | None = None) -> Pending[ElicitationResult[Any]]:
        """Ask the user to fill in a form; never for secrets (client/elicitation).

        Args:
            message: why it is asked, for people.
            schema: a record type with primitive fields, or a flat JSON Schema.
            key: names the question; needed only where questions may come in another order in another round.

        Raises:
            MissingCapabilityError: the client cannot show forms.
            InvalidParamsError: what came back does not fit the form.
        """
        from lambent.features.forms import form_of  # loaded where there are forms

        return self._ask(form_question(message, form_of(schema)), key)

    def elicit_url(
        self, message: str, url: str, *, key: str | None = None
    ) -> Pending[ElicitationResult[None]]:
        """Ask the user to visit a page; accepting means that they agreed to go there, no more.

        Args:
            message: why it is asked, for people.
            url: where to go; it must not carry credentials or personal data.
            key: see ``elicit``.

        Raises:
            MissingCapabilityError: the client cannot open pages.
        """
        return self._ask(url_question(message, url), key)

    def sample(
        self,
        messages: str | Sequence[SamplingMessage],
        *,
        max_tokens: int = 1024,
        system_prompt: str | None = None,
        temperature: float | None = None,
        stop_sequences: Sequence[str] | None = None,
        model_preferences: dict[str, Any] | None = None,
        include_context: str | None = None,
        metadata: dict[str, Any] | None = None,
        tools: Sequence[dict[str, Any]] | None = None,
        tool_choice: dict[str, Any] | None = None,
        key: str | None = None,
    ) -> Pending[SamplingResult]:
        """Ask the client's model (client/sampling).

        Args:
            messages: the conversation, or what the user says in it.
            max_tokens: the longest answer wanted.
            system_prompt: the system prompt to use, which the client may ignore.
            temperature: randomness.
            stop_sequences: where to stop.
            model_preferences: hints and priorities, in wire names.
            include_context: ``"none"``, ``"thisServer"`` or ``"allServers"``.
            metadata: for the model's provider.
            tools: tools that the model may call, in wire form.
            tool_choice: how the model may use them, in wire form.
            key: see ``elicit``.

        Raises:
            MissingCapabilityError: the client does not let servers use its model.
        """
        options = {
            "maxTokens": max_tokens,
            "systemPrompt": system_prompt,
            "temperature": temperature,
            "stopSequences": stop_sequences,
            "modelPreferences": model_preferences,
            "includeContext": include_context,
            "metadata": metadata,
            "tools": tools,
            "toolChoice": tool_choice,
        }
        return self._ask(sampling_question(messages, options), key)

    def list_roots(self, *, key: str | None = None) -> Pending[list[Root]]:
        """Ask which folders and files the server may work on (client/roots).

        Raises:
            MissingCapabilityError: the client has none to offer.
        """
        return self._ask(roots_question(), key)

    def _ask(self, question: Question[T], key: str | None) -> Pending[T]:
        self._call.invocation.check()
        check_capability(question, self._call.client)
        if self._call.handshake is not None and self._journal.asker is None:
            from lambent.execution.rounds.legacy_questions import asker_of  # loaded by a first legacy client

            self._journal.asker = asker_of(self._call, self._journal)
        return self._journal.ask(question, key)

    @overload
    def step(
        self,
        name: str,
        function: Callable[..., Coroutine[Any, Any, T]],
        /,
        *args: Any,
        at_most_once: bool = False,
        **kwargs: Any,
    ) -> Pending[T]: ...

    @overload
    def step(
        self, name: str, function: Callable[..., T], /, *args: Any, at_most_once: bool = False, **kwargs: Any
    ) -> Pending[T]: ...

    def step(self, name: str, function: Any, /, *args: Any, at_most_once: bool = False, **kwargs: Any) -> Any:
        """Do something once, however often the handler is run again.

        The result is kept as JSON and read back as the type that the function says it returns, already in the
        round in which it runs, so that no round sees anything that another does not.

        A step that is finished is never run again by the same task, idempotent call or flow of single-use
        states. One that was in flight when its process died is run again, unless it may run at most once.

        Args:
            name: names the step among the handler's steps.
            function: a plain function, which runs now, or a coroutine function, which runs when waited for.
            args: passed on.
            at_most_once: write down that the step begins, and never begin it twice.
            kwargs: passed on.

        Raises:
            TypeError: the name is no text, the function no function, or an argument is not waited for.
            StepInterrupted: the step may run at most once, and an earlier run that began it did not finish.
            ItemTooLargeError: the result does not fit into the table; the step is not run again.
            ValidationError: the result has no JSON form.
            ValueError: the handler has used the name already.
        """
        from lambent.execution.rounds.steps import Step, check_step  # loaded where there are steps

        check_step(name, function, (*args, *kwargs.values()))
        invocation = self._call.invocation
        invocation.check()
        step = Step(name, function, at_most_once, self._journal, invocation)
        return step.start(lambda: function(*args, **kwargs))


INJECTED = Injected(
    context=Context, outcomes=(AcceptedElicitation, DeclinedElicitation, CancelledElicitation)
)
"""What features may ask of a running call by annotating a parameter."""
