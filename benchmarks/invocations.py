"""Runs the invocations that benchmarks.cost puts a price on: built artifacts beside a local AWS."""

import contextlib
import itertools
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
from benchmarks.cost.formula import ENDPOINTS
from benchmarks.counting import CountingProxy
from benchmarks.environments import HERE
from benchmarks.https_endpoint import HttpsEndpoint
from lambent import Principal
from lambent.execution.rounds.digests import digest, mark_of

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
        sends: it sends something to an endpoint.
    """

    deployed: str
    source: Path
    layers: tuple[str, ...]
    event: Callable[[], Event]
    sends: bool = False


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
        self._numbers = itertools.count()

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
        self._queue, self._deliveries = self._cloud.queue(), self._cloud.queue()
        self._endpoint = opened.enter_context(HttpsEndpoint(folder / "endpoint.pem"))
        self._variables = {
            "LAMBENT_STATE_KEYS": SECRET,
            "LAMBENT_TABLE": self._cloud.table(),
            "LAMBENT_TASK_QUEUE_URL": self._queue,
            "LAMBENT_BUCKET": self._cloud.bucket(),
            "LAMBENT_MCP_PATH": "/orders/mcp",
            "REPORT_PACE": "0",
            "LAMBENT_EVENTS_QUEUE_URL": self._deliveries,
            "LAMBENT_EVENTS_LOCAL_CALLBACKS": "true",
            "LAMBENT_EVENTS_ALLOWED_CALLBACKS": self._endpoint.url,
            "LAMBENT_EVENTS_MAX_SUBSCRIPTIONS": "1000",
            "SSL_CERT_FILE": str(folder / "endpoint.pem"),
        }
        orders, reports, carts, events = (
            shutil.copytree(source, folder / source.name, ignore=shutil.ignore_patterns("__pycache__"))
            for source in (
                artifacts.FUNCTIONS / "orders",
                artifacts.FUNCTIONS / "reports",
                HERE / "functions" / "carts",
                HERE / "functions" / "events",
            )
        )
        self._orders = opened.enter_context(self._start(orders, ("runtime",)))
        self._carts = opened.enter_context(self._start(carts, ("runtime",)))
        self._reports = opened.enter_context(self._start(reports, ("runtime",)))
        self._events = opened.enter_context(self._start(events, ("runtime",)))
        asked = self._ask(self._orders, self._question())
        answer = {
            "inputResponses": {"confirmation": {"action": "decline"}},
            "requestState": asked["requestState"],
        }
        cart = self._ask(self._carts, call("new_cart", {}))["content"][0]["text"]
        task = self._new_task()
        card = http_api(None, {}, method="GET", path="/orders/mcp/server-card")
        web = ("runtime",)
        self._cursor: str = self._ask(self._events, self._poll(None))["cursor"]
        self._ask(self._events, self._refund("delivered"))
        latest = self._poll(self._ask(self._events, self._poll(None))["cursor"])
        for _ in range(ENDPOINTS):
            self._subscribe("found")
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
            "emit": Kind("OrdersFunction", events, web, lambda: self._refund("emitted")),
            "wake": Kind("DeliveryFunction", events, web, lambda: self._bring("wake found")),
            "delivery": Kind("DeliveryFunction", events, web, self._undelivered, sends=True),
            "poll": Kind("OrdersFunction", events, web, lambda: latest),
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
        return queue_event([("m", self._new_task())], _arn(self._queue))

    def _poll(self, cursor: str | None) -> Event:
        return request("events/poll", {"name": "delivered", "cursor": cursor})

    def _refund(self, event: str) -> Event:
        return call("refund", {"event": event, "order": "ORD-1005", "cents": 1999})

    def _subscribe(self, event: str, **params: Any) -> str:
        """Subscribe an endpoint of its own; the id."""
        url = f"{self._endpoint.url}{next(self._numbers)}"
        delivery = {"mode": "webhook", "url": url, "secret": "whsec_" + "A" * 43 + "="}
        asked = request("events/subscribe", {"name": event, "delivery": delivery, **params})
        sub_id: str = self._ask(self._events, asked)["id"]
        return sub_id

    def _bring(self, message: str) -> Event:
        return queue_event([("m", message)], _arn(self._deliveries))

    def _undelivered(self) -> Event:
        """The message for a new subscription, to which one occurrence was not delivered so far."""
        sub_id = self._subscribe("delivered", cursor=self._cursor)
        owner = digest(["events", mark_of(Principal("ann", "https://issuer.example"))])
        return self._bring(f"advance EVENTSUB#{owner}#{sub_id}")

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
            **({"bytes_sent": self._endpoint.bytes_of_last} if kind.sends else {}),
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


def _arn(queue_url: str) -> str:
    return f"arn:aws:sqs:{REGION}:123456789012:{queue_url.rpartition('/')[2]}"


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
