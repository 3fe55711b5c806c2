"""The Python code of the documentation runs."""

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.interop.applications import page as clients

import lambent
from lambent import MCPServer
from lambent.wire.eras import SUPPORTED_VERSIONS

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


@dataclass
class Cart:
    items: list[str] = field(default_factory=list)
    total: int = 0


def _names() -> dict[str, Any]:
    """What the pages take for granted: the library's names, a server, and code of one's own."""
    own = dict.fromkeys(("fetch_rows", "render", "over_the_limit"), lambda *_: None)
    gateway = SimpleNamespace(pay=str, refund=str, charge=str, find_charge=str)
    records: Mapping[str, Any] = {"Cart": Cart, "Report": Cart, "Choice": Cart, "gateway": gateway}
    return {
        **{name: getattr(lambent, name) for name in lambent.__all__},
        **own,
        **records,
        "Any": Any,
        "mcp": MCPServer("docs"),
        "time": time,
        "timedelta": timedelta,
    }


PAGES = [
    "README.md",
    "docs/audit.md",
    "docs/auth.md",
    "docs/limits.md",
    "docs/middleware.md",
    "docs/observability.md",
]
PAGES += ["docs/tasks.md"]


@pytest.mark.parametrize("page", PAGES)
def test_the_code_of_a_page_runs(page: str) -> None:
    blocks = BLOCK.findall((ROOT / page).read_text(encoding="utf-8"))
    assert blocks
    names = _names()
    for number, block in enumerate(blocks):
        exec(compile(block, f"{page}, block {number + 1}", "exec"), names)


def test_the_tests_that_the_threat_model_names_are_there() -> None:
    named = set(re.findall(r"`(tests/[^`]+)`", (ROOT / "docs" / "security.md").read_text(encoding="utf-8")))
    assert len(named) > 10
    assert not sorted(name for name in named if not (ROOT / name).is_file())


INTEROP = ROOT / "tests" / "interop"
TRIED = {
    "Claude Code": (INTEROP / "applications" / "package.json", "@anthropic-ai/claude-code"),
    "Gemini CLI": (INTEROP / "applications" / "package.json", "@google/gemini-cli"),
    "Codex": (INTEROP / "applications" / "package.json", "@openai/codex"),
    "MCP Inspector": (INTEROP / "package.json", "@modelcontextprotocol/inspector"),
    "LangChain": (INTEROP / "applications" / "requirements-langchain.txt", "langchain-mcp-adapters"),
    "OpenAI Agents SDK": (INTEROP / "applications" / "requirements-agents.txt", "openai-agents"),
    "Strands": (INTEROP / "applications" / "requirements-agents.txt", "strands-agents"),
}


@pytest.mark.parametrize("name", TRIED)
def test_applications_are_tried_in_the_version_that_is_told(name: str) -> None:
    pins, package = TRIED[name]
    version = clients.row(name)[0]
    line = f'"{package}": "{version}"' if pins.suffix == ".json" else f"{package}=={version}"
    assert line in {each.strip().rstrip(",") for each in pins.read_text(encoding="utf-8").splitlines()}


def test_the_page_of_clients_names_every_version() -> None:
    text = clients.PAGE.read_text(encoding="utf-8").partition("\n## Versions\n")[2]
    assert set(re.findall(r"\d{4}-\d\d-\d\d", text)) == set(SUPPORTED_VERSIONS)


def test_configurations_of_clients_are_json() -> None:
    blocks = re.findall(
        r"^```json\n(.*?)^```", clients.PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    assert [list(json.loads(block)) for block in blocks] == [["servers"], ["mcpServers"], ["mcpServers"]]
