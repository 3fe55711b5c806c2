"""Methods beyond those of the protocol; see ``features.methods``."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET, Raw

from lambent.errors import InvalidParamsError
from lambent.execution.call import Call, Handler
from lambent.execution.rounds.questions import require_extension
from lambent.execution.rounds.request_state import run_sealed
from lambent.features.catalog import Catalog
from lambent.features.codecs import ValidationError, to_json
from lambent.features.methods import CustomMethod
from lambent.wire.eras import method_not_found
from lambent.wire.methods import AskingParams
from lambent.wire.open_results import open_result
from lambent.wire.results import Result


class CustomParams(AskingParams, frozen=True, kw_only=True):
    """Parameters of a method: ``arguments`` is what is none of the protocol's, still JSON."""

    arguments: Raw


class _Protocols(msgspec.Struct, rename="camel"):
    """What the protocol has in ``params`` of a call that may be answered with questions."""

    input_responses: dict[str, Raw] | msgspec.UnsetType = UNSET
    request_state: str | msgspec.UnsetType = UNSET


_RESERVED = frozenset({"_meta", "inputResponses", "requestState"})


def method_handlers(catalog: Catalog) -> Mapping[str, Handler]:
    """The handlers of a server's own methods, by name."""
    return {name: functools.partial(call_method, method) for name, method in catalog.methods.items()}


def call_method(method: CustomMethod, call: Call) -> Result:
    """Answer a call of a method.

    Raises:
        MethodNotFoundError: the version of the request does not have it.
        MissingCapabilityError: the client has not declared its extension.
        InvalidParamsError: the parameters do not fit.
    """
    if method.protocol_versions is not None and call.rpc.era.version not in method.protocol_versions:
        raise method_not_found(method.name)
    if method.extension is not None:
        require_extension(call.client, method.extension)
    params = _read(call)
    try:
        kwargs = method.signature.arguments.decode(params.arguments)
    except ValidationError as error:
        raise InvalidParamsError(f"Invalid params: {error}") from None
    call = msgspec.structs.replace(call, rpc=msgspec.structs.replace(call.rpc, params=params))
    result: Result = run_sealed(method.signature, kwargs, call, functools.partial(_render, method))
    return result


def _read(call: Call) -> CustomParams:
    try:
        members = msgspec.json.decode(call.rpc.raw, type=dict[str, Raw])
        own = msgspec.json.decode(call.rpc.raw, type=_Protocols) if call.handshake is None else _Protocols()
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise InvalidParamsError(f"Invalid params: {error}") from None
    arguments = {name: member for name, member in members.items() if name not in _RESERVED}
    return CustomParams(
        meta=call.rpc.meta,
        input_responses=own.input_responses,
        request_state=own.request_state,
        arguments=Raw(msgspec.json.encode(arguments)),
    )


def _render(method: CustomMethod, value: Any) -> Result:
    """The result with the members of what the function has returned; None has no members."""
    if value is None:
        return open_result({})
    raw = to_json(value) if method.output is None else method.output.encode(value)
    if raw[:1] != b"{":
        raise TypeError(f"{method.name} returned {type(value).__name__}, and a result is an object")
    members: dict[str, Any] = msgspec.json.decode(raw, type=dict[str, Raw])
    for name in ("resultType", "_meta"):
        if name in members:
            members[name] = msgspec.json.decode(members[name])
    return open_result(members)
