"""The journal of effects."""

from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def journal(modules: dict[str, ModuleType]) -> ModuleType:
    return modules["journal"]


def test_a_journal_in_memory(journal: ModuleType) -> None:
    mine = journal.MemoryJournal()
    mine.enter("one")
    mine.enter("two")
    assert mine.lines() == ["one", "two"]


def test_a_journal_in_a_file_is_shared(journal: ModuleType, tmp_path: Path) -> None:
    path = str(tmp_path / "journal")
    for line in ("one", "two"):
        journal.FileJournal(path).enter(line)
    assert journal.FileJournal(path).lines() == ["one", "two"]


def test_the_environment_names_the_journal(
    journal: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert isinstance(journal.journal(), journal.MemoryJournal)
    assert journal.journal() is journal.journal()
    journal.journal.cache_clear()
    monkeypatch.setenv("REPORT_JOURNAL", str(tmp_path / "journal"))
    assert isinstance(journal.journal(), journal.FileJournal)
