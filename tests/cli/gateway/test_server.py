import contextlib
import http.client
import json
import os
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

pytest.importorskip("uvicorn")

from lambent.cli.errors import CommandError
from lambent.cli.gateway.background import Gateway
from lambent.cli.gateway.http_server import listen
from lambent.cli.gateway.kinds import KINDS


@pytest.fixture
def gateway(app, tmp_path):
    """Starts gateways of the test app, whose output goes to a file."""
    with contextlib.ExitStack() as stack:

        def start(**settings):
            return stack.enter_context(Gateway(app.file, log=tmp_path / "gateway.log", **settings))

        yield start


@pytest.fixture
def output(tmp_path):
    return (tmp_path / "gateway.log").read_text


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_requests_in_a_row_meet_different_environments(gateway, call):
    running = gateway(environments=3)
    pids = [call(running.url).json["pid"] for _ in range(7)]
    assert pids[:3] == running.pids
    assert pids == [*pids[:3], *pids[:3], pids[0]]
    assert len(set(pids)) == 3


def test_no_process_is_left(app, call, lives, tmp_path):
    with Gateway(
        app.file, environments=3, env={"TEST_FIFO": str(lives.path)}, log=tmp_path / "log"
    ) as running:
        assert call(running.url).status == 200
        pids = running.pids
        assert all(is_alive(pid) for pid in pids)
    assert not any(is_alive(pid) for pid in pids)
    assert lives.ended(0)
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", running.port), timeout=5)
    running.close()


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ({}, "/mcp"),
        ({"path": "/orders/mcp"}, "/orders/mcp"),
        ({"path": "/orders/mcp/"}, "/orders/mcp"),
        ({"path": "/"}, None),
        ({"path": "/orders/mcp", "env": {"LAMBENT_MCP_PATH": "/elsewhere"}}, "/elsewhere"),
    ],
)
def test_the_function_is_told_where_its_endpoint_is(gateway, call, monkeypatch, settings, path):
    monkeypatch.delenv("LAMBENT_MCP_PATH", raising=False)
    variables = call(gateway(**settings).url + "?do=environment").json["variables"]
    assert variables.get("LAMBENT_MCP_PATH") == path


def test_a_path_that_the_shell_names(gateway, call, monkeypatch):
    monkeypatch.setenv("LAMBENT_MCP_PATH", "/elsewhere")
    variables = call(gateway(path="/orders/mcp").url + "?do=environment").json["variables"]
    assert variables["LAMBENT_MCP_PATH"] == "/elsewhere"


def test_closing_does_not_wait_for_a_tool_that_hangs(app, call, lives, eventually, tmp_path):
    with Gateway(app.file, env={"TEST_FIFO": str(lives.path)}, log=tmp_path / "log") as running:
        replies = []
        client = threading.Thread(target=lambda: replies.append(call(running.url + "?do=hang")))
        client.start()
        eventually(lambda: "hang" in app.log())
    client.join()
    assert [reply.status for reply in replies] == [500]
    assert lives.ended(0)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind(gateway, call, kind):
    running = gateway(kind=kind)
    reply = call(running.url + "?do=event", body=b'{"a":1}')
    assert reply.status == 200
    assert reply.header("content-type") == "application/json"
    event = reply.json
    assert event["body"] == '{"a":1}'
    assert (event.get("rawPath") or event["path"]) == "/mcp"
    assert (event.get("version") == "2.0") == (kind in {"http-api", "function-url"})


def test_rest_events_keep_the_case_of_headers(gateway, call):
    running = gateway(kind="rest")
    event = call(
        running.url + "?do=event", headers={"X-CuStOm": "1", "content-TYPE": "application/json"}
    ).json
    assert event["headers"]["X-CuStOm"] == "1"
    assert event["headers"]["content-TYPE"] == "application/json"
    assert event["multiValueHeaders"]["Host"] == [f"127.0.0.1:{running.port}"]


def test_stages(gateway, call):
    running = gateway(stage="dev")
    assert running.url == f"http://127.0.0.1:{running.port}/mcp"
    assert running.base_url == f"http://127.0.0.1:{running.port}"
    assert call(running.url + "?do=event").json["rawPath"] == "/dev/mcp"
    assert call(running.base_url + "/dev/other?do=event").json["rawPath"] == "/dev/other"


@pytest.mark.parametrize(
    ("kind", "status", "body"),
    [
        ("http-api", 500, b'{"message":"Internal Server Error"}'),
        ("rest", 502, b'{"message": "Internal server error"}'),
        ("function-url", 502, b"Internal Server Error"),
        ("alb", 502, b"<h1>502 Bad Gateway</h1>"),
    ],
)
def test_failures(gateway, call, output, kind, status, body):
    running = gateway(kind=kind, timeout=1)
    for action in ("raise", "exit", "hang", "unserializable"):
        reply = call(f"{running.url}?do={action}")
        assert (action, reply.status) == (action, status)
        assert body in reply.body
        assert call(running.url).status == 200
    log = output()
    assert "(raised: ValueError)" in log
    assert "(crashed: exit status 3)" in log
    assert "(timed out: Task timed out after 1.00 seconds)" in log


def test_what_a_handler_returns(gateway, call):
    running = gateway()

    def returns(**result):
        return call(f"{running.url}?do=return&value={json.dumps(result).replace(' ', '')}")

    reply = returns(statusCode=202)
    assert (reply.status, reply.body, reply.header("content-length")) == (202, b"", "0")
    assert reply.header("content-type") == "text/plain; charset=utf-8"
    reply = returns(statusCode=204, body="dropped")
    assert (reply.status, reply.body, reply.header("content-length")) == (204, b"", None)
    reply = returns(statusCode=200, body="AP8=", isBase64Encoded=True, cookies=["a=1", "b=2"])
    assert reply.body == b"\x00\xff"
    assert [value for name, value in reply.headers if name.lower() == "set-cookie"] == ["a=1", "b=2"]
    assert returns(anything="else").json == {"anything": "else"}
    assert returns(statusCode="no").status == 500
    assert reply.header("server") is None


def test_head_requests_get_no_body(gateway, call):
    reply = call(gateway().url, method="HEAD", body=None)
    assert (reply.status, reply.body) == (200, b"")
    assert int(reply.header("content-length")) > 0


def test_large_bodies(gateway, call):
    running = gateway()
    assert call(running.url + "?do=event", body=b"x" * 2_000_000).json["body"] == "x" * 2_000_000
    assert call(running.url, body=b"x" * (10 * 1024 * 1024 + 1)).status == 413
    assert call(running.url + "?do=big&size=5000000").status == 200
    assert call(running.url + "?do=big&size=6300000").status == 500
    assert call(running.url).status == 200


def test_one_connection_serves_many_requests(gateway):
    running = gateway(environments=2)
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=30)
    with contextlib.closing(connection):
        connection.connect()
        first = connection.sock
        for _ in range(5):
            connection.request("POST", "/mcp", b"{}")
            response = connection.getresponse()
            assert response.status == 200
            response.read()
        assert connection.sock is first


def test_requests_that_come_together_run_together(gateway, app, call, eventually):
    running = gateway(environments=3)
    with ThreadPoolExecutor(3) as clients:
        replies = [clients.submit(call, f"{running.url}?do=wait&name={name}") for name in "abc"]
        # None of them ends before all three have started.
        eventually(lambda: len(app.log()) == 3)
        app.go()
        pids = [reply.result().json["pid"] for reply in replies]
    assert sorted(pids) == sorted(running.pids)


def test_more_requests_than_environments_queue(gateway, app, call):
    running = gateway(environments=1)
    app.go()
    with ThreadPoolExecutor(4) as clients:
        replies = [clients.submit(call, f"{running.url}?do=wait&name={name}") for name in "abcd"]
        assert {reply.result().status for reply in replies} == {200}
    log = app.log()
    assert len(log) == 8
    assert [line.replace("start", "end") for line in log[::2]] == log[1::2]


def test_a_client_that_leaves_does_not_stop_its_invocation(gateway, app, call, eventually):
    running = gateway()
    with socket.create_connection(("127.0.0.1", running.port)) as client:
        client.sendall(
            b"POST /mcp?do=wait&name=left HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}"
        )
        eventually(lambda: "start left" in app.log())
    app.go()
    assert call(running.url).status == 200
    assert app.log() == ["start left", "end left", "pid"]


def test_half_a_request_is_no_invocation(gateway, app, call):
    running = gateway()
    for request in (
        b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf",
        b"POST /mcp HTTP/1.1\r\nHo",
        b"",
    ):
        with socket.create_connection(("127.0.0.1", running.port)) as client:
            client.sendall(request)
    assert call(running.url).status == 200
    assert app.log() == ["pid"]


def test_what_is_no_http_gets_a_400(gateway, call):
    running = gateway()
    with socket.create_connection(("127.0.0.1", running.port)) as client:
        client.sendall(b"\x16\x03\x01 hello\r\n\r\n")
        assert client.makefile("rb").readline().startswith(b"HTTP/1.1 400 ")
    assert call(running.url).status == 200


def test_all_environments_seal_with_one_secret(gateway, call, monkeypatch):
    monkeypatch.delenv("LAMBENT_STATE_KEYS", raising=False)
    running = gateway(environments=3)

    def secret():
        return call(running.url + "?do=environment").json["variables"]["LAMBENT_STATE_KEYS"]

    secrets = {secret() for _ in range(3)}
    assert len(secrets) == 1
    assert call(running.url + "?do=exit").status == 500
    assert {secret() for _ in range(3)} == secrets


def test_variables_of_the_function(gateway, call):
    variables = call(gateway(env={"TABLE": "orders"}).url + "?do=environment").json["variables"]
    assert variables["TABLE"] == "orders"


def test_what_the_app_prints_goes_to_the_log(gateway, call, output):
    running = gateway()
    assert call(running.url + "?do=log").status == 200
    assert "printed by the app\n" in output()
    assert "logged by the app\n" in output()


def test_an_app_that_cannot_be_imported_does_not_start(app, lives, tmp_path):
    app.file.write_text(app.file.read_text() + "\nimport no_such_library\n")
    settings = {"environments": 2, "env": {"TEST_FIFO": str(lives.path)}, "log": tmp_path / "log"}
    with pytest.raises(CommandError, match="No module named 'no_such_library'"):
        Gateway(app.file, **settings).__enter__()
    assert lives.ended(0)


def test_an_app_that_cannot_be_imported_may_be_mended(gateway, app, call, output):
    source = app.file.read_text()
    app.file.write_text("1 / 0\n")
    running = gateway(wait=False)
    assert call(running.url).status == 500
    assert "ZeroDivisionError: division by zero" in output()
    app.file.write_text(source)
    assert call(running.url).status == 200


def test_an_error_inside_the_block_stops_it(app, lives, tmp_path):
    env = {"TEST_FIFO": str(lives.path)}
    with pytest.raises(KeyError), Gateway(app.file, env=env, log=tmp_path / "log"):
        raise KeyError
    assert lives.ended(0)


def test_reloading(gateway, app, call, eventually, output):
    pytest.importorskip("watchfiles")
    running = gateway(environments=2, reload=True)
    with ThreadPoolExecutor(1) as client:
        waiting = client.submit(call, running.url + "?do=wait")
        eventually(lambda: "start " in app.log())
        before = running.pids
        app.file.write_text(app.file.read_text().replace("VERSION = 1", "VERSION = 2"))
        # The idle environment is replaced at once, the busy one when it is done.
        eventually(lambda: call(running.url).json["version"] == 2)
        assert "reloading: app.py changed" in output()
        app.go()
        assert waiting.result().json["version"] == 1
    assert [call(running.url).json["version"] for _ in range(4)] == [2, 2, 2, 2]
    assert not set(before) & set(running.pids)


def test_serving_goes_on_when_watching_fails(gateway, call, eventually, output, monkeypatch):
    pytest.importorskip("watchfiles")

    async def changes(folders, stop):
        raise OSError("too many watched folders")
        yield

    monkeypatch.setattr("lambent.cli.gateway.reload.changes", changes)
    running = gateway(reload=True)
    eventually(lambda: "reloading is off from here on: too many watched folders" in output())
    assert call(running.url).status == 200


def test_nothing_is_left_of_a_start_that_fails(app, tmp_path, monkeypatch):
    monkeypatch.setattr("lambent.cli.gateway.launch.Launch.command", lambda *_: ["/no/such/python"])
    with pytest.raises(FileNotFoundError):
        Gateway(app.file, log=tmp_path / "log").__enter__()


def test_ipv6(gateway, call):
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    try:
        listen("::1", 0).close()
    except CommandError:
        pytest.skip("no IPv6 here")
    running = gateway(host="::1")
    assert running.url == f"http://[::1]:{running.port}/mcp"
    assert call(running.url).status == 200


def test_a_request_under_a_foreign_name_is_forbidden_as_aws_would_not_route_it(gateway, app, call):
    running = gateway()
    for host in ("evil.example.com", "evil.example.com:80", "localhost.evil.example"):
        answer = call(running.url, headers={"Host": host})
        assert (answer.status, answer.body) == (403, b'{"message":"Forbidden"}')
    for host in ("localhost", "127.0.0.1:1234", "[::1]", "dev.localhost"):
        assert call(running.url, headers={"Host": host}).status == 200


def streamed(port, target):
    """The response to a request whose parts are read by whoever calls."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", target, b"{}", {"Content-Type": "application/json"})
    return connection, connection.getresponse()


@pytest.mark.parametrize("then", ["return", "exit"])
def test_a_response_begins_while_its_function_runs(gateway, app, then):
    """And ends where its process does."""
    running = gateway(kind="function-url")
    connection, response = streamed(running.port, f"/mcp?do=stream&then={then}")
    assert response.status == 201
    assert response.getheader("x-amzn-remapped-www-authenticate") == "Bearer"
    assert response.read1(100) == b"first"
    app.go()
    assert response.read() == "s\u00e9cond".encode()
    connection.close()
