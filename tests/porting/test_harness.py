"""The harness itself, on servers of its own: no download, and the SDK of the development environment."""

import sys
from pathlib import Path

import pytest
from tests.porting.classes import Result
from tests.porting.comparison import compare
from tests.porting.running import ROOT

SERVER = '''
from mcp.server.mcpserver import MCPServer

mcp = MCPServer("shop")


@mcp.resource("stock://all", mime_type="text/plain")
def stock() -> str:
    """What there is."""
    return %s


if __name__ == "__main__":
    mcp.run()
'''
SOURCES = {
    "same.py": SERVER % '"3 books"',
    "other.py": SERVER % '"lambent" if type(mcp).__module__.startswith("lambent") else "sdk"',
    "low.py": "from mcp.server.lowlevel import Server\n\nserver = Server('low')\n",
    "broken.py": SERVER % '""' + "\nmcp.nobody_has_this\n",
}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    folder = tmp_path_factory.mktemp("sources")
    for name, text in SOURCES.items():
        (folder / name).write_text(text)
    results = compare(folder, sorted(SOURCES), Path(sys.executable), ROOT / "runtime", workers=1)
    return {one.name: one for one in results}


def test_a_server_that_answers_alike(found: dict[str, Result]) -> None:
    one = found["same.py"]
    assert (one.kind, one.differences) == ("same", ())


def test_a_server_that_answers_otherwise(found: dict[str, Result]) -> None:
    one = found["other.py"]
    assert one.kind == "differs"
    assert {(each.original, each.ported) for each in one.differences} == {("sdk", "lambent")}


def test_an_original_that_fails(found: dict[str, Result]) -> None:
    one = found["broken.py"]
    assert one.kind == "fails"
    assert "nobody_has_this" in one.reason


def test_what_does_not_move_is_named(found: dict[str, Result]) -> None:
    one = found["low.py"]
    assert one.kind == "refused"
    assert "lambent.adapt" in one.reason
