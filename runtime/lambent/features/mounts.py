"""Servers within a server: the features of mounted servers, under names of the server around them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from msgspec.structs import replace

from lambent.errors import DeclarationError
from lambent.features.catalog import DEFAULT_HINTS, Catalog
from lambent.features.limits import RateLimit
from lambent.features.signature import Signature
from lambent.features.tools import Tool
from lambent.wire.values import PromptReference, ResourceTemplateReference

if TYPE_CHECKING:
    from lambent.features.events import EventType
    from lambent.features.methods import CustomMethod
    from lambent.features.prompts import Prompt
    from lambent.features.resources import Resource
    from lambent.features.sources import SourceFunction

F = TypeVar("F", "Tool", "Prompt", "Resource")

_PREFIX = r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?"
_READ = "resources/read"


class Inner(msgspec.Struct, frozen=True):
    """What a mounted server has declared, frozen.

    Attributes:
        catalog: its features; they may come from servers that are mounted in it.
        middleware: around its calls, within that of the server around it.
        observers: see ``middleware``.
        rate: how often one caller may call its tools, counted together.
        context: makes the contexts of its handlers; None: as usual.
    """

    catalog: Catalog
    middleware: tuple[Callable[..., Any], ...] = ()
    observers: tuple[Callable[..., Any], ...] = ()
    rate: RateLimit | None = None
    context: Callable[..., Any] | None = None


class Mount(msgspec.Struct, frozen=True):
    """A server and where it is mounted.

    Attributes:
        freeze: gives what the server has declared, which cannot change from here on.
        prefix: in front of its names; empty for the names as they are.
        tool_names: other names of its tools, in front of which the prefix stands too.
        keeps_first: of several features of one name the first one is served, and that is no error.
    """

    freeze: Callable[[], Inner]
    prefix: str
    tool_names: Mapping[str, str]
    keeps_first: bool = False


class Home(msgspec.Struct, frozen=True):
    """A mounted server, as one of its features knows it.

    Attributes:
        server: what it declares.
        name: of the feature there: the name of a tool or prompt, the URI of a resource or template.
        prefixes: those in front of its names, outermost first.
    """

    server: Inner
    name: str
    prefixes: tuple[str, ...]

    def inward(self, uri: str) -> str:
        """A URI of the outermost server as this one knows it."""
        for prefix in self.prefixes:
            uri = plain_uri(prefix, uri)
        return uri

    def outward_name(self, name: str) -> str:
        """A name of this server, such as of a prompt or an event, as clients know it."""
        for prefix in reversed(self.prefixes):
            name = prefixed_name(prefix, name)
        return name

    def outward(self, uri: str) -> str:
        """A URI of this server as clients know it."""
        for prefix in reversed(self.prefixes):
            uri = prefixed_uri(prefix, uri)
        return uri


def check_prefix(prefix: str | None) -> str:
    """A prefix that names of tools and URIs can begin with, or nothing.

    Raises:
        DeclarationError: it has characters that they cannot have.
    """
    import re  # loaded where servers are mounted

    if prefix and re.fullmatch(_PREFIX, prefix) is None:
        raise DeclarationError(
            f"{prefix!r} cannot be a prefix: write letters and digits, with '_', '-' and '.' between them"
        )
    return prefix or ""


def prefixed_name(prefix: str, name: str) -> str:
    """The name of a mounted tool or prompt."""
    return f"{prefix}_{name}" if prefix else name


def prefixed_uri(prefix: str, uri: str) -> str:
    """The URI of a mounted resource or template: the prefix is the first segment behind ``://``.

    A URI without ``://`` has no such place, and stays as it is.
    """
    scheme, separator, rest = uri.partition("://")
    return f"{scheme}://{prefix}/{rest}" if prefix and separator and ":" not in scheme else uri


def plain_uri(prefix: str, uri: str) -> str:
    """What ``prefixed_uri`` has made a URI of; clients may have changed the case of the prefix."""
    scheme, separator, rest = uri.partition("://")
    length = len(prefix) + 1
    is_prefixed = prefix and separator and rest[:length].lower() == f"{prefix}/".lower()
    return f"{scheme}://{rest[length:]}" if is_prefixed else uri


def with_mounts(own: Catalog, mounts: Sequence[Mount]) -> Catalog:
    """A server's declarations with those of the servers that are mounted in it, in their order.

    Name, version, instructions, card and the hints of lists are the server's own.

    Raises:
        DeclarationError: two features have one name, or an extension has two settings.
    """
    tools, prompts = dict(own.tools), dict(own.prompts)
    resources, templates = dict(own.resources), {one.uri: one for one in own.templates}
    methods, wraps_tools, skills = dict(own.methods), False, own.skills
    events, sources = dict(own.events), own.sources
    extensions, hides_forbidden = dict(own.extensions), own.hides_forbidden
    routes: dict[tuple[str, str], tuple[Callable[..., Any], str]] = {}
    for mount in mounts:
        inner = mount.freeze()
        mounting = _Mounting(mount, inner)
        catalog = inner.catalog
        mounting.add("tool", tools, {one.name: one for one in map(mounting.tool, catalog.tools.values())})
        moved = list(map(mounting.prompt, catalog.prompts.values()))
        mounting.add("prompt", prompts, {one.signature.name: one for one in moved})
        for found, kind in ((resources, catalog.resources.values()), (templates, catalog.templates)):
            mounting.add("resource", found, {one.uri: one for one in map(mounting.resource, kind)})
        if catalog.events:
            mounting.add(
                "event", events, {one.name: one for one in map(mounting.event, catalog.events.values())}
            )
        sources += tuple(map(mounting.source, catalog.sources))
        for name, method in catalog.methods.items():
            if name in methods:
                raise DeclarationError(
                    f"There is a method {name!r} already, besides that of {catalog.info.name!r}"
                )
            methods[name] = mounting.method(method)
        for identifier, settings in catalog.extensions.items():
            if extensions.setdefault(identifier, settings) != settings:
                raise DeclarationError(
                    f"The extension {identifier} has other settings on {catalog.info.name!r}, mounted here"
                )
        skills += tuple(
            replace(one, prefix="/".join(filter(None, (mount.prefix, one.prefix)))) for one in catalog.skills
        )
        wraps_tools = wraps_tools or bool(catalog.tool_middleware) or catalog.mounts_wrap_tools
        hides_forbidden = hides_forbidden or catalog.hides_forbidden
        if catalog.completer is not None:
            routes |= mounting.routes(catalog.completer)
    if skills:
        from lambent.features.skills.declaring import TEMPLATE  # loaded where there are some

        if TEMPLATE in templates:
            templates[TEMPLATE] = templates.pop(
                TEMPLATE
            )  # behind those with a prefix, whose URIs it fits too
    completer = own.completer
    if routes:
        completer = functools.partial(_complete, own.completer, routes)
    return replace(
        own,
        tools=MappingProxyType(tools),
        prompts=MappingProxyType(prompts),
        resources=MappingProxyType(resources),
        templates=tuple(templates.values()),
        methods=MappingProxyType(methods),
        events=MappingProxyType(events),
        sources=sources,
        mounts_wrap_tools=wraps_tools,
        extensions=MappingProxyType(extensions),
        completer=completer,
        hides_forbidden=hides_forbidden,
        skills=skills,
    )


class _Mounting:
    """Gives the features of one mounted server their names here."""

    def __init__(self, mount: Mount, inner: Inner) -> None:
        self._prefix = mount.prefix
        self._tool_names = mount.tool_names
        self._keeps_first = mount.keeps_first
        self._inner = inner
        if unknown := ", ".join(sorted(set(mount.tool_names) - set(inner.catalog.tools))):
            raise DeclarationError(
                f"tool_names has what is no tool of {inner.catalog.info.name!r}: {unknown}"
            )

    def add(self, kind: str, registry: dict[str, Any], moved: Mapping[str, Any]) -> None:
        for name, feature in moved.items():
            if name in registry and self._keeps_first:
                continue
            if name in registry:
                server = self._inner.catalog.info.name
                advice = "mount it under another prefix" if self._prefix else "mount it under a prefix"
                raise DeclarationError(
                    f"There is a {kind} {name!r} already, besides that of {server!r}: {advice}"
                )
            registry[name] = feature

    def tool(self, tool: Tool) -> Tool:
        name = prefixed_name(self._prefix, self._tool_names.get(tool.name, tool.name))
        limit, limited_as = tool.limit, tool.limited_as
        if limited_as:
            limited_as = prefixed_name(self._prefix, limited_as)
        elif limit is None and self._inner.rate is not None:
            limit, limited_as = self._inner.rate, f"{self._prefix or self._inner.catalog.info.name}_*"
        return replace(
            tool,
            signature=self._signature(tool.signature, name, tool.name),
            definition=tool.defined_as(name),
            limit=limit,
            limited_as=limited_as,
        )

    def prompt(self, prompt: Prompt) -> Prompt:
        name = prefixed_name(self._prefix, prompt.signature.name)
        signature = self._signature(prompt.signature, name, prompt.signature.name)
        return replace(prompt, signature=signature, definition=replace(prompt.definition, name=name))

    def event(self, event: EventType) -> EventType:
        definition = replace(event.definition, name=prefixed_name(self._prefix, event.name))
        return replace(event, definition=definition)

    def source(self, source: SourceFunction) -> SourceFunction:
        emits = {own: prefixed_name(self._prefix, name) for own, name in source.emits.items()}
        return replace(source, emits=emits, owner=source.owner or self._inner.catalog)

    def method(self, method: CustomMethod) -> CustomMethod:
        return replace(method, signature=self._signature(method.signature, method.name, method.name))

    def resource(self, resource: Resource) -> Resource:
        from lambent.features.uris import normalize_uri  # loaded where there are resources

        definition, template = resource.definition, resource.template
        hint = self._inner.catalog.hints[_READ]
        cache = resource.cache or (None if hint == DEFAULT_HINTS[_READ] else hint)
        name = resource.signature.name
        if template is None:
            uri = prefixed_uri(self._prefix, definition.uri or resource.uri)
            signature = self._signature(resource.signature, name, resource.uri)
            moved = replace(definition, uri=uri)
            return replace(
                resource, uri=normalize_uri(uri), signature=signature, definition=moved, cache=cache
            )
        uri = prefixed_uri(self._prefix, resource.uri)
        return replace(
            resource,
            uri=uri,
            template=template.renamed(uri),
            signature=self._signature(resource.signature, name, resource.uri),
            definition=replace(
                definition, uri_template=prefixed_uri(self._prefix, definition.uri_template or resource.uri)
            ),
            cache=cache,
        )

    def routes(self, completer: Callable[..., Any]) -> dict[tuple[str, str], tuple[Callable[..., Any], str]]:
        """Which references the server's completer answers, and what it calls them."""
        catalog = self._inner.catalog
        prompts = {
            ("prompt", prefixed_name(self._prefix, name)): (completer, name) for name in catalog.prompts
        }
        uris = [one.uri for one in catalog.templates]
        return prompts | {("uri", prefixed_uri(self._prefix, uri)): (completer, uri) for uri in uris}

    def _signature(self, signature: Signature, name: str, inner_name: str) -> Signature:
        within = [replace(home, prefixes=(self._prefix, *home.prefixes)) for home in signature.homes]
        home = Home(self._inner, inner_name, (self._prefix,))
        return replace(signature, name=name, homes=(home, *within))


def _complete(
    own: Callable[..., Any] | None,
    routes: Mapping[tuple[str, str], tuple[Callable[..., Any], str]],
    ref: PromptReference | ResourceTemplateReference,
    argument: Any,
    context: Any,
) -> Any:
    """Complete by the completer of the server that has declared what is referred to."""
    if isinstance(ref, PromptReference):
        completer, name = routes.get(("prompt", ref.name), (own, ref.name))
        ref = replace(ref, name=name)
    else:
        completer, uri = routes.get(("uri", ref.uri), (own, ref.uri))
        ref = replace(ref, uri=uri)
    return None if completer is None else completer(ref, argument, context)
