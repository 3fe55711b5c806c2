"""Imports of servers: where their names come from once they have moved."""

import pytest

from lambent.cli.migration.names import COMPAT, FASTMCP, TYPES, Names
from lambent.cli.migration.rewriting import rewrite

NAMES = Names(
    {
        COMPAT: frozenset({"MCPServer", "FastMCP", "Context", "UserMessage", "ToolError", "Tool"}),
        TYPES: frozenset({"TextContent", "Tool", "ToolAnnotations"}),
        FASTMCP: frozenset({"FastMCP", "Context", "Tool", "tool"}),
    },
    {"ServerSession": "annotate the context as Context"},
)
SERVER = "from mcp.server.mcpserver import MCPServer\n"
MOVED = "from lambent.compat import MCPServer\n"


def moved(text: str) -> str:
    done = rewrite({"tools.py": text.encode()}, NAMES)
    return done["tools.py"].content.decode() if "tools.py" in done else text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("from mcp.server.mcpserver import MCPServer", "from lambent.compat import MCPServer"),
        ("from mcp.server.fastmcp import FastMCP, Context", "from lambent.compat import FastMCP, Context"),
        ("from mcp.server import MCPServer as M", "from lambent.compat import MCPServer as M"),
        ("from fastmcp import FastMCP", "from lambent.compat.fastmcp import FastMCP"),
        ("from fastmcp.tools import Tool, tool", "from lambent.compat.fastmcp import Tool, tool"),
        ("from fastmcp.server.context import Context", "from lambent.compat.fastmcp import Context"),
        ("from mcp.server.mcpserver import (\n    Context,\n    MCPServer,  # it\n)",
         "from lambent.compat import (\n    Context,\n    MCPServer,  # it\n)"),
        ("from mcp.server.mcpserver.prompts import base", "import lambent.compat as base"),
        ("try:\n    from mcp.server.fastmcp import FastMCP\nexcept ImportError:\n    raise",
         "try:\n    from lambent.compat import FastMCP\nexcept ImportError:\n    raise"),
        ("é = 1; from mcp.server import FastMCP; b = 1", "é = 1; from lambent.compat import FastMCP; b = 1"),
    ],
)  # fmt: skip
def test_names_come_from_the_module_that_has_them(before: str, after: str) -> None:
    assert moved(before) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("from mcp.types import Tool, TextContent", "from lambent.compat.types import Tool, TextContent"),
        ("import mcp.types as types", "import lambent.compat.types as types"),
        ("from mcp import types", "from lambent.compat import types"),
        ("from mcp.shared.exceptions import ToolError", "from lambent.compat import ToolError"),
        (
            "import mcp.types\nx = mcp.types.Tool",
            "import lambent.compat.types\nx = lambent.compat.types.Tool",
        ),
    ],
)
def test_types_move_along_with_a_server(before: str, after: str) -> None:
    assert moved(SERVER + before + "\n") == MOVED + after + "\n"


def test_names_of_several_modules_get_a_statement_each() -> None:
    before = "def f():\n    from mcp import (\n        Tool,  # of types\n        ToolError,\n    )  # both\n"
    after = [
        "def f():",
        "    # of types",
        "    from lambent.compat.types import Tool",
        "    from lambent.compat import ToolError  # both",
    ]
    assert moved(SERVER + before).removeprefix(MOVED).splitlines() == after


def test_what_stays_is_split_off_and_told() -> None:
    text = (
        "import os\nfrom mcp.server.session import ServerSession\nfrom mcp.server import MCPServer, Nobody\n"
    )
    done = rewrite({"a.py": text.encode()}, NAMES)["a.py"]
    assert done.content.decode().splitlines() == [
        "import os",
        "from mcp.server.session import ServerSession",
        "from lambent.compat import MCPServer",
        "from mcp.server import Nobody",
    ]
    assert [(one.line, one.name, one.reason, one.anchor) for one in done.findings] == [
        (2, "mcp.server.session.ServerSession", "annotate the context as Context", "what-has-no-place"),
        (3, "mcp.server.Nobody", "lambent.compat has no Nobody", "what-has-no-place"),
    ]


@pytest.mark.parametrize(
    "statement",
    ["import mcp.types as types", "from mcp import types", "from mcp.types import version as types"],
)
def test_what_a_module_that_has_moved_does_not_have_is_told(statement: str) -> None:
    text = f"{SERVER}{statement}\n\nx = types.Tool, types.Nobody, types.ServerSession\n"
    found = rewrite({"a.py": text.encode()}, NAMES)["a.py"].findings
    assert [(one.line, one.name, one.reason) for one in found] == [
        (4, "types.Nobody", "lambent.compat.types has no Nobody"),
        (4, "types.ServerSession", "annotate the context as Context"),
    ]


def test_a_star_is_told() -> None:
    done = rewrite({"a.py": b"from mcp.server.mcpserver import *\n"}, NAMES)["a.py"]
    assert done.content == b"from mcp.server.mcpserver import *\n"
    assert [one.reason for one in done.findings] == ["list the names in place of *"]


def test_clients_stay() -> None:
    client = "from mcp import ClientSession\nfrom mcp.types import Tool\n"
    assert moved(client) == client
    both = rewrite({"a.py": (SERVER + "from mcp.client import Client\n").encode()}, NAMES)["a.py"]
    assert both.content.decode() == MOVED + "from mcp.client import Client\n"
    assert [one.is_client for one in both.findings] == [True]


def test_low_level_servers_stay_and_are_told() -> None:
    program = {
        "main.py": b"from mcp.server.lowlevel import Server\nimport mcp.types as types\n",
        "kinds.py": b"import mcp.types as types\nfrom mcp.server.models import InitializationOptions\n",
    }
    done = rewrite(program, NAMES)
    assert done.keys() == {"main.py"}
    assert done["main.py"].content == program["main.py"]
    assert [one.reason for one in done["main.py"].findings] == [
        "a low-level server stays as it is: write handler = lambent.adapt(SERVER)"
    ]


def test_everything_else_stays_byte_for_byte() -> None:
    text = "# -*- coding: latin-1 -*-\r\nfrom mcp.server import MCPServer\r\nname = 'café'  \r\n\tx = 1\r\n"
    text = text.replace("\tx", "x")
    done = rewrite({"a.py": text.encode("latin-1")}, NAMES)["a.py"]
    assert done.content == text.replace("mcp.server", "lambent.compat").encode("latin-1")


def test_what_cannot_be_read_is_told() -> None:
    done = rewrite({"a.py": b"from mcp.server import (\n", "b.py": b"print 'no SDK'\n"}, NAMES)
    assert [(path, one.findings[0].anchor) for path, one in done.items()] == [("a.py", "imports")]


def test_the_names_are_those_of_the_package() -> None:
    names = Names.installed()
    assert "MCPServer" in names.exported[COMPAT]
    assert "Server" in names.replaced


def test_a_path_with_spaces_and_continued_lines_moves() -> None:
    before = "from mcp \\\n  . server . fastmcp import FastMCP\nfrom mcp . types import TextContent\n"
    assert moved(before).startswith("from lambent.compat import FastMCP\nfrom lambent.compat")


def test_no_comment_is_lost() -> None:
    text = b"if True: from mcp.server.fastmcp import (FastMCP, # a\n    Nope) # b\n"
    done = rewrite({"app.py": text}, NAMES)["app.py"]
    assert done.content == text
    assert done.findings[-1].reason == (
        "comments stand within it, and another statement in front: give it lines of its own"
    )


@pytest.mark.parametrize("deep", ["-" * 20_000 + "1", "+".join(["1"] * 20_000)])
def test_what_is_nested_too_deeply_is_told(deep: str) -> None:
    text = f"from mcp.server.fastmcp import FastMCP\nx = {deep}\n".encode()
    done = rewrite({"app.py": text}, NAMES)["app.py"]
    assert done.content == text
    assert done.findings[0].reason.startswith("it cannot be read: ")
