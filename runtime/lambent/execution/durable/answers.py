"""What clients of the legacy era answer to questions, kept until their calls look for it.

The id of a question is ``q.<call>.<question>.<stamp>``. Only this server can make the stamp, so nobody can
fill the table with answers to questions that were never asked. Answers are kept under the name without the
stamp, which is another one when the secret has been rotated.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Raw

from lambent.auth.principal import Principal, key_of
from lambent.errors import ConfigurationError, ItemTooLargeError
from lambent.execution.call import Services
from lambent.execution.durable.records import Record, Records
from lambent.execution.rounds.digests import digest, to_base64url

_PARTS = 4
_REFUSED = "lambent.refused"
_REFUSAL = f'{{"{_REFUSED}":'.encode()
"""How a refusal begins, and no result."""


def refusal(error: Mapping[str, Any]) -> Raw:
    """What is kept as the answer where a client answers with an error."""
    return Raw(msgspec.json.encode({_REFUSED: error}))


def error_of(answer: Raw) -> Mapping[str, Any] | None:
    """The error that an answer is; None where it is a result, as in the modern era."""
    if not bytes(answer).startswith(_REFUSAL):
        return None
    error: Mapping[str, Any] = msgspec.json.decode(answer, type=dict[str, dict[str, Any]])[_REFUSED]
    return error


_TOO_LARGE = refusal({"message": "The answer is too large"})


def random_call_id() -> str:
    """Names a call among those that ask: 128 random bits."""
    return to_base64url(os.urandom(16))


def question_name(call_id: str, key: str, mark: str) -> str:
    """The name of a question; ``mark`` is its digest."""
    return f"q.{call_id}.{digest([key, mark])[:12]}"


def question_id(services: Services, name: str, principal: Principal | None) -> str:
    """The id of the request that asks the question with this name."""
    return f"{name}.{services.handshakes.stamp(name, principal)}"


def name_of(request_id: str) -> str:
    """The name of the question that the request with this id asks."""
    return request_id.rpartition(".")[0]


def is_question_id(services: Services, request_id: str, principal: Principal | None) -> bool:
    """Whether this server has asked this principal a question with this id."""
    question, _, stamp = request_id.rpartition(".")
    if not question.startswith("q.") or request_id.count(".") != _PARTS - 1:
        return False
    try:
        return services.handshakes.is_stamp(stamp, question, principal)
    except ConfigurationError:
        return False


class _AnswerRecord(Record, frozen=True):
    answer: Raw
    expires: float

    @property
    def purge_at(self) -> float:
        """See ``Record.purge_at``."""
        return self.expires


class Answers:
    """The answers of a principal, in the table."""

    def __init__(self, services: Services, principal: Principal | None) -> None:
        assert services.store is not None  # noqa: S101 - asked for before
        self._records = Records(services.store, services.clock, "ANSWER", services.audience, _AnswerRecord)
        self._principal = key_of(principal)
        self._ttl = services.state_ttl

    def keep(self, question: str, answer: Raw) -> None:
        """Keep the answer to the question with this name, unless there is one: the first one counts.

        Raises:
            StoreError: the table cannot be reached.
        """
        expires = self._records.clock() + self._ttl
        key = self._records.key(question, self._principal)
        try:
            self._records.insert(key, _AnswerRecord(answer, expires))
        except ItemTooLargeError:
            self._records.insert(key, _AnswerRecord(_TOO_LARGE, expires))

    def read(self, question: str) -> Raw | None:
        """The answer to the question with this name, if there is one. Raises ``StoreError``."""
        held = self._records.read(self._records.key(question, self._principal))
        return None if held is None or held.record.expires <= self._records.clock() else held.record.answer


class KeptRecord(Record, frozen=True):
    """What does not fit into an event id."""

    payload: bytes
    expires: float

    @property
    def purge_at(self) -> float:
        """See ``Record.purge_at``."""
        return self.expires
