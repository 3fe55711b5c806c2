"""Questions on hosts that send responses as a whole: the stream ends, and its client resumes it (SEP-1699).

::

    POST tools/call ─► run: question ─► stream: id E0, retry, question ▌ ends
    POST answer ─────► kept under the question's id                      202
    GET E0 ──────────► not answered yet ─► stream: id E1, retry         ▌ ends
    GET E1 ──────────► run again with the answer ─► stream: result      ▌ ends

The event id is the sealed journal of the call, together with its request. The GET has no body, so that is all
the server has. What is too large for a header is kept in the table, and the event id names it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Raw, Struct

from lambent.auth.principal import Principal, key_of
from lambent.errors import ConfigurationError, HttpRefusal, StoreError
from lambent.execution.call import Call, Services
from lambent.execution.durable.answers import (
    Answers,
    KeptRecord,
    question_id,
    question_name,
    random_call_id,
)
from lambent.execution.durable.records import Records
from lambent.execution.failures import report
from lambent.execution.handshakes import Handshake
from lambent.execution.invocation import Invocation
from lambent.execution.rounds.journal import Journal
from lambent.execution.rounds.sealing import State
from lambent.wire.eras import era_of_version
from lambent.wire.eras.legacy import FIRST_RETRY_MS, LegacyEra
from lambent.wire.http import (
    SSE_HEADERS,
    STREAM,
    HttpResponse,
    Request,
    sse_frame,
    sse_priming,
)
from lambent.wire.jsonrpc import RequestId, RpcMessage
from lambent.wire.results import InputRequiredResult

if TYPE_CHECKING:
    from lambent.execution.endpoint import Endpoint

_TOKEN_VERSION = b"\x02"
_LONGEST_EVENT_ID = 5500
"""Characters. API Gateway takes 10,240 bytes of request headers, among them tokens of the client."""

_RETRY_GROWTH = 1.5
_LONGEST_RETRY_MS = 5000


class Resumed(Struct):
    """With what a call is run again.

    Attributes:
        call_id: names the call among those that ask.
        principal: the key of the one whose call it is.
        state: its journal.
        responses: the answers that have come, by key.
        is_early: set where the client has to come again: another request runs the call at this moment, or the
            table cannot be reached.
        is_foreign: set where the call is another principal's, as middleware found out.
    """

    call_id: str
    principal: str
    state: State
    responses: dict[str, Raw]
    is_early: bool = False
    is_foreign: bool = False


class _Suspended(Struct, frozen=True, array_like=True):
    """A call that waits for answers, as its event id has it.

    Attributes:
        handshake: what the client has negotiated, which may have lost its session since.
        caller: the key of the caller; see ``Call.caller``.
        principal: the key of the one whose call it is, which middleware may have found out.
        audience: the server.
        request_id: of the call, which its response has to have.
        expires: seconds since the epoch.
        polls: how often its client has looked for the result in vain.
        call_id: names the call among those that ask.
        method: the JSON-RPC method.
        params: its parameters.
        state: the journal.
        kept: names the record that has parameters and state, where they are kept in the table; else empty.
    """

    handshake: Handshake
    caller: str
    principal: str
    audience: str
    request_id: RequestId
    expires: int
    polls: int
    call_id: str
    method: str
    params: Raw = Raw(b"null")
    state: State = State()
    kept: str = ""


_decoder = msgspec.json.Decoder(_Suspended)


def suspend(result: InputRequiredResult, journal: Journal, call: Call) -> InputRequiredResult:
    """Give a result that asks the ids of its questions, and the event id from which its stream is resumed.

    Questions that were sent while the stream was open are not asked again.
    """
    services, era = call.services, call.rpc.era
    assert isinstance(era, LegacyEra)  # noqa: S101 - the modern era has no handshake
    assert call.handshake is not None  # noqa: S101
    call_id = journal.call_id or (random_call_id() if call.resumed is None else call.resumed.call_id)
    journal.flow = journal.flow or call_id  # its rounds complete the call only once
    requests: dict[str, Any] = {}
    for key, (mark, question) in journal.asked.items():
        if key in journal.sent:
            continue
        params = era.question(question.method, question.params, f"{call_id}.{key}")
        name = question_id(services, question_name(call_id, key, mark), call.caller)
        requests[name] = {"method": question.method, "params": params}
    state = journal.state
    suspended = _Suspended(
        handshake=call.handshake,
        caller=key_of(call.caller),
        principal=key_of(call.principal),
        audience=services.audience,
        request_id=call.rpc.id,
        expires=int(services.clock()) + services.state_ttl,
        polls=0,
        call_id=call_id,
        method=call.method,
        params=call.rpc.raw,
        state=msgspec.structs.replace(state, answers={**state.answers, **journal.refused}),
    )
    result.input_requests = requests
    result.request_state = _seal(suspended, services)
    return result


def _seal(suspended: _Suspended, services: Services) -> str:
    payload = msgspec.json.encode(suspended)
    event_id = services.sealer.seal_bytes(payload, _TOKEN_VERSION)
    if len(event_id) <= _LONGEST_EVENT_ID:
        return event_id
    # Each round has its own record: two rounds, or two runs of one, may end in the same second.
    brief = msgspec.structs.replace(suspended, params=Raw(b"null"), state=State(), kept=random_call_id())
    _records(services).insert(_record_key(brief, services), KeptRecord(payload, suspended.expires))
    return services.sealer.seal_bytes(msgspec.json.encode(brief), _TOKEN_VERSION)


def _records(services: Services) -> Records[KeptRecord]:
    assert services.store is not None  # noqa: S101 - asked for before
    return Records(services.store, services.clock, "STREAM", services.audience, KeptRecord)


def _record_key(suspended: _Suspended, services: Services) -> str:
    return _records(services).key(suspended.kept, suspended.caller)


def resume(
    endpoint: Endpoint, request: Request, invocation: Invocation, principal: Principal | None, event_id: str
) -> HttpResponse:
    """Answer a GET that resumes a stream: with the result, further questions, or a later time to come again.

    Raises:
        HttpRefusal: 400, the event id is not one of this server's for this caller; 503, the secret that opens
            it cannot be read.
    """
    services = endpoint.executor.services
    suspended = _open(event_id, services)
    mine = (services.audience, key_of(principal))
    if suspended is None or (suspended.audience, suspended.caller) != mine or services.store is None:
        raise _unknown()
    try:
        whole = _whole(suspended, services)
        if whole is None or services.clock() >= suspended.expires:
            return _late(suspended)
        responses = _responses(whole, services, principal)
    except StoreError as error:
        report(error)
        responses = None
    if responses is None:
        return _come_again(suspended, services)
    assert whole is not None  # noqa: S101 - it has the questions that are answered
    resumed = Resumed(whole.call_id, whole.principal, whole.state, responses)
    message = RpcMessage("2.0", whole.method, whole.request_id, whole.params)
    invocation.may_stream = True
    reply = endpoint.answer(message, request, invocation, principal, suspended.handshake, resumed)
    if resumed.is_foreign:
        raise _unknown()
    if resumed.is_early:
        return _come_again(suspended, services)
    response = endpoint.respond(reply, message, suspended.handshake, request, invocation, STREAM)
    response.status = 200  # what a call is refused for is not what is wrong with this request
    return response


def _unknown() -> HttpRefusal:
    return HttpRefusal(400, "Unknown Last-Event-ID: send the request again")


def _open(event_id: str, services: Services) -> _Suspended | None:
    try:
        payload = services.sealer.open_bytes(event_id, _TOKEN_VERSION)
        return None if payload is None else _decoder.decode(payload)
    except (ConfigurationError, msgspec.DecodeError):  # none was given out, or by an earlier release
        return None
    except StoreError as error:
        text = f"The stream cannot be resumed now, try again (reference {report(error)})"
        raise HttpRefusal(503, text, {"Retry-After": "1"}) from error


def _whole(suspended: _Suspended, services: Services) -> _Suspended | None:
    """A suspended call with what is kept in the table; None where that is there no more."""
    if not suspended.kept:
        return suspended
    held = _records(services).read(_record_key(suspended, services))
    return None if held is None else _decoder.decode(held.record.payload)


def _responses(
    suspended: _Suspended, services: Services, principal: Principal | None
) -> dict[str, Raw] | None:
    """The answers to all questions that are open, by key; None while one is missing."""
    answers, found = Answers(services, principal), {}
    for key, mark in suspended.state.asked.items():
        answer = answers.read(question_name(suspended.call_id, key, mark))
        if answer is None:
            return None
        found[key] = answer
    return found


def _come_again(suspended: _Suspended, services: Services) -> HttpResponse:
    retry = min(_LONGEST_RETRY_MS, int(FIRST_RETRY_MS * _RETRY_GROWTH ** (suspended.polls + 1)))
    later = msgspec.structs.replace(suspended, polls=suspended.polls + 1)
    token = services.sealer.seal_bytes(msgspec.json.encode(later), _TOKEN_VERSION)
    return _stream(sse_priming(token, retry))


def _late(suspended: _Suspended) -> HttpResponse:
    """The end of a call that nobody has answered: without the call's own id its client would hang."""
    from lambent.execution.execute import shown

    outcome = shown(suspended.method, "The user has not answered in time: call again")
    reply = era_of_version(suspended.handshake.version).render(suspended.request_id, outcome, {})
    return _stream(sse_frame(reply.body))


def _stream(body: bytes) -> HttpResponse:
    return HttpResponse(200, {**SSE_HEADERS}, body)
