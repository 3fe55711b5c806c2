"""Tools: typed functions that models call (server/tools)."""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Raw

from lambent.errors import DeclarationError
from lambent.features.codecs import Codec, ValidationError, arguments_codec, codec_of, to_json
from lambent.features.idempotency import Idempotency
from lambent.features.mcp_header import compile_headers, flatten_optionals, mentions_header
from lambent.features.media import Audio, Image
from lambent.features.resolvers import Plan
from lambent.features.sessions import SessionParam
from lambent.features.signature import Injected, Signature, read_signature
from lambent.features.tasks import TaskPolicy
from lambent.wire.headers import HeaderParam
from lambent.wire.results import CallToolResult
from lambent.wire.values import Content, Icon, TextContent, ToolAnnotations, ToolResult, Value


class ToolDefinition(Value, frozen=True, kw_only=True):
    """A tool as ``tools/list`` shows it."""

    name: str
    title: str | None = None
    description: str | None = None
    input_schema: dict[str, Any]
    output_schema: dict[str, Any] | None = None
    annotations: ToolAnnotations | None = None
    icons: Sequence[Icon] | None = None
    meta: dict[str, Any] | None = msgspec.field(default=None, name="_meta")


class Tool(msgspec.Struct, frozen=True):
    """A registered tool.

    Attributes:
        name: unique within the server.
        function: what runs.
        arguments: reads the call's arguments; None where the function takes them all as they are.
        output: checks and writes structured results; None where results are text or content only.
        headers: the parameters that clients mirror into headers.
        context: the name of the parameter that takes the context, if any.
        plan: what its resolvers are and what they fill in, if any.
        is_async: the function is a coroutine function.
        session: the parameter that takes a session's object, if any.
        task: how its calls become tasks, if they may.
        idempotency: how its calls are known again, if they are.
        single_use: a request state may complete a call once.
        describe: gives the encoded definition; schemas are only built once somebody lists the tools.
    """

    name: str
    function: Callable[..., Any]
    arguments: Codec | None
    output: Codec | None
    headers: tuple[HeaderParam, ...]
    context: str | None
    plan: Plan | None
    is_async: bool
    session: SessionParam | None
    task: TaskPolicy | None
    idempotency: Idempotency | None
    single_use: bool
    describe: Callable[[], Raw]


def make_tool(
    function: Callable[..., Any],
    injected: Injected,
    *,
    name: str | None = None,
    title: str | None = None,
    description: str | None = None,
    annotations: ToolAnnotations | None = None,
    icons: Sequence[Icon] | None = None,
    meta: dict[str, Any] | None = None,
    structured_output: bool | None = None,
    input_schema: dict[str, Any] | None = None,
    task: TaskPolicy | None = None,
    idempotency: Idempotency | None = None,
    single_use: bool = False,
) -> Tool:
    """Compile a function into a tool.

    Raises:
        DeclarationError: its signature or its annotations cannot work.
    """
    signature = read_signature(function, injected)
    name = name or signature.name
    if task is not None and signature.session is not None:
        # A worker may die between the write of the session and that of the result, and would change it twice.
        raise DeclarationError(f"{name}: a task cannot change a session: let a plain tool read and write it")
    arguments = None if signature.catches_all else arguments_codec(f"{name}Arguments", signature.fields)
    output = _output(signature, structured_output)

    def make_input_schema() -> dict[str, Any]:
        if input_schema is not None:
            return input_schema
        schema = arguments.schema() if arguments is not None else {"type": "object"}
        flatten_optionals(schema)
        return schema

    @functools.cache
    def describe() -> Raw:
        definition = ToolDefinition(
            name=name,
            title=title,
            description=description or signature.doc,
            input_schema=make_input_schema(),
            output_schema=output.schema() if output is not None else None,
            annotations=annotations,
            icons=icons,
            meta=meta,
        )
        return Raw(msgspec.json.encode(definition))

    mirrors = input_schema is not None or any(mentions_header(field.hint) for field in signature.fields)
    return Tool(
        name=name,
        function=function,
        arguments=arguments,
        output=output,
        headers=compile_headers(make_input_schema()) if mirrors else (),
        context=signature.context,
        plan=signature.plan,
        is_async=signature.is_async,
        session=signature.session,
        task=task,
        idempotency=idempotency,
        single_use=single_use,
        describe=describe,
    )


def _output(signature: Signature, structured: bool | None) -> Codec | None:
    """The codec of structured results.

    Text, media and ready-made results are for the model to read as they are; every other hint has a schema.
    """
    hint = signature.returns
    bare = typing.get_args(hint)[0] if typing.get_origin(hint) is Annotated else hint
    if structured is False or hint is inspect.Signature.empty:
        return None
    if structured is None and (bare in (None, type(None), str, Any) or _is_content(bare)):
        return None
    return codec_of(type(None) if hint is None else hint)


def _is_content(hint: Any) -> bool:
    if isinstance(hint, type):
        return issubclass(hint, Content | Image | Audio | ToolResult | bytes)
    return any(_is_content(arg) for arg in typing.get_args(hint))


def render(tool: Tool, value: Any) -> CallToolResult:
    """Turn what a tool returned into its result.

    Raises:
        ValidationError: the value does not fit the tool's output schema.
    """
    if isinstance(value, ToolResult):
        return _render_ready(tool, value)
    if tool.output is not None:
        raw = tool.output.encode(value)
        return CallToolResult(content=[TextContent(text=raw.decode())], structured_content=Raw(raw))
    return CallToolResult(content=_blocks(value))


def _render_ready(tool: Tool, value: ToolResult) -> CallToolResult:
    structured = value.structured_content
    if structured is UNSET and tool.output is not None and not value.is_error:
        raise ValidationError("structured_content is missing: the tool has an output schema")
    if structured is not UNSET:
        fits = tool.output is not None and not value.is_error
        structured = Raw(tool.output.encode(structured) if fits and tool.output else to_json(structured))
    return CallToolResult(
        content=[_block(item) for item in value.content],
        structured_content=structured,
        is_error=value.is_error or UNSET,
        meta=dict(value.meta) if value.meta else UNSET,
    )


def _blocks(value: Any) -> list[Content]:
    if value is None:
        return []
    if isinstance(value, list | tuple) and any(isinstance(item, Content | Image | Audio) for item in value):
        return [_block(item) for item in value]
    return [_block(value)]


def _block(value: Any) -> Content:
    if isinstance(value, str):
        return TextContent(text=value)
    if isinstance(value, Content):
        return value
    if isinstance(value, Image | Audio):
        return value.to_content()
    return TextContent(text=to_json(value).decode())
