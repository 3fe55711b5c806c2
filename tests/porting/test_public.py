"""The import of public servers, on packages of its own."""

import sys
from pathlib import Path

import pytest
from tests.porting.public import import_ported
from tests.porting.running import ROOT

from lambent.cli.migration.names import Names

SERVER = "from mcp.server.fastmcp import FastMCP\n\nmcp = FastMCP('shop')\n"


@pytest.mark.parametrize(
    ("text", "kind", "reason"),
    [
        (SERVER, "imports", ""),
        (f"import not_installed\n{SERVER}x = not_installed.Client().rows[0]\n", "imports", ""),
        (f"{SERVER}mcp.run()\n", "imports", ""),
        (f"{SERVER}from mcp.client.stdio import stdio_client\n", "imports", ""),
        (f"{SERVER}from mcp.server import Nobody\n", "refused",
         "mcp.server.Nobody: lambent.compat has no Nobody"),
        (f"{SERVER}raise ValueError('no port\\nhere')\n", "fails", "ValueError: no port (app.py:4 <module>)"),
        (f"{SERVER}raise ValueError('docs/porting.md')\n", "refused",
         "ValueError: docs/porting.md (app.py:4 <module>)"),
    ],
)  # fmt: skip
def test_what_becomes_of_a_package(text: str, kind: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").touch()
    (tmp_path / "shop" / "app.py").write_text(text)
    (tmp_path / "shop" / "other.py").write_text("raise RuntimeError('nobody imports it')\n")
    found = import_ported(tmp_path, Names.installed(), ROOT / "runtime", Path(sys.executable))
    assert found == (kind, reason)
