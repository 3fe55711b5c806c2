"""`lambent inspect`."""

import json
import os
import subprocess
import sys

import pytest
from tests.cli.servers import APP, lambent_app
from tests.cli.test_call import sdk_server, served

from lambent import MCPServer
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
