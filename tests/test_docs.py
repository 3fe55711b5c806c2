"""The documentation: its code runs, its servers answer as it shows, its links lead somewhere."""

import ast
import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from tests import support
from tests.interop.applications import page as clients
from tests.pages import ROOT, blocks
from tests.support import Client

import lambent
import lambent.testing
from lambent.wire.eras import SUPPORTED_VERSIONS

PAGES = sorted([ROOT / name for name in ("README.md", "CONTRIBUTING.md", "RELEASING.md", "SECURITY.md")])
PAGES += sorted((ROOT / "docs").rglob("*.md"))
IDS = [str(page.relative_to(ROOT)) for page in PAGES]
ANSWERS = ("tool ", "tools/call ", "prompts/get ", "resources/read ", "completion/complete ")
"""How comments above an answer begin: with the method, or ``tool`` for a tool's definition."""
IN_MEMORY = msgspec.structs.replace(support.SETTINGS, in_memory=True)
"""Settings of `lambent dev` without a template: the process keeps what a table would have."""
WITHOUT_IMPORTS = {"auth.md"}
"""Pages that say that they leave out imports. The code of all others is complete: readers can copy it."""
CODE = re.compile(r"^ *```.*?^ *```$|`[^`\n]*`", re.MULTILINE | re.DOTALL)


def _names(page: Path) -> dict[str, Any]:
    """What a page takes for granted."""
    return {name: getattr(lambent, name) for name in lambent.__all__} if page.name in WITHOUT_IMPORTS else {}


@pytest.fixture(autouse=True)
def loop() -> Iterator[None]:
    """An event loop where Mangum, which an example makes, looks for one; else it would leave one open."""
    made = asyncio.new_event_loop()
    asyncio.set_event_loop(made)
    yield
    asyncio.set_event_loop(None)
    made.close()


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_the_code_of_a_page_runs(page: Path) -> None:
    names = _names(page)
    for block in blocks(page):
        if block.language == "python":
            # As many lines above it as in the page: a traceback names the right one.
            code = compile("\n" * block.line + block.code, page.name, "exec")
            if not block.is_excused:
                exec(code, names)
    answers = [block for block in blocks(page) if block.note.startswith(ANSWERS)]
    if answers:
        with closing(names["mcp"].lambda_handler(IN_MEMORY)) as handler:
            for block in answers:
                assert _lacks(json.loads(block.code), _answer(Client(handler), block.note)) == []


def test_functions_of_the_pages_use_no_name_that_is_not_there(tmp_path: Path) -> None:
    for page in PAGES:
        code = "\n\n".join(
            block.code for block in blocks(page) if block.language == "python" and not block.is_excused
        )
        if page.name not in WITHOUT_IMPORTS:
            (tmp_path / f"{page.stem}.py").write_text(code, encoding="utf-8")
    options = ["--isolated", "--no-cache", "--select", "F821"]
    command = [sys.executable, "-m", "ruff", "check", *options, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def _answer(client: Client, request: str) -> Any:
    """What a server answers to ``tool NAME`` (its definition), or to ``METHOD TARGET {ARGUMENTS}``."""
    method, _, rest = request.partition(" ")
    if method == "tool":
        return client.tool(rest)
    target, _, arguments = rest.partition(" ") if method != "completion/complete" else ("", "", rest)
    params = {
        "tools/call": {"name": target, "arguments": json.loads(arguments or "{}")},
        "prompts/get": {"name": target, "arguments": json.loads(arguments or "{}")},
        "resources/read": {"uri": target},
        "completion/complete": json.loads(arguments or "{}"),
    }[method]
    return client.request(method, params, capabilities=dict(lambent.testing.EVERYTHING)).result


def _lacks(shown: Any, real: Any, where: str = "$") -> list[str]:
    """Where an answer differs from what a page shows of it: a page may leave out members of objects."""
    if isinstance(shown, dict) and isinstance(real, dict):
        missing = [f"{where}.{key} is missing" for key in shown.keys() - real.keys()]
        both = [key for key in shown if key in real]
        return missing + [each for key in both for each in _lacks(shown[key], real[key], f"{where}.{key}")]
    if isinstance(shown, list) and isinstance(real, list) and len(shown) == len(real):
        pairs = zip(shown, real, strict=True)
        return [each for at, pair in enumerate(pairs) for each in _lacks(*pair, f"{where}[{at}]")]
    return [] if shown == real else [f"{where} is {real!r}"]


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_commands_are_run_by_a_test_or_say_why_not(page: Path) -> None:
    shells = [block for block in blocks(page) if block.language in ("sh", "bash", "console")]
    assert [block.line for block in shells if not block.is_excused] == []


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_every_block_says_its_language(page: Path) -> None:
    assert [block.line for block in blocks(page) if not block.language] == []


def _anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as forges and the site make them."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_links_lead_somewhere(page: Path) -> None:
    wrong = []
    for target in re.findall(r"\]\(([^)\s]+)\)", CODE.sub("", page.read_text(encoding="utf-8"))):
        if target.startswith(("https://", "mailto:")):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and file.suffix == ".md" and anchor not in _anchors(file)):
            wrong.append(target)
        if page.is_relative_to(ROOT / "docs") and not file.is_relative_to(ROOT / "docs"):
            wrong.append(f"{target} is not part of the site")
    assert wrong == []


def test_the_site_has_every_page() -> None:
    named = re.findall(r"- ([\w/-]+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(named) == sorted(
        str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")
    )


def test_the_reference_has_every_public_name_once() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs" / "reference").glob("*.md"))
    assert sorted(re.findall(r"^::: lambent\.(\w+)$", text, re.MULTILINE)) == sorted(lambent.__all__)
    of_tests = set(lambent.testing.__all__) - set(lambent.__all__)
    assert sorted(re.findall(r"^::: lambent\.testing\.(\w+)$", text, re.MULTILINE)) == sorted(of_tests)


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


def _texts() -> list[str]:
    """The texts in the library's code, with ``…`` for each part that differs."""
    found = []
    for file in sorted((ROOT / "runtime").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(re.sub(r"%[rs]|\{\w*\}", "…", node.value))
            elif isinstance(node, ast.JoinedStr):
                parts = (part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
                found.append("".join(str(part) for part in parts))
    return found


def _says(text: str, pieces: list[str]) -> bool:
    """Whether a text has these pieces, one behind the other."""
    at = 0
    for piece in pieces:
        at = text.find(piece, at)
        if at < 0:
            return False
        at += len(piece)
    return True


def test_messages_to_look_up_are_those_of_the_code() -> None:
    page = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    own = page.partition("\n## Messages of AWS")[0].partition("\n## Declarations")[2]
    messages = re.findall(r"^\| `([^`]+)` \|", own, re.MULTILINE)
    assert len(messages) > 60
    texts = _texts()
    unknown = [message for message in messages if not any(_says(text, message.split("…")) for text in texts)]
    assert unknown == []


def test_the_terraform_of_the_docs_can_be_read() -> None:
    hcl2 = pytest.importorskip("hcl2")
    (block,) = (each for each in blocks(ROOT / "docs" / "infrastructure.md") if each.language == "terraform")
    resources = {name.strip('"') for each in hcl2.loads(block.code)["resource"] for name in each}
    assert {"aws_lambda_function", "aws_dynamodb_table", "aws_apigatewayv2_api"} <= resources


def test_variables_in_the_docs_are_settings() -> None:
    code = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "runtime").rglob("*.py"))
    known = set(
        re.findall(
            r"LAMBENT_[A-Z_]*[A-Z]",
            code + clients.PAGE.with_name("configuration.md").read_text(encoding="utf-8"),
        )
    )
    named = {
        name
        for page in PAGES
        for name in re.findall(r"LAMBENT_[A-Z_]*[A-Z]", page.read_text(encoding="utf-8"))
    }
    assert sorted(name for name in named - known if not name.startswith("LAMBENT_AUTH_")) == []


def test_hooks_before_a_commit_need_no_network() -> None:
    repositories = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    assert [each["repo"] for each in repositories] == ["local"]
    hooks = repositories[0]["hooks"]
    assert {hook["language"] for hook in hooks} == {"system"}
    assert [hook["entry"].split()[0] for hook in hooks] == [
        ".venv/bin/ruff",
        ".venv/bin/ruff",
        ".venv/bin/mypy",
    ]
