"""`lambent inspect`."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass

import pytest
from tests.cli.servers import APP, lambent_app, scripted
from tests.cli.test_call import sdk_server, served

from lambent import MCPServer, ProtocolError
from lambent.cli import main

pytest.importorskip("uvicorn")
pytest.importorskip("rich")


def inspect(capfdbinary, *arguments):
    assert main(["inspect", *arguments]) == 0
    return capfdbinary.readouterr().out.decode()


@pytest.fixture(scope="module")
def url():
    with lambent_app() as url:
        yield url


def test_everything_as_json(url, capfdbinary):
    found = json.loads(inspect(capfdbinary, url, "--json"))
    assert found["server"] == {"name": "shop", "version": "1.2.3"}
    assert (found["protocol"], found["versions"][-1]) == ("2026-07-28", "2024-11-05")
    assert [tool["name"] for tool in found["tools"]] == [
        "add",
        "regional",
        "ask",
        "optional",
        "visit",
        "fail",
        "job",
        "broken",
        "slow",
    ]
    assert [one["uri"] for one in found["resources"]] == ["shop://stock"]
    assert [one["uriTemplate"] for one in found["resourceTemplates"]] == ["shop://items/{name}"]
    assert [one["name"] for one in found["prompts"]] == ["greet"]
    assert found["authorization"] is None


def test_tables(url, capfdbinary):
    shown = inspect(capfdbinary, url)
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert "name shop 1.2.3" in lines
    assert "instructions Buy \\x1b[31mnothing." in lines
    assert "add a: integer Add two numbers." in lines
    assert "tags?: array or null" in lines
    assert "greet who Greet somebody." in lines
    assert [line for line in lines if line in ("Tools", "Resources", "Resource templates", "Prompts")] == [
        *("Tools", "Resources", "Resource templates", "Prompts")
    ]
    assert "\x1b" not in shown


def test_only_lists_that_the_server_has_are_asked_for(capfdbinary):
    asked = []

    def note(call, execute):
        asked.append(call.method)
        return execute(call)

    mcp = MCPServer("small", observers=[note])
    mcp.tool()(len_of)
    with served(mcp.asgi()) as url:
        inspect(capfdbinary, url)
    assert asked == ["server/discover", "tools/list"]


@dataclass
class Refund:
    cents: int


def with_event(**options):
    mcp = MCPServer("small", **options)

    @mcp.event("order.refunded", payload=Refund, arguments=Refund)
    def order_refunded() -> None:
        """A refund was paid out."""

    return mcp.asgi()


def test_event_types(capfdbinary):
    with served(with_event()) as url:
        shown = inspect(capfdbinary, url)
        found = json.loads(inspect(capfdbinary, url, "--json"))
    assert "order.refunded cents: integer poll A refund was paid out." in [
        " ".join(line.split()) for line in shown.splitlines()
    ]
    assert [one["name"] for one in found["events"]] == ["order.refunded"]


def test_event_types_that_the_server_does_not_show(capfdbinary):
    """The rest is shown all the same."""

    def refuse(call, execute):
        if call.method == "events/list":
            raise ProtocolError("Forbidden")
        return execute(call)

    with served(with_event(middleware=[refuse])) as url:
        found = json.loads(inspect(capfdbinary, url, "--json"))
    assert (found["server"]["name"], found["events"]) == ("small", [])


def test_event_types_of_a_server_that_names_the_extension_alone(capfdbinary):
    """As SEP-3415 has it; the answer to every request has all that is read of any."""
    result = {
        "supportedVersions": ["2026-07-28"],
        "capabilities": {"extensions": {"io.modelcontextprotocol/events": {}}},
        "events": [{"name": "order.refunded"}],
    }
    answers = [json.dumps({"jsonrpc": "2.0", "id": number, "result": result}) for number in (1, 2)]
    replies = iter([(200, {"content-type": "application/json"}, one.encode()) for one in answers])
    with scripted(_InTurn(replies)) as (root, _):
        found = json.loads(inspect(capfdbinary, f"{root}/mcp", "--json"))
    assert [one["name"] for one in found["events"]] == ["order.refunded"]


class _InTurn(dict):
    """The answers to messages, one after the other."""

    def __init__(self, replies):
        super().__init__()
        self._replies = replies

    def get(self, key, default=None):
        return next(self._replies) if key[0] == "POST" else default


def len_of(text: str) -> int:
    return len(text)


def test_an_app(tmp_path):
    (tmp_path / "inspected_app.py").write_text("print('noise')\n" + APP)
    done = subprocess.run(
        [sys.executable, "-m", "lambent", "inspect", "inspected_app.py", "--json"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert (done.returncode, done.stderr) == (0, "noise\n")
    assert json.loads(done.stdout)["server"]["name"] == "shop"


def test_a_server_of_the_official_sdk(capfdbinary):
    with served(sdk_server()) as url:
        found = json.loads(inspect(capfdbinary, url, "--json"))
    assert (found["server"]["name"], found["protocol"]) == ("official", "2026-07-28")
    assert [tool["name"] for tool in found["tools"]] == ["add", "ask", "fail"]
    assert found["resources"] == []
