"""Features as objects: made first, and given to a server afterwards."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import msgspec

from lambent.features.functions import doc_of, name_of

if TYPE_CHECKING:
    from lambent.compat.declaring import Declaring


class _OfFunction:
    """A function with the arguments of its decorator.

    Attributes:
        fn: the function.
        name: of the feature; default: the function's.
        options: the other arguments of the decorator.
    """

    kind: ClassVar[str]

    def __init__(self, fn: Callable[..., Any], name: str | None = None, **options: Any) -> None:
        self.fn = fn
        self.name = name or name_of(fn)
        self.options = options

    @classmethod
    def from_function(cls, fn: Callable[..., Any], name: str | None = None, **options: Any) -> Self:
        """Make one of a function; further arguments are those of the decorator."""
        options.pop("context_kwarg", None)  # the annotation says it
        return cls(fn, name, **options)

    def add_to(self, server: Declaring) -> None:
        """Register it."""
        getattr(server, self.kind)(self.name, **self.options)(self.fn)


class Tool(_OfFunction):
    """A function that ``MCPServer(tools=…)`` and ``add_tool`` take."""

    kind = "tool"

    @property
    def description(self) -> str:
        """What models read."""
        return self.options.get("description") or doc_of(self.fn) or ""


class Prompt(_OfFunction):
    """A function that ``add_prompt`` takes."""

    kind = "prompt"


class Resource(msgspec.Struct, kw_only=True):
    """Something with a URI that ``read`` gives the content of: the base of the classes below, and of others.

    Attributes:
        uri: of the resource.
        name: default: the URI.
        title: the name for people.
        description: what it is.
        mime_type: the media type.
        icons: images for user interfaces.
        annotations: hints on how clients may use it.
        meta: ``_meta`` of the definition.
    """

    uri: Any
    name: str | None = None
    title: str | None = None
    description: str | None = None
    mime_type: str = "text/plain"
    icons: Sequence[Any] | None = None
    annotations: Any = None
    meta: dict[str, Any] | None = None

    async def read(self) -> str | bytes:
        """Its content.

        Raises:
            NotImplementedError: the class does not say how to read it.
        """
        raise NotImplementedError(f"{type(self).__name__} has no read()")

    def add_to(self, server: Declaring) -> None:
        """Register it."""
        server.resource(
            str(self.uri),
            name=self.name or str(self.uri),
            title=self.title,
            description=self._description,
            mime_type=self.mime_type,
            icons=self.icons,
            annotations=self.annotations,
            meta=self.meta,
        )(self._reader())

    @property
    def _description(self) -> str | None:
        """What lists show; an empty one is left out, and that of a function is its docstring by default."""
        return self.description or ""

    def _reader(self) -> Callable[[], Any]:
        async def read() -> Any:
            return await self.read()

        return read


class TextResource(Resource, kw_only=True):
    """A text."""

    text: str

    async def read(self) -> str:
        """The text."""
        return self.text


class BinaryResource(Resource, kw_only=True):
    """Bytes."""

    data: bytes

    async def read(self) -> bytes:
        """The bytes."""
        return self.data


class FunctionResource(Resource, kw_only=True):
    """What a function returns, called when it is read."""

    fn: Callable[..., Any]

    @classmethod
    def from_function(
        cls,
        fn: Callable[..., Any],
        uri: str,
        name: str | None = None,
        title: str | None = None,
        description: str | None = None,
        mime_type: str | None = None,
        **options: Any,
    ) -> FunctionResource:
        """Make a resource of a function; further arguments are those of ``Resource``."""
        return cls(
            fn=fn,
            uri=uri,
            name=name or name_of(fn),
            title=title,
            description=description or doc_of(fn),
            mime_type=mime_type or "text/plain",
            **options,
        )

    @property
    def _description(self) -> str | None:
        return self.description

    async def read(self) -> Any:
        """What the function returns."""
        value = self.fn()
        return await value if hasattr(value, "__await__") else value

    def _reader(self) -> Callable[[], Any]:
        return self.fn


class _ReadPlainly(Resource, kw_only=True):
    """The base of those that a plain function reads."""

    async def read(self) -> str | bytes:
        """Its content."""
        return self._content()

    def _content(self) -> str | bytes:
        raise NotImplementedError

    def _reader(self) -> Callable[[], Any]:
        return self._content


class FileResource(_ReadPlainly, kw_only=True):
    """A file, read as text where its media type is one of text, or an encoding is given; else as bytes.

    Raises:
        ValueError: the path is not absolute.
    """

    path: Path
    encoding: str | None = None
    is_binary: bool | None = None

    def __post_init__(self) -> None:
        """Refuse a relative path."""
        self.path = _absolute(self.path)

    def _content(self) -> str | bytes:
        encoding = self.encoding or _encoding_of(self.mime_type)
        if self.is_binary or (self.is_binary is None and encoding is None):
            return self.path.read_bytes()
        return self.path.read_text(encoding=encoding or "utf-8")


class DirectoryResource(_ReadPlainly, kw_only=True):
    """The names of the files of a folder, as JSON.

    Raises:
        ValueError: the path is not absolute.
    """

    path: Path
    recursive: bool = False
    pattern: str | None = None
    mime_type: str = "application/json"

    def __post_init__(self) -> None:
        """Refuse a relative path."""
        self.path = _absolute(self.path)

    def list_files(self) -> list[Path]:
        """What is in the folder.

        Raises:
            NotADirectoryError: the path is none of a folder.
        """
        if not self.path.is_dir():
            raise NotADirectoryError(str(self.path))
        find = self.path.rglob if self.recursive else self.path.glob
        return sorted(find(self.pattern or "*"))

    def _content(self) -> str:
        names = [str(path.relative_to(self.path)) for path in self.list_files() if path.is_file()]
        return json.dumps({"files": names}, indent=2)


class HttpResource(_ReadPlainly, kw_only=True):
    """The text that a URL gives, fetched when it is read."""

    url: str
    mime_type: str = "application/json"

    def _content(self) -> str:
        from urllib.request import urlopen  # loaded where something is fetched

        if not self.url.startswith(("https://", "http://")):
            raise ValueError(f"{self.url!r} is no web page")
        with urlopen(self.url, timeout=30) as response:  # noqa: S310 - checked above
            text: bytes = response.read()
            return text.decode(response.headers.get_content_charset() or "utf-8")


def _absolute(path: str | Path) -> Path:
    path = Path(path)
    if not path.is_absolute():
        raise ValueError(f"The path has to be absolute: {path}")
    return path


def _encoding_of(mime_type: str) -> str | None:
    """How a text of a media type is read; None where it is no text."""
    essence, *parameters = (part.strip() for part in mime_type.split(";"))
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.lower() == "charset" and value:
            return value.strip('"')
    kind = essence.lower()
    is_text = kind.startswith("text/") or kind.endswith(("json", "xml"))
    return "utf-8-sig" if is_text else None
