"""What docs/clients.md says: its commands are those that the tests run."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[3] / "docs" / "clients.md"
URL = "https://tools.example.com/mcp"
"""The address in its examples."""


def block(heading: str, language: str) -> str:
    """The first block of code in a language beneath a heading."""
    _, found, rest = PAGE.read_text(encoding="utf-8").partition(f"\n### {heading}\n")
    assert found, heading
    section = re.split(r"^##", rest, maxsplit=1, flags=re.MULTILINE)[0]
    code = re.search(rf"^```{language}\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    assert code, f"{heading} has no {language}"
    return code[1]


def row(name: str) -> list[str]:
    """The cells of an application's row in the table."""
    rows = re.findall(rf"^\| {re.escape(name)} \|(.*)\|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(rows) == 1, name
    return [cell.strip() for cell in rows[0].split("|")]
