"""`lambent connect`: what docs/clients.md says, printed or written."""

import json
import re
import shlex
import sys
from pathlib import Path

import pytest

from lambent.cli import main

URL = "https://tools.example.com/mcp"
PAGE = (Path(__file__).parents[2] / "docs" / "clients.md").read_text()


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    (tmp_path / "app.py").write_text("")
    return tmp_path


def connect(capsys, *arguments):
    assert main(["connect", *arguments]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("client", ["claude-code", "gemini", "codex", "inspector"])
def test_commands_are_those_of_the_page(client, capsys):
    printed = connect(capsys, client, URL, "--name", "lambent")
    assert printed.strip() in PAGE.splitlines()


@pytest.mark.parametrize("client", ["claude-code", "gemini", "codex"])
def test_commands_that_start_the_server(client, folder, capsys):
    words = shlex.split(connect(capsys, client, "app.py", "--name", "lambent"))
    end = words.index("stdio")
    assert words[end:] == ["stdio", f"{folder}/app.py:mcp"]
    start = " ".join(words[:end]).replace(lambent(), "lambent")
    assert f"{start} stdio app.py" in PAGE.splitlines()


def lambent():
    beside = Path(sys.executable).with_name("lambent")
    return str(beside) if beside.exists() else f"{sys.executable} -m lambent"


def entry(printed):
    comment, _, document = printed.partition("\n")
    return Path(comment.removeprefix("# ")), json.loads(document)


@pytest.mark.parametrize(("client", "file"), [("vscode", ".vscode/mcp.json"), ("cursor", ".cursor/mcp.json")])
def test_entries_are_those_of_the_page(client, file, folder, capsys):
    where, printed = entry(connect(capsys, client, URL, "--name", "lambent"))
    assert where == folder / file
    assert printed in [json.loads(block) for block in re.findall(r"```json\n(.*?)\n```", PAGE, re.DOTALL)]
    assert not where.exists()


def test_what_is_written_keeps_what_is_there(folder, capsys):
    file = folder / ".cursor" / "mcp.json"
    file.parent.mkdir()
    file.write_text('{"mcpServers": {"a": {"url": "https://é"}, "tools-example-com": 1}, "other": 2}')
    file.chmod(0o600)
    assert connect(capsys, "cursor", URL, "--write") == f"{file}: tools-example-com\n"
    assert json.loads(file.read_text()) == {
        "mcpServers": {"a": {"url": "https://é"}, "tools-example-com": {"url": URL}},
        "other": 2,
    }
    assert file.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in file.parent.iterdir()] == ["mcp.json"]


def test_a_desktop_starts_the_server(folder, capsys):
    connect(capsys, "claude-desktop", "app.py:shop", "--write")
    (file,) = (folder / "home").rglob("claude_desktop_config.json")
    servers = json.loads(file.read_text())["mcpServers"]
    assert servers["app"]["args"][-2:] == ["stdio", f"{folder}/app.py:shop"]


@pytest.mark.parametrize("text", ["// a comment\n{}", "[]", '{"servers": []}'])
def test_a_file_that_is_no_such_object_is_left_alone(text, folder, capsys):
    file = folder / ".vscode" / "mcp.json"
    file.parent.mkdir()
    file.write_text(text)
    assert main(["connect", "vscode", URL, "--write"]) == 1
    assert "add it by hand" in capsys.readouterr().err
    assert file.read_text() == text


def test_the_applications_own_command_is_run(folder, monkeypatch, capfd):
    program = folder / "claude"
    program.write_text('#!/bin/sh\necho "$@"\nexit "${STATUS:-0}"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    assert main(["connect", "claude-code", URL, "--name", "x", "--write"]) == 0
    assert capfd.readouterr().out == f"mcp add --transport http x {URL}\n"
    monkeypatch.setenv("STATUS", "7")
    assert main(["connect", "claude-code", URL, "--write"]) == 1
    assert capfd.readouterr().err == "lambent connect: claude ends with status 7\n"


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["codex", URL, "--write"], 1, "codex is not installed here; where it is, run: codex mcp add "),
        (["inspector", URL, "--write"], 2, "inspector keeps no servers"),
        (["claude-desktop", URL], 1, "its file takes no URLs: choose Customize, Connectors, Add custom"),
        (["cursor", "missing.py"], 2, "there is no file missing.py"),
        (["cursor", "module:mcp"], 2, "module:mcp is a module, which the application would look for"),
        (["cursor", "https://"], 2, "https:// has no host"),
        (["cursor", URL, "--name", "a b"], 2, "'a b' is no name"),
    ],
)
def test_what_cannot_be_added(arguments, status, message, capsys, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert main(["connect", *arguments]) == status
    assert capsys.readouterr().err.startswith(f"lambent connect: {message}")
