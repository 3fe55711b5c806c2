"""The distribution: built, looked into, installed alone, and used by somebody else's code."""

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Callable
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest
from tests import support

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NAME = f"{PROJECT['name']}-{PROJECT['version']}"

SERVER = """
import asyncio, json, sys
from dataclasses import dataclass
from lambent import Context, MCPServer, Settings

mcp = MCPServer("alone", version="1.0.0")

@mcp.tool()
def plain(left: int, right: int = 1) -> int:
    return left + right

@mcp.tool()
async def asynchronous(name: str, ctx: Context) -> str:
    await ctx.report_progress(1)
    await asyncio.sleep(0)
    return name

@dataclass
class Confirm:
    sure: bool

@mcp.tool()
def asking(ctx: Context) -> str:
    return ctx.elicit("Sure?", Confirm).result().action
"""
EVENTS = """
handler = mcp.lambda_handler(Settings())
for line in sys.stdin:
    print(json.dumps(handler(json.loads(line), None)))
"""

USED = """
from dataclasses import dataclass
from typing import Annotated, Any

from lambent import (
    AcceptedElicitation, Call, Context, Elicit, ElicitationResult, Handler, MCPServer, Resolve, ToolError,
)

@dataclass
class Confirm:
    sure: bool

def timing(call: Call, following: Handler) -> Any:
    return following(call)

mcp = MCPServer("typed", middleware=[timing])

def confirm(name: str) -> Confirm | Elicit[Confirm]:
    return Elicit(f"Remove {name}?", Confirm)

def charge(amount: int) -> float:
    return amount / 2

async def charge_later(amount: int) -> float:
    return amount / 2

@mcp.tool(title="Remove")
async def remove(
    name: str, agreed: Annotated[ElicitationResult[Confirm], Resolve(confirm)], ctx: Context
) -> str:
    pending = ctx.elicit("Sure?", Confirm)
    reveal_type(pending)
    answer = await pending
    if answer.action == "accept":
        reveal_type(answer.data)
    if isinstance(agreed, AcceptedElicitation):
        reveal_type(agreed.data.sure)
    reveal_type(ctx.elicit("?", {"type": "object"}).result())
    reveal_type(await ctx.step("now", charge, 3))
    reveal_type(await ctx.step("later", charge_later, 3))
    reveal_type((await ctx.sample("?")).text)
    reveal_type(await ctx.list_roots())
    raise ToolError("no")

reveal_type(remove)
reveal_type(mcp.lambda_handler())
"""
OUTCOME = "AcceptedElicitation[Confirm] | DeclinedElicitation | CancelledElicitation"
REVEALED = [
    f"Pending[{OUTCOME}]",
    "Confirm",
    "bool",
    "AcceptedElicitation[dict[str, Any]] | DeclinedElicitation | CancelledElicitation",
    "float",
    "float",
    "str",
    "list[Root]",
    f"def (name: str, agreed: {OUTCOME}, ctx: Context) -> Coroutine[Any, Any, str]",
    "LambdaHandler",
]
MISUSED = """
from lambent import Context, MCPServer

def tool(ctx: Context) -> None:
    ctx.elicit("Sure?", int, keys="sure")
    ctx.report_progress("half")
    ctx.no_such_method()

MCPServer(version="1.0.0")
"""


def uv(*arguments: object) -> str:
    """Run uv, which ``make setup`` puts beside the interpreter."""
    found = shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    if found is None:
        pytest.skip("uv is not installed")
    return run(found, *arguments)


def run(*command: object, stdin: str = "", env: dict[str, str] | None = None, cwd: Path | None = None) -> str:
    """What a command that succeeds prints."""
    done = subprocess.run(
        list(map(str, command)),
        input=stdin,
        env=env,
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def once(tmp_path_factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """A folder that the first worker that wants it fills, and the others use."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    return made(shared / name, make)


def made(folder: Path, make: Callable[[Path], object]) -> Path:
    """A folder, filled by whoever comes first."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "made").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            (folder / "made").touch()
    return folder


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sdist, and the wheel that is built of it and of nothing else."""
    return once(tmp_path_factory, "built", lambda folder: uv("build", "--quiet", "--out-dir", folder, ROOT))


@pytest.fixture(scope="session")
def wheel(built: Path) -> Path:
    return built / f"{NAME}-py3-none-any.whl"


@pytest.fixture(scope="session")
def alone(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Path:
    """A virtual environment with the wheel and what it brings along."""

    def make(folder: Path) -> None:
        uv("venv", "--quiet", "--python", sys.executable, folder / "venv")
        uv("pip", "install", "--quiet", "--python", folder / "venv/bin/python", wheel)

    return once(tmp_path_factory, "alone", make) / "venv" / "bin"


def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        return Parser().parsestr(archive.read(f"{NAME}.dist-info/METADATA").decode())


def reply(alone: Path, *messages: object) -> list[support.Reply]:
    """What the server in the environment answers, isolated from everything of this project."""
    events = "\n".join(
        json.dumps(support.http_api(support.dumps(message), support.headers_of(message)))
        for message in messages
    )
    printed = run(alone / "python", "-I", "-W", "error", "-c", SERVER + EVENTS, stdin=events)
    return [support.Reply(json.loads(line)) for line in printed.splitlines()]


def tool_call(name: str, arguments: object = None, **meta: object) -> dict[str, object]:
    return support.message("tools/call", {"name": name, "arguments": arguments or {}}, **meta)


# What is in it.


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.split("/")[0] for name in names} == {"_lambent_pytest.py", "lambent", f"{NAME}.dist-info"}
    assert "lambent/py.typed" in names
    page = {f"lambent/hosts/page/page.{suffix}" for suffix in ("html", "css", "js")}
    assert page <= set(names)
    assert f"{NAME}.dist-info/licenses/LICENSE" in names
    sources = {path.relative_to(ROOT / "runtime").as_posix() for path in (ROOT / "runtime").rglob("*.py")}
    assert {name for name in names if name.endswith(".py")} == sources
    assert not [name for name in names if name.endswith(".pyc")]


def test_the_metadata_says_what_it_is(wheel: Path) -> None:
    said = metadata(wheel)
    assert (said["Name"], said["Version"]) == (PROJECT["name"], PROJECT["version"])
    assert said["Requires-Python"] == PROJECT["requires-python"]
    assert (said["License-Expression"], said["License-File"]) == ("Apache-2.0", "LICENSE")
    assert said["Description-Content-Type"] == "text/markdown"
    assert "Typing :: Typed" in said.get_all("Classifier", [])
    assert str(said.get_payload()) == (ROOT / "README.md").read_text()


def test_only_msgspec_is_required(wheel: Path) -> None:
    required = metadata(wheel).get_all("Requires-Dist", [])
    always = [re.split(r"[^\w-]", one)[0] for one in required if "extra ==" not in one]
    assert always == ["msgspec"]
    assert set(metadata(wheel).get_all("Provides-Extra", [])) == set(PROJECT["optional-dependencies"])


def test_the_sdist_builds_and_holds_what_belongs_to_it(built: Path, wheel: Path) -> None:
    assert wheel.exists()  # of the sdist alone
    with tarfile.open(built / f"{NAME}.tar.gz") as archive:
        names = {name.removeprefix(f"{NAME}/") for name in archive.getnames()}
    assert {"pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "PKG-INFO"} <= names
    assert {"runtime/lambent/__init__.py", "runtime/lambent/py.typed", "tests/test_packaging.py"} <= names
    assert not [name for name in names if "node_modules" in name or "__pycache__" in name]


def test_the_events_come_with_it(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if name.startswith("lambent/cli/events/")}
    assert names == {f"lambent/cli/events/{path.name}" for path in (ROOT / "events").iterdir()}


@pytest.fixture(scope="session")
def with_command(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Path:
    """A virtual environment with the wheel and the libraries of the command line, without a local AWS."""

    def make(folder: Path) -> None:
        uv("venv", "--quiet", "--python", sys.executable, folder / "venv")
        libraries = [one for one in PROJECT["optional-dependencies"]["dev"] if not one.startswith(HEAVY)]
        uv("pip", "install", "--quiet", "--python", folder / "venv/bin/python", wheel, *libraries)

    return once(tmp_path_factory, "with_command", make) / "venv" / "bin"


HEAVY = ("ministack", "boto3", "aws-lambda-powertools", "watchfiles")
APP = """
from lambent import MCPServer

mcp = MCPServer("shop", version="1.0.0")


@mcp.tool()
def add(a: int, b: int = 1) -> int:
    return a + b


handler = mcp.lambda_handler()
"""


def test_the_commands_work_outside_the_repository(with_command: Path, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP)
    outside = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "LAMBENT"))
    }

    def lambent(*words: str) -> str:
        return run(with_command / "lambent", *words, cwd=tmp_path, env=outside)

    assert lambent("--version") == f"lambent {PROJECT['version']}\n"
    assert lambent("call", "app.py", "add", "a=2") == "3\n"
    assert "a: integer" in lambent("inspect", "app.py")
    body = lambent("invoke", "app.py", "-e", "http-api-tools-list", "--body")
    assert [tool["name"] for tool in json.loads(body)["result"]["tools"]] == ["add"]
    assert "lambent stdio" in lambent("connect", "codex", "app.py")
    assert "keys" in lambent("--help")


# What it does alone.


def test_it_comes_with_msgspec_and_nothing_else(alone: Path) -> None:
    listed = json.loads(uv("pip", "list", "--format", "json", "--python", alone / "python"))
    assert [package["name"] for package in listed] == ["lambent", "msgspec"]


def test_it_serves_calls_alone(alone: Path) -> None:
    plain, progressing, listed = reply(
        alone,
        tool_call("plain", {"left": 2}),
        tool_call("asynchronous", {"name": "x"}, progressToken="p"),
        support.message("tools/list"),
    )
    assert plain.value == 3
    assert (progressing.text, len(progressing.notifications)) == ("x", 1)
    assert [tool["name"] for tool in listed.result["tools"]] == ["plain", "asynchronous", "asking"]


def test_it_serves_standard_input_alone(alone: Path) -> None:
    message = tool_call("plain", {"left": 2})
    with subprocess.Popen(
        [alone / "python", "-I", "-W", "error", "-c", f"{SERVER}mcp.run_stdio()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(support.dumps(message) + "\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["result"]["structuredContent"] == {"result": 3}
        process.stdin.close()
        assert process.wait(30) == 0


ASGI = """
async def main():
    sent, incoming = [], asyncio.Queue()
    body = sys.stdin.buffer.read()
    headers = [(name.encode(), value.encode()) for name, value in json.loads(sys.argv[1]).items()]
    incoming.put_nowait({"type": "http.request", "body": body})
    async def send(message):
        sent.append(message)
    scope = {"type": "http", "method": "POST", "path": "/", "headers": headers}
    await mcp.asgi(Settings())(scope, incoming.get, send)
    print(sent[-1]["body"].decode())
asyncio.run(main())
"""


def test_it_serves_asgi_alone(alone: Path) -> None:
    message = tool_call("plain", {"left": 2})
    headers = json.dumps(support.headers_of(message))
    printed = run(
        alone / "python", "-I", "-W", "error", "-c", SERVER + ASGI, headers, stdin=support.dumps(message)
    )
    assert json.loads(printed)["result"]["structuredContent"] == {"result": 3}


ONE = """
handler = mcp.lambda_handler(Settings())
print(handler(json.load(sys.stdin), None), file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("needs", "extra"),
    [(ONE, "seal"), ("mcp.fastapi_router()", "fastapi")],
    ids=["asking", "fastapi"],
)
def test_what_is_not_installed_is_named(alone: Path, needs: str, extra: str) -> None:
    message = tool_call("asking", capabilities={"elicitation": {}})
    event = json.dumps(support.http_api(support.dumps(message), support.headers_of(message)))
    done = subprocess.run(
        [alone / "python", "-I", "-c", SERVER + needs],
        input=event,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert f"lambent[{extra}]" in done.stderr


@pytest.mark.parametrize("command", [["lambent"], ["python", "-m", "lambent"]], ids=["lambent", "module"])
def test_the_command_alone_names_what_it_needs(alone: Path, command: list[str]) -> None:
    done = subprocess.run(
        [alone / command[0], *command[1:], "--help"], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout) == (1, "")
    how = "install the extra lambent[dev], or lambent[serve] for a worker alone"
    assert done.stderr == f"lambent: the command line needs click: {how}\n"


def test_the_version_is_known_alone(alone: Path) -> None:
    printed = run(alone / "python", "-I", "-c", "import lambent; print(lambent.__version__)")
    assert printed.strip() == PROJECT["version"]


# What its users' type checkers see.


def test_mypy_sees_types_and_mistakes(alone: Path, tmp_path: Path) -> None:
    (tmp_path / "used.py").write_text(USED)
    (tmp_path / "misused.py").write_text(MISUSED)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--strict", "--config-file=", "--no-color-output"),
            *(f"--cache-dir={tmp_path / 'cache'}", "--python-executable", str(alone / "python")),
            *("used.py", "misused.py"),
        ],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if not name.startswith(("MYPY", "PYTHON"))},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    revealed = re.findall(r'^used.*Revealed type is "(.*)"', done.stdout, re.MULTILINE)
    assert [
        re.sub(r"\b(?:[a-z_]\w*\.)+(?=[A-Za-z])", "", one).replace("?", "") for one in revealed
    ] == REVEALED
    wrong = re.findall(r"^(\w+)\.py:(\d+): error", done.stdout, re.MULTILINE)
    assert sorted(set(wrong)) == [("misused", line) for line in "5679"], done.stdout
