"""Names of versions of the protocol."""

from lambent.compat import types
from lambent.wire.eras import LEGACY_VERSIONS, MODERN, SUPPORTED_VERSIONS


def test_versions_by_their_eras() -> None:
    assert (MODERN.version,) == types.MODERN_PROTOCOL_VERSIONS
    assert set(types.HANDSHAKE_PROTOCOL_VERSIONS) == set(LEGACY_VERSIONS)
    assert set(types.SUPPORTED_PROTOCOL_VERSIONS) == set(SUPPORTED_VERSIONS)
    assert types.KNOWN_PROTOCOL_VERSIONS == types.SUPPORTED_PROTOCOL_VERSIONS


def test_they_are_in_the_order_of_their_dates() -> None:
    assert list(types.SUPPORTED_PROTOCOL_VERSIONS) == sorted(SUPPORTED_VERSIONS)
    assert types.LATEST_PROTOCOL_VERSION == types.LATEST_MODERN_VERSION == max(SUPPORTED_VERSIONS)
    assert max(LEGACY_VERSIONS) == types.LATEST_HANDSHAKE_VERSION
    assert min(SUPPORTED_VERSIONS) == types.OLDEST_SUPPORTED_VERSION
