"""The server without a table and a queue: everything but tasks is the same."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support import EVERYTHING, SETTINGS, Client, accept

TASKS = {**EVERYTHING, "extensions": {"io.modelcontextprotocol/tasks": {}}}


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    for name in ("LAMBENT_TABLE", "LAMBENT_TASK_QUEUE_URL"):
        monkeypatch.delenv(name, raising=False)
    spec = importlib.util.spec_from_file_location("everything", Path(__file__).with_name("everything.py"))
    assert spec is not None
    assert spec.loader is not None
    everything = importlib.util.module_from_spec(spec)
    # Type hints of the module's functions are looked up in it.
    monkeypatch.setitem(sys.modules, "everything", everything)
    spec.loader.exec_module(everything)
    handler = everything.mcp.lambda_handler(SETTINGS)
    yield Client(handler)
    handler.close()


def test_tasks_are_not_offered(client: Client) -> None:
    capabilities = client.request("server/discover", capabilities=TASKS).result["capabilities"]
    assert "io.modelcontextprotocol/tasks" not in capabilities.get("extensions", {})
    assert client.request("tasks/get", {"taskId": "1"}, headers={"mcp-name": "1"}).error["code"] == -32601


def test_optional_ones_run_inline(client: Client) -> None:
    reply = client.call("slow_compute", {"seconds": 0, "label": "it"}, capabilities=TASKS)
    assert reply.text == "Computed it in 0 s."
    answers = {"confirm": accept(confirm=True)}
    assert client.answered("confirm_delete", answers, {"filename": "a"}).text == "Deleted a."
    both = {**answers, "name": accept(name="Ada")}
    assert client.answered("multi_input", both).text == "accept, accept"


def test_required_ones_say_what_is_missing(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    assert client.call("failing_job", capabilities=TASKS).error["code"] == -32603
    assert "LAMBENT_TABLE" in caplog.text
    assert client.call("failing_job").error["code"] == -32021


def test_the_first_tool_runs_without_arguments(client: Client) -> None:
    first = client.request("tools/list").result["tools"][0]
    assert first["name"] == "test_simple_text"
    assert client.call(first["name"]).text == "This is a simple text response for testing."
