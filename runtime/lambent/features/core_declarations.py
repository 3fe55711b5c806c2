"""The decorators of a server for tools, resources, prompts and completion."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from lambent.errors import DeclarationError
from lambent.features.registry import Registry, read_scopes
from lambent.features.signature import Definition, read_signature
from lambent.features.tasks import TaskPolicy
from lambent.features.tool_names import is_tool_name
from lambent.features.tools import Tool, output_of
from lambent.wire.values import Annotations, CacheHint, Icon, ToolAnnotations

if TYPE_CHECKING:
    from lambent.features.idempotency import Idempotency
    from lambent.features.limits import RateLimit

F = TypeVar("F", bound=Callable[..., Any])


class CoreDeclarations(Registry):
    """Collects tools, resources, prompts and the completion function."""

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
                scopes=read_scopes(scopes),
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
            resource = make_resource(uri, signature, definition, cache, read_scopes(scopes))
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
            self._add(
                self._prompts, signature.name, Prompt(signature, definition, read_scopes(scopes)), "prompt"
            )
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


def _not_bare(name: Any, kind: str) -> None:
    if callable(name):
        raise DeclarationError(f"Write @mcp.{kind}() with parentheses")
    if name is not None and not isinstance(name, str):
        raise DeclarationError(f"The name of a {kind} is text, not {name!r}")
