"""Declaring features with the decorators and methods of FastMCP."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence, Set
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from lambent.compat.fastmcp import features
from lambent.compat.fastmcp.arguments import (
    described,
    in_words,
    named,
    native_template,
    policy_of,
    refuse_app,
    scopes_of,
    secured,
    tool_options,
    version_of,
)
from lambent.compat.fastmcp.objects import Component
from lambent.compat.fastmcp.visibility import Visibility, tags_meta
from lambent.errors import DeclarationError
from lambent.features.declarations import Declarations
from lambent.features.signature import Definition
from lambent.wire.values import Annotations, Icon, ToolAnnotations

if TYPE_CHECKING:
    from lambent.features.signature import Signature

F = TypeVar("F", bound=Callable[..., Any])

_log = logging.getLogger("lambent.compat")


class Declaring(Declarations):
    """The part of ``FastMCP`` that declares features."""

    _on_duplicate: str
    _masks_errors: bool
    _visibility: Visibility
    _serializer: Callable[[Any], str] | None = None
    _resource_security: Any = ...

    def tool(  # type: ignore[override]
        self,
        name_or_fn: Any = None,
        *,
        name: str | None = None,
        version: str | int | None = None,
        title: str | None = None,
        description: str | None = None,
        icons: Sequence[Icon] | None = None,
        tags: Set[str] | None = None,
        output_schema: Any = ...,
        annotations: ToolAnnotations | dict[str, Any] | None = None,
        meta: dict[str, Any] | None = None,
        task: Any = None,
        timeout: float | None = None,
        auth: Any = None,
        run_in_thread: bool | None = None,
        enabled: bool = True,
        exclude_args: Sequence[str] | None = None,
        serializer: Callable[[Any], str] | None = None,
        **options: Any,
    ) -> Any:
        """Declare a function as a tool, as a decorator with or without parentheses, or directly.

        Args:
            name_or_fn: the function, or the name.
            name: default: the function's name.
            version: of several tools of one name the one with the highest version is served.
            title: the name for people; default: the name in words.
            description: default: what the docstring says before its sections.
            icons: images for user interfaces.
            tags: for ``enable`` and ``disable``, and in ``_meta`` of the definition.
            output_schema: of structured results; None: there are none; default: by the return type.
            annotations: hints on what it does.
            meta: ``_meta`` of the definition.
            task: True, or how calls may become tasks.
            timeout: seconds that a call may take.
            auth: made by ``require_scopes``.
            run_in_thread: False: a plain function runs where the host runs calls; default: where anyio is in
                use, on one of its worker threads.
            enabled: False: clients are not told of it, unless ``enable`` says so.
            exclude_args: parameters that no client is told of; their defaults count.
            serializer: makes the text of a result.
            options: further arguments of ``lambent.MCPServer.tool``, such as ``idempotency``.

        Raises:
            DeclarationError: the signature cannot work, or an argument cannot have an effect here.
        """
        if isinstance(name_or_fn, Component):
            return name_or_fn.add_to(self)
        given, name = _function_of(name_or_fn, name)
        scopes = (*scopes_of(auth), *options.pop("scopes", ()))
        serializer = serializer or self._serializer
        policy, kept, input_schema = policy_of(task), *tool_options(options)
        if isinstance(annotations, dict):
            annotations = msgspec.convert(annotations, ToolAnnotations)
        if isinstance(output_schema, dict) and output_schema.get("type", "object") != "object":
            raise DeclarationError(f"output_schema has to be that of an object, not {output_schema}")

        def register(function: F) -> F:
            codec: Any = None
            wraps = False

            def converter(signature: Signature) -> Callable[[Any], Any]:
                nonlocal codec, wraps
                codec, wraps, convert = features.tool_results(signature, output_schema, serializer)
                return convert

            known = name or named(function)
            keeps = policy is not None or kept.get("idempotency") is not None
            read = features.read(
                function,
                self._injected,
                known,
                converter=converter,
                failed=features.tool_failed(known, masked=self._masks_errors, keeps=keeps),
                timeout=timeout,
                in_thread=run_in_thread is not False,
                left_out=frozenset(exclude_args or ()),
            )
            shown = getattr(annotations, "title", None)
            definition = Definition(
                name=known,
                title=title or shown or in_words(known),
                description=description or read.description,
                input_schema=input_schema,
                annotations=annotations,
                icons=icons,
                meta=tags_meta(meta, tags, version),
            )
            declared = features.DeclaredTool(
                signature=read.signature,
                definition=definition,
                output=None,
                codec=codec,
                wraps_result=wraps,
                given_schema=output_schema if isinstance(output_schema, dict) else None,
                described_parameters=read.parameters,
                is_untitled=not (title or shown),
                task=policy,
                scopes=tuple(scopes),
                **kept,
            )
            self._declare(self._tools, known, declared, "tool", enabled=enabled)
            return function

        return register if given is None else register(given)

    def resource(
        self,
        uri: str,
        *,
        name: str | None = None,
        version: str | int | None = None,
        title: str | None = None,
        description: str | None = None,
        mime_type: str | None = None,
        icons: Sequence[Icon] | None = None,
        annotations: Annotations | dict[str, Any] | None = None,
        tags: Set[str] | None = None,
        meta: dict[str, Any] | None = None,
        auth: Any = None,
        security: Any = ...,
        enabled: bool = True,
        **options: Any,
    ) -> Callable[[F], F]:
        """Declare a function as a resource, or as a template where the URI has variables.

        Args:
            uri: a URI, or a template: ``{name}`` is one segment, ``{name*}`` any number of them, and
                ``{?first,second}`` members of the query.
            name: default: the function's name.
            version: see ``tool``.
            title: the name for people.
            description: default: what the docstring says before its sections.
            mime_type: the media type; default: ``text/plain``.
            icons: images for user interfaces.
            annotations: hints on how clients may use it.
            tags: see ``tool``.
            meta: ``_meta`` of the definition.
            auth: made by ``require_scopes``.
            security: which values of variables are refused; None: none; default: as the server says.
            enabled: see ``tool``.
            options: further arguments of ``lambent.MCPServer.resource``, such as ``cache``.

        Raises:
            DeclarationError: variables and parameters do not fit, or an argument cannot have an effect here.
        """
        if not isinstance(uri, str):
            raise DeclarationError('Write @mcp.resource("notes://today"), with the URI of the resource')
        from lambent.features.resources import make_resource

        refuse_app(options)
        if unknown := sorted(options.keys() - {"cache", "scopes"}):
            raise TypeError(f"resource() has no argument {', '.join(unknown)}")

        if isinstance(annotations, dict):
            annotations = msgspec.convert(annotations, Annotations)
        scopes = (*scopes_of(auth), *options.pop("scopes", ()))
        kind = mime_type or "text/plain"

        def register(function: F) -> F:
            known = name or named(function)
            read = features.read(
                function,
                self._injected,
                known,
                convert=features.read_contents(kind, meta),
                failed=features.reading_failed(f"Error reading resource {uri!r}", masked=self._masks_errors),
            )
            definition = Definition(
                name=known,
                title=title,
                description=description or read.description,
                mime_type=kind,
                annotations=annotations,
                icons=icons,
                meta=tags_meta(meta, tags, version),
            )
            signature = msgspec.structs.replace(read.signature, returns=Any)
            made = make_resource(
                native_template(uri), signature, definition, options.get("cache"), tuple(scopes)
            )
            if made.template is not None:
                made = msgspec.structs.replace(
                    made,
                    definition=msgspec.structs.replace(made.definition, uri_template=uri),
                    template=secured(made.template, self._resource_security if security is ... else security),
                )
            self._declare(self._resources, made.uri, made, "resource", enabled=enabled)
            return function

        return register

    def prompt(  # type: ignore[override]
        self,
        name_or_fn: Any = None,
        *,
        name: str | None = None,
        version: str | int | None = None,
        title: str | None = None,
        description: str | None = None,
        icons: Sequence[Icon] | None = None,
        tags: Set[str] | None = None,
        meta: dict[str, Any] | None = None,
        auth: Any = None,
        enabled: bool = True,
        **options: Any,
    ) -> Any:
        """Declare a function as a prompt; the arguments are those of ``tool``.

        Raises:
            DeclarationError: the signature cannot work.
        """
        if isinstance(name_or_fn, Component):
            return name_or_fn.add_to(self)
        given, name = _function_of(name_or_fn, name)
        from lambent.features.prompts import Prompt as NativePrompt
        from lambent.features.prompts import arguments_of

        scopes = (*scopes_of(auth), *options.pop("scopes", ()))
        if options:
            raise TypeError(f"prompt() has no argument {', '.join(options)}")

        def register(function: F) -> F:
            known = name or named(function)
            failed = features.reading_failed(f"Error rendering prompt {known!r}", masked=self._masks_errors)
            convert = features.read_messages(description, meta, lambda: said)
            read = features.read(function, self._injected, known, convert=convert, failed=failed)
            said = description or read.description
            arguments = [
                described(one, read.parameters, read.signature) for one in arguments_of(read.signature) or ()
            ]
            definition = Definition(
                name=known,
                title=title,
                description=said,
                arguments=arguments or None,
                icons=icons,
                meta=tags_meta(meta, tags, version),
            )
            made = NativePrompt(read.signature, definition, tuple(scopes))
            self._declare(self._prompts, known, made, "prompt", enabled=enabled)
            return function

        return register if given is None else register(given)

    def _declare(self, registry: dict[str, Any], key: str, item: Any, kind: str, *, enabled: bool) -> None:
        self._not_frozen(f"{kind} {key!r}")
        before = registry.get(key)
        if before is not None:
            if (version := version_of(item)) != version_of(before):
                if version < version_of(before):
                    return
            elif self._on_duplicate == "error":
                raise ValueError(f"There is a {kind} {key!r} already")
            elif self._on_duplicate == "ignore":
                return
            elif self._on_duplicate == "warn":
                _log.warning("There is a %s %r already, which this one replaces", kind, key)
            del registry[key]
        if not enabled:
            self._visibility.change(False, names={item.definition.name}, components={kind})
        self._add(registry, key, item, kind)


def _function_of(name_or_fn: Any, name: str | None) -> tuple[Any, str | None]:
    """What a decorator was given at once, and the name: a function where it has no parentheses, else None."""
    if name_or_fn is None or isinstance(name_or_fn, str):
        return None, name or name_or_fn
    return name_or_fn, name
