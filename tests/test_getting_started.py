"""The commands of two pages, word for word: in an empty folder and a new environment."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from tests.pages import ROOT, Block, blocks

NAME = Path(__file__).name
START = ROOT / "docs" / "getting-started.md"
BUILD = ROOT / "docs" / "infrastructure.md"
SECONDS = 400

PROLOGUE = """
set -eu
serve() {
    "$@" >"$LOG" 2>&1 &
    server=$!
    trap 'kill $server' EXIT
    until curl --silent --output /dev/null "http://127.0.0.1:$PORT/health"; do
        kill -0 $server || { cat "$LOG"; exit 1; }
        sleep 0.2
    done
}
"""


# A page has code put above the handler of `app.py`, and at the end of files without one.
_EDIT = """
import pathlib, sys
file = pathlib.Path(sys.argv[1])
before, line, after = file.read_text().partition("handler = mcp")
file.write_text(before + {code} + "\\n\\n" + line + after)
"""


def _is_run_here(block: Block) -> bool:
    return block.note.startswith(f"run by tests/{NAME}")


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


def _script(page: Path, port: int) -> str:
    """The page as a script of bash: its commands, and what it has written into files."""
    lines = []
    for number, block in enumerate(blocks(page)):
        if not _is_run_here(block):
            continue
        lines.append(f"echo '@@ {page.stem} {number}'")
        what = block.note.partition(": ")[2]
        if what.startswith("into "):
            file = what.removeprefix("into ")
            lines.append(f"python - {file} <<'END'\n{_EDIT.format(code=repr(block.code))}\nEND")
        elif what == "keeps running":
            # The port is the only word that differs: several tests run at a time.
            lines.append(f"serve {block.code.strip()} --port {port}")
        else:
            lines.append(block.code.replace("127.0.0.1:8080", f"127.0.0.1:{port}"))
    return "\n".join(lines)


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What each block of the pages has printed, by the names of pages and its number there."""
    folder, port = tmp_path_factory.mktemp("somewhere"), _free_port()
    build = [sys.executable, "-m", "uv", "build", "--quiet", "--wheel", "--out-dir", folder, ROOT]
    subprocess.run(build, check=True, timeout=SECONDS)
    script = [PROLOGUE, _script(START, port), "cp ../*.whl .", _script(BUILD, port), "ls build"]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL"))}
    path = os.pathsep.join([str(Path(sys.base_prefix) / "bin"), os.defpath])
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)],
        cwd=folder,
        env={**kept, "PATH": path, "PORT": str(port), "LOG": str(folder / "log")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    parts = [part.partition("\n") for part in done.stdout.split("@@ ")[1:]]
    return {name: text for name, _, text in parts}


def test_the_page_leads_to_a_server_that_answers(printed: dict[str, str]) -> None:
    shown = list(blocks(START))
    (output,) = (number for number, block in enumerate(shown) if block.note == "output")
    answer = printed[f"{START.stem} {output - 1}"]
    assert (
        json.loads(answer[answer.index('{"jsonrpc"') :])["result"] == json.loads(shown[output].code)["result"]
    )


def test_the_tests_of_the_project_pass_and_so_does_the_new_one(printed: dict[str, str]) -> None:
    runs = [text for text in printed.values() if " passed" in text]
    first, second = (int(text.partition(" passed")[0].split()[-1]) for text in runs)
    assert second == first + 1


def test_the_folder_for_other_infrastructure_code_has_the_library(printed: dict[str, str]) -> None:
    (built,) = (text for name, text in printed.items() if name.startswith(BUILD.stem))
    assert {"app.py", "cryptography", "joserfc", "lambent", "msgspec"} <= set(built.split())
    assert "boto3" not in built
