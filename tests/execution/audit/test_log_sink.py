"""Records in the structured log."""

import io
import json
import logging
import sys
from typing import Any

import pytest
from tests.execution.audit.notes import Notes, recorder

from lambent import AuditRecord, ConfigurationError, HttpRefusal, Request
from lambent.execution.audit.log_sink import LogSink


def record(**more: Any) -> AuditRecord:
    return AuditRecord(
        **{"time": "t", "server": "shop", "call_id": "c", "outcome": "ok", "duration_ms": 1.5, **more}
    )


def test_a_record_is_one_line_of_json() -> None:
    stream = io.StringIO()
    LogSink("shop", stream).write(record(name="é\u2028\x7f", status=200))
    line, rest = stream.getvalue().split("\n", 1)
    assert rest == ""
    assert line.isascii()
    assert line.isprintable()
    written = json.loads(line)
    assert written.pop("timestamp")
    assert written == {
        "level": "INFO",
        "message": "audit",
        "service": "shop",
        "audit": {
            "time": "t",
            "server": "shop",
            "call_id": "c",
            "name": "é\u2028\x7f",
            "outcome": "ok",
            "status": 200,
            "duration_ms": 1.5,
        },
    }


def test_every_sink_has_a_stream_of_its_own() -> None:
    one, two = io.StringIO(), io.StringIO()
    sinks = LogSink("shop", one), LogSink("shop", two)
    for sink in sinks:
        sink.write(record())
    assert (one.getvalue().count("\n"), two.getvalue().count("\n")) == (1, 1)


def test_other_handlers_do_not_write_it_again(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        LogSink("shop", io.StringIO()).write(record())
    assert [line.name for line in caplog.records if line.name.startswith("lambent.audit")] == []


def test_a_level_of_other_logs_does_not_silence_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POWERTOOLS_LOG_LEVEL", "ERROR")
    stream = io.StringIO()
    LogSink("shop", stream).write(record())
    assert json.loads(stream.getvalue())["audit"]["outcome"] == "ok"


def test_a_refusal_is_logged_as_a_call_is() -> None:
    stream = io.StringIO()
    recording = recorder(Notes())
    recording._sinks = (LogSink("shop", stream),)
    recording.record_refusal(Request(), HttpRefusal(401, "no"))
    assert json.loads(stream.getvalue())["audit"]["outcome"] == "denied"


def test_without_powertools_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aws_lambda_powertools", None)
    with pytest.raises(ConfigurationError) as caught:
        LogSink("shop")
    assert str(caught.value) == "The log of audit records needs Powertools: install the extra lambent[aws]"
