"""The applications that take MCP servers, and how; docs/clients.md is the same for readers."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Entry:
    """A server to add; exactly one of ``url`` and ``command`` is set.

    Attributes:
        name: What the application calls it.
        url: Its URL.
        command: What starts it over stdio.
    """

    name: str
    url: str | None = None
    command: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """An application: it has a command that adds servers, or a file with them.

    Attributes:
        command: The words of that command.
        is_added: Whether the command adds the server, and not only opens it.
        file: Where the file is.
        member: The member of it that has the servers.
        of_urls: What stands there for a URL, besides the URL.
        takes_urls: Whether servers behind URLs stand there.
        without_urls: How they are added otherwise.
    """

    command: Callable[[Entry], tuple[str, ...]] | None = None
    is_added: bool = True
    file: Callable[[], Path] = Path
    member: str = "mcpServers"
    of_urls: Mapping[str, str] = field(default_factory=dict)
    takes_urls: bool = True
    without_urls: str = ""

    def make(self, entry: Entry) -> dict[str, Any]:
        """What stands in the file for a server.

        Args:
            entry: The server.
        """
        if entry.url is not None:
            return {**self.of_urls, "url": entry.url}
        return {"command": entry.command[0], "args": list(entry.command[1:])}


def _claude_code(entry: Entry) -> tuple[str, ...]:
    if entry.url is not None:
        return ("claude", "mcp", "add", "--transport", "http", entry.name, entry.url)
    return ("claude", "mcp", "add", entry.name, "--", *entry.command)


def _gemini(entry: Entry) -> tuple[str, ...]:
    words = ("gemini", "mcp", "add", "--scope", "user")
    if entry.url is not None:
        return (*words, "--transport", "http", entry.name, entry.url)
    return (*words, entry.name, *entry.command)


def _codex(entry: Entry) -> tuple[str, ...]:
    if entry.url is not None:
        return ("codex", "mcp", "add", entry.name, "--url", entry.url)
    return ("codex", "mcp", "add", entry.name, "--", *entry.command)


def _inspector(entry: Entry) -> tuple[str, ...]:
    server = entry.command if entry.url is None else (entry.url,)
    return ("npx", "@modelcontextprotocol/inspector", "--cli", *server, "--method", "tools/list")


def _claude_desktop_file() -> Path:
    if sys.platform == "darwin":
        folder = Path.home() / "Library" / "Application Support"
    elif sys.platform == "win32":
        folder = Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming")
    else:
        folder = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return folder / "Claude" / "claude_desktop_config.json"


APPLICATIONS: Final = {
    "claude-code": Application(command=_claude_code),
    "claude-desktop": Application(
        file=_claude_desktop_file,
        takes_urls=False,
        without_urls="its file takes no URLs: choose Customize, Connectors, Add custom connector, and give",
    ),
    "vscode": Application(
        file=lambda: Path.cwd() / ".vscode" / "mcp.json", member="servers", of_urls={"type": "http"}
    ),
    "cursor": Application(file=lambda: Path.cwd() / ".cursor" / "mcp.json"),
    "gemini": Application(command=_gemini),
    "codex": Application(command=_codex),
    "inspector": Application(command=_inspector, is_added=False),
}
