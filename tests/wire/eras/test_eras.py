"""The table of protocol eras."""

from pathlib import Path

import lambent
from lambent.wire.eras import ERAS, SUPPORTED_VERSIONS

PACKAGE = Path(lambent.__file__).parent


def test_versions_are_dates_named_newest_first() -> None:
    assert list(SUPPORTED_VERSIONS) == sorted(SUPPORTED_VERSIONS, reverse=True)
    assert SUPPORTED_VERSIONS[0] == "2026-07-28"


def test_every_version_has_an_era() -> None:
    assert tuple(era.version for era in ERAS) == SUPPORTED_VERSIONS


def test_no_other_file_names_a_protocol_version() -> None:
    eras = PACKAGE / "wire" / "eras"
    named = [
        (str(path.relative_to(PACKAGE)), version)
        for path in sorted(PACKAGE.rglob("*.py"))
        if not path.is_relative_to(eras)
        for version in (*SUPPORTED_VERSIONS, "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
        if version in path.read_text(encoding="utf-8")
    ]
    assert named == []
