"""The built artifacts under Lambda's own client, beside what Lambda brings along and nothing else."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.artifact.artifacts import FUNCTIONS, IN_LAMBDA, ROOT
from tests.artifact.runtime_api import REGION, ExecutionEnvironment, FunctionError
from tests.chaos.cloud import Cloud, shared_cloud
from tests.events.source_events import eventbridge_event
from tests.execution.durable.tasks.harness import TaskClient, queue_event
from tests.support import SECRET, Client, accept, http_api

from lambent.cli.local_aws.template import read_template

KEYS = {"LAMBENT_STATE_KEYS": SECRET}
SQS_ARN = f"arn:aws:sqs:{REGION}:123456789012"

PROBE = """
import importlib.metadata, os, sys

def handler(event, context):
    found = importlib.metadata.distributions()
    return {
        "distributions": sorted(one.name.lower().replace("-", "_") for one in found),
        "path": [os.path.realpath(one) for one in sys.path],
        "function": [context.function_name, context.invoked_function_arn, context.aws_request_id],
        "remaining": context.get_remaining_time_in_millis(),
        "echo": event,
    }
"""


cloud = pytest.fixture(shared_cloud)


@pytest.fixture
def run(lambda_python: Path, artifact: Callable[..., Path]) -> Callable[..., Any]:
    """Runs a function of this project with layers by name."""

    @contextmanager
    def environment(function: str | Path, *layers: str, **options: Any) -> Iterator[ExecutionEnvironment]:
        folder = FUNCTIONS / function if isinstance(function, str) else function
        built = [artifact(name) for name in layers]
        with ExecutionEnvironment(lambda_python, folder, layers=built, **options) as made:
            yield made

    return environment


def with_table(cloud: Cloud) -> dict[str, str]:
    """Variables of a function that keeps what happened."""
    return {**KEYS, "AWS_ENDPOINT_URL": cloud.endpoint, "LAMBENT_TABLE": cloud.table()}


def client(environment: ExecutionEnvironment) -> Client:
    return Client(lambda event, _: environment.invoke(event).value)


def probe(folder: Path, source: str = PROBE) -> Path:
    (folder / "app.py").write_text(source)
    return folder


# The stage itself.


def test_the_environment_has_what_lambda_has_and_nothing_else(
    run: Callable[..., Any], tmp_path: Path
) -> None:
    with run(probe(tmp_path)) as environment:
        said = environment.invoke({"a": "é"}).value
    carried = {*(IN_LAMBDA - {"runtime_client", "dateutil"}), "python_dateutil"}
    assert set(said["distributions"]) == carried
    # The function, the standard library, and the environment: nothing of this checkout's own.
    assert not [path for path in said["path"] if "site-packages" in path and "tests/artifact" not in path]
    assert said["echo"] == {"a": "é"}
    assert 28_000 < said["remaining"] <= 29_000
    name, arn, request_id = said["function"]
    assert arn.endswith(f":function:{name}")
    assert request_id


def test_an_error_in_an_invocation_surfaces_and_the_next_one_is_served(
    run: Callable[..., Any], tmp_path: Path
) -> None:
    source = "def handler(event, context):\n    if event:\n        raise KeyError('gone')\n    return 1\n"
    with run(probe(tmp_path, source)) as environment:
        with pytest.raises(FunctionError, match=r"(?s)invocation: KeyError: 'gone'.*line 3") as caught:
            environment.invoke({"a": 1})
        assert caught.value.phase == "invocation"
        assert environment.invoke({}).value == 1


@pytest.mark.parametrize(
    ("source", "phase", "kind"),
    [
        ("import no_such_module\n", "init", "Runtime.ImportModuleError"),
        ("1 / 0\n", "init", "ZeroDivisionError"),
        ("handle = None\n", "init", "Runtime.HandlerNotFound"),
        ("import os\nos._exit(7)\n", "exit", "Runtime.ExitError"),
        ("import os\ndef handler(event, context):\n    os._exit(7)\n", "exit", "Runtime.ExitError"),
    ],
    ids=["missing", "failing", "no handler", "leaving", "leaving later"],
)
def test_an_environment_that_cannot_go_on_surfaces(
    source: str, phase: str, kind: str, run: Callable[..., Any], tmp_path: Path
) -> None:
    with run(probe(tmp_path, source)) as environment, pytest.raises(FunctionError) as caught:
        environment.invoke({})
    assert (caught.value.phase, caught.value.kind) == (phase, kind)


# The functions of this project.


def test_hello_answers_from_its_own_artifact(run: Callable[..., Any], artifact: Callable[..., Path]) -> None:
    with run(artifact("hello")) as environment:
        served = client(environment)
        (tool,) = served.request("tools/list").result["tools"]
        assert "isError" not in served.call(tool["name"]).result


def test_orders_asks_with_a_sealed_state_and_another_environment_takes_the_answer(
    run: Callable[..., Any], cloud: Cloud
) -> None:
    params = {"name": "refund_order", "arguments": {"order_id": "ORD-1005"}}
    variables = with_table(cloud)
    with (
        run("orders", "runtime", variables=variables) as asking,
        run("orders", "runtime", variables=variables) as other,
    ):
        question = client(asking).request("tools/call", params, capabilities={"elicitation": {}})
        answer = {
            "inputResponses": {"confirmation": accept(confirm=True, reason="broken")},
            "requestState": question.state,
        }
        reply = client(other).request("tools/call", {**params, **answer}, capabilities={"elicitation": {}})
    assert reply.value["refunded"]
    assert reply.value["receipt"]["reason"] == "broken"


def test_orders_serves_what_it_has(run: Callable[..., Any], cloud: Cloud) -> None:
    with run("orders", "runtime", variables=with_table(cloud)) as environment:
        served = client(environment)
        assert served.call("lookup_order", {"order_id": "ORD-1005"}).value["id"] == "ORD-1005"
        assert served.request("server/discover").result["supportedVersions"]
        assert served.read("orders://policy").result["contents"][0]["mimeType"] == "text/markdown"
        assert served.prompt("complaint", {"order_id": "ORD-1005"}).result["messages"]
        begin = served.request("events/poll", {"name": "order.refunded"}).result["cursor"]
        refund = {"id": "RF-7", "order_id": "ORD-7", "amount_cents": 1, "currency": "EUR", "reason": "-"}
        refund["refunded_at"] = "2026-11-27T06:00:00Z"
        event = eventbridge_event(refund, source="shop.payments")
        environment.invoke(event)
        polled = served.request("events/poll", {"name": "order.refunded", "cursor": begin}).result
        assert [one["eventId"] for one in polled["events"]] == ["RF-7"]


def test_reports_runs_a_task_in_a_worker(run: Callable[..., Any], cloud: Cloud) -> None:
    queue_url = cloud.queue()
    variables = {
        **with_table(cloud),
        "LAMBENT_TASK_QUEUE_URL": queue_url,
        "LAMBENT_BUCKET": cloud.bucket(),
        "REPORT_PACE": "0",
    }
    with (
        run("reports", "runtime", variables=variables) as web,
        # Workers alone need Powertools.
        run("reports", "runtime", "extras", variables=variables) as worker,
    ):
        served = TaskClient(lambda event, _: web.invoke(event).value)
        task = served.start("build_report", {"month": "2026-02"})
        (message,) = cloud.sqs.receive_message(QueueUrl=queue_url, WaitTimeSeconds=5)["Messages"]
        event = queue_event([("m", task)], f"{SQS_ARN}:{queue_url.rpartition('/')[2]}")
        event["Records"][0]["body"] = message["Body"]
        assert worker.invoke(event).value == {"batchItemFailures": []}
        assert served.status(task) in {"completed", "input_required"}


def test_backoffice_runs_fastapi_from_the_layers(run: Callable[..., Any]) -> None:
    with run("backoffice", "runtime", "extras", variables=KEYS) as environment:
        served = client(environment)
        shipments = served.call("list_shipments", {"status": "waiting"}).value
        assert shipments
        rest = environment.invoke(http_api(None, method="GET", path="/shipments", query="limit=1")).value
        assert (rest["statusCode"], len(json.loads(rest["body"]))) == (200, 1)
        order = shipments[0]["order_id"]
        arguments = {"order_id": order, "parcel": {"carrier": "dhl", "tracking": "JD0001234567"}}
        asked = served.call("mark_as_shipped", arguments, capabilities={"elicitation": {}})
        assert asked.questions


def test_one_function_serves_the_cards_of_all(
    run: Callable[..., Any], artifact: Callable[..., Path], tmp_path: Path
) -> None:
    code = read_template(ROOT / "template.yaml").properties("CardsFunction")["InlineCode"]
    variables = {
        **KEYS,
        "LAMBENT_CARDS": str(artifact("cards") / "cards.json"),
        "LAMBENT_MCP_PATH": "/orders/mcp",
    }
    with run(probe(tmp_path, code), "runtime", variables=variables) as environment:
        found = {
            path: environment.invoke(http_api(None, method="GET", path=path)).value
            for path in ("/.well-known/ai-catalog.json", "/orders/mcp/server-card")
        }
    assert {answer["statusCode"] for answer in found.values()} == {200}
    catalog = json.loads(found["/.well-known/ai-catalog.json"]["body"])
    assert [entry["displayName"] for entry in catalog["entries"]] == [
        "Shop orders",
        "Shop reports",
        "Back office",
    ]


# Powertools is in the layer for functions that want it, and none of this project's imports it yet.
EXTRAS = (
    "import aws_lambda_powertools, aws_lambda_powertools.utilities.parameters, lambent, mangum, pydantic\n"
)


def test_powertools_runs_on_what_lambda_brings_along(run: Callable[..., Any], tmp_path: Path) -> None:
    source = (
        EXTRAS + "log = aws_lambda_powertools.Logger()\ndef handler(event, context):\n    log.info('x')\n"
    )
    with run(probe(tmp_path, source), "runtime", "extras") as environment:
        environment.invoke({})
        assert '"message":"x"' in environment.log


# Bytecode.

UNCOMPILED = """
import os, sys

import app

def handler(event, context):
    if event != "uncompiled":
        return app.handler(event, context)
    return [
        name
        for name, module in sorted(sys.modules.items())
        if "/python/" in (getattr(module, "__file__", None) or "")
        and module.__file__.endswith(".py")
        and not os.path.exists(module.__cached__)
    ]
"""


def test_all_that_orders_imports_has_bytecode(run: Callable[..., Any], cloud: Cloud, tmp_path: Path) -> None:
    folder = shutil.copytree(FUNCTIONS / "orders", tmp_path / "orders")
    (folder / "probe.py").write_text(UNCOMPILED)
    with run(folder, "runtime", handler="probe.handler", variables=with_table(cloud)) as environment:
        served = client(environment)
        served.request("tools/list")
        answers = {"confirmation": accept(confirm=True)}
        assert served.answered("refund_order", answers, {"order_id": "ORD-1005"}).value["refunded"]
        assert environment.invoke("uncompiled").value == []
