"""Folders of skills: nothing outside of them is read."""

import os
from pathlib import Path

import pytest
from tests import skill_folders

from lambent import DeclarationError
from lambent.features.skills.files import FolderFiles, is_served


def test_files_have_paths_and_sizes(tmp_path: Path) -> None:
    files = FolderFiles(skill_folders.refunds(tmp_path))
    assert files.name == "refunds"
    assert [(one.path, one.size) for one in files.files("")] == [
        ("SKILL.md", len(skill_folders.REFUNDS)),
        ("logo.png", 9),
        ("templates/eu/vat.txt", 4),
        ("templates/mail.md", 10),
    ]
    assert [one.path for one in files.files("templates/eu")] == ["templates/eu/vat.txt"]
    assert list(files.files("nothing")) == list(files.files("SKILL.md")) == []


def test_a_version_changes_with_the_content(tmp_path: Path) -> None:
    files = FolderFiles(skill_folders.write_files(tmp_path, {"a": b"x"}))
    (before,) = files.files("")
    (tmp_path / "a").write_bytes(b"y")
    os.utime(tmp_path / "a", ns=(1, 1))
    assert [one.version for one in files.files("")] != [before.version]


def test_hidden_files_and_compiled_python_are_left_out(tmp_path: Path) -> None:
    others = {".git/config": b"", ".DS_Store": b"", "scripts/__pycache__/a.pyc": b"", "scripts/a.py": b""}
    files = FolderFiles(skill_folders.write_files(tmp_path, others))
    assert [one.path for one in files.files("")] == ["scripts/a.py"]


@pytest.mark.parametrize("target", ["../secret", "kept"])
def test_links_are_refused(tmp_path: Path, target: str) -> None:
    skill_folders.write_files(tmp_path, {"secret": b"s", "skill/kept": b"k"})
    (tmp_path / "skill/link").symlink_to(target)
    (tmp_path / "skill/folder").symlink_to("..", target_is_directory=True)
    files = FolderFiles(tmp_path / "skill")
    with pytest.raises(DeclarationError, match="folder: a skill has files and folders, and no links"):
        list(files.files(""))
    assert files.read("link") is None
    assert files.read("folder/secret") is None


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    files = FolderFiles(tmp_path)
    with pytest.raises(DeclarationError, match="pipe: a skill has files and folders"):
        list(files.files(""))
    assert files.read("pipe") is None


def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    skill_folders.write_files(tmp_path, {"real/a": b"x"})
    (tmp_path / "link").symlink_to("real")
    assert FolderFiles(tmp_path / "link").read("a") == b"x"


def test_there_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for name in ("file", "nothing"):
        with pytest.raises(DeclarationError, match="There is no folder"):
            FolderFiles(tmp_path / name)


@pytest.mark.parametrize("path", ["../secret", "a/../../secret", "nothing", "a/b/c", ".", "a"])
def test_what_is_not_there_is_not_read(tmp_path: Path, path: str) -> None:
    skill_folders.write_files(tmp_path, {"secret": b"s", "skill/a/b": b"x"})
    assert FolderFiles(tmp_path / "skill").read(path) is None


@pytest.mark.parametrize(
    ("path", "is_one"),
    [
        ("SKILL.md", True),
        ("a b/ä.md", True),
        ("a/../b", False),
        ("./a", False),
        ("a//b", False),
        ("/a", False),
        ("a/", False),
        ("", False),
        (".env", False),
        ("a/.env", False),
        ("a\\b", False),
        ("a\nb", False),
        ("a\0b", False),
        ("__pycache__/a", False),
    ],
)
def test_which_paths_are_of_files(path: str, is_one: bool) -> None:
    assert is_served(path) is is_one
