"""A response that was read, and what holds for those of all eras."""

from dataclasses import dataclass
from typing import Any

from fuzz.request_model import ParsedRequest
from fuzz.violations import require

_UNREAD = frozenset({403, 405, 406, 413, 415})
"""Statuses of requests that are refused before their bodies are read."""

SLACK = 8 * 1024
"""Characters by which an error may exceed twice the size of the request."""


@dataclass(frozen=True)
class CheckedResponse:
    """A response that was checked.

    Attributes:
        request: what it answers.
        status: the HTTP status.
        response: the JSON-RPC response; None where there is no body.
        notifications: the messages before it.
        members: of a batch, what answers each of its requests.
    """

    request: ParsedRequest
    status: int
    response: dict[str, Any] | None
    notifications: tuple[dict[str, Any], ...] = ()
    members: "tuple[CheckedResponse, ...]" = ()

    @property
    def error(self) -> dict[str, Any]:
        """The error; empty where there is none."""
        found: dict[str, Any] = (self.response or {}).get("error", {})
        return found

    @property
    def result(self) -> dict[str, Any] | None:
        """The result, if it is one."""
        return (self.response or {}).get("result")

    @property
    def outcome(self) -> str:
        """The error code, the type of the result, or ``empty``; of the legacy era, that it is of it."""
        if self.members:
            return "batch"
        if self.response is None:
            return "empty"
        if self.result is None:
            return str(self.error["code"])
        return "isError" if self.result.get("isError") else str(self.result.get("resultType", "legacy"))


def check_response(answer: CheckedResponse) -> None:
    """It is a JSON-RPC response."""
    response = answer.response or {}
    require(response.get("jsonrpc") == "2.0", "jsonrpc", str(response)[:200])
    require(("result" in response) != ("error" in response), "result or error", str(response)[:200])
    require(response.keys() <= {"jsonrpc", "id", "result", "error"}, "members", str(sorted(response)))
    require(isinstance(response.get("result", {}), dict), "result", "is no object")


def check_id(answer: CheckedResponse) -> None:
    """The id is echoed exactly, where one could be read (basic, "Error Responses")."""
    request, response = answer.request, answer.response or {}
    if "id" in response:
        echoed, given = response["id"], request.request_id
        require(type(echoed) is type(given) and echoed == given, "id", f"{echoed!r} for {given!r}")
        return
    require("error" in response, "id", "a result without an id")
    unread = answer.status in _UNREAD or answer.error["code"] == -32700
    require(unread or request.request_id is None, "id", lambda: f"{request.request_id!r} is not echoed")


def check_length(answer: CheckedResponse, body: str) -> None:
    """An error is not much longer than the request: Lambda limits the size of responses too."""
    said = answer.request.size + sum(map(len, answer.request.headers.values()))
    require(
        len(body) <= 2 * said + SLACK, "amplification", f"{len(body)} characters for {said}: {body[:300]}"
    )
