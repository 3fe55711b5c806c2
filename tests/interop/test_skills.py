"""Clients that have skills read them, and verify what they read."""

import base64
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.interop import clients, hosts, install
from tests.interop.skills_server import FOLDER

APP = Path(__file__).parent / "skills_server.py"
SKILLS = {"skill://acme/mail/SKILL.md": "acme/mail", "skill://plain/SKILL.md": "plain"}
LAUNCHER = Path("@modelcontextprotocol/inspector/clients/launcher/build/index.js")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the server, behind the gateway with three environments."""
    with hosts.gateway(tmp_path_factory.mktemp("skills") / "gateway.log", app=APP) as address:
        yield address


def files_of(skill: str) -> dict[str, bytes]:
    folder = FOLDER / skill
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def frontmatter_of(skill: str) -> Any:
    return yaml.safe_load((FOLDER / skill / "SKILL.md").read_text(encoding="utf-8").split("---")[1])


def test_fastmcp_reads_every_file(url: str) -> None:
    driver = clients.DRIVERS / "skills_fastmcp.py"
    done = subprocess.run(
        [str(install.python("skills")), str(driver), url],
        env=clients.ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert {uri: one["frontmatter"] for uri, one in found.items()} == {
        uri: frontmatter_of(skill) for uri, skill in SKILLS.items()
    }
    read = {
        uri: {path: base64.b64decode(content) for path, content in one["files"].items()}
        for uri, one in found.items()
    }
    assert read == {uri: files_of(skill) for uri, skill in SKILLS.items()}


def inspect(url: str, home: Path, *arguments: str) -> tuple[int, list[Any]]:
    """What the command line of the MCP Inspector prints, and its exit code."""
    command = [str(install.NODE), str(install.npm() / LAUNCHER), "--cli", url, "--format", "json", "--quiet"]
    done = subprocess.run(
        [*command, "--protocol-era", "modern", *arguments],
        env={**clients.ENVIRONMENT, "HOME": str(home)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout, done.stderr
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def test_the_inspector_verifies_every_skill(url: str, tmp_path: Path) -> None:
    code, reports = inspect(url, tmp_path, "--verify", "--require-digests", "--method", "skills/list")
    assert code == 0, reports
    assert [(one["uri"], one["outcome"], one["conformance"], one["frontmatter"]) for one in reports] == [
        (uri, "verified", [], []) for uri in SKILLS
    ]
    files = {one["uri"]: len(one["files"]) for one in reports}
    assert files == {uri: len(files_of(skill)) for uri, skill in SKILLS.items()}
    assert {file["status"] for one in reports for file in one["files"]} == {"verified"}


def test_the_inspector_reads_a_directory(url: str, tmp_path: Path) -> None:
    arguments = ("--method", "resources/directory/read", "--uri", "skill://acme/mail/templates")
    code, (first,) = inspect(url, tmp_path, *arguments)
    assert code == 0
    assert first["result"]["resources"] == [
        {"uri": "skill://acme/mail/templates/fr", "name": "fr", "mimeType": "inode/directory"}
    ]
    cursor = first["result"]["nextCursor"]
    _, (second,) = inspect(url, tmp_path, *arguments, "--cursor", cursor)
    assert [one["name"] for one in second["result"]["resources"]] == ["plain letter.md"]
