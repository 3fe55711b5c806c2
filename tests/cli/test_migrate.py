"""``lambent migrate``."""

import runpy
from pathlib import Path

import pytest

from lambent.cli import main
from lambent.testing import LambdaClient

SERVER = """from mcp.server.mcpserver import MCPServer

mcp = MCPServer("shop")


@mcp.tool()
def add(a: int, b: int) -> int:
    return a + b


if __name__ == "__main__":
    mcp.run()
"""
DIFF = """--- a/app.py
+++ b/app.py
@@ -1,4 +1,4 @@
-from mcp.server.mcpserver import MCPServer
+from lambent.compat import MCPServer
{space}
 mcp = MCPServer("shop")
{space}
@@ -8,5 +8,8 @@
     return a + b
{space}
{space}
+handler = mcp.lambda_handler()
+
+
 if __name__ == "__main__":
     mcp.run()
""".format(space=" ")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(SERVER)
    return tmp_path


def test_a_diff_is_printed_and_nothing_is_written(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate", str(folder)]) == 0
    assert capsys.readouterr() == (DIFF, "")
    assert (folder / "app.py").read_text() == SERVER


def test_files_are_written(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate", str(folder / "app.py"), "--write"]) == 0
    assert capsys.readouterr() == ("wrote app.py\n", "")
    assert main(["migrate", str(folder)]) == 0
    assert capsys.readouterr() == ("nothing moves\n", "")


def test_a_server_that_was_written_answers(folder: Path) -> None:
    main(["migrate", str(folder), "--write"])
    client = LambdaClient(runpy.run_path(str(folder / "app.py"))["handler"])
    assert client.call("add", a=2, b=3).text == "5"


def test_what_stays_is_listed_with_its_line_reason_and_page(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "low.py").write_text("import os\nfrom mcp.server import Server\n")
    assert main(["migrate", str(folder)]) == 1
    assert capsys.readouterr().err == (
        "low.py:2: Server: a low-level server stays as it is: write handler = lambent.adapt(SERVER)"
        " (docs/porting.md#low-level-servers)\n"
    )


def test_environments_hidden_folders_and_builds_are_not_looked_into(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in (".hidden", "build", "env"):
        (folder / name).mkdir()
        (folder / name / "app.py").write_text(SERVER)
    (folder / "env" / "pyvenv.cfg").touch()
    (folder / "notes.txt").write_text(SERVER)
    assert main(["migrate", str(folder), "--write"]) == 0
    assert capsys.readouterr().out == "wrote app.py\n"


def test_what_links_lead_to_stays_as_it_is(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other") / "shared.py"
    other.write_text(SERVER)
    (folder / "linked.py").symlink_to(other)
    assert main(["migrate", str(folder), "--write"]) == 0
    assert other.read_text() == SERVER


def test_a_file_that_cannot_be_written_is_as_it_was(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (folder / "app.py").read_bytes()

    def fail(self: Path, content: bytes) -> int:
        with self.open("wb") as file:
            file.write(content[:5])
        raise OSError("No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fail)
    assert main(["migrate", str(folder), "--write"]) == 1
    assert (folder / "app.py").read_bytes() == before
    assert [one.name for one in folder.iterdir() if one.name.startswith(".")] == []
    assert "cannot be written, and is as it was: No space left on device" in capsys.readouterr().err


def test_a_file_keeps_its_mode(folder: Path) -> None:
    (folder / "app.py").chmod(0o750)
    main(["migrate", str(folder), "--write"])
    assert (folder / "app.py").stat().st_mode & 0o777 == 0o750


def test_a_path_that_there_is_not_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate", str(tmp_path / "nothing")]) == 2
    assert "does not exist" in capsys.readouterr().err
