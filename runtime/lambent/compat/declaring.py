"""Declaring and removing features with the methods of the official SDK."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from lambent.compat.threads import on_worker_thread
from lambent.errors import ToolError
from lambent.features.declarations import Declarations
from lambent.features.functions import name_of

if TYPE_CHECKING:
    from lambent.compat.settings import ServerSettings
    from lambent.wire.values import Annotations, Icon, ToolAnnotations

F = TypeVar("F", bound=Callable[..., Any])


class Declaring(Declarations):
    """The part of ``MCPServer`` that declares features: the first one of a name stays, with a warning."""

    settings: ServerSettings
    _resource_security: Any
    _functions: dict[str, Callable[..., Any]]
    _log = logging.getLogger("lambent.compat")

    def tool(
        self,
        name: str | None = None,
        title: str | None = None,
        description: str | None = None,
        annotations: ToolAnnotations | None = None,
        icons: Sequence[Icon] | None = None,
        meta: dict[str, Any] | None = None,
        structured_output: bool | None = None,
        **options: Any,
    ) -> Callable[[F], F]:
        """Register a function as a tool; further options are those of ``lambent.MCPServer.tool``.

        Raises:
            TypeError: it is written without parentheses.
            DeclarationError: the signature cannot work.
        """
        _not_bare(name, "tool", "")
        register = super().tool(
            name, title, description, annotations, icons, meta, structured_output, **options
        )

        def add(function: F) -> F:
            known = name or name_of(function)
            if self._is_taken(self._tools, known, "tool", self.settings.warn_on_duplicate_tools):
                return function
            if known == "<lambda>":
                raise ValueError("A lambda has no name: write name=")
            register(function)
            self._functions[known] = function
            return function

        return add

    def resource(
        self,
        uri: str,
        *,
        name: str | None = None,
        title: str | None = None,
        description: str | None = None,
        mime_type: str | None = None,
        icons: Sequence[Icon] | None = None,
        annotations: Annotations | None = None,
        meta: dict[str, Any] | None = None,
        security: Any = None,
        **options: Any,
    ) -> Callable[[F], F]:
        """Register a function as a resource, or as a template.

        Args:
            uri: a URI, or a template.
            name: default: the function's name.
            title: the name for people.
            description: default: the docstring.
            mime_type: the media type.
            icons: images for user interfaces.
            annotations: hints on how clients may use it.
            meta: ``_meta`` of the definition.
            security: which values of variables are refused; default: as the server says.
            options: further arguments of ``lambent.MCPServer.resource``.

        Raises:
            TypeError: it is written without parentheses.
            DeclarationError: variables and parameters do not fit.
        """
        _not_bare(uri, "resource", '"notes://today"')
        register = super().resource(
            uri,
            name=name,
            title=title,
            description=description,
            mime_type=mime_type,
            icons=icons,
            annotations=annotations,
            meta=meta,
            **options,
        )

        def add(function: F) -> F:
            if self._is_taken(self._resources, uri, "resource", self.settings.warn_on_duplicate_resources):
                return function
            register(function)
            policy = security or self._resource_security
            if policy is not None and "{" in uri:
                from lambent.compat.paths import SecuredTemplate  # loaded where there is a policy

                template = SecuredTemplate(uri, policy)
                self._resources[uri] = msgspec.structs.replace(self._resources[uri], template=template)
            return function

        return add

    def prompt(
        self,
        name: str | None = None,
        title: str | None = None,
        description: str | None = None,
        icons: Sequence[Icon] | None = None,
        **options: Any,
    ) -> Callable[[F], F]:
        """Register a function as a prompt; further options are those of ``lambent.MCPServer.prompt``.

        Raises:
            TypeError: it is written without parentheses.
            DeclarationError: the signature cannot work.
        """
        _not_bare(name, "prompt", "")
        register = super().prompt(name, title, description, icons, **options)

        def add(function: F) -> F:
            known = name or name_of(function)
            if self._is_taken(self._prompts, known, "prompt", self.settings.warn_on_duplicate_prompts):
                return function
            return register(function)

        return add

    def completion(self, misplaced: None = None, /) -> Callable[[F], F]:
        """Register the function that completes arguments; the last one counts."""
        _not_bare(misplaced, "completion", "")
        register = super().completion()

        def add(function: F) -> F:
            self._not_frozen("completion")
            self._completer = None
            return register(function)

        return add

    def add_tool(self, fn: Any, *arguments: Any, **options: Any) -> None:
        """Register a function as a tool; the other arguments are those of ``tool``."""
        from lambent.compat.objects import Tool  # loaded where features are objects

        if isinstance(fn, Tool):
            fn.add_to(self)
        else:
            self.tool(*arguments, **options)(fn)

    def add_resource(self, resource: Any) -> None:
        """Register a resource, such as a ``TextResource``."""
        resource.add_to(self)

    def add_prompt(self, prompt: Any) -> None:
        """Register a prompt, made by ``Prompt.from_function``."""
        prompt.add_to(self)

    def remove_tool(self, name: str) -> None:
        """Take back a tool.

        Raises:
            ToolError: there is none of that name.
            TooLateError: requests are answered.
        """
        self._remove(self._tools, name, "tool", ToolError)

    def remove_resource(self, uri: str) -> None:
        """Take back a resource or a template.

        Raises:
            ValueError: there is none of that URI.
            TooLateError: requests are answered.
        """
        self._remove(self._resources, str(uri), "resource", ValueError)

    def remove_prompt(self, name: str) -> None:
        """Take back a prompt.

        Raises:
            ValueError: there is none of that name.
            TooLateError: requests are answered.
        """
        self._remove(self._prompts, name, "prompt", ValueError)

    def _remove(self, registry: dict[str, Any], key: str, kind: str, error: type[Exception]) -> None:
        self._not_frozen(f"Removing the {kind} {key!r}")
        if registry.pop(key, None) is None:
            raise error(f"Unknown {kind}: {key}")

    def _is_taken(self, registry: dict[str, Any], key: str, kind: str, warns: bool) -> bool:
        """Whether there is a feature of that name, which stays; a server that is frozen takes none at all."""
        self._not_frozen(f"{kind} {key!r}")
        if key not in registry:
            return False
        if warns:
            self._log.warning("There is a %s %r already, so this one is ignored", kind, key)
        return True

    def _add(self, registry: dict[str, Any], key: str, item: Any, kind: str) -> None:
        """See ``Declarations._add``; the feature's function runs where it can call ``anyio.from_thread``."""
        replace, signature = msgspec.structs.replace, item.signature
        function = signature.function
        if kind == "resource":
            from lambent.compat.resource_errors import answering  # servers without resources never load it

            function = answering(function)
        function = on_worker_thread(function)
        super()._add(registry, key, replace(item, signature=replace(signature, function=function)), kind)


def _not_bare(given: Any, kind: str, argument: str) -> None:
    if callable(given):
        raise TypeError(f"Write @mcp.{kind}({argument}) with parentheses, not @mcp.{kind}")
