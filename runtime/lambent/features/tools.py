"""Tools: typed functions that models call, and the media that they return (server/tools)."""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Raw
from msgspec.structs import force_setattr

from lambent.errors import DeclarationError
from lambent.features.codecs import Codec, codec_of
from lambent.features.functions import name_of
from lambent.features.mcp_header import mentions_header
from lambent.features.signature import Definition, Signature
from lambent.features.tasks import TaskPolicy
from lambent.wire.headers import HeaderParam
from lambent.wire.results import CallToolResult, Result
from lambent.wire.values import AudioContent, Content, ImageContent, TextContent, ToolResult

if TYPE_CHECKING:
    from lambent.features.idempotency import Idempotency
    from lambent.features.limits import RateLimit


class _Media(msgspec.Struct, frozen=True):
    """Bytes, or the file that has them, and the subtype of their media type.

    The first positional argument is a path, or the bytes themselves.
    """

    path: Any = None
    data: bytes | None = None
    format: str | None = None

    def __post_init__(self) -> None:
        if isinstance(self.path, bytes | bytearray | memoryview) and self.data is None:
            force_setattr(self, "data", bytes(self.path))
            force_setattr(self, "path", None)
        if (self.path is None) == (self.data is None):
            raise ValueError(f"{type(self).__name__} takes either a path or data")

    def _content(self, kind: str, usual: str) -> tuple[str, str]:
        from lambent.features.contents import media_type, to_base64  # loaded where there are media

        if self.data is not None:
            return to_base64(self.data), f"{kind}/{(self.format or usual).lower()}"
        with open(self.path, "rb") as file:
            return to_base64(file.read()), media_type(kind, str(self.path), self.format)


class Image(_Media, frozen=True):
    """An image to return from a tool or prompt: ``Image(path="chart.png")`` or ``Image(data=…)``.

    Args:
        path: of a file, which is read when the result is made; its ending says the media type.
        data: the bytes, in place of a path.
        format: the subtype of the media type (``png``, ``jpeg``); default: by the path, else ``png``.

    Raises:
        ValueError: both a path and data are given, or neither.
    """

    def to_image_content(self) -> ImageContent:
        """The content block that contains it.

        Raises:
            OSError: the file cannot be read.
        """
        data, mime_type = self._content("image", "png")
        return ImageContent(data=data, mime_type=mime_type)

    to_content = to_image_content


class Audio(_Media, frozen=True):
    """A sound to return from a tool or prompt: ``Audio(path="hello.mp3")`` or ``Audio(data=…)``.

    Args:
        path: of a file, which is read when the result is made; its ending says the media type.
        data: the bytes, in place of a path.
        format: the subtype of the media type (``wav``, ``mpeg``); default: by the path, else ``wav``.

    Raises:
        ValueError: both a path and data are given, or neither.
    """

    def to_audio_content(self) -> AudioContent:
        """The content block that contains it.

        Raises:
            OSError: the file cannot be read.
        """
        data, mime_type = self._content("audio", "wav")
        return AudioContent(data=data, mime_type=mime_type)

    to_content = to_audio_content


_BRACE, _BRACKET = b"{["
_WRAPPED = frozenset({str, int, float, bool})
"""Return types that need no look at what they consist of."""

_DATA = frozenset({str, int, float, bool, dict, list, tuple, type(None)})
"""Types of which a value is no content, whatever is in it."""

_CONTENT = (Content, Image, Audio, ToolResult, Result)
_OTHER_LIBRARIES = frozenset({"mcp", "mcp_types", "fastmcp"})


class Tool(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """A registered tool.

    Attributes:
        definition: what ``tools/list`` shows; schemas are derived when somebody lists the tools.
        output: checks and writes structured results; None where results are text or content only.
        wraps: structured results are the member ``result`` of an object.
        compact: results as small as they can be, see ``MCPServer``.
        single_use: a request state may complete a call once.
        scopes: what the caller of it needs.
        limit: how often one caller may call it; None: the server's limit, if there is one.
        limited_as: tools with the same one are counted together for ``limit``; empty: this one by itself.
        sensitive: the parameters whose values no audit record may show.
        headers: the parameters that clients mirror into headers. Compiled here, never given.
        is_plain: its calls ask nothing and keep nothing: they need no journal. Compiled here, never given.
        is_text: its structured results are text that is wrapped. Compiled here, never given.
        data: types of which a value is no content. Compiled here, never given.

    Raises:
        DeclarationError: these do not fit together, or a header annotation is not allowed where it is.
    """

    signature: Signature
    definition: Definition
    output: Codec | None
    wraps: bool = False
    compact: bool = False
    task: TaskPolicy | None = None
    idempotency: Idempotency | None = None
    single_use: bool = False
    scopes: tuple[str, ...] = ()
    limit: RateLimit | None = None
    limited_as: str = ""
    sensitive: frozenset[str] = frozenset()
    headers: tuple[HeaderParam, ...] = ()
    is_plain: bool = False
    is_text: bool = False
    data: frozenset[type] = _DATA

    def __post_init__(self) -> None:
        """Refuse what cannot work, and compile the headers."""
        if self.task is not None and self.signature.session is not None:
            # A worker that dies between its write of the session and that of the result would repeat both.
            raise DeclarationError(
                f"{self.name}: a task cannot change a session: let a plain tool read and write it"
            )
        if self.sensitive and not self.signature.takes_others:
            known = {name for one in self.signature.parameters for name in (one.name, *one.wires)}
            if unknown := ", ".join(sorted(self.sensitive - known)):
                raise DeclarationError(f"{self.name}: sensitive names what is no parameter: {unknown}")
        if self.idempotency is not None and not self.signature.takes_others:
            self.idempotency.check_key(self.name, self.signature.parameters)
        if self.definition.input_schema is not None or any(
            mentions_header(parameter.hint) for parameter in self.signature.parameters
        ):
            from lambent.features.header_params import compile_headers  # few tools have any

            force_setattr(self, "headers", compile_headers(self._input_schema()))
        keeps = self.single_use or self.task is not None or self.idempotency is not None
        force_setattr(self, "is_plain", not (keeps or self.signature.needs_journal))
        returns = self.signature.returns
        force_setattr(self, "is_text", self.wraps and returns is str)
        if self.output is not None and isinstance(returns, type) and returns not in _DATA:
            force_setattr(self, "data", _DATA | {returns})

    @property
    def name(self) -> str:
        """Unique within the server."""
        return self.signature.name

    def defined_as(self, name: str) -> Definition:
        """The definition of the tool where it has another name."""
        return msgspec.structs.replace(self.definition, name=name)

    @property
    def needs_table(self) -> str:
        """Why its calls need a table; empty where they work without one."""
        if self.task is not None and self.task.support == "required":
            return "always runs as a task"
        if self.idempotency is not None:
            return "is idempotent"
        if self.signature.session is not None:
            return "takes a session"
        return "uses each request state once" if self.single_use else ""

    @functools.cached_property
    def described(self) -> Raw:
        """The definition with its schemas, encoded."""
        schemas = {"input_schema": self._input_schema(), "output_schema": self.output_schema}
        return Raw(msgspec.json.encode(msgspec.structs.replace(self.definition, **schemas)))

    @functools.cached_property
    def output_schema(self) -> dict[str, Any] | None:
        """The JSON Schema of structured results; None where results are text or content only."""
        if self.output is None:
            return None
        from lambent.features.codecs.schemas import admit_results, inline_root, wrap

        schema = admit_results(self.output.schema())
        name = name_of(self.signature.function)
        if self.wraps:
            return wrap(schema, f"{name}Output")
        return schema if self.compact else {"title": f"{name}DictOutput", **inline_root(schema)}

    def _input_schema(self) -> dict[str, Any]:
        if self.definition.input_schema is not None:
            return self.definition.input_schema
        from lambent.features.header_params import flatten_optionals  # loaded with the first list

        schema = self.signature.arguments.schema()
        flatten_optionals(schema)
        for name in self.signature.untyped:  # the function takes anything; models send text if in doubt
            schema["properties"][name] |= {"title": name, "type": "string"}
        return {**schema, "title": f"{name_of(self.signature.function)}Arguments"}


def output_of(signature: Signature, structured: bool | None, *, compact: bool) -> tuple[Codec | None, bool]:
    """The codec of a tool's structured results, and whether they are wrapped in an object.

    The codec is None where results are text or content only: where the function has no return type, returns
    content, or objects of which nothing is known.

    Args:
        signature: of the function.
        structured: False: never; True: wherever the type can be described.
        compact: nothing is wrapped, and text is text only.

    Raises:
        DeclarationError: the type cannot be described.
    """
    hint = signature.returns
    if structured is False:
        return None, False
    if type(hint) is type and hint in _WRAPPED and not compact:
        return codec_of(hint, "write"), True
    from lambent.features.outputs import describe  # servers with plain results never load it

    return describe(signature, structured, compact=compact)


def render(tool: Tool, value: Any) -> CallToolResult:
    """Turn what a tool returned into its result.

    Raises:
        ValidationError: the value does not fit the tool's output schema.
    """
    if tool.is_text and type(value) is str:  # the most frequent kind
        if not value.isascii():
            value.encode()  # a lone surrogate is the tool's failure, so it is found here
        return CallToolResult(content=[TextContent(text=value)], structured_content={"result": value})
    if tool.output is None or (type(value) not in tool.data and is_content(value)):
        from lambent.features.contents import render_content  # tools with plain results never load it

        return render_content(tool, value)
    raw = tool.output.encode(value)
    structured = b'{"result":%b}' % raw if tool.wraps else raw
    content = [TextContent(text=text_of(raw))] if tool.compact else _texts(value, raw)
    return CallToolResult(content=content, structured_content=Raw(structured))


def is_content(value: Any) -> bool:
    """Whether a value is content or a whole result: of this library, or of another one for MCP."""
    return isinstance(value, _CONTENT) or is_foreign(value)


def is_foreign(value: Any) -> bool:
    """Whether a value is an object of another library for MCP."""
    return not _OTHER_LIBRARIES.isdisjoint(sys.modules) and is_foreign_type(type(value))


def is_foreign_type(cls: type) -> bool:
    """Whether a class is one of another library for MCP, or derived from one.

    All of theirs are in modules of packages: a class of a server's own module ``mcp`` is none.
    """
    homes = (base.__module__.partition(".") for base in cls.__mro__)
    return any(dot and package in _OTHER_LIBRARIES for package, dot, _ in homes)


def _texts(value: Any, raw: bytes) -> list[Content]:
    """The text blocks of a value and its JSON: one for each item of a list, however deep."""
    first = raw[0]
    if value is None:
        return []
    if first == _BRACKET and isinstance(value, list | tuple):
        pairs = zip(value, msgspec.json.decode(raw, type=list[Raw]), strict=True)
        return [block for item, own in pairs for block in _texts(item, bytes(own))]
    if first == _BRACE and type(value) not in _DATA and is_content(value):
        from lambent.features.contents import block_of

        return [block_of(value)]
    if first in (_BRACE, _BRACKET):
        return [TextContent(text=msgspec.json.format(raw, indent=2).decode())]
    return [TextContent(text=text_of(raw) if isinstance(value, str) else raw.decode())]


def text_of(raw: bytes) -> str:
    """JSON as text for people and models: a string without its quotes."""
    return msgspec.json.decode(raw, type=str) if raw[:1] == b'"' else raw.decode()
