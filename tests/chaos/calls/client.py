"""Clients: each makes calls, leaves in the middle of some, and tries until it has a result."""

import http.client
import json
import random
import socket
import struct
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
from tests.chaos.calls.tools import KINDS, NAMES
from tests.support import EVERYTHING, accept, dumps, headers_of, message

_CALL_SECONDS = 150.0
_TIMEOUT = 40.0
_DOUBLED = 0.1


class Made(msgspec.Struct):
    """A call, and what came of it.

    Attributes:
        call: as its client names it.
        tool: the tool that is called.
        arguments: of it.
        answers: every result that it had, in the order in which they came.
        counts: retries, connections dropped, errors by what was said.
    """

    call: str
    tool: str
    arguments: dict[str, Any]
    answers: list[Any] = []
    counts: Counter[str] = msgspec.field(default_factory=Counter)


def make_call(number: int, dice: random.Random) -> Made:
    """Think of a call."""
    tool = NAMES[number % len(NAMES)]
    call = f"call-{dice.randbytes(12).hex()}{'-' * (number // len(NAMES) % 2)}"
    more = dice.choice(([], [], [1], [2]))
    asks = more if tool.startswith(KINDS[0]) else [0, *more]
    return Made(call, tool, {"call": call, "pace": dice.choice((0.002, 0.02, 0.08)), "asks": asks})


class Client:
    """Makes calls of one host, one after the other.

    Args:
        port: of the host.
        dice: decides what it does.
        drops: how often it leaves before the answer, of 1.
    """

    def __init__(self, port: int, dice: random.Random, drops: float = 0.25) -> None:
        self._port = port
        self._dice = dice
        self._drops = drops

    def bring_about(self, made: Made) -> None:
        """Make a call until it has a result, and perhaps once or twice more."""
        rounds: list[dict[str, Any]] = [{}]
        last = time.monotonic() + _CALL_SECONDS
        while time.monotonic() < last:
            result = self._try_twice(made, self._round(made, rounds))
            if result is None:
                made.counts["retries"] += 1
            elif result["resultType"] == "input_required":
                given = {key: accept(ok=True) for key in result["inputRequests"]}
                rounds.append({"inputResponses": given, "requestState": result["requestState"]})
            else:
                made.answers.append(result)
                if self._dice.random() < 0.6:
                    return
                made.counts["retries after the end"] += 1
        made.counts["given up"] += not made.answers

    def _round(self, made: Made, rounds: list[dict[str, Any]]) -> dict[str, Any]:
        """What to send: the last round, or an earlier one again, which belongs to the same call."""
        of_call = rounds if made.tool.startswith(KINDS[0]) else rounds[1:]
        if of_call and self._dice.random() < (0.3 if made.answers else 0.1):
            return self._dice.choice(of_call)
        return rounds[-1]

    def _try_twice(self, made: Made, more: dict[str, Any]) -> Any:
        """A request, now and then with another one of the same at the same time."""
        if self._dice.random() >= _DOUBLED:
            return self._try(made, more)
        made.counts["doubled"] += 1
        second = Client(self._port, random.Random(self._dice.random()), self._drops)
        with ThreadPoolExecutor(1) as pool:
            other = pool.submit(second._try, made, more)
            result, again = self._try(made, more), other.result()
        if again is not None and again["resultType"] == "complete":
            made.answers.append(again)
        return result

    def _try(self, made: Made, more: dict[str, Any]) -> Any:
        """One request: a result, or None where it has to be tried again."""
        meta = {"progressToken": 1} if self._dice.random() < 0.3 else {}
        params = {"name": made.tool, "arguments": made.arguments, **more}
        body = message("tools/call", params, capabilities=EVERYTHING, **meta)
        made.counts["requests"] += 1
        try:
            status, response = self._exchange(body)
        except _Left:
            made.counts["connections dropped"] += 1
            return None
        except (OSError, http.client.HTTPException):
            made.counts["connections lost"] += 1
            time.sleep(0.1)
            return None
        if response is None or "result" not in response:
            error = (response or {}).get("error")
            said = f"HTTP {status}" if error is None else f"error: {error['message'].partition(' (')[0]}"
            made.counts[said] += 1
            time.sleep(self._dice.uniform(0, 0.3))
            return None
        result = response["result"]
        if result.get("isError"):
            text = result["content"][0]["text"]
            if "still running" in text:
                made.counts["still running"] += 1
                return None
            made.counts[f"isError: {text[:60]}"] += 1
            return None
        return result

    def _exchange(self, body: Any) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_TIMEOUT)
        try:
            connection.request("POST", "/mcp", dumps(body).encode(), headers_of(body))
            leaves = self._dice.random() < self._drops
            if leaves:
                connection.sock.settimeout(self._dice.choice((0.001, 0.02, 0.1, 0.3)))
            try:
                response = connection.getresponse()
                content, kind = response.read(), response.headers.get("content-type", "")
            except TimeoutError:
                if leaves:
                    _reset(connection.sock, hard=self._dice.random() < 0.5)
                    raise _Left from None
                raise
        finally:
            connection.close()
        if kind.startswith("text/event-stream"):
            frames = [frame for frame in content.decode().split("\n\n") if "data: " in frame]
            last = json.loads(frames[-1].partition("data: ")[2]) if frames else {}
            if "id" not in last:
                raise http.client.IncompleteRead(content)  # no answer, only what came before it
            return response.status, last
        return response.status, json.loads(content) if kind.startswith("application/json") else None


class _Left(Exception):  # noqa: N818 - says what happened
    """The client did not wait for the answer."""


def _reset(sock: socket.socket | None, *, hard: bool) -> None:
    if sock is not None and hard:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
