"""The table of names of ``lambent.compat``, and what all such tables have in common."""

import ast
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from lambent import compat
from lambent.compat import fastmcp, types

TABLES = pytest.mark.parametrize("module", [compat, types, fastmcp])


@TABLES
def test_every_name_is_there(module: ModuleType) -> None:
    for name in module.__all__:
        assert getattr(module, name) is not None


@TABLES
def test_the_table_the_list_of_names_and_the_imports_for_checkers_are_the_same(module: ModuleType) -> None:
    assert sorted(module.__all__) == sorted(name for names in module.HOMES.values() for name in names)
    [block] = [
        node
        for node in ast.parse(inspect.getsource(module)).body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    ]
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    assert {node.module: sorted(one.name for one in node.names) for node in imports} == {
        home: sorted(names) for home, names in module.HOMES.items()
    }


def test_the_map_of_the_architecture_has_every_module() -> None:
    """And no other: a newcomer finds the place to change there."""
    text = (Path(__file__).parents[2] / "docs/architecture.md").read_text(encoding="utf-8")
    section = text.partition("\n## The names of other SDKs\n")[2].partition("\n## ")[0]
    named = set(re.findall(r"\b(\w+\.py)\b", section))
    assert named - {"content.py", "foreign.py"} == {
        file.name for file in Path(str(compat.__file__)).parent.rglob("*.py")
    }


@pytest.mark.parametrize("name", compat.REPLACED)
def test_a_name_that_cannot_exist_says_what_to_write(name: str) -> None:
    with pytest.raises(ImportError, match=r"docs/porting\.md"):
        getattr(importlib.import_module("lambent.compat"), name)


def test_a_server_loads_what_it_uses_alone() -> None:
    """A cold start would pay for all of it."""
    code = (
        "import sys\n"
        "from lambent.compat import Context, MCPServer\n"
        "MCPServer('shop').tool('t')(lambda ctx: '')\n"
        "MCPServer('shop').lambda_handler()\n"
        "dear = {'asyncio', 'pydantic', 'starlette', 'anyio', 'mcp'}\n"
        "own = {'middleware', 'requests', 'results', 'session', 'auth', 'http_app', 'paths'}\n"
        "print(sorted((dear | {f'lambent.compat.{name}' for name in own}) & sys.modules.keys()))"
    )
    found = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True
    )
    assert found.stdout == "[]\n"


def test_a_name_that_nobody_knows_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Nobody'"):
        _ = compat.Nobody
