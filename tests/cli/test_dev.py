import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager

import pytest

pytest.importorskip("uvicorn")

from tests.execution.events.test_subscriptions import secret
from tests.hooks import hooks
from tests.support import dumps, headers_of, message

from lambent.auth.api_keys import make_api_key
from lambent.cli import main

hook = pytest.fixture(hooks)


@contextmanager
def dev(app, *arguments, shell=(), **environment):
    """`lambent dev` in a process of its own, started by a shell or not, and its URL."""
    command = [sys.executable, "-m", "lambent.cli", "dev", "app.py", "--port", "0", *arguments]
    with subprocess.Popen(
        [*shell, *command],
        cwd=app.folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            line = process.stdout.readline()
            assert line.startswith("Serving http://127.0.0.1:"), process.communicate()
            yield process, line.split()[1], line
        finally:
            if process.poll() is None:
                process.kill()


def test_the_first_line_says_what_is_served(app, call):
    with dev(app, "--no-reload", "--environments", "2") as (process, url, line):
        assert url.endswith("/mcp")
        assert line.strip() == f"Serving {url} as http-api with 2 environments of {app.file}:handler"
        assert call(url).status == 200
        process.terminate()
        _, errors = process.communicate()
    assert process.returncode == 0
    method, path, status, _, unit, *place = errors.strip().split()
    assert (method, path, status, unit, place) == ("POST", "/mcp", "200", "ms", ["environment", "1"])


# A shell that is not interactive has its background jobs ignore SIGINT.
BACKGROUND = ("sh", "-c", "trap '' INT; exec \"$@\"", "sh")


@pytest.mark.parametrize("shell", [(), BACKGROUND], ids=["terminal", "background"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_and_its_environments(app, call, lives, number, shell):
    arguments = ("--no-reload", "--quiet", "--environments", "2")
    with dev(app, *arguments, shell=shell, TEST_FIFO=str(lives.path)) as (process, url, _):
        pids = {call(url).json["pid"] for _ in range(4)}
        assert len(pids) == 2
        process.send_signal(number)
        output = process.communicate()
    assert process.returncode == 0
    assert output == ("", "")
    assert lives.ended(0)


def test_environments_end_when_the_gateway_is_killed(app, call, lives, eventually):
    arguments = ("--no-reload", "--environments", "2")
    with dev(app, *arguments, TEST_FIFO=str(lives.path)) as (process, url, _):
        assert call(url).status == 200
        assert call(url).status == 200
        # One of them is in the middle of an invocation.
        with socket.create_connection(("127.0.0.1", int(url.split(":")[2].split("/")[0]))) as client:
            client.sendall(b"POST /mcp?do=hang HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
            eventually(lambda: "hang" in app.log())
            process.kill()
            assert lives.ended()


def test_settings_reach_the_function(app, call):
    arguments = (
        "--kind", "rest", "--stage", "dev", "--path", "/orders/mcp", "--env", "TABLE=orders",
        "--env", "EMPTY=", "--no-reload", "--timeout", "7",
    )  # fmt: skip
    with dev(app, *arguments) as (process, url, line):
        assert url.endswith("/orders/mcp")
        assert "as rest with 1 environment of" in line
        event = call(url + "?do=event").json
        assert event["requestContext"]["stage"] == "dev"
        assert event["requestContext"]["path"] == "/dev/orders/mcp"
        assert event["resource"] == "/orders/mcp"
        variables = call(url + "?do=environment").json["variables"]
        assert (variables["TABLE"], variables["EMPTY"]) == ("orders", "")
        assert 6000 < call(url + "?do=context").json["remaining"] <= 7000
        process.terminate()
        process.communicate()


def run_to_the_end(app, *arguments, **environment):
    """`lambent dev` of an app with which it ends by itself."""
    return subprocess.run(
        [sys.executable, "-m", "lambent.cli", "dev", "app.py", "--port", "0", *arguments],
        cwd=app.folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("arguments", [(), ("--no-reload",)])
def test_an_app_that_cannot_be_imported_ends_it_at_once(app, arguments):
    app.file.write_text("import no_such_library\n")
    done = run_to_the_end(app, *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    # The traceback once, pointing into the app and nowhere else.
    assert done.stderr.count("Traceback (most recent call last)") == 1
    assert f'File "{app.file}", line 1' in done.stderr
    assert "runner.py" not in done.stderr
    assert done.stderr.splitlines()[-1] == (
        f"lambent dev: {app.file}:handler cannot be imported: ModuleNotFoundError: No module named "
        "'no_such_library'"
    )


def test_an_app_without_a_handler_is_told_in_a_sentence(app):
    app.file.write_text('from lambent import MCPServer\nmcp = MCPServer("x")\n')
    done = run_to_the_end(app)
    assert (done.returncode, done.stdout) == (1, "")
    sentence = f"{app.file} has no attribute 'handler': write handler = mcp.lambda_handler() at its end"
    assert done.stderr.splitlines() == [
        "environment 1: the app cannot be imported",
        sentence,
        f"lambent dev: {app.file}:handler cannot be imported: {sentence}",
    ]


def test_with_reload_it_waits_for_an_app_that_can_be_imported(app, call, eventually):
    source = app.file.read_text()
    app.file.write_text("import no_such_library\n")
    with dev(app, "--reload") as (process, url, _):
        app.file.write_text(source)
        eventually(lambda: call(url).status == 200)
        process.terminate()
        _, errors = process.communicate()
    assert "waiting for the next change of a Python file\n" in errors


SERVER = """\
from lambent import MCPServer, Session, TaskPolicy

mcp = MCPServer("shop")


@mcp.tool(task=TaskPolicy(support="required"))
def work() -> str:
    return "done"


@mcp.tool()
def fail() -> str:
    raise ValueError("no such order")


handler = mcp.lambda_handler()
"""


def rpc(call, url, method, params, capabilities=None):
    body = message(method, params, capabilities=capabilities)
    headers = headers_of(body) | ({"mcp-name": params["taskId"]} if "taskId" in params else {})
    return call(url, body=dumps(body).encode(), headers=headers).json


def test_without_a_template_tasks_are_kept_in_memory(app, call, eventually):
    app.file.write_text(SERVER)
    tasks = {"extensions": {"io.modelcontextprotocol/tasks": {}}}
    with dev(app, "--no-reload", LAMBENT_TABLE="") as (process, url, _):
        made = rpc(call, url, "tools/call", {"name": "work", "arguments": {}}, tasks)["result"]

        def ended():
            return rpc(call, url, "tasks/get", {"taskId": made["taskId"]}, tasks)["result"]

        eventually(lambda: ended()["status"] == "completed")
        assert ended()["result"]["content"] == [{"type": "text", "text": "done"}]
        process.terminate()
        _, errors = process.communicate()
    assert errors.count("are in the memory of this process: gone when it ends or reloads") == 1


def test_without_a_template_several_environments_share_a_local_aws(app, call, eventually):
    pytest.importorskip("ministack")
    app.file.write_text(SERVER)
    tasks = {"extensions": {"io.modelcontextprotocol/tasks": {}}}
    with dev(app, "--no-reload", "--aws", "--environments", "2") as (process, url, line):
        assert "with 2 environments and 2 workers of" in line
        made = rpc(call, url, "tools/call", {"name": "work", "arguments": {}}, tasks)["result"]

        def ended():
            return rpc(call, url, "tasks/get", {"taskId": made["taskId"]}, tasks)["result"]["status"]

        eventually(lambda: (ended(), ended()) == ("completed", "completed"))
        process.terminate()
        process.communicate()


def test_what_has_to_be_set_is_told_at_once(app):
    app.file.write_text(SERVER)
    done = run_to_the_end(app, "--no-reload", "--env", "LAMBENT_TABLE=items")
    assert done.returncode == 1
    assert "so this function needs a queue: set LAMBENT_TASK_QUEUE_URL" in done.stderr.splitlines()[-1]


WATCHED = """\
import dataclasses

from lambent import Context, MCPServer

mcp = MCPServer("shop")


@dataclasses.dataclass
class Order:
    number: str


@mcp.event("order.sent", payload=Order, delivery=["webhook"])
def order_sent() -> None: ...


@mcp.tool()
def send(ctx: Context, number: str) -> str:
    return ctx.events.emit("order.sent", Order(number), event_id=number).result()


handler = mcp.lambda_handler()
"""


@pytest.mark.parametrize("options", [(), ("--aws", "--environments", "2")])
def test_events_get_to_endpoints_of_this_machine(app, call, hook, options):
    if options:
        pytest.importorskip("ministack")
    key, digest = make_api_key()
    app.file.write_text(WATCHED)
    with dev(app, "--no-reload", *options, LAMBENT_API_KEYS=f"ada:{digest}") as (process, url, _):

        def ask(method, params):
            body = message(method, params)
            headers = headers_of(body) | {"x-api-key": key}
            return call(url, body=dumps(body).encode(), headers=headers).json["result"]

        delivery = {"mode": "webhook", "url": hook.url, "secret": secret()}
        assert ask("events/subscribe", {"name": "order.sent", "delivery": delivery})["refreshBefore"]
        assert ask("tools/call", {"name": "send", "arguments": {"number": "a"}})["content"]
        (got,) = hook.wait(1)
        process.terminate()
        process.communicate()
    assert (got.json["eventId"], got.json["data"]) == ("a", {"number": "a"})


@pytest.mark.parametrize(("flags", "shown"), [((), ""), (("--show-errors",), ", ValueError: no such order")])
def test_errors_are_shown_to_clients_where_that_is_asked_for(app, call, flags, shown):
    app.file.write_text(SERVER)
    with dev(app, "--no-reload", *flags) as (process, url, _):
        result = rpc(call, url, "tools/call", {"name": "fail", "arguments": {}})["result"]
        process.terminate()
        _, errors = process.communicate()
    (block,) = result["content"]
    assert re.fullmatch(rf"Error executing tool fail \(reference [0-9a-f]{{12}}{shown}\)", block["text"])
    assert "ValueError: no such order" in errors  # on the console anyway


ASKING = """\
from dataclasses import dataclass

from lambent import Context, MCPServer

mcp = MCPServer("shop")


@dataclass
class Confirm:
    sure: bool


@mcp.tool()
async def ask(ctx: Context) -> str:
    return (await ctx.elicit("Sure?", Confirm)).action


handler = mcp.lambda_handler()
"""


def test_an_aws_that_does_not_answer_is_told_to_clients(app, call):
    pytest.importorskip("boto3")
    app.file.write_text(ASKING)
    away = {
        "LAMBENT_STATE_SECRET": "shop",
        "LAMBENT_STATE_KEYS": "",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    with dev(app, "--no-reload", **away) as (process, url, _):
        params = {"name": "ask", "arguments": {}}
        error = rpc(call, url, "tools/call", params, {"elicitation": {"form": {}}})["error"]
        process.terminate()
        process.communicate()
    assert error["code"] == -32603
    assert (
        "StoreError: secretsmanager: GetSecretValue of 'shop' failed: Could not connect" in error["message"]
    )


def test_a_port_that_is_taken(app, capsys, monkeypatch):
    monkeypatch.chdir(app.folder)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["dev", "app.py", "--port", str(port), "--no-reload"]) == 1
    assert f"lambent dev: cannot listen on 127.0.0.1:{port}: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("library", "arguments", "message"),
    [
        ("uvicorn", ["--no-reload"], "the gateway needs uvicorn: install the extra lambent[dev]"),
        ("watchfiles", ["--reload"], "reloading needs watchfiles: install the extra lambent[dev]"),
    ],
)
def test_a_library_that_is_missing(app, capsys, monkeypatch, library, arguments, message):
    monkeypatch.chdir(app.folder)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == library else object())
    assert main(["dev", "app.py", *arguments]) == 1
    assert capsys.readouterr().err == f"lambent dev: {message}\n"
