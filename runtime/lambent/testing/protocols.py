"""How clients speak in either era: requests, rounds of questions, notifications."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from lambent.errors import HeaderMismatchError, LambentError
from lambent.features.header_params import compile_headers
from lambent.features.tasks import EXTENSION
from lambent.testing.answers import AskedQuestion, GivenAnswers, question_of
from lambent.testing.errors import CallError, UnansweredError
from lambent.testing.http import ACCEPT, HttpReply, Transport, header_value
from lambent.testing.results import LogMessage, Progress
from lambent.wire.eras import MODERN
from lambent.wire.headers import HeaderParam
from lambent.wire.methods import METHODS

PREFIX = "io.modelcontextprotocol/"
CLIENT_INFO = {"name": "lambent.testing", "version": "1"}

_MOST_ROUNDS = 100
"""A server that asks more often than that for one request is taken to ask for ever."""

_TOKEN = 1

_WIRE_NAMES = {"task_id": "taskId"}


class Heard(msgspec.Struct):
    """What the server has said while it answered one request."""

    progress: list[Progress] = []
    logs: list[LogMessage] = []

    def take(self, reply: HttpReply) -> HttpReply:
        """Note the notifications of a response."""
        for message in reply.messages:
            params = message.get("params", {})
            if message.get("method") == "notifications/progress":
                self.progress.append(msgspec.convert(params, Progress))
            elif message.get("method") == "notifications/message":
                self.logs.append(msgspec.convert(params, LogMessage))
        return reply


class Speaker(Protocol):
    """Speaks a version of the protocol."""

    def request(self, method: str, params: Mapping[str, Any], heard: Heard) -> dict[str, Any]:
        """The result of a request; questions before it are answered.

        Raises:
            CallError: the response is an error.
            UnansweredError: a question has no answer.
        """

    def discover(self) -> dict[str, Any]:
        """What the server says of itself, as ``server/discover`` has it."""


class ModernSpeaker:
    """Speaks the modern era: each question is a result, and the request is sent again with the answers."""

    def __init__(
        self,
        transport: Transport,
        capabilities: Mapping[str, Any],
        answers: GivenAnswers,
        headers: Mapping[str, str],
    ) -> None:
        self._transport = transport
        self._answers = answers
        self._headers = headers
        self._meta = {
            f"{PREFIX}protocolVersion": MODERN.version,
            f"{PREFIX}clientCapabilities": dict(capabilities),
            f"{PREFIX}clientInfo": CLIENT_INFO,
            f"{PREFIX}logLevel": "debug",
            "progressToken": _TOKEN,
        }
        self._mirrored: dict[str, tuple[HeaderParam, ...]] = {}

    def request(self, method: str, params: Mapping[str, Any], heard: Heard) -> dict[str, Any]:
        """See ``Speaker``."""
        retry: dict[str, Any] = {}
        for number in range(1, _MOST_ROUNDS + 1):
            result = self._round(method, {**params, **retry}, number, heard)
            if result.get("resultType") != "input_required":
                return result
            asked = questions_of(result)
            given = self._answers.answer(_named(method, params), asked)
            keys = [question.key for question in asked]
            retry = {"inputResponses": dict(zip(keys, given, strict=True))}
            if "requestState" in result:
                retry["requestState"] = result["requestState"]
        raise LambentError(f"{_named(method, params)} still asks after {_MOST_ROUNDS} rounds")

    def discover(self) -> dict[str, Any]:
        """See ``Speaker``."""
        result = self.request("server/discover", {}, Heard())
        return {**result, "serverInfo": result["_meta"][f"{PREFIX}serverInfo"]}

    def _round(self, method: str, params: dict[str, Any], number: int, heard: Heard) -> dict[str, Any]:
        try:
            return self._send_once(method, params, number, heard)
        except CallError as error:
            name = params.get("name")
            if method != "tools/call" or name in self._mirrored or error.code != HeaderMismatchError.code:
                raise
            self._learn_headers()
        return self._send_once(method, params, number, heard)

    def _send_once(self, method: str, params: dict[str, Any], number: int, heard: Heard) -> dict[str, Any]:
        body = {
            "jsonrpc": "2.0",
            "id": number,
            "method": method,
            "params": {**params, "_meta": {**self._meta, **params.get("_meta", {})}},
        }
        headers = {
            **ACCEPT,
            "mcp-protocol-version": MODERN.version,
            "mcp-method": method,
            **self._named_headers(method, params),
            **self._headers,
        }
        reply = heard.take(self._transport.send("POST", headers, msgspec.json.encode(body)))
        result = reply.response(number)
        if result is None:
            raise LambentError(f"{method} was answered with status {reply.status} and no result")
        return result

    def _named_headers(self, method: str, params: Mapping[str, Any]) -> dict[str, str]:
        known = METHODS.get(method)
        found = {}
        if known is not None and known.mirrored is not None:
            found["mcp-name"] = header_value(params[_WIRE_NAMES.get(known.mirrored, known.mirrored)])
        if method == "tools/call":
            for param in self._mirrored.get(params["name"], ()):
                value: Any = params.get("arguments")
                for key in param.path:
                    value = value.get(key) if isinstance(value, dict) else None
                if value is not None:
                    found[param.header.lower()] = header_value(value)
        return found

    def _learn_headers(self) -> None:
        """Learn which arguments have to be repeated in headers, as clients do from the list of tools."""
        cursor: dict[str, Any] = {}
        while True:
            page = self.request("tools/list", cursor, Heard())
            for tool in page["tools"]:
                self._mirrored[tool["name"]] = compile_headers(tool["inputSchema"])
            if "nextCursor" not in page:
                return
            cursor = {"cursor": page["nextCursor"]}


class LegacySpeaker:
    """Speaks a version of the legacy era: the server's questions are requests of its own.

    Streams that end with a question are resumed once it is answered. Where the stream stays open instead,
    the questions come to the transport's ``on_message`` while the request is still running.
    """

    def __init__(
        self,
        transport: Transport,
        version: str,
        capabilities: Mapping[str, Any],
        answers: GivenAnswers,
        headers: Mapping[str, str],
    ) -> None:
        self._transport = transport
        self._version = version
        self._capabilities = {name: value for name, value in capabilities.items() if name != "extensions"}
        extensions = {**capabilities.get("extensions", {})}
        extensions.pop(EXTENSION, None)  # the versions of the era have no tasks of its kind
        if extensions:
            self._capabilities["extensions"] = extensions
        self._answers = answers
        self._headers = {**ACCEPT, "mcp-protocol-version": version, **headers}
        self._opened: dict[str, Any] | None = None
        self._asker = ""
        self._unanswered: UnansweredError | None = None

    def request(self, method: str, params: Mapping[str, Any], heard: Heard) -> dict[str, Any]:
        """See ``Speaker``."""
        self._open()
        self._asker, self._unanswered = _named(method, params), None
        reply = self._post(method, {**params, "_meta": {"progressToken": _TOKEN, **params.get("_meta", {})}})
        for _ in range(_MOST_ROUNDS):
            heard.take(reply)
            if self._unanswered is not None:
                raise self._unanswered
            result = reply.response(_TOKEN)
            if result is not None:
                return result
            if not reply.event_id:
                raise LambentError(f"{method} was answered with status {reply.status} and no result")
            self._answer([message for message in reply.messages if "id" in message and "method" in message])
            reply = self._transport.send(
                "GET", {**self._headers, "last-event-id": reply.event_id}, b"", self._answer_now
            )
        raise LambentError(f"{self._asker} still asks after {_MOST_ROUNDS} rounds")

    def discover(self) -> dict[str, Any]:
        """See ``Speaker``."""
        opened = self._open()
        return {**opened, "supportedVersions": [opened["protocolVersion"]]}

    def _answer_now(self, message: dict[str, Any]) -> None:
        """Answer a question of a stream that is still open."""
        try:
            self._answer([message])
        except UnansweredError as error:
            self._unanswered = error  # raised once the request has ended
            refusal = {"code": -1, "message": "The test has no answer"}
            self._post_message({"jsonrpc": "2.0", "id": message["id"], "error": refusal})

    def _open(self) -> dict[str, Any]:
        if self._opened is None:
            reply = self._post(
                "initialize",
                {
                    "protocolVersion": self._version,
                    "capabilities": self._capabilities,
                    "clientInfo": CLIENT_INFO,
                },
            )
            self._opened = reply.response(_TOKEN) or {}
            self._keep_session(reply)
            self._post_message({"jsonrpc": "2.0", "method": "notifications/initialized"})
            if "logging" in self._opened.get("capabilities", {}):
                reply = self._post("logging/setLevel", {"level": "debug"})
                reply.response(_TOKEN)
                self._keep_session(reply)
        return self._opened

    def _keep_session(self, reply: HttpReply) -> None:
        if "mcp-session-id" in reply.headers:
            self._headers["mcp-session-id"] = reply.headers["mcp-session-id"]

    def _answer(self, messages: list[dict[str, Any]]) -> None:
        asked = [question_of(one["id"], one["method"], one.get("params", {})) for one in messages]
        for question, answer in zip(asked, self._answers.answer(self._asker, asked), strict=True):
            self._post_message({"jsonrpc": "2.0", "id": question.key, "result": answer})

    def _post(self, method: str, params: Mapping[str, Any]) -> HttpReply:
        return self._post_message({"jsonrpc": "2.0", "id": _TOKEN, "method": method, "params": params})

    def _post_message(self, message: Mapping[str, Any]) -> HttpReply:
        body = msgspec.json.encode(message)
        return self._transport.send("POST", dict(self._headers), body, self._answer_now)


def questions_of(result: Mapping[str, Any]) -> list[AskedQuestion]:
    """The questions in a result or a task, in the order in which they were asked."""
    asked = result.get("inputRequests", {})
    return [question_of(key, one["method"], one.get("params", {})) for key, one in asked.items()]


def _named(method: str, params: Mapping[str, Any]) -> str:
    """A request, for messages to whoever wrote the test."""
    name = params.get("name", params.get("uri"))
    return method if name is None else f"{method} {name!r}"
