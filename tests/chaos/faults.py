"""What networks and services do now and then, done to a boto3 client on purpose."""

import io
import json
import os
import random
import signal
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectionClosedError


class Odds(msgspec.Struct, frozen=True):
    """How often what goes wrong, of 1.

    Attributes:
        throttled: a request of DynamoDB is refused with ProvisionedThroughputExceededException.
        unsent: a message is not sent; the queue answers with an error.
        lost: a request is done, and its answer does not arrive.
        doubled: a message is sent twice.
        late: a message is delayed, so that others overtake it.
        outage: DynamoDB begins to refuse everything, for longer than anybody tries again.
        killed: the process is killed when a request of DynamoDB is done, before anybody reads the answer.
    """

    throttled: float = 0.04
    unsent: float = 0.06
    lost: float = 0.01
    doubled: float = 0.15
    late: float = 0.25
    outage: float = 0.0
    killed: float = 0.0


class Faulty:
    """A client's connection on which things go wrong.

    Args:
        session: the real connection.
        odds: how often.
        dice: decides.
        told: is told what went wrong.
    """

    def __init__(self, session: Any, odds: Odds, dice: random.Random, told: Callable[[str], None]) -> None:
        self._session = session
        self._odds = odds
        self._dice = dice
        self._told = told
        self._out_until = 0.0

    def send(self, request: Any) -> Any:
        target = request.headers.get("X-Amz-Target", "")
        if isinstance(target, bytes):
            target = target.decode()
        if target.startswith("DynamoDB") and self._is_out():
            return self._refuse(request, 500, "InternalServerError", "refused in an outage")
        if target.startswith("DynamoDB") and self._dice.random() < self._odds.throttled:
            return self._refuse(request, 400, "ProvisionedThroughputExceededException", "throttled")
        if target.endswith(("SendMessage", "SendMessageBatch")) and self._dice.random() < self._odds.unsent:
            return self._refuse(request, 500, "InternalFailure", "unsent")
        response = self._session.send(request)
        if target.startswith("DynamoDB") and self._dice.random() < self._odds.killed:
            kill_this_process(self._told)
        if self._dice.random() < self._odds.lost:
            self._told("lost")
            raise ConnectionClosedError(endpoint_url=request.url)
        return response

    def close(self) -> None:
        self._session.close()

    def _is_out(self) -> bool:
        now = time.monotonic()
        if now >= self._out_until and self._dice.random() < self._odds.outage:
            self._told("outage")
            self._out_until = now + self._dice.uniform(0.2, 1.5)
        return now < self._out_until

    def _refuse(self, request: Any, status: int, code: str, what: str) -> AWSResponse:
        self._told(what)
        body = json.dumps({"__type": f"com.amazonaws#{code}", "message": "on purpose"}).encode()
        headers = {"content-type": "application/x-amz-json-1.0", "content-length": str(len(body))}
        return AWSResponse(request.url, status, headers, _Raw(body))


class _Raw(io.BytesIO):
    def stream(self, amount: int = 65536, decode_content: bool | None = None) -> Any:
        while chunk := self.read(amount):
            yield chunk


def make_faulty(client: Any, odds: Odds, dice: random.Random, told: Callable[[str], None]) -> Any:
    """Let things go wrong with a client from now on."""
    client._endpoint.http_session = Faulty(client._endpoint.http_session, odds, dice, told)
    return client


def kill_this_process(told: Callable[[str], None]) -> None:
    """End it as ``kill -9`` does: nothing is cleaned up."""
    told("killed")
    os.kill(os.getpid(), signal.SIGKILL)


class Unruly:
    """A queue that doubles and delays messages.

    Args:
        queue: the queue.
        odds: how often.
        dice: decides.
        told: is told what it did.
    """

    def __init__(self, queue: Any, odds: Odds, dice: random.Random, told: Callable[[str], None]) -> None:
        self._queue = queue
        self._odds = odds
        self._dice = dice
        self._told = told

    def send(self, task_id: str, delay: float = 0.0) -> None:
        if self._dice.random() < self._odds.late:
            self._told("late")
            delay += self._dice.choice((1, 2))
        self._queue.send(task_id, delay)
        if self._dice.random() < self._odds.doubled:
            self._told("doubled")
            self._queue.send(task_id, self._dice.choice((0, 0, 1, 3)))

    def send_all(self, messages: Sequence[str]) -> None:
        at_once = []
        for message in messages:
            if self._dice.random() < self._odds.late + self._odds.doubled:
                self.send(message)
            else:
                at_once.append(message)
        self._queue.send_all(at_once)
