"""From ``emit`` to the endpoint, next to the bare calls that it is made of.

python -m benchmarks.events [--calls N]

AWS is MiniStack on a loopback port, as in ``benchmarks.durable``; endpoints are on this machine, without TLS.
"""

import argparse
import contextlib
import http.client
import itertools
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.chaos.cloud import REGION
from tests.hooks import Hook
from tests.support import SECRET, Client

from benchmarks.durable import ITEM, TABLE, local_aws
from benchmarks.environments import HERE, Installer
from lambent import MCPServer, Principal, Settings
from lambent.cli.local_aws.sqs_events import sqs_event
from lambent.execution.call import Call
from lambent.hosts.events_settings import EventSettings
from lambent.stores import aws

EVENT = "order.refunded"
HANGING = 3
BATCH, ENVIRONMENTS = 10, 20
"""As template.yaml has them for the function that delivers."""

HEADER = "| what | AWS calls | p50 ms | p99 ms | bare | bare p50 ms | ratio | more, ms |"


@dataclass
class Refund:
    order: int
    cents: int = 1999
    currency: str = "EUR"


def make_server() -> MCPServer:
    def identify(call: Call, following: Any) -> Any:
        return following(call.as_principal(Principal("ann", "https://issuer.example")))

    mcp = MCPServer("events", version="1.0.0", middleware=[identify])

    @mcp.event(EVENT, payload=Refund, delivery=["poll", "webhook"])
    def refunded() -> None:
        """A refund was paid out."""

    return mcp


class Poller:
    """Takes messages of a queue in some threads, as Lambda does, and gives them to a function."""

    def __init__(self, queue_url: str, work: Callable[[list[Any]], None], threads: int) -> None:
        self._queue_url, self._work, self._over = queue_url, work, threading.Event()
        self._sqs = aws.client("sqs")
        self._threads = [threading.Thread(target=self._run) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def _run(self) -> None:
        wanted = {"MaxNumberOfMessages": BATCH, "WaitTimeSeconds": 1, "MessageSystemAttributeNames": ["All"]}
        while not self._over.is_set():
            found = self._sqs.receive_message(QueueUrl=self._queue_url, **wanted).get("Messages", [])
            if not found:
                continue
            self._work(found)
            entries = [{"Id": one["MessageId"], "ReceiptHandle": one["ReceiptHandle"]} for one in found]
            self._sqs.delete_message_batch(QueueUrl=self._queue_url, Entries=entries)

    def close(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()


class Bench:
    """A server with a table and a queue, and one without."""

    def __init__(self, queue_url: str, bare_url: str) -> None:
        self.dynamodb, self.sqs, self.bare_url = aws.client("dynamodb"), aws.client("sqs"), bare_url
        self.aws_calls = 0
        for made in (self.dynamodb, self.sqs):
            made.meta.events.register("before-send", self._count)
        given = EventSettings(queue_url=queue_url, local_callbacks=True)
        settings = Settings(state_keys=(SECRET,), table=TABLE, events=given)
        mcp = make_server()
        self.emitter, self.handler = mcp.events(settings), mcp.lambda_handler(settings)
        self.client = Client(self.handler)
        self.orders = itertools.count()
        arn = f"arn:aws:sqs:{REGION}:123456789012:{queue_url.rpartition('/')[2]}"
        self._deliver = (queue_url, lambda messages: self.handler(sqs_event(messages, arn, REGION), None))

    def _count(self, **_: Any) -> None:
        self.aws_calls += 1

    def row(self, what: str, took: list[float], calls: float, bare: str, bare_took: list[float]) -> str:
        ms, bare_ms = statistics.median(took) * 1000, statistics.median(bare_took) * 1000
        p99 = statistics.quantiles(took, n=100)[98] * 1000
        own = f"| {what} | {calls:g} | {ms:.2f} | {p99:.2f} "
        return f"{own}| {bare} | {bare_ms:.2f} | {ms / bare_ms:.2f} | {ms - bare_ms:.2f} |"

    def compare(
        self, what: str, calls: int, work: Callable[[], Any], bare_name: str, bare: Callable[[], Any]
    ) -> str:
        """Time something and its bare counterpart in turns; what comes first warms up."""
        took, bare_took, asked = [], [], 0
        for number in range(-5, calls):
            begin = time.perf_counter()
            bare()
            middle, before = time.perf_counter(), self.aws_calls
            work()
            end = time.perf_counter()
            if number >= 0:
                asked += self.aws_calls - before
                bare_took.append(middle - begin)
                took.append(end - middle)
        return self.row(what, took, asked / calls, bare_name, bare_took)

    def rows(self, calls: int) -> Iterator[str]:
        yield self.compare("`emit`", calls, self._emit, "2 PutItem + SendMessage", self._put_and_send)
        named = "`emit` with an `event_id`"
        yield self.compare(named, calls, self._emit_once, "2 PutItem + SendMessage", self._put_and_send)
        cursor = self.client.request("events/poll", {"name": EVENT}).result["cursor"]
        idle = {"name": EVENT, "cursor": cursor}
        poll = lambda: self.client.request("events/poll", idle).result  # noqa: E731 - a function of one line
        yield self.compare("`events/poll` that finds nothing", calls, poll, "GetItem", self._get_item)
        yield from self._in_one_process(calls)
        yield from self._deliveries(calls)

    def _in_one_process(self, calls: int) -> Iterator[str]:
        """In the memory of a process, whose threads deliver, and with mcp-webhook-events."""
        given = EventSettings(local_callbacks=True)
        handler = make_server().lambda_handler(Settings(state_keys=(SECRET,), in_memory=True, events=given))
        events = handler._endpoint.executor.services.events
        assert events is not None
        with contextlib.closing(Hook()) as hook, tempfile.TemporaryDirectory() as folder:
            python = Installer(sys.executable).environment("webhook_events").python
            peer = HERE / "peers" / "webhook_events.py"
            told = subprocess.run(
                [python, peer, folder, hook.url, str(calls)], check=True, capture_output=True
            ).stdout
            subscribe(Client(handler), hook)
            took, begun = [], len(hook.deliveries)
            for number in range(calls):
                begin = time.perf_counter()
                events.emit(EVENT, Refund(number))
                hook.wait(begun + number + 1)
                took.append(time.perf_counter() - begin)
        what = "`emit` to the endpoint, in the memory of a process"
        yield self.row(what, took, 0, "`mcp-webhook-events` with SQLite", json.loads(told))

    def _deliveries(self, calls: int) -> Iterator[str]:
        """From ``emit`` to the arrival, alone, and while other endpoints do not answer."""
        for url in (self._deliver[0], self.bare_url):
            self.sqs.purge_queue(QueueUrl=url)
        with contextlib.ExitStack() as opened:
            hook, bare_hook, *hanging = [
                opened.enter_context(contextlib.closing(Hook())) for _ in range(2 + HANGING)
            ]
            opened.callback(Poller(*self._deliver, threads=ENVIRONMENTS).close)
            opened.callback(Poller(self.bare_url, lambda _: post(bare_hook.url), threads=ENVIRONMENTS).close)
            subscribe(self.client, hook)
            counts = itertools.count(1), itertools.count(1)

            def bare() -> None:
                self.sqs.send_message(QueueUrl=self.bare_url, MessageBody="bare")
                bare_hook.wait(next(counts[0]))

            def arrives() -> None:
                self._emit()
                hook.wait(next(counts[1]))

            name = "SendMessage + ReceiveMessage + POST"
            yield self.compare("`emit` to the endpoint", calls, arrives, name, bare)
            for one in hanging:
                one.hold.clear()
                subscribe(self.client, one)
            told = f"the same, while {HANGING} other endpoints do not answer"
            yield self.compare(told, calls // 5, arrives, name, bare)
            for one in hanging:
                one.hold.set()

    def _emit(self) -> None:
        self.emitter.emit(EVENT, Refund(next(self.orders)))

    def _emit_once(self) -> None:
        order = next(self.orders)
        self.emitter.emit(EVENT, Refund(order), event_id=f"refund-{order}")

    def _get_item(self) -> None:
        self.dynamodb.get_item(TableName=TABLE, Key={"pk": ITEM["pk"]}, ConsistentRead=True)

    def _put_and_send(self) -> None:
        for _ in range(2):
            self.dynamodb.put_item(TableName=TABLE, Item=ITEM)
        self.sqs.send_message(QueueUrl=self.bare_url, MessageBody="bare")


def subscribe(client: Client, hook: Hook) -> None:
    delivery = {"mode": "webhook", "url": hook.url, "secret": "whsec_" + "A" * 43 + "="}
    reply = client.request("events/subscribe", {"name": EVENT, "delivery": delivery})
    assert "result" in reply.response, reply.body


def post(url: str) -> None:
    """Send a body of the size of a delivery."""
    host, _, path = url.removeprefix("http://").partition("/")
    connection = http.client.HTTPConnection(host, timeout=10)
    connection.request("POST", f"/{path}", b'{"eventId":"' + b"x" * 200 + b'"}')
    connection.getresponse().read()
    connection.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.events")
    parser.add_argument("--calls", type=int, default=200, help="of each kind")
    calls = max(parser.parse_args().calls, 30)
    with local_aws() as bare_url:
        queue_url = aws.client("sqs").create_queue(QueueName="deliveries")["QueueUrl"]
        bench = Bench(queue_url, bare_url)
        print(HEADER)
        print("|---" * 8 + "|")
        for row in bench.rows(calls):
            print(row, flush=True)
        bench.handler.close()


if __name__ == "__main__":
    main()
