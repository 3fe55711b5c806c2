"""Talking with a server of either era: what was agreed on, lists, and calls with all their rounds."""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping
from typing import Any, Final

from lambent.cli.client.failures import ConnectionFailedError, RefusedError
from lambent.cli.client.mirrored import header_value, mirrored_headers
from lambent.cli.client.person import Person
from lambent.cli.client.transport import Message, MessageTransport
from lambent.wire.eras import LEGACY_VERSIONS, SUPPORTED_VERSIONS

MODERN: Final = SUPPORTED_VERSIONS[0]
LEGACY: Final = LEGACY_VERSIONS

_PREFIX: Final = "io.modelcontextprotocol/"
TASKS: Final = f"{_PREFIX}tasks"
_UNSUPPORTED_VERSION: Final = -32022
_METHOD_NOT_FOUND: Final = -32601
_MIRRORED: Final = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
_LONGEST_ROUNDS: Final = 100
_ENDED: Final = frozenset({"completed", "failed", "cancelled"})


class Session:
    """A connection on which a protocol version is agreed.

    Args:
        transport: Carries the messages.
        person: Is told and asked.
        version: Of this library, for the server to know.

    Attributes:
        protocol: The version that is spoken.
        supported: The versions that the server names; the one that is spoken where it names none.
        capabilities: Of the server.
        info: The server's name, version and title.
        instructions: For the model.
    """

    def __init__(self, transport: MessageTransport, person: Person, version: str) -> None:
        self._transport = transport
        self._person = person
        self._client = {"name": "lambent", "version": version}
        self._ids = itertools.count(1)
        self.protocol = MODERN
        self.supported: list[str] = []
        self.capabilities: dict[str, Any] = {}
        self.info: dict[str, Any] = {}
        self.instructions = ""

    def connect(self) -> None:
        """Agree on a version: the modern one, else the newest of ``initialize``.

        Raises:
            ConnectionFailedError: The server cannot be reached or speaks another protocol.
            RefusedError: It refuses.
        """
        found = self._discover()
        if found is None:
            self._initialize()
            return
        self.supported = [one for one in found["supportedVersions"] if isinstance(one, str)]
        meta = found.get("_meta")
        info = meta.get(f"{_PREFIX}serverInfo") if isinstance(meta, dict) else None
        self._take(found, info if info is not None else found.get("serverInfo"))

    def _discover(self) -> dict[str, Any] | None:
        """What a server of the modern era says; None where it is of the legacy era."""
        try:
            found = self._once("server/discover", {})
        except RefusedError as error:
            supported = error.data.get("supported") if isinstance(error.data, dict) else None
            if error.code == _UNSUPPORTED_VERSION and not set(supported or LEGACY) & set(LEGACY):
                raise
            return None
        except ConnectionFailedError as error:
            # What a server of the legacy era answers where it wants a session first, or knows no such header.
            if error.http_status in (400, 404, 405, 406, 415, 422, 501):
                return None
            raise
        versions = found.get("supportedVersions")
        return found if isinstance(versions, list) and MODERN in versions else None

    def _initialize(self) -> None:
        self.protocol = LEGACY[0]
        agreed = self._once(
            "initialize",
            {
                "protocolVersion": self.protocol,
                "capabilities": {"elicitation": {"form": {}, "url": {}}},
                "clientInfo": self._client,
            },
        )
        version = agreed.get("protocolVersion")
        if version not in LEGACY:
            raise ConnectionFailedError(
                f"the server wants protocol {version}, which this client does not speak"
            )
        self.protocol = str(version)
        self.supported = [self.protocol]
        self._take(agreed, agreed.get("serverInfo"))
        self._transport.notify(
            {"jsonrpc": "2.0", "method": "notifications/initialized"}, self._headers("", {})
        )

    def _take(self, result: Mapping[str, Any], info: Any) -> None:
        self.info = info if isinstance(info, dict) else {}
        capabilities = result.get("capabilities")
        self.capabilities = capabilities if isinstance(capabilities, dict) else {}
        self.instructions = str(result.get("instructions") or "")

    @property
    def is_modern(self) -> bool:
        """Whether the version that is spoken is of the modern era."""
        return self.protocol == MODERN

    def list_all(self, method: str, kind: str) -> list[dict[str, Any]]:
        """All pages of a list.

        Args:
            method: Such as ``tools/list``.
            kind: The member of the result that has the items.

        Raises:
            RefusedError: The server refuses; a list that it does not have is empty.
        """
        found: list[dict[str, Any]] = []
        cursor, seen = None, set[str]()
        while True:
            try:
                page = self._once(method, {} if cursor is None else {"cursor": cursor})
            except RefusedError as error:
                if error.code == _METHOD_NOT_FOUND:
                    return found
                raise
            found += [item for item in page.get(kind) or () if isinstance(item, dict)]
            cursor = page.get("nextCursor")
            if not isinstance(cursor, str) or cursor in seen:
                return found
            seen.add(cursor)

    def call_tool(self, tool: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Call a tool; questions are answered, and the end of a task is awaited.

        Args:
            tool: As the server has listed it.
            arguments: The arguments.

        Returns:
            The result.

        Raises:
            RefusedError: The server refuses, or the task has failed.
            ConnectionFailedError: The server cannot be reached.
            UnansweredQuestionError: A question cannot be answered.
        """
        params: dict[str, Any] = {"name": tool["name"], "arguments": dict(arguments)}
        headers = mirrored_headers(tool.get("inputSchema"), arguments) if self.is_modern else {}
        for _ in range(_LONGEST_ROUNDS):
            result = self._once("tools/call", params, headers)
            kind = result.get("resultType", "complete")
            if kind == "task":
                return self._await_task(result)
            if kind != "input_required":
                return result
            params = {key: params[key] for key in ("name", "arguments")}
            if "inputRequests" in result:
                params["inputResponses"] = self._answers(result["inputRequests"])
            if "requestState" in result:
                params["requestState"] = result["requestState"]
        raise ConnectionFailedError(f"the server has asked {_LONGEST_ROUNDS} times")

    def _await_task(self, task: dict[str, Any]) -> dict[str, Any]:
        task_id = str(task.get("taskId"))
        named = {"taskId": task_id}
        try:
            while True:
                status = task.get("status")
                if status in _ENDED:
                    return _result_of(task)
                if status == "input_required":
                    answers = self._answers(task.get("inputRequests") or {})
                    self._once(
                        "tasks/update",
                        {**named, "inputResponses": answers},
                        {"mcp-name": header_value(task_id)},
                    )
                else:
                    self._person.progress(
                        0, None, str(task.get("statusMessage") or f"task {task_id}: {status}")
                    )
                    time.sleep(min(max(float(task.get("pollIntervalMs") or 1000) / 1000, 0.05), 30))
                task = self._once("tasks/get", named, {"mcp-name": header_value(task_id)})
        except KeyboardInterrupt:
            self._once("tasks/cancel", named, {"mcp-name": header_value(task_id)})
            raise

    def _answers(self, requests: Mapping[str, Any]) -> dict[str, Any]:
        return {key: self._answered(request) for key, request in requests.items()}

    def _answered(self, request: Mapping[str, Any]) -> dict[str, Any]:
        if request.get("method") != "elicitation/create":
            raise ConnectionFailedError(
                f"the server asks for {request.get('method')}, which a person cannot answer"
            )
        return self._person.answer(request.get("params") or {})

    def _once(
        self, method: str, params: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """One request and its result."""
        request_id = next(self._ids)
        meta: dict[str, Any] = {"progressToken": request_id} if method == "tools/call" else {}
        if self.is_modern:
            meta |= {
                f"{_PREFIX}protocolVersion": self.protocol,
                f"{_PREFIX}clientInfo": self._client,
                f"{_PREFIX}clientCapabilities": {
                    "elicitation": {"form": {}, "url": {}},
                    "extensions": {TASKS: {}},
                },
            }
        given = {**params, "_meta": meta} if meta else dict(params)
        message = {"jsonrpc": "2.0", "id": request_id, "method": method, "params": given}
        all_headers = {**self._headers(method, params), **(headers or {} if self.is_modern else {})}
        response = self._transport.exchange(message, all_headers, self._receive)
        if (error := response.get("error")) is not None:
            if not isinstance(error, dict):
                raise ConnectionFailedError("the server sends an error that is none")
            raise RefusedError(int(error.get("code") or 0), str(error.get("message")), error.get("data"))
        result = response.get("result")
        if not isinstance(result, dict):
            raise ConnectionFailedError("the server sends a result that is none")
        return result

    def _headers(self, method: str, params: Mapping[str, Any]) -> dict[str, str]:
        if not self.is_modern:
            return {} if method == "initialize" else {"mcp-protocol-version": self.protocol}
        headers = {"mcp-protocol-version": self.protocol, "mcp-method": method}
        if method in _MIRRORED:
            headers["mcp-name"] = header_value(str(params[_MIRRORED[method]]))
        return headers

    def _receive(self, message: Message) -> Message | None:
        """Take a notification or a request of the server."""
        method, params = message.get("method"), message.get("params") or {}
        if method == "notifications/progress":
            total = params.get("total")
            self._person.progress(float(params.get("progress") or 0), total, str(params.get("message") or ""))
        elif method == "notifications/message":
            self._person.log(str(params.get("level")), params.get("data"))
        if "id" not in message or method is None:
            return None
        answer: Message = {"jsonrpc": "2.0", "id": message["id"]}
        if method == "elicitation/create":
            return {**answer, "result": self._person.answer(params)}
        if method == "ping":
            return {**answer, "result": {}}
        return {**answer, "error": {"code": _METHOD_NOT_FOUND, "message": f"{method} is not offered"}}


def _result_of(task: Mapping[str, Any]) -> dict[str, Any]:
    if task.get("status") == "completed" and isinstance(result := task.get("result"), dict):
        return result
    error = task.get("error")
    if isinstance(error, dict):
        raise RefusedError(int(error.get("code") or 0), str(error.get("message")), error.get("data"))
    raise ConnectionFailedError(
        f"the task is {task.get('status')}: {task.get('statusMessage') or 'no result'}"
    )
