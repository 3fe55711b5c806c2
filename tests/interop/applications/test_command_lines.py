"""Applications with a command line find a server that is added as docs/clients.md says: so they say."""

import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.interop import hosts
from tests.interop.applications import install, page

if TYPE_CHECKING:
    from tests.interop.applications.conftest import Home

SERVER = Path(hosts.__file__).with_name("server.py")


def _connected(home: "Home", printed: str) -> None:
    (line,) = [line for line in printed.splitlines() if "lambent: " in line]
    assert line.split()[-1] == "Connected", printed


def _lists_tools(home: "Home", printed: str) -> None:
    # Its list only shows what is configured; the server behind its editors' extensions connects.
    assert "lambent" in printed
    with _codex(home) as ask:
        ask("initialize", {"clientInfo": {"name": "tests", "title": "Tests", "version": "1"}})
        (status,) = ask("mcpServerStatus/list", {})["data"]
    assert status["serverInfo"]["name"] == "lambent-interop"
    assert {"greet", "introduce"} <= set(status["tools"])


@contextmanager
def _codex(home: "Home") -> Iterator[Callable[[str, dict[str, Any]], Any]]:
    command = ["codex", "app-server"]
    options: dict[str, Any] = {"cwd": home.work, "env": home.environment, "text": True}
    with (
        (home.folder / "codex.log").open("w") as log,
        subprocess.Popen(
            [str(home.folder / "bin" / command[0]), *command[1:]],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            **options,
        ) as process,
    ):
        late = threading.Timer(60, process.kill)
        late.start()

        def ask(method: str, params: dict[str, Any]) -> Any:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps({"id": method, "method": method, "params": params}) + "\n")
            process.stdin.flush()
            for line in process.stdout:
                message = json.loads(line)
                if message.get("id") == method:
                    return message["result"]
            raise AssertionError(f"no answer to {method}")

        try:
            yield ask
        finally:
            late.cancel()
            process.kill()


@dataclass(frozen=True)
class Application:
    """An application.

    Attributes:
        command: what its commands begin with.
        package: in npm.
        script: of the package, which Node runs.
        finds: checks what the commands have printed.
    """

    command: str
    package: str
    script: str
    finds: Callable[["Home", str], None]


APPLICATIONS = {
    "Claude Code": Application("claude", "@anthropic-ai/claude-code", "cli-wrapper.cjs", _connected),
    "Gemini CLI": Application("gemini", "@google/gemini-cli", "bundle/gemini.js", _connected),
    "Codex": Application("codex", "@openai/codex", "bin/codex.js", _lists_tools),
}


@pytest.fixture(params=list(APPLICATIONS))
def name(request: pytest.FixtureRequest, home: "Home") -> str:
    """An application, which is there by its command."""
    name = str(request.param)
    application = APPLICATIONS[name]
    script = install.command_lines() / application.package / application.script
    home.command(application.command, "node", script)
    return name


def _add(home: "Home", name: str, commands: str) -> None:
    APPLICATIONS[name].finds(home, home.run("sh", "-ec", commands))


def test_a_live_server_is_found(name: str, home: "Home", live: str, opened: Callable[[], set[str]]) -> None:
    _add(home, name, page.block(name, "sh").replace(page.URL, live))
    assert opened() == {page.row(name)[1]}


def test_a_server_is_found_behind_the_gateway(name: str, home: "Home", log: Path) -> None:
    with hosts.gateway(log) as address:
        _add(home, name, page.block(name, "sh").replace(page.URL, address))


def test_a_server_is_found_over_stdio(name: str, home: "Home") -> None:
    lines = page.block("A server over stdio", "sh").splitlines()
    (line,) = [line for line in lines if line.startswith(f"{APPLICATIONS[name].command} ")]
    command = APPLICATIONS[name].command
    _add(home, name, f"{line.replace('app.py', str(SERVER))}\n{command} mcp list")
