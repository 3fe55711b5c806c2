"""A client of a deployed server, which keeps all the rules of the protocol."""

import itertools
import json
import time
from collections.abc import Mapping
from typing import Any

from tests.e2e.cloud import Cloud, Reply
from tests.support import accept, dumps, headers_of, message

ASKING: dict[str, Any] = {"elicitation": {}}
TASKS: dict[str, Any] = {**ASKING, "extensions": {"io.modelcontextprotocol/tasks": {}}}
TERMINAL = ("completed", "failed", "cancelled")
SECONDS = 60
LARGE = 256 * 1024
"""Bytes: larger arguments, and results that are larger together with them, go to the bucket."""

Result = dict[str, Any]


class ServerError(AssertionError):
    """The server answered with an error."""


class Client:
    """Sends requests to an MCP endpoint.

    Args:
        cloud: where it is.
        url: the endpoint.
        headers: sent along with every request.
    """

    def __init__(self, cloud: Cloud, url: str, headers: Mapping[str, str] | None = None) -> None:
        self.cloud = cloud
        self.url = url
        self._headers = dict(headers or {})
        self._ids = itertools.count(1)

    def post(self, method: str, params: Mapping[str, Any] | None = None, **meta: Any) -> Reply:
        """Send a request; any response is an answer."""
        body = message(method, params, request_id=next(self._ids), **meta)
        headers = headers_of(body)
        if params is not None and "taskId" in params:
            headers["mcp-name"] = params["taskId"]
        return self.cloud.send(self.url, dumps(body).encode(), {**headers, **self._headers})

    def request(self, method: str, params: Mapping[str, Any] | None = None, **meta: Any) -> Result:
        """Send a request.

        Raises:
            ServerError: the answer is no result.
        """
        reply = self.post(method, params, **meta)
        if reply.status != 200:
            raise ServerError(f"{method}: {reply.status} {reply.body.decode()}")
        answer = json.loads(reply.body)
        if "result" not in answer:
            raise ServerError(f"{method}: {answer}")
        result: Result = answer["result"]
        return result

    def call(
        self,
        tool: str,
        arguments: Mapping[str, Any] | None = None,
        also: Mapping[str, Any] | None = None,
        **meta: Any,
    ) -> Result:
        """Call a tool; `also` adds parameters."""
        params = {"name": tool, "arguments": dict(arguments or {}), **(also or {})}
        return self.request("tools/call", params, **meta)

    def answered(self, tool: str, arguments: Mapping[str, Any], answers: Mapping[str, Any]) -> Result:
        """Call a tool that asks once, and answer."""
        asked = self.call(tool, arguments, capabilities=ASKING)
        if asked["resultType"] != "input_required":
            raise ServerError(f"{tool} did not ask: {asked}")
        retry = {"inputResponses": dict(answers), "requestState": asked["requestState"]}
        return self.call(tool, arguments, retry, capabilities=ASKING)

    def task(
        self, tool: str, arguments: Mapping[str, Any], able: Mapping[str, Any] = TASKS, **meta: Any
    ) -> str:
        """Call a tool that becomes a task; its id."""
        created = self.call(tool, arguments, capabilities=able, **meta)
        if created["resultType"] != "task":
            raise ServerError(f"{tool} became no task: {created}")
        task_id: str = created["taskId"]
        return task_id

    def padded_task(
        self, tool: str, arguments: Mapping[str, Any], size: int, able: Mapping[str, Any] = TASKS
    ) -> str:
        """Call a tool that becomes a task with parameters of so many bytes; its id."""
        params = {"name": tool, "arguments": dict(arguments)}
        bare = dumps(message("tools/call", params, capabilities=able, padding="")["params"])
        return self.task(tool, arguments, able, padding="x" * (size - len(bare)))

    def finish(self, task_id: str) -> Result:
        """Answer what a report asks, and wait for it."""
        self.wait(task_id, "input_required")
        self.answer(task_id, {"scope": accept(include=True)})
        return self.wait(task_id, "completed")

    def show(self, task_id: str) -> Result:
        """A task as it is."""
        return self.request("tasks/get", {"taskId": task_id}, capabilities=TASKS)

    def wait_until_it_runs(self, task_id: str) -> None:
        """Ask for a task until a worker has reported progress."""
        created = self.show(task_id)
        deadline = time.monotonic() + SECONDS
        while self.show(task_id)["lastUpdatedAt"] == created["lastUpdatedAt"]:
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def answer(self, task_id: str, answers: Mapping[str, Any]) -> None:
        """Answer what a task asks."""
        params = {"taskId": task_id, "inputResponses": dict(answers)}
        self.request("tasks/update", params, capabilities=TASKS)

    def wait(self, task_id: str, *statuses: str) -> Result:
        """Ask for a task, now and then, until it has one of the statuses."""
        deadline = time.monotonic() + SECONDS
        while (shown := self.show(task_id))["status"] not in (statuses or TERMINAL):
            if shown["status"] in TERMINAL or time.monotonic() > deadline:
                raise ServerError(f"not {statuses}: {shown}")
            time.sleep(0.1)
        return shown
