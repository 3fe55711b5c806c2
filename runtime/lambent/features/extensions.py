"""Extensions: what a server offers beyond the protocol, as one bundle with an identifier (SEP-2133)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from lambent.errors import DeclarationError

if TYPE_CHECKING:
    from lambent.features.declarations import Declarations

F = TypeVar("F", bound=Callable[..., Any])


_LABEL = r"[A-Za-z]([A-Za-z0-9-]*[A-Za-z0-9])?"
_IDENTIFIER = rf"{_LABEL}(\.{_LABEL})*/[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?"


class Bundle(Protocol):
    """What ``MCPServer(extensions=[...])`` takes: an ``Extension``, or anything that does the same."""

    identifier: str

    def settings(self) -> Mapping[str, Any]:
        """What clients are told of it, which may be nothing."""

    def declare(self, server: Declarations) -> None:
        """Add what it contributes to a server's declarations."""


class Extension:
    """Tools, resources, prompts and methods that belong together, for ``MCPServer(extensions=[...])``.

    Declare them with decorators, as on a server, and give the extension to any number of servers then.
    Clients find its settings under its identifier in the server's capabilities.

    Args:
        identifier: in reverse DNS format, such as ``com.example/search``.
        settings: what clients are told of it.
    """

    def __init__(self, identifier: str, settings: Mapping[str, Any] | None = None) -> None:
        self.identifier = identifier
        self._settings = dict(settings or {})
        self._contributions: list[Callable[[Declarations], object]] = []
        self._is_used = False

    def settings(self) -> Mapping[str, Any]:
        """What clients are told of it."""
        return self._settings

    def tool(self, name: str | None = None, **options: Any) -> Callable[[F], F]:
        """Contribute a tool; the arguments are those of ``MCPServer.tool``."""
        return self._contribute(lambda server: server.tool(name, **options))

    def resource(self, uri: str, **options: Any) -> Callable[[F], F]:
        """Contribute a resource; the arguments are those of ``MCPServer.resource``."""
        return self._contribute(lambda server: server.resource(uri, **options))

    def prompt(self, name: str | None = None, **options: Any) -> Callable[[F], F]:
        """Contribute a prompt; the arguments are those of ``MCPServer.prompt``."""
        return self._contribute(lambda server: server.prompt(name, **options))

    def method(self, name: str, *, for_everybody: bool = False, **options: Any) -> Callable[[F], F]:
        """Contribute a method; the other arguments are those of ``MCPServer.method``.

        A client has to declare the extension in its capabilities to call it.

        Args:
            name: as requests have it, such as ``com.example/search``.
            for_everybody: other clients may call it too.
            options: see ``MCPServer.method``.
        """
        extension = None if for_everybody else self.identifier
        return self._contribute(lambda server: server.method(name, extension=extension, **options))

    def tool_middleware(self, function: F) -> F:
        """Put a function around every call of a tool of the server, behind its own middleware.

        It has the shape of middleware. It runs when the caller has been identified and has the scopes that
        the tool needs, and those of several extensions wrap each other in the order of the extensions.
        """
        self._add(lambda server: server.wrap_tools(function))
        return function

    def declare(self, server: Declarations) -> None:
        """Add what it contributes to a server's declarations, as ``MCPServer(extensions=[...])`` does.

        Raises:
            DeclarationError: a contribution cannot work, or has the name of another one.
        """
        self._is_used = True
        for contribute in self._contributions:
            contribute(server)

    def _contribute(self, decorator: Callable[[Declarations], Callable[[F], F]]) -> Callable[[F], F]:
        def register(function: F) -> F:
            self._add(lambda server: decorator(server)(function))
            return function

        return register

    def _add(self, contribute: Callable[[Declarations], object]) -> None:
        if self._is_used:
            raise DeclarationError(f"{self.identifier} has a server already: declare what it has before that")
        self._contributions.append(contribute)


def read_extensions(
    given: Mapping[str, dict[str, Any]] | Sequence[Bundle],
) -> tuple[dict[str, dict[str, Any]], Sequence[Bundle]]:
    """What ``MCPServer(extensions=...)`` was given: the settings by identifier, and what contributes.

    Raises:
        DeclarationError: something is no extension, or two have one identifier.
    """
    if isinstance(given, Mapping):
        for identifier in given:
            check_identifier(identifier)
        return dict(given), ()
    settings: dict[str, dict[str, Any]] = {}
    for bundle in given:
        if isinstance(bundle, type) or not hasattr(bundle, "declare"):
            made = "lambent.Extension or lambent.compat.Extension"
            raise DeclarationError(f"{bundle!r} is no extension: give objects of {made}")
        check_identifier(getattr(bundle, "identifier", None))
        if bundle.identifier in settings:
            raise DeclarationError(f"Two extensions have one identifier: {bundle.identifier}")
        settings[bundle.identifier] = dict(bundle.settings())
    return settings, tuple(given)


def check_identifier(identifier: Any) -> None:
    """Refuse an identifier that is not in reverse DNS format.

    Raises:
        DeclarationError: it is not.
    """
    if not isinstance(identifier, str) or re.fullmatch(_IDENTIFIER, identifier) is None:
        raise DeclarationError(f"{identifier!r} is no extension identifier: write vendor.example/name")
