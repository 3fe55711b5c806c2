"""The table of names of ``lambent.compat``."""

import importlib
import subprocess
import sys

import pytest

from lambent import compat


def test_every_name_is_there() -> None:
    for name in compat.__all__:
        assert getattr(compat, name) is not None


def test_the_table_and_the_list_of_names_are_the_same() -> None:
    known = [name for names in compat._MODULES.values() for name in names]
    assert sorted(compat.__all__) == sorted([*known, *compat._ALIASES])


@pytest.mark.parametrize("name", compat._REPLACED)
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
