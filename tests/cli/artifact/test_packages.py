"""Packages of artifacts: from wheels, folders and requirements."""

import os
from pathlib import Path
from typing import Any

import pytest

from lambent.cli.artifact import tools
from lambent.cli.artifact.packages import install
from lambent.cli.artifact.tools import BundleError, find_uv, run

PROJECT = """
[build-system]
requires = ["hatchling>=1.26"]
build-backend = "hatchling.build"

[project]
name = "parts"
version = "{}"
dependencies = ["nothing-of-this-name-anywhere"]

[tool.hatch.build.targets.wheel]
packages = ["parts"]
"""
OPTIONS: dict[str, Any] = {
    "requirements": None,
    "packages": (),
    "dependencies": False,
    "architecture": "x86_64",
    "python": "3.13",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "my parts"
    (folder / "parts").mkdir(parents=True)
    (folder / "parts" / "__init__.py").write_text("FIRST = 1\n")
    (folder / "pyproject.toml").write_text(PROJECT.format("1.0"))
    return folder


def test_a_folder_is_installed_as_it_is_now(project: Path, tmp_path: Path) -> None:
    for text in ("FIRST = 1\n", "SECOND = 2\n"):
        (project / "parts" / "__init__.py").write_text(text)
        target = tmp_path / text.strip()
        install(target, **{**OPTIONS, "packages": [str(project)]})
        assert (target / "parts" / "__init__.py").read_text() == text


def test_a_requirement_that_names_a_folder_is_as_good(project: Path, tmp_path: Path) -> None:
    requirements = tmp_path / "requirements.txt"
    for text in ("FIRST = 1\n", "SECOND = 2\n"):
        (project / "parts" / "__init__.py").write_text(text)
        requirements.write_text(f"# mine\nparts[tests] @ {project.as_uri()}  # here\n")
        target = tmp_path / text.strip()
        install(target, **{**OPTIONS, "requirements": requirements})
        assert (target / "parts" / "__init__.py").read_text() == text


def test_a_wheel_is_installed(project: Path, tmp_path: Path) -> None:
    run([*find_uv(), "build", "--quiet", "--wheel", "--out-dir", tmp_path / "dist", project])
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    install(tmp_path / "out", **{**OPTIONS, "packages": [str(wheel)]})
    assert (tmp_path / "out" / "parts" / "__init__.py").exists()


def test_what_a_package_needs_is_wanted_too(project: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="nothing-of-this-name-anywhere"):
        install(tmp_path / "out", **{**OPTIONS, "packages": [str(project)], "dependencies": True})


def test_what_cannot_be_installed_is_an_error(tmp_path: Path) -> None:
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("no-such-distribution-of-anybody @ file:///nowhere/x-1-py3-none-any.whl\n")
    with pytest.raises(BundleError, match=r"/nowhere/x-1-py3-none-any\.whl"):
        install(tmp_path / "out", **{**OPTIONS, "requirements": requirements})


def test_requirements_that_are_not_there_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"cannot read .*none\.txt"):
        install(tmp_path / "out", **{**OPTIONS, "requirements": tmp_path / "none.txt"})


def test_a_folder_without_a_project_says_how_to_build(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"no project.*unless it is told --build-in-source"):
        install(tmp_path / "out", **{**OPTIONS, "packages": [str(tmp_path)]})


def test_without_uv_its_absence_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tools.sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", os.devnull)
    with pytest.raises(BundleError, match=r"pip install uv, or the extra lambent\[dev\]"):
        find_uv()
