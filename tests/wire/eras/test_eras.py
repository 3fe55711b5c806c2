"""The table of protocol versions."""

from lambent.wire.eras import ERAS, LATEST_VERSION, SUPPORTED_VERSIONS


def test_versions_are_dates_named_newest_first() -> None:
    assert list(SUPPORTED_VERSIONS) == sorted(SUPPORTED_VERSIONS, reverse=True)
    assert SUPPORTED_VERSIONS[0] == LATEST_VERSION == "2026-07-28"


def test_every_row_is_found_under_its_own_version() -> None:
    assert {name: era.version for name, era in ERAS.items()} == {name: name for name in SUPPORTED_VERSIONS}


def test_the_handshake_went_with_2026_07_28() -> None:
    assert {era.version for era in ERAS.values() if era.modern} == {
        version for version in ERAS if version >= "2026-07-28"
    }
