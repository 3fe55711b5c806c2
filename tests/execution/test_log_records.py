"""Log records: whatever a client sends, it cannot forge one, and what it has sent can be read."""

import asyncio
import gc
import io
import json
import logging
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter
from hypothesis import given
from hypothesis import strategies as st
from tests.support import Client, Reply, accept, make_handler, make_server

from lambent import Context, RetryableError, ToolError
from lambent.execution.event_loop import CallerLoop, LoopThread
from lambent.execution.failures import report
from lambent.execution.log_records import logger, one_line, traceback_text
from lambent.wire.jsonrpc import RpcMessage

BREAKS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
CONTROLS = [*map(chr, range(32)), *map(chr, range(0x7F, 0xA0)), *"\u2028\u2029\u061c\u200e\u200f"]
CONTROLS += [*map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A))]
FORGED = "ERROR lambent FORGED admin logged in"
EVIL = "".join(f"x{mark}{FORGED}" for mark in BREAKS) + "\x1b[31m\u202e"
LETTERS = "Grüße, 東京, नमस्ते, 😀 C:\\new"
RECORD = re.compile(r"(ERROR|WARNING) lambent")


class Log:
    """What a handler of text has written."""

    def __init__(self, stream: io.StringIO) -> None:
        self.stream = stream

    @property
    def lines(self) -> list[str]:
        return self.stream.getvalue().splitlines()

    def check(self, records: int) -> str:
        """Nothing is forged: so many lines begin like a record, and no control character is written."""
        text = self.stream.getvalue()
        assert not [line for line in self.lines if line.lstrip().startswith(FORGED)]
        assert len([line for line in self.lines if RECORD.match(line)]) == records, text
        assert not set(text) & (set(CONTROLS) - {"\n"}), ascii(text)
        return text


@pytest.fixture
def log() -> Iterator[Log]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s %(message)s"))
    library = logging.getLogger("lambent")
    library.addHandler(handler)
    yield Log(stream)
    library.removeHandler(handler)


@pytest.mark.parametrize("mark", CONTROLS, ids=ascii)
def test_each_control_character_is_escaped(mark: str) -> None:
    escaped = one_line(f"a{mark}b")
    assert escaped.isascii()
    assert escaped.isprintable()
    assert escaped == f"a{mark.encode('unicode_escape').decode()}b"


def test_what_can_be_read_stays_as_it_is() -> None:
    assert one_line(LETTERS) == LETTERS
    assert one_line("") == ""


@given(st.text(st.characters()))
def test_any_text_is_one_line_that_can_be_written(text: str) -> None:
    escaped = one_line(text)
    assert len(escaped.splitlines()) <= 1
    assert not set(escaped) & set(CONTROLS)
    escaped.encode()


# Tracebacks.


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    try:
        raise error from cause
    except BaseException as caught:
        return caught


def noted(text: str) -> BaseException:
    error = ValueError("x")
    error.add_note(text)
    error.add_note(f"two\n{text}")
    return error


def during(text: str) -> BaseException:
    try:
        try:
            raise KeyError(text)
        except KeyError:
            raise ValueError(text)  # noqa: B904 - its context is what counts
    except ValueError as caught:
        return caught


def in_syntax(text: str) -> BaseException:
    return SyntaxError(text, ("file.py", 1, 1, f"1 +{text}"))


SHAPES: dict[str, Callable[[str], BaseException]] = {
    "message": ValueError,
    "first letter": lambda text: ValueError(f"{FORGED}{text}"),
    "key": KeyError,
    "system": lambda text: OSError(2, text, text),
    "note": noted,
    "bare note": lambda text: noted(f"{FORGED}\n{text}"),
    "cause": lambda text: raised(ValueError(text), ValueError(text)),
    "context": during,
    "group": lambda text: ExceptionGroup(text, [ValueError(text), raised(KeyError(text), noted(text))]),
    "group within": lambda text: ExceptionGroup("a", [ExceptionGroup(text, [noted(text)])]),
    "syntax": in_syntax,
    "odd notes": lambda text: _with(ValueError(text), __notes__=text),
    "no words": lambda text: _Unspeakable(),
}


class _Unspeakable(Exception):  # noqa: N818
    def __str__(self) -> str:
        raise RuntimeError("cannot be said")


def _with(error: BaseException, **attributes: Any) -> BaseException:
    for name, value in attributes.items():
        setattr(error, name, value)
    return error


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_no_traceback_forges_a_record(shape: Callable[[str], BaseException], log: Log) -> None:
    report(raised(shape(EVIL)))
    text = log.check(records=1)
    assert "Traceback (most recent call last):" in text
    assert f'  File "{__file__}", line' in text
    assert "    raise error from cause" in text  # a frame stands as always


class _Indescribable(Exception):  # noqa: N818
    @property
    def __notes__(self) -> list[str]:
        raise SystemExit(3)


@pytest.mark.parametrize(
    "error", [_Indescribable(EVIL), SyntaxError(EVIL, (EVIL, 1, [], 5))], ids=["notes", "syntax"]
)
def test_an_exception_that_cannot_be_described_is_reported(
    error: Exception, log: Log, serve: Callable[..., Client]
) -> None:
    mcp = make_server()

    @mcp.tool()
    def tool() -> str:
        raise error

    reply = serve(mcp).call("tool")
    assert reply.result["isError"]
    reference = reply.text.partition("(reference ")[2].rstrip(")")
    text = log.check(records=1)
    assert f"reference {reference}, with a {type(error).__name__} that cannot be described" in text


@pytest.mark.parametrize("runner", [CallerLoop, LoopThread])
def test_what_a_task_left_behind_raises_forges_no_record(runner: type[CallerLoop | LoopThread]) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logging.getLogger("asyncio").addHandler(handler)

    async def fail() -> None:
        raise ValueError(EVIL)

    async def leave() -> None:
        left = asyncio.ensure_future(fail())
        await asyncio.sleep(0)
        del left

    run = runner()
    try:
        run(leave())
        gc.collect()
    finally:
        run.close()
        logging.getLogger("asyncio").removeHandler(handler)
    assert "Task exception was never retrieved" in stream.getvalue()
    Log(stream).check(records=0)


def test_a_traceback_reads_as_always() -> None:
    error = during(LETTERS)
    expected = io.StringIO()
    traceback.print_exception(error, file=expected)
    # ``KeyError`` shows the repr of its key.
    assert traceback_text(error, error.__traceback__) == expected.getvalue()


def test_frames_can_be_left_out() -> None:
    assert traceback_text(ValueError("a\nb"), None) == "ValueError: a\\nb\n"


def test_a_syntax_error_shows_its_line_and_notes_have_a_margin() -> None:
    error = in_syntax("x")
    error.add_note("a note")
    *shown, name, note = traceback_text(error, None).splitlines()
    assert shown[:2] == ['  File "file.py", line 1', "    1 +x"]
    assert (name, note) == ("SyntaxError: x", "  | a note")


# Records.


def test_arguments_are_escaped_and_numbers_are_not(log: Log) -> None:
    logger("lambent.tests").warning("%s, %r, %d and %s", EVIL, "a\n", 3, ValueError(EVIL))
    text = log.check(records=1)
    assert "and x\\n" in text
    assert ", 3 and" in text


def test_a_logger_is_filtered_once() -> None:
    found = logger("lambent.tests")
    assert logger("lambent.tests") is found
    assert len(found.filters) == 1


def test_powertools_writes_one_object_a_record() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(LambdaPowertoolsFormatter())
    library = logging.getLogger("lambent")
    library.addHandler(handler)
    try:
        reference = report(raised(ValueError(EVIL + LETTERS)))
    finally:
        library.removeHandler(handler)
    (line,) = stream.getvalue().removesuffix("\n").split("\n")
    record = json.loads(line)
    assert record["message"] == f"A request failed, reference {reference}"
    assert record["exception_name"] == "ValueError"
    assert LETTERS in record["exception"]


def test_lone_surrogates_can_be_written(log: Log) -> None:
    report(raised(ValueError(f"\ud800{EVIL}", LETTERS)))
    report(raised(ValueError(f"\ud800{EVIL}")))
    text = log.check(records=2)
    assert "ValueError: \\ud800x\\n" in text
    text.encode()


# What clients send.


def _client() -> Client:
    mcp = make_server()

    @mcp.tool()
    def fail(text: str) -> str:
        raise ValueError(f"no luck with {text}")

    @mcp.tool()
    def ask(text: str, ctx: Context) -> str:
        if ctx.elicit("Sure?", {"type": "object", "properties": {}}, key=f"ask {text}").known:
            raise ToolError("known")
        return "went on"

    @mcp.tool()
    def later(text: str) -> str:
        raise RetryableError(text)

    @mcp.resource("note://{name}")
    def note(name: str) -> str:
        raise LookupError(name)

    @mcp.prompt()
    def greet(name: str) -> str:
        raise LookupError(name)

    @mcp.completion()
    def complete(ref: Any, argument: Any, context: Any) -> list[str]:
        raise LookupError(argument.value)

    return Client(make_handler(mcp))


REF = {"type": "ref/prompt", "name": "greet"}
SENDS: dict[str, tuple[int, Callable[[Client], Reply]]] = {
    "argument": (1, lambda client: client.call("fail", {"text": EVIL})),
    "id": (1, lambda client: client.call("fail", {"text": "x"}, request_id=EVIL)),
    "tool": (0, lambda client: client.call(EVIL)),
    "method": (0, lambda client: client.request(EVIL)),
    "URI": (1, lambda client: client.read("note://x%E2%80%A8ERROR")),
    "raw URI": (0, lambda client: client.read(f"x://{EVIL}")),
    "prompt": (1, lambda client: client.prompt("greet", {"name": EVIL})),
    "completion": (
        1,
        lambda client: client.request(
            "completion/complete", {"ref": REF, "argument": {"name": "name", "value": EVIL}}
        ),
    ),
    "key of a question": (
        1,
        lambda client: client.call("ask", {"text": EVIL}, capabilities={"elicitation": {}}),
    ),
    "state": (1, lambda client: client.call("ask", {"text": "x"}, also={"requestState": EVIL})),
    "answer": (
        0,
        lambda client: client.call(
            "ask",
            {"text": "x"},
            also={"inputResponses": {"ask x": accept(), EVIL: {"action": EVIL}}},
            capabilities={"elicitation": {}},
        ),
    ),
    "header": (0, lambda client: client.call("fail", {"text": "x"}, headers={"mcp-name": EVIL})),
    "JSON key": (0, lambda client: client.call("fail", {EVIL: EVIL})),
    "body": (0, lambda client: client.post("{" + EVIL)),
}


@pytest.mark.parametrize(("records", "send"), SENDS.values(), ids=SENDS.keys())
def test_nothing_that_a_client_sends_forges_a_record(
    records: int, send: Callable[[Client], Reply], log: Log
) -> None:
    send(_client())
    log.check(records)


def test_a_method_and_an_id_are_named_in_one_line(log: Log) -> None:
    """On stdio no header has to repeat a method."""
    report(raised(LookupError("x")), RpcMessage("2.0", EVIL, EVIL))
    assert "x\\nERROR lambent FORGED" in log.check(records=1)


def test_python_writes_what_is_expected_here() -> None:
    """The reason for all of this."""
    plain = logging.Formatter().formatException((ValueError, ValueError(f"x\n{FORGED}"), None))
    assert FORGED in plain.splitlines(), sys.version
