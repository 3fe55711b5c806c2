"""Runs the invocations that benchmarks.cost puts a price on: built artifacts beside a local AWS."""

import contextlib
import shutil
import statistics
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from tests.artifact import artifacts
from tests.artifact.runtime_api import ExecutionEnvironment
from tests.chaos.cloud import REGION, Cloud
from tests.execution.durable.tasks.harness import EXTENSION, queue_event
from tests.support import SECRET, Reply, dumps, headers_of, http_api, message

from benchmarks.cold_start import processor_seconds
from benchmarks.counting import CountingProxy
from benchmarks.environments import HERE

TASKS = {"extensions": {EXTENSION: {}}}
ASKING = {"elicitation": {}}
ORDER = {"order_id": "ORD-1005"}
WARM_UP = 10
LINE = 26
"""Bytes that a log line is billed besides its own."""

Event = dict[str, Any]


def request(method: str, params: Mapping[str, Any], **meta: Any) -> Event:
    body = message(method, dict(params), **meta)
    headers = headers_of(body)
    if "taskId" in params:
        headers["mcp-name"] = params["taskId"]
    return http_api(dumps(body), headers, path="/orders/mcp")


def call(
    tool: str, arguments: Mapping[str, Any], also: Mapping[str, Any] | None = None, **meta: Any
) -> Event:
    return request("tools/call", {"name": tool, "arguments": dict(arguments), **(also or {})}, **meta)


class Kind(NamedTuple):
    """Invocations of one kind.

    Attributes:
        deployed: the function of template.yaml whose memory it has.
        source: its folder.
        layers: those of it, by the names of ``artifacts.TARGETS``.
        event: makes an event, a new one each time.
    """

    deployed: str
    source: Path
    layers: tuple[str, ...]
    event: Callable[[], Event]


class Stage:
    """A local AWS, artifacts, and what has to be there before a call, from entering to leaving.

    Args:
        python: what the functions run on.
        folder: where artifacts are built.

    Attributes:
        kinds: the invocations, by name.
    """

    def __init__(self, python: Path, folder: Path) -> None:
        self._python, self._folder = python, folder
        self._open = contextlib.ExitStack()
        self.kinds: dict[str, Kind] = {}

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as opened:
            self._prepare(opened)
            self._open = opened.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def _prepare(self, opened: contextlib.ExitStack) -> None:
        folder = self._folder
        self._cloud = opened.enter_context(contextlib.closing(Cloud()))
        self._proxy = opened.enter_context(CountingProxy(self._cloud.endpoint))
        self._layers = {name: artifacts.build(name, folder / name) for name in ("runtime", "extras")}
        self._queue = self._cloud.queue()
        self._variables = {
            "LAMBENT_STATE_KEYS": SECRET,
            "LAMBENT_TABLE": self._cloud.table(),
            "LAMBENT_TASK_QUEUE_URL": self._queue,
            "LAMBENT_BUCKET": self._cloud.bucket(),
            "LAMBENT_MCP_PATH": "/orders/mcp",
            "REPORT_PACE": "0",
        }
        orders, reports, carts = (
            shutil.copytree(source, folder / source.name, ignore=shutil.ignore_patterns("__pycache__"))
            for source in (
                artifacts.FUNCTIONS / "orders",
                artifacts.FUNCTIONS / "reports",
                HERE / "functions" / "carts",
            )
        )
        self._orders = opened.enter_context(self._start(orders, ("runtime",)))
        self._carts = opened.enter_context(self._start(carts, ("runtime",)))
        self._reports = opened.enter_context(self._start(reports, ("runtime",)))
        asked = self._ask(self._orders, self._question())
        answer = {
            "inputResponses": {"confirmation": {"action": "decline"}},
            "requestState": asked["requestState"],
        }
        cart = self._ask(self._carts, call("new_cart", {}))["content"][0]["text"]
        task = self._new_task()
        card = http_api(None, {}, method="GET", path="/orders/mcp/server-card")
        web = ("runtime",)
        self.kinds = {
            "plain": Kind("OrdersFunction", orders, web, lambda: call("lookup_order", ORDER)),
            "question": Kind("OrdersFunction", orders, web, self._question),
            "answer": Kind(
                "OrdersFunction",
                orders,
                web,
                lambda: call("refund_order", ORDER, answer, capabilities=ASKING),
            ),
            "session": Kind("OrdersFunction", carts, web, lambda: call("put", {"cart": cart, "item": "A-1"})),
            "create": Kind("ReportsFunction", reports, web, self._create),
            "worker": Kind("ReportsWorker", reports, ("runtime", "extras"), self._message),
            "get": Kind(
                "ReportsFunction",
                reports,
                web,
                lambda: request("tasks/get", {"taskId": task}, capabilities=TASKS),
            ),
            "card": Kind("OrdersFunction", orders, web, lambda: card),
        }

    def _question(self) -> Event:
        return call("refund_order", ORDER, capabilities=ASKING)

    def _create(self) -> Event:
        return call("build_report", {"month": "2026-03"}, capabilities=TASKS)

    def _new_task(self) -> str:
        task: str = self._ask(self._reports, self._create())["taskId"]
        return task

    def _message(self) -> Event:
        arn = f"arn:aws:sqs:{REGION}:123456789012:{self._queue.rpartition('/')[2]}"
        return queue_event([("m", self._new_task())], arn)

    def _ask(self, environment: ExecutionEnvironment, event: Event) -> dict[str, Any]:
        return Reply(environment.invoke(event).value).result

    def _start(self, source: Path, layers: tuple[str, ...], *, counted: bool = False) -> ExecutionEnvironment:
        endpoint = self._proxy.endpoint if counted else self._cloud.endpoint
        return ExecutionEnvironment(
            self._python,
            source,
            layers=[self._layers[name] for name in layers],
            variables={**self._variables, "AWS_ENDPOINT_URL": endpoint},
        )

    def measure(self, name: str, calls: int, starts: int) -> dict[str, Any]:
        """Measure and count one kind.

        Args:
            name: one of ``kinds``.
            calls: warm invocations.
            starts: cold ones.
        """
        kind = self.kinds[name]
        requests = self._count(kind)
        processor, waiting, log_bytes, bytes_out = self._warm(kind, calls)
        cold = [self._cold(kind) for _ in range(starts)]
        cold_processor, cold_waiting = (statistics.median(column) for column in zip(*cold, strict=True))
        return {
            "function": kind.deployed,
            "warm_processor_ms": round(processor, 3),
            "warm_waiting_ms": round(waiting, 3),
            "cold_processor_ms": round(cold_processor, 1),
            "cold_waiting_ms": round(cold_waiting, 1),
            "requests": requests,
            "log_bytes": round(log_bytes),
            "bytes_out": bytes_out,
        }

    def _count(self, kind: Kind) -> dict[str, int]:
        with self._start(kind.source, kind.layers, counted=True) as environment:
            checked(environment.invoke(kind.event()).value)
            event = kind.event()
            self._proxy.take()
            checked(environment.invoke(event).value)
            return self._proxy.take()

    def _warm(self, kind: Kind, calls: int) -> tuple[float, float, float, int]:
        events = [kind.event() for _ in range(WARM_UP + calls)]
        with self._start(kind.source, kind.layers) as environment:
            for event in events[:WARM_UP]:
                checked(environment.invoke(event).value)
            log, before, took = environment.log, processor_seconds(environment.pid), []
            for event in events[WARM_UP:]:
                answer = environment.invoke(event)
                took.append(answer.seconds * 1000)
            processor = (processor_seconds(environment.pid) - before) / calls * 1000
            added = environment.log.removeprefix(log)
            out = size_of(checked(answer.value))
        log_bytes = (len(added.encode()) + LINE * added.count("\n")) / calls
        return processor, max(0.0, statistics.median(took) - processor), log_bytes, out

    def _cold(self, kind: Kind) -> tuple[float, float]:
        event = kind.event()
        with self._start(kind.source, kind.layers) as environment:
            answer = environment.invoke(event)
            checked(answer.value)
            processor = processor_seconds(environment.pid) * 1000
            wall = (environment.ready - environment.started + answer.seconds) * 1000
        return processor, max(0.0, wall - processor)


def checked(value: Any) -> Any:
    """What a handler returned, if it went well."""
    if "batchItemFailures" in value:
        assert not value["batchItemFailures"], value
    else:
        assert value["statusCode"] == 200, value
        assert '"isError":true' not in value["body"], value
    return value


def size_of(value: Any) -> int:
    """Bytes of a response: its body, and the headers that the function gives it."""
    if "body" not in value:
        return 0
    head = sum(len(name) + len(str(text)) + 4 for name, text in value["headers"].items())
    return head + len(value["body"].encode())
