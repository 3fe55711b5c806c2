"""Sessions and tasks, next to the bare calls to AWS that they are made of.

python -m benchmarks.durable [--calls N]

AWS is MiniStack on a loopback port: a round trip takes other times here than in a region, so read the
counts, and what a call takes more than its bare counterpart, with which it takes turns. Budgets: a session in
5 ms, a task that a new environment has to find in 200 ms, 5 ms from a worker's event to the tool.
"""

import argparse
import contextlib
import functools
import os
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, make_dataclass
from typing import Any

from tests.chaos.cloud import REGION, create_table
from tests.execution.durable.tasks.harness import TaskClient, queue_event
from tests.support import SECRET

from lambent import Context, MCPServer, Session, TaskPolicy
from lambent.cli.local_aws.emulator import Emulator
from lambent.hosts.settings import Settings
from lambent.stores import aws

CREDENTIALS = {
    **dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "local"),
    **dict.fromkeys(("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"), os.devnull),
    **dict.fromkeys(("AWS_REGION", "AWS_DEFAULT_REGION"), REGION),
}
TABLE = "durable"
Cart = make_dataclass("Cart", [("items", list[str], field(default_factory=list))])
ITEM = {"pk": {"S": "BARE#1"}, "version": {"N": "1"}, "body": {"B": b"\0" * 400}, "purge_at": {"N": "1"}}


@dataclass(frozen=True)
class Row:
    what: str
    bare: str
    aws_calls: float
    took: list[float]
    bare_took: list[float]

    def __str__(self) -> str:
        took, bare = statistics.median(self.took) * 1000, statistics.median(self.bare_took) * 1000
        p99 = statistics.quantiles(self.took, n=100)[98] * 1000
        own = f"| {self.what} | {self.aws_calls:g} | {took:.2f} | {p99:.2f} "
        return f"{own}| {self.bare} | {bare:.2f} | {took / bare:.2f} | {took - bare:.2f} |"


class Bench:
    def __init__(self, queue_url: str) -> None:
        self.queue_url = queue_url
        self.dynamodb, self.sqs = aws.client("dynamodb"), aws.client("sqs")
        self.aws_calls = 0
        for made in (self.dynamodb, self.sqs):
            made.meta.events.register("before-send", self._count)
        self.returned = threading.Event()
        settings = Settings(state_keys=(SECRET,), table=TABLE, task_queue_url=queue_url)
        self.make_handler = functools.partial(self._server().lambda_handler, settings)
        self.handler = self.make_handler()
        self.client = TaskClient(self.handler)

    def _count(self, **_: Any) -> None:
        self.aws_calls += 1

    def _server(self) -> MCPServer:
        mcp = MCPServer("durable", version="1.0.0")

        @mcp.tool()
        def new_cart(ctx: Context) -> str:
            return ctx.sessions.create(Cart)

        @mcp.tool()
        def put(cart: Session[Cart], item: str) -> int:
            cart.items[:] = [item]
            return len(cart.items)

        @mcp.tool()
        def count(cart: Session[Cart]) -> int:
            return len(cart.items)

        @mcp.tool(task=TaskPolicy())
        def report(month: str) -> str:
            self.begun_at = time.perf_counter()
            self.done_at = time.perf_counter()
            self.returned.set()
            return f"Report of {month}"

        return mcp

    def get_item(self) -> None:
        self.dynamodb.get_item(TableName=TABLE, Key={"pk": ITEM["pk"]}, ConsistentRead=True)

    def put_item(self) -> None:
        self.dynamodb.put_item(TableName=TABLE, Item=ITEM)

    def new_client_get_item(self) -> None:
        aws._clients.clear()
        client = aws.client("dynamodb")
        client.get_item(TableName=TABLE, Key={"pk": ITEM["pk"]}, ConsistentRead=True)

    def send_message(self) -> None:
        self.sqs.send_message(QueueUrl=self.queue_url, MessageBody="bare", DelaySeconds=0)

    def compare(self, what: str, calls: int, work: Callable[[int], Any], *bare: Callable[[], None]) -> Row:
        """Time something and its bare counterpart in turns; its AWS calls are the mean of all."""
        took, bare_took, asked = [], [], 0
        for number in range(-5, calls):
            begin = time.perf_counter()
            _ = [each() for each in bare]
            middle, before = time.perf_counter(), self.aws_calls
            seconds = work(number)
            end = time.perf_counter()
            if number >= 0:  # what comes before warms up
                asked += self.aws_calls - before
                bare_took.append(middle - begin)
                took.append(seconds if seconds is not None else end - middle)
        return Row(what, names_of(bare), asked / calls, took, bare_took)

    def rows(self, calls: int) -> Iterator[Row]:
        cart, ids = self.client.call("new_cart").text, list[str]()

        def write(number: int) -> None:
            assert self.client.call("put", {"cart": cart, "item": str(number)}).value == 1

        def read(_: int) -> None:
            assert self.client.call("count", {"cart": cart}).value == 1

        yield self.compare("session, read and written", calls, write, self.get_item, self.put_item)
        yield self.compare("session, read only", calls, read, self.get_item)

        def get(number: int) -> None:
            assert self.client.status(ids[number]) == "working"

        yield self.compare(
            "task create",
            calls,
            lambda _: ids.append(self.client.start("report", {"month": "2026-03"})),
            self.put_item,
            self.send_message,
        )
        yield self.compare(
            "`tasks/get`", calls, lambda n: self.client.get(ids[n]).result and None, self.get_item
        )

        def begin(_: int) -> float:
            event = queue_event([("m", self.client.start("report", {"month": "2026-03"}))], self._arn)
            handed_over = time.perf_counter()
            self.handler(event, None)
            return self.begun_at - handed_over

        row = self.compare("worker's event to the tool", calls // 2, begin, self.get_item, self.put_item)
        yield Row(row.what, row.bare, 2, row.took, row.bare_took)  # what comes before and after is not timed
        waiting = iter(ids)

        def run(_: int) -> None:
            self.handler(queue_event([("m", next(waiting))], self._arn), None)

        takes = (self.get_item, self.put_item, self.put_item)
        yield self.compare("task run, from message to end", calls // 2, run, *takes)

        def visible(_: int) -> float:
            task_id = next(waiting)
            self.returned.clear()
            thread = threading.Thread(
                target=self.handler, args=(queue_event([("m", task_id)], self._arn), None)
            )
            thread.start()
            self.returned.wait(10)
            while self.client.status(task_id) != "completed":
                pass
            seen = time.perf_counter()
            thread.join()
            return seen - self.done_at

        # From the tool's return to the first `tasks/get` that tells of it, asked without a pause.
        row = self.compare("completion to visible", calls // 2 - 10, visible, self.put_item, self.get_item)
        yield Row(row.what, row.bare, 2, row.took, row.bare_took)  # the other reads were too early

        def recover(number: int) -> None:
            aws._clients.clear()
            handler = self.make_handler()
            assert TaskClient(handler).status(ids[max(number, 0)]) == "completed"
            handler.close()

        row = self.compare("task found by a new environment", calls // 10, recover, self.new_client_get_item)
        yield Row(row.what, row.bare, 1, row.took, row.bare_took)  # its clients are new, and not counted

    @property
    def _arn(self) -> str:
        return f"arn:aws:sqs:{REGION}:123456789012:{self.queue_url.rpartition('/')[2]}"


def names_of(bare: tuple[Callable[[], None], ...]) -> str:
    return " + ".join("".join(part.title() for part in each.__name__.split("_")) for each in bare)


@contextlib.contextmanager
def local_aws() -> Iterator[str]:
    with open(os.devnull, "w") as null, Emulator(REGION, os.environ, null.fileno()) as emulator:
        own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        os.environ.clear()
        os.environ.update(own, AWS_ENDPOINT_URL=emulator.endpoint, NO_PROXY="127.0.0.1", **CREDENTIALS)
        create_table(aws.client("dynamodb"), TABLE)
        yield aws.client("sqs").create_queue(QueueName="durable")["QueueUrl"]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.durable")
    parser.add_argument("--calls", type=int, default=300, help="of each kind")
    calls = max(parser.parse_args().calls, 30)
    with local_aws() as queue_url:
        bench = Bench(queue_url)
        print("| what | AWS calls | p50 ms | p99 ms | bare | bare p50 ms | ratio | more, ms |")
        print("|---" * 8 + "|")
        print(*bench.rows(calls), sep="\n")
        bench.handler.close()


if __name__ == "__main__":
    main()
