"""A process that serves a function: beside the managed runtime's client, which says the same, and alone."""

import base64
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.artifact.runtime_api import ExecutionEnvironment, Said
from tests.hosts.aws_lambda.runtime_client.functions import CLIENTS, MANAGED, OURS, running

each_client = pytest.mark.parametrize("client", CLIENTS)
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="awslambdaric is for Linux")

CONTEXT = """
    import os

    def handler(event, context):
        client = context.client_context
        return {
            "event": event,
            "trace": os.environ.get("_X_AMZN_TRACE_ID"),
            "left": 0 < context.get_remaining_time_in_millis() <= 29000,
            "w3c": context.w3c(),
            "custom": client and client.custom,
            "env": client and client.env,
            "client": client and client.client and {
                name: getattr(client.client, name)
                for name in (
                    "installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name"
                )
            },
            "identity": [context.identity.cognito_identity_id, context.identity.cognito_identity_pool_id],
            **{
                name: getattr(context, name)
                for name in (
                    "aws_request_id", "log_group_name", "log_stream_name", "function_name",
                    "memory_limit_in_mb", "function_version", "invoked_function_arn", "tenant_id",
                )
            },
        }
"""

CALLERS: dict[str, dict[str, str]] = {
    "nothing": {},
    "a mobile application": {
        "Lambda-Runtime-Client-Context": json.dumps(
            {
                "client": {"installation_id": "i", "app_title": "t", "app_package_name": "p"},
                "custom": {"bedrockAgentCoreToolName": "t___search"},
                "env": {"locale": "de"},
                "w3c": {"traceparent": "00-1", "baggage": 5, "other": "x"},
            }
        ),
        "Lambda-Runtime-Cognito-Identity": json.dumps(
            {"cognitoIdentityId": "me", "cognitoIdentityPoolId": "pool"}
        ),
    },
    "a context without a client": {"Lambda-Runtime-Client-Context": '{"custom": {"a": "\\u00e9"}}'},
    "a tenant": {"Lambda-Runtime-Aws-Tenant-Id": "acme"},
    "a numbered invocation": {"Lambda-Runtime-Invocation-Id": "7"},
}

RESULTS = r"""
    from decimal import Decimal

    class Odd:
        pass

    class Own(Exception):
        pass

    VALUES = {
        "text": "\u00e9\u2028\u007f \U0001f600 \\ \" \n\x01",
        "numbers": [0, -1, 1.5, 1e100, 2 ** 70, True, None],
        "nested": {"a": {"b": [(), [], {}]}},
        "nan": [float("nan"), float("inf")],
        "bytes": b"\x00raw",
        "odd": Odd(),
        "none": None,
        "table": {"a": Decimal("1.10"), "b": [Decimal("NaN"), (Decimal("1E+2"), {1: "\u00e9", None: True})]},
        "bytes inside": {b"a: \"": [b"\xc3\xa9", {}]},
        "odd inside": [Decimal(1), {"a": Odd()}],
        "no text": [b"\xff"],
    }

    def deep(number):
        if number:
            return deep(number - 1)
        raise Own(VALUES["text"])

    def handler(event, context):
        if event == "raise":
            deep(2)
        if event == "quiet":
            raise ValueError
        return VALUES[event]
"""


def posted(environment: ExecutionEnvironment, event: Any, headers: dict[str, str] | None = None) -> Said:
    """What the client posts for an event: a response, or else an error."""
    request_id = environment.begin(event, headers)
    while True:
        said = environment.api.said.get(timeout=30)
        if request_id in said.path:
            return said


def told(said: Said) -> dict[str, Any]:
    """What both clients say in the same way; only ours names the type of an error in a header."""
    names = ("content-type", "lambda-runtime-invocation-id", "lambda-runtime-function-xray-error-cause")
    headers = {name: said.headers.get(name) for name in names}
    if cause := headers["lambda-runtime-function-xray-error-cause"]:
        headers["lambda-runtime-function-xray-error-cause"] = json.loads(cause)
    return {"path": said.path, "body": said.body, **headers}


def test_contexts_are_the_same(tmp_path: Path) -> None:
    both = []
    for client in CLIENTS:
        with running(tmp_path, CONTEXT, client) as environment:
            environment.wait_ready()
            both.append([told(posted(environment, {"n": 1}, given)) for given in CALLERS.values()])
    assert both[0] == both[1]
    assert json.loads(both[1][1]["body"])["w3c"] == {"traceparent": "00-1"}
    assert both[1][4]["lambda-runtime-invocation-id"] == "7"


@pytest.mark.parametrize("python", ["3.11", "3.13"])
def test_results_and_errors_are_the_same_byte_for_byte(tmp_path: Path, python: str) -> None:
    variables = {"AWS_EXECUTION_ENV": f"AWS_Lambda_python{python}"}
    both: list[list[Any]] = []
    events = ["text", "numbers", "nested", "nan", "bytes", "odd", "none", "unknown", "raise", "quiet"]
    events += ["table", "bytes inside", "odd inside", "no text"]
    for client in CLIENTS:
        with running(tmp_path, RESULTS, client, variables=variables) as environment:
            environment.wait_ready()
            both.append([told(posted(environment, event)) for event in events])
            # What is no JSON is told in the words of its parser.
            no_context = {"Lambda-Runtime-Client-Context": "{no json"}
            refused = (posted(environment, b"{no json"), posted(environment, "none", no_context))
            both[-1] += [json.loads(said.body)["errorType"] for said in refused]
            if client == OURS:  # servers refuse control characters in headers, and the error would be lost
                cause = posted(environment, "raise").headers["lambda-runtime-function-xray-error-cause"]
                assert "\x7f" not in cause
                assert "\\u007f" in cause
    assert both[0] == both[1]


@pytest.mark.parametrize(
    ("handler", "source", "kind"),
    [
        ("app.handler", "raise OSError('no table')", "OSError"),
        ("app.handler", "import missing_module", "Runtime.ImportModuleError"),
        ("app.handler", "def handler(:", "Runtime.UserCodeSyntaxError"),
        ("app.handler", "other = 1", "Runtime.HandlerNotFound"),
        ("handler", "", "Runtime.MalformedHandlerName"),
        ("sys.exit", "", "Runtime.BuiltInModuleConflict"),
    ],
)
def test_errors_of_initialization_are_the_same(tmp_path: Path, handler: str, source: str, kind: str) -> None:
    both = []
    for client in CLIENTS:
        with running(tmp_path, source, client, handler=handler) as environment:
            said = environment.wait_for_error()
            assert said.headers["lambda-runtime-function-error-type"] == kind
            report = json.loads(said.body)
            if kind == "OSError":
                # Frames of the import system, by the name that the client has for it.
                report["stackTrace"] = [line for line in report["stackTrace"] if "app.py" in line]
            if kind == "Runtime.MalformedHandlerName":
                assert report.pop("errorMessage").startswith("Bad handler 'handler': ")
            both.append((report, environment.wait_ended()))
    assert both[0] == both[1]
    assert both[1][1] == 1


LOGS = """
    import logging
    import sys

    log = logging.getLogger("shop")

    def handler(event, context):
        log.warning("%s \u00e9", event["text"], extra={"order": 5})
        log.info({"a": 1})
        try:
            1 / 0
        except ZeroDivisionError:
            log.exception("failed")
        print("printed")
        context.log("logged\\n")
        sys.stderr.write("to stderr\\n")
        raise ValueError("over\\n  two lines")
"""


def without_times(log: str) -> str:
    return re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?", "TIME", log)


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"AWS_LAMBDA_LOG_FORMAT": "JSON"},
        {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "TRACE"},
        {"AWS_LAMBDA_LOG_LEVEL": "INFO"},
    ],
    ids=str,
)
def test_logs_are_the_same(tmp_path: Path, variables: dict[str, str]) -> None:
    logs = []
    for client in CLIENTS:
        with running(tmp_path, LOGS, client, variables=variables) as environment:
            environment.wait_ready()
            posted(environment, {"text": "hello"}, {"Lambda-Runtime-Aws-Tenant-Id": "acme"})
            logs.append(without_times(environment.log))
    assert logs[0] == logs[1]
    assert "printed\n" in logs[1]


def test_framed_logs_are_the_same(tmp_path: Path) -> None:
    """Where Lambda has given the process a file for its records."""
    frames = []
    for client in CLIENTS:
        for more in ({}, {"AWS_LAMBDA_LOG_FORMAT": "JSON"}, {"AWS_LAMBDA_LOG_LEVEL": "DEBUG"}):
            path = tmp_path / "frames"
            shell = f"import os; os.dup2(os.open({str(path)!r}, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 9)\n"
            # The descriptor is made before the client looks for it.
            (tmp_path / "site").mkdir(exist_ok=True)
            (tmp_path / "site" / "sitecustomize.py").write_text(f"{shell}os.set_inheritable(9, False)\n")
            library = os.pathsep.join([str(tmp_path / "site"), str(tmp_path / "task"), _library()])
            given = {"_LAMBDA_TELEMETRY_LOG_FD": "9", "PYTHONPATH": library, **more}
            with running(tmp_path, LOGS, client, variables=given) as environment:
                environment.wait_ready()
                posted(environment, {"text": "hello"})
            frames.append(_frames(path.read_bytes()))
    assert frames[:3] == frames[3:]
    assert all(frames)


def _library() -> str:
    import lambent

    return str(Path(lambent.__file__).parent.parent)


def _frames(data: bytes) -> list[tuple[str, str]]:
    found = []
    while data:
        size = int.from_bytes(data[4:8], "big")
        found.append((data[:4].hex(), without_times(data[16 : 16 + size].decode())))
        data = data[16 + size :]
    return found


STREAM = """
    import pathlib
    import time

    def handler(event, context):
        stream = context.open_response_stream("text/plain")
        if event.get("before"):
            raise ValueError("before")
        assert stream.write(b"one")
        gate = event.get("gate")
        while gate and not pathlib.Path(gate).exists():
            time.sleep(0.01)
        stream.write(b"")
        taken = stream.write(b"two")
        if event.get("after"):
            raise ValueError("after \u00e9")
        if event.get("broken"):
            while stream.write(b"more"):
                time.sleep(0.01)
            print("broken:", stream.is_broken)
        return "is not sent"
"""


def test_parts_of_a_stream_arrive_while_the_handler_runs(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with running(tmp_path, STREAM) as environment:
        environment.wait_ready()
        request_id = environment.begin({"gate": str(gate)}, {"Lambda-Runtime-Invocation-Id": "3"})
        assert environment.api.parts.get(timeout=30) == b"one"
        assert environment.api.parts.empty()
        gate.touch()
        said = environment.wait_for_response(request_id)
        assert said.chunks == (b"one", b"two")
        assert said.trailers == {}
        assert {name: said.headers[name] for name in sorted(said.headers) if name != "host"} == {
            "content-type": "text/plain",
            "lambda-runtime-function-response-mode": "streaming",
            "lambda-runtime-invocation-id": "3",
            "trailer": "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body",
            "transfer-encoding": "chunked",
            "user-agent": f"lambent-runtime-client Python/{'.'.join(map(str, sys.version_info[:3]))}",
        }
        # and the next one
        assert environment.wait_for_response(environment.begin({})).body == b"onetwo"


def test_an_error_behind_the_first_part_is_in_the_trailers(tmp_path: Path) -> None:
    with running(tmp_path, STREAM) as environment:
        environment.wait_ready()
        request_id = environment.begin({"after": True})
        said = environment.wait_for_response(request_id)
        assert said.body == b"onetwo"
        assert said.trailers["lambda-runtime-function-error-type"] == "Function.ValueError"
        report = json.loads(base64.b64decode(said.trailers["lambda-runtime-function-error-body"]))
        assert (report["errorMessage"], report["errorType"]) == ("after \u00e9", "ValueError")
        assert report["requestId"] == request_id
        assert environment.wait_for_response(environment.begin({})).body == b"onetwo"
        assert "[ERROR] ValueError: after \u00e9" in environment.log


def test_the_trailers_of_a_long_error_are_short(tmp_path: Path) -> None:
    """A server written in Go reads 4096 bytes of trailers, and takes more for an attack."""
    source = """
        class {name}(Exception):
            pass

        def deep(number, text):
            if number:
                return deep(number - 1, text)
            raise {name}(text)

        def handler(event, context):
            context.open_response_stream("text/plain").write(b"one")
            deep(900, event)
    """.format(name="Long" * 100)
    with running(tmp_path, source) as environment:
        environment.wait_ready()
        for text in ("short", "\u00e9" * 100_000, "\x01" * 100_000):
            said = environment.wait_for_response(environment.begin(text))
            lines = [f"{name}: {value}\r\n" for name, value in said.trailers.items()]
            assert len("".join(lines)) + 2 <= 4096
            body = said.trailers["lambda-runtime-function-error-body"]
            report = json.loads(base64.b64decode(body))
            assert report["errorMessage"]
            assert text.startswith(report["errorMessage"])
            if text == "short":
                assert report["stackTrace"][-1].endswith("raise Long" + "Long" * 99 + "(text)\n")


def test_an_error_in_front_of_the_first_part_is_one_of_the_invocation(tmp_path: Path) -> None:
    with running(tmp_path, STREAM) as environment:
        environment.wait_ready()
        said = environment.wait_for_error(environment.begin({"before": True}))
        assert json.loads(said.body)["errorMessage"] == "before"
        assert said.headers["lambda-runtime-function-error-type"] == "ValueError"
        assert environment.wait_for_response(environment.begin({})).body == b"onetwo"


def test_a_stream_that_nobody_takes_any_more(tmp_path: Path) -> None:
    with running(tmp_path, STREAM) as environment:
        environment.wait_ready()
        environment.api.most_parts = 2
        environment.begin({"broken": True})
        assert environment.api.parts.get(timeout=30) == b"one"
        assert environment.api.parts.get(timeout=30) == b"two"
        environment.api.said.get(timeout=30)
        environment.api.most_parts = sys.maxsize
        assert environment.wait_for_response(environment.begin({})).body == b"onetwo"
        assert "broken: True" in environment.log


@pytest.mark.parametrize("status", [400, 413, 500])
def test_a_stream_that_is_refused_in_the_end(tmp_path: Path, status: int) -> None:
    with running(tmp_path, STREAM) as environment:
        environment.wait_ready()
        environment.api.stream_status = status
        for event in ({}, {"after": True}):
            assert environment.wait_for_response(environment.begin(event)).body == b"onetwo"
        environment.api.stream_status = 202
        assert environment.wait_for_response(environment.begin({})).body == b"onetwo"
        assert environment.log.count(f"/response with {status}") == 2


def test_it_ends_where_it_cannot_go_on(tmp_path: Path) -> None:
    """As the managed client does, when a function ends its own process."""
    source = "import sys\n\ndef handler(event, context):\n    sys.exit(7)\n"
    for client in (MANAGED, OURS):
        with running(tmp_path, source, client) as environment:
            environment.wait_ready()
            environment.begin({})
            assert environment.wait_ended() == 7


def test_texts_that_cannot_be_written_end_nothing(tmp_path: Path) -> None:
    """The managed client ends its process, and with it the environment."""
    source = r"""
        import logging

        class Silent(Exception):
            def __str__(self):
                raise RuntimeError("no text")

        def handler(event, context):
            logging.warning("got %s", event)
            context.log(event)
            raise Silent if event == "silent" else ValueError(event)
    """
    with running(tmp_path, source) as environment:
        environment.wait_ready()
        report = json.loads(environment.wait_for_error(environment.begin("silent")).body)
        assert (report["errorType"], report["errorMessage"]) == ("Silent", "<no text: RuntimeError>")
        said = environment.wait_for_error(environment.begin(b'"\\ud800"'))
        assert b'"errorMessage": "\\ud800"' in said.body
        assert "got \\ud800\n" in environment.log
        assert "[ERROR] ValueError: \\ud800" in environment.log


SNAPSHOT = """
    import snapshot_restore_py

    done = []
    for number in range(2):
        snapshot_restore_py.register_before_snapshot(done.append, f"before {number}")
        snapshot_restore_py.register_after_restore(done.append, f"after {number}")

    def handler(event, context):
        return done
"""
SNAP_START = {"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"}


@each_client
def test_hooks_of_a_snapshot(tmp_path: Path, client: str) -> None:
    with running(tmp_path, SNAPSHOT, client, variables=SNAP_START) as environment:
        said = environment.wait_for_response(environment.begin({}))
    assert json.loads(said.body) == ["before 1", "before 0", "after 0", "after 1"]


@each_client
@pytest.mark.parametrize("failure", ["1 / 0", "sys.exit(3)"])
@pytest.mark.parametrize(
    ("hook", "path", "kind", "code"),
    [
        ("before_snapshot", "/2018-06-01/runtime/init/error", "Runtime.BeforeSnapshotError", 64),
        ("after_restore", "/2018-06-01/runtime/restore/error", "Runtime.AfterRestoreError", 65),
    ],
)
def test_a_hook_that_fails_ends_the_process(
    tmp_path: Path, client: str, hook: str, path: str, kind: str, code: int, failure: str
) -> None:
    source = f"""
        import sys
        from snapshot_restore_py import register_{hook} as register

        register(lambda: {failure})

        def handler(event, context):
            return None
    """
    with running(tmp_path, source, client, variables=SNAP_START) as environment:
        while (said := environment.api.said.get(timeout=30)).path != path:
            pass
        assert said.headers["lambda-runtime-function-error-type"] == kind
        assert json.loads(said.body)["errorType"] in ("ZeroDivisionError", "SystemExit")
        assert environment.wait_ended() == code
