import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lambent.cli import main
from lambent.cli.invoke import _read_event

EVENTS = Path(__file__).parents[2] / "events"

# A handler that does what its event says.
APP = """
import json, logging, os, subprocess, sys, time

print("printed at import")
logging.getLogger("orders").warning("logged at import")


def handler(event, context):
    if not isinstance(event, dict):
        return event
    action = event.get("do")
    if action == "describe":
        return {
            "function_name": context.function_name,
            "request_id": context.aws_request_id,
            "told": None if context.client_context is None else context.client_context.custom,
            "remaining": context.get_remaining_time_in_millis(),
            "trace_id": os.environ["_X_AMZN_TRACE_ID"],
            "cwd": os.getcwd(),
            "zone": time.strftime("%Z"),
            "variables": {name: os.environ.get(name) for name in event["variables"]},
        }
    if action == "talk":
        print("printed by the handler")
        logging.getLogger("orders").warning("logged by the handler")
        subprocess.run([sys.executable, "-c", "print('printed by a process')"], check=True)
        return {}
    if action == "raise":
        raise ValueError("no such order")
    if action == "exit":
        sys.exit(3)
    if action == "hang":
        time.sleep(600)
    if action == "unserializable":
        return {"body": object()}
    return event["answer"]
"""


@pytest.fixture
def invoke(tmp_path):
    """Run the command in the folder of an app; what came of it."""
    folder = tmp_path / "functions"
    folder.mkdir()
    (folder / "app.py").write_text(APP)

    def run(event, *arguments, app="functions/app.py", given="-e", name="event.json", **environment):
        data = event if isinstance(event, bytes) else json.dumps(event).encode()
        (tmp_path / name).write_bytes(data)
        source = "-" if given == "stdin" else name
        return subprocess.run(
            [sys.executable, "-m", "lambent.cli", "invoke", app, "-e", source, *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
            input=data if given == "stdin" else b"",
            capture_output=True,
            check=False,
            timeout=60,
        )

    return run


def last_line(done):
    return done.stderr.decode().splitlines()[-1]


@pytest.mark.parametrize("given", ["-e", "stdin"])
@pytest.mark.parametrize("answer", [{"statusCode": 200, "body": "é"}, None, ["a", 1.5]])
def test_the_response_is_printed_as_json(invoke, given, answer):
    done = invoke({"answer": answer}, given=given)
    assert done.returncode == 0, done.stderr
    assert done.stdout == (json.dumps(answer, ensure_ascii=False, separators=(",", ":")) + "\n").encode()


@pytest.mark.parametrize("event", [[], "text", 7, None])
def test_an_event_is_any_json(invoke, event):
    assert json.loads(invoke(event).stdout) == event


def test_the_handler_is_told_what_lambda_tells(invoke, tmp_path):
    event = {"do": "describe", "variables": ["AWS_LAMBDA_FUNCTION_NAME", "TABLE", "EMPTY", "SHELL_SAYS"]}
    done = invoke(
        event,
        "--timeout",
        "7",
        "--env",
        "TABLE=orders",
        "--env",
        "EMPTY=",
        SHELL_SAYS="hello",
        TZ="Asia/Tokyo",
    )
    said = json.loads(done.stdout)
    assert said["variables"] == {
        "AWS_LAMBDA_FUNCTION_NAME": "app",
        "TABLE": "orders",
        "EMPTY": "",
        "SHELL_SAYS": "hello",
    }
    assert said["function_name"] == "app"
    assert len(said["request_id"]) == 36
    assert said["trace_id"].startswith("Root=1-")
    assert 0 < said["remaining"] <= 7000
    assert said["cwd"] == str(tmp_path / "functions")


def test_a_client_context(invoke, tmp_path):
    (tmp_path / "told.json").write_text('{"custom": {"tool": "a"}}')
    done = invoke({"do": "describe", "variables": []}, "--client-context", "told.json")
    assert json.loads(done.stdout)["told"] == {"tool": "a"}
    (tmp_path / "told.json").write_text("[]")
    done = invoke({"do": "describe", "variables": []}, "--client-context", "told.json")
    assert (done.returncode, last_line(done)) == (2, "lambent invoke: told.json is no JSON object")


def test_a_call_of_a_gateway():
    command = [
        sys.executable,
        "-m",
        "lambent.cli",
        "invoke",
        "functions/orders/app.py",
        "-e",
        "agentcore-call",
    ]
    options = ["--client-context", "agentcore-client-context", "--env", "LAMBENT_AGENTCORE=true"]
    done = subprocess.run(
        [*command, *options], cwd=EVENTS.parent, capture_output=True, check=True, timeout=60
    )
    assert json.loads(done.stdout)["customer"] == "Luis Herrera"


def test_the_clock_shows_utc_unless_told_otherwise(invoke):
    event = {"do": "describe", "variables": []}
    environment = {name: value for name, value in os.environ.items() if name == "TZ"}
    if not environment:
        assert json.loads(invoke(event).stdout)["zone"] == "UTC"
    assert json.loads(invoke(event, TZ="JST-9").stdout)["zone"] == "JST"


def test_two_invocations_have_ids_of_their_own(invoke):
    event = {"do": "describe", "variables": []}
    first, second = (json.loads(invoke(event).stdout)["request_id"] for _ in range(2))
    assert first != second


def test_questions_can_be_asked_without_a_key(invoke):
    event = {"do": "describe", "variables": ["LAMBENT_STATE_KEYS"]}
    made_up = json.loads(invoke(event, LAMBENT_STATE_KEYS="").stdout)["variables"]["LAMBENT_STATE_KEYS"]
    assert len(made_up) == 64
    done = invoke(event, "--env", "LAMBENT_STATE_KEYS=mine")
    assert json.loads(done.stdout)["variables"] == {"LAMBENT_STATE_KEYS": "mine"}


def test_without_a_table_it_keeps_sessions_in_memory(invoke):
    event = {"do": "describe", "variables": ["LAMBENT_TABLE"]}
    without = {
        "LAMBENT_TABLE": "",
        "LAMBENT_TASK_QUEUE_URL": "",
        "LAMBENT_BUCKET": "",
        "AWS_ENDPOINT_URL": "",
    }
    assert json.loads(invoke(event, **without).stdout)["variables"] == {"LAMBENT_TABLE": "memory:"}
    own = invoke(event, "--env", "LAMBENT_TABLE=mine", **without)
    assert json.loads(own.stdout)["variables"] == {"LAMBENT_TABLE": "mine"}
    elsewhere = invoke(event, **{**without, "AWS_ENDPOINT_URL": "http://127.0.0.1:1"})
    assert json.loads(elsewhere.stdout)["variables"] == {"LAMBENT_TABLE": ""}


def test_what_the_app_says_goes_to_standard_error(invoke):
    done = invoke({"do": "talk"})
    assert done.stdout == b"{}\n"
    said = done.stderr.decode()
    for line in ("printed at import", "printed by the handler", "printed by a process"):
        assert f"{line}\n" in said
    assert "[WARNING]\t" in said
    assert "\tlogged by the handler\n" in said
    assert "\tlogged at import\n" in said


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        ({"statusCode": 200, "body": '{"é":1}'}, '{"é":1}'.encode()),
        ({"statusCode": 202, "body": ""}, b""),
        (
            {"statusCode": 200, "body": base64.b64encode(b"\x00\xff").decode(), "isBase64Encoded": True},
            b"\x00\xff",
        ),
    ],
)
def test_the_body_alone(invoke, answer, body):
    done = invoke({"answer": answer}, "--body")
    assert (done.returncode, done.stdout) == (0, body)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({"batchItemFailures": []}, 'the response has no body: {"batchItemFailures":[]}'),
        (None, "the response has no body: null"),
        (
            {"body": "é!", "isBase64Encoded": True},
            "the response's body is not Base64, but isBase64Encoded is true",
        ),
        (
            {"body": "abc", "isBase64Encoded": True},
            "the response's body is not Base64, but isBase64Encoded is true",
        ),
    ],
)
def test_a_response_without_a_body(invoke, answer, message):
    done = invoke({"answer": answer}, "--body")
    assert (done.returncode, done.stdout) == (1, b"")
    assert last_line(done) == f"lambent invoke: {message}"


def test_a_handler_that_raises(invoke, tmp_path):
    done = invoke({"do": "raise"})
    assert (done.returncode, done.stdout) == (1, b"")
    said = done.stderr.decode()
    assert "[ERROR] Traceback (most recent call last)" in said
    assert "ValueError: no such order\n" in said
    assert "calling.py" not in said
    assert last_line(done) == f"lambent invoke: {tmp_path / 'functions' / 'app.py'}:handler raised ValueError"


def test_a_handler_that_ends_the_process(invoke):
    done = invoke({"do": "exit"})
    assert (done.returncode, done.stdout) == (1, b"")
    assert last_line(done).endswith("app.py:handler ended the process with exit status 3")


def test_a_handler_that_takes_too_long(invoke):
    done = invoke({"do": "hang"}, "--timeout", "0.5")
    assert (done.returncode, done.stdout) == (1, b"")
    assert last_line(done) == "lambent invoke: the handler timed out after 0.50 seconds"


def test_a_result_that_is_not_json(invoke):
    done = invoke({"do": "unserializable"})
    assert (done.returncode, done.stdout) == (1, b"")
    assert "[ERROR] Runtime.MarshalError: unable to marshal response: Object of type object" in str(
        done.stderr
    )


def test_an_app_that_cannot_be_imported(invoke, tmp_path):
    (tmp_path / "broken.py").write_text("import no_such_library\n")
    done = invoke({}, app="broken.py")
    assert (done.returncode, done.stdout) == (1, b"")
    said = done.stderr.decode()
    assert f'File "{tmp_path / "broken.py"}", line 1' in said
    assert "app_ref.py" not in said
    assert last_line(done) == (
        f"lambent invoke: {tmp_path / 'broken.py'}:handler cannot be imported: "
        "ModuleNotFoundError: No module named 'no_such_library'"
    )


@pytest.mark.parametrize(
    ("app", "message"),
    [
        ("functions/app.py:nothing", "{folder}/app.py has no attribute 'nothing'"),
        ("functions/app.py:APP", "{folder}/app.py has no attribute 'APP'"),
        (
            "functions/app.py:json",
            "{folder}/app.py:json is a module, not a handler that takes (event, context)",
        ),
    ],
)
def test_a_handler_that_is_not_there(invoke, tmp_path, app, message):
    done = invoke({}, app=app)
    assert (done.returncode, done.stdout) == (1, b"")
    assert last_line(done) == "lambent invoke: " + message.format(folder=tmp_path / "functions")


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (b"", "Expecting value: line 1 column 1 (char 0)"),
        (b'{"a":1', "Expecting ',' delimiter: line 1 column 7 (char 6)"),
        (b"[NaN]", "NaN is no number"),
        (b'"\xff"', "'utf-8' codec can't decode byte 0xff in position 1: invalid start byte"),
    ],
)
@pytest.mark.parametrize(("given", "name"), [("-e", "event.json"), ("stdin", "standard input")])
def test_an_event_that_is_not_json(invoke, event, message, given, name):
    done = invoke(event, given=given)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode() == f"lambent invoke: {name} is not JSON: {message}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.py", "-e", "event.json"], "there is no file missing.py in "),
        (["app", "-e", "no/such.json"], "cannot read no/such.json: No such file or directory"),
        (["app", "-e", "."], "cannot read .: Is a directory"),
        (["app", "-e", "-", "--env", "NAME"], "--env 'NAME' is not KEY=VALUE"),
        (["app", "-e", "-", "--timeout", "0"], "the timeout has to be positive, and at most 900 seconds"),
        (["app", "-e", "-", "--timeout", "nan"], "the timeout has to be positive, and at most 900 seconds"),
        (["app", "-e", "-", "--timeout", "901"], "the timeout has to be positive, and at most 900 seconds"),
    ],
)
def test_arguments_that_make_no_sense(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["invoke", *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"lambent invoke: {message}")
    assert error.count("\n") == 1


@pytest.mark.parametrize("path", sorted(EVENTS.glob("*.json")), ids=lambda path: path.stem)
def test_the_events_of_the_library_have_names(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert _read_event(path.stem) == json.loads(path.read_text(encoding="utf-8"))


def test_the_event_has_to_be_named(capsys):
    assert main(["invoke", "app"]) == 2
    assert "'-e' / '--event'" in capsys.readouterr().err


def test_the_help_keeps_the_case_of_names(capsys):
    assert main(["invoke", "--help"]) == 0
    assert "Run a Lambda handler once, with an event from a file." in capsys.readouterr().out
