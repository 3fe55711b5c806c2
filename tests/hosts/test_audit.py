"""Which audit a deployment has: by code, by settings, or none."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.execution.audit.notes import Notes
from tests.support import SECRET, Client, dumps, full_server, make_handler, message

import lambent
from lambent import Audit, ConfigurationError, Settings
from lambent.execution.audit.log_sink import LogSink
from lambent.hosts.audit import make_recorder
from lambent.stores.audit import DynamoDbSink, EventBridgeSink, FirehoseSink

LOG = Settings(audit=("log",), state_keys=(SECRET,))


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line)["audit"] for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize(
    ("audit", "settings", "count"),
    [
        (None, Settings(), 0),
        (None, LOG, 1),
        (True, Settings(), 1),
        (True, LOG, 1),
        (Audit(), Settings(), 1),
        (False, LOG, 0),
    ],
)
def test_code_and_settings_turn_it_on(
    capsys: pytest.CaptureFixture[str], audit: Any, settings: Settings, count: int
) -> None:
    Client(make_handler(full_server(audit=audit), settings)).call("add", {"a": 1})
    assert [line["name"] for line in lines(capsys)] == ["add"] * count


def test_what_code_leaves_open_is_as_the_settings_say(capsys: pytest.CaptureFixture[str]) -> None:
    settings = Settings(audit=("log",), audit_arguments="full")
    Client(make_handler(full_server(audit=Audit()), settings)).call("add", {"a": 1})
    Client(make_handler(full_server(audit=Audit(arguments="redacted")), settings)).call("add", {"a": 1})
    assert [line["arguments"] for line in lines(capsys)] == [{"a": 1}, {"a": "[redacted]"}]


def test_code_names_sinks_in_place_of_the_settings(capsys: pytest.CaptureFixture[str]) -> None:
    notes = Notes()
    Client(make_handler(full_server(audit=Audit(sinks=[notes])), LOG)).call("add", {"a": 1})
    assert (len(notes.texts), lines(capsys)) == (1, [])


@pytest.mark.parametrize(
    ("required", "setting", "status"),
    [(None, False, 200), (None, True, 500), (True, False, 500), (False, True, 200)],
)
def test_required_is_as_code_says_and_else_as_the_settings_say(
    required: bool | None, setting: bool, status: int
) -> None:
    mcp = full_server(audit=Audit(sinks=[Notes(OSError())], required=required))
    assert Client(make_handler(mcp, Settings(audit_required=setting))).call("add", {"a": 1}).status == status


def test_every_kind_of_sink_has_a_name() -> None:
    settings = Settings(
        audit=("log", "eventbridge:bus", "firehose:stream", "dynamodb:other", "dynamodb"), table="own"
    )
    log, events, firehose, other, own = make_recorder("shop", None, settings)._sinks
    assert isinstance(log, LogSink)
    assert isinstance(events, EventBridgeSink)
    assert isinstance(firehose, FirehoseSink)
    assert isinstance(other, DynamoDbSink)
    assert isinstance(own, DynamoDbSink)
    assert [sink._table.name for sink in (other, own)] == ["other", "own"]
    assert (events._bus.name, firehose._stream.name) == ("bus", "stream")


def test_an_arn_may_stand_for_a_bus() -> None:
    arn = "arn:aws:events:eu-west-1:123456789012:event-bus/audit"
    (sink,) = make_recorder("shop", Audit(sinks=[f"eventbridge:{arn}"]), Settings())._sinks
    assert isinstance(sink, EventBridgeSink)
    assert sink._bus.name == arn


@pytest.mark.parametrize("spec", ["", "logs", "log:x", "eventbridge", "eventbridge:", "kafka:x", "dynamodb:"])
def test_other_sinks_are_refused(spec: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        full_server(audit=Audit(sinks=[spec])).lambda_handler(Settings(table="own"))
    kinds = "log, eventbridge:<bus>, firehose:<stream>, dynamodb or dynamodb:<table>"
    assert str(caught.value) == f"An audit sink is {kinds}, not {spec!r}"


def test_the_servers_own_table_has_to_be_set() -> None:
    with pytest.raises(ConfigurationError, match="LAMBENT_TABLE"):
        full_server().lambda_handler(Settings(audit=("dynamodb",)))


def test_an_unknown_policy_is_refused() -> None:
    with pytest.raises(ConfigurationError) as caught:
        full_server().lambda_handler(Settings(audit=("log",), audit_arguments="all"))
    assert str(caught.value) == ("LAMBENT_AUDIT_ARGUMENTS must be one of digest, redacted, full, not 'all'")


def test_without_powertools_the_handler_is_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aws_lambda_powertools", None)
    with pytest.raises(ConfigurationError, match=r"install the extra lambent\[aws\]"):
        full_server(audit=True).lambda_handler(Settings())


STDIO = """
from lambent import MCPServer

mcp = MCPServer("shop", audit=True)
mcp.tool("add")(lambda: 0)
mcp.run_stdio()
"""


def test_on_stdio_the_log_is_standard_error() -> None:
    body = dumps(message("tools/call", {"name": "add", "arguments": {}}))
    path = {**os.environ, "PYTHONPATH": str(Path(lambent.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", STDIO],
        input=f"{body}\n",
        capture_output=True,
        text=True,
        timeout=60,
        env=path,
        check=True,
    )
    (answer,) = done.stdout.splitlines()
    (line,) = done.stderr.splitlines()
    assert "result" in json.loads(answer)
    assert json.loads(line)["audit"]["outcome"] == "ok"


def test_the_trace_of_the_invocation_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    notes = Notes()
    client = Client(make_handler(full_server(audit=Audit(sinks=[notes]))))
    for trace in ("Root=1-a", "Root=1-b"):
        monkeypatch.setenv("_X_AMZN_TRACE_ID", trace)
        client.call("add", {"a": 1}, headers={"x-amzn-trace-id": "Root=1-of-the-client"})
    assert notes.each("xray_trace") == [("Root=1-a",), ("Root=1-b",)]
