"""What the declarations say of a server, and what the environment does not."""

from pathlib import Path

import msgspec
import pytest
from tests import skill_folders

from lambent import CardDetails, MCPServer, Settings
from lambent.features.summary import summarize
from lambent.wire.eras import SUPPORTED_VERSIONS
from lambent.wire.server_card import ServerSummary


def server() -> MCPServer:
    mcp = MCPServer(
        "shop",
        version="1.0.0",
        description="Sells.",
        instructions="Ask first.",
        extensions={"com.example/x": {"a": 1}},
        card=CardDetails(namespace="com.example"),
    )

    @mcp.tool()
    def sell(amount: int) -> int:
        """Sell some."""
        return amount

    @mcp.tool(task=True)
    def count() -> int:
        return 0

    @mcp.resource("shop://stock", mime_type="text/plain")
    def stock() -> str:
        return ""

    @mcp.resource("shop://{item}")
    def item(item: str) -> str:
        return item

    @mcp.prompt()
    def greet() -> str:
        return "hi"

    @mcp.completion()
    def complete(ref, argument, context):  # type: ignore[no-untyped-def]
        return None

    return mcp


def test_a_summary_has_what_the_lists_have() -> None:
    summary = summarize(server().freeze(), "/shop/mcp")
    assert summary.path == "/shop/mcp"
    assert summary.info.description == "Sells."
    assert summary.card == CardDetails(namespace="com.example")
    assert summary.versions == SUPPORTED_VERSIONS
    assert summary.instructions == "Ask first."
    assert [msgspec.json.decode(tool)["name"] for tool in summary.tools] == ["sell", "count"]
    assert msgspec.json.decode(summary.tools[0])["inputSchema"]["required"] == ["amount"]
    assert [bytes(raw) for raw in summary.resources] == [
        b'{"uri":"shop://stock","name":"stock","description":"","mimeType":"text/plain"}'
    ]
    assert [msgspec.json.decode(raw)["uriTemplate"] for raw in summary.resource_templates] == [
        "shop://{item}"
    ]
    assert [msgspec.json.decode(raw)["name"] for raw in summary.prompts] == ["greet"]


@pytest.mark.parametrize("hides", [False, True])
def test_what_lists_hide_is_not_in_the_summary(hides: bool) -> None:
    mcp = MCPServer("shop", hides_forbidden=hides)

    @mcp.tool()
    def count() -> int:
        return 1

    @mcp.tool(scopes=["sell"])
    def sell() -> int:
        return 1

    @mcp.resource("shop://stock", scopes=["look"])
    def stock() -> str:
        return ""

    @mcp.resource("shop://{item}", scopes=["look"])
    def item(item: str) -> str:
        return item

    @mcp.prompt(scopes=["greet"])
    def greet() -> str:
        return ""

    found = summarize(mcp.freeze(), "/mcp")
    hidden = (found.resources, found.resource_templates, found.prompts)
    assert (len(found.tools), [len(one) for one in hidden]) == ((1, [0] * 3) if hides else (2, [1] * 3))


def test_capabilities_are_those_of_every_host() -> None:
    assert summarize(server().freeze(), "/").capabilities == {
        "logging": {},
        "tools": {},
        "resources": {},
        "prompts": {},
        "completions": {},
        "extensions": {"com.example/x": {"a": 1}, "io.modelcontextprotocol/tasks": {}},
    }
    assert summarize(MCPServer("empty").freeze(), "/").capabilities == {"logging": {}}


def test_settings_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that builds and a function that serves have different ones."""
    plain = summarize(server().freeze(), "/mcp")
    for name in ("TABLE", "TASK_QUEUE_URL", "BUCKET", "AUDIENCE"):
        monkeypatch.setenv(f"LAMBENT_{name}", "something")
    other = server()
    other.lambda_handler(Settings.from_env())
    assert msgspec.json.encode(summarize(other.freeze(), "/mcp")) == msgspec.json.encode(plain)


def test_a_summary_survives_a_file() -> None:
    summary = summarize(server().freeze(), "/mcp")
    again = msgspec.json.decode(msgspec.json.encode([summary]), type=list[ServerSummary])
    assert msgspec.json.encode(again) == msgspec.json.encode([summary])


def test_skills_of_folders_are_published_with_what_is_text(tmp_path: Path) -> None:
    folder = skill_folders.refunds(tmp_path)
    (folder / "to do.md").write_bytes(b"x")
    mcp = MCPServer("shop")
    mcp.skill(folder, path="acme/refunds")
    (skill,) = summarize(mcp.freeze(), "/mcp").skills
    assert (skill.name, skill.description) == ("refunds", "Process refunds.")
    assert skill.files == {
        "SKILL.md": skill_folders.REFUNDS.decode(),
        "templates/eu/vat.txt": "VAT\n",
        "templates/mail.md": "Dear …\r\n",
    }
    hidden = MCPServer("shop", card=CardDetails(lists_features=False))
    hidden.skill(folder)
    assert summarize(hidden.freeze(), "/mcp").skills == ()
