"""The Python code of the documentation runs."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import lambent
from lambent import MCPServer

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


@pytest.mark.parametrize("page", ["README.md", "docs/middleware.md", "docs/tasks.md"])
def test_the_code_of_a_page_runs(page: str) -> None:
    blocks = BLOCK.findall((ROOT / page).read_text(encoding="utf-8"))
    assert blocks
    names = _names()
    for number, block in enumerate(blocks):
        exec(compile(block, f"{page}, block {number + 1}", "exec"), names)
