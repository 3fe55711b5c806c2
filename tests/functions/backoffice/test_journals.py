"""Both journals do the same."""

import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

Modules = dict[str, ModuleType]


@pytest.fixture(params=["MemoryJournal", "SqliteJournal"])
def journal(request: pytest.FixtureRequest, modules: Modules, tmp_path: Path) -> Any:
    kind = getattr(modules["journals"], request.param)
    return kind(str(tmp_path / "journal.sqlite3")) if request.param == "SqliteJournal" else kind()


def parcel(modules: Modules, number: int) -> Any:
    return modules["warehouse"].Parcel(carrier="dhl", tracking=f"JD{number:010}")


def test_what_is_entered_is_there(modules: Modules, journal: Any) -> None:
    assert dict(journal.entries()) == {}
    first, second = parcel(modules, 1), parcel(modules, 2)
    assert journal.enter("B-1", first) == first
    assert journal.enter("B-2", second) == second
    assert dict(journal.entries()) == {"B-1": first, "B-2": second}


def test_the_first_entry_stands(modules: Modules, journal: Any) -> None:
    first, second = parcel(modules, 1), parcel(modules, 2)
    journal.enter("B-1", first)
    assert journal.enter("B-1", second) == first
    assert dict(journal.entries()) == {"B-1": first}


def test_of_many_at_once_one_stands(modules: Modules, journal: Any) -> None:
    told: list[Any] = []
    ready = threading.Barrier(8)

    def enter(number: int) -> None:
        ready.wait(30)
        told.append(journal.enter("B-1", parcel(modules, number)))

    threads = [threading.Thread(target=enter, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert told == [journal.entries()["B-1"]] * 8


def test_a_file_is_shared(modules: Modules, tmp_path: Path) -> None:
    path = str(tmp_path / "journal.sqlite3")
    entered = modules["journals"].SqliteJournal(path).enter("B-1", parcel(modules, 1))
    assert dict(modules["journals"].SqliteJournal(path).entries()) == {"B-1": entered}
