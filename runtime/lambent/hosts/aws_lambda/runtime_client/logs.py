"""What the function logs, in the formats of the managed runtime ("Log and monitor Python Lambda functions").

``AWS_LAMBDA_LOG_FORMAT`` is ``Text`` or ``JSON``, ``AWS_LAMBDA_LOG_LEVEL`` the level of the root logger.
Lambda gives managed runtimes a file, ``_LAMBDA_TELEMETRY_LOG_FD``, in which each record is framed, so that
one of many lines stays one record; elsewhere, records go to standard output.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
import traceback
from collections.abc import Mapping, MutableMapping
from typing import Any, Protocol, TextIO

_TIME = "%Y-%m-%dT%H:%M:%S"
_NO_BREAK_SPACE = "\u00a0"
_FRAME = 0xA55A0000
_JSON_FRAME, _TEXT_FRAME = 2, 3
_ATTRIBUTES = frozenset(vars(logging.makeLogRecord({}))) | {
    "aws_request_id",
    "tenant_id",
    "message",
    "asctime",
}


class LogOutput(Protocol):
    """Where records go."""

    def write(self, text: str, level: int, *, is_json: bool) -> None:
        """Write a record."""

    def write_lines(self, lines: list[str], *, is_json: bool) -> None:
        """Write a record of several lines, an error."""


class StandardOutput:
    """Standard output: the lines of a record are kept together by carriage returns."""

    def write(self, text: str, level: int, *, is_json: bool) -> None:
        """See ``LogOutput``."""
        sys.stdout.write(_encodable(text))

    def write_lines(self, lines: list[str], *, is_json: bool) -> None:
        """See ``LogOutput``."""
        sys.stdout.write(_encodable("\r".join(lines) + "\n"))


def _encodable(text: str) -> str:
    """The text, with escapes for what has no encoding, such as a lone surrogate in an event."""
    encoding = sys.stdout.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


class FramedOutput:
    """A file of frames: type, length, microseconds since the epoch, and the record; big-endian."""

    def __init__(self, descriptor: int) -> None:
        self._file = os.fdopen(descriptor, "wb", 0)

    def write(self, text: str, level: int, *, is_json: bool) -> None:
        """See ``LogOutput``."""
        data = text.encode(errors="backslashreplace")
        head = frame_type(level, is_json=is_json).to_bytes(4, "big") + len(data).to_bytes(4, "big")
        self._file.write(head + (time.time_ns() // 1000).to_bytes(8, "big") + data)

    def write_lines(self, lines: list[str], *, is_json: bool) -> None:
        """See ``LogOutput``."""
        self.write("\n".join(lines), logging.ERROR, is_json=is_json)

    def close(self) -> None:
        """Close the file, as tests do."""
        self._file.close()


def frame_type(level: int, *, is_json: bool) -> int:
    """What a frame begins with: the level of its record, and whether that is JSON."""
    tens = min(50, max(0, level)) // 10
    return _FRAME | ((tens + 1) << 2 if tens else 0) | (_JSON_FRAME if is_json else _TEXT_FRAME)


class FunctionLog:
    """The log of a function.

    Attributes:
        request_id: of the invocation that runs; it is in every record.
        tenant_id: the same.
    """

    def __init__(self, environ: Mapping[str, str], output: LogOutput) -> None:
        self._output = output
        self._is_json = environ.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON"
        level = environ.get("AWS_LAMBDA_LOG_LEVEL", "")
        self._level = ("DEBUG" if level == "TRACE" else level).upper()
        self.request_id = ""
        self.tenant_id: str | None = None

    def install(self) -> None:
        """Have the root logger write here."""
        logging.Formatter.converter = time.gmtime
        handler = _RecordHandler(self._output, is_json=self._is_json, has_levels=bool(self._level))
        handler.setFormatter(_JsonFormatter() if self._is_json else logging.Formatter(_TEXT, _TIME))
        handler.addFilter(self._complete)
        root = logging.getLogger()
        if self._level in logging.getLevelNamesMapping():
            root.setLevel(self._level)
        root.addHandler(handler)

    def write(self, text: str) -> None:
        """Write text as it is."""
        self._output.write(text, logging.NOTSET, is_json=False)

    def write_failure(self, report: Mapping[str, Any]) -> None:
        """Write the error with which an invocation has ended."""
        if self._is_json:
            now = time.strftime(f"{_TIME}Z", time.gmtime())
            record = {"timestamp": now, "level": "ERROR", **report}
            self._output.write_lines([json.dumps(record, ensure_ascii=False)], is_json=True)
            return
        first = ": ".join(filter(None, (report["errorType"], report["errorMessage"])))
        lines = [f"[ERROR] {first}", "Traceback (most recent call last):"]
        for element in report["stackTrace"]:
            lines += [_indented(line) for line in element.splitlines()] or [""]
        self._output.write_lines(lines, is_json=False)

    def _complete(self, record: logging.LogRecord) -> bool:
        record.aws_request_id, record.tenant_id = self.request_id, self.tenant_id
        return True


_TEXT = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n"


class _RecordHandler(logging.Handler):
    def __init__(self, output: LogOutput, *, is_json: bool, has_levels: bool) -> None:
        super().__init__()
        self._output = output
        self._is_json = is_json
        self._has_levels = is_json or has_levels

    def emit(self, record: logging.LogRecord) -> None:
        level = record.levelno if self._has_levels else logging.NOTSET
        self._output.write(self.format(record), level, is_json=self._is_json)


class _JsonFormatter(logging.Formatter):
    def __init__(self) -> None:
        super().__init__(datefmt=f"{_TIME}Z")

    def format(self, record: logging.LogRecord) -> str:
        level = min(50, max(0, record.levelno)) // 10 * 10
        kind, error, trace = record.exc_info or (None, None, None)
        has_error = kind is not None
        members: dict[str, Any] = {
            "timestamp": self.formatTime(record, self.datefmt),
            "level": logging.getLevelName(level),
            "message": record.msg
            if isinstance(record.msg, dict) and not record.args
            else record.getMessage(),
            "logger": record.name,
            "stackTrace": traceback.format_tb(trace) if has_error else None,
            "errorType": kind.__name__ if kind is not None else None,
            "errorMessage": str(error) if has_error else None,
            "requestId": vars(record).get("aws_request_id"),
            "location": f"{record.pathname}:{record.funcName}:{record.lineno}" if has_error else None,
            "tenantId": vars(record).get("tenant_id"),
        }
        added = {
            name: value
            for name, value in vars(record).items()
            if name not in _ATTRIBUTES and name not in members
        }
        kept = {name: value for name, value in {**members, **added}.items() if value is not None}
        return json.dumps(kept, ensure_ascii=False, default=str) + "\n"


def _indented(line: str) -> str:
    # Blanks at the beginning of a line would be lost in CloudWatch.
    text = line.lstrip(" ")
    return _NO_BREAK_SPACE * (len(line) - len(text)) + text


class Unbuffered:
    """A text stream that keeps nothing back: the environment may be frozen at any time."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        """Everything else is the stream's own."""
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write text, and let nothing of it wait."""
        written = self._stream.write(text)
        self._stream.flush()
        return written

    def writelines(self, lines: list[str]) -> None:
        """Write several texts; see ``write``."""
        self._stream.writelines(lines)
        self._stream.flush()


def output_of(environ: MutableMapping[str, str]) -> LogOutput:
    """Where records go; the descriptor is this process's alone, and no child is told of it."""
    descriptor = environ.pop("_LAMBDA_TELEMETRY_LOG_FD", None)
    return StandardOutput() if descriptor is None else FramedOutput(int(descriptor))
