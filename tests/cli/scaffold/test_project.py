"""New projects: in all variants, by the command and by sam."""

import ast
import itertools
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import lambent
from lambent.cli import main
from lambent.cli.scaffold.project import TEMPLATE

ROOT = Path(__file__).parents[3]
SAM = ROOT / ".venv-sam" / "bin" / "sam"
OPTIONS = ("--tasks", "--auth", "--fastapi", "--events")
VARIANTS = [chosen for count in range(4) for chosen in itertools.combinations(OPTIONS[:3], count)]
VARIANTS += [("--events",), ("--tasks", "--events"), ("--fastapi", "--events"), OPTIONS]
FILES = {
    *(".gitignore", "Makefile", "README.md", "app.py", "events/tools-call.json", "events/tools-list.json"),
    *("pytest.ini", "requirements-dev.txt", "requirements.txt", "samconfig.toml", "template.yaml"),
    "tests/test_app.py",
}

VARIANT = pytest.mark.parametrize("options", VARIANTS, ids=lambda options: " ".join(options) or "plain")


def init(folder: Path, *options: str) -> Path:
    assert main(["init", str(folder), *options]) == 0
    return folder


@VARIANT
def test_its_own_tests_pass(options: tuple[str, ...], tmp_path: Path) -> None:
    folder = init(tmp_path / "days", *options)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=folder,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@VARIANT
def test_it_is_formatted_and_its_imports_are_sorted(options: tuple[str, ...], tmp_path: Path) -> None:
    folder = init(tmp_path / "days", *options)
    # As in an environment in which Lambent is installed: a library like the others.
    chosen = ["--select", "I,F,E,W,UP,B", "--line-length", "110", "--target-version", "py313"]
    for command in (
        ["ruff", "check", "--isolated", "--no-cache", *chosen],
        ["ruff", "format", "--isolated", "--no-cache", "--line-length", "110", "--check"],
    ):
        done = subprocess.run(
            [sys.executable, "-m", *command, "."], cwd=folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("options", [(), OPTIONS], ids=["plain", "all"])
def test_mypy_and_pyright_accept_it_strictly(options: tuple[str, ...], tmp_path: Path) -> None:
    pytest.importorskip("pyright")
    folder = init(tmp_path / "days", *options)
    environment = {**os.environ, "MYPYPATH": str(ROOT / "runtime")}
    (folder / "pyrightconfig.json").write_text(
        json.dumps({"typeCheckingMode": "strict", "extraPaths": [str(ROOT / "runtime")]})
    )
    for command in (
        ["mypy", "--strict", "--no-incremental", "--config-file", os.devnull, "app.py", "tests"],
        ["pyright", "--pythonpath", sys.executable],
    ):
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr


@VARIANT
def test_it_has_what_belongs_to_it(options: tuple[str, ...], tmp_path: Path) -> None:
    folder = init(tmp_path / "days", *options)
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert files == FILES
    template = (folder / "template.yaml").read_text()
    assert template.count("\n") < 100
    for path in folder.rglob("*.*"):
        text = path.read_text() if path.is_file() else ""
        assert "cookiecutter" not in text, path
        assert "{%" not in text, path
    assert ("TaskQueue" in template) == ("--tasks" in options)
    assert ("DeliveriesQueue" in template) == ("by_topic" in template) == ("--events" in options)
    assert ("Table:" in template) == bool({"--tasks", "--events"} & {*options})
    assert ("AuthIssuer" in template) == ("--auth" in options)
    assert tomllib.loads((folder / "samconfig.toml").read_text())["default"]["global"]["parameters"] == {
        "stack_name": "days"
    }
    tools = ast.parse((folder / "app.py").read_text())
    functions = {node.name for node in tools.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    added = ("plan_year", "who_am_i", "get_deadline", "office_closed")
    assert tuple(name in functions for name in added) == tuple(option in options for option in OPTIONS)


def test_the_version_that_cookiecutter_takes_is_this_one() -> None:
    defaults = json.loads((TEMPLATE / "cookiecutter.json").read_text())
    assert defaults["source"] == f"=={lambent.__version__}"


@pytest.mark.skipif(not SAM.exists(), reason="`make tools` has not been run")
@pytest.mark.parametrize("options", [(), OPTIONS], ids=["plain", "all"])
def test_sam_makes_the_same_of_the_template(options: tuple[str, ...], tmp_path: Path) -> None:
    mine = init(tmp_path / "mine" / "days", *options)
    lines = (mine / "requirements.txt").read_text().splitlines()
    source = next(line for line in lines if line.startswith("lambent"))
    source = source.partition("]")[2] or source.removeprefix("lambent")
    context = {**{option.removeprefix("--"): True for option in options}, "source": source}
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    done = subprocess.run(
        [
            *(SAM, "init", "--location", TEMPLATE, "--no-input", "--name", "days"),
            *("--output-dir", theirs, "--extra-context", json.dumps(context)),
        ],
        env={**os.environ, "SAM_CLI_TELEMETRY": "0", "HOME": str(tmp_path), "__SAM_CLI_APP_DIR": str(theirs)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for path in FILES:
        assert (theirs / "days" / path).read_text() == (mine / path).read_text(), path


def test_what_is_there_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "days").mkdir()
    init(tmp_path / "days")
    before = (tmp_path / "days" / "app.py").read_text()
    capsys.readouterr()
    assert main(["init", str(tmp_path / "days"), "--tasks"]) == 1
    assert capsys.readouterr().err == f"lambent init: {tmp_path / 'days'} is there already\n"
    assert (tmp_path / "days" / "app.py").read_text() == before


@pytest.mark.parametrize("name", ["my_days", "1st", "größe", "a" * 101])
def test_a_name_that_no_stack_can_have_is_refused(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", str(tmp_path / name)]) == 2
    assert "cannot be the name of a stack" in capsys.readouterr().err
    assert not (tmp_path / name).exists()


def test_a_folder_that_cannot_be_written_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert main(["init", str(tmp_path / "file" / "days")]) == 1
    assert "cannot write" in capsys.readouterr().err
