import logging
import os

import pytest

from lambent.cli.app_ref import AppRef
from lambent.cli.gateway.calling import HandlerError, LambdaFormatter, call, describe, install_log_handler
from lambent.cli.gateway.frames import InvocationFrame
from lambent.cli.gateway.launch import Launch

INVOCATION = InvocationFrame(
    "77375676-abcd-4b79-853a-f982474efe18", 0, "Root=1-5e66d96f-7491f09a12b379d18acf3d05"
)


@pytest.fixture
def invoke(monkeypatch, tmp_path):
    """Calls a handler in an environment's variables."""
    app = AppRef(folder=tmp_path, module="app", attribute="handler")
    for name, value in Launch(app, {}).variables(1).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "")
    return lambda handler, event=None: call(handler, event, INVOCATION, LambdaFormatter())


@pytest.mark.parametrize("runtime", ["AWS_Lambda_python3.11", "AWS_Lambda_python3.13"])
def test_the_result_as_lambdas_client_writes_it(invoke, monkeypatch, runtime):
    monkeypatch.setenv("AWS_EXECUTION_ENV", runtime)
    result = {"got": [1, True], "é": None, "body": '"\\\x7f\n\u2028😀'}
    client = pytest.importorskip("awslambdaric.lambda_runtime_marshaller")
    written, _ = client.LambdaMarshaller().marshal_response(result)
    assert invoke(lambda event, context: result) == written.encode()


def test_the_context(invoke):
    seen = []
    invoke(lambda event, context: seen.append((context.aws_request_id, os.environ["_X_AMZN_TRACE_ID"])))
    assert seen == [(INVOCATION.request_id, INVOCATION.trace_id)]


def test_a_handler_that_raises(invoke):
    def handler(event, context):
        raise KeyError("order")

    with pytest.raises(HandlerError) as caught:
        invoke(handler)
    assert caught.value.kind == "KeyError"
    lines = caught.value.text.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1].startswith(f'  File "{__file__}"')
    assert lines[-1] == "KeyError: 'order'"


@pytest.mark.parametrize(
    ("result", "kind", "reason"),
    [
        (object(), "TypeError", "Object of type object is not JSON serializable"),
        (float("nan"), "ValueError", "Out of range float values are not JSON compliant"),
        ("\ud800", "UnicodeEncodeError", "'utf-8' codec can't encode character"),
    ],
)
def test_a_result_that_is_not_json(invoke, monkeypatch, result, kind, reason):
    monkeypatch.setenv("AWS_EXECUTION_ENV", "AWS_Lambda_python3.13")
    with pytest.raises(HandlerError) as caught:
        invoke(lambda event, context: result)
    assert caught.value.kind == kind
    assert caught.value.text.startswith(f"Runtime.MarshalError: unable to marshal response: {reason}")


def test_an_end_of_the_process_is_left_alone(invoke):
    def handler(event, context):
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        invoke(handler)


def test_log_lines_are_lambdas(capsys):
    root = logging.getLogger()
    before = list(root.handlers)
    formatter = install_log_handler()
    try:
        formatter.request_id = "id"
        record = logging.LogRecord("orders", logging.INFO, "app.py", 1, "%s done", ("refund",), None)
        record.created, record.msecs = 1785585600.25, 250.0
        (added,) = set(root.handlers) - set(before)
        added.handle(record)
    finally:
        for handler in set(root.handlers) - set(before):
            root.removeHandler(handler)
    assert capsys.readouterr().err == "[INFO]\t2026-08-01T12:00:00.250Z\tid\trefund done\n"


def test_an_error_without_a_traceback():
    assert describe(ValueError("x")) == "ValueError: x\n"


def test_what_an_error_says_is_one_line():
    assert describe(ValueError("x\n[ERROR]\tforged\x1b")) == "ValueError: x\\n[ERROR]\\tforged\\x1b\n"
