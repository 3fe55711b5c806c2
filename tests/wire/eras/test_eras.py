"""The table of protocol eras."""

from pathlib import Path

import lambent
from lambent.wire.eras import SUPPORTED_VERSIONS, era_of_version

PACKAGE = Path(lambent.__file__).parent


def test_versions_are_dates_named_newest_first() -> None:
    assert list(SUPPORTED_VERSIONS) == sorted(SUPPORTED_VERSIONS, reverse=True)
    assert SUPPORTED_VERSIONS[0] == "2026-07-28"


def test_every_version_has_an_era() -> None:
    assert tuple(era_of_version(version).version for version in SUPPORTED_VERSIONS) == SUPPORTED_VERSIONS


def test_no_other_file_names_a_protocol_version() -> None:
    eras = PACKAGE / "wire" / "eras"
    named = [
        (str(path.relative_to(PACKAGE)), version)
        for path in sorted(PACKAGE.rglob("*.py"))
        if not path.is_relative_to(eras)
        for version in SUPPORTED_VERSIONS
        if version in path.read_text(encoding="utf-8")
    ]
    assert named == []
