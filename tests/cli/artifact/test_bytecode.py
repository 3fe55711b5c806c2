"""The bytecode of an artifact."""

import sys
from pathlib import Path

import pytest

from lambent.cli.artifact.bytecode import find_python


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
    assert find_python("3.99") is None
    real = executable(bare / "PYENV_ROOT" / "versions" / "3.99.1" / "bin" / "python3.99", "echo 3.99")
    assert find_python("3.99") == real


def test_an_interpreter_of_another_version_is_not_taken(bare: Path) -> None:
    executable(bare / "bin" / "python3.99", "echo 3.98")
    assert find_python("3.99") is None


def test_this_interpreter_will_do(bare: Path) -> None:
    assert find_python("{}.{}".format(*sys.version_info)) == Path(sys.executable)
