"""Questions that a handler asks by what it returns: an ``InputRequiredResult`` that it has made itself.

The client's answers are what the journal has ``given`` in the next round then. The state of the result is its
``note``, which travels in the sealed state (basic/patterns/mrtr).
"""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, UnsetType

from lambent.errors import Suspend
from lambent.execution.call import Call
from lambent.execution.rounds.digests import digest
from lambent.execution.rounds.journal import Journal
from lambent.execution.rounds.questions import check_capability, question_of
from lambent.features.codecs import to_plain
from lambent.wire.results import InputRequiredResult


def ask(value: Any, call: Call, journal: Journal) -> bool:
    """Take over the questions and the state of a result.

    Returns:
        Whether the answers are there already, as where a client of the legacy era is asked while the call
        waits: the handler runs again with them.

    Raises:
        MissingCapabilityError: the client cannot answer such a question.
        TypeError: the result asks nothing and has no state, so no later round could differ.
        ValueError: no client can be asked such a thing.
    """
    requests, journal.note = _members(value)
    if not requests and journal.note is None:
        raise TypeError("An InputRequiredResult needs input_requests or a request_state")
    waits: list[Any] = []
    if call.handshake is not None and journal.asker is None:
        from lambent.execution.rounds.legacy_questions import asker_of  # loaded by a first legacy client

        journal.asker = asker_of(call, journal)
    for key, request in requests.items():
        params = {name: item for name, item in (request.get("params") or {}).items() if item is not None}
        question = question_of(request["method"], params)
        check_capability(question, call.client)
        mark = digest(question.request)
        pending = None if journal.asker is None else journal.asker.ask(key, mark, question)
        if pending is None:
            journal.asked[key] = mark, question
        else:
            waits.append(pending)
    try:
        for pending in waits:
            pending.result()
    except Suspend:
        from lambent.execution.rounds.legacy_questions import LiveAsker

        assert isinstance(journal.asker, LiveAsker)  # noqa: S101 - no other one lets it wait
        journal.asker.postpone(waits)  # a later round takes all answers, those that have come included
    journal.learn_round(requests)
    return bool(waits) and not journal.asked


def _members(value: Any) -> tuple[dict[str, Any], str | None]:
    """The input requests of a result by their keys, in the form that they have on the wire, and its state."""
    if isinstance(value, InputRequiredResult):
        requests, note = value.input_requests, value.request_state
        found = {} if isinstance(requests, UnsetType) else to_plain(requests)
        return found or {}, None if note is UNSET else str(note)
    plain = value.model_dump(mode="json", by_alias=True, exclude_none=True)  # the official SDK's
    return plain.get("inputRequests") or {}, plain.get("requestState")
