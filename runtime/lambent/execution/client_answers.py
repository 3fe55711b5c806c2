"""What clients of the legacy era answer to requests of the server: messages of their own."""

from __future__ import annotations

import msgspec
from msgspec import Raw, UnsetType

from lambent.auth.principal import Principal, key_of
from lambent.errors import HttpRefusal, StoreError
from lambent.execution.call import Services
from lambent.execution.failures import report
from lambent.wire.eras.legacy import ClientResponse

_responses = msgspec.json.Decoder(ClientResponse)


def take_answer(services: Services, principal: Principal | None, response: ClientResponse) -> None:
    """Take what a client answers to a question; late answers, and those to nobody's question, are ignored.

    An error would end the connections of some clients.

    Raises:
        HttpRefusal: 503, the table or the secret cannot be reached.
    """
    try:
        _take(services, principal, response)
    except StoreError as error:
        text = f"The answer could not be stored, send it again (reference {report(error)})"
        raise HttpRefusal(503, text, {"Retry-After": "1"}) from error


def _take(services: Services, principal: Principal | None, response: ClientResponse) -> None:
    from lambent.execution.durable.answers import Answers, is_question_id, name_of, refusal

    name = response.id
    if not isinstance(name, str) or not is_question_id(services, name, principal):
        return
    if response.is_error:
        assert isinstance(response.error, dict)  # noqa: S101 - that is what makes it one
        raw = refusal(response.error)
    else:
        raw = Raw(msgspec.json.encode(response.result))  # a copy, which does not keep the body
    if services.live is not None and services.live.answer(name, key_of(principal), raw):
        return
    if services.store is not None and (services.live is None or services.live.shared):
        Answers(services, principal).keep(name_of(name), raw)


def read_response(body: str | bytes | Raw) -> ClientResponse | None:
    """Read what a client answers to a request of the server; None where it is something else."""
    try:
        response = _responses.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    has_result = not isinstance(response.result, UnsetType) and response.id is not None
    return response if has_result or response.is_error else None
