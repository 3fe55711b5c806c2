"""Clients of a cluster: whatever they send may reach any process."""

import asyncio
import itertools
import json
import random
from collections import Counter
from typing import Any

import httpx
from tests import support
from tests.execution.durable.tasks.harness import TASKS
from tests.legacy import ABLE, NEWEST

_TRIES = 100
_PAUSE_SECONDS = 0.1
_AGAIN = ("still running", "working on the same session", "Others keep changing")
"""What the server says of calls that should be sent again."""


class LostError(Exception):
    """An answer that never came."""


class Clients:
    """Some clients, each of which does one thing after the other.

    Args:
        url: of the cluster.
        dice: decide what they do.

    Attributes:
        done: what they have done, by kind.
        wrong: what must never happen.
        broken: how many requests had no answer of the server, by phase.
        served: how many requests each process has answered, by its address.
        phase: of the run.
    """

    def __init__(self, url: str, dice: random.Random, pause: float) -> None:
        self._url = url
        self._dice = dice
        self._pause = pause
        self._numbers = itertools.count(1)
        # A connection for each request: a load balancer that is told anew closes those that are idle.
        limits = httpx.Limits(max_keepalive_connections=0, max_connections=None)
        self._client = httpx.AsyncClient(timeout=60.0, trust_env=False, limits=limits)
        self.done: Counter[str] = Counter()
        self.broken: Counter[str] = Counter()
        self.served: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.phase = "steady"
        self.paid: dict[str, str] = {}

    async def play(self, over: asyncio.Event) -> None:
        """Be one client until it is over."""
        acts = [self._plain, self._slow, self._pay, self._ask, self._shop, self._task]
        acts += [self._legacy, self._legacy_ask]
        while not over.is_set():
            act = self._dice.choice(acts)
            name = act.__name__.strip("_")
            try:
                async with asyncio.timeout(60.0):
                    await act()
                self.done[name] += 1
            except LostError as error:
                self.wrong.append(f"{name} was lost: {error}")
            except Exception as error:
                self.wrong.append(f"{name}: {error!r}")
            await asyncio.sleep(self._dice.uniform(0, self._pause))

    async def close(self) -> None:
        """Close what is open."""
        await self._client.aclose()

    async def _plain(self) -> None:
        number = next(self._numbers)
        self._expect(await self._text("add", {"a": number, "b": 1}), str(number + 1))

    async def _slow(self) -> None:
        """It lasts for longer than a process serves on after SIGTERM."""
        self._expect(await self._text("slow", {"seconds": 1.5}), "done")

    async def _pay(self) -> None:
        order = f"order-{next(self._numbers)}"
        self.paid[order] = await self._text("pay", {"order": order})
        self._expect(await self._text("pay", {"order": order}), self.paid[order])

    async def _ask(self) -> None:
        word = f"word-{next(self._numbers)}"
        asked = await self._call("ask", {}, capabilities=support.EVERYTHING)
        (key,) = asked["inputRequests"]
        answers = {"inputResponses": {key: support.accept(word=word)}, "requestState": asked["requestState"]}
        told = await self._call("ask", {}, answers, capabilities=support.EVERYTHING)
        self._expect(told["content"][0]["text"], word)

    async def _shop(self) -> None:
        cart = await self._text("new_cart", {})
        for count in range(1, 4):
            told = await self._call("put", {"cart": cart, "item": f"item {count}"})
            expected = [f"item {number}" for number in range(1, count + 1)]
            self._expect(told["structuredContent"]["result"], expected)

    async def _task(self) -> None:
        number = next(self._numbers)
        made = await self._call("report", {"number": number}, capabilities=TASKS)
        body = support.message("tasks/get", {"taskId": made["taskId"]}, capabilities=TASKS)
        headers = {**support.headers_of(body), "mcp-name": made["taskId"]}
        while (shown := (await self._post(body, headers))["result"])["status"] == "working":
            await asyncio.sleep(0.2)
        self._expect(shown["status"], "completed")
        self._expect(shown["result"]["content"][0]["text"], str(3 * number))

    async def _legacy(self) -> None:
        headers = await self._initialize()
        number = next(self._numbers)
        for _ in range(2):
            told = await self._post(_legacy_call("add", {"a": number, "b": 2}), headers)
            self._expect(told["result"]["content"][0]["text"], str(number + 2))

    async def _legacy_ask(self) -> None:
        """A stream that is broken ends its call in this era: the client begins anew."""
        for _ in range(_TRIES):
            headers, word = await self._initialize(), f"word-{next(self._numbers)}"
            try:
                said = await self._stream_with_answer(headers, word)
            except (httpx.TransportError, BrokenError):
                self.broken[self.phase] += 1
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            self._expect(said, word)
            return
        raise LostError("ask of a legacy client")

    async def _stream_with_answer(self, headers: dict[str, str], word: str) -> str:
        body = _legacy_call("ask", {})
        async with self._client.stream("POST", self._url, json=body, headers=headers) as response:
            if response.status_code != 200:
                raise BrokenError(str(response.status_code))
            async for line in response.aiter_lines():
                if not line.startswith("data: "):
                    continue
                message = json.loads(line.removeprefix("data: "))
                if "method" not in message:
                    return str(message["result"]["content"][0]["text"])
                answer = {"jsonrpc": "2.0", "id": message["id"], "result": support.accept(word=word)}
                await self._send(answer, headers)
        raise BrokenError("the stream has ended")

    async def _initialize(self) -> dict[str, str]:
        params = {
            "protocolVersion": NEWEST,
            "capabilities": ABLE,
            "clientInfo": {"name": "x", "version": "1"},
        }
        body = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}
        headers = {"accept": "application/json, text/event-stream", "mcp-protocol-version": NEWEST}
        response = await self._send(body, headers)
        return {**headers, "mcp-session-id": response.headers["mcp-session-id"]}

    async def _text(self, tool: str, arguments: dict[str, Any]) -> str:
        return str((await self._call(tool, arguments))["content"][0]["text"])

    async def _call(
        self, tool: str, arguments: dict[str, Any], also: dict[str, Any] | None = None, **more: Any
    ) -> dict[str, Any]:
        body = support.message("tools/call", {"name": tool, "arguments": arguments, **(also or {})}, **more)
        for _ in range(_TRIES):
            result: dict[str, Any] = (await self._post(body, support.headers_of(body)))["result"]
            text = result["content"][0]["text"] if result.get("isError") else ""
            if not any(said in text for said in _AGAIN):
                assert not text, text
                return result
            await asyncio.sleep(_PAUSE_SECONDS)
        raise LostError(f"{tool}: {text}")

    async def _post(self, body: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
        response = await self._send(body, headers)
        text = response.text
        if response.headers["content-type"].startswith("text/event-stream"):
            text = text.rstrip("\n").rpartition("\ndata: ")[2]
        message: dict[str, Any] = json.loads(text)
        assert "result" in message, message
        return message

    async def _send(self, body: dict[str, Any], headers: dict[str, str]) -> httpx.Response:
        """Send a request, again where no process has answered it: all that is sent here may be sent twice."""
        for _ in range(_TRIES):
            try:
                response = await self._client.post(self._url, json=body, headers=headers)
                if response.status_code < 500:
                    assert response.status_code in (200, 202), (response.status_code, response.text)
                    self.served[response.headers["x-served-by"]] += 1
                    return response
            except httpx.TransportError:
                pass
            self.broken[self.phase] += 1
            await asyncio.sleep(_PAUSE_SECONDS)
        raise LostError(str(body["method"]))

    def _expect(self, found: object, expected: object) -> None:
        assert found == expected, (found, expected)


class BrokenError(Exception):
    """No answer of the server came."""


def _legacy_call(tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    params = {"name": tool, "arguments": arguments}
    return {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": params}
