"""The import budget: what a call loads, in an interpreter of its own."""

import functools
import json
import subprocess
import sys
from pathlib import Path

import pytest

import lambent

PROBE = """
import sys
sys.path.insert(0, {path!r})
{prepare}
before = set(sys.modules)
import json
from lambent import Context, MCPServer, Settings

mcp = MCPServer("budget", version="1.0.0")

@mcp.tool()
def add(a: int, b: int = 0) -> int:
    return a + b

@mcp.tool()
def find(order_id: str, deep: bool = False) -> dict[str, list[str]]:
    return {{"found": [order_id]}}

@mcp.tool()
def ask(ctx: Context) -> str:
    return ctx.elicit("Sure?", {{"type": "object", "properties": {{}}}}).result().action

{declare}
handler = mcp.lambda_handler(Settings(state_keys=("0123456789abcdef0123456789abcdef",)))

def call(name, arguments):
    meta = {{
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {{"elicitation": {{}}}},
    }}
    params = {{"name": name, "arguments": arguments, "_meta": meta}}
    headers = {{
        "content-type": "application/json",
        "accept": "application/json, text/event-stream",
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": "tools/call",
        "mcp-name": name,
    }}
    body = json.dumps({{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}})
    context = {{"domainName": "x", "http": {{"method": "POST", "path": "/"}}}}
    event = {{"version": "2.0", "rawPath": "/", "headers": headers, "body": body, "requestContext": context}}
    return json.loads(handler(event, None)["body"])["result"]

assert call("add", {{"a": 1, "b": 2}})["structuredContent"] == {{"result": 3}}
assert call("find", {{"order_id": "a"}})["structuredContent"] == {{"found": ["a"]}}
{use}
print(json.dumps(sorted({{name.partition(".")[0] for name in set(sys.modules) - before}})))
"""


@functools.cache
def loaded(declare: str = "", use: str = "", prepare: str = "") -> frozenset[str]:
    """The top-level modules that a three-tool server loads until it has answered two plain calls."""
    path = str(Path(lambent.__file__).parent.parent)
    code = PROBE.format(path=path, declare=declare, use=use, prepare=prepare)
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], check=False, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return frozenset(json.loads(done.stdout))


def third_party(names: frozenset[str]) -> set[str]:
    return {name for name in names if name not in sys.stdlib_module_names and not name.startswith("_")} - {
        "lambent"
    }


DEAR = ["asyncio", "boto3", "botocore", "cryptography", "pydantic", "fastapi", "starlette", "anyio", "mangum"]
DEAR += ["concurrent", "http", "ssl", "socket", "email", "urllib", "subprocess", "multiprocessing"]

ALONE = "sys.modules['typing_extensions'] = None"
ASK = 'assert call("ask", {})["resultType"] == "input_required"'
ASYNC = "@mcp.tool()\nasync def later() -> str:\n    return 'x'"
MODEL = "import pydantic\nclass M(pydantic.BaseModel):\n    x: int\n"
MODEL += "@mcp.tool()\ndef model(m: M) -> M:\n    return m"


def test_a_plain_call_loads_msgspec_and_nothing_else() -> None:
    """msgspec itself imports typing_extensions where that is installed."""
    assert third_party(loaded()) <= {"msgspec", "typing_extensions"}
    assert "msgspec" in loaded()


@pytest.mark.parametrize("name", DEAR)
def test_a_plain_call_does_not_load(name: str) -> None:
    assert name not in loaded()


@pytest.mark.parametrize("name", ["inspect", "ast", "dis", "dataclasses"])
def test_a_plain_call_does_not_load_where_msgspec_is_installed_alone(name: str) -> None:
    """msgspec imports typing_extensions where that is installed, which imports these."""
    assert name not in loaded(prepare=ALONE)


LATE_MODULES = ["features.uris", "features.uri_templates", "features.codecs.schemas", "features.limits"]
LATE_MODULES += ["features.sensitive", "execution.limits", "execution.durable", "execution.audit"]
LATE_MODULES += [
    "auth.authenticator",
    "auth.oauth",
    "auth.resource_server",
    "execution.authorization",
    "execution.mounting",
    "execution.targets",
    "features.mounts",
    "hosts.authentication",
]


@pytest.mark.parametrize("name", LATE_MODULES)
def test_a_plain_call_does_not_load_what_only_other_features_need(name: str) -> None:
    loaded(use=f"assert 'lambent.{name}' not in sys.modules")


def test_without_audit_nothing_of_it_is_loaded() -> None:
    loaded(use="assert [name for name in sys.modules if 'audit' in name and 'lambent' in name] == []")


def test_without_events_nothing_of_them_is_loaded() -> None:
    found = "[name for name in sys.modules if 'lambent.' in name and ('event' in name or 'deliver' in name)]"
    ours = "['lambent.hosts.aws_lambda.events']"  # those of Lambda
    loaded(use=f"assert {found} == {ours}, {found}")


def test_a_function_whose_events_are_delivered_starts_without_what_delivers_them() -> None:
    """Requests to endpoints, TLS and AWS are paid for where they are used."""
    declare = """
import dataclasses
@dataclasses.dataclass
class Sent:
    number: int
@mcp.event("sent", payload=Sent, delivery=["poll", "webhook"])
def sent() -> None: ...
"""
    use = """
from lambent.hosts.events_settings import EventSettings
handler = mcp.lambda_handler(Settings(table="items", events=EventSettings(queue_url="https://sqs/deliveries")))
assert call("add", {"a": 1, "b": 2})["structuredContent"] == {"result": 3}
assert 'lambent.stores.callbacks' not in sys.modules
assert 'lambent.execution.events.delivery' not in sys.modules
assert 'lambent.execution.durable.tasks' not in sys.modules
"""
    assert not {"ssl", "http", "boto3", "asyncio"} & loaded(declare, use)


def test_a_call_of_a_tool_beside_events_does_nothing_more() -> None:
    """Counted in opcodes: no clock has to be quiet for it."""
    use = """
import dataclasses

@dataclasses.dataclass
class Sent:
    order: str

def server():
    made = MCPServer("budget", version="1.0.0")
    made.tool()(add)
    return made

def opcodes(server):
    global handler
    settings = Settings(state_keys=("0123456789abcdef0123456789abcdef",), in_memory=True)
    handler, count = server.lambda_handler(settings), 0
    def trace(frame, what, argument):
        nonlocal count
        frame.f_trace_opcodes = True
        count += what == "opcode"
        return trace
    for _ in range(3):
        call("add", {"a": 1})
    sys.settrace(trace)
    call("add", {"a": 1})
    sys.settrace(None)
    return count

plain, with_events = server(), server()
@with_events.event("sent", payload=Sent, delivery=["poll", "webhook"])
def sent() -> None: ...

assert opcodes(with_events) == opcodes(plain) > 500
"""
    loaded(use=use)


def test_without_skills_nothing_of_them_is_loaded() -> None:
    loaded(use="assert [name for name in sys.modules if 'skill' in name] == []")


def test_a_plain_call_of_a_server_with_skills_computes_no_digest(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/SKILL.md").write_text("---\nname: a\ndescription: b\n---\n", encoding="utf-8")
    with_it = loaded(f"mcp.skills({str(tmp_path)!r})")
    assert third_party(with_it) == third_party(loaded())
    assert "hashlib" not in with_it


def test_declaring_an_async_tool_costs_nothing_before_it_runs() -> None:
    assert "asyncio" not in loaded(ASYNC)


def test_running_an_async_tool_adds_asyncio() -> None:
    with_it = loaded(ASYNC, 'assert call("later", {})["content"][0]["text"] == "x"')
    assert "asyncio" in with_it
    assert third_party(with_it) == third_party(loaded())


def test_a_question_adds_cryptography() -> None:
    with_it = loaded(use=ASK)
    assert third_party(with_it) - third_party(loaded()) == {"cryptography"}
    assert "asyncio" not in with_it


def test_a_model_adds_pydantic() -> None:
    with_it = loaded(MODEL, 'assert call("model", {"m": {"x": "1"}})["structuredContent"] == {"x": 1}')
    added = third_party(with_it) - third_party(loaded())
    assert {"pydantic", "pydantic_core"} <= added
    assert not added & {"boto3", "cryptography", "fastapi", "mangum"}


def test_a_model_of_somebody_else_does_not_bring_pydantic_in() -> None:
    declare = "from dataclasses import dataclass\n@dataclass\nclass D:\n    x: int\n"
    declare += "@mcp.tool()\ndef record(d: D) -> D:\n    return d"
    with_it = loaded(declare, 'assert call("record", {"d": {"x": "1"}})["structuredContent"] == {"x": 1}')
    assert third_party(with_it) <= {"msgspec", "typing_extensions"}


def test_the_probe_sees_what_is_loaded() -> None:
    """So that the tests above can fail."""
    assert "pydantic" in third_party(loaded("import pydantic"))
    assert "asyncio" in loaded(use="import asyncio")
