"""MCP Apps of 2026-01-26: tools whose results hosts show in a page that the server brings."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import msgspec

from lambent.errors import DeclarationError
from lambent.features.extensions import Extension
from lambent.wire.values import Value

if TYPE_CHECKING:
    from lambent.features.declarations import Declarations

F = TypeVar("F", bound=Callable[..., Any])

EXTENSION_ID = "io.modelcontextprotocol/ui"
"""The identifier of the extension."""

APP_MIME_TYPE = "text/html;profile=mcp-app"
"""The media type of pages; hosts show no other one."""

Visibility = Literal["model", "app"]
"""Who may call a tool: the model, or pages of the same server."""

_SCHEME = "ui://"


class ResourceCsp(Value, frozen=True):
    """The origins that a page may use; the host allows no others (``McpUiResourceCsp``).

    Attributes:
        connect_domains: for requests, such as ``https://api.example.com``.
        resource_domains: for scripts, styles, images, fonts and media; ``https://*.example.com`` is possible.
        frame_domains: for frames within the page.
        base_uri_domains: for its ``base`` element.
    """

    connect_domains: list[str] | None = None
    resource_domains: list[str] | None = None
    frame_domains: list[str] | None = None
    base_uri_domains: list[str] | None = None


class ResourcePermissions(Value, frozen=True):
    """What a page asks the browser for; ``{}`` asks for it. The host may refuse, so the page has to look."""

    camera: dict[str, Any] | None = None
    microphone: dict[str, Any] | None = None
    geolocation: dict[str, Any] | None = None
    clipboard_write: dict[str, Any] | None = None


class Apps(Extension):
    """Tools and their pages, for ``MCPServer(extensions=[apps])``.

    A host that knows the extension shows the page in a frame and gives it the tool's result. For all others
    the tool is one like any other: it returns content that says everything by itself.
    """

    def __init__(self) -> None:
        super().__init__(EXTENSION_ID)
        self._pages: set[str] = set()
        self._bound: list[tuple[str, str]] = []

    def tool(
        self,
        name: str | None = None,
        *,
        resource_uri: str | None = None,
        visibility: Sequence[Visibility] | None = None,
        meta: dict[str, Any] | None = None,
        **options: Any,
    ) -> Callable[[F], F]:
        """Contribute a tool that has a page, or that pages call.

        Args:
            name: default: the function's name.
            resource_uri: of the page that shows its results, ``ui://…``, which this extension has too;
                default: none.
            visibility: who may call it; default: the model and pages. The host sees to it: the server lists
                the tool for everybody.
            meta: further members of ``_meta``.
            options: see ``MCPServer.tool``.

        Raises:
            DeclarationError: the URI is no ``ui://``, there is neither a URI nor a visibility, or ``meta``
                has a member ``ui``.
        """
        if resource_uri is not None:
            check_uri(resource_uri)
        elif visibility is None:
            raise DeclarationError("A tool of an app has a page or a visibility: give resource_uri=")
        unknown = set(visibility or ()) - {"model", "app"}
        if unknown or isinstance(visibility, str):
            raise DeclarationError('visibility is a list of "model" and "app"')
        ui: dict[str, Any] = {} if resource_uri is None else {"resourceUri": resource_uri}
        if visibility is not None:
            ui["visibility"] = list(visibility)
        contribute = super().tool(name, meta=_with_ui(meta, ui), **options)

        def register(function: F) -> F:
            if resource_uri is not None:
                self._bound.append((name or str(getattr(function, "__name__", "a tool")), resource_uri))
            return contribute(function)

        return register

    def resource(
        self,
        uri: str,
        *,
        csp: ResourceCsp | None = None,
        permissions: ResourcePermissions | None = None,
        domain: str | None = None,
        prefers_border: bool | None = None,
        meta: dict[str, Any] | None = None,
        **options: Any,
    ) -> Callable[[F], F]:
        """Contribute a page, by a function that returns its HTML.

        Args:
            uri: ``ui://…``, as tools name it.
            csp: the origins that it may use; default: none.
            permissions: what it asks the browser for; default: nothing.
            domain: an origin of its own, in the form that the host wants.
            prefers_border: whether it wants a border; default: as the host likes.
            meta: further members of ``_meta``.
            options: see ``MCPServer.resource``.

        Raises:
            DeclarationError: the URI is no ``ui://``, the media type is not that of pages, or ``meta`` has a
                member ``ui``.
        """
        check_uri(uri)
        if options.setdefault("mime_type", APP_MIME_TYPE) != APP_MIME_TYPE:
            raise DeclarationError(f"{uri}: hosts show pages with the media type {APP_MIME_TYPE} alone")
        given = {"csp": csp, "permissions": permissions, "domain": domain, "prefersBorder": prefers_border}
        ui = {name: msgspec.to_builtins(value) for name, value in given.items() if value is not None}
        self._pages.add(uri)
        return super().resource(uri, meta=_with_ui(meta, ui) if ui else meta, **options)

    def add_html_resource(
        self, uri: str, html: str | os.PathLike[str], *, name: str | None = None, **options: Any
    ) -> None:
        """Contribute a page that is always the same.

        Args:
            uri: see ``resource``.
            html: the page, or the path of its file, which is read for each request.
            name: default: the URI.
            options: see ``resource``.
        """

        def page() -> str:
            if isinstance(html, str):
                return html
            with open(html, encoding="utf-8") as file:
                return file.read()

        options.setdefault("description", "")
        self.resource(uri, name=name or uri, **options)(page)

    def declare(self, server: Declarations) -> None:
        """See ``Extension.declare``.

        Raises:
            DeclarationError: a tool has a page that there is not.
        """
        for tool, uri in self._bound:
            if uri not in self._pages:
                text = f"{tool}: there is no page {uri}: add it with add_html_resource or resource"
                raise DeclarationError(text)
        super().declare(server)


def client_supports_apps(ctx: Any) -> bool:
    """Whether the client shows pages: it has declared the extension, and the media type of pages.

    Args:
        ctx: the context of the call.
    """
    capabilities = getattr(ctx, "client_capabilities", None)
    settings = (getattr(capabilities, "extensions", None) or {}).get(EXTENSION_ID)
    kinds = settings.get("mimeTypes") if isinstance(settings, dict) else None
    return isinstance(kinds, list) and APP_MIME_TYPE in kinds


def check_uri(uri: str) -> None:
    """Refuse a URI that is none of a page."""
    if not isinstance(uri, str) or not uri.startswith(_SCHEME):
        raise DeclarationError(f"The URI of a page begins with {_SCHEME}, and {uri!r} does not")


def _with_ui(meta: dict[str, Any] | None, ui: dict[str, Any]) -> dict[str, Any]:
    if meta and "ui" in meta:
        raise DeclarationError("_meta has a member ui already: say what is in it by the arguments")
    return {**(meta or {}), "ui": ui}
