"""The JSON of a record: one line, of bounded size."""

import json
from typing import Any

import msgspec
import pytest

from lambent import Audit, AuditRecord, DeclarationError
from lambent.execution.audit.record import in_ascii, to_ascii_json


def record(arguments: Any = msgspec.UNSET) -> AuditRecord:
    raw = arguments if arguments is msgspec.UNSET else msgspec.Raw(msgspec.json.encode(arguments))
    return AuditRecord(
        time="t", server="s", call_id="c", outcome="ok", status=200, duration_ms=1.5, arguments=raw
    )


HEAD = '{"time":"t","server":"s","call_id":"c","outcome":"ok","status":200,"duration_ms":1.5'


def test_what_is_not_known_is_left_out() -> None:
    assert record().to_json() == HEAD + "}"
    assert record({"a": "é"}).to_json() == HEAD + ',"arguments":{"a":"\\u00e9"}}'


@pytest.mark.parametrize("text", ["é", "\x7f", "\u2028", "\u202e", "😀", "a\u0085😀😀b", '"\\/', "\x00\n\t"])
def test_every_character_is_escaped_as_json_has_it(text: str) -> None:
    written = to_ascii_json([text])
    assert written.isascii()
    assert written.isprintable()
    assert json.loads(written) == [text]
    assert in_ascii(written) == written


@pytest.mark.parametrize("text", ["x" * 5000, '"' * 5000, "\\" * 5000, "é" * 5000, "😀" * 5000])
@pytest.mark.parametrize("limit", [300, 1000, 1001, 1002, 1003, 4000])
def test_arguments_that_are_too_large_are_cut_with_a_mark(text: str, limit: int) -> None:
    whole = to_ascii_json({"a": text})
    written = record({"a": text}).to_json(limit)
    assert len(written) <= limit
    told = json.loads(written)["arguments"]
    kept, _, mark = told.rpartition(" [cut, ")
    assert mark == f"{len(whole)} bytes]"
    assert kept
    assert whole.startswith(kept)


def test_arguments_that_just_fit_are_whole() -> None:
    whole = record({"a": "x" * 100})
    size = len(whole.to_json())
    assert json.loads(whole.to_json(size))["arguments"] == {"a": "x" * 100}
    assert "[cut, 108 bytes]" in whole.to_json(size - 1)


def test_a_record_without_arguments_is_never_cut() -> None:
    assert record().to_json(10) == HEAD + "}"


def test_even_without_room_there_is_a_mark() -> None:
    assert json.loads(record({"a": "x" * 1000}).to_json(10))["arguments"] == " [cut, 1008 bytes]"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"arguments": "all"}, "arguments must be one of digest, redacted, full, not 'all'"),
        ({"sinks": "log"}, 'sinks must be a list, such as ["log"]'),
        ({"sinks": []}, 'sinks must be a list, such as ["log"]'),
    ],
)
def test_an_audit_that_cannot_work_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        Audit(**options)
    assert str(caught.value) == message
