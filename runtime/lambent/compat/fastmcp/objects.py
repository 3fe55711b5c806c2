"""Features as objects, and decorators that stand alone: made first, and given to a server afterwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from lambent.features.functions import name_of

if TYPE_CHECKING:
    from lambent.compat.fastmcp.declaring import Declaring

F = TypeVar("F", bound=Callable[..., Any])

MARK = "__fastmcp__"
"""The attribute of a function that says what a decorator that stands alone has made of it."""


class Component:
    """A function with the arguments of its decorator.

    Attributes:
        fn: the function.
        options: the arguments of the decorator.
    """

    kind: ClassVar[str] = ""

    def __init__(self, fn: Callable[..., Any], **options: Any) -> None:
        self.fn = fn
        self.options = {name: value for name, value in options.items() if value is not None}

    @classmethod
    def from_function(cls, fn: Callable[..., Any], **options: Any) -> Any:
        """Make one of a function; further arguments are those of the decorator."""
        return cls(fn, **options)

    @property
    def name(self) -> str:
        """Its name; default: the function's."""
        return str(self.options.get("name") or name_of(self.fn))

    def add_to(self, server: Declaring) -> None:
        """Declare it."""
        getattr(server, self.kind)(**self.options)(self.fn)


class Tool(Component):
    """A function that ``FastMCP(tools=…)`` and ``add_tool`` take."""

    kind = "tool"


FunctionTool = Tool


class Prompt(Component):
    """A function that ``add_prompt`` takes."""

    kind = "prompt"


FunctionPrompt = Prompt


class Resource(Component):
    """A function with a URI or a template, which ``add_resource`` takes."""

    kind = "resource"

    @property
    def uri(self) -> str:
        """Where it is read."""
        return str(self.options["uri"])

    @classmethod
    def from_function(cls, fn: Callable[..., Any], uri: Any = None, **options: Any) -> Resource:
        """Make one of a function; further arguments are those of the decorator."""
        uri = options.pop("uri_template", uri)
        return Resource(fn, uri=str(uri), **options)

    def add_to(self, server: Declaring) -> None:
        """Declare it."""
        server.resource(**self.options)(self.fn)


FunctionResource = ResourceTemplate = Resource


class TextResource(Resource):
    """A text."""

    def __init__(self, *, uri: Any, text: str, **options: Any) -> None:
        options = {"name": str(uri), **options}
        super().__init__(lambda: text, uri=str(uri), **options)


class BinaryResource(Resource):
    """Bytes."""

    def __init__(self, *, uri: Any, data: bytes, **options: Any) -> None:
        options = {"name": str(uri), **options}
        super().__init__(lambda: data, uri=str(uri), **options)


def component_of(value: Any, cls: type[Component]) -> Any:
    """The component that an object or a function is, whose decorator may have marked it."""
    if hasattr(value, "add_to"):
        return value
    marked = getattr(value, MARK, None)
    if marked is not None and marked[0] == cls.kind:
        return cls(value, **marked[1])
    return cls(value)


def tool(name_or_fn: Any = None, **options: Any) -> Any:
    """Mark a function as a tool, which ``add_tool`` declares; the arguments are those of ``FastMCP.tool``."""
    return _marking("tool", name_or_fn, options)


def prompt(name_or_fn: Any = None, **options: Any) -> Any:
    """Mark a function as a prompt, which ``add_prompt`` declares."""
    return _marking("prompt", name_or_fn, options)


def resource(uri: str, **options: Any) -> Callable[[F], F]:
    """Mark a function as a resource, which ``add_resource`` declares."""

    def mark(function: F) -> F:
        setattr(function, MARK, ("resource", {"uri": uri, **options}))
        return function

    return mark


def _marking(kind: str, name_or_fn: Any, options: dict[str, Any]) -> Any:
    def mark(function: F) -> F:
        setattr(function, MARK, (kind, options))
        return function

    if isinstance(name_or_fn, str):
        options["name"] = name_or_fn
    elif name_or_fn is not None:
        return mark(name_or_fn)
    return mark
