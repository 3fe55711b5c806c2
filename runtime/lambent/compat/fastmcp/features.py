"""Features as FastMCP has them: its schemas, its conversions of results, and its errors."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from lambent.compat.fastmcp.arguments import in_words
from lambent.compat.fastmcp.calling import HIDDEN, dependencies_of, prepare, without
from lambent.compat.fastmcp.current import note_failure
from lambent.compat.fastmcp.exceptions import AuthorizationError, FastMCPError, NotFoundError
from lambent.compat.fastmcp.results import (
    PromptResult,
    ResourceResult,
    ToolResult,
    blocks_of,
    contents_of,
    is_block,
    messages_of,
)
from lambent.compat.fastmcp.schemas import WRAPS, read_doc, result_codec, result_schema, tidy
from lambent.errors import (
    ConfigurationError,
    ProtocolError,
    ResourceNotFoundError,
    RetryableError,
    StoreError,
    ToolError,
)
from lambent.execution.failures import message_of, report
from lambent.features.codecs import Codec, to_json, to_plain
from lambent.features.signature import Definition, Signature, read_signature
from lambent.features.tools import Tool as NativeTool
from lambent.features.tools import text_of
from lambent.wire.results import GetPromptResult, ReadResourceResult
from lambent.wire.results import Result as WireResult
from lambent.wire.values import TextContent
from lambent.wire.values import ToolResult as NativeResult

if TYPE_CHECKING:
    from lambent.features.resolvers import Injected

WRAPPED = {"fastmcp": {"wrap_result": True}}
"""``_meta`` of a result whose structured content is wrapped."""

_NOT_THE_FEATURES = (ProtocolError, ConfigurationError, StoreError, RetryableError)
"""Errors that mean the same wherever they are raised."""


class DeclaredTool(NativeTool, frozen=True, kw_only=True, dict=True):
    """A tool with FastMCP's schemas.

    Attributes:
        codec: writes structured results; None: objects are structured, whatever is in them.
        wraps: structured results are the member ``result`` of an object.
        given_schema: of structured results, as the declaration says.
        described_parameters: what the docstring says of parameters, by name.
        is_untitled: its title is its name in words.
    """

    codec: Codec | None = None
    wraps_result: bool = False
    given_schema: dict[str, Any] | None = None
    described_parameters: Mapping[str, str] = {}
    is_untitled: bool = False

    @functools.cached_property
    def output_schema(self) -> dict[str, Any] | None:
        """The JSON Schema of structured results."""
        if self.given_schema is not None:
            return self.given_schema
        return None if self.codec is None else result_schema(self.codec, wraps=self.wraps_result)

    def defined_as(self, name: str) -> Definition:
        """See ``lambent.features.tools.Tool.defined_as``."""
        definition = super().defined_as(name)
        return replace(definition, title=in_words(name)) if self.is_untitled else definition

    def _input_schema(self) -> dict[str, Any]:
        if self.definition.input_schema is not None:
            return self.definition.input_schema
        schema = tidy(self.signature.arguments.schema())
        for name, text in self.described_parameters.items():
            schema["properties"].get(name, {}).setdefault("description", text)
        if not self.signature.takes_others:
            schema["additionalProperties"] = False
        return schema


class Read(msgspec.Struct, frozen=True):
    """The function of a feature, read."""

    signature: Signature
    description: str | None
    parameters: Mapping[str, str]


def read(
    function: Callable[..., Any],
    injected: Injected,
    name: str | None,
    *,
    convert: Callable[[Any], Any] | None = None,
    failed: Callable[[Exception, Any], Any],
    timeout: float | None = None,
    in_thread: bool = True,
    left_out: frozenset[str] = frozenset(),
    converter: Callable[[Signature], Callable[[Any], Any]] | None = None,
) -> Read:
    """Read a function and wrap it, so that the server gets results and errors as it has them.

    Args:
        function: of a tool, a resource or a prompt.
        injected: the class of the context.
        name: of the feature; default: the function's.
        convert: makes the result of what the function has returned.
        failed: makes a result of what it has raised, or raises something else.
        timeout: seconds that it may take.
        in_thread: see ``prepare``.
        left_out: parameters that no client is told of; their defaults count.
        converter: in place of ``convert``, where it depends on the signature.
    """
    dependencies = dependencies_of(function)
    hidden = left_out | dependencies.keys()
    shown = without(function, frozenset(hidden)) if hidden else function
    signature = read_signature(shown, injected, name)
    convert = convert or (converter(signature) if converter is not None else to_plain)
    called, is_async = prepare(
        function, signature.context, dependencies, timeout, convert, failed, in_thread=in_thread
    )
    description, parameters = read_doc(signature.doc)
    signature = replace(
        signature,
        function=called,
        context=signature.context or HIDDEN,
        is_async=is_async or signature.is_async,
    )
    return Read(signature, description, parameters)


def tool_results(
    signature: Signature, given_schema: Any, serializer: Callable[[Any], str] | None
) -> tuple[Codec | None, bool, Callable[[Any], Any]]:
    """How a tool's results are written: the codec of structured ones, whether they are wrapped, and how.

    Args:
        signature: of the function.
        given_schema: ``...``: that of the return type; None: there is none; else a schema.
        serializer: makes the text of a result.
    """
    codec, wraps = None, False
    if given_schema is ...:
        codec, wraps = result_codec(signature.returns, signature.name) or (None, False)
    elif given_schema is not None:
        wraps = bool(given_schema.get(WRAPS))
    has_schema = codec is not None or isinstance(given_schema, dict)

    def convert(value: Any) -> Any:
        if isinstance(value, ToolResult):
            return value.to_native()
        if isinstance(value, NativeResult | WireResult):
            return value
        if codec is not None:
            raw = codec.encode(value)
            content: list[Any] = list(blocks_of(value))
            if content:
                content = [TextContent(text=text_of(raw))]
            structured: Any = msgspec.Raw(raw)
        else:
            content = list(blocks_of(value))
            structured = _object(value, needed=has_schema and not wraps)
        if serializer is not None:
            content = [TextContent(text=serializer(value))]
        if wraps:
            structured = value if codec is None else structured
            return NativeResult(content=content, structured_content={"result": structured}, meta=WRAPPED)
        return NativeResult(content=content, structured_content=structured)

    return codec, wraps, convert


def _object(value: Any, *, needed: bool) -> Any:
    """What a value is as structured content: an object, or nothing.

    Raises:
        ValueError: it is none, and one is needed.
    """
    if not isinstance(value, str | bytes | int | float | list | tuple | set | None) and not is_block(value):
        plain = to_plain(value)
        if isinstance(plain, dict):
            return plain
    if needed:
        raise ValueError(f"The output schema is that of an object, and the tool has returned {value!r:.100}")
    return msgspec.UNSET


def tool_failed(name: str, *, masked: bool, keeps: bool) -> Callable[[Exception, Any], Any]:
    """What becomes of an error of a tool: a result that tells the model.

    Args:
        name: of the tool.
        masked: only the messages of ``ToolError`` are shown.
        keeps: results are kept by the call's key or as a task's, so that an error has to stay an error.
    """

    def failed(error: Exception, context: Any) -> Any:
        # That a tool cannot read a resource, or finds it missing, is the tool's failure.
        is_own = isinstance(error, FastMCPError | ResourceNotFoundError) or hasattr(error, "__fastmcp__")
        if isinstance(error, AuthorizationError) or (isinstance(error, _NOT_THE_FEATURES) and not is_own):
            raise error
        if isinstance(error, ToolError):
            text = message_of(error)
        elif isinstance(error, FastMCPError) and not isinstance(error, NotFoundError):
            text = str(error)
        else:
            text = f"Error calling tool {name!r}" if masked else f"Error calling tool {name!r}: {error}"
            if not keeps:
                report(error, context._call.rpc)
        note_failure(error if isinstance(error, ToolError) else _raised(text, error))
        if keeps:
            raise error if isinstance(error, ToolError) else ToolError(text) from error
        return NativeResult(content=[text], is_error=True)

    return failed


def _raised(text: str, cause: Exception) -> ToolError:
    """What middleware sees of an error of a tool."""
    error = ToolError(text)
    error.__cause__ = cause
    return error


def reading_failed(what: str, *, masked: bool) -> Callable[[Exception, Any], Any]:
    """What becomes of an error of a resource or prompt: -32603.

    Args:
        what: fails, such as ``Error reading resource 'r://one'``.
        masked: only the messages of ``ResourceError`` and ``PromptError`` are shown.
    """

    def failed(error: Exception, context: Any) -> Any:
        if isinstance(error, _NOT_THE_FEATURES):
            raise error
        report(error, context._call.rpc)
        raise ProtocolError(what if masked else f"{what}: {error}") from error

    return failed


def read_contents(mime_type: str, meta: dict[str, Any] | None) -> Callable[[Any], Any]:
    """How results of a resource are written.

    Args:
        mime_type: that the resource declares.
        meta: what it declares as its ``_meta``, which hosts look for in the contents too.
    """
    page = {"ui": meta["ui"]} if meta and "ui" in meta else None

    def convert(value: Any) -> Any:
        if isinstance(value, WireResult):
            return value
        # The handler knows the URI that was asked for.
        contents = [one.to_native("") for one in contents_of(value, mime_type)]
        if isinstance(value, ResourceResult):
            whole = _plain(value.meta) if value.meta else msgspec.UNSET
            if page is not None:
                contents = [replace(one, meta=one.meta or page) for one in contents]
            return ReadResourceResult(contents=contents, meta=whole)
        if meta:
            contents = [replace(one, meta={**meta, **(one.meta or {})}) for one in contents]
        return ReadResourceResult(contents=contents)

    return convert


def read_messages(
    description: str | None, meta: dict[str, Any] | None, described: Callable[[], str | None]
) -> Callable[[Any], Any]:
    """How results of a prompt are written.

    Args:
        description: that it was given.
        meta: what it declares as its ``_meta``.
        described: gives the description of its definition.
    """

    def convert(value: Any) -> Any:
        if isinstance(value, WireResult):
            return value
        said, own = description, None
        if isinstance(value, PromptResult):
            value, said, own = value.messages, value.description or description, value.meta
        elif meta:
            said, own = described(), meta
        else:
            return messages_of(value)
        return GetPromptResult(
            messages=messages_of(value),
            description=said or msgspec.UNSET,
            meta=_plain(own) if own else msgspec.UNSET,
        )

    return convert


def _plain(meta: Any) -> Any:
    return msgspec.json.decode(to_json(meta))
