"""Errors of a function, as Lambda and X-Ray show them."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

_OWN = str(Path(__file__).parent) + os.sep


class RuntimeFaultError(Exception):
    """Something that this client says, and not the function.

    Attributes:
        kind: ``Runtime.…``, as the managed runtime names it.
        trace: lines in place of a traceback.
    """

    def __init__(self, kind: str, text: str, trace: Sequence[str] = ()) -> None:
        super().__init__(text)
        self.kind = kind
        self.trace = list(trace)


class FunctionFailure(NamedTuple):
    """An error, in the forms in which the Runtime API takes it.

    Attributes:
        kind: its type.
        report: what the caller of the function gets.
        xray: what X-Ray shows.
    """

    kind: str
    report: dict[str, Any]
    xray: dict[str, Any]


def failure_of(error: BaseException, request_id: str = "") -> FunctionFailure:
    """An error with the frames from the function's own first one."""
    if isinstance(error, RuntimeFaultError):
        text = str(error)
        return FunctionFailure(
            error.kind,
            _report(text, error.kind, error.trace, request_id),
            _xray(text, "LambdaValidationError", []),
        )
    frames = list(traceback.extract_tb(error.__traceback__))
    own = next((at for at, frame in enumerate(frames) if not frame.filename.startswith(_OWN)), 0)
    frames, kind, text = frames[own:], type(error).__name__, _text_of(error)
    lines = traceback.format_list([(one.filename, one.lineno or 0, one.name, one.line) for one in frames])
    return FunctionFailure(kind, _report(text, kind, lines, request_id), _xray(text, kind, frames))


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as failed:  # a method of the function
        return f"<no text: {type(failed).__name__}>"


def shortened(report: dict[str, Any], encode: Callable[[Any], bytes], most: int) -> bytes:
    """A report of at most so many bytes: without its outermost frames, with the beginning of its message."""
    text, trace = report["errorMessage"], list(report["stackTrace"])
    while len(data := encode({**report, "errorMessage": text, "stackTrace": trace})) > most:
        if len(text) > most // 4:
            text = text[: most // 4]
        elif trace:
            del trace[: len(trace) // 8 + 1]
        else:
            text = text[: len(text) // 2]
    return data


def _report(text: str, kind: str, trace: list[str], request_id: str) -> dict[str, Any]:
    return {"errorMessage": text, "errorType": kind, "requestId": request_id, "stackTrace": trace}


def _xray(text: str, kind: str, frames: Sequence[traceback.FrameSummary]) -> dict[str, Any]:
    stack = [{"label": one.name, "path": one.filename, "line": one.lineno} for one in frames]
    return {
        "working_directory": str(Path.cwd()),
        "exceptions": [{"message": text, "type": kind, "stack": stack}],
        "paths": sorted({one.filename for one in frames}),
    }
