"""Snapshots: what is done before one, and what no two copies have in common."""

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import boto3
import msgspec
import pytest
import snapshot_restore_py
from moto import mock_aws
from tests.support import (
    EVERYTHING,
    SECRET,
    Client,
    accept,
    full_server,
    headers_of,
    http_api,
    make_server,
    message,
)

from lambent import ConfigurationError, Context, MCPServer, Settings
from lambent.hosts.aws_lambda import snapstart
from lambent.stores import aws, redis

SNAP = Settings(state_keys=(SECRET,), in_lambda=True, snap_start=True)


@pytest.fixture
def hooks(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Any]]:
    """What is registered with the runtime."""
    registries: dict[str, list[Any]] = {"before": [], "after": []}
    monkeypatch.setattr(snapshot_restore_py, "_before_snapshot_registry", registries["before"])
    monkeypatch.setattr(snapshot_restore_py, "_after_restore_registry", registries["after"])
    return registries


def run(registry: list[Any]) -> None:
    """As the runtime does."""
    for function, args, kwargs in registry:
        function(*args, **kwargs)


def asking(**options: Any) -> MCPServer:
    server = make_server(**options)

    @server.tool()
    def ask(ctx: Context) -> str:
        return ctx.elicit("Sure?", {"type": "object", "properties": {}}).result().action

    return server


def test_without_snapshots_nothing_is_registered(hooks: dict[str, list[Any]]) -> None:
    make_server().lambda_handler(Settings(in_lambda=True))
    assert hooks == {"before": [], "after": []}


@pytest.mark.parametrize("host", ["lambda_handler", "asgi"])
def test_hosts_register_once(hooks: dict[str, list[Any]], host: str) -> None:
    """Behind Mangum as well."""
    getattr(make_server(), host)(SNAP)
    assert [len(found) for found in hooks.values()] == [1, 1]


def test_a_runtime_without_hooks_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "snapshot_restore_py", None)
    with pytest.raises(ConfigurationError, match="pip install snapshot-restore-py"):
        make_server().lambda_handler(SNAP)


def test_priming_calls_nothing_of_the_author(hooks: dict[str, list[Any]]) -> None:
    called = []

    def middleware(call: Any, following: Any) -> Any:
        called.append(call.method)
        return following(call)

    server = make_server(middleware=[middleware])

    @server.tool(name="none")
    def none() -> None:
        called.append("tool")

    @server.resource("a://b")
    def resource() -> str:
        called.append("resource")
        return ""

    server.lambda_handler(SNAP)
    run(hooks["before"])
    assert called == []


def test_priming_meets_no_error(hooks: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Or it would prime the way that errors take."""
    answers = []
    real = snapstart.Endpoint.handle

    def handle(engine: Any, request: Any, invocation: Any) -> Any:
        answers.append(json.loads(real(engine, request, invocation).body))
        return real(engine, request, invocation)

    monkeypatch.setattr(snapstart.Endpoint, "handle", handle)
    full_server().lambda_handler(SNAP)
    run(hooks["before"])
    *lists, unknown = answers
    assert all(answer["result"]["resultType"] == "complete" for answer in lists)
    assert len(lists) == 5
    assert unknown["error"]["code"] == -32602


PRIMED = """
import sys
sys.path[:0] = {path!r}
import snapshot_restore_py
from lambent import Context, MCPServer, Settings

mcp = MCPServer("primed")

@mcp.tool(task=True)
async def later(ctx: Context) -> int:
    return 1

handler = mcp.lambda_handler(Settings.from_env())
before = set(sys.modules)
for function, args, kwargs in snapshot_restore_py.get_before_snapshot():
    function(*args, **kwargs)
primed = set(sys.modules)
import json
print(json.dumps([sorted(before), sorted(primed)]))
"""


def test_what_is_dear_is_loaded_before_the_snapshot() -> None:
    """In an interpreter of its own, as it is for good."""
    variables = {
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_LAMBDA_FUNCTION_NAME": "primed",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start",
        "LAMBENT_STATE_SECRET": "state",
        "LAMBENT_TABLE": "table",
        "LAMBENT_TASK_QUEUE_URL": "https://queue.invalid/tasks",
        "PATH": os.environ["PATH"],
    }
    script = PRIMED.format(path=[path for path in sys.path if path])
    done = subprocess.run(
        [sys.executable, "-c", script], env=variables, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    before, primed = (set(names) for names in json.loads(done.stdout))
    dear = {"asyncio", "boto3", "cryptography", "aws_lambda_powertools.utilities.batch"}
    assert not dear & before
    assert dear <= primed


ASKED = """
import sys
sys.path[:0] = {path!r}
import snapshot_restore_py
from lambent import Context, MCPServer, Settings

mcp = MCPServer("asked")

@mcp.tool()
def ask(ctx: Context) -> str:
    ctx.step("begin", str)
    return ctx.elicit("Sure?", {{"type": "object", "properties": {{}}}}).result().action

handler = mcp.lambda_handler(Settings(state_keys=({secret!r},), in_lambda=True, snap_start=True))
import json
for function, args, kwargs in snapshot_restore_py.get_before_snapshot():
    function(*args, **kwargs)
primed = set(sys.modules)
answer = handler({event!r}, None)
print(json.dumps([answer["body"], sorted(set(sys.modules) - primed)]))
"""


def test_a_first_question_after_a_restore_loads_nothing() -> None:
    """In an interpreter of its own, as above."""
    request = message(
        "tools/call", {"name": "ask", "arguments": {}}, capabilities={"elicitation": {"form": {}}}
    )
    event = http_api(json.dumps(request), headers_of(request))
    script = ASKED.format(path=[path for path in sys.path if path], secret=SECRET, event=event)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    body, loaded = json.loads(done.stdout)
    assert json.loads(body)["result"]["resultType"] == "input_required"
    assert loaded == []


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    aws._clients.clear()
    with mock_aws():
        manager = boto3.client("secretsmanager")
        manager.create_secret(Name="state", SecretString=SECRET)
        yield manager
    aws._clients.clear()


def test_clients_are_made_before_and_used_after(
    cloud: Any, hooks: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    made, sent = [], []
    real = boto3.client
    monkeypatch.setattr(
        boto3, "client", lambda service, **kwargs: made.append(service) or real(service, **kwargs)
    )
    settings = Settings(
        state_secret="state", table="t", task_queue_url="q", bucket="b", in_lambda=True, snap_start=True
    )
    handler = Client(asking().lambda_handler(settings))
    run(hooks["before"])
    assert sorted(made) == ["dynamodb", "s3", "secretsmanager", "sqs"]
    aws.client("secretsmanager").meta.events.register("before-send", lambda **_: sent.append(1))
    run(hooks["after"])
    assert sent == []  # nothing before a request needs it
    assert handler.answered("ask", {"elicitation-1": accept()}).text == "accept"
    assert len(made) == 4
    assert len(sent) == 2


def test_connections_of_before_are_closed(cloud: Any, hooks: dict[str, list[Any]]) -> None:
    make_server().lambda_handler(SNAP)
    closed = []
    client = aws.client("secretsmanager")
    session = client._endpoint.http_session
    client._endpoint.http_session.close = lambda: closed.append(session)
    run(hooks["after"])
    assert closed == [session]


def test_connections_to_redis_are_closed(
    hooks: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    made, closed = [], []

    class Noting:
        def close(self) -> None:
            closed.append(1)

    monkeypatch.setattr(redis, "require_redis", lambda what: None)
    monkeypatch.setattr(redis, "make_client", made.append)
    monkeypatch.setattr(redis, "_clients", {"redis://h": Noting()})
    make_server().lambda_handler(msgspec.structs.replace(SNAP, redis="redis://h"))
    run(hooks["before"])
    assert made == ["redis://h"]
    run(hooks["after"])
    assert closed == [1]
    assert redis._clients == {}


def test_copies_read_the_secret_themselves(cloud: Any, hooks: dict[str, list[Any]]) -> None:
    """What is read before a snapshot may have been rotated away when the copy is made."""
    settings = Settings(state_secret="state", in_lambda=True, snap_start=True)
    handler = Client(asking().lambda_handler(settings))
    handler.call("ask", capabilities=EVERYTHING)  # as a hook of the author might
    for value in (SECRET[::-1], "x" * 32):
        cloud.put_secret_value(SecretId="state", SecretString=value)
    run(hooks["after"])
    state = handler.call("ask", capabilities=EVERYTHING).state
    other = Client(asking().lambda_handler(Settings(state_secret="state", in_lambda=True)))
    given = {"requestState": state, "inputResponses": {"elicitation-1": accept()}}
    assert other.call("ask", also=given, capabilities=EVERYTHING).text == "accept"


def test_copies_draw_other_random_numbers(hooks: dict[str, list[Any]]) -> None:
    make_server().lambda_handler(SNAP)
    snapshot = random.getstate()
    try:
        drawn = []
        for _ in range(3):
            random.setstate(snapshot)
            run(hooks["after"])
            drawn.append(random.random())
        assert len(set(drawn)) == 3
    finally:
        random.setstate(snapshot)


AUTHENTICATED = """
import os, sys
os.environ.update(AWS_LAMBDA_FUNCTION_NAME="shop", AWS_LAMBDA_INITIALIZATION_TYPE="snap-start")
import snapshot_restore_py
from tests.issuer.issuer import Issuer
with Issuer(algorithms=["ES256"]) as issuer:
    token = issuer.token(audience="https://abc123.execute-api.eu-west-1.amazonaws.com/mcp", alg="ES256")
    address = issuer.url
    for name in [name for name in sys.modules if name.partition(".")[0] == "joserfc"]:
        del sys.modules[name]
    from tests.support import Client, full_server
    from lambent import OAuth
    client = Client(full_server(auth=OAuth(issuer=address)).lambda_handler())
    assert "joserfc" not in sys.modules
    for function, args, kwargs in snapshot_restore_py._before_snapshot_registry:
        function(*args, **kwargs)
    for function, args, kwargs in snapshot_restore_py._after_restore_registry:
        function(*args, **kwargs)
    assert issuer.received == []
    before = set(sys.modules)
    reply = client.call("add", {"a": 1}, headers={"authorization": f"Bearer {token}"})
    assert reply.status == 200, reply.body
    print(sorted(set(sys.modules) - before))
"""


def test_a_first_token_finds_all_that_verifies_it_loaded() -> None:
    """And no issuer is asked for keys before the snapshot, which may be restored long after."""
    command = [sys.executable, "-W", "error", "-c", AUTHENTICATED]
    ran = subprocess.run(command, capture_output=True, text=True, env=os.environ, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout == "[]\n"


def test_without_auth_nothing_of_it_is_loaded(
    hooks: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "lambent.auth.warm_up", raising=False)
    full_server().lambda_handler(SNAP)
    run(hooks["before"])
    assert "lambent.auth.warm_up" not in sys.modules


def test_a_server_whose_callers_have_no_tokens_needs_no_library(
    hooks: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Nobody:
        def authenticate(self, request: Any) -> None:
            return None

    full_server(auth=Nobody()).lambda_handler(SNAP)
    for name in [name for name in sys.modules if name.partition(".")[0] == "joserfc"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "joserfc", None)
    run(hooks["before"])
