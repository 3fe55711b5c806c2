"""Tools: typed functions that models call, and the media that they return (server/tools)."""

from __future__ import annotations

import collections.abc
import functools
import types
import typing
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import UNSET, Raw
from msgspec.structs import force_setattr

from lambent.errors import DeclarationError
from lambent.features.codecs import Codec, ValidationError, codec_of, to_json
from lambent.features.hints import mentions
from lambent.features.mcp_header import mentions_header
from lambent.features.signature import Definition, Signature
from lambent.features.tasks import TaskPolicy
from lambent.wire.headers import HeaderParam
from lambent.wire.results import CallToolResult
from lambent.wire.values import AudioContent, Content, ImageContent, TextContent, ToolResult

if TYPE_CHECKING:
    from lambent.features.idempotency import Idempotency
    from lambent.features.limits import RateLimit


class Image(msgspec.Struct, frozen=True):
    """An image to return from a tool: its bytes, and the subtype of its media type (``png``, ``jpeg``)."""

    data: bytes
    format: str = "png"

    def to_content(self) -> ImageContent:
        """The content block that contains it."""
        return ImageContent(data=to_base64(self.data), mime_type=f"image/{self.format}")


class Audio(msgspec.Struct, frozen=True):
    """A sound to return from a tool: its bytes, and the subtype of its media type (``wav``, ``mpeg``)."""

    data: bytes
    format: str = "wav"

    def to_content(self) -> AudioContent:
        """The content block that contains it."""
        return AudioContent(data=to_base64(self.data), mime_type=f"audio/{self.format}")


def to_base64(data: bytes | bytearray | memoryview) -> str:
    """Bytes in Base64, as content blocks and contents carry them."""
    import binascii  # loaded where there are media

    return binascii.b2a_base64(data, newline=False).decode()


_BLOCKS = (Content, Image, Audio)
_QUOTE = ord('"')
_OPEN_LISTS = (list, tuple, set, frozenset, collections.abc.Sequence)


class Tool(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """A registered tool.

    Attributes:
        definition: what ``tools/list`` shows; schemas are derived when somebody lists the tools.
        output: checks and writes structured results; None where results are text or content only.
        single_use: a request state may complete a call once.
        scopes: what the caller of it needs.
        limit: how often one caller may call it; None: the server's limit, if there is one.
        limited_as: tools with the same one are counted together for ``limit``; empty: this one by itself.
        sensitive: the parameters whose values no audit record may show.
        headers: the parameters that clients mirror into headers. Compiled here, never given.
        is_plain: its calls ask nothing and keep nothing: they need no journal. Compiled here, never given.

    Raises:
        DeclarationError: these do not fit together, or a header annotation is not allowed where it is.
    """

    signature: Signature
    definition: Definition
    output: Codec | None
    task: TaskPolicy | None = None
    idempotency: Idempotency | None = None
    single_use: bool = False
    scopes: tuple[str, ...] = ()
    limit: RateLimit | None = None
    limited_as: str = ""
    sensitive: frozenset[str] = frozenset()
    headers: tuple[HeaderParam, ...] = ()
    is_plain: bool = False

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

    @property
    def name(self) -> str:
        """Unique within the server."""
        return self.signature.name

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
        from lambent.features.codecs.schemas import admit_results

        return admit_results(self.output.schema())

    def _input_schema(self) -> dict[str, Any]:
        if self.definition.input_schema is not None:
            return self.definition.input_schema
        from lambent.features.header_params import flatten_optionals  # loaded with the first list

        schema = self.signature.arguments.schema()
        flatten_optionals(schema)
        return schema


def output_codec(signature: Signature, structured: bool | None) -> Codec | None:
    """The codec of a tool's structured results; None where its results are text or content only.

    Text, media, lists of anything and ready-made results go to the model as they are; every other hint has a
    schema.
    ``structured``: False: never; True: also where the function returns text.
    """
    hint = signature.returns
    if structured and (hint is UNSET or mentions(hint, *_BLOCKS)):
        what = "" if hint is UNSET else " without images and sounds, which are no JSON"
        raise DeclarationError(f"{signature.name}: structured_output=True needs a return type{what}")
    if structured is False or hint is UNSET or (structured is None and _is_content(hint)):
        return None
    try:
        return codec_of(type(None) if hint is None else hint, "write")
    except DeclarationError as error:
        raise DeclarationError(f"{signature.name}, result: {error}") from None


def _is_content(hint: Any) -> bool:
    """Whether a hint says text, media or anything: results of it go to the model as they are."""
    if mentions(hint, ToolResult, CallToolResult, bytes, *_BLOCKS):
        return True
    args, origin = typing.get_args(hint), typing.get_origin(hint)
    if origin is Annotated:
        return _is_content(args[0])
    if origin in (typing.Union, types.UnionType):
        return [arg for arg in args if arg is not type(None)] == [str]
    if (origin or hint) in _OPEN_LISTS:
        return all(arg in (Any, object, ...) for arg in args)
    return hint in (None, type(None), str, Any, object)


def render(tool: Tool, value: Any) -> CallToolResult:
    """Turn what a tool returned into its result.

    Raises:
        ValidationError: the value does not fit the tool's output schema.
    """
    if isinstance(value, CallToolResult):  # as middleware sees it
        content: list[Any] = list(value.content)
        is_error = value.is_error is True
        value = ToolResult(content=content, structured_content=value.structured_content, is_error=is_error)
    if isinstance(value, ToolResult):
        return _render_ready(tool, value)
    if tool.output is not None:
        raw = tool.output.encode(value)
        text = text_of(raw) if raw[0] == _QUOTE else raw.decode()
        return CallToolResult(content=[TextContent(text=text)], structured_content=Raw(raw))
    if isinstance(value, str):  # the most frequent kind, without the search for media
        return CallToolResult(content=[block_of(value)])
    return CallToolResult(content=[] if value is None else list(_blocks_of(value)))


def _render_ready(tool: Tool, value: ToolResult) -> CallToolResult:
    structured = value.structured_content
    output = None if value.is_error else tool.output
    if structured is not UNSET:
        structured = Raw(to_json(structured) if output is None else output.encode(structured))
    elif output is not None:
        raise ValidationError("structured_content is missing: the tool has an output schema")
    return CallToolResult(
        content=[block_of(item) for item in value.content],
        structured_content=structured,
        is_error=value.is_error or UNSET,
        meta=msgspec.json.decode(to_json(value.meta)) if value.meta else UNSET,
    )


def _blocks_of(value: Any) -> Iterator[Content]:
    """The content blocks of a value: one for each item of a list with media in it, else one."""
    if isinstance(value, list | tuple) and _holds_media(value):
        for item in value:
            yield from _blocks_of(item)
    else:
        yield block_of(value)


def _holds_media(value: Any) -> bool:
    return isinstance(value, _BLOCKS) or (isinstance(value, list | tuple) and any(map(_holds_media, value)))


def block_of(value: Any) -> Content:
    """The content block of a value: text and media as they are, anything else as JSON.

    Raises:
        ValidationError: it has no JSON form.
    """
    if isinstance(value, str):
        if not value.isascii():
            value.encode()  # a lone surrogate is the tool's failure, so it is found here
        return TextContent(text=value)
    if isinstance(value, Content):
        msgspec.json.encode(value)  # as above
        return value
    if isinstance(value, Image | Audio):
        return value.to_content()
    return TextContent(text=text_of(to_json(value)))


def text_of(raw: bytes) -> str:
    """JSON as text for people and models: a string without its quotes."""
    return msgspec.json.decode(raw, type=str) if raw[:1] == b'"' else raw.decode()
