"""Run lines: which modules get a handler, and where."""

import ast

import pytest

from lambent.cli.migration.names import COMPAT, FASTMCP, TYPES, Names
from lambent.cli.migration.rewriting import Rewritten, rewrite

NAMES = Names(
    {COMPAT: frozenset({"MCPServer", "FastMCP"}), TYPES: frozenset(), FASTMCP: frozenset({"FastMCP"})}, {}
)
TOP = "from mcp.server.fastmcp import FastMCP\n\nmcp = FastMCP('a')\n"
MAIN = 'if __name__ == "__main__":\n'
MOVED = TOP.replace("mcp.server.fastmcp", "lambent.compat")


def program(**texts: str) -> dict[str, Rewritten]:
    return rewrite({f"{name}.py": text.encode() for name, text in texts.items()}, NAMES)


def moved(text: str) -> str:
    content = program(app=text)["app.py"].content.decode()
    ast.parse(content)
    return content


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "\nhandler = mcp.lambda_handler()\n"),
        ("\n\ndef f():\n    pass", "\n\ndef f():\n    pass\n\n\nhandler = mcp.lambda_handler()\n"),
        ("\nif __name__ == '__main__':\n    mcp.run()\n",
         "\nhandler = mcp.lambda_handler()\n\n\nif __name__ == '__main__':\n    mcp.run()\n"),
        ("\n# Run it.\nif __name__ == '__main__':\n    mcp.run()\n",
         "\nhandler = mcp.lambda_handler()\n\n\n# Run it.\nif __name__ == '__main__':\n    mcp.run()\n"),
        ("mcp.run(\n    transport='sse',\n)\n",
         f"handler = mcp.lambda_handler()\n\n\n{MAIN}    mcp.run(\n        transport='sse',\n    )\n"),
        ("mcp.run('''a\nb''')\n",
         f"handler = mcp.lambda_handler()\n\n\n{MAIN}    mcp.run('''a\nb''')\n"),
        ("def main():\n    mcp.run()\n", "def main():\n    mcp.run()\n\n\nhandler = mcp.lambda_handler()\n"),
        # What stands further up than all declarations is no place for it.
        ("if __name__ != '__main__':\n    f()\n\nx = 1\n",
         "if __name__ != '__main__':\n    f()\n\nx = 1\n\nhandler = mcp.lambda_handler()\n"),
        ("import handler\nclass lambda_handler: ...\n",
         "import handler\nclass lambda_handler: ...\n\n\nmcp_handler = mcp.lambda_handler()\n"),
        ("handler = 5\n", "handler = 5\n\nlambda_handler = mcp.lambda_handler()\n"),
        ("handler = mcp.lambda_handler()\n", "handler = mcp.lambda_handler()\n"),
    ],
)  # fmt: skip
def test_a_module_that_runs_its_server_gets_a_handler(before: str, after: str) -> None:
    assert moved(TOP + before) == MOVED + after


def test_the_module_that_runs_the_server_of_another_one_gets_it() -> None:
    done = program(server=TOP, main="from .server import mcp\n\nmcp.run()\n")
    assert done["server.py"].content.decode() == MOVED
    assert done["main.py"].content.decode() == (
        f"from .server import mcp\n\nhandler = mcp.lambda_handler()\n\n\n{MAIN}    mcp.run()\n"
    )


def test_what_a_subprocess_runs_is_no_server() -> None:
    done = program(app=TOP, other="import subprocess\n\nsubprocess.run(['ls'])\n")
    assert done.keys() == {"app.py"}


@pytest.mark.parametrize(
    ("text", "name", "reason", "anchor"),
    [
        (TOP + "other = FastMCP('b')\n", "mcp, other",
         "a function has one server: write handler = NAME.lambda_handler() for one of them", "run-lines"),
        ("from mcp.server.fastmcp import FastMCP\n\ndef make():\n    return FastMCP('a')\n", "the server",
         "made within a function or an expression: write handler = SERVER.lambda_handler() at the end",
         "run-lines"),
        (TOP + "app = Starlette(routes=[Mount('/', mcp.streamable_http_app())])\n", "app",
         "an application of your own: write handler = lambent.adapt(app)", "applications"),
    ],
)  # fmt: skip
def test_what_is_left_to_do_is_told(text: str, name: str, reason: str, anchor: str) -> None:
    done = program(app=text)["app.py"]
    assert done.content.decode() == text.replace("mcp.server.fastmcp", "lambent.compat")
    assert [(one.name, one.reason, one.anchor) for one in done.findings] == [(name, reason, anchor)]


def test_the_server_of_a_class_of_its_own_gets_a_handler() -> None:
    text = "from mcp.server.fastmcp import FastMCP\n\nclass S(FastMCP[int]): ...\n\nmcp = S('a')\nmcp.run()\n"
    assert moved(text).endswith(f"mcp = S('a')\nhandler = mcp.lambda_handler()\n\n\n{MAIN}    mcp.run()\n")


@pytest.mark.parametrize(
    ("lines", "line"),
    [
        ("x = 1; mcp.run()\n", 4),
        ("with f():\n    mcp.run()\n", 4),
        ("import anyio\nanyio.run(mcp.run_async)\n", 5),
        ("def main():\n    mcp.run()\n\nsys.exit(main())\n", 7),
    ],
)
def test_a_line_that_runs_the_server_where_it_is_imported_is_told(lines: str, line: int) -> None:
    done = program(app=TOP + lines)["app.py"]
    content = done.content.decode()
    ast.parse(content)
    assert content.startswith(MOVED + lines)
    assert content.endswith("handler = mcp.lambda_handler()\n")
    reason = 'runs the server where it is imported: write it under if __name__ == "__main__":'
    assert [(one.line, one.name, one.reason, one.anchor) for one in done.findings] == [
        (line, "mcp", reason, "run-lines")
    ]


def test_the_statement_in_front_of_a_run_line_stays_a_line() -> None:
    text = "from mcp.server.fastmcp import FastMCP; mcp = FastMCP('a'); mcp.run()\n"
    assert (
        moved(text)
        == f"{text.replace('mcp.server.fastmcp', 'lambent.compat')}\nhandler = mcp.lambda_handler()\n"
    )
