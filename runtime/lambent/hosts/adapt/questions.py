"""What an application asks its client while a call runs, in the legacy era.

The application waits for the answer within its process, which an environment of Lambda cannot do. So the call
is stopped, and its stream ends with the question. When the client has answered and resumes the stream, the
call is run again from the top, in whichever environment, and what it asks again is answered at once. What the
application does before it asks, it does once more then: see ``docs/adapt.md``.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Raw

from lambent.errors import ToolError
from lambent.execution.call import Call
from lambent.execution.durable.answers import error_of
from lambent.execution.durable.resumption import suspend
from lambent.execution.rounds.digests import digest
from lambent.execution.rounds.legacy_questions import asker_of
from lambent.execution.rounds.sealing import State
from lambent.hosts.adapt.messages import AppMessage
from lambent.wire import jsonrpc
from lambent.wire.results import InputRequiredResult

_VOLATILE = ("_meta", "elicitationId")
"""Members of a question that are others each time it is asked."""

_REFUSED = -32600


class _Question(msgspec.Struct, frozen=True):
    """See ``lambent.execution.rounds.questions.Question``, of which ``suspend`` reads these members."""

    method: str
    params: dict[str, Any]


class Questions:
    """The questions of a call, and the answers that it was resumed with."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._answers: dict[str, tuple[str, Raw]] = {}
        self._counts: dict[str, int] = {}
        self._open: dict[str, tuple[str, _Question]] = {}
        self._may_ask: bool | None = None
        self._why_not = ""
        self.flow = ""
        self.call_id = ""
        self.sent: set[str] = set()
        if (resumed := call.resumed) is not None:
            marks = resumed.state.asked
            self._answers = dict(resumed.state.answers)
            self._answers |= {key: (marks[key], raw) for key, raw in resumed.responses.items()}
            self.flow = resumed.state.flow

    def answer(self, asked: AppMessage) -> bytes | None:
        """The answer to a request of the application; None where the client has yet to be asked."""
        assert isinstance(asked.id, str | int)  # noqa: S101 - what makes it a request
        method = str(asked.method)
        if method == "ping":
            return jsonrpc.success(asked.id, {})
        params = msgspec.json.decode(asked.params)
        question = _Question(method, params if isinstance(params, dict) else {})
        mark = digest([method, {name: one for name, one in question.params.items() if name not in _VOLATILE}])
        count = self._counts[mark] = self._counts.get(mark, 0) + 1
        key = f"{mark[:16]}{count}"
        if key in self._answers:
            return _response(asked.id, self._answers[key][1])
        if (why := self._refusal()) is not None:
            return jsonrpc.failure(asked.id, _REFUSED, why)
        self._open[key] = (mark, question)
        return None

    def suspended(self) -> InputRequiredResult:
        """The result that asks what is open; see ``lambent.execution.durable.resumption``."""
        journal: Any = self
        return suspend(InputRequiredResult(), journal, self._call)

    @property
    def asked(self) -> dict[str, tuple[str, _Question]]:
        """See ``Journal.asked``."""
        return self._open

    @property
    def refused(self) -> dict[str, tuple[str, Raw]]:
        """See ``Journal.refused``."""
        return {}

    @property
    def state(self) -> State:
        """See ``Journal.state``."""
        open_ = {key: mark for key, (mark, _) in self._open.items()}
        return State(answers=self._answers, asked=open_, flow=self.flow)

    def _refusal(self) -> str | None:
        if self._may_ask is None:
            journal: Any = self
            try:
                asker_of(self._call, journal)
                self._may_ask = True
            except ToolError as error:
                self._may_ask, self._why_not = False, str(error)
        return None if self._may_ask else self._why_not


def _response(request_id: str | int, answer: Raw) -> bytes:
    error = error_of(answer)
    if error is None:
        return jsonrpc.success(request_id, answer)
    code = error.get("code")
    text = str(error.get("message", "The client has refused"))
    return jsonrpc.failure(request_id, code if isinstance(code, int) else _REFUSED, text, error.get("data"))
