"""The script that builds artifacts, where the machine is not as it should be."""

import subprocess
import sys
from pathlib import Path

import pytest
from layers import bundle
from tests.artifact.artifacts import PYTHON


def executable(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home and a PATH without any Python."""
    for name in ("HOME", "PYENV_ROOT", "UV_PYTHON_INSTALL_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path


def test_a_shim_is_no_interpreter(bare: Path) -> None:
    executable(bare / "bin" / "python3.99", "exit 127")
    assert bundle.find_python("3.99") is None
    real = executable(bare / "PYENV_ROOT" / "versions" / "3.99.1" / "bin" / "python3.99", "echo 3.99")
    assert bundle.find_python("3.99") == real


def test_an_interpreter_of_another_version_is_not_taken(bare: Path) -> None:
    executable(bare / "bin" / "python3.99", "echo 3.98")
    assert bundle.find_python("3.99") is None


def test_this_interpreter_will_do(bare: Path) -> None:
    assert bundle.find_python("{}.{}".format(*sys.version_info)) == Path(sys.executable)


def test_without_the_interpreter_there_is_no_bytecode_and_that_is_said(
    bare: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = bare / "function"
    folder.mkdir()
    (folder / "app.py").write_text("")
    assert bundle.main([str(folder), "--python", "3.99"]) == 0
    assert "no Python 3.99 on this machine: no bytecode" in capsys.readouterr().err
    assert [path.name for path in folder.rglob("*")] == ["app.py"]


@pytest.mark.skipif(bundle.find_python(PYTHON) is None, reason=f"there is no Python {PYTHON} on this machine")
def test_sources_that_are_there_are_compiled_and_dated(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("print('x')")
    bundle.bundle(tmp_path, python=PYTHON)
    assert [path.name for path in (tmp_path / "__pycache__").iterdir()] == ["app.cpython-313.pyc"]
    assert {path.stat().st_mtime for path in tmp_path.rglob("*")} == {bundle.TIMESTAMP}


def test_a_source_that_cannot_be_compiled_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "app.py").write_text("def")
    version = "{}.{}".format(*sys.version_info)
    assert bundle.main([str(tmp_path), "--python", version]) == 1
    assert "SyntaxError" in capsys.readouterr().err


def test_what_cannot_be_installed_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("no-such-distribution-of-anybody @ file:///nowhere/x-1-py3-none-any.whl\n")
    assert bundle.main([str(tmp_path / "out"), "--requirements", str(requirements)]) == 1
    error = capsys.readouterr().err
    assert error.startswith("bundle.py: ")
    assert "/nowhere/x-1-py3-none-any.whl" in error


def test_a_copy_away_from_the_library_says_how_to_build(tmp_path: Path) -> None:
    copy = tmp_path / "scratch" / "bundle.py"
    copy.parent.mkdir()
    copy.write_bytes(Path(bundle.__file__).read_bytes())
    done = subprocess.run(
        [sys.executable, copy, tmp_path / "out", "--library"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "build with --build-in-source" in done.stderr


def test_packages_that_are_not_used_are_removed_wherever_their_pattern_says(tmp_path: Path) -> None:
    kept = ["lambent/server.py", "lambent/bin/tool.py", "lambent/cli_like.py", "own/cffi/x.py"]
    removed = [
        *("bin/tool", "lambent/cli/main.py", "pydantic/deep/types.pyi", "pydantic/py.typed"),
        *("lambent/testing/clock.py", "_lambent_pytest.py"),
        *("anyio/tests/test_x.py", "x-1.dist-info/RECORD", "x-1.dist-info/sboms/x.json", "cffi/api.py"),
    ]
    for name in (*kept, *removed):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    bundle.strip(tmp_path)
    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert left == set(kept)


DOCUMENTED = '''\
"""A module,

on three lines."""

from __future__ import annotations

LIMIT = 1
"""Of something."""


class Empty(Exception):
    """Only this."""


def add(a: int, b: str = """not a docstring""") -> int:
    """Adds: "ä".

    More.
    """
    return fail(a)  # line 20


async def fail(a: int) -> None:
    """Fails."""
'''


def test_docstrings_are_left_out_and_lines_keep_their_numbers() -> None:
    bare = bundle.without_docstrings(DOCUMENTED)
    assert [line.strip() for line in bare.splitlines() if line.strip()] == [
        "from __future__ import annotations",
        "LIMIT = 1",
        "class Empty(Exception):",
        "...",
        'def add(a: int, b: str = """not a docstring""") -> int:',
        "...",
        "return fail(a)  # line 20",
        "async def fail(a: int) -> None:",
        "...",
    ]
    assert bare.count("\n") == DOCUMENTED.count("\n")
    assert bare.splitlines()[19].strip() == "return fail(a)  # line 20"
    namespace: dict[str, object] = {}
    exec(compile(bare, "bare", "exec"), namespace)
    assert [namespace[name].__doc__ for name in ("Empty", "add", "fail")] == [None] * 3
