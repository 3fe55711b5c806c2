"""The files are what the generator makes, all of it and nothing else, and the README has a line for each."""

import re
import subprocess
import sys
from pathlib import Path

from tests.events.functions import ROOT

FOLDER = ROOT / "events"
NAMES = sorted(path.name for path in FOLDER.glob("*.json"))


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_bytes().decode() for path in folder.glob("*.json")}


def test_there_are_files() -> None:
    assert len(NAMES) > 30


def test_the_generator_makes_these_files_and_no_others(tmp_path: Path) -> None:
    """`make events` makes them anew after a change of the gateway, of a function, or of the client."""
    (tmp_path / "forgotten.json").touch()
    # In a process whose hashes and environment are its own.
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.events.generate", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert contents(tmp_path) == contents(FOLDER)


def test_there_is_nothing_else_in_the_folder() -> None:
    assert sorted(path.name for path in FOLDER.iterdir()) == sorted([*NAMES, "README.md"])


def test_the_readme_has_one_line_for_each() -> None:
    lines = re.findall(r"^\| `([\w-]+\.json)` \| \S.* \|$", (FOLDER / "README.md").read_text(), re.MULTILINE)
    assert sorted(lines) == NAMES
