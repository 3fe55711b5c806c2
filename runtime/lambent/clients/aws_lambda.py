"""A transport of the official SDK that invokes a Lambda function: no gateway, no URL."""

from __future__ import annotations

import base64
import contextlib
import contextvars
import functools
import inspect
import json
import threading
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, TypeVar, cast

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp import types
from mcp.shared.message import SessionMessage

from lambent.wire.http import DEFAULT_BODY_LIMIT

T = TypeVar("T")

_CONTEXT_BYTES = 3583
"""Of a client context in Base64 (API reference of ``Invoke``)."""

_SECONDS = 910.0
"""Longer than a function may run."""

_AT_A_TIME = 40
"""Invocations of one transport; more of them wait."""

_ADAPTER = getattr(types, "jsonrpc_message_adapter", None)
"""Reads messages, from version 2 of the SDK on; before, a model does."""

Streams = tuple[
    MemoryObjectReceiveStream["SessionMessage | Exception"], MemoryObjectSendStream["SessionMessage"]
]


class LambdaTransport:
    """Connects a client of the official SDK to a server by ``lambda:InvokeFunction``.

    Each request is one invocation, and up to 40 run at the same time. Notifications are not sent: the
    function could do nothing with them. A request that is cancelled is not waited for any more. What goes
    wrong on the way is the error of the request.

    From version 2 of the SDK on: ``Client(LambdaTransport("shop"))``. Before: ``async with
    LambdaTransport("shop") as (read, write), ClientSession(read, write) as session``.

    Args:
        function: name or ARN of the function.
        qualifier: a version or alias of it.
        headers: sent with each request, such as ``Authorization``; see ``docs/direct.md``.
        client: of boto3 or aiobotocore, for ``lambda``; default: one of boto3 that waits as long as a
            function may run and never repeats an invocation. One that does may run a tool twice.

    Raises:
        ValueError: the headers do not fit into a client context.
    """

    def __init__(
        self,
        function: str,
        *,
        qualifier: str | None = None,
        headers: Mapping[str, str] | None = None,
        client: Any = None,
    ) -> None:
        self._target = {"FunctionName": function, **({"Qualifier": qualifier} if qualifier else {})}
        self._headers = dict(headers or {})
        self._client = client
        self._version: str | None = None
        self._stack = AsyncExitStack()
        self._running: dict[Any, anyio.CancelScope] = {}
        self._limiter: anyio.CapacityLimiter
        self._context()

    async def __aenter__(self) -> Streams:
        """Make the streams that the SDK reads and writes."""
        if self._client is None:
            self._client = await anyio.to_thread.run_sync(_client_for, self._target["FunctionName"])
        self._version, self._limiter = None, anyio.CapacityLimiter(_AT_A_TIME)
        answers_in, answers = anyio.create_memory_object_stream["SessionMessage | Exception"](0)
        requests_in, requests = anyio.create_memory_object_stream["SessionMessage"](0)
        group = await self._stack.enter_async_context(anyio.create_task_group())
        for stream in (answers_in, answers, requests_in, requests):
            self._stack.callback(stream.close)
        self._stack.callback(group.cancel_scope.cancel)

        async def invoke_all() -> None:
            async for message in requests:
                body = _written(message)
                read = json.loads(body)
                if "method" in read and "id" in read:
                    self._running[read["id"]] = scope = anyio.CancelScope()
                    group.start_soon(self._answer, read, body, answers_in, scope)
                elif read.get("method") == "notifications/cancelled":
                    request_id = (read.get("params") or {}).get("requestId")
                    if (running := self._running.get(request_id)) is not None:
                        running.cancel()  # its invocation goes on, and holds up no other one

        group.start_soon(invoke_all)
        return answers, requests_in

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> bool | None:
        """Give up what still runs. Lambda runs it to its end."""
        # Without the exception, which the group of tasks would wrap.
        return await self._stack.__aexit__(None, None, None)

    async def _answer(
        self,
        request: Mapping[str, Any],
        body: bytes,
        answers: MemoryObjectSendStream[SessionMessage | Exception],
        scope: anyio.CancelScope,
    ) -> None:
        with scope:
            message = await self._answer_of(request, body)
            # Where the session has ended, nobody waits for it.
            with contextlib.suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
                await answers.send(message)
        if self._running.get(request["id"]) is scope:
            del self._running[request["id"]]

    async def _answer_of(self, request: Mapping[str, Any], body: bytes) -> SessionMessage:
        try:
            # The answer to an invocation is the one to its request, also where it does not say so: a message
            # that the server could not read is refused without an id.
            answer = {**await self._invoke(body), "id": request["id"]}
            message = _read(answer)
        except Exception as error:  # one request fails, and none of the others
            failure = {"code": types.INTERNAL_ERROR, "message": _said(error)}
            answer = {"jsonrpc": "2.0", "id": request["id"], "error": failure}
            message = _read(answer)
        if request["method"] == "initialize" and "result" in answer:
            # Later messages of this era name the version beside them, as in the header of HTTP.
            self._version = answer["result"].get("protocolVersion")
        return message

    async def _invoke(self, body: bytes) -> dict[str, Any]:
        if len(body) > DEFAULT_BODY_LIMIT:
            raise _InvocationError(
                f"The message has {len(body)} bytes, and Lambda takes {DEFAULT_BODY_LIMIT}"
            )
        context = self._context()
        told = {"ClientContext": context} if context else {}
        call = functools.partial(self._client.invoke, **self._target, **told, Payload=body)

        def invoke() -> tuple[Any, Any]:
            response = call()
            return (
                (response, None) if inspect.isawaitable(response) else (response, response["Payload"].read())
            )

        async with self._limiter:
            response, payload = await _in_thread(invoke)
        if payload is None:  # the client is asynchronous
            response = await response
            payload = await response["Payload"].read()
        try:
            answer = json.loads(payload)
        except ValueError:
            answer = None
        if response.get("FunctionError"):
            raise _InvocationError(f"The function failed: {_failure_of(answer)}")
        is_answer = isinstance(answer, dict) and answer.get("jsonrpc") == "2.0" and "method" not in answer
        if not is_answer or not (
            isinstance(answer.get("result"), dict) or isinstance(answer.get("error"), dict)
        ):
            raise _InvocationError("The function does not answer messages: is it a server of Lambent?")
        return cast("dict[str, Any]", answer)

    def _context(self) -> str | None:
        headers = dict(self._headers)
        if self._version is not None:
            headers["MCP-Protocol-Version"] = self._version
        if not headers:
            return None
        encoded = base64.b64encode(json.dumps({"custom": {"headers": headers}}).encode()).decode()
        if len(encoded) > _CONTEXT_BYTES:
            raise ValueError(
                f"The headers take {len(encoded)} bytes of a client context, which has {_CONTEXT_BYTES}"
            )
        return encoded


class _InvocationError(Exception):
    """The function has not answered the message."""


async def _in_thread(work: Callable[[], T]) -> T:
    """Do work in a thread for which the end of the program does not wait.

    Whoever is cancelled leaves the thread to itself.
    """
    import asyncio

    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:  # trio, whose threads are of that kind
        return await anyio.to_thread.run_sync(work, abandon_on_cancel=True)
    ended, context = loop.create_future(), contextvars.copy_context()

    def run() -> None:
        value, failure = None, None
        try:
            value = context.run(work)
        except BaseException as error:
            failure = error
        with contextlib.suppress(RuntimeError):  # the event loop is closed
            loop.call_soon_threadsafe(end, value, failure)

    def end(value: T | None, failure: BaseException | None) -> None:
        if ended.cancelled():
            return
        if failure is None:
            ended.set_result(value)
        else:
            ended.set_exception(failure)

    threading.Thread(target=run, name="lambda-invocation", daemon=True).start()
    return cast("T", await ended)


def _said(error: Exception) -> str:
    from botocore.exceptions import BotoCoreError, ClientError

    if isinstance(error, BotoCoreError | ClientError | _InvocationError):
        return str(error)
    return f"{type(error).__name__}: {error}"


def _client_for(function: str) -> Any:
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=10,
        read_timeout=_SECONDS,
        retries={"total_max_attempts": 1},
        tcp_keepalive=True,
        max_pool_connections=_AT_A_TIME,
    )
    parts = function.split(":")
    region = {"region_name": parts[3]} if function.startswith("arn:") and len(parts) > 3 else {}
    return boto3.client("lambda", config=config, **region)


def _failure_of(answer: Any) -> str:
    if not isinstance(answer, dict):
        return "it did not say why"
    kind, text = answer.get("errorType"), answer.get("errorMessage")
    return ": ".join(str(part) for part in (kind, text) if part) or "it did not say why"


def _written(message: SessionMessage) -> bytes:
    # As the SDK's own transports write messages, before version 2 and from then on.
    form: dict[str, Any] = {"exclude_none": True} if _ADAPTER is None else {"exclude_unset": True}
    return message.message.model_dump_json(by_alias=True, **form).encode()


def _read(answer: Mapping[str, Any]) -> SessionMessage:
    if _ADAPTER is not None:
        return SessionMessage(_ADAPTER.validate_python(dict(answer), by_name=False))
    message: Any = types.JSONRPCMessage
    return SessionMessage(message.model_validate(dict(answer)))
