"""The decorators of a server, which collect its tools, resources, prompts and completion function."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from lambent.errors import DeclarationError
from lambent.features.catalog import Catalog
from lambent.features.resolvers import Injected
from lambent.features.signature import Definition, read_signature
from lambent.features.tasks import TaskPolicy
from lambent.features.tool_names import is_tool_name
from lambent.features.tools import Tool, output_of
from lambent.wire.values import Annotations, CacheHint, Icon, ToolAnnotations

if TYPE_CHECKING:
    import os

    from lambent.features.events import EventType
    from lambent.features.idempotency import Idempotency
    from lambent.features.limits import RateLimit
    from lambent.features.methods import CustomMethod
    from lambent.features.mounts import Mount
    from lambent.features.prompts import Prompt
    from lambent.features.resources import Resource
    from lambent.features.skills.files import SkillFiles
    from lambent.features.skills.shelf import Shelf
    from lambent.wire.events import Mode

F = TypeVar("F", bound=Callable[..., Any])


class Declarations:
    """Collects what a server offers until it is frozen, starting with a catalog without any feature."""

    def __init__(
        self,
        empty: Catalog,
        injected: Injected,
        *,
        strict_arguments: bool = False,
        compact_results: bool = False,
    ) -> None:
        self._empty = empty
        self._strict_arguments = strict_arguments
        self._compact_results = compact_results
        self._injected = injected
        self._tools: dict[str, Tool] = {}
        self._resources: dict[str, Resource] = {}
        self._prompts: dict[str, Prompt] = {}
        self._completer: Callable[..., Any] | None = None
        self._mounts: list[Mount] = []
        self._methods: dict[str, CustomMethod] = {}
        self._events: dict[str, EventType] = {}
        self._tool_middleware: list[Callable[..., Any]] = []
        self._shelves: list[Shelf] = []
        self._catalog: Catalog | None = None

    def tool(
        self,
        name: str | None = None,
        title: str | None = None,
        description: str | None = None,
        annotations: ToolAnnotations | None = None,
        icons: Sequence[Icon] | None = None,
        meta: dict[str, Any] | None = None,
        structured_output: bool | None = None,
        *,
        input_schema: dict[str, Any] | None = None,
        task: bool | TaskPolicy = False,
        idempotency: Idempotency | None = None,
        single_use: bool = False,
        scopes: Sequence[str] = (),
        limit: RateLimit | None = None,
        sensitive: Sequence[str] = (),
    ) -> Callable[[F], F]:
        """Register a function as a tool (server/tools), and leave the function itself as it is.

        Args:
            name: default: the function's name.
            title: the name for people.
            description: default: the docstring.
            annotations: hints on what it does.
            icons: images for user interfaces.
            meta: ``_meta`` of the definition.
            structured_output: False: text only; True: structured, or an error where the return type has no
                schema. Default: structured where the return type has one.
            input_schema: listed in place of that of the parameters. Arguments are still converted as the
                signature says; the function itself has to check whatever else the schema demands.
            task: how its calls may become tasks; True: as ``TaskPolicy`` says by default.
            idempotency: how repeated calls are recognized, so that each takes effect once.
            single_use: a request state completes a call once. Sent again with the same answers, it gives the
                same result; with other answers it is refused.
            scopes: what the caller needs, all of it. On stdio nobody is asked for scopes.
            limit: how often one caller may call it; its calls do not count for the server's limit then.
            sensitive: parameters whose values are shown in no audit record, whatever the policy; secrets of
                pydantic never are.

        Warns:
            DeclarationWarning: the name is none that clients have to accept, or a parameter has no type.

        Raises:
            DeclarationError: the signature cannot work, or the name is taken.
        """
        _not_bare(name, "tool")
        if isinstance(sensitive, str):
            raise DeclarationError('sensitive is a list of names, such as ["card_number"]')

        def register(function: F) -> F:
            strict, compact = self._strict_arguments, self._compact_results
            signature = read_signature(function, self._injected, name, ignores_unknown=not strict)
            output, wraps = output_of(signature, structured_output, compact=compact)
            definition = Definition(
                name=signature.name,
                title=title,
                description=description or signature.doc or "",
                input_schema=input_schema,
                annotations=annotations,
                icons=icons,
                meta=meta,
            )
            tool = Tool(
                signature=signature,
                definition=definition,
                output=output,
                wraps=wraps,
                compact=compact,
                task=TaskPolicy() if task is True else task or None,
                idempotency=idempotency,
                single_use=single_use,
                scopes=_scopes(scopes),
                limit=limit,
                sensitive=frozenset(sensitive),
            )
            self._add(self._tools, tool.name, tool, "tool")
            if signature.untyped or not is_tool_name(signature.name):
                from lambent.features.advice import advise  # loaded where there is something to say

                advise(signature)
            return function

        return register

    def resource(
        self,
        uri: str,
        *,
        name: str | None = None,
        title: str | None = None,
        description: str | None = None,
        mime_type: str | None = None,
        size: int | None = None,
        icons: Sequence[Icon] | None = None,
        annotations: Annotations | None = None,
        meta: dict[str, Any] | None = None,
        cache: CacheHint | None = None,
        scopes: Sequence[str] = (),
    ) -> Callable[[F], F]:
        """Register a function as a resource, or as a template where the URI has variables (server/resources).

        Args:
            uri: a URI, or an RFC 6570 template whose variables are the function's parameters.
            name: default: the function's name.
            title: the name for people.
            description: default: the docstring; an empty one is left out.
            mime_type: the media type; default: ``text/plain``, whatever is returned.
            size: in bytes, if known.
            icons: images for user interfaces.
            annotations: hints on how clients may use it.
            meta: ``_meta`` of the definition.
            cache: how long clients may keep what they read.
            scopes: what the caller needs, all of it. On stdio nobody is asked for scopes.

        Raises:
            DeclarationError: variables and parameters do not fit, or the URI is taken.
        """
        if not isinstance(uri, str):
            raise DeclarationError('Write @mcp.resource("notes://today"), with the URI of the resource')
        from lambent.features.resources import make_resource  # servers without resources never load it

        def register(function: F) -> F:
            signature = read_signature(function, self._injected, name)
            definition = Definition(
                name=signature.name,
                title=title,
                description=(signature.doc or "") if description is None else description or None,
                mime_type=mime_type or "text/plain",
                size=size,
                annotations=annotations,
                icons=icons,
                meta=meta,
            )
            resource = make_resource(uri, signature, definition, cache, _scopes(scopes))
            self._add(self._resources, resource.uri, resource, "resource")
            return function

        return register

    def prompt(
        self,
        name: str | None = None,
        title: str | None = None,
        description: str | None = None,
        icons: Sequence[Icon] | None = None,
        *,
        meta: dict[str, Any] | None = None,
        scopes: Sequence[str] = (),
    ) -> Callable[[F], F]:
        """Register a function as a prompt (server/prompts); the arguments are those of ``tool``.

        Raises:
            DeclarationError: the signature cannot work, or the name is taken.
        """
        _not_bare(name, "prompt")
        from lambent.features.prompts import Prompt, arguments_of  # as above

        def register(function: F) -> F:
            signature = read_signature(function, self._injected, name)
            definition = Definition(
                name=signature.name,
                title=title,
                description=description or signature.doc or "",
                arguments=arguments_of(signature),
                icons=icons,
                meta=meta,
            )
            self._add(self._prompts, signature.name, Prompt(signature, definition, _scopes(scopes)), "prompt")
            return function

        return register

    def completion(self, misplaced: None = None, /) -> Callable[[F], F]:
        """Register the function that completes arguments of prompts and templates.

        It is called with a reference, the argument being typed, and the arguments that are already set, and
        returns a ``Completion``, a list of strings, or None.

        Raises:
            DeclarationError: there is one already, or it does not take three arguments.
        """
        _not_bare(misplaced, "completion")

        def register(function: F) -> F:
            if self._completer is not None:
                raise DeclarationError("A server has one completion function, which sees every reference")
            self._not_frozen("completion")
            from lambent.features.completion import check_completer  # as above

            check_completer(function)
            self._completer = function
            return function

        return register

    def method(
        self,
        name: str,
        *,
        extension: str | None = None,
        protocol_versions: Collection[str] | None = None,
        scopes: Sequence[str] = (),
    ) -> Callable[[F], F]:
        """Register a function as a method beyond those of the protocol.

        The members of ``params`` are its arguments, and what it returns, a record or a dict, has the members
        of the result.

        Args:
            name: as requests have it, such as ``com.example/search``.
            extension: what its client must have declared in its capabilities; default: nothing.
            protocol_versions: the versions of which it is a method; default: all.
            scopes: what the caller needs, all of it. On stdio nobody is asked for scopes.

        Raises:
            DeclarationError: the signature cannot work, the name is the protocol's, or it is taken.
        """
        if not isinstance(name, str):
            raise DeclarationError('Write @mcp.method("com.example/search"), with the name of the method')
        from lambent.features.methods import make_method  # servers without methods never load it

        def register(function: F) -> F:
            signature = read_signature(function, self._injected, name)
            self.add_method(make_method(name, signature, extension, protocol_versions, _scopes(scopes)))
            return function

        return register

    def add_method(self, method: CustomMethod) -> None:
        """Register a method; see ``method``."""
        self._not_frozen(f"method {method.name!r}")
        if method.name in self._methods:
            raise DeclarationError(f"There is a method {method.name!r} already")
        self._methods[method.name] = method

    def skill(
        self, folder: str | os.PathLike[str], path: str | None = None, *, scopes: Sequence[str] = ()
    ) -> None:
        """Serve a folder with a SKILL.md, and all other files in it, as a skill (SEP-2640).

        It is looked at now, and its digests are computed when they are first asked for.

        Args:
            folder: relative to the working directory; ``Path(__file__).parent / "skills/refunds"`` is not.
            path: in front of the files in URIs, such as ``acme/billing/refunds``, whose last segment is the
                name of the skill; default: the folder's name.
            scopes: what its reader needs, all of it. On stdio nobody is asked for scopes.

        Raises:
            DeclarationError: it is none that hosts have to accept, or the path is taken.
        """
        from lambent.features.skills.declaring import single  # servers without skills never load it

        self._add_shelf(single(folder, path, _scopes(scopes)))

    def skills(
        self,
        source: str | os.PathLike[str] | SkillFiles,
        prefix: str | None = None,
        *,
        scopes: Sequence[str] = (),
    ) -> None:
        """Serve every folder with a SKILL.md that is somewhere in a folder, or in another source, as a skill.

        Args:
            source: a folder, as of ``skill``; or ``S3Skills``, whose skills are looked up with each request.
            prefix: in front of the path of each skill, such as ``acme/billing``; default: nothing.
            scopes: see ``skill``; skills with scopes need a prefix.

        Raises:
            DeclarationError: see ``skill``.
        """
        from lambent.features.skills.declaring import several  # as above

        self._add_shelf(several(source, prefix, _scopes(scopes)))

    def _add_shelf(self, shelf: Shelf) -> None:
        from lambent.features.skills.declaring import add_resources

        self._not_frozen("skill")
        add_resources(self, self._shelves, shelf, self._empty.hints["resources/list"])
        self._shelves.append(shelf)

    def event(
        self,
        name: str,
        *,
        payload: Any,
        arguments: Any = None,
        delivery: Sequence[Mode] = ("poll",),
        description: str | None = None,
        meta: dict[str, Any] | None = None,
        allow: Callable[..., Any] | None = None,
        check: Callable[..., Any] | None = None,
        scopes: Sequence[str] = (),
        poll_interval: timedelta = timedelta(seconds=30),
        retention: timedelta = timedelta(days=1),
    ) -> Callable[[F], F]:
        """Register an event type, with the function that says what a subscription gets (SEP-3415).

        The function is called for each occurrence and each subscription, with the payload, the arguments of
        the subscription where there are some, and the principal of its caller; it may take fewer of them. It
        returns True for the payload as it is, another payload in place of it, or False for nothing. One that
        is declared to return None says nothing: every subscription gets everything.

        Args:
            name: such as ``order.refunded``.
            payload: the type of what is delivered, a record.
            arguments: the type of what a subscription says, such as a filter: a record; default: nothing.
            delivery: how occurrences may be delivered: ``"poll"``, ``"push"``, ``"webhook"``. A host serves
                those that it can.
            description: default: the docstring.
            meta: ``_meta`` of the definition.
            allow: called with the arguments and the principal, or with the principal alone where there are no
                arguments: whether the caller may have this. Default: who has the scopes.
            check: for what cannot be emitted, because the upstream can only be asked: called with the
                arguments, where there are some, with the cursor that it gave last, or None for now, and, if
                it takes that, with how many occurrences there may be. It returns ``Checked``.
            scopes: what the caller needs, all of it. On stdio nobody is asked for scopes.
            poll_interval: after which clients should ask again.
            retention: how long an occurrence can be had.

        Raises:
            DeclarationError: a type cannot be described, the function does not fit, or the name is taken.
        """
        if not isinstance(name, str):
            raise DeclarationError(
                'Write @mcp.event("order.refunded", payload=...), with the name of the event'
            )
        from lambent.features.events import make_event  # servers without events never load it

        def register(function: F) -> F:
            event = make_event(
                name,
                function,
                payload,
                arguments=arguments,
                delivery=delivery,
                description=description,
                meta=meta,
                allow=allow,
                check=check,
                scopes=_scopes(scopes),
                poll_interval=poll_interval,
                retention=retention,
            )
            self._add(self._events, name, event, "event")
            return function

        return register

    def wrap_tools(self, middleware: Callable[..., Any]) -> None:
        """Put a function around every call of a tool; see ``Extension.tool_middleware``."""
        self._not_frozen("middleware of tools")
        self._tool_middleware.append(middleware)

    def freeze(self) -> Catalog:
        """Give the declarations, which cannot change from here on: hosts serve them as they are now."""
        if self._catalog is None:
            resources = self._resources
            fixed = {uri: item for uri, item in resources.items() if item.template is None}
            catalog = msgspec.structs.replace(
                self._empty,
                tools=MappingProxyType(self._tools),
                resources=MappingProxyType(fixed),
                templates=tuple(item for item in resources.values() if item.template is not None),
                prompts=MappingProxyType(self._prompts),
                completer=self._completer,
                methods=MappingProxyType(self._methods),
                tool_middleware=tuple(self._tool_middleware),
            )
            if self._shelves:
                from lambent.features.skills.declaring import with_skills  # loaded where there are some

                catalog = with_skills(catalog, self._shelves)
            if self._events:
                if own := next((method for method in self._methods if method.startswith("events/")), None):
                    raise DeclarationError(f"The method {own!r} is the server's own already: it has events")
                catalog = msgspec.structs.replace(catalog, events=MappingProxyType(self._events))
            if self._mounts:
                from lambent.features.mounts import with_mounts  # loaded where servers are mounted

                catalog = with_mounts(catalog, self._mounts)
            self._catalog = catalog
        return self._catalog

    def _add(self, registry: dict[str, Any], key: str, item: Any, kind: str) -> None:
        self._not_frozen(f"{kind} {key!r}")
        if key in registry:
            raise DeclarationError(f"There is a {kind} {key!r} already")
        try:
            msgspec.json.encode(item.definition)
        except (msgspec.MsgspecError, TypeError, ValueError) as error:
            from lambent.features.foreign import read_definition  # loaded where there is something amiss

            definition = read_definition(item.definition)
            if definition is not item.definition:
                self._add(registry, key, msgspec.structs.replace(item, definition=definition), kind)
                return
            text = f"annotations, icons and meta have to be those of lambent, or JSON: {error}"
            raise DeclarationError(f"{item.signature.name}: {text}") from None
        registry[key] = item

    def _not_frozen(self, what: str) -> None:
        if self._catalog is not None:
            raise DeclarationError(f"{what} comes too late: declare everything before making the handler")


def _scopes(scopes: Sequence[str]) -> tuple[str, ...]:
    if not scopes:
        return ()
    from lambent.auth.oauth import check_scopes  # loaded where there are scopes

    check_scopes(scopes)
    return tuple(scopes)


def _not_bare(name: Any, kind: str) -> None:
    if callable(name):
        raise DeclarationError(f"Write @mcp.{kind}() with parentheses")
    if name is not None and not isinstance(name, str):
        raise DeclarationError(f"The name of a {kind} is text, not {name!r}")
