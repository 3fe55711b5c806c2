"""The commands of two pages, word for word: in an empty folder and a new environment."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from tests.e2e.cloud import SAM, require_tools
from tests.installed import alone
from tests.pages import ROOT, Block, blocks

NAME = Path(__file__).name
START = ROOT / "docs" / "getting-started.md"
BUILD = ROOT / "docs" / "infrastructure.md"
SECONDS = 400

PROLOGUE = """
set -eu
serve() {
    if test -n "${server-}"; then kill $server; wait $server || true; fi
    "$@" >"$LOG" 2>&1 &
    server=$!
    trap 'kill $server; wait $server' EXIT
    until grep --quiet '^Serving ' "$LOG"; do
        kill -0 $server || { cat "$LOG"; exit 1; }
        sleep 0.2
    done
    URL=$(sed -n 's/^Url //p' "$LOG")
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
    return block.note.startswith(f"run by tests/e2e/{NAME}")


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
            command = block.code.strip()
            # The port is the only word that differs: several tests run at a time.
            lines.append(
                f"serve {command} --port {port}" if command.startswith("lambent dev") else f"serve {command}"
            )
        else:
            lines.append(block.code.replace("127.0.0.1:8080", f"127.0.0.1:{port}"))
    return "\n".join(lines)


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What each block of the pages has printed, by the names of pages and its number there."""
    require_tools()
    folder, port = tmp_path_factory.mktemp("somewhere"), _free_port()
    build = [sys.executable, "-m", "uv", "build", "--quiet", "--wheel", "--out-dir", folder, ROOT]
    with alone(ROOT / "pyproject.toml"):
        subprocess.run(build, check=True, timeout=SECONDS)
    where = [sys.executable, "-m", "uv", "cache", "dir"]
    cache = subprocess.run(
        where, check=True, timeout=SECONDS, stdout=subprocess.PIPE, text=True
    ).stdout.strip()
    script = [PROLOGUE, _script(START, port), "cp ../*.whl .", _script(BUILD, port), "ls build"]
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "VIRTUAL", "AWS_"))
    }
    path = os.pathsep.join([str(Path(sys.base_prefix) / "bin"), os.defpath, str(SAM / "bin")])
    done = subprocess.run(
        ["timeout", str(SECONDS), "bash", "-c", "\n".join(script)],  # ends what bash has started, too
        cwd=folder,
        env={
            **kept,
            "PATH": path,
            "LOG": str(folder / "log"),
            "XDG_CACHE_HOME": str(folder / "cache"),
            "UV_CACHE_DIR": cache,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    parts = [part.partition("\n") for part in done.stdout.split("@@ ")[1:]]
    return {name: text for name, _, text in parts}


def test_the_servers_answer_as_the_page_shows(printed: dict[str, str]) -> None:
    """The one on this machine, and the deployed one."""
    shown = list(blocks(START))
    outputs = [number for number, block in enumerate(shown) if block.note == "output"]
    assert len(outputs) == 2
    for number in outputs:
        answer = printed[f"{START.stem} {number - 1}"]
        result = json.loads(answer[answer.index('{"jsonrpc"') :].splitlines()[0])["result"]
        expected = json.loads(shown[number].code)["result"]
        assert {name: result[name] for name in expected} == expected


def test_the_tests_of_the_project_pass_and_so_does_the_new_one(printed: dict[str, str]) -> None:
    runs = [text for text in printed.values() if " passed" in text]
    first, second = (int(text.partition(" passed")[0].split()[-1]) for text in runs)
    assert second == first + 1


def test_the_folder_for_other_infrastructure_code_has_the_library(printed: dict[str, str]) -> None:
    (built,) = (text for name, text in printed.items() if name.startswith(BUILD.stem))
    assert {"app.py", "cryptography", "joserfc", "lambent", "msgspec"} <= set(built.split())
    assert "boto3" not in built
