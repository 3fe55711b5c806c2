"""Artifacts, where the machine or what is built is not as it should be."""

import sys
from pathlib import Path

import pytest
from tests.artifact.artifacts import PYTHON

from lambent.cli import main
from lambent.cli.artifact import bundle
from lambent.cli.artifact.bytecode import find_python

VERSION = "{}.{}".format(*sys.version_info)


def test_without_the_interpreter_there_is_no_bytecode_and_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "app.py").write_text("")
    assert main(["build", str(tmp_path), "--python", "3.99"]) == 0
    assert "no Python 3.99 on this machine: no bytecode" in capsys.readouterr().err
    assert [path.name for path in tmp_path.rglob("*")] == ["app.py"]


@pytest.mark.skipif(find_python(PYTHON) is None, reason=f"there is no Python {PYTHON} on this machine")
def test_sources_that_are_there_are_compiled_and_dated(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("print('x')")
    bundle.bundle(tmp_path, python=PYTHON)
    assert [path.name for path in (tmp_path / "__pycache__").iterdir()] == ["app.cpython-313.pyc"]
    assert {path.stat().st_mtime for path in tmp_path.rglob("*")} == {bundle.TIMESTAMP}


def test_a_source_that_cannot_be_compiled_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "app.py").write_text("def")
    assert main(["build", str(tmp_path), "--python", VERSION]) == 1
    assert "SyntaxError" in capsys.readouterr().err


def test_the_size_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "app.py").write_text("")
    assert main(["build", str(tmp_path / "layer"), "--layer", "--python", VERSION]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'layer'}: 22 bytes zipped\n"
    assert (tmp_path / "layer" / "python").is_dir()
