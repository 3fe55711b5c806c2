"""The files are what the generator makes, all of it and nothing else, and the README has a line for each."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.events.functions import ROOT

FOLDER = ROOT / "events"
NAMES = sorted(path.name for path in FOLDER.glob("*.json"))


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of files made anew, in a process whose hashes and environment are its own."""
    folder = tmp_path_factory.mktemp("events")
    (folder / "forgotten.json").touch()
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.events.generate", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_there_are_files() -> None:
    assert len(NAMES) > 30


def test_the_generator_makes_these_files_and_no_others(generated: Path) -> None:
    assert sorted(path.name for path in generated.iterdir()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_what_the_generator_makes(generated: Path, name: str) -> None:
    """`make events` makes them anew: after a change of the gateway, or of the client's version."""
    assert (FOLDER / name).read_bytes() == (generated / name).read_bytes()


def test_there_is_nothing_else_in_the_folder() -> None:
    assert sorted(path.name for path in FOLDER.iterdir()) == sorted([*NAMES, "README.md"])


def test_the_readme_has_one_line_for_each() -> None:
    lines = re.findall(r"^\| `([\w-]+\.json)` \| \S.* \|$", (FOLDER / "README.md").read_text(), re.MULTILINE)
    assert sorted(lines) == NAMES
