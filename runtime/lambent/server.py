"""``MCPServer``: where a server's features are declared and its hosts are made."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from lambent.errors import ConfigurationError, DeclarationError
from lambent.execution.context import INJECTED
from lambent.execution.middleware import Middleware
from lambent.features.catalog import DEFAULT_HINTS, Catalog
from lambent.features.completion import Completer, make_completer
from lambent.features.idempotency import Idempotency
from lambent.features.prompts import Prompt, PromptDefinition, arguments_of
from lambent.features.resources import Resource, ResourceDefinition, make_resource
from lambent.features.signature import read_signature
from lambent.features.tasks import TaskPolicy, policy_of
from lambent.features.tools import Tool, ToolDefinition, output_codec
from lambent.wire.values import Annotations, CacheHint, CardDetails, Icon, Implementation, ToolAnnotations

if TYPE_CHECKING:
    from fastapi import APIRouter

    from lambent.hosts.asgi import AsgiApp
    from lambent.hosts.aws_lambda import LambdaHandler
    from lambent.hosts.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])

_LABEL = r"[A-Za-z]([A-Za-z0-9-]*[A-Za-z0-9])?"
_EXTENSION = re.compile(rf"{_LABEL}(\.{_LABEL})*/[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")


class MCPServer:
    """An MCP server: declare its features with decorators, then make a host's entry point of it.

    Args:
        name: identifies the server.
        version: the server's own version.
        title: its name for people.
        description: what it is for, for people.
        instructions: how a model should use it.
        website_url: where to read more.
        icons: images for user interfaces.
        page_size: items on a page of a list.
        cache_hints: how long clients may keep what a method returns, by method; what is not named here has
            a sensible default (lists: a minute, public; ``resources/read``: not at all).
        extensions: settings of protocol extensions to advertise, by identifier.
        card: what the server card says besides what is declared anyway.
        middleware: ``(call, next) -> outcome`` functions around every call, outermost first.

    Raises:
        DeclarationError: a hint or an extension identifier is malformed.
    """

    def __init__(
        self,
        name: str,
        *,
        version: str = "0.0.0",
        title: str | None = None,
        description: str | None = None,
        instructions: str | None = None,
        website_url: str | None = None,
        icons: Sequence[Icon] | None = None,
        page_size: int = 100,
        cache_hints: Mapping[str, CacheHint] | None = None,
        extensions: Mapping[str, dict[str, Any]] | None = None,
        card: CardDetails | None = None,
        middleware: Sequence[Middleware] = (),
    ) -> None:
        self._info = Implementation(
            name=name,
            version=version,
            title=title,
            description=description,
            website_url=website_url,
            icons=list(icons) if icons else None,
        )
        self._instructions = instructions
        self._page_size = page_size
        self._hints = _hints(cache_hints or {})
        self._extensions = _extensions(extensions or {})
        self._card = card or CardDetails()
        self._middleware = tuple(middleware)
        self._tools: dict[str, Tool] = {}
        self._resources: dict[str, Resource] = {}
        self._prompts: dict[str, Prompt] = {}
        self._completer: Completer | None = None
        self._catalog: Catalog | None = None
        if page_size < 1:
            raise DeclarationError(f"page_size must be 1 or more, not {page_size}")

    @property
    def name(self) -> str:
        """The server's name."""
        return self._info.name

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
    ) -> Callable[[F], F]:
        """Register a function as a tool (server/tools).

        The input schema comes from its parameters, the output schema from its return type, the description
        from its docstring. The function itself is left as it is.

        Args:
            name: default: the function's name.
            title: the name for people.
            description: default: the docstring.
            annotations: hints on what it does.
            icons: images for user interfaces.
            meta: ``_meta`` of the definition.
            structured_output: False: text only; True: structured even where the return type is text.
            input_schema: advertised as it is, in place of the derived one. Arguments are still converted as
                the signature says; what else the schema demands, the function has to check.
            task: how its calls may become tasks; True: as ``TaskPolicy`` says by default.
            idempotency: how calls are known again, so that each takes effect once.
            single_use: a request state may complete a call once; a retry that presents it again is refused.

        Raises:
            DeclarationError: the signature cannot work, or the name is taken.
        """
        _not_bare(name, "tool")

        def register(function: F) -> F:
            signature = read_signature(function, INJECTED, name)
            definition = ToolDefinition(
                name=signature.name,
                title=title,
                description=description or signature.doc,
                input_schema=input_schema,
                annotations=annotations,
                icons=icons,
                meta=meta,
            )
            tool = Tool(
                signature=signature,
                definition=definition,
                output=output_codec(signature, structured_output),
                task=policy_of(task),
                idempotency=idempotency,
                single_use=single_use,
            )
            self._add(self._tools, tool.name, tool, "tool")
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
    ) -> Callable[[F], F]:
        """Register a function as a resource, or as a template where the URI has variables (server/resources).

        Args:
            uri: a URI, or an RFC 6570 template whose variables are the function's parameters.
            name: default: the function's name.
            title: the name for people.
            description: default: the docstring.
            mime_type: the media type; default: text, bytes or JSON, by what is returned.
            size: in bytes, if known.
            icons: images for user interfaces.
            annotations: hints on how clients may use it.
            meta: ``_meta`` of the definition.
            cache: how long clients may keep what they read.

        Raises:
            DeclarationError: variables and parameters do not fit, or the URI is taken.
        """

        def register(function: F) -> F:
            signature = read_signature(function, INJECTED, name)
            definition = ResourceDefinition(
                name=signature.name,
                title=title,
                description=description or signature.doc,
                mime_type=mime_type,
                size=size,
                annotations=annotations,
                icons=icons,
                meta=meta,
            )
            resource = make_resource(uri, signature, definition, cache)
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
    ) -> Callable[[F], F]:
        """Register a function as a prompt (server/prompts).

        Args:
            name: default: the function's name.
            title: the name for people.
            description: default: the docstring.
            icons: images for user interfaces.
            meta: ``_meta`` of the definition.

        Raises:
            DeclarationError: the signature cannot work, or the name is taken.
        """
        _not_bare(name, "prompt")

        def register(function: F) -> F:
            signature = read_signature(function, INJECTED, name)
            definition = PromptDefinition(
                name=signature.name,
                title=title,
                description=description or signature.doc,
                arguments=arguments_of(signature),
                icons=icons,
                meta=meta,
            )
            self._add(self._prompts, signature.name, Prompt(signature, definition), "prompt")
            return function

        return register

    def completion(self) -> Callable[[F], F]:
        """Register the function that completes arguments of prompts and templates.

        It is called with a reference, the argument being typed, and the arguments already settled, and
        returns a ``Completion``, a list of strings, or None.

        Raises:
            DeclarationError: there is one already, or it does not take three arguments.
        """

        def register(function: F) -> F:
            if self._completer is not None:
                raise DeclarationError("A server has one completion function, which sees every reference")
            self._not_frozen("completion")
            self._completer = make_completer(function)
            return function

        return register

    def lambda_handler(self, settings: Settings | None = None) -> LambdaHandler:
        """Make the function that Lambda calls. The server is frozen from here on.

        Args:
            settings: default: read from the environment.

        Raises:
            ConfigurationError: a setting cannot be used.
        """
        from lambent.hosts.assembly import lambda_handler
        from lambent.hosts.settings import Settings

        return lambda_handler(self.freeze(), self._middleware, settings or Settings.from_env())

    def asgi(self, settings: Settings | None = None) -> AsgiApp:
        """Make an ASGI application that streams as it goes. The server is frozen from here on.

        Mount it anywhere, it needs no lifespan; or give it to an ASGI server as it is. ``async def``
        features run on the server's event loop, plain ones on worker threads.

        Args:
            settings: default: read from the environment.

        Raises:
            ConfigurationError: a setting cannot be used.
        """
        from lambent.hosts.asgi import AsgiApp
        from lambent.hosts.assembly import live_engine
        from lambent.hosts.discovery import DiscoveryDocuments
        from lambent.hosts.settings import Settings

        settings, catalog = settings or Settings.from_env(), self.freeze()
        engine = live_engine(catalog, self._middleware, settings)
        return AsgiApp(engine, DiscoveryDocuments(catalog, settings), settings.body_limit)

    def fastapi_router(self, path: str = "/mcp", settings: Settings | None = None) -> APIRouter:
        """Make a FastAPI router with the MCP endpoint, shown on the OpenAPI page.

        Args:
            path: the path of the endpoint.
            settings: see ``asgi``.

        Raises:
            ConfigurationError: a setting cannot be used, or FastAPI is not installed.
        """
        try:
            from lambent.hosts.fastapi import make_router
        except ImportError as error:
            raise ConfigurationError("A router needs FastAPI: pip install 'lambent[fastapi]'") from error

        return make_router(self.asgi(settings), path, self._info.title or self.name)

    def run_stdio(self, settings: Settings | None = None) -> None:
        """Serve standard input and output until the input ends. The server is frozen from here on.

        Args:
            settings: default: read from the environment.

        Raises:
            ConfigurationError: a setting cannot be used.
        """
        from lambent.hosts.assembly import live_engine
        from lambent.hosts.settings import Settings
        from lambent.hosts.stdio import serve

        serve(live_engine(self.freeze(), self._middleware, settings or Settings.from_env()))

    def freeze(self) -> Catalog:
        """The declarations, which from here on cannot change: hosts serve them as they are now."""
        if self._catalog is None:
            self._catalog = Catalog(
                info=self._info,
                card=self._card,
                instructions=self._instructions,
                tools=MappingProxyType(dict(self._tools)),
                resources=MappingProxyType(
                    {uri: item for uri, item in self._resources.items() if item.template is None}
                ),
                templates=tuple(item for item in self._resources.values() if item.template is not None),
                prompts=MappingProxyType(dict(self._prompts)),
                completer=self._completer,
                extensions=MappingProxyType(self._extensions),
                hints=MappingProxyType(self._hints),
                page_size=self._page_size,
            )
        return self._catalog

    def _add(self, registry: dict[str, Any], key: str, item: Any, kind: str) -> None:
        self._not_frozen(f"{kind} {key!r}")
        if key in registry:
            raise DeclarationError(f"There is a {kind} {key!r} already")
        registry[key] = item

    def _not_frozen(self, what: str) -> None:
        if self._catalog is not None:
            raise DeclarationError(f"{what} comes too late: declare everything before making the handler")


def _not_bare(name: Any, kind: str) -> None:
    if callable(name):
        raise DeclarationError(f"Write @mcp.{kind}() with parentheses")


def _hints(given: Mapping[str, CacheHint]) -> dict[str, CacheHint]:
    if unknown := sorted(set(given) - set(DEFAULT_HINTS)):
        raise DeclarationError(f"No result of {', '.join(unknown)} can be cached")
    return {**DEFAULT_HINTS, **given}


def _extensions(given: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    for identifier in given:
        if not _EXTENSION.fullmatch(identifier):
            raise DeclarationError(f"{identifier!r} is no extension identifier: write vendor.example/name")
    return dict(given)
