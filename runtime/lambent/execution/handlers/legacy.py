"""The methods of the legacy era: the handshake, and those that it shares with the modern era."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from lambent.errors import MissingCapabilityError
from lambent.execution.call import Call, Handler
from lambent.execution.handlers.tools import call_tool, failed
from lambent.execution.handshakes import Handshake, make_handshake
from lambent.features.summary import capabilities
from lambent.features.tasks import EXTENSION
from lambent.features.tools import Tool
from lambent.wire.eras.legacy import LegacyEra, is_wrapped
from lambent.wire.methods import METHODS
from lambent.wire.results import CallToolResult, EmptyResult, InitializeResult, SessionResult


def legacy_handlers(modern: Mapping[str, Handler]) -> Mapping[str, Handler]:
    """The methods of a server in the legacy era, from those that it has in the modern one."""
    own: dict[str, Handler] = {"initialize": initialize, "ping": ping, "logging/setLevel": set_level}
    shared = {
        name: handler for name, handler in modern.items() if name in LegacyEra.methods or name not in METHODS
    }
    if (call := shared.get("tools/call")) is not None:
        shared["tools/call"] = (
            call_legacy_tool if call is call_tool else functools.partial(call_legacy_tool, following=call)
        )
    if "resources/read" in shared:
        own |= {"resources/subscribe": subscribe, "resources/unsubscribe": subscribe}
    return {**shared, **own}


def initialize(call: Call) -> InitializeResult:
    """Agree on a version, and say what this server is and can do (basic/lifecycle)."""
    params, catalog = call.rpc.params, call.services.catalog
    extensions = [name for name in catalog.extensions if name != EXTENSION]  # there are no tasks of its kind
    handshake = make_handshake(call.rpc.era.version, params.capabilities, params.client_info, extensions)
    return InitializeResult(
        protocol_version=handshake.version,
        capabilities=capabilities(catalog),
        server_info=catalog.info,
        instructions=catalog.instructions or UNSET,
        session_id=_session_id(call, handshake),
    )


def ping(call: Call) -> EmptyResult:
    """Answer (basic/utilities/ping)."""
    return EmptyResult()


def set_level(call: Call) -> SessionResult:
    """Take the level of log messages; over HTTP it is in a new token, for clients that take one."""
    assert call.handshake is not None  # noqa: S101 - the method has no other callers
    handshake = msgspec.structs.replace(call.handshake, log_level=call.rpc.params.level)
    if not handshake.is_known:
        return SessionResult()  # without a session there is nothing that could keep it
    return SessionResult(session_id=_session_id(call, handshake))


def _session_id(call: Call, handshake: Handshake) -> str | UnsetType:
    if call.invocation.agree(handshake):
        return UNSET
    return call.services.handshakes.seal(handshake, call.caller) or UNSET


def subscribe(call: Call) -> EmptyResult:
    """Acknowledge, for a resource that exists. Updates are not sent, and ``initialize`` says so.

    Raises:
        ResourceNotFoundError: there is nothing under the URI.
    """
    from lambent.execution.handlers.resources import find_resource

    find_resource(call.services.catalog, call.rpc.params.uri)
    return EmptyResult()


def call_legacy_tool(call: Call, following: Handler = call_tool) -> Any:
    """Run a tool; see ``call_tool``. The model is told what the client cannot do; results are objects."""
    try:
        result = following(call)
    except MissingCapabilityError as error:
        return failed(_explained(call, error))
    if isinstance(result, CallToolResult) and result.structured_content is not UNSET:
        tool = call.services.catalog.tools.get(call.rpc.params.name)  # None: middleware has answered for it
        if tool is None or _wraps(tool, result):
            result.structured_content = {"result": result.structured_content}
    return result


def _wraps(tool: Tool, result: CallToolResult) -> bool:
    if tool.wraps and result.is_error is not True:
        return False
    if result.is_error is not True and tool.output_schema is not None:  # errors need not fit the schema
        return is_wrapped(tool.output_schema)
    structured = result.structured_content
    if isinstance(structured, Raw):
        return bytes(structured)[:1] != b"{"
    return not isinstance(structured, dict)


def _explained(call: Call, error: MissingCapabilityError) -> str:
    handshake = call.handshake
    if handshake is None or handshake.is_known:
        return error.message
    instead = "set LAMBENT_STATE_KEYS or LAMBENT_STATE_SECRET"
    if call.services.handshakes.has_key:
        instead = "send the Mcp-Session-Id that initialize has answered with"
    return f"{error.message}. Without a session the server does not know what this client can do: {instead}"
