"""`lambent card`."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import msgspec
import pytest
from moto import mock_aws
from tests.chaos.cloud import CREDENTIALS, REGION

from lambent.cli import main
from lambent.stores import aws
from lambent.wire.server_card import ServerSummary

URL = "https://mcp.example.com"
APP = """
from lambent import MCPServer

from helper import NAME

mcp = MCPServer(NAME, version={version!r})
like = MCPServer(NAME.upper(), version={version!r})
handler = mcp.lambda_handler()
"""


def make_app(folder: Path, name: str, version: str = "1.0.0") -> Path:
    """An app whose modules are named like those of every other app."""
    folder.mkdir()
    (folder / "helper.py").write_text(f"NAME = {name!r}\n")
    file = folder / "app.py"
    file.write_text(APP.format(version=version))
    return file


@pytest.fixture
def apps(tmp_path: Path) -> tuple[Path, Path]:
    return make_app(tmp_path / "a", "orders"), make_app(tmp_path / "b", "reports")


def card(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own: it imports modules called `app`."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("LAMBENT_")}
    return subprocess.run(
        [sys.executable, "-m", "lambent.cli", "card", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=environ,
    )


def test_the_card_of_an_app(apps: tuple[Path, Path]) -> None:
    done = card(apps[0], "--url", URL)
    assert (done.returncode, done.stderr) == (0, "")
    printed = json.loads(done.stdout)
    assert printed["name"] == "com.example.mcp/orders"
    assert printed["remotes"][0]["url"] == f"{URL}/mcp"
    assert done.stdout.startswith('{\n  "$schema"')


def test_several_apps_are_documented_together(apps: tuple[Path, Path], tmp_path: Path) -> None:
    """Their modules share names, so each is loaded by itself."""
    apps_at = [f"{apps[0]}=/orders/mcp", f"{apps[1]}:mcp=/reports/mcp"]
    done = card(*apps_at, "--url", URL, "--document", "/.well-known/ai-catalog.json")
    assert (done.returncode, done.stderr) == (0, "")
    assert [entry["url"] for entry in json.loads(done.stdout)["entries"]] == [
        f"{URL}/orders/mcp/server-card",
        f"{URL}/reports/mcp/server-card",
    ]


def test_a_bundle_is_the_same_every_time(apps: tuple[Path, Path], tmp_path: Path) -> None:
    apps_at = [f"{apps[0]}=/orders/mcp", f"{apps[1]}=/reports/mcp"]
    for name in ("1.json", "2.json"):
        done = card(*apps_at, "--bundle", tmp_path / name)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "1.json").read_bytes() == (tmp_path / "2.json").read_bytes()
    bundled = msgspec.json.decode((tmp_path / "1.json").read_bytes(), type=list[ServerSummary])
    assert [(one.info.name, one.path) for one in bundled] == [
        ("orders", "/orders/mcp"),
        ("reports", "/reports/mcp"),
    ]


def test_what_apps_print_while_they_are_loaded_is_no_part_of_a_document(tmp_path: Path) -> None:
    apps = [make_app(tmp_path / name, name) for name in ("a", "b")]
    for app in apps:
        app.write_text("print('loading')\n" + app.read_text())
    alone = card(apps[0], "--url", URL)
    assert json.loads(alone.stdout)["name"] == "com.example.mcp/a"
    assert alone.stderr == "loading\n"
    both = card(f"{apps[0]}=/a/mcp", f"{apps[1]}=/b/mcp", "--url", URL, "--document", "/.well-known/mcp.json")
    assert both.returncode == 0, both.stderr
    assert [server["serverInfo"]["name"] for server in json.loads(both.stdout)["servers"]] == ["a", "b"]


def test_a_check_names_every_problem(tmp_path: Path) -> None:
    app = make_app(tmp_path / "a", "orders", version="^1")
    done = card(app, "--check", "--url", "https://10.0.0.1")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        "lambent card: orders: '^1' is not one version, such as 1.0.2",
        "lambent card: orders: the public URL is 'https://10.0.0.1', which only its own network can reach",
    ]
    assert card(make_app(tmp_path / "b", "orders"), "--check", "--url", URL).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["{a}=mcp"], 2, "the path 'mcp' has to start with a slash"),
        (["{a}", "--url", "mcp.example.com"], 2, "--url must be a URL such as https://mcp.example.com"),
        (
            ["{a}", "--document", "/x"],
            2,
            "there is no document /x; there are: /.well-known/agent-skills/index.json",
        ),
        (["{a}=/x", "{b}=/x"], 2, "two servers have the path '/x'"),
        (["{a}=/x", "{a}=/y"], 2, "two servers have the name 'orders'"),
        (["{a}=/x", "{a}:like=/y"], 2, "two servers have the name 'orders'"),
        (["{a}:handler"], 1, "is a LambdaHandler, not an MCPServer of Lambent"),
        (["{a}:nothing"], 1, "has no attribute 'nothing'"),
        (["{a}=/x", "{b}:nothing=/y"], 1, "has no attribute 'nothing'"),
        (["missing.py"], 2, "there is no file missing.py"),
        (["{a}", "--bundle", "/nowhere/x"], 1, "/nowhere/x cannot be written: No such file or directory"),
    ],
)
def test_errors_are_one_line(
    apps: tuple[Path, Path], arguments: list[str], status: int, message: str
) -> None:
    done = card(*(text.format(a=apps[0], b=apps[1]) for text in arguments))
    assert (done.returncode, done.stdout) == (status, "")
    assert message in done.stderr
    assert done.stderr.startswith("lambent card: ")
    assert done.stderr.count("\n") == 1


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with mock_aws():
        client = boto3.session.Session(region_name=REGION, **CREDENTIALS).client("s3")
        client.create_bucket(Bucket="here", CreateBucketConfiguration={"LocationConstraint": REGION})
        monkeypatch.setattr(aws, "client", lambda service: client)
        yield client
        client.close()


@pytest.fixture
def loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An app under a module name that nothing else has, loaded in this process."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    file = tmp_path / "an_app_to_publish.py"
    file.write_text('from lambent import MCPServer\n\nmcp = MCPServer("orders", version="1.0.0")\n')
    monkeypatch.delitem(sys.modules, file.stem, raising=False)
    return str(file)


def test_publishing_by_hand(s3: Any, loaded: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["card", loaded, "--url", URL, "--publish", "here"]) == 0
    etag = s3.head_object(Bucket="here", Key="cards/mcp/server-card")["ETag"]
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"s3://here/cards/mcp/server-card  {etag}"
    assert len(lines) == s3.list_objects_v2(Bucket="here")["KeyCount"]


def test_what_could_not_be_published_is_not(
    s3: Any, loaded: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LAMBENT_PUBLIC_URL", raising=False)
    assert main(["card", loaded, "--publish", "here"]) == 1
    assert "nobody can reach the server without a URL" in capsys.readouterr().err
    assert s3.list_objects_v2(Bucket="here")["KeyCount"] == 0


def test_a_bucket_that_is_not_there(s3: Any, loaded: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["card", loaded, "--url", URL, "--publish", "gone"]) == 1
    assert (
        "nothing more was published: s3: PutObject of 'gone' failed: An error occurred (NoSuchBucket)"
        in capsys.readouterr().err
    )
