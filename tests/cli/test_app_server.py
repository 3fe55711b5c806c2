import subprocess
import sys

import pytest

# What is wrong, and the end of the last line that tells it.
BROKEN = [
    (
        "import no_such_library\n",
        "cannot be imported: ModuleNotFoundError: No module named 'no_such_library'",
    ),
    (
        'from lambent import MCPServer\nmcp = MCPServer("x")\n@mcp.tool\ndef f() -> None: ...\n',
        "cannot be imported: lambent.errors.DeclarationError: Write @mcp.tool() with parentheses",
    ),
    ("def f(:\n", "cannot be imported: SyntaxError: invalid syntax"),
    ("raise SystemExit(3)\n", "cannot be imported: SystemExit: 3"),
]


def run(folder, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "lambent", *arguments],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(("source", "message"), BROKEN, ids=["import", "declaration", "syntax", "exit"])
@pytest.mark.parametrize(
    "command", [("stdio",), ("call", "add"), ("inspect",), ("card",)], ids=lambda one: one[0]
)
def test_an_app_that_cannot_be_imported_is_told_by_its_own_lines(tmp_path, command, source, message):
    (tmp_path / "broken_app.py").write_text(source)
    name, *rest = command
    done = run(tmp_path, name, "broken_app.py", *rest)
    assert (done.returncode, done.stdout) == (1, "")
    lines = done.stderr.splitlines()
    assert lines[-1] == f"lambent {name}: {tmp_path / 'broken_app.py'}:mcp {message}"
    assert f'File "{tmp_path / "broken_app.py"}", line ' in done.stderr
    assert "app_server.py" not in done.stderr
    assert "click" not in done.stderr


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        ("", ""),
        ('from lambent import MCPServer\nshop = MCPServer("x")\n', ": is it broken_app.py:shop?"),
        (
            'from lambent import MCPServer\none = MCPServer("x")\ntwo = MCPServer("y")\n',
            ": is it broken_app.py:one or broken_app.py:two?",
        ),
    ],
    ids=["nothing", "one", "two"],
)
def test_a_server_of_another_name_is_proposed(tmp_path, source, hint):
    (tmp_path / "broken_app.py").write_text(source)
    done = run(tmp_path, "inspect", "broken_app.py")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (f"lambent inspect: {tmp_path / 'broken_app.py'} has no attribute 'mcp'{hint}\n")
