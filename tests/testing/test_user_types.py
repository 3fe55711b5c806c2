"""Somebody else's test file, with the package installed from its wheel: it passes, and is well typed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.test_packaging import alone, built, once, run, uv, wheel

__all__ = ["alone", "built", "wheel"]

USED = """
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from lambent import Context, MCPServer, Principal, TaskPolicy
from lambent.testing import (
    AskedQuestion, CallError, LambdaClient, LambentAws, TestClient, ToolFailed, event, fake_context,
    lambda_context,
)

mcp = MCPServer("shop")


@dataclass
class Confirm:
    sure: bool


@mcp.tool()
def add(a: int, b: int) -> int:
    return a + b


@mcp.tool()
async def remove(name: str, ctx: Context) -> str:
    answer = await ctx.elicit(f"Remove {name}?", Confirm)
    return "removed" if answer.action == "accept" and answer.data.sure else "kept"


@mcp.tool(task=TaskPolicy())
def build(month: str) -> Confirm:
    return Confirm(month == "May")


@pytest.fixture
def client() -> Iterator[TestClient]:
    with TestClient(mcp, answers=[Confirm(True)]) as made:
        yield made


def test_calls(client: TestClient) -> None:
    assert client.call("add", a=1, b=2).value == 3
    assert client.call("remove", name="a").text == "removed"
    confirm: Confirm = client.call("build", month="May").into(Confirm)
    assert confirm.sure
    with pytest.raises(CallError) as caught:
        client.as_(Principal("ada")).call("nothing")
    status: int = caught.value.status
    assert status == 400
    with pytest.raises(ToolFailed):
        client.call("add", a="x", b=1)
    names: list[str] = [tool.name for tool in client.list_tools()]
    assert names == ["add", "remove", "build"]
    client.clock.advance(3600)
    old = client.replace(version="2025-11-25", answers=[{"sure": False}])
    assert old.call("remove", name="a").value == "kept"


def decide(question: AskedQuestion) -> dict[str, bool] | None:
    return {"sure": "old" in question.message}


async def remove_alone() -> str:
    return await remove("old", fake_context(on_question=decide))


def test_alone() -> None:
    import asyncio

    assert asyncio.run(remove_alone()) == "removed"


def test_lambda(monkeypatch: pytest.MonkeyPatch) -> None:
    client = LambdaClient(mcp.lambda_handler(), front_end="rest")
    assert client.call("add", a=1, b=2).value == 3
    assert event({"a": 1}, front_end="alb")["httpMethod"] == "POST"
    assert lambda_context(seconds=2).get_remaining_time_in_millis() > 0
"""
WITH_AWS = """

def test_aws(lambent_table: str, lambent_secret: str, lambent_aws: LambentAws) -> None:
    client = LambdaClient(mcp.lambda_handler(), answers=[Confirm(True)])
    assert client.call("remove", name="a").value == "removed"
"""
MISUSED = """
from lambent.testing import LambdaClient, TestClient, fake_context

TestClient("mcp")
LambdaClient(print, front_end="edge")
fake_context(answer=[])
"""


@pytest.fixture(scope="session")
def tested(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Path:
    """A virtual environment with the wheel, pytest and what seals questions."""

    def make(folder: Path) -> None:
        uv("venv", "--quiet", "--python", sys.executable, folder / "venv")
        wanted = [f"lambent[seal] @ {wheel.as_uri()}", "pytest"]
        uv("pip", "install", "--quiet", "--python", folder / "venv/bin/python", *wanted)

    return once(tmp_path_factory, "tested", make) / "venv" / "bin"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "test_used.py").write_text(USED)
    return tmp_path


def without_settings() -> dict[str, str]:
    names = ("MYPY", "PYTHON", "PYTEST", "LAMBENT", "AWS")
    return {name: value for name, value in os.environ.items() if not name.startswith(names)}


def test_it_passes_with_the_wheel_alone(tested: Path, folder: Path) -> None:
    command = (tested / "python", "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider")
    assert "3 passed" in run(*command, cwd=folder, env=without_settings())


def test_the_clients_need_nothing_else(alone: Path) -> None:
    run(alone / "python", "-I", "-W", "error", "-c", "import lambent.testing")


def test_the_fixtures_are_there_once_it_is_installed(tested: Path, folder: Path) -> None:
    command = (tested / "python", "-m", "pytest", "--fixtures", "-q", "-p", "no:cacheprovider")
    shown = run(*command, cwd=folder, env=without_settings())
    for name in ("lambent_aws", "lambent_bucket", "lambent_queue", "lambent_secret", "lambent_table"):
        assert f"\n{name} -- " in shown


def test_pyright_finds_nothing(tested: Path, folder: Path) -> None:
    pyright = Path(sys.executable).with_name("pyright")
    if not pyright.exists():
        pytest.skip("pyright is not installed: pip install 'pyright[nodejs]'")
    (folder / "test_used.py").write_text(USED + WITH_AWS)
    (folder / "misused.py").write_text(MISUSED)
    (folder / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict"}')
    command = [pyright, "--outputjson", "--pythonpath", tested / "python"]
    done = subprocess.run(
        list(map(str, command)),
        cwd=folder,
        env=without_settings(),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    found = json.loads(done.stdout)["generalDiagnostics"]
    wrong = sorted((Path(one["file"]).name, one["range"]["start"]["line"] + 1) for one in found)
    assert wrong == [("misused.py", 4), ("misused.py", 5), ("misused.py", 6)], done.stdout


def test_mypy_finds_nothing(tested: Path, folder: Path) -> None:
    (folder / "test_used.py").write_text(USED + WITH_AWS)
    (folder / "misused.py").write_text(MISUSED)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--strict", "--config-file=", "--no-color-output"),
            *(f"--cache-dir={folder / 'cache'}", "--python-executable", str(tested / "python")),
            *("test_used.py", "misused.py"),
        ],
        cwd=folder,
        env=without_settings(),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    wrong = [line.partition(" error: ")[0] for line in done.stdout.splitlines() if " error: " in line]
    assert wrong == ["misused.py:4:", "misused.py:5:", "misused.py:6:"], done.stdout
